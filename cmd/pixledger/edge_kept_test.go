package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// The daemon keeps a real nginx at what the catalog says: a new tracker answers,
// a catalog with a mistake changes nothing, and what nginx does not take is put
// back and said.
func TestDaemonKeepsTheEdge(t *testing.T) {
	dir := edgetest.Dir(t)
	p := program{t: t, dir: dir}
	catalog, conf, console := filepath.Join(dir, "catalog.yaml"), filepath.Join(dir, "nginx.conf"), edgetest.Addr(t)
	settings := func(more string) string {
		return fmt.Sprintf("lake: ./lake\ncatalog: ./catalog.yaml\nsources: [{name: edge-1, path: ./pixel.log}]\nconsole: {listen: %q}\n%s", console, more)
	}
	edge := fmt.Sprintf("edge:\n  listen: %q\n  log: %s\n  conf: ./nginx.conf\n", edgetest.Addr(t), filepath.Join(dir, "pixel.log"))
	write(t, catalog, edgeCatalog)
	write(t, filepath.Join(dir, "pixledger.yaml"), settings(edge))
	nginx := edgetest.Start(t, p.run("edge", "nginx"))
	reload, err := json.Marshal("echo tried >&2; test ! -e broken && " + nginx.ReloadCommand(conf))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "pixledger.yaml"), settings(edge+"  reload: "+string(reload)+"\n"))
	with := func(trackers ...int) string {
		list := ""
		for _, id := range trackers {
			list += fmt.Sprintf("  - {id: %d, kind: click, line_item_id: 382, landing_url: \"https://shop.prostarr.example/%d\"}\n", id, id)
		}
		return strings.Replace(edgeCatalog, "trackers:\n", "trackers:\n"+list, 1)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(url string) (status int, body string) {
		t.Helper()
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	clicks := func(id int) int {
		status, _ := get(fmt.Sprintf("%s/clktr?id=%d", nginx.URL, id))
		return status
	}
	metric := func(value string) func() bool {
		return func() bool {
			_, body := get("http://" + console + "/metrics")
			return strings.Contains(body, "\npixledger_edge_conf_current "+value+"\n")
		}
	}
	printed := func() string {
		t.Helper()
		cfg, err := LoadConfig(filepath.Join(dir, "pixledger.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		cat, _, err := schemas.LoadCatalog(catalog)
		if err != nil {
			t.Fatal(err)
		}
		text, err := edgeText(cfg, cat)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	is := func(when, want string) {
		t.Helper()
		if b, err := os.ReadFile(conf); err != nil || string(b) != want {
			t.Errorf("%s: nginx.conf is not what it should be (%v)", when, err)
		}
	}

	d := &daemonProcess{program: p}
	t.Cleanup(d.end)
	d.start()
	waitFor(t, "the configuration at the start", metric("1"), d.said)
	is("at the start", printed())

	write(t, catalog, with(30000))
	waitFor(t, "the new tracker", func() bool { return clicks(30000) == 302 }, d.said)
	waitFor(t, "the new catalog's configuration", metric("1"), d.said)
	second := printed()
	is("with a new tracker", second)

	write(t, catalog, with(30000, 30001)+"nonsense: 1\n")
	waitFor(t, "the refusal", func() bool { return strings.Contains(d.said(), "catalog refused") }, d.said)
	is("with an invalid catalog", second)

	// What nginx would not take: the old file stands again, and people are told.
	write(t, filepath.Join(dir, "broken"), "")
	write(t, catalog, with(30000, 30001))
	waitFor(t, "the failure", func() bool { return strings.Contains(d.said(), "edge configuration not in force") }, d.said)
	is("after a failed reload", second)
	if !metric("0")() || clicks(30001) != 404 || clicks(30000) != 302 {
		t.Errorf("after a failed reload: %d, %d", clicks(30001), clicks(30000))
	}
	var s statusReport
	if err := json.Unmarshal([]byte(p.run("status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	if s.Edge == nil || s.Edge.State != "differs" || !strings.Contains(s.Edge.Error, "edge.reload: exit status 1: tried") || len(s.Warnings) == 0 || !strings.Contains(s.Warnings[len(s.Warnings)-1].What, "could not be renewed") {
		t.Errorf("status: %+v %+v", s.Edge, s.Warnings)
	}

	d.stop()
	p.run("edge", "nginx", "-o", conf)
	third := printed()
	is("written by hand", third)

	// By hand, it is left alone when it is right, and told of when it is not.
	before, err := os.Stat(conf)
	if err != nil {
		t.Fatal(err)
	}
	if _, said, code := p.try("edge", "nginx", "-o", conf); code != 0 || !strings.Contains(said, conf+" says this already") {
		t.Errorf("edge nginx -o: exit %d, %s", code, said)
	}
	if after, err := os.Stat(conf); err != nil || !os.SameFile(before, after) || after.ModTime() != before.ModTime() {
		t.Errorf("edge nginx -o touched what was right (%v)", err)
	}
	write(t, conf, third+"# mine\n")
	for _, command := range []string{"status", "doctor"} {
		out, _, _ := p.try(command, "--format", "table")
		if !strings.Contains(out, conf+" is not what the catalog prints") || !strings.Contains(out, "`pixledger edge nginx -o "+conf+"`, then `echo tried") {
			t.Errorf("%s: %s", command, out)
		}
	}
}

// keeper is a daemon's, without the daemon: a lake, a catalog in force, and a
// folder for the configuration.
func keeper(t *testing.T, reload string) (*edgeKeeper, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	cat, _, err := schemas.ParseCatalog("catalog.yaml", []byte(edgeCatalog))
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.KeepCatalog(cat.Content()); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	d := &daemon{
		app: &app{}, lake: l, log: slog.New(slog.NewTextHandler(&said, nil)),
		cfg: &Config{File: filepath.Join(dir, "pixledger.yaml"), Edge: EdgeConfig{Conf: filepath.Join(dir, "nginx.conf"), Reload: reload}},
	}
	d.catalog = &catalogInForce{d: d, current: cat.Digest}
	return newEdgeKeeper(d), &said
}

// once does what the daemon does when another catalog is in force.
func (k *edgeKeeper) once(t *testing.T) error {
	t.Helper()
	err := k.keep(t.Context(), k.d.catalog.digest())
	k.note(k.d.catalog.digest(), err)
	if k.current() != (err == nil) || (readEdgeNote(k.d.lake).Error == "") != (err == nil) {
		t.Errorf("after %v it is current: %t, noted: %+v", err, k.current(), readEdgeNote(k.d.lake))
	}
	return err
}

func TestEdgeKeeper(t *testing.T) {
	k, said := keeper(t, `echo run >> runs; test ! -e broken || { printf 'line 1\nline 2\n' >&2; exit 3; }`)
	dir, conf := filepath.Dir(k.d.cfg.File), k.d.cfg.Edge.Conf
	runs := func() int {
		b, _ := os.ReadFile(filepath.Join(dir, "runs"))
		return strings.Count(string(b), "run")
	}
	write(t, filepath.Join(dir, "broken"), "")
	// There was no file: there is none after a failure.
	err := k.once(t)
	if err == nil || !strings.Contains(err.Error(), "edge.reload: exit status 3: line 1; line 2") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(conf); !os.IsNotExist(err) {
		t.Errorf("a file that was not taken stands there: %v", err)
	}
	// There was one, behind a link and with a mode of its own.
	real := filepath.Join(dir, "real.conf")
	write(t, real, "before")
	if err := errors.Join(os.Chmod(real, 0o600), os.Symlink(real, conf)); err != nil {
		t.Fatal(err)
	}
	if err := k.once(t); err == nil || readText(t, conf) != "before" || runs() != 2 {
		t.Errorf("error %v, %d runs, the file holds %.20q", err, runs(), readText(t, conf))
	}
	if n := strings.Count(said.String(), "not in force"); n != 1 {
		t.Errorf("one failure, tried twice, is said %d times", n)
	}
	if err := os.Remove(filepath.Join(dir, "broken")); err != nil {
		t.Fatal(err)
	}
	if err := k.once(t); err != nil || !strings.HasPrefix(readText(t, real), "# The pixel edge") || runs() != 3 {
		t.Errorf("error %v, %d runs, the file holds %.20q", err, runs(), readText(t, real))
	}
	if fi, err := os.Lstat(conf); err != nil || fi.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is none any more: %v %v", fi, err)
	}
	if fi, err := os.Stat(real); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the mode is another: %v %v", fi, err)
	}
	// Nothing has changed: nothing is written or run.
	before, err := os.Stat(real)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.once(t); err != nil || runs() != 3 {
		t.Errorf("error %v, %d runs", err, runs())
	}
	if after, err := os.Stat(real); err != nil || !os.SameFile(before, after) {
		t.Errorf("the same text was written again (%v)", err)
	}
	// A daemon that died after it wrote, and before nginx knew, reloads when it is back.
	if err := os.Remove(k.d.lake.EdgeFile()); err != nil {
		t.Fatal(err)
	}
	if err := k.once(t); err != nil || runs() != 4 {
		t.Errorf("error %v, %d runs", err, runs())
	}
}

// What takes too long is ended, with all that it started; what stays in the
// background by intention, as a server does, keeps nobody waiting.
func TestEdgeReloadEnds(t *testing.T) {
	k, _ := keeper(t, `sleep 1000 & echo $! > child; sleep 1000`)
	ctx, cancel := context.WithCancel(t.Context())
	child := filepath.Join(filepath.Dir(k.d.cfg.File), "child")
	go func() {
		defer cancel()
		waitFor(t, "the child", func() bool { b, err := os.ReadFile(child); return err == nil && strings.HasSuffix(string(b), "\n") }, func() string { return "" })
	}()
	if err := k.keep(ctx, k.d.catalog.digest()); err == nil {
		t.Error("what was ended has succeeded")
	}
	pid := strings.TrimSpace(readText(t, child))
	waitFor(t, "the end of the child", func() bool {
		b, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(b), ") Z ")
	}, func() string { return pid })
	if _, err := os.Stat(k.d.cfg.Edge.Conf); !os.IsNotExist(err) {
		t.Errorf("a file that was not taken stands there: %v", err)
	}
	k, _ = keeper(t, `sleep 20 & echo $! > child`)
	if err := k.once(t); err != nil {
		t.Error(err)
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(readText(t, filepath.Join(filepath.Dir(k.d.cfg.File), "child")))); err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Errorf("what was meant to stay is gone (%v)", err)
	}
}
