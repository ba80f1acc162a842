package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
	"pixledger/schemas/published/publishedtest"
)

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("published %v, want %v", got, want)
	}
}

// A date is published once it is over for a day, also one without lines; what comes
// late goes as a further part, with these lines alone, whatever compaction has merged.
func TestLateLinesAreAFurtherPart(t *testing.T) {
	w, s := newWorld(t), publishedtest.New()
	w.read("a", line{"click", first, 4}, line{"conversion", first, 2}, line{"ignored", first, 1}, line{"click", today, 3}, line{"reject", first, 2})
	expect(t, w.publish(s), first+"/1", second+"/1", "2026-11-10/1")
	expect(t, w.publish(s))
	if err := w.agree(s, w.lake()); err != nil {
		t.Fatal(err)
	}
	w.compact()
	expect(t, w.publish(s))
	w.read("a", line{"click", first, 3}, line{"click", today, 1})
	w.read("b", line{"click", first, 2}, line{"reject", today, 1})
	w.compact() // what is new stands in one file with what was published
	expect(t, w.publish(s), first+"/2", second+"/2")
	if err := w.agree(s, w.lake()); err != nil {
		t.Fatal(err)
	}
	all, err := manifests(s)
	if err != nil {
		t.Fatal(err)
	}
	late := all[3]
	if late.Account.Events["click"] != 5 || len(late.Files) != 1 || late.Files[0].Path != "events/edge=edge-a/type=click/date=2026-11-08/0002.parquet" || late.First != first {
		t.Errorf("the late part is %+v", late)
	}
	w.read("a", line{"ignored", first, 1}) // a line without a row is in the account too
	expect(t, w.publish(s), first+"/3")
	expect(t, w.publish(s, func(o *Options) { o.Now = testNow.AddDate(0, 0, 2) }), "2026-11-11/1", "2026-11-12/1")
	expect(t, w.publish(s, func(o *Options) { o.Now = testNow.AddDate(0, 0, 2) }))
}

// A loss goes along with the dates that it touches, and its end as well.
func TestGapsGoAlong(t *testing.T) {
	w, s := newWorld(t), publishedtest.New()
	w.read("a", line{"click", first, 4})
	from, _ := time.Parse(time.DateOnly, second)
	lost := func(o *Options) {
		o.Gaps = []lake.Gap{{ID: "g1", Source: "edge-1", SourceID: "a", Reason: lake.GapLost, From: from, To: from.Add(30 * time.Hour)}}
	}
	expect(t, w.publish(s, lost), first+"/1", second+"/1", "2026-11-10/1")
	expect(t, w.publish(s, lost))
	all, err := manifests(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(all[0].Gaps) != 0 || len(all[1].Gaps) != 1 || all[2].Gaps[0].ID != "edge-a/g1" || all[2].Gaps[0].SourceID != "edge-a/a" {
		t.Errorf("the gaps are %v %v %v", all[0].Gaps, all[1].Gaps, all[2].Gaps)
	}
	expect(t, w.publish(s), second+"/2", "2026-11-10/2")
}

// Two lakes can't publish under one name, and neither can two copies of one.
func TestOneNameIsOneLake(t *testing.T) {
	w, s := newWorld(t), publishedtest.New()
	w.read("a", line{"click", first, 4})
	w.publish(s)
	other := newWorld(t)
	other.read("a", line{"click", first, 4})
	err := Run(context.Background(), other.options(other.lake(), s))
	if err == nil || !strings.Contains(err.Error(), "another lake publishes under the name edge-a") {
		t.Errorf("got %v", err)
	}
	copied := newWorld(t)
	copied.root = w.root + "-copy"
	copyFolder(t, w.root, copied.root)
	copied.at["a"] = w.at["a"]
	w.read("a", line{"click", first, 1})
	expect(t, w.publish(s), first+"/2")
	copied.read("a", line{"click", second, 1})
	before := s.Files()
	err = Run(context.Background(), copied.options(copied.lake(), s))
	if err == nil || !strings.Contains(err.Error(), "another machine has a copy of it") || len(s.Files()) != len(before) {
		t.Errorf("a copy of the lake: %v", err)
	}
	// Both are at it at one time: the second finds the first's part under way.
	w.read("a", line{"click", first, 1})
	s.Fail = func(_ int, after bool, op string) error {
		if after && strings.Contains(op, "/started/") {
			return errors.New("killed")
		}
		return nil
	}
	if err := Run(context.Background(), w.options(w.lake(), s)); err == nil {
		t.Error("it was not killed")
	}
	s.Fail = nil
	late := newWorld(t)
	late.root = w.root + "-late"
	copyFolder(t, w.root, late.root)
	if err := disk.Real.RemoveAll(late.lake().Path(pendingFolder)); err != nil {
		t.Fatal(err)
	}
	o := late.options(late.lake(), s)
	o.Now = testNow.Add(time.Second)
	err = Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "is published by another machine too") {
		t.Errorf("two at one time: %v", err)
	}
	expect(t, w.publish(s), first+"/3")
	if err := w.whole(s); err != nil {
		t.Error(err)
	}
	if f, err := ReadFailure(other.lake()); err != nil || f == nil || !f.Since.Equal(testNow) {
		t.Errorf("the failure is %v, %v", f, err)
	}
	o = w.options(w.lake(), s)
	o.Edge = "edge-b"
	if err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "published under the name edge-a") {
		t.Errorf("under another name: %v", err)
	}
}

// Records that are gone are fetched again.
func TestRecordsAreFetchedAgain(t *testing.T) {
	w, s := newWorld(t), publishedtest.New()
	w.read("a", line{"click", first, 4})
	w.publish(s)
	l := w.lake()
	if err := disk.Real.RemoveAll(l.Path(partsFolder)); err != nil {
		t.Fatal(err)
	}
	expect(t, w.publish(s))
	w.read("a", line{"click", first, 1})
	expect(t, w.publish(s), first+"/2")
	if err := w.agree(s, w.lake()); err != nil {
		t.Fatal(err)
	}
}

// An edge without an event publishes its account, and says that it has no first date.
// What retention has erased is not published as if it were all there was.
func TestWithoutEventsAndBeforeTheFirst(t *testing.T) {
	w, s := newWorld(t), publishedtest.New()
	w.read("a", line{"reject", "1999-12-31", 2}, line{"ignored", first, 1})
	expect(t, w.publish(s), "1999-12-31/1", first+"/1", second+"/1")
	all, err := manifests(s)
	if err != nil {
		t.Fatal(err)
	}
	if all[0].First != "" || len(all[2].Rejects) != 1 || all[2].Files[0].Rows != 2 {
		t.Errorf("published are %+v", all)
	}
	w.read("a", line{"click", second, 1})
	expect(t, w.publish(s), second+"/2", "2026-11-10/1")
	if all, err = manifests(s); err != nil || all[3].First != second {
		t.Errorf("the first date is %q, %v", all[3].First, err)
	}
	late := newWorld(t)
	late.read("a", line{"click", first, 1}, line{"click", "2026-11-10", 1})
	expect(t, late.publish(publishedtest.New(), func(o *Options) { o.Kept = second }), second+"/1", "2026-11-10/1")
}
