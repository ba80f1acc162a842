package attribute_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// erase is a retention: the events of a day are gone, and what may have rested
// on them is frozen.
func (l *testLake) erase(day string) {
	l.t.Helper()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	var files []laketest.File
	for _, typ := range schemas.EventTypes {
		files = append(files, laketest.File{Dataset: schemas.Events, Folder: lake.EventFolder(typ, day)})
	}
	until := at.AddDate(0, 0, 91).Format(time.DateOnly)
	l.Replace(lake.Draft{Kind: attribute.RetentionKind, Notes: map[string]string{attribute.NoteFrozen: until}}, files...)
}

// come commits the events of an example's lines, and gives them the settings.
func (l *testLake) come(t *testing.T, settings, lines string, voids ...string) {
	t.Helper()
	e := parse(t, settings+lines)
	l.cat = e.Catalog
	l.Ingest(e.Events, voids)
}

const (
	frozenSettings = `
pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 21378 click line_item=382
`
	dearerSettings = `
pixel 9012
pixel 9013
line_item 382 pixel=9012 post_click_revenue=99.00
tracker 21378 click line_item=382
`
)

// When retention has erased a day, what was decided stays as it was delivered,
// whatever the catalog says since, and later conversions go by it; so they do
// without what the last run left.
func TestFrozenDecisionsStay(t *testing.T) {
	for _, forgetting := range []bool{false, true} {
		l := newLake(t, t.TempDir(), parse(t, frozenSettings).Catalog)
		run := func() {
			if forgetting {
				if err := os.RemoveAll(l.Path("_state/cache")); err != nil {
					t.Fatal(err)
				}
			}
			l.run(2)
		}
		l.come(t, frozenSettings, `
2026-03-10 09:00 click      t1 user=anna tracker=21378
2026-03-10 10:00 conversion c1 user=anna pixel=9012 order=A-1
2026-03-10 11:00 conversion c2 user=bert pixel=9012
`)
		run()
		frozen := l.Attributions()
		l.erase("2026-03-10")
		run()
		if got := l.Attributions(); reference.Diff(frozen, got) != "" {
			t.Fatalf("after the events were erased: %s", reference.Diff(frozen, got))
		}
		l.come(t, dearerSettings, `
2026-03-10 08:00 conversion c1 user=carl pixel=9012 order=A-1
2026-03-11 09:00 click      t3 user=dora tracker=21378
2026-03-11 10:00 conversion c3 user=dora pixel=9012 order=A-1
2026-07-01 09:00 click      t4 user=anna tracker=21378
2026-07-01 10:00 conversion c4 user=anna pixel=9012
2026-07-01 11:00 click      t5 user=emil tracker=21378
2026-07-01 12:00 conversion c5 user=emil pixel=9012 order=A-1
2026-07-01 13:00 conversion c6 user=emil pixel=9012
`)
		run()
		want := parse(t, dearerSettings+`
expect c3 duplicate_order
expect c4 repeat
expect c5 duplicate_order
expect c6 post_click touch=t5 revenue=99.00
`)
		got := l.Attributions()
		if diff := reference.Diff(frozen, got[:2]); diff != "" {
			t.Fatalf("by another catalog: %s", diff)
		}
		if err := want.Check(got[2:]); err != nil {
			t.Fatalf("forgetting %t: %v", forgetting, err)
		}
		if p := l.verify(); len(p) > 0 {
			t.Errorf("verify: %v", p)
		}
		// A void is final for them too, and takes the money, not the place.
		l.come(t, dearerSettings, "", "c1")
		run()
		got = l.Attributions()
		if *got[0].Reason != reference.Voided || got[0].BookedRevenue != 0 || got[0].TouchID != nil {
			t.Errorf("voided: %+v", got[0])
		}
		if err := want.Check(got[2:]); err != nil {
			t.Errorf("forgetting %t, after a void: %v", forgetting, err)
		}
		before, err := l.State()
		if err != nil {
			t.Fatal(err)
		}
		run()
		if after, err := l.State(); err != nil || after.Seq != before.Seq {
			t.Errorf("with nothing new, commit %d follows %d; %v", after.Seq, before.Seq, err)
		}
		if !slices.IsSortedFunc(got, func(a, b reference.Attribution) int { return a.ConversionTime.Compare(b.ConversionTime) }) {
			t.Error("rows are not in the order of time")
		}
	}
}
