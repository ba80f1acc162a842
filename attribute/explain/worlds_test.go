package explain

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"pixledger/attribute/reference"
	"pixledger/schemas"
)

// worlds is how many worlds the property test draws, unless -rapid.checks says
// another number.
const worlds = "150"

func TestMain(m *testing.M) {
	flag.Parse()
	drawn := false
	flag.Visit(func(f *flag.Flag) { drawn = drawn || f.Name == "rapid.checks" })
	if !drawn {
		if err := flag.Set("rapid.checks", worlds); err != nil {
			panic(err)
		}
	}
	m.Run()
}

// An explanation that says something else than what is booked is worse than
// none: in every corner of the rules it gives the row that attribution gives,
// and its touches and steps say the same.
func TestExplainsWhatWasDecided(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cat, events, voids := reference.World(rt)
		dir, err := os.MkdirTemp(base, "world")
		if err != nil {
			rt.Fatalf("%v", err)
		}
		defer os.RemoveAll(dir)
		l := newLake(rt, dir, cat)
		l.Ingest(events, voids)
		rows := reference.Attribute(cat, events, voids)
		// The engine gives the reference's rows, which its own tests hold it to;
		// most worlds take the reference's word for it, in less time.
		byEngine := rapid.IntRange(0, 7).Draw(rt, "attributed by the engine") == 7
		if byEngine {
			l.attribute()
		} else {
			l.decided(rows)
		}
		look := func(notes string) {
			r := l.reader()
			for _, want := range rows {
				x := l.explain(r, want.ConversionID)
				if wrong := x.differs(want); wrong != "" {
					rt.Fatalf("%s, %s: %s\n%+v\nin the world\n%s", want.ConversionID, notes, wrong, x.Look, reference.Format(cat, events, voids))
				}
			}
		}
		if byEngine {
			look("by the engine's notes")
			l.loseNotes()
		}
		look("without notes")
	})
}

// differs says how an explanation is not of the row given, or not of one piece.
func (x *Explanation) differs(want reference.Attribution) string {
	if got := x.Decision.asReference(); !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("decided as\n%s, not as\n%s", reference.FormatRow(got), reference.FormatRow(want))
	}
	if x.Pending != "" || !reflect.DeepEqual(x.Live, &x.Decision) {
		return "differs from the live row, of which nothing has changed: " + x.Pending
	}
	last := x.Steps[len(x.Steps)-1]
	if last.Passed != (want.Reason == nil) || !last.Passed && last.Name != *want.Reason {
		return fmt.Sprintf("the last step is %+v", last)
	}
	for i, s := range x.Steps {
		if s.Step != i+1 || s.Passed != (s.Step != last.Step || last.Passed) || s.Said == "" {
			return fmt.Sprintf("step %d is %+v", i+1, s)
		}
	}
	won := 0
	for i, t := range x.Touches {
		if t.Verdict == "" || t.Why == "" || (t.Verdict == NotConsidered) != (last.Step < 7) {
			return fmt.Sprintf("touch %d has the verdict %q: %s", i, t.Verdict, t.Why)
		}
		qualified := t.Verdict == Won || t.Verdict == Older || t.Verdict == BeatenByClick || t.Verdict == Tie
		if qualified && last.Step < 8 {
			return fmt.Sprintf("touch %d qualifies, and step %d decided", i, last.Step)
		}
		if t.Verdict != Won {
			continue
		}
		won++
		if i > 0 || want.TouchID != nil && (t.EventID != *want.TouchID || !t.EventTime.Equal(*want.TouchTime) || *t.TrackerID != *want.TrackerID) {
			return fmt.Sprintf("touch %d won: %+v", i, t)
		}
	}
	if touched := last.Step >= 8; touched != (won == 1) || won > 1 {
		return fmt.Sprintf("%d touches won", won)
	}
	if again := last.Name == "repeat" || last.Name == "duplicate_order"; !last.Passed && again != (x.Earlier != nil) {
		return fmt.Sprintf("the earlier conversion is %+v", x.Earlier)
	}
	if want.Reason == nil && x.Decision.RateMissing == (x.Rate != nil && x.figure() != nil) {
		return fmt.Sprintf("the rate is %+v", x.Rate)
	}
	return ""
}

func (x *Explanation) figure() *schemas.Money {
	if *x.Decision.ConversionType == "post_click" {
		return x.Rate.PostClickRevenue
	}
	return x.Rate.PostViewRevenue
}

func (w *Row) asReference() reference.Attribution {
	return reference.Attribution{
		ConversionID: w.ConversionID, ConversionTime: w.ConversionTime, PixelID: w.PixelID, AdvertiserID: w.AdvertiserID,
		UserID: w.UserID, OrderID: w.OrderID, Value: w.Value, Other: w.Other, ServerSide: w.ServerSide, Outcome: w.Outcome,
		Reason: w.Reason, ConversionType: w.ConversionType, TouchID: w.TouchID, TouchTime: w.TouchTime, TrackerID: w.TrackerID,
		LineItemID: w.LineItemID, CreativeID: w.CreativeID, PublisherID: w.PublisherID, BookedRevenue: w.BookedRevenue,
		Currency: w.Currency, RateMissing: w.RateMissing,
	}
}

// What the documentation promises with an example is explained as it says.
func TestExplainsTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	const plain = "../reference/testdata/steps.md"
	for _, doc := range []string{"../../docs/attribution.md", plain} {
		examples, err := reference.Examples(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range examples {
			t.Run(e.Name, func(t *testing.T) {
				l := newLake(t, t.TempDir(), e.Catalog)
				l.Ingest(e.Events, e.Voids)
				wanted := reference.Attribute(e.Catalog, e.Events, e.Voids)
				if doc == plain {
					l.decided(wanted)
				} else {
					l.attribute()
				}
				r := l.reader()
				var rows []reference.Attribution
				for _, want := range wanted {
					x := l.explain(r, want.ConversionID)
					if wrong := x.differs(want); wrong != "" {
						t.Errorf("%s: %s", want.ConversionID, wrong)
					}
					rows = append(rows, x.Decision.asReference())
				}
				if err := e.Check(rows); err != nil {
					t.Errorf("%s: %v", doc, err)
				}
			})
		}
	}
}
