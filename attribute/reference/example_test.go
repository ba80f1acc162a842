package reference

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The steps are worked by hand: the reference is judged here, by nothing but
// the rules.
func TestReferenceDecidesWorkedExamples(t *testing.T) {
	for _, path := range []string{"testdata/steps.md", "../../docs/attribution.md"} {
		examples, err := Examples(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(examples) < 12 {
			t.Fatalf("%s has %d examples", path, len(examples))
		}
		for _, e := range examples {
			t.Run(strings.ReplaceAll(e.Name, " ", "_"), func(t *testing.T) {
				if err := loadable(e.Catalog); err != nil {
					t.Errorf("line %d: no catalog that could be loaded: %v", e.Line, err)
				}
				if err := e.Check(Attribute(e.Catalog, e.Events, e.Voids)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cat, events, voids := World(t)
		want := Attribute(cat, events, voids)
		shuffled := rapid.Permutation(events).Draw(t, "arrival")
		if diff := Diff(want, Attribute(cat, shuffled, voids)); diff != "" {
			t.Fatalf("another order of arrival decides differently:\n%s\n%s", diff, Format(cat, events, voids))
		}
	})
}

func TestRowsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cat, events, voids := World(t)
		rows := Attribute(cat, events, voids)
		ids := map[string]bool{}
		for _, e := range events {
			if e.Type == Conversion {
				ids[e.EventID] = true
			}
		}
		var e Example
		for i, r := range rows {
			if !ids[r.ConversionID] {
				t.Fatalf("%s has two rows or no line", r.ConversionID)
			}
			delete(ids, r.ConversionID)
			if i > 0 && (r.ConversionTime.Before(rows[i-1].ConversionTime) ||
				r.ConversionTime.Equal(rows[i-1].ConversionTime) && r.ConversionID < rows[i-1].ConversionID) {
				t.Fatalf("rows %d and %d are out of order", i-1, i)
			}
			x := Expectation{ConversionID: r.ConversionID, TouchID: text(r.TouchID), Decision: text(r.ConversionType), RateMissing: r.RateMissing}
			if r.Reason != nil {
				x.Decision = *r.Reason
			}
			e.Expect = append(e.Expect, x)
		}
		if len(ids) > 0 {
			t.Fatalf("no row for %v", ids)
		}
		// Every row is empty exactly where its outcome says so.
		if err := e.Check(rows); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFormatIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cat, events, voids := World(t)
		if err := loadable(cat); err != nil {
			t.Fatal(err)
		}
		printed := Format(cat, events, voids)
		e, err := Parse(printed)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if !reflect.DeepEqual(e.Catalog, cat) {
			t.Fatalf("another catalog is read back\n%s\n%+v\n%+v", printed, e.Catalog, cat)
		}
		if !reflect.DeepEqual(e.Events, events) && len(events) > 0 {
			t.Fatalf("other events are read back\n%s", printed)
		}
		if !slices.Equal(e.Voids, voids) {
			t.Fatalf("other voids are read back\n%s", printed)
		}
	})
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"pixel 9012 trigger=click", "trigger= means nothing here"},
		{"pixel x", `id "x" is no positive number`},
		{"\npixel 9012 trigger_type=both", `example:2: trigger_type "both"; allowed: view, click, hybrid`},
		{"settings 1 from=2026-01-01T00:00", "no pixel 1 stands above"},
		{"line_item 382 pixel=9012 post_click_revenue=$1", `post_click_revenue "$1" is no amount`},
		{"rate line_item=1 pixel=2 from=2026-01-01T00:00", "no line_item 1 stands above"},
		{"2026-03-10 12:00 view t1", `type "view"; allowed: impression, click, conversion`},
		{"2026-03-10 noon click t1", `"2026-03-10" is no statement and no date`},
		{"2026-03-10 12:00 click t1 pixel=9012", "pixel= means nothing here"},
		{"expect c1 refused", `decision "refused"; allowed:`},
		{"expect c1 post_click", "touch= is missing"},
		{"void", "the conversion is missing"},
		{"void c1 c2", `"c2" is one word too many`},
		{"void user=1 user=2", "user= is given twice"},
		{`void "c1`, `cannot read "\"c1"`},
	} {
		_, err := Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

// A check that can not fail proves nothing.
func TestCheckAndDiffSeeDifferences(t *testing.T) {
	const world = `pixel 9012
line_item 382 pixel=9012 post_click_revenue=12.50
tracker 2 click line_item=382
2026-03-10 12:00 click t1 user=anna tracker=2
2026-03-10 12:05 conversion c1 user=anna pixel=9012
2026-03-10 12:06 conversion c2 user=anna pixel=9012
`
	right := "expect c1 post_click touch=t1 line_item=382 revenue=12.50 currency=USD\nexpect c2 repeat\n"
	e, err := Parse(world + right)
	if err != nil {
		t.Fatal(err)
	}
	rows := Attribute(e.Catalog, e.Events, e.Voids)
	if err := e.Check(rows); err != nil {
		t.Fatal(err)
	}
	if diff := Diff(rows, rows); diff != "" {
		t.Errorf("a difference from itself: %s", diff)
	}
	for _, c := range [][2]string{
		{"post_click", "post_view"}, {"touch=t1", "touch=t2"}, {"=382", "=383"}, {"12.50", "12.51"},
		{"USD", "EUR"}, {"expect c2 repeat\n", ""}, {"c2 repeat", "c2 voided"}, {"c2 repeat", "c2 repeat\nexpect c3 repeat"},
		{"currency=USD", "rate_missing=true"},
	} {
		wrong, err := Parse(world + strings.Replace(right, c[0], c[1], 1))
		if err != nil {
			t.Fatal(err)
		}
		if wrong.Check(rows) == nil {
			t.Errorf("%s for %s is not noticed", c[1], c[0])
		}
	}
	leaking := slices.Clone(rows)
	leaking[1].BookedRevenue = 1
	if e.Check(leaking) == nil {
		t.Error("money of an unattributed conversion is not noticed")
	}
	if Diff(rows, leaking) == "" || Diff(rows, rows[:1]) == "" || Diff(rows[:1], rows) == "" {
		t.Error("different rows give no difference")
	}
}

// The columns beside the decision.
func TestRowsCarryColumns(t *testing.T) {
	e, err := Parse(`advertiser 8 currency=EUR
publisher 31
pixel 9012 advertiser=8 code=checkout
line_item 382 advertiser=8 pixel=9012 post_click_revenue=12.50
creative 5001 line_item=382
tracker 2 click line_item=382 creative=5001 publisher=31
2026-03-10 12:00 click t1 user=anna tracker=2
2026-03-10 12:05 conversion c1 user=anna code=checkout member=958 order=A1 value=99.9500005 other=x
2026-03-10 12:06 conversion c2 pixel=77 value=$5 server_side=true
2026-03-10 12:07 conversion c3 code=nobody member=958
2026-03-10 12:08 conversion c4 user=anna code=checkout member=958 invalid=bot
`)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, r := range Attribute(e.Catalog, e.Events, e.Voids) {
		got.WriteString(FormatRow(r))
	}
	want := `2026-03-10T12:05 c1 attributed conversion_type=post_click pixel_id=9012 advertiser_id=8 user_id=anna order_id=A1 value=99.950001 other=x touch_id=t1 touch_time=2026-03-10T12:00 tracker_id=2 line_item_id=382 creative_id=5001 publisher_id=31 booked_revenue=12.500000 currency=EUR
2026-03-10T12:06 c2 unattributed reason=unknown_pixel pixel_id=77 server_side=true booked_revenue=0.000000
2026-03-10T12:07 c3 unattributed reason=unknown_pixel booked_revenue=0.000000
2026-03-10T12:08 c4 unattributed reason=invalid_traffic pixel_id=9012 advertiser_id=8 user_id=anna booked_revenue=0.000000
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func BenchmarkAttribute(b *testing.B) {
	var drawn []drawnWorld
	for seed := range 100 {
		drawn = append(drawn, worlds.Example(seed))
	}
	b.ResetTimer()
	for i := range b.N {
		w := drawn[i%len(drawn)]
		Attribute(w.cat, w.events, w.voids)
	}
}

// Of several lines with one id, texts decide by bytes and null is first. The
// columns that decide last are seen in the row alone.
func TestFirstLineByValueAndOther(t *testing.T) {
	e, err := Parse(`pixel 9012
2026-03-10 12:01 conversion c1 pixel=9012 value=9
2026-03-10 12:01 conversion c1 pixel=9012 value=10
2026-03-10 12:02 conversion c2 pixel=9012 value=10
2026-03-10 12:02 conversion c2 pixel=9012 value=9
2026-03-10 12:03 conversion c3 pixel=9012 other=a
2026-03-10 12:03 conversion c3 pixel=9012 other=B
2026-03-10 12:04 conversion c4 pixel=9012 other=B
2026-03-10 12:04 conversion c4 pixel=9012
2026-03-10 12:05 conversion c5 pixel=9012
2026-03-10 12:05 conversion c5 pixel=9012 other=B
`)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, r := range Attribute(e.Catalog, e.Events, e.Voids) {
		got.WriteString(FormatRow(r))
	}
	want := `2026-03-10T12:01 c1 unattributed reason=no_line_item pixel_id=9012 advertiser_id=7 value=10.000000 booked_revenue=0.000000
2026-03-10T12:02 c2 unattributed reason=no_line_item pixel_id=9012 advertiser_id=7 value=10.000000 booked_revenue=0.000000
2026-03-10T12:03 c3 unattributed reason=no_line_item pixel_id=9012 advertiser_id=7 other=B booked_revenue=0.000000
2026-03-10T12:04 c4 unattributed reason=no_line_item pixel_id=9012 advertiser_id=7 booked_revenue=0.000000
2026-03-10T12:05 c5 unattributed reason=no_line_item pixel_id=9012 advertiser_id=7 booked_revenue=0.000000
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}
