package ingest

import (
	"path/filepath"
	"testing"

	"pixledger/ingest/parse"
	"pixledger/ingest/synth"
)

// BenchmarkFormats reads a log of each format into a lake: no format is to be
// below half of pixledger's lines a second.
func BenchmarkFormats(b *testing.B) {
	const lines = 200_000
	for _, format := range append(parse.Names(), oddFormats...) {
		b.Run(format[:min(len(format), 15)], func(b *testing.B) {
			k, err := parse.Spec{Format: format}.Kind()
			if err != nil {
				b.Fatal(err)
			}
			source := Source{Name: "edge", Format: format, Path: filepath.Join(b.TempDir(), "edge.log")}
			switch {
			case k.Append == nil && format != "pixledger":
				source.UserID.Param = synth.UserParam
			case k.Lacks&parse.PartFirstUser != 0 && k.Lacks&parse.PartUser == 0:
				source.UserID.Cookie = synth.UserParam
			}
			log := trafficIn(b, format, lines)
			write(b, source.Path, string(log))
			b.SetBytes(int64(len(log)))
			for b.Loop() {
				b.StopTimer()
				opts := testOptions(testLake(b))
				opts.Format, opts.Sources, opts.MaxLine = "", []Source{source}, 0
				b.StartTimer()
				ingest(b, opts, source.Path)
			}
			b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds()/1000, "klines/s")
			b.ReportMetric(float64(len(log))/lines, "bytes/line")
		})
	}
}
