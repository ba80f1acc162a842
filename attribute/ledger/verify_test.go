package ledger_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pixledger/attribute"
	"pixledger/attribute/ledger"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// findings are what Verify says of the ledger and the attributions as they are.
func (l *testLake) findings() []string {
	l.t.Helper()
	var out []string
	if err := ledger.Verify(ctx(), l.opts, func(f ledger.Finding) { out = append(out, f.String()) }); err != nil {
		l.t.Fatalf("verify: %v", err)
	}
	return out
}

func (l *testLake) finds(what string, want ...string) {
	l.t.Helper()
	if got := l.findings(); !slices.Equal(got, want) {
		l.t.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

// What the next close books is pending, what is too old is beyond the window;
// neither is a fault.
func TestVerifySaysWhatIsOutstanding(t *testing.T) {
	l := filled(t)
	l.finds("never closed")
	l.credit(420, -5_000_000)
	l.finds("a credit", "pending: credit of -5.00 EUR for line item 420: negotiated")
	l.dueAt("2026-03-11")
	l.close()
	l.finds("closed")
	l.opts.AdjustDays = 2
	l.void("c1", "c3")
	if _, err := attribute.Run(ctx(), l.opts.Attribute); err != nil {
		t.Fatal(err)
	}
	l.finds("voided since",
		"beyond_window: conversion c1 of 2026-03-10: voided: returned",
		"pending: conversion c3 of 2026-03-11: voided: returned")
	l.dueAt("2026-03-12")
	l.close()
	l.finds("closed again", "beyond_window: conversion c1 of 2026-03-10: voided: returned")
}

// forge puts a day's entries, as a query makes them of what they are, in their
// place: what no command of the program does.
func (l *testLake) forge(day, query string) {
	l.t.Helper()
	db, err := lakedb.Open(ctx(), l.Lake, nil, lakedb.Options{})
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer db.Close()
	staging, err := l.Stage()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer staging.Close()
	p := filepath.Join(staging.Dir(), "forged.parquet")
	if _, err := db.Exec("COPY (" + query + ") TO '" + p + "' (FORMAT parquet)"); err != nil {
		l.t.Fatalf("%s: %v", query, err)
	}
	folder := lake.DateFolder(schemas.Ledger, day)
	file := l.Staged(staging, folder, "forged.parquet", 1)
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) {
		return &lake.Draft{Kind: "forge", At: made, Replace: map[string][]lake.Staged{folder: {file}}}, nil
	}); err != nil {
		l.t.Fatalf("%v", err)
	}
}

// Whatever is changed in the ledger behind its back is found.
func TestVerifyFindsForgeries(t *testing.T) {
	whole := filled(t)
	whole.dueAt("2026-03-10")
	whole.close()
	whole.void("c1")
	whole.credit(382, -1)
	whole.dueAt("2026-03-11")
	whole.close()
	whole.finds("before")
	for _, c := range []struct {
		what, day, query string
		want             []string // what findings say, beside that another file is there
	}{
		{"an amount", "2026-03-10", "SELECT * EXCLUDE (booked) REPLACE (amount * 2 AS amount) FROM ledger WHERE booked = '2026-03-10'",
			[]string{"its close booked 2 (25.000000 USD)", "the amounts differ", "changed: amount"}},
		{"an entry less", "2026-03-10", "SELECT * EXCLUDE (booked) FROM ledger WHERE booked = '2026-03-10' AND conversion_id = 'c2'",
			[]string{"2026-03-10 has 1 entries", "which is not there"}},
		{"an entry twice", "2026-03-11", "SELECT * EXCLUDE (booked) FROM ledger WHERE booked = '2026-03-11' UNION ALL SELECT * EXCLUDE (booked) FROM ledger WHERE conversion_id = 'c3'",
			[]string{"2 entries have this id", "another id than its columns give", "conversion c3 has 2 entries that stand"}},
		{"another line item on a reversal", "2026-03-11", "SELECT * EXCLUDE (booked) REPLACE (420::BIGINT AS line_item_id) FROM ledger WHERE booked = '2026-03-11'",
			[]string{"as it was booked"}},
		{"another conversion", "2026-03-10", "SELECT * EXCLUDE (booked) REPLACE ('x' || conversion_id AS conversion_id) FROM ledger WHERE booked = '2026-03-10'",
			[]string{"another id than its columns give", "as it was booked", "conversion xc2 of 2026-03-10: no such conversion"}},
		{"another catalog", "2026-03-11", "SELECT * EXCLUDE (booked) REPLACE ('ab' AS catalog_digest) FROM ledger WHERE booked = '2026-03-11'",
			[]string{"entries of 2026-03-11 name another catalog than its close used"}},
		{"a day that is open", "2026-03-12", "SELECT * EXCLUDE (booked) FROM ledger WHERE booked = '2026-03-11' AND kind = 'booking'",
			[]string{"booked under 2026-03-12, which is not closed", "is no booking by its columns"}},
		{"a credit", "2026-03-11", "SELECT * EXCLUDE (booked) REPLACE (CASE WHEN kind = 'credit' THEN -amount ELSE amount END AS amount) FROM ledger WHERE booked = '2026-03-11'",
			[]string{"another id than its columns give"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			root := filepath.Join(quickDir(t), "lake")
			if err := os.CopyFS(root, os.DirFS(whole.Root())); err != nil {
				t.Fatal(err)
			}
			forged, err := lake.Open(root)
			if err != nil {
				t.Fatal(err)
			}
			l := over(t, forged, whole.opts)
			l.forge(c.day, c.query)
			got := l.findings()
			for _, want := range append(c.want, "did not add it") {
				if !slices.ContainsFunc(got, func(f string) bool { return strings.Contains(f, want) }) {
					t.Errorf("nothing says %q:\n%s", want, strings.Join(got, "\n"))
				}
			}
		})
	}
}
