package decode

import (
	"testing"

	"pixledger/ingest/parse"
)

// BenchmarkDecode decodes the usual mix of requests.
func BenchmarkDecode(b *testing.B) {
	d, err := New(Options{HonorGPC: true})
	if err != nil {
		b.Fatal(err)
	}
	uris := []string{
		"/imptr?id=2766&t=2&cachebuster=1793577600", "/imptr?id=2767&t=2&cachebuster=1793577601", "/imptr?id=2768&t=2&cachebuster=1793577602",
		"/clktrb?id=21378&ancost=0.25&redir=https://shop.example/shoe?utm_source=px",
		"/px?id=9012&t=1&order_id=A-10293&value=12.50&other=blue%20shoe&gdpr=0",
	}
	requests := make([]*parse.Request, len(uris))
	for i, uri := range uris {
		r := request(uri)
		r.ID, r.IP, r.UIDGot = []byte("4f0c9ab14f0c9ab14f0c9ab14f0c9ab1"), []byte("203.0.113.77"), []byte("uid=0B0C000000000000")
		r.UserAgent = []byte("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36")
		r.Host, r.Referer = []byte("px.example"), []byte("https://shop.example/checkout/done?step=4")
		requests[i] = r
	}
	var ev Event
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if out := d.Decode(requests[i%len(requests)], now, &ev); out.Kind != IsEvent {
			b.Fatal(out)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
