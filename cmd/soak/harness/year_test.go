package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The laws of the year see harm: a law that can not fail proves nothing.
func TestYearSeesHarm(t *testing.T) {
	y, err := newYear(options(t))
	if err != nil {
		t.Fatal(err)
	}
	for y.night = range 2 {
		if err := y.pass(t.Context(), y.night == 1); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(harm, says string, law func(context.Context) error) {
		t.Helper()
		if err := law(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: it says %v; want %q", harm, err, says)
		}
	}
	y.net.events++
	wants("an event is lost", "events with", y.eventsRead)

	var booked []string
	if err := y.rows(t.Context(), "SELECT conversion_id FROM ledger WHERE kind = 'booking' AND amount > 0", func(f []string) error {
		booked = append(booked, strings.Clone(f[0]))
		return nil
	}); err != nil || len(booked) == 0 {
		t.Fatalf("booked: %v, %v", booked, err)
	}
	for _, args := range [][]string{{"void", booked[0], "--reason", "test", "--by", "me"}, {"attribute"}} {
		if _, err := y.must(t.Context(), y.at(args...)...); err != nil {
			t.Fatal(err)
		}
	}
	wants("a conversion earns other than what is booked", "the ledger has", y.sumsOfConversions)

	for path := range y.ledger {
		if strings.Contains(path, "booked=1970") {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		twice := filepath.Join(filepath.Dir(path), "twice.parquet")
		if err := os.WriteFile(twice, content, 0o644); err != nil {
			t.Fatal(err)
		}
		wants("a file is there twice", "its close noted", y.sumsOfDays)
		wants("a file is new under a closed day", "under a day closed before", y.check)
		if err := errors.Join(os.Remove(twice), os.WriteFile(path, slices.Concat(content, []byte{0}), 0o644)); err != nil {
			t.Fatal(err)
		}
		wants("a file is longer", "has changed", y.check)
		break
	}
}
