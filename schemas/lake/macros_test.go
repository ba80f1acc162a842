package lake

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"testing"
)

func TestPixelKeys(t *testing.T) {
	for _, c := range []struct {
		id, member int64
		code, want string
	}{
		{9012, 0, "", "9012"},
		{9012, 958, "checkout", "9012"}, // the id wins
		{0, 958, "checkout", "958/checkout"},
		{0, 0, "checkout", "0/checkout"},
		{0, 958, "", NoPixel},
		{0, 958, fmt.Sprintf("%101d", 1), NoPixel},
	} {
		if got := PixelKey(c.id, c.member, []byte(c.code)); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// Whatever ids an edge is called with, a day's account stays small, and nothing
// is lost of it.
func TestMacrosAreBounded(t *testing.T) {
	var one, two map[string]Macros
	for i := range 3000 {
		one = AddMacros(one, fmt.Sprint(i+1), Macros{OrderID: 1})
		two = AddMacros(two, fmt.Sprint(i+501), Macros{Value: 2, Rest: 1})
	}
	both := &Counts{PixelMacros: maps.Clone(one)}
	both.Add(&Counts{PixelMacros: two})
	for _, m := range []map[string]Macros{one, two, both.PixelMacros} {
		if len(m) > maxMacroPixels+1 {
			t.Errorf("%d pixels", len(m))
		}
	}
	var sum Macros
	for _, m := range both.PixelMacros {
		sum = sum.Plus(m)
	}
	if want := (Macros{OrderID: 3000, Value: 6000, Rest: 3000}); sum != want {
		t.Errorf("the sum is %+v, should be %+v", sum, want)
	}
	if m := both.PixelMacros["700"]; m != (Macros{OrderID: 1, Value: 2, Rest: 1}) {
		t.Errorf("pixel 700: %+v", m)
	}
	again := &Counts{PixelMacros: maps.Clone(one)}
	again.Add(&Counts{PixelMacros: two})
	if !reflect.DeepEqual(both, again) {
		t.Error("the same accounts give another sum")
	}
}

// What is handed out does not change, and records from before read on.
func TestMacrosInRecords(t *testing.T) {
	var old Counts
	if err := json.Unmarshal([]byte(`{"events":{"conversion":3},"unreplaced_macros":2}`), &old); err != nil || old.PixelMacros != nil {
		t.Fatalf("%+v, %v", old, err)
	}
	days := map[string]*Counts{"2026-11-01": {UnreplacedMacros: 2, PixelMacros: map[string]Macros{"7": {OrderID: 2}}}}
	clone := cloneDays(days)
	clone["2026-11-01"].Add(days["2026-11-01"])
	clone["2026-11-01"].Add(&old)
	if got := days["2026-11-01"].PixelMacros["7"].OrderID; got != 2 {
		t.Errorf("the account that was cloned has changed: %d", got)
	}
	text, err := json.Marshal(clone["2026-11-01"])
	if want := `{"events":{"conversion":3},"unreplaced_macros":6,"pixel_macros":{"7":{"order_id":4}}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
