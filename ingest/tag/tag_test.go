package tag

import (
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas"
)

// catalog is one with names, codes and piggybacks of all kinds.
func catalog(t *testing.T) *schemas.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "catalog.yaml")
	if err := os.WriteFile(path, []byte(`version: 1
member_id: 958
currency: USD
advertisers:
  - {id: 7, name: Shoes, redirect_hosts: ["*.shoes.example"]}
  - {id: 8, name: Hats}
line_items:
  - {id: 70, advertiser_id: 7, name: Running}
  - {id: 80, advertiser_id: 8, name: Summer, state: inactive}
creatives:
  - {id: 1, line_item_id: 70, name: "Blue --> shoe"}
trackers:
  - {id: 11, kind: impression, line_item_id: 70, creative_id: 1}
  - {id: 12, kind: click, line_item_id: 70, landing_url: "https://www.shoes.example/"}
  - {id: 13, kind: click, line_item_id: 80}
pixels:
  - {id: 9012, advertiser_id: 7, name: Checkout, code: "check out&more=ü,<\">"}
  - {id: 9013, advertiser_id: 7, name: "--><script>alert(1)</script><!--", code: "[MACRO]"}
  - {id: 9223372036854775807, advertiser_id: 8, name: Hat}
  - {id: 9014, advertiser_id: 7, name: Two, piggyback_pixels: [{pixel_type: img, url: "https://a.example/"}, {pixel_type: img, url: "https://b.example/"}]}
  - {id: 9015, advertiser_id: 7, name: Script, piggyback_pixels: [{pixel_type: js, url: "https://a.example/"}]}
  - {id: 9016, advertiser_id: 7, name: One, piggyback_pixels: [{pixel_type: img, url: "https://a.example/"}]}
segments:
  - {id: 45, name: Buyers, code: buyers}
  - {id: 46, name: Carts, code: "carts & more"}
  - {id: 47, name: None}
  - {id: 48, name: Comma, code: "a,b"}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	cat, _, err := schemas.LoadCatalog(path)
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func TestPixelTags(t *testing.T) {
	cat := catalog(t)
	buyers, carts := cat.Segment(45), cat.Segment(46)
	for _, c := range []struct {
		id   int64
		o    PixelOptions
		want string
	}{
		{9012, PixelOptions{}, `<img src="https://px.example/px?id=9012&t=2" width="1" height="1" />`},
		{9012, PixelOptions{JS: true}, `<script src="https://px.example/px?id=9012&t=1" type="text/javascript"></script>`},
		{9012, PixelOptions{HTTP: true}, `<img src="http://px.example/px?id=9012&t=2" width="1" height="1" />`},
		{9012, PixelOptions{Add: []*schemas.Segment{buyers}, Remove: []*schemas.Segment{carts}, OrderID: true, Value: true, Other: true, Redir: true},
			`<img src="https://px.example/px?id=9012&seg=45&remove=46&order_id=[ORDER_ID]&value=[REVENUE]&other=[OTHER]&t=2&redir=[REDIRECT_URL]" width="1" height="1" />`},
		{9012, PixelOptions{Codes: true, Add: []*schemas.Segment{buyers, carts}},
			`<img src="https://px.example/px?code=check%20out%26more%3D%C3%BC%2C%3C%22%3E&member=958&seg_code=buyers,carts%20%26%20more&t=2" width="1" height="1" />`},
		{9012, PixelOptions{ServerSide: true}, `https://px.example/sspx?id=9012&sspdata=[SSPDATA]`},
		{9012, PixelOptions{ServerSide: true, Other: true, Value: true, OrderID: true},
			`https://px.example/sspx?id=9012&order_id=[ORDER_ID]&value=[REVENUE]&other=[OTHER]&sspdata=[SSPDATA]`},
		{9223372036854775807, PixelOptions{}, `<img src="https://px.example/px?id=9223372036854775807&t=2" width="1" height="1" />`},
		{9014, PixelOptions{JS: true}, `<script src="https://px.example/px?id=9014&t=1" type="text/javascript"></script>`},
		{9014, PixelOptions{ServerSide: true}, `https://px.example/sspx?id=9014&sspdata=[SSPDATA]`},
		{9016, PixelOptions{}, `<img src="https://px.example/px?id=9016&t=2" width="1" height="1" />`},
	} {
		c.o.Host = "px.example"
		got, err := Pixel(cat, cat.Pixel(c.id), c.o)
		if err != nil || got.Text() != c.want {
			t.Errorf("%d %+v:\n got %v, %v\nwant %s", c.id, c.o, got, err, c.want)
		}
	}
}

