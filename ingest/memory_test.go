package ingest

import "testing"

func TestThreadsKeepBelowTheMemory(t *testing.T) {
	for _, c := range []struct {
		memory        int64
		wanted        int
		threads, rows int
	}{
		{0, 1, 1, mostRows},
		{0, 2, 2, mostRows},
		{2_000_000_000, 2, 2, mostRows},
		{0, 64, 8, leastRows},
		{256 << 20, 64, 1, leastRows},
		{1 << 20, 64, 1, leastRows},
		{64 << 30, 64, 64, mostRows},
	} {
		threads, rows := shares(c.memory, 1<<20, c.wanted)
		if threads != c.threads || rows != c.rows {
			t.Errorf("%d bytes, %d threads wanted: got %d with %d bytes of rows, want %d with %d", c.memory, c.wanted, threads, rows, c.threads, c.rows)
		}
	}
}
