package schemas_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/yamlfile"
)

var updateWant = flag.Bool("update-want", false, "write the .want files of testdata/catalog anew")

// Each bad file has one sort of mistake, and beside it the messages that a
// user gets for it. A good file loads, with the warnings that stand beside it,
// if any do.
func TestCatalogFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/catalog/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, warnings, err := schemas.ParseCatalog(filepath.Base(file), content)
			var got strings.Builder
			switch good := strings.HasSuffix(file, ".good.yaml"); {
			case good && err != nil:
				t.Fatalf("refused:\n%v", err)
			case !good && err == nil:
				t.Fatal("accepted")
			case good:
				for _, w := range warnings {
					got.WriteString(w.String() + "\n")
				}
			default:
				got.WriteString(err.Error() + "\n")
			}
			compareWant(t, strings.TrimSuffix(file, ".yaml")+".want", got.String())
		})
	}
}

func compareWant(t *testing.T, file, got string) {
	t.Helper()
	if *updateWant {
		os.Remove(file)
		if got != "" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("messages\n%swant\n%s", got, want)
	}
}

func loadAll(t *testing.T) *schemas.Catalog {
	t.Helper()
	c, _, err := schemas.LoadCatalog("testdata/catalog/all.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func amount(s string) *schemas.Money {
	m, ok := schemas.ParseMoney(s)
	if !ok {
		panic(s)
	}
	return &m
}

func TestCatalogDefaults(t *testing.T) {
	c := loadAll(t)
	p := c.Pixel(9013) // gives id, advertiser and name alone
	want := schemas.PixelSettings{TriggerType: schemas.TriggerHybrid, PostViewExpireMins: 1440, PostClickExpireMins: 20160, UniqueOrderID: true}
	if p.Base != want {
		t.Errorf("settings omitted: %+v, want %+v", p.Base, want)
	}
	if p.State != schemas.Active || p.Code != "" || p.EventCategory != "" {
		t.Errorf("omitted keys: %+v", p)
	}
	if got := c.Advertiser(7).Currency; got != "USD" {
		t.Errorf("currency omitted: %q, want the catalog's", got)
	}
	if got := c.Advertiser(8).Currency; got != "EUR" {
		t.Errorf("currency given: %q, want EUR", got)
	}
	if i := c.LineItem(383); i.State != schemas.Active || i.InsertionOrderID != 0 || i.Pixels[0].State != schemas.Active {
		t.Errorf("line item with keys omitted: %+v", i)
	}
}

func TestCatalogWindowsThatAreZeroOrNullAreTheMaximum(t *testing.T) {
	c := loadAll(t)
	for _, id := range []int64{9014, 9015} {
		p := c.Pixel(id)
		if p.Base.PostViewExpireMins != 43200 || p.Base.PostClickExpireMins != 129600 {
			t.Errorf("pixel %d: windows %d and %d, want the maximum", id, p.Base.PostViewExpireMins, p.Base.PostClickExpireMins)
		}
	}
	if m := c.Pixel(9014).Base.MinMinutesPerConv; m == nil || *m != 0 {
		t.Errorf("min_minutes_per_conv 0: %v, want 0", m)
	}
	if m := c.Pixel(9015).Base.MinMinutesPerConv; m != nil {
		t.Errorf("min_minutes_per_conv null: %v, want nil", *m)
	}
}

func TestCatalogSettingsChangeInOrderOfFrom(t *testing.T) {
	p := loadAll(t).Pixel(9012)
	n := int64(60)
	base := schemas.PixelSettings{TriggerType: schemas.TriggerClick, PostViewExpireMins: 1440, PostClickExpireMins: 20160, UniqueOrderID: false}
	first := base
	first.PostClickExpireMins, first.MinMinutesPerConv = 10080, &n
	second := first
	second.TriggerType, second.PostClickExpireMins = schemas.TriggerHybrid, 129600
	third := second
	third.MinMinutesPerConv, third.UniqueOrderID = nil, true
	for _, c := range []struct {
		at   string
		want schemas.PixelSettings
	}{
		{"2025-01-01T00:00:00Z", base},
		{"2026-08-31T21:59:59.999999Z", base},
		{"2026-08-31T22:00:00Z", first}, // midnight at +02:00
		{"2026-10-01T00:00:00Z", second},
		{"2027-01-01T00:00:00Z", third},
	} {
		got := p.SettingsAt(at(c.at))
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("at %s: %+v, want %+v", c.at, got, c.want)
		}
	}
}

