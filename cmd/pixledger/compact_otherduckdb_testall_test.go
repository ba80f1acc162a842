//go:build testall

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/schemas/lake"
)

// Another build of DuckDB counts the lake's events by glob again and again while
// pixledger ingests and compacts: it is told the events of some commits, each
// once and never fewer than before, or gets an error to retry.
func TestAnotherDuckDBReadsWhileCompacting(t *testing.T) {
	dir := installOtherDuckDB(t)
	p := program{t: t, dir: t.TempDir()}
	p.run("init", ".")
	glob := filepath.Join(p.dir, "lake/events/**/*.parquet")
	ingest := func(round int) {
		name := fmt.Sprintf("%d.log", round)
		p.run("gen", "--lines", "3000", "--seed", fmt.Sprint(round), "--start", "2026-11-01T00:00:00Z", "-o", name)
		p.run("ingest", "--now", "2026-11-06T00:00:00Z", "--format", "pixledger", name)
	}
	ingest(1)
	s := startDuckSession(t, dir)
	s.open("reader", ":memory:", true)
	stop, ended := make(chan struct{}), make(chan string, 1)
	go func() {
		last, asked, retried := int64(0), 0, 0
		for {
			select {
			case <-stop:
				t.Logf("%d answers, %d errors to retry", asked, retried)
				ended <- ""
				return
			default:
			}
			rows, err := s.try(map[string]any{"ask": "reader", "sql": "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM read_parquet('" + glob + "', hive_partitioning = true)"})
			if err != nil {
				if !strings.Contains(err.Error(), "Cannot open file") && !strings.Contains(err.Error(), lake.ReplacedName) {
					ended <- err.Error()
					return
				}
				retried++
				continue
			}
			var n, ids json.Number
			n, ids = json.Number(fmt.Sprint(rows[0]["n"])), json.Number(fmt.Sprint(rows[0]["ids"]))
			got, err := n.Int64()
			if err != nil || n != ids || got < last {
				ended <- fmt.Sprintf("counted %s events with %s ids after %d (%v)", n, ids, last, err)
				return
			}
			last = got
			asked++
		}
	}()
	for round := range 12 {
		ingest(round + 2)
		p.run("compact", "--now", "2026-11-06T00:00:00Z")
	}
	close(stop)
	if wrong := <-ended; wrong != "" {
		t.Error(wrong)
	}
	if out := p.run("verify", "--now", "2026-11-06T00:00:00Z"); !strings.Contains(out, "no differences") {
		t.Errorf("verify: %s", out)
	}
}
