package attribute_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/xitongsys/parquet-go-source/local"
	parquetreader "github.com/xitongsys/parquet-go/reader"

	"pixledger/attribute"
	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// threeDays is a world of three days: two attributed conversions, one that
// repeats, one without a touch.
const threeDays = `
pixel 9012 code=checkout min_minutes_per_conv=60
line_item 382 pixel=9012 post_click_revenue=12.50 post_view_revenue=2.00
tracker 2766 impression line_item=382
tracker 21378 click line_item=382

2026-03-09 20:15 click      t1 user=anna tracker=21378
2026-03-10 10:00 conversion c1 user=anna pixel=9012 order=A-1 value=89.90
2026-03-10 10:30 conversion c2 user=anna pixel=9012 order=A-2
2026-03-11 09:00 impression t2 user=bert tracker=2766
2026-03-11 10:00 conversion c3 user=bert code=checkout member=958
2026-03-12 10:00 conversion c4 user=carl pixel=9012

expect c1 post_click touch=t1 revenue=12.50
expect c2 repeat
expect c3 post_view touch=t2 revenue=2.00
expect c4 no_touch
`

func parse(t *testing.T, text string) reference.Example {
	t.Helper()
	e, err := reference.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func threeDayLake(t *testing.T) (*testLake, reference.Example) {
	t.Helper()
	e := parse(t, threeDays)
	l := newLake(t, t.TempDir(), e.Catalog)
	l.Ingest(e.Events, nil)
	return l, e
}

func (l *testLake) check(e reference.Example) {
	l.t.Helper()
	if err := e.Check(l.Attributions()); err != nil {
		l.t.Fatalf("%v", err)
	}
}

// files gives the live attribution files with the hashes of their content.
func (l *testLake) files() map[string]string {
	l.t.Helper()
	s, err := l.State()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	out := map[string]string{}
	for p, f := range s.Files {
		if filepath.Dir(filepath.Dir(p)) == schemas.Attributions.Name {
			out[filepath.Dir(p)] = f.SHA256
		}
	}
	return out
}

func TestSummarySaysWhatWasDecided(t *testing.T) {
	l, e := threeDayLake(t)
	var steps []attribute.Step
	o := l.options(1)
	o.Progress = func(s attribute.Step, done, total int64) {
		if !slices.Contains(steps, s) {
			steps = append(steps, s)
		}
		if done > total {
			t.Errorf("%s: %d of %d", s, done, total)
		}
	}
	got, err := attribute.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := attribute.Summary{
		ReadSeq: 1, Commit: 2, Looked: 4, Conversions: 4, Attributed: 2, PostClick: 1, PostView: 1,
		Reasons: map[string]int64{"repeat": 1, "no_touch": 1}, Revenue: map[string]schemas.Money{"USD": 14_500_000},
		Days: []string{"2026-03-10", "2026-03-11", "2026-03-12"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(steps) != 4 {
		t.Errorf("progress told of %v", steps)
	}
	l.check(e)
	r, _, err := l.ReadRecord(got.Commit)
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != attribute.CommitKind || r.Notes["read_seq"] != "1" || r.Notes["catalog_digest"] != e.Catalog.Digest || r.Notes["revenue.USD"] != "14.500000" {
		t.Errorf("record: %s %v", r.Kind, r.Notes)
	}
}

// A schedule runs this every quarter of an hour: with nothing new, the lake is
// left as it is.
func TestNothingNewCommitsNothing(t *testing.T) {
	l, _ := threeDayLake(t)
	l.run(2)
	before, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	s := l.run(1)
	after, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	if s.Commit != 0 || len(s.Days) != 0 || s.Attributed != 2 || after.Seq != before.Seq {
		t.Errorf("a second run: %+v, from commit %d to %d", s, before.Seq, after.Seq)
	}
}

// A late touch changes the days that it concerns, and the files of the others
// stay the very files they were.
func TestLateTouchRewritesItsDayAlone(t *testing.T) {
	l, e := threeDayLake(t)
	l.run(2)
	late := parse(t, threeDays+"\n2026-03-12 09:59 click late user=carl tracker=21378")
	l.Ingest(late.Events[len(late.Events)-1:], nil)
	s := l.run(2)
	if !slices.Equal(s.Days, []string{"2026-03-12"}) {
		t.Errorf("changed %v", s.Days)
	}
	e.Expect[3] = reference.Expectation{ConversionID: "c4", Decision: reference.PostClick, TouchID: "late"}
	l.check(e)
}

// A void takes the money from a conversion; the ones after it are judged as if
// it had been paid.
func TestVoidIsReadFromTheLake(t *testing.T) {
	l, e := threeDayLake(t)
	l.run(2)
	l.Ingest(nil, []string{"c1", "c1", "unknown"})
	l.run(2)
	e.Expect[0] = reference.Expectation{ConversionID: "c1", Decision: reference.Voided}
	l.check(e)
}

// A conversion that is gone leaves no decision behind.
func TestDayWithoutConversionsIsEmptied(t *testing.T) {
	l, e := threeDayLake(t)
	l.run(2)
	l.empty(schemas.Events, lake.EventFolder(schemas.Conversion, "2026-03-11"))
	if s := l.run(2); !slices.Equal(s.Days, []string{"2026-03-11"}) {
		t.Errorf("changed %v", s.Days)
	}
	e.Expect = slices.Delete(e.Expect, 2, 3)
	l.check(e)
	if s := l.run(2); s.Commit != 0 {
		t.Errorf("the empty day was written again: %+v", s)
	}
}

// Finance compares files by their hash: the same events give the same bytes,
// in whatever order and commits they arrived, and on any number of threads.
func TestSameEventsSameBytes(t *testing.T) {
	one, e := threeDayLake(t)
	one.run(1)
	other := newLake(t, t.TempDir(), e.Catalog)
	for _, event := range slices.Backward(e.Events) {
		other.Ingest([]reference.Event{event}, nil)
		other.run(3)
	}
	if got, want := other.files(), one.files(); len(want) != 3 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// An interrupted run leaves what was there, and nothing lying about.
func TestInterruptedRunLeavesTheLastResult(t *testing.T) {
	l, e := threeDayLake(t)
	l.run(2)
	l.Ingest(nil, []string{"c1"})
	ctx, cancel := context.WithCancel(context.Background())
	o := l.options(2)
	o.Progress = func(s attribute.Step, _, _ int64) {
		if s == attribute.StepDecide {
			cancel()
		}
	}
	if _, err := attribute.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run: %v", err)
	}
	l.check(e)
	left, err := os.ReadDir(l.Path("_state/staging"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in staging: %v, %v", left, err)
	}
}

func TestSecondRunNamesTheHolderOfTheLock(t *testing.T) {
	l, _ := threeDayLake(t)
	unlock, err := l.Lock(context.Background(), attribute.JobLock, "close", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	o := l.options(1)
	o.Wait = time.Millisecond
	_, err = attribute.Run(context.Background(), o)
	var held *lake.HeldError
	if !errors.As(err, &held) || held.Holder == "" {
		t.Errorf("with the lock taken: %v", err)
	}
}

func (l *testLake) verify() []attribute.Problem {
	l.t.Helper()
	p, err := attribute.Verify(context.Background(), l.options(2))
	if err != nil {
		l.t.Fatalf("verify: %v", err)
	}
	return p
}

// Attributions that lag behind are pending; ones that nothing explains are wrong.
func TestVerifyTellsPendingFromWrong(t *testing.T) {
	l, e := threeDayLake(t)
	differ := func(ids ...string) []attribute.Difference {
		var out []attribute.Difference
		said := map[string]string{
			"c1": "post_click of line item 382 for 12.500000 USD", "c2": "repeat", "c3": "post_view of line item 382 for 2.000000 USD", "c4": "no_touch",
		}
		for _, id := range ids {
			out = append(out, attribute.Difference{ConversionID: id, What: "nothing, now " + said[id]})
		}
		return out
	}
	want := func(what string, want ...attribute.Problem) {
		t.Helper()
		if got := l.verify(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	want("never attributed",
		attribute.Problem{Date: "2026-03-10", Pending: true, Conversions: differ("c1", "c2")},
		attribute.Problem{Date: "2026-03-11", Pending: true, Conversions: differ("c3")},
		attribute.Problem{Date: "2026-03-12", Pending: true, Conversions: differ("c4")})
	l.run(2)
	want("up to date")
	l.Ingest(nil, []string{"c3"})
	want("a void since", attribute.Problem{Date: "2026-03-11", Pending: true, Conversions: []attribute.Difference{
		{ConversionID: "c3", What: "post_view of line item 382 for 2.000000 USD, now voided"},
	}})
	l.run(2)
	want("up to date again")
	l.empty(schemas.Attributions, lake.DateFolder(schemas.Attributions, "2026-03-12"))
	want("rows lost", attribute.Problem{Date: "2026-03-12", Conversions: differ("c4")})
	l.run(2)
	dearer := *e.Catalog
	dearer.Digest = "another"
	dearer.LineItems = []schemas.LineItem{dearer.LineItems[0]}
	dearer.LineItems[0].Pixels = []schemas.Association{dearer.LineItems[0].Pixels[0]}
	dearer.LineItems[0].Pixels[0].Rates = nil
	l.cat = &dearer
	want("another catalog", attribute.Problem{Date: "2026-03-10", Pending: true, Conversions: []attribute.Difference{
		{ConversionID: "c1", What: "post_click of line item 382 for 12.500000 USD, now post_click of line item 382 for 0.000000 USD"},
	}})
}

// The files are good for everyone and not only for their writer: an
// independent implementation reads them, in the order of time.
func TestFilesAreReadByAnotherImplementation(t *testing.T) {
	l, _ := threeDayLake(t)
	l.run(2)
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	files := state.Folder(lake.DateFolder(schemas.Attributions, "2026-03-10"))
	if len(files) != 1 || files[0].Rows != 2 {
		t.Fatalf("files: %+v", files)
	}
	f, err := local.NewLocalFileReader(l.Path(files[0].Path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := parquetreader.NewParquetColumnReader(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.ReadStop()
	got := map[string][]any{}
	for i, c := range schemas.Attributions.Columns {
		values, _, defs, err := r.ReadColumnByIndex(int64(i), 2)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if len(defs) != 2 {
			t.Fatalf("%s has %d values", c.Name, len(defs))
		}
		got[c.Name] = values
	}
	at := time.Date(2026, 3, 10, 10, 0, 0, 0, time.UTC)
	want := map[string][]any{
		"conversion_id":   {"c1", "c2"},
		"conversion_time": {at.UnixMicro(), at.Add(30 * time.Minute).UnixMicro()},
		"pixel_id":        {int64(9012), int64(9012)},
		"outcome":         {"attributed", "unattributed"},
		"reason":          {nil, "repeat"},
		"touch_id":        {"t1", nil},
		"line_item_id":    {int64(382), nil},
		"currency":        {"USD", nil},
		"server_side":     {false, false},
	}
	for name, values := range want {
		if !reflect.DeepEqual(got[name], values) {
			t.Errorf("%s is %v, want %v", name, got[name], values)
		}
	}
}

// What was spoilt on the disk is mended by a full run, which goes by the files
// and not by what was noted of them.
func TestFullRunMendsASpoiltFile(t *testing.T) {
	l, e := threeDayLake(t)
	l.run(2)
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	f := state.Folder(lake.DateFolder(schemas.Attributions, "2026-03-11"))[0]
	if err := os.Truncate(l.Path(f.Path), f.Bytes/2); err != nil {
		t.Fatal(err)
	}
	o := l.options(2)
	o.Full = true
	s, err := attribute.Run(context.Background(), o)
	if err != nil || !slices.Equal(s.Days, []string{"2026-03-11"}) {
		t.Errorf("a full run: %+v, %v", s, err)
	}
	l.check(e)
}

// The advertiser's own figure may be as large as its column.
func TestLargeValuesAreKept(t *testing.T) {
	l := newLake(t, t.TempDir(), parse(t, threeDays).Catalog)
	l.come(t, "pixel 9012\n", "2026-03-10 10:00 conversion c1 user=anna pixel=9012 value=2000000\n"+
		"2026-03-10 10:00 conversion c2 user=anna pixel=9012 value=-999999999999.999999\n")
	l.run(1)
	rows := l.Attributions()
	if len(rows) != 2 || rows[0].Value.String() != "2000000.000000" || rows[1].Value.String() != "-999999999999.999999" {
		t.Errorf("got %+v", rows)
	}
}
