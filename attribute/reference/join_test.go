package reference

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pixledger/schemas"
)

// Worlds that are joined decide as each of them does alone.
func TestJoinedWorldsDoNotMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var apart []Situation
		for i := range rapid.IntRange(1, 3).Draw(t, "worlds") {
			cat, events, voids := World(t)
			if i > 0 && rapid.Bool().Draw(t, "of another member") {
				cat.MemberID = memberID + 1
			}
			apart = append(apart, Situation{cat, events, voids})
		}
		j := Join(apart...)
		checkJoined(t, j, apart)

		// The same holds with a catalog changed at its place.
		before := Format(apart[0].Catalog, nil, nil)
		apart[0].Catalog = ChangedCatalog(t, apart[0].Catalog)
		changed := Join(apart...)
		checkJoined(t, changed, apart)
		if !reflect.DeepEqual(changed.Events, j.Events) {
			t.Fatalf("a changed catalog changed the events' names; it was\n%s", before)
		}
	})
}

func checkJoined(t *rapid.T, j Joined, apart []Situation) {
	rows, err := j.Apart(Attribute(j.Catalog, j.Events, j.Voids))
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range apart {
		if diff := Diff(Attribute(w.Catalog, w.Events, w.Voids), rows[i]); diff != "" {
			t.Fatalf("world %d of %d decides differently when joined:\n%s\n%s", i, len(apart), diff, Format(w.Catalog, w.Events, w.Voids))
		}
	}
}

// The same world twice is where anything shared would show.
func TestJoinedTwinsDoNotMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cat, events, voids := World(t)
		w := Situation{cat, events, voids}
		printed := Format(cat, events, voids)
		checkJoined(t, Join(w, w, w), []Situation{w, w, w})
		if Format(cat, events, voids) != printed {
			t.Fatalf("joining changed the world\n%s", printed)
		}
	})
}

func TestJoinedWorldsAreWorlds(t *testing.T) {
	for seed := range 10 {
		a, b := worlds.Example(seed), worlds.Example(seed+10)
		j := Join(Situation{a.cat, a.events, a.voids}, Situation{b.cat, b.events, b.voids})
		if err := loadable(j.Catalog); err != nil {
			t.Fatal(err)
		}
		read, err := Parse(Format(j.Catalog, j.Events, j.Voids))
		if err != nil || !reflect.DeepEqual(read.Catalog, j.Catalog) || !reflect.DeepEqual(read.Events, j.Events) {
			t.Fatalf("another joined world is read back: %v", err)
		}
	}
}

func TestApartRefusesStrangers(t *testing.T) {
	j := Join(Situation{Catalog: &schemas.Catalog{}})
	if _, err := j.Apart([]Attribution{{ConversionID: "w001.c1"}}); err == nil || !strings.Contains(err.Error(), "w001.c1") {
		t.Errorf("a row of no world: %v", err)
	}
}

func TestChangedCatalogs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cat, _, _ := World(t)
		printed := Format(cat, nil, nil)
		digest := cat.Digest
		// Changes of changes, too: a catalog may run out of things to change.
		for range 3 {
			changed := ChangedCatalog(t, cat)
			if changed.Digest == cat.Digest || changed.Digest != digestOf(changed) {
				t.Fatalf("digest %s of a catalog changed from %s", changed.Digest, cat.Digest)
			}
			if Format(cat, nil, nil) != printed || cat.Digest != digest {
				t.Fatalf("changing a copy changed the original\n%s\n%s", printed, Format(cat, nil, nil))
			}
			cat, printed, digest = changed, Format(changed, nil, nil), changed.Digest
		}
		if err := loadable(cat); err != nil {
			t.Fatal(err)
		}
	})
}

// Changed catalogs are worth comparing on only if they change decisions, and
// in every column that is of the catalog.
func TestChangedCatalogsChangeDecisions(t *testing.T) {
	type change struct {
		w   drawnWorld
		now *schemas.Catalog
	}
	changes := rapid.Custom(func(t *rapid.T) change {
		cat, events, voids := World(t)
		return change{drawnWorld{cat, events, voids}, ChangedCatalog(t, cat)}
	})
	seen := map[string]int{}
	const worlds = 400
	for seed := range worlds {
		c := changes.Example(seed)
		was, is := Attribute(c.w.cat, c.w.events, c.w.voids), Attribute(c.now, c.w.events, c.w.voids)
		differ := map[string]bool{"decisions": Diff(was, is) != ""}
		for i := range is {
			a, b := reflect.ValueOf(was[i]), reflect.ValueOf(is[i])
			for f := range a.NumField() {
				if a.Field(f).Interface() != b.Field(f).Interface() && fmt.Sprint(value(a.Field(f))) != fmt.Sprint(value(b.Field(f))) {
					differ[a.Type().Field(f).Name] = true
				}
			}
		}
		for what, differs := range differ {
			if differs {
				seen[what]++
			}
		}
	}
	t.Logf("of %d worlds: %v", worlds, seen)
	for _, what := range []string{"decisions", "PixelID", "AdvertiserID", "Outcome", "Reason", "ConversionType", "TouchID",
		"TrackerID", "LineItemID", "BookedRevenue", "Currency", "RateMissing"} {
		if seen[what] < 4 {
			t.Errorf("%s changed in %d of %d worlds, too few to trust a comparison", what, seen[what], worlds)
		}
	}
}

// value is what a column holds, through its pointer.
func value(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	return v.Interface()
}
