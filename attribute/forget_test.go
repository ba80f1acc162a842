package attribute_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pixledger/attribute"
	"pixledger/attribute/reference"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/forget"
)

// An erasure changes no decision and no cent: the attributions in place are those
// of a fresh attribution of the events as they are now, byte for byte, and what
// comes later under the same id is another user's.
func TestForgetChangesNoDecision(t *testing.T) {
	situations := rapid.Custom(func(rt *rapid.T) reference.Situation {
		var worlds []reference.Situation
		for range 10 {
			cat, events, voids := reference.World(rt)
			worlds = append(worlds, reference.Situation{Catalog: cat, Events: events, Voids: voids})
		}
		return reference.Join(worlds...).Situation
	})
	base := t.TempDir()
	for range 2 {
		seed := rand.IntN(1 << 30)
		world := situations.Example(seed)
		dir, err := os.MkdirTemp(base, "world")
		if err != nil {
			t.Fatal(err)
		}
		l := newLake(t, dir, world.Catalog)
		half := len(world.Events) / 2
		l.Ingest(world.Events[:half], world.Voids)
		l.run(2)
		before := l.Attributions()
		users := someUsers(world.Events)
		sum, err := forget.Run(context.Background(), forget.Options{
			Lake: l.Lake, Now: now, UserIDs: users, Session: lakedb.Options{Threads: 2},
			Clean: func(ctx context.Context, e forget.Erased) error {
				return attribute.RenameInCache(ctx, l.Lake, attribute.Renaming{Session: e.Session, Before: e.Before, Prepare: e.Prepare})
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if sum.Mentions > 0 {
			t.Fatalf("seed %d: %d rows of others mention a user", seed, sum.Mentions)
		}
		after := l.Attributions()
		for i := range before {
			b, a := before[i], after[i]
			if b.UserID != nil && slices.Contains(users, *b.UserID) {
				if a.UserID == nil || !strings.Contains(*a.UserID, "forgotten-") || a.Other != nil {
					t.Errorf("seed %d: %s is still of %v", seed, a.ConversionID, a.UserID)
				}
				b.UserID, b.Other = a.UserID, a.Other
			}
			before[i] = b
		}
		if diff := reference.Diff(before, after); diff != "" {
			t.Fatalf("seed %d: before (-), after (+):\n%s", seed, diff)
		}
		if p := l.verify(); len(p) > 0 {
			t.Fatalf("seed %d: verify: %v", seed, p)
		}
		for _, full := range []bool{false, true} {
			o := l.options(2)
			o.Full = full
			if full {
				keep(t, l.Path("_state/cache"), func() {
					if s, err := attribute.Run(context.Background(), o); err != nil || s.Commit != 0 {
						t.Fatalf("seed %d: with nothing new, in full, commit %d; %v", seed, s.Commit, err)
					}
				})
			} else if s, err := attribute.Run(context.Background(), o); err != nil || s.Commit != 0 || s.Looked != 0 {
				t.Fatalf("seed %d: with nothing new: %+v; %v", seed, s, err)
			}
		}
		events := l.renamed(world.Events[:half], users)
		l.Ingest(world.Events[half:], nil)
		l.run(2)
		want := reference.Attribute(l.cat, append(events, world.Events[half:]...), world.Voids)
		if diff := reference.Diff(want, l.Attributions()); diff != "" {
			t.Fatalf("seed %d: after more came, want (-), got (+):\n%s", seed, diff)
		}
	}
}

// keep puts a folder back as it was before something was done.
func keep(t *testing.T, folder string, do func()) {
	t.Helper()
	aside := t.TempDir()
	if err := os.CopyFS(filepath.Join(aside, "was"), os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	do()
	if err := errors.Join(os.RemoveAll(folder), os.CopyFS(folder, os.DirFS(filepath.Join(aside, "was")))); err != nil {
		t.Fatal(err)
	}
}

// someUsers are about a third of the users.
func someUsers(events []reference.Event) []string {
	var out []string
	for _, e := range events {
		if e.UserID != nil && !slices.Contains(out, *e.UserID) {
			out = append(out, *e.UserID)
		}
	}
	slices.Sort(out)
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:len(out)/3+1]
}

// renamed gives events as an erasure leaves them.
func (l *testLake) renamed(events []reference.Event, users []string) []reference.Event {
	type place struct {
		source string
		offset int64
		id     string
	}
	names := map[place]string{}
	l.Query("SELECT source_id, source_offset, event_id, user_id FROM read_parquet($1) WHERE user_id LIKE '%forgotten-%'", "events/*/*/*.parquet", func(rows *sql.Rows) error {
		var p place
		var name string
		err := rows.Scan(&p.source, &p.offset, &p.id, &name)
		names[p] = name
		return err
	})
	ofUser := map[string]string{}
	out := slices.Clone(events)
	for i, e := range out {
		if e.UserID == nil || !slices.Contains(users, *e.UserID) {
			continue
		}
		name := names[place{e.SourceID, e.SourceOffset, e.EventID}]
		if ofUser[*e.UserID] == "" {
			ofUser[*e.UserID] = name
		}
		out[i].UserID, out[i].Other = new(ofUser[*e.UserID]), nil
	}
	return out
}
