package edge_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"pixledger/ingest/edge"
	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas"
)

// catalog has two advertisers, one that redirects are followed for and one
// without, so that what is one's own can be told from the other's.
func catalog() *schemas.Catalog {
	return &schemas.Catalog{
		MemberID: 958,
		Advertisers: []schemas.Advertiser{
			{ID: 7, RedirectHosts: []string{"*.prostarr.example", "shop.example"}},
			{ID: 8, RedirectHosts: []string{"other.example"}},
			{ID: 9},
		},
		LineItems: []schemas.LineItem{{ID: 382, AdvertiserID: 7}, {ID: 383, AdvertiserID: 8}, {ID: 384, AdvertiserID: 9}},
		Trackers: []schemas.Tracker{
			{ID: 2766, Kind: schemas.ImpressionTracker, LineItemID: 382, LandingURL: "https://never.example/"},
			{ID: 21378, Kind: schemas.ClickTracker, LineItemID: 382, LandingURL: "https://shop.example/shoe?tok=${SSP_DATA}&x=1"},
			{ID: 21379, Kind: schemas.ClickTracker, LineItemID: 383, LandingURL: "https://other.example/"},
			{ID: 21380, Kind: schemas.ClickTracker, LineItemID: 384, LandingURL: "https://plain.example/a?b=$1&c=$request_id"},
			{ID: 21381, Kind: schemas.ClickTracker, LineItemID: 382},
		},
		Pixels: []schemas.Pixel{
			{ID: 9012, AdvertiserID: 7, Code: "checkout"},
			{ID: 9013, AdvertiserID: 9, Code: "Summer Sale+5%", Piggybacks: []schemas.Piggyback{{PixelType: "img", URL: "https://pig.example/i?a=1&b=$2"}}},
			{ID: 9014, AdvertiserID: 9, Code: "check.ut", Piggybacks: []schemas.Piggyback{
				{PixelType: "js", URL: `https://pig.example/a.js?q="</script>`}, {PixelType: "js", URL: "https://pig.example/b.js"},
				{PixelType: "img", URL: "https://pig.example/1"}, {PixelType: "img", URL: "https://pig.example/2"}}},
		},
	}
}

// printed gives the configuration of a test's edge.
func printed(t testing.TB, cat *schemas.Catalog, change ...func(*edge.Config)) string {
	t.Helper()
	cfg := edge.Config{Listen: edgetest.Addr(t), Log: edgetest.Dir(t) + "/pixel.log"}
	for _, c := range change {
		c(&cfg)
	}
	var b strings.Builder
	if err := edge.Nginx(&b, cfg, cat); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// request writes raw bytes of one request and reads the answer. Raw, because a
// client library would tidy what the tests are about.
func request(t testing.TB, s *edgetest.Server, raw string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return requestOver(t, c, raw)
}

// requestOver is request on a connection, which it closes.
func requestOver(t testing.TB, c net.Conn, raw string) (*http.Response, string) {
	t.Helper()
	defer c.Close()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return resp, string(body)
}

// get asks for a target as it stands, with header lines or none.
func get(t testing.TB, s *edgetest.Server, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	return send(t, s, "GET", target, headers...)
}

func send(t testing.TB, s *edgetest.Server, method, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	return request(t, s, head(method, target, headers...))
}

// head gives the bytes of a request without a body.
func head(method, target string, headers ...string) string {
	lines := ""
	for _, h := range headers {
		lines += h + "\r\n"
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n%s\r\n", method, target, lines)
}

// line is a line of the log, every key of the format.
type line struct {
	Time, ID, IP, Method, Host, URI, Status, Referer, UA, GPC string
	Got                                                       string `json:"uid_got"`
	Set                                                       string `json:"uid_set"`
}

// logged stops the edge and reads its log: nothing more can come.
func logged(t testing.TB, s *edgetest.Server) []line {
	t.Helper()
	s.Stop()
	var lines []line
	for _, text := range s.Lines(0) {
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatalf("logged %q: %v", text, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// transparentGIF is 1x1, as browsers and other pixels have it: 43 bytes.
const transparentGIF = "GIF89a\x01\x00\x01\x00\x80\x01\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x01\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x4c\x01\x00\x3b"
