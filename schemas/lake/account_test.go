package lake

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// A log that is read for one edge and, under another name, for another counts
// for each what was read for it. Who reads on is not told apart by the first.
func TestAccountByEdge(t *testing.T) {
	l := newLake(t)
	read := func(id, edge string, start int64, day string, c Counts) {
		t.Helper()
		commit(t, l, func(*Staging) *Draft {
			g := span(id, start, start+10)
			g.Edge, g.Days = edge, map[string]*Counts{day: &c}
			return &Draft{Kind: "ingest", At: testTime, Ranges: []Range{g}}
		})
	}
	clicks := func(n int64) map[string]int64 { return map[string]int64{"click": n} }
	read("a", "edge-1", 0, "2026-11-01", Counts{Events: clicks(1), MaxSkewMicros: 7})
	before := mustState(t, l)
	read("a", "edge-1.log.1.gz", 10, "2026-11-01", Counts{Events: clicks(2), MaxSkewMicros: 5})
	between := mustState(t, l)
	read("a", "edge-1.log.1.gz", 20, "2026-11-02", Counts{Events: clicks(4)})
	read("a", "edge-1", 30, "2026-11-01", Counts{Ignored: 8, MaxSkewMicros: 3})
	read("b", "edge-1", 0, "2026-11-01", Counts{Events: clicks(16), Bots: 1})
	want := map[string]string{
		"edge-1 2026-11-01":          "{Events:map[click:17] Rejects:map[] NotCounted:map[] Ignored:8 Bots:1 UnreplacedMacros:0 PixelMacros:map[] MaxSkewMicros:7}",
		"edge-1.log.1.gz 2026-11-01": "{Events:map[click:2] Rejects:map[] NotCounted:map[] Ignored:0 Bots:0 UnreplacedMacros:0 PixelMacros:map[] MaxSkewMicros:5}",
		"edge-1.log.1.gz 2026-11-02": "{Events:map[click:4] Rejects:map[] NotCounted:map[] Ignored:0 Bots:0 UnreplacedMacros:0 PixelMacros:map[] MaxSkewMicros:0}",
	}
	same := func(what string, l *Lake) {
		t.Helper()
		if got := accountText(mustState(t, l)); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	same("at once", l)
	same("read again", reopen(t, l, false))

	// States that were handed out do not change.
	if got := fmt.Sprint(accountText(before)); got != "map[edge-1 2026-11-01:{Events:map[click:1] Rejects:map[] NotCounted:map[] Ignored:0 Bots:0 UnreplacedMacros:0 PixelMacros:map[] MaxSkewMicros:7}]" {
		t.Errorf("the first state has become %s", got)
	}
	if got := accountText(between)["edge-1.log.1.gz 2026-11-01"]; got != want["edge-1.log.1.gz 2026-11-01"] || len(accountText(between)) != 2 {
		t.Errorf("the second state has become %v", accountText(between))
	}

	// A checkpoint of a layout that did not know of edges is left aside; one of
	// today's is taken.
	old := map[string]any{}
	b, err := json.Marshal(mustState(t, l))
	if err == nil {
		err = json.Unmarshal(b, &old)
	}
	if err != nil {
		t.Fatal(err)
	}
	delete(old["sources"].(map[string]any)["a"].(map[string]any), "by_edge")
	state, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	file := l.Path(fmt.Sprintf("%s/%012d.json", checkpointDir, 5))
	if err := os.MkdirAll(filepath.Dir(file), DirMode); err != nil {
		t.Fatal(err)
	}
	put := func(c any) {
		t.Helper()
		b, err := json.Marshal(c)
		if err == nil {
			err = os.WriteFile(file, b, FileMode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(map[string]any{"sha256": hashHex(state), "state": json.RawMessage(state)})
	same("with a checkpoint of old", reopen(t, l, false))
	put(checkpoint{Layout: checkpointLayout, SHA256: hashHex(state), State: state})
	if got := accountText(mustState(t, reopen(t, l, false))); len(got) != 2 {
		t.Errorf("today's checkpoint is not taken: %v", got)
	}
}

func accountText(s *State) map[string]string {
	out := map[string]string{}
	for edge, days := range s.Account() {
		for day, c := range days {
			out[edge+" "+day] = fmt.Sprintf("%+v", *c)
		}
	}
	return out
}
