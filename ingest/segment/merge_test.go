package segment

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
)

// TestMerge gives the lines of one log to one batch and to three, and finds the
// same rows in fewer files.
func TestMerge(t *testing.T) {
	lines := benchLines(3000)
	for i := range lines {
		if i%700 == 3 {
			lines[i] = []byte(`{"broken`)
		}
	}
	now := time.Unix(1793600000, 0)
	fill := func(dir string, n int) (*Result, int) {
		res := &Result{}
		var batches []*Batch
		for k := range n {
			batches = append(batches, New(dir, Options{Now: now, Prefix: fmt.Sprintf("w%d-", k)}))
		}
		src := make([]*Source, n)
		for k := range src {
			src[k] = newSource(t, parse.Pixledger{}, decode.Options{HonorGPC: true})
		}
		for i, line := range lines {
			k := i / 100 % n
			if err := batches[k].Append(src[k], int64(i)*1000, line); err != nil {
				t.Fatal(err)
			}
		}
		Merge(batches)
		for _, b := range batches {
			r, err := b.Finish()
			if err != nil {
				t.Fatal(err)
			}
			res.Files = append(res.Files, r.Files...)
		}
		return res, len(res.Files)
	}
	one, many := t.TempDir(), t.TempDir()
	res, files := fill(one, 1)
	want := readResult(t, one, res)
	res, merged := fill(many, 3)
	got := readResult(t, many, res)
	if merged != files {
		t.Errorf("%d files, not %d", merged, files)
	}
	for folder := range want {
		byOffset := func(rows []row) map[any]row {
			m := map[any]row{}
			for _, r := range rows {
				m[r["source_offset"]] = r
			}
			return m
		}
		w, g := byOffset(want[folder]), byOffset(got[folder])
		if len(want[folder]) != len(got[folder]) || len(w) != len(want[folder]) {
			t.Fatalf("%s: %d rows, not %d", folder, len(got[folder]), len(want[folder]))
		}
		for at, r := range w {
			// Lines without an id get theirs from the file's beginning, the same in all.
			if !reflect.DeepEqual(r, g[at]) {
				t.Errorf("%s: at %v\ngot  %v\nwant %v", folder, at, g[at], r)
			}
		}
	}
}
