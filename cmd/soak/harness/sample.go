package harness

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// sample is what a process holds at one moment.
type sample struct {
	at          time.Duration
	rss         int64
	descriptors int
	threads     int
	cpu         time.Duration
	goroutines  float64
	heap        float64
}

// takeSample asks the kernel, and the process itself where only it knows.
func takeSample(ctx context.Context, pid int, metrics string) (sample, error) {
	var s sample
	proc := fmt.Sprintf("/proc/%d/", pid)
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		return s, err
	}
	s.descriptors = len(fds)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch key {
		case "VmRSS":
			s.rss = n << 10
		case "Threads":
			s.threads = int(n)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, metrics, nil)
	if err != nil {
		return s, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch name {
		case "go_goroutines":
			s.goroutines = n
		case "go_memstats_heap_inuse_bytes":
			s.heap = n
		case "process_cpu_seconds_total":
			s.cpu = time.Duration(n * float64(time.Second))
		}
	}
	if s.goroutines == 0 || s.rss == 0 {
		return s, fmt.Errorf("%s does not tell the number of goroutines", metrics)
	}
	return s, lines.Err()
}
