package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/lakedb/forget/forgettest"
)

// The program is killed in an erasure at any instant, again and again. In the end
// no trace of the users is left in any file of the lake, each has one pseudonym,
// and no cent has moved.
func TestKilledErasureEndsTheSame(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(p.dir, "try")
	const at = "2026-11-13T06:00:00Z"
	p.run("close", "--now", at)
	p.run("warehouse", "--now", at)
	users := strings.Fields(p.run("query", "--format", "csv", "--now", at,
		"SELECT user_id FROM attributions WHERE user_id IS NOT NULL GROUP BY ALL ORDER BY count(*) DESC, user_id LIMIT 4"))[1:]
	if len(users) != 4 {
		t.Fatalf("the users are %v", users)
	}
	books := func() []string {
		return []string{
			p.run("report", "revenue", "--range", "lifetime", "--include-open", "--now", at),
			p.run("query", "--format", "csv", "--now", at, "SELECT * FROM ledger ORDER BY entry_id"),
			p.run("query", "--format", "csv", "--now", at, "SELECT * EXCLUDE (user_id, other) FROM attributions ORDER BY conversion_id"),
			p.run("query", "--format", "csv", "--now", at, "SELECT type, date, count(*) AS n, count(DISTINCT user_id) AS users FROM events GROUP BY ALL ORDER BY ALL"),
		}
	}
	before := books()
	lake := filepath.Join(p.dir, "lake")
	if found, err := forgettest.Traces(lake, users...); err != nil || len(found) < 5 {
		t.Fatalf("before, traces are in %v; %v", found, err)
	}
	args := slices.Concat([]string{"forget", "--now", at}, users)
	noted := ""
	for range 4 {
		c := p.command(args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		end := time.AfterFunc(rand.N(1500*time.Millisecond), func() { _ = c.Process.Kill() })
		err := c.Wait()
		end.Stop()
		if err == nil {
			break
		}
		b, err := os.ReadFile(filepath.Join(lake, "_state/forget/pending.json"))
		if err == nil && bytes.Contains(b, []byte("settled")) {
			if noted != "" && noted != string(b) {
				t.Errorf("the pseudonyms were %s, and are %s", noted, b)
			}
			noted = string(b)
			args = []string{"forget", "--resume", "--now", at}
		}
	}
	p.run("forget", "--resume", "--now", at)
	p.run(slices.Concat([]string{"forget", "--now", at}, users)...)
	found, err := forgettest.Traces(lake, users...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("a trace is left in %s", f)
	}
	names := strings.Fields(p.run("query", "--format", "csv", "--now", at, "SELECT DISTINCT user_id FROM events WHERE user_id LIKE 'forgotten-%'"))[1:]
	if len(names) != len(users) {
		t.Errorf("the pseudonyms are %v", names)
	}
	for _, m := range regexp.MustCompile(`"pseudonym":"([^"]+)"`).FindAllStringSubmatch(noted, -1) {
		if !slices.Contains(names, m[1]) {
			t.Errorf("%s was noted, and is not the pseudonym of anybody", m[1])
		}
	}
	for i, after := range books() {
		if after != before[i] {
			t.Errorf("before:\n%s\nafter:\n%s", before[i], after)
		}
	}
	if out := p.run("verify", "--now", at); !strings.HasPrefix(out, "no differences") {
		t.Errorf("verify says %s", out)
	}
}
