package segment

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
)

// benchLines are log lines as an edge writes them: mostly impressions, some
// clicks and conversions, a few segment pixels, robots and other paths.
func benchLines(n int) [][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	agents := make([]string, 300)
	for i := range agents {
		agents[i] = fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.0 Safari/537.36", 100+i%40, i*7)
	}
	agents[0] = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	lines := make([][]byte, n)
	for i := range lines {
		var uri string
		switch k := rnd.IntN(100); {
		case k < 70:
			uri = fmt.Sprintf("/imptr?id=%d&t=2&cachebuster=%d", 2000+rnd.IntN(500), rnd.Uint32())
		case k < 80:
			uri = fmt.Sprintf("/clktrb?id=%d&ancost=0.00%d&redir=https://shop.example/p/%d?utm_source=px", 2000+rnd.IntN(500), rnd.IntN(999), rnd.IntN(3000))
		case k < 90:
			uri = fmt.Sprintf("/px?id=%d&order_id=A-%d&value=%d.%02d&other=x%%20y&t=1", 9000+rnd.IntN(100), rnd.Uint32(), rnd.IntN(300), rnd.IntN(100))
		case k < 95:
			uri = fmt.Sprintf("/seg?add=%d,%d:5&value=7&member=3", 1+rnd.IntN(90), 100+rnd.IntN(90))
		case k < 98:
			uri = "/favicon.ico"
		default:
			uri = "/pixie?pi=abc&e=PageView&va=1"
		}
		lines[i] = fmt.Appendf(nil, `{"time":"%d.%03d","id":"%016x%016x","ip":"%d.%d.%d.%d","method":"GET","host":"px.example","uri":"%s","status":"200",`+
			`"referer":"https://shop%d.example/checkout/done?step=%d","ua":"%s","uid_got":"uid=%016X%016X","uid_set":"","gpc":""}`,
			1793577600+i/500, i%1000, rnd.Uint64(), rnd.Uint64(), 11+rnd.IntN(180), rnd.IntN(256), rnd.IntN(256), rnd.IntN(256), uri,
			rnd.IntN(50), rnd.IntN(9), agents[rnd.IntN(len(agents))], uint64(rnd.IntN(20000))*0x9e3779b97f4a7c15, 7)
	}
	return lines
}

func newSource(tb testing.TB, format parse.Format, opts decode.Options) *Source {
	tb.Helper()
	d, err := decode.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return &Source{ID: "0123456789abcdef", Edge: "edge-1", Format: format, Decoder: d}
}

// BenchmarkSegment takes lines through parsing, decoding and into finished,
// synced files.
func BenchmarkSegment(b *testing.B) {
	lines := benchLines(200_000)
	b.ReportAllocs()
	n, bytes := 0, int64(0)
	for b.Loop() {
		batch := New(b.TempDir(), Options{Now: time.Unix(1793600000, 0)})
		src := newSource(b, parse.Pixledger{}, decode.Options{HonorGPC: true})
		offset := int64(0)
		for _, line := range lines {
			if err := batch.Append(src, offset, line); err != nil {
				b.Fatal(err)
			}
			offset += int64(len(line)) + 1
		}
		res, err := batch.Finish()
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range res.Files {
			bytes += f.Bytes
		}
		n += len(lines)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(bytes)/float64(n), "bytes/line")
}

// BenchmarkAppend takes lines only as far as the columns in memory.
func BenchmarkAppend(b *testing.B) {
	lines := benchLines(20_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		batch := New(b.TempDir(), Options{Now: time.Unix(1793600000, 0)})
		src := newSource(b, parse.Pixledger{}, decode.Options{HonorGPC: true})
		for i, line := range lines {
			if err := batch.Append(src, int64(i)*400, line); err != nil {
				b.Fatal(err)
			}
		}
		n += len(lines)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}
