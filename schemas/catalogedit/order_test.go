package catalogedit

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The order of keys is the schema's own: a key that the schema gets is one that
// new entries have a place for.
func TestKeysStandAsInTheSchema(t *testing.T) {
	b, err := os.ReadFile("../catalog.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties json.RawMessage `json:"properties"`
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	for kind, def := range map[string]string{
		"advertisers": "advertiser", "insertion_orders": "insertion_order", "line_items": "line_item", "line_items/pixels": "association", "line_items/pixels/rates": "rate",
		"creatives": "creative", "publishers": "publisher", "trackers": "tracker", "pixels": "pixel", "pixels/settings": "settings_change", "pixels/piggyback_pixels": "piggyback",
		"segments": "segment", "": "",
	} {
		properties := schema.Properties
		if def != "" {
			properties = schema.Defs[def].Properties
		}
		if got := strings.Join(keysOf(t, properties), " "); got != order[kind] {
			t.Errorf("%s: the schema has %q, order %q", def, got, order[kind])
		}
	}
	if len(order) != 13 {
		t.Errorf("order has %d lists, this test knows 13", len(order))
	}
}

// keysOf gives the keys of a JSON object in their order.
func keysOf(t *testing.T, object json.RawMessage) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	var keys []string
	if _, err := dec.Token(); err != nil { // the brace
		t.Fatal(err)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key.(string))
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}
