package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// written collects the lines of a log, without their times.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

// take gives the lines since the last call.
func (w *written) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for line := range strings.Lines(w.b.String()) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		out = append(out, rest)
	}
	w.b.Reset()
	return out
}

func (w *written) want(t *testing.T, lines ...string) {
	t.Helper()
	if got := w.take(); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", lines) {
		t.Errorf("written:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

// A broken source says the same a thousand times a minute: it stands once in
// the log, and once a minute with how often.
func TestWhatRepeatsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		h := New(&w, Text, slog.LevelInfo)
		log := slog.New(h)
		for range 5 * 1000 {
			log.Error("can't be read", "source", "edge-1", "error", errors.New("denied"))
			time.Sleep(61 * time.Millisecond) // never at the end of a minute
		}
		synctest.Wait()
		first := `level=ERROR msg="can't be read" source=edge-1 error=denied`
		got := w.take()
		if len(got) != 6 || got[0] != first || got[1] != first+" repeated=983" || got[5] != first+" repeated=984" {
			t.Errorf("%d lines: %q", len(got), got)
		}
		time.Sleep(10 * time.Minute)
		w.take()
		log.Error("can't be read", "source", "edge-1", "error", errors.New("denied"))
		w.want(t, first) // after a while without it, it is news
		if n := h.Counts(); n["error"] != 5001 || n["info"] != 0 {
			t.Errorf("counts: %v", n)
		}
		h.Close()
	})
}

// What differs is said, up to ten lines of a message about one thing; another
// source's, another job's, and other messages have ten of their own.
func TestWhatDiffersIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		h := New(&w, Text, slog.LevelInfo)
		log := slog.New(h)
		for i := range 1000 {
			log.Warn("a rotated file can't be read", "source", "edge-1", "path", i)
		}
		log.Warn("a rotated file can't be read", "source", "edge-2", "path", 1)
		log.With("source", "edge-3").Warn("a rotated file can't be read", "path", 1)
		log.Warn("something else", "source", "edge-1")
		log.Error("job failed", "job", "close", "due", 1)
		got := w.take()
		if len(got) != 14 || !strings.HasSuffix(got[9], "path=9") || !strings.Contains(got[11], "source=edge-3 path=1") {
			t.Errorf("%q", got)
		}
		h.Close()
		w.want(t, `level=WARN msg="a rotated file can't be read" source=edge-1 path=999 repeated=990`)
		log.Warn("a rotated file can't be read", "source", "edge-1", "path", 999)
		w.want(t, `level=WARN msg="a rotated file can't be read" source=edge-1 path=999`)
	})
}

func TestLevelsAndFormats(t *testing.T) {
	var w bytes.Buffer
	log := slog.New(New(&w, JSON, slog.LevelWarn))
	log.Info("not asked for")
	log.Warn("line\nend", "source", "edge\"1", "error", errors.New("é"+strings.Repeat("xé", longest)), "seconds", 1.5)
	var m map[string]any
	if err := json.Unmarshal(w.Bytes(), &m); err != nil || strings.Count(w.String(), "\n") != 1 {
		t.Fatalf("%v: %s", err, w.String())
	}
	text, _ := m["error"].(string)
	if m["msg"] != "line\nend" || m["source"] != `edge"1` || m["seconds"] != 1.5 || m["level"] != "WARN" || len(text) > longest+10 || !strings.HasSuffix(text, "x …") && !strings.HasSuffix(text, "é …") {
		t.Errorf("%v", m)
	}
	w.Reset()
	debug := slog.New(New(&w, Text, slog.LevelDebug))
	for range 20 {
		debug.Debug("committed", "commit", 1)
	}
	if n := strings.Count(w.String(), "\n"); n != 20 {
		t.Errorf("%d lines of debug, want all 20", n)
	}
}