func TestPixelsThatCanNotBeWrittenSo(t *testing.T) {
	cat := catalog(t)
	buyers := cat.Segment(45)
	for _, c := range []struct {
		id   int64
		o    PixelOptions
		want string // of the first reason
	}{
		{9014, PixelOptions{}, "pixel 9014: an image can't carry its piggybacks (2 of type img, 0 of type js)"},
		{9015, PixelOptions{}, "pixel 9015: an image can't carry its piggybacks (0 of type img, 1 of type js)"},
		{9012, PixelOptions{ServerSide: true, JS: true}, "pixel 9012: a server-side pixel takes no --js"},
		{9012, PixelOptions{ServerSide: true, Codes: true}, "pixel 9012: a server-side pixel takes no --codes"},
		{9012, PixelOptions{ServerSide: true, Add: []*schemas.Segment{buyers}}, "pixel 9012: a server-side pixel takes no --add"},
		{9012, PixelOptions{ServerSide: true, Remove: []*schemas.Segment{buyers}}, "pixel 9012: a server-side pixel takes no --remove"},
		{9012, PixelOptions{ServerSide: true, Redir: true}, "pixel 9012: a server-side pixel takes no --redir"},
		{9014, PixelOptions{Codes: true, JS: true}, "pixel 9014: it has no code"},
		{9013, PixelOptions{Codes: true}, `pixel 9013: its code "[MACRO]" reads as a macro`},
		{9012, PixelOptions{Codes: true, Add: []*schemas.Segment{cat.Segment(47)}}, "pixel 9012: segment 47 has no code"},
		{9012, PixelOptions{Codes: true, Remove: []*schemas.Segment{cat.Segment(48)}}, `pixel 9012: segment 48: its code "a,b" has a comma`},
		{9012, PixelOptions{Add: []*schemas.Segment{buyers}, Remove: []*schemas.Segment{buyers}}, "pixel 9012: segment 45 stands in --add and in --remove"},
	} {
		c.o.Host = "px.example"
		got, err := Pixel(cat, cat.Pixel(c.id), c.o)
		if got != nil || err == nil || !strings.HasPrefix(err.Error(), c.want) || !strings.Contains(err.Error(), "; allowed") {
			t.Errorf("%d %+v: got %v, %v; want %s", c.id, c.o, got, err, c.want)
		}
	}
}

func TestTrackersAndSegments(t *testing.T) {
	cat := catalog(t)
	all := TrackerOptions{Host: "px.example:8443", Cachebuster: true, AnCost: true, Redir: true}
	for _, c := range []struct {
		id    int64
		o     TrackerOptions
		want  string
		notes string
	}{
		{11, TrackerOptions{Host: "px.example"}, `<img src="https://px.example/imptr?id=11&t=2" width="1" height="1" />`, ""},
		{11, TrackerOptions{Host: "px.example", JS: true, HTTP: true}, `<script src="http://px.example/imptr?id=11&t=1" type="text/javascript"></script>`, ""},
		{11, all, `<img src="https://px.example:8443/imptr?id=11&cachebuster=[CACHEBUSTER]&ancost=[ANCOST]&t=2&redir=[REDIRECT_URL]" width="1" height="1" />`, ""},
		{12, TrackerOptions{Host: "px.example"}, `https://px.example/clktr?id=12`, ""},
		{12, all, `https://px.example:8443/clktr?id=12&cachebuster=[CACHEBUSTER]&ancost=[ANCOST]&redir=[REDIRECT_URL]`, ""},
		{13, all, `https://px.example:8443/clktr?id=13&cachebuster=[CACHEBUSTER]&ancost=[ANCOST]&redir=[REDIRECT_URL]`,
			"advertiser 8 has no redirect_hosts line item 80 is inactive no landing_url"},
	} {
		got := Tracker(cat, cat.Tracker(c.id), c.o)
		if got.Text() != c.want {
			t.Errorf("%d %+v:\n got %s\nwant %s", c.id, c.o, got.Text(), c.want)
		}
		if (len(got.Notes) > 0) != (c.notes != "") {
			t.Errorf("%d: notes %q, want %q", c.id, got.Notes, c.notes)
		}
	}
	if got := Segment(cat.Segment(45), SegmentOptions{Host: "px.example"}).Text(); got != `<img src="https://px.example/seg?add=45&t=2" width="1" height="1" />` {
		t.Error(got)
	}
	if got := Segment(cat.Segment(45), SegmentOptions{Host: "px.example", JS: true}).Text(); got != `<script src="https://px.example/seg?add=45&t=1" type="text/javascript"></script>` {
		t.Error(got)
	}
}

