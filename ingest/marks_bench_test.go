package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkNoteMarks notes the marks of a log with 400 rotated files that the
// lake has read to their ends: a close may come every day, and nothing of them
// is to be read again. bytes/file is what was read of each at most.
func BenchmarkNoteMarks(b *testing.B) {
	const files, linesEach = 400, 1000
	for _, how := range []struct {
		name, ext string
		pack      func(testing.TB, string) string
	}{
		{"plain", "", func(_ testing.TB, s string) string { return s }}, {"gz", ".gz", gz}, {"zst", ".zst", zst},
	} {
		b.Run(how.name, func(b *testing.B) {
			dir := b.TempDir()
			log := filepath.Join(dir, "pixel.log")
			l := testLake(b)
			opts := testOptions(l)
			opts.Now = time.Now // the files are older than the commits that read them
			opts.Sources = []Source{{Name: "edge-1", Path: log, Format: "pixledger"}}
			total := 0
			for n := range files {
				content := varied(fmt.Sprintf("n%d", n), 0, linesEach)
				total += len(content)
				write(b, fmt.Sprintf("%s.%d%s", log, n+1, how.ext), how.pack(b, content))
			}
			if _, err := CatchUp(context.Background(), opts); err != nil {
				b.Fatal(err)
			}
			state, err := l.State()
			if err != nil {
				b.Fatal(err)
			}
			before := bytesRead(b)
			for b.Loop() {
				m, err := NoteMarks(context.Background(), opts.Sources, state)
				if err != nil || len(m.behind) > 0 {
					b.Fatal(err, len(m.behind))
				}
			}
			b.ReportMetric(float64(bytesRead(b)-before)/float64(b.N)/files, "bytes/file")
			b.ReportMetric(float64(total)/1e6, "MB-of-logs")
		})
	}
}

// bytesRead is what this process has read by system calls so far.
func bytesRead(b *testing.B) (n int64) {
	text, err := os.ReadFile("/proc/self/io")
	if err == nil {
		_, err = fmt.Sscanf(string(text), "rchar: %d", &n)
	}
	if err != nil {
		b.Fatal(err)
	}
	return n
}
