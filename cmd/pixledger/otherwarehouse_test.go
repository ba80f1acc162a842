//go:build testall

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// duckSession is a process of another DuckDB that holds files open.
type duckSession struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startDuckSession(t *testing.T, dir string) *duckSession {
	t.Helper()
	s := &duckSession{t: t, cmd: exec.Command("node", "session.js")}
	s.cmd.Dir, s.cmd.Stderr = dir, os.Stderr
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewScanner(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.in.Close(); _ = s.cmd.Wait() })
	return s
}

// try gives an order and its answer.
func (s *duckSession) try(order map[string]any) (rows []map[string]any, err error) {
	s.t.Helper()
	b, err := json.Marshal(order)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.in.Write(append(b, '\n')); err != nil {
		s.t.Fatal(err)
	}
	if !s.out.Scan() {
		s.t.Fatalf("no answer: %v", s.out.Err())
	}
	var answer struct {
		Rows  []map[string]any `json:"rows"`
		Error string           `json:"error"`
	}
	if err := json.Unmarshal(s.out.Bytes(), &answer); err != nil {
		s.t.Fatalf("%v: %s", err, s.out.Text())
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return answer.Rows, nil
}

func (s *duckSession) open(name, path string, write bool) {
	s.t.Helper()
	if _, err := s.try(map[string]any{"open": name, "path": path, "write": write}); err != nil {
		s.t.Fatalf("open %s: %v", path, err)
	}
}

func (s *duckSession) close(name string) {
	s.t.Helper()
	if _, err := s.try(map[string]any{"close": name}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *duckSession) ask(name, sql string) string {
	s.t.Helper()
	rows, err := s.try(map[string]any{"ask": name, "sql": sql})
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return canonical(s.t, rows)
}

// Another build of DuckDB opens the warehouse, keeps what it has open while it
// is replaced, and sees the new one when it opens it again.
func TestAnotherDuckDBOpensTheWarehouse(t *testing.T) {
	dir := installOtherDuckDB(t)
	s := startDuckSession(t, dir)
	p := program{t: t, dir: t.TempDir()}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(p.dir, "try")
	lake := filepath.Join(p.dir, "lake")
	file := filepath.Join(lake, "warehouse.duckdb")
	const all = "SELECT (SELECT count(*) FROM ledger) AS entries, (SELECT count(*) FROM closed_days) AS days, (SELECT sum(imps) FROM hourly_facts) AS imps, (SELECT lake_commit FROM warehouse_info) AS seq"
	p.run("close", "--now", "2026-11-12T06:00:00Z")
	p.run("warehouse", "--now", "2026-11-12T06:00:00Z")
	s.open("old", file, false)
	old := s.ask("old", all)

	// Changes to the old file that were never written into it.
	copied := filepath.Join(t.TempDir(), "copy.duckdb")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s.open("writer", copied, true)
	s.ask("writer", "CREATE TABLE planted AS SELECT 1 AS x")
	stale, err := os.ReadFile(copied + ".wal")
	if err != nil || len(stale) == 0 {
		t.Fatalf("there is no log of changes: %v", err)
	}
	s.close("writer")
	if err := os.WriteFile(file+".wal", stale, 0o600); err != nil {
		t.Fatal(err)
	}

	p.run("close", "--now", "2026-11-13T06:00:00Z")
	p.run("warehouse", "--now", "2026-11-13T06:00:00Z")
	if got := s.ask("old", all); got != old {
		t.Errorf("who had the old file open sees %s, want %s", got, old)
	}
	s.open("new", file, false)
	if got := s.ask("new", all); got == old || !strings.Contains(got, `"days":"3"`) {
		t.Errorf("the new file shows %s, the old one %s", got, old)
	}
	if got := s.ask("new", "SELECT count(*)::INT AS n FROM duckdb_tables() WHERE table_name = 'planted'"); got != `[{"n":0}]` {
		t.Errorf("changes to the old file are in the new one: %s", got)
	}
	if _, err := os.Stat(file + ".wal"); err == nil {
		t.Errorf("a log of changes is beside the file")
	}
	for _, view := range []string{"events", "impressions", "clicks", "conversions", "segment_events"} {
		const list = "SELECT event_id, type, date::VARCHAR AS date, event_time::VARCHAR AS at, order_id, value::VARCHAR AS value FROM "
		var own []map[string]any
		if err := json.Unmarshal([]byte(p.run("query", list+view+" ORDER BY ALL", "--format", "json")), &own); err != nil {
			t.Fatal(err)
		}
		if got, want := s.ask("new", fmt.Sprintf("%s%s_at('%s') ORDER BY ALL", list, view, lake)), canonical(t, own); got != want || len(own) == 0 {
			t.Errorf("%s_at gives %.1000s\nthe view %.1000s", view, got, want)
		}
	}
	s.close("new")
	s.close("old")

	// Opened while it is replaced, again and again: always there, always whole.
	want := map[string]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 8 {
			p.try("warehouse", "--now", fmt.Sprintf("2026-11-13T07:%02d:00Z", i))
		}
	}()
	opened := 0
	for replacing := true; replacing; opened++ {
		name := fmt.Sprint("loop", opened)
		s.open(name, file, false)
		want[s.ask(name, all)] = true
		s.close(name)
		select {
		case <-done:
			replacing = false
		default:
		}
	}
	if len(want) != 1 || opened < 8 {
		t.Errorf("opened %d times, it showed %v", opened, want)
	}
}

// The file is for DuckDB 1.2 and everything after it.
func TestAnotherDuckDBOfAnyAgeOpensTheWarehouse(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(p.dir, "try")
	p.run("warehouse", "--now", "2026-11-13T06:00:00Z")
	const script = `
import duckdb, sys
con = duckdb.connect(sys.argv[1] + "/warehouse.duckdb", read_only=True)
print(con.execute("SELECT count(*), sum(booked_revenue)::VARCHAR FROM attributions WHERE currency = 'USD'").fetchone(),
      con.execute("SELECT count(*) FROM segment_events_at('" + sys.argv[1] + "')").fetchone(),
      con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'ledger'").fetchone())
`
	for _, version := range []string{"1.2.2", "2.0.1"} {
		venv := filepath.Join(t.TempDir(), "venv")
		python := filepath.Join(venv, "bin", "python")
		for _, args := range [][]string{
			{"python3", "-m", "venv", venv},
			{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "duckdb==" + version},
		} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s\nthis test needs Python with venv and pip", strings.Join(args, " "), err, out)
			}
		}
		out, err := exec.Command(python, "-c", script, filepath.Join(p.dir, "lake")).CombinedOutput()
		if want := "(19, '122.650000') (8,) ('Append-only money entries',)\n"; err != nil || string(out) != want {
			t.Errorf("DuckDB %s: %v, got %q, want %q", version, err, out, want)
		}
	}
}