// A comment ends where it should, whatever the name.
func TestHostileNames(t *testing.T) {
	for name, want := range map[string]string{
		"Checkout":                 "<!-- Checkout -->",
		"--><script>x</script><!-": "<!-- -)(script)x(/script)(! -->",
		"a--->--b\nc\r--":          "<!-- a-)-b c -->",
		"a --!>":                   "<!-- a -!) -->",
		"a\u009b31m\x1b[1m":        "<!-- a 31m [1m -->",
	} {
		got := (&Tag{Name: name}).Comment()
		if got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
		if inner := strings.TrimSuffix(strings.TrimPrefix(got, "<!--"), "-->"); strings.ContainsAny(inner, "<>\n\r") || strings.Contains(inner, "--") || strings.HasSuffix(inner, "-") {
			t.Errorf("%q: %s can end early", name, got)
		}
	}
}

func TestHosts(t *testing.T) {
	for _, host := range []string{"px.example.com", "localhost", "px.example.com:8443", "10.0.0.1"} {
		if err := CheckHost(host); err != nil {
			t.Error(err)
		}
	}
	for _, host := range []string{"", "https://px.example.com", "px.example.com/", `px"onerror=`, "a b", "px.example.com:", "[::1]"} {
		if CheckHost(host) == nil {
			t.Errorf("%q is allowed", host)
		}
	}
}

var sourceForm = regexp.MustCompile(`src="([^"]*)"`)

// Whatever is asked for, the URL that is pasted, its macros replaced as pages
// do, is read back by the parser of the logs as what was asked for.
func TestTagsAreReadAsAsked(t *testing.T) {
	cat := catalog(t)
	r := rand.New(rand.NewPCG(1, 2))
	coin := func() bool { return r.IntN(2) == 0 }
	segments := func() []*schemas.Segment {
		var out []*schemas.Segment
		for i := range cat.Segments {
			if coin() {
				out = append(out, &cat.Segments[i])
			}
		}
		return out
	}
	values := strings.NewReplacer(OrderIDMacro, "A-1", RevenueMacro, "12.50", OtherMacro, "x%26y", RedirectMacro, "https%3A%2F%2Fwww.shoes.example%2F%3Fa%3D1%26id%3D5",
		SSPDataMacro, "tok%2Ben.&id=5.", CachebusterMacro, "123", AnCostMacro, "0.25")
	read, refused := 0, 0
	for range 20_000 {
		var asked, got string
		var tag *Tag
		switch r.IntN(4) {
		case 0, 1:
			o := PixelOptions{Host: "px.example", JS: coin(), HTTP: coin(), Codes: coin(), ServerSide: r.IntN(3) == 0, OrderID: coin(), Value: coin(), Other: coin(), Redir: coin()}
			if coin() {
				o.Add = segments()
			}
			if coin() {
				o.Remove = segments()
			}
			p := &cat.Pixels[r.IntN(len(cat.Pixels))]
			var err error
			if tag, err = Pixel(cat, p, o); err != nil {
				refused++
				continue
			}
			asked = pixelAsked(cat, p, o)
		case 2:
			o := TrackerOptions{Host: "px.example", JS: coin(), HTTP: coin(), Cachebuster: coin(), AnCost: coin(), Redir: coin()}
			x := &cat.Trackers[r.IntN(len(cat.Trackers))]
			tag, asked = Tracker(cat, x, o), trackerAsked(x, o)
		default:
			o := SegmentOptions{Host: "px.example", JS: coin()}
			s := &cat.Segments[r.IntN(len(cat.Segments))]
			tag, asked = Segment(s, o), fmt.Sprintf("segment add=[%d] t=%s", s.ID, map[bool]string{true: "1", false: "2"}[o.JS])
		}
		got = readBack(t, values.Replace(tag.Text()))
		if got != asked {
			t.Fatalf("%s\nis read as %s\nasked was  %s", tag.Text(), got, asked)
		}
		read++
	}
	if read < 5000 || refused < 1000 {
		t.Errorf("%d were read, %d refused", read, refused)
	}
}

