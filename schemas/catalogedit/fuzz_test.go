package catalogedit_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"pixledger/schemas/catalogedit"
)

// Whatever the file is, an edit ends with a catalog that has the change, or with
// an error. Where nothing is asked for, no byte changes.
func FuzzEdit(f *testing.F) {
	template, err := os.ReadFile("../../cmd/pixledger/templates/catalog.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(template, "Checkout")
	f.Add([]byte("{version: 1, member_id: 1, currency: USD, advertisers: [{id: 7, name: x}], pixels: [{id: 1, advertiser_id: 7, name: A, settings: ,}]}"), "it's")
	f.Add([]byte("\ufeff---\r\nversion: 1\r\nmember_id: 1\r\ncurrency: 'USD'\r\nadvertisers:\r\n- {id: 7, name: |\r\n    x\r\n}\r\npixels:\r\n- id: 1\r\n  advertiser_id: 7\r\n  name: >-\r\n    a\r\n\r\n    # b\r\n  settings: [ # x\r\n  ]\r\n..."), "a: b")
	f.Add([]byte("version: 1\nmember_id: 1\ncurrency: USD # \u2028advertisers:\n- {id: 7, name: x}\npixels: # a\u0085- {id: 1, advertiser_id: 7, \"name\": \"A\\\n  B\"}"), "\u2028")
	f.Fuzz(func(t *testing.T, content []byte, name string) {
		file, err := catalogedit.New("catalog.yaml", content)
		if err != nil {
			return
		}
		if r, err := file.Apply(); err != nil || !bytes.Equal(r.Content, content) {
			t.Fatalf("without a change: %v", err)
		}
		if file, err = catalogedit.New("catalog.yaml", content); err != nil {
			t.Fatal(err)
		}
		pixels, advertisers := file.Catalog().Pixels, file.Catalog().Advertisers
		for _, p := range pixels[:min(len(pixels), 3)] {
			e := file.Entry("pixels", p.ID)
			e.Set("min_minutes_per_conv", int64(5))
			e.Set("name", name)
			e.Remove("active_until")
			e.Insert("settings", "setting", 0, fields{{"from", time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)}, {"trigger_type", "view"}})
		}
		if len(advertisers) > 0 {
			file.Append("pixels", "pixel", fields{{"id", int64(987654321)}, {"advertiser_id", advertisers[0].ID}, {"name", name}})
		}
		r, err := file.Apply()
		if err != nil {
			return
		}
		for i, p := range pixels[:min(len(pixels), 3)] {
			now := r.Catalog.Pixels[i]
			if now.ID != p.ID || now.Name != name || now.Period.Until != nil || *now.Base.MinMinutesPerConv != 5 || len(now.Changes) != len(p.Changes)+1 {
				t.Fatalf("pixel %d is %+v\nbefore:\n%s\nafter:\n%s", p.ID, now, content, r.Content)
			}
		}
		if bytes.Count(r.Content, []byte("\n")) < bytes.Count(content, []byte("\n"))-3*len(pixels)-3 {
			t.Fatalf("lines are gone\nbefore:\n%s\nafter:\n%s", content, r.Content)
		}
	})
}
