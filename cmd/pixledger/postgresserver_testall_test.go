//go:build testall

package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	postgresUser     = "loader"
	postgresPassword = "s3cret/pass word"
)

// postgresServer is a real PostgreSQL on the loopback, in a folder of its own.
type postgresServer struct {
	t    *testing.T
	port int
}

// startPostgres starts a server; as root it is nobody's, which PostgreSQL
// insists on.
func startPostgres(t *testing.T) *postgresServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "pixledger-postgres-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(nobody.Uid, 10, 32)
		gid, _ := strconv.ParseUint(nobody.Gid, 10, 32)
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(postgresPassword+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(postgresProgram(t, "initdb"), "-D", data, "-U", postgresUser, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8", "-N")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &postgresServer{t, free.Addr().(*net.TCPAddr).Port}
	free.Close()
	server := exec.Command(postgresProgram(t, "postgres"), "-D", data, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "timezone=Asia/Kolkata", "-c", "datestyle=SQL, DMY")
	var said bytes.Buffer
	server.SysProcAttr, server.Dir, server.Stderr = as, dir, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT) // at once, whoever is connected
		_ = server.Wait()
	})
	waitFor(t, "PostgreSQL answers", func() bool {
		c, err := pgx.Connect(context.Background(), s.url(postgresPassword))
		if err == nil {
			c.Close(context.Background())
		}
		return err == nil
	}, said.String)
	return s
}

func postgresProgram(t *testing.T, name string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		t.Fatalf("there is no %s; .ci/tools-postgres installs it", name)
	}
	return found[len(found)-1]
}

func (s *postgresServer) url(password string) string {
	u := url.URL{Scheme: "postgres", User: url.User(postgresUser), Host: fmt.Sprintf("127.0.0.1:%d", s.port), Path: "/postgres"}
	if password != "" {
		u.User = url.UserPassword(postgresUser, password)
	}
	return u.String()
}

func (s *postgresServer) connect(schema string) *pgx.Conn {
	s.t.Helper()
	c, err := pgx.Connect(context.Background(), s.url(postgresPassword)+"?timezone=UTC&search_path="+schema)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// rows gives a statement's rows, each as one text.
func (s *postgresServer) rows(c *pgx.Conn, statement string, args ...any) []string {
	s.t.Helper()
	rows, err := c.Query(context.Background(), statement, args...)
	if err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (string, error) {
		values, err := r.Values()
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = cellText(v)
		}
		return strings.Join(cells, "|"), err
	})
	if err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
	return out
}

// exec runs a statement.
func (s *postgresServer) exec(c *pgx.Conn, statement string, args ...any) {
	s.t.Helper()
	if _, err := c.Exec(context.Background(), statement, args...); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// loader is the program over the sample logs, with the password in its environment.
type loader struct {
	program
	server *postgresServer
}

func (l loader) load(now string, args ...string) (stdout, stderr string, code int) {
	l.t.Helper()
	return l.loadTo(l.server.url(""), now, args...)
}

func (l loader) loadTo(to, now string, args ...string) (stdout, stderr string, code int) {
	l.t.Helper()
	c := l.command(append([]string{"warehouse", "--to", to, "--now", now}, args...)...)
	c.Env = append(os.Environ(), "PGPASSWORD="+postgresPassword)
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil && c.ProcessState == nil {
		l.t.Fatal(err)
	}
	if both := out.String() + errOut.String(); strings.Contains(both, "s3cret") {
		l.t.Errorf("the password is printed: %s", both)
	}
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

func (l loader) mustLoad(now string, args ...string) string {
	l.t.Helper()
	out, errOut, code := l.load(now, args...)
	if code != 0 {
		l.t.Fatalf("exit code %d\n%s%s", code, out, errOut)
	}
	return out
}

// sampleLoader is a copy of the sample logs, ingested, attributed, and with the days
// closed that are due at a time.
func sampleLoader(t *testing.T, s *postgresServer, now string) loader {
	l := loader{program{t: t, dir: t.TempDir()}, s}
	l.run("demo", "--keep", "try")
	l.dir = filepath.Join(l.dir, "try")
	l.run("close", "--now", now)
	return l
}

// cutter passes connections on, and cuts them after so many bytes to the server.
type cutter struct {
	t     *testing.T
	to    string
	mu    sync.Mutex
	limit int64
	count int64
}

func (c *cutter) listen() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(in)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func (c *cutter) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() { _, _ = io.Copy(in, out); in.Close() }()
	b := make([]byte, 512)
	for {
		n, err := in.Read(b)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.count += int64(n)
		over := c.count - c.limit
		c.mu.Unlock()
		if over > 0 {
			_, _ = out.Write(b[:max(0, int64(n)-over)])
			return
		}
		if _, err := out.Write(b[:n]); err != nil {
			return
		}
	}
}

func (c *cutter) set(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit, c.count = limit, 0
}

func (c *cutter) passed() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// duckTexts gives the one column of a statement.
func duckTexts(t *testing.T, db *sql.DB, statement string, args ...any) (out []string) {
	t.Helper()
	rows, err := db.Query(statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// jsonRows reads rows that are JSON objects; times are made alike.
func jsonRows(t *testing.T, texts []string) (out []map[string]any) {
	t.Helper()
	for _, text := range texts {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var row map[string]any
		if err := d.Decode(&row); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		out = append(out, alike(row).(map[string]any))
	}
	return out
}

func alike(v any) any {
	switch v := v.(type) {
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07"} {
			if at, err := time.Parse(layout, v); err == nil {
				return at.UTC().Format(time.RFC3339Nano)
			}
		}
	case map[string]any:
		for k := range v {
			v[k] = alike(v[k])
		}
	case []any:
		for i := range v {
			v[i] = alike(v[i])
		}
	}
	return v
}

func sameRows(a, b []map[string]any) bool {
	left := slices.Clone(b)
	for _, row := range a {
		i := slices.IndexFunc(left, func(other map[string]any) bool { return reflect.DeepEqual(row, other) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return len(left) == 0
}

func sameSetOf(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