func pixelAsked(cat *schemas.Catalog, p *schemas.Pixel, o PixelOptions) string {
	var b strings.Builder
	b.WriteString("conversion")
	put := func(is bool, format string, args ...any) {
		if is {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	ids, codes := func(list []*schemas.Segment) (out []int64) {
		for _, s := range list {
			out = append(out, s.ID)
		}
		return out
	}, func(list []*schemas.Segment) (out []string) {
		for _, s := range list {
			out = append(out, s.Code)
		}
		return out
	}
	put(o.ServerSide, "server-side")
	put(!o.Codes, "pixel=%d", p.ID)
	put(o.Codes, "code=%s member=%d", p.Code, cat.MemberID)
	put(!o.Codes && len(o.Add) > 0, "add=%v", ids(o.Add))
	put(!o.Codes && len(o.Remove) > 0, "remove=%v", ids(o.Remove))
	put(o.Codes && len(o.Add) > 0, "add=%q", codes(o.Add))
	put(o.Codes && len(o.Remove) > 0, "remove=%q", codes(o.Remove))
	put(o.OrderID, "order=A-1")
	put(o.Value, "value=12.50")
	put(o.Other, "other=x&y")
	put(o.ServerSide, "sspdata=tok+en.&id=5.")
	put(!o.ServerSide && o.Redir, "redir=https://www.shoes.example/?a=1&id=5")
	put(!o.ServerSide, "t=%s", map[bool]string{true: "1", false: "2"}[o.JS])
	return b.String()
}

func trackerAsked(x *schemas.Tracker, o TrackerOptions) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s tracker=%d", x.Kind, x.ID)
	if o.AnCost {
		b.WriteString(" cost=0.25")
	}
	if o.Cachebuster {
		b.WriteString(" cachebuster=123")
	}
	if o.Redir {
		b.WriteString(" redir=https://www.shoes.example/?a=1&id=5")
	}
	if x.Kind == schemas.ImpressionTracker {
		fmt.Fprintf(&b, " t=%s", map[bool]string{true: "1", false: "2"}[o.JS])
	}
	return b.String()
}

// readBack loads what was pasted, as a browser or a server would, and tells what
// the ledger reads of the edge's log line.
func readBack(t *testing.T, pasted string) string {
	t.Helper()
	url := pasted
	if m := sourceForm.FindStringSubmatch(pasted); m != nil {
		url = html.UnescapeString(m[1])
	}
	_, target, ok := strings.Cut(strings.SplitN(url, "://", 2)[1], "/")
	if !ok {
		t.Fatal(url)
	}
	line := `{"time":"1793577600.000","id":"1","method":"GET","uri":"/` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(target) + `","status":"200"}`
	var req parse.Request
	if err := (parse.Pixledger{}).Parse([]byte(line), &req); err != nil {
		t.Fatal(line, err)
	}
	d, err := decode.New(decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ev decode.Event
	if out := d.Decode(&req, 1_793_577_600_000_000, &ev); out.Kind != decode.IsEvent {
		t.Fatalf("%s is no event: %+v", line, out)
	}
	if ev.UnreplacedMacros > 0 {
		t.Fatalf("%s has macros", line)
	}
	var b strings.Builder
	b.WriteString(string(ev.Type))
	put := func(is bool, format string, args ...any) {
		if is {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	put(ev.ServerSide, "server-side")
	put(ev.PixelID != 0, "pixel=%d", ev.PixelID)
	put(ev.TrackerID != 0, "tracker=%d", ev.TrackerID)
	put(ev.PixelCode != nil, "code=%s", ev.PixelCode)
	put(ev.MemberID != 0, "member=%d", ev.MemberID)
	put(len(ev.SegmentsAdded) > 0, "add=%v", ev.SegmentsAdded)
	put(len(ev.SegmentsRemoved) > 0, "remove=%v", ev.SegmentsRemoved)
	put(len(ev.SegmentCodesAdded) > 0, "add=%q", ev.SegmentCodesAdded)
	put(len(ev.SegmentCodesRemoved) > 0, "remove=%q", ev.SegmentCodesRemoved)
	put(ev.OrderID != nil, "order=%s", ev.OrderID)
	put(ev.HasValue, "value=%s", ev.ValueText)
	put(ev.Other != nil, "other=%s", ev.Other)
	put(ev.SSPData != nil, "sspdata=%s", ev.SSPData)
	put(ev.HasMediaCost, "cost=0.25")
	slices.SortFunc(ev.Params, func(x, y decode.Param) int { return strings.Compare(string(x.Name), string(y.Name)) })
	for _, p := range ev.Params {
		put(true, "%s=%s", p.Name, p.Value)
	}
	return b.String()
}
