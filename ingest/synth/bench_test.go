package synth_test

import (
	"io"
	"testing"
	"time"

	"pixledger/ingest/synth"
)

func BenchmarkWrite(b *testing.B) {
	for _, format := range []string{synth.Pixledger, synth.Combined} {
		b.Run(format, func(b *testing.B) {
			sum, err := synth.Write(io.Discard, synth.Options{Seed: 1, Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
				End: time.Date(2026, 11, 8, 0, 0, 0, 0, time.UTC), Lines: int64(b.N), Format: format, Users: 50_000})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(sum.Bytes / sum.Lines)
			b.ReportMetric(float64(sum.Lines)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