func TestCatalogRates(t *testing.T) {
	a := &loadAll(t).LineItem(382).Pixels[0]
	if _, ok := a.RateAt(at("2025-12-31T23:59:59Z")); ok {
		t.Error("a rate before the first from")
	}
	r, ok := a.RateAt(at("2026-01-01T00:00:00Z"))
	if !ok || *r.PostClickRevenue != *amount("12.50") || *r.PostViewRevenue != *amount("2") {
		t.Errorf("first rate: %+v", r)
	}
	r, _ = a.RateAt(at("2026-06-01T00:00:00Z"))
	if *r.PostClickRevenue != *amount("0.000001") || r.PostViewRevenue != nil {
		t.Errorf("second rate: %+v, want its view revenue missing, not the earlier one's", r)
	}
}

// RFC 3339 sets no limit to the digits of a second.
func TestCatalogTimesKeepTheirDigits(t *testing.T) {
	c, _, err := schemas.LoadCatalog("testdata/catalog/times.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	i := c.LineItem(382)
	a := &i.Pixels[0]
	for _, x := range []struct {
		what string
		got  time.Time
		want string
	}{
		{"active_from", *i.From, "2026-01-01T00:00:00.123456789Z"},
		{"active_until", *i.Until, "2026-06-01T00:00:00.123456789Z"},
		{"the first rate", a.Rates[0].From, "2026-01-01T00:00:00.1234567Z"},
		{"the second rate, between two nanoseconds", a.Rates[1].From, "2026-01-01T00:00:00.12345679Z"},
	} {
		if got := x.got.Format(time.RFC3339Nano); got != x.want {
			t.Errorf("%s: %s, want %s", x.what, got, x.want)
		}
	}
}

func TestCatalogTextsOfAnyLength(t *testing.T) {
	long := strings.Repeat("ü", 100_000)
	c, _, err := schemas.ParseCatalog("c.yaml", []byte("version: 1\nmember_id: 958\ncurrency: USD\nadvertisers: [{id: 7, name: "+long+", code: "+long+"}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Advertiser(7); a.Name != long || a.Code != long {
		t.Errorf("name of %d bytes and code of %d bytes, want %d", len(a.Name), len(a.Code), len(long))
	}
}

func TestCatalogExactIDs(t *testing.T) {
	if s := loadAll(t).Segment(9223372036854775807); s == nil || s.Name != "The last id" {
		t.Errorf("the largest id is lost: %+v", s)
	}
}

func TestCatalogLookups(t *testing.T) {
	loaded := loadAll(t)
	byHand := &schemas.Catalog{MemberID: loaded.MemberID, Advertisers: loaded.Advertisers, LineItems: loaded.LineItems, Pixels: loaded.Pixels, Trackers: loaded.Trackers}
	for name, c := range map[string]*schemas.Catalog{"loaded": loaded, "put together by hand": byHand} {
		if p := c.PixelByCode("checkout", 958); p == nil || p.ID != 9012 {
			t.Errorf("%s: the pixel of code checkout is %+v", name, p)
		}
		if c.PixelByCode("checkout", 959) != nil || c.PixelByCode("", 958) != nil || c.PixelByCode("Checkout", 958) != nil {
			t.Errorf("%s: another member's code, no code, or one in other case is a pixel", name)
		}
		if c.Pixel(1) != nil || c.Tracker(21378).LineItemID != 382 || c.Advertiser(7).Name != "ProStarr Sportswear" {
			t.Errorf("%s: lookup by id fails", name)
		}
		if got := c.Attachments(9012); len(got) != 1 || got[0].LineItem.ID != 382 || got[0].Association.PixelID != 9012 {
			t.Errorf("%s: attachments %+v", name, got)
		}
	}
}

func TestPixelStatus(t *testing.T) {
	c := loadAll(t)
	for _, x := range []struct {
		pixel  int64
		at     string
		status schemas.PixelStatus
		why    string
	}{
		{9012, "2026-03-01T00:00:00Z", schemas.PixelActive, "line item 382 is active"},
		{9013, "2026-03-01T00:00:00Z", schemas.PixelPaused, "attached to no line item"},
		{9014, "2026-03-01T00:00:00Z", schemas.PixelPaused, "the pixel is inactive"},
		{9015, "2026-02-28T23:59:59Z", schemas.PixelPaused, "no active line item: line item 383 begins 2026-03-01T00:00:00Z, the association with line item 384 is inactive"},
		{9015, "2026-03-01T00:00:00Z", schemas.PixelActive, "line item 383 is active"},
		{9015, "2026-04-01T00:00:00Z", schemas.PixelPaused, "no active line item: line item 383 ended 2026-04-01T00:00:00Z, the association with line item 384 is inactive"},
	} {
		status, why := c.PixelStatusAt(c.Pixel(x.pixel), at(x.at))
		if status != x.status || why != x.why {
			t.Errorf("pixel %d at %s: %s, %s; want %s, %s", x.pixel, x.at, status, why, x.status, x.why)
		}
	}
	var lines []string
	for _, w := range c.PausedAt(at("2026-03-01T00:00:00Z")) {
		lines = append(lines, w.String())
	}
	want := []string{
		"testdata/catalog/all.good.yaml:52:5: warning: pixel 9013 is Paused: attached to no line item",
		"testdata/catalog/all.good.yaml:53:5: warning: pixel 9014 is Paused: the pixel is inactive",
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("paused:\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// The digest names the file's bytes: every catalog ever in force is kept under
// it, so a comment more is another catalog.
func TestCatalogDigestIsOfTheBytes(t *testing.T) {
	c, _, err := schemas.ParseCatalog("c.yaml", []byte("version: 1\nmember_id: 958\ncurrency: USD\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "e396b72de6e170cb9e88a1bf51f25a2b1e7ef0271f28f238bf7daf569135aae8"; c.Digest != want {
		t.Errorf("digest %q, want %q", c.Digest, want)
	}
	d, _, err := schemas.ParseCatalog("c.yaml", []byte("version: 1\nmember_id: 958\ncurrency: USD\n# more\n"))
	if err != nil || d.Digest == c.Digest {
		t.Errorf("digest %q does not change with the file (%v)", d.Digest, err)
	}
}

func TestCatalogThatIsNotThere(t *testing.T) {
	_, _, err := schemas.LoadCatalog(filepath.Join(t.TempDir(), "catalog.yaml"))
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "catalog.yaml") {
		t.Errorf("error %v, want one that names the file", err)
	}
}

// FuzzParseCatalog: whatever the file holds, the answer is a catalog whose
// references all resolve, or mistakes with positions, one line each.
func FuzzParseCatalog(f *testing.F) {
	files, err := filepath.Glob("testdata/catalog/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		c, _, err := schemas.ParseCatalog("c.yaml", content)
		if err != nil {
			var mistakes yamlfile.Mistakes
			if !errors.As(err, &mistakes) || len(mistakes) == 0 {
				t.Fatalf("not mistakes: %v", err)
			}
			for _, m := range mistakes {
				if m.Line < 1 || m.Column < 1 || m.What == "" || m.Allowed == "" {
					t.Fatalf("half a message: %v", m)
				}
			}
			if lines := strings.Count(err.Error(), "\n") + 1; lines != len(mistakes) {
				t.Fatalf("%d mistakes on %d lines:\n%v", len(mistakes), lines, err)
			}
			return
		}
		for _, tr := range c.Trackers {
			if c.LineItem(tr.LineItemID) == nil || c.Tracker(tr.ID) == nil {
				t.Fatalf("tracker %d refers to nothing", tr.ID)
			}
		}
		for i := range c.Pixels {
			s := c.Pixels[i].SettingsAt(time.Unix(1<<33, 0))
			if s.PostViewExpireMins < 1 || s.PostViewExpireMins > schemas.MaxViewMinutes || s.PostClickExpireMins < 1 || s.PostClickExpireMins > schemas.MaxClickMinutes {
				t.Fatalf("windows out of bounds: %+v", s)
			}
		}
	})
}
