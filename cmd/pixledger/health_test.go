package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pixledger/cmd/pixledger/logging"
	"pixledger/ingest"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// fullDisk refuses to write while it is full.
type fullDisk struct{ full atomic.Bool }

func (d *fullDisk) Before(op disk.Op) error {
	if op.Kind == disk.Write && d.full.Load() {
		return syscall.ENOSPC
	}
	return nil
}

func (d *fullDisk) After(disk.Op) {}

// quietDaemon is a daemon of which nothing runs yet, on a configuration.
func quietDaemon(t testing.TB, on *disk.Disk, config string, log *lockedBuffer) *daemon {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "catalog.yaml"), edgeCatalog)
	write(t, filepath.Join(dir, "pixledger.yaml"), "lake: ./lake\ncatalog: ./catalog.yaml\n"+config)
	cfg, err := LoadConfig(filepath.Join(dir, "pixledger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	l, err := lake.OpenOrCreateOn(on, cfg.Lake, now)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{stderr: log, start: now, log: logging.New(log, logging.Text, 0)}
	t.Cleanup(a.log.Close)
	d := &daemon{app: a, lake: l, log: a.logger(), stats: &ingest.Stats{}}
	d.inForce.Store(&configInForce{cfg: cfg})
	d.catalog = &catalogInForce{d: d, since: now}
	d.metrics = newMetrics(d)
	return d
}

// The daemon is ready when lines can be committed: not before it follows, not
// while the disk is full, and not on a lake that can't be read. The metrics page
// is there in each case, and says since when.
func TestReady(t *testing.T) {
	var full fullDisk
	var log lockedBuffer
	d := quietDaemon(t, &disk.Disk{Watcher: &full}, "sources: [{name: edge-1, path: ./pixel.log}]\ncommit: {interval: 20ms}\n", &log)
	handler := d.handler()
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	ready := func(code int, says string) {
		t.Helper()
		waitFor(t, "ready: "+says, func() bool {
			c, body := get("/readyz")
			return c == code && body == says+"\n"
		}, func() string { _, body := get("/readyz"); return body + log.String() })
		if c, body := get("/healthz"); c != http.StatusOK || body != "ok\n" {
			t.Errorf("/healthz: %d %q", c, body)
		}
	}
	page := func(has string) {
		t.Helper()
		d.metrics.stale.Store(true)
		if code, body := get("/metrics"); code != http.StatusOK || !strings.Contains(body, "\n"+has) {
			t.Errorf("/metrics: %d, without %s\n%s", code, has, body)
		}
	}
	ready(http.StatusServiceUnavailable, "starting")
	page(`pixledger_source_paths{source="edge-1",state="followed"} 0`)

	ctx, cancel := context.WithCancel(t.Context())
	opts, err := ingestOptions(d.app, d.config(), d.lake)
	if err != nil {
		t.Fatal(err)
	}
	opts.Log, opts.Stats = d.log, d.stats
	ended := make(chan error)
	go func() { ended <- ingest.Follow(ctx, opts) }()
	ready(http.StatusOK, "ready")
	page(`pixledger_ingest_waiting{reason="no_space"} 0`)

	full.full.Store(true)
	write(t, filepath.Join(filepath.Dir(d.config().File), "pixel.log"), pixelText)
	ready(http.StatusServiceUnavailable, "waiting: no space left for the lake")
	page(`pixledger_ingest_waiting{reason="no_space"} 1`)
	page(`pixledger_ingest_waiting_since_timestamp_seconds 1.`)
	waitFor(t, "a lag in seconds", func() bool {
		_, body := get("/metrics")
		return strings.Contains(body, "\n"+`pixledger_source_lag_seconds{source="edge-1"} `) && !strings.Contains(body, `pixledger_source_lag_seconds{source="edge-1"} 0`+"\n")
	}, log.String)
	full.full.Store(false)
	ready(http.StatusOK, "ready")
	waitFor(t, "it says that it goes on", func() bool { return strings.Contains(log.String(), "lines are committed again") }, log.String)
	page(`pixledger_source_lag_seconds{source="edge-1"} 0`)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	state, err := d.lake.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.lake.Path(fmt.Sprintf("_state/commits/%012d.json", state.Seq+1)), []byte("no record"), 0o644); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusServiceUnavailable, "the lake can not be read")
	page(`pixledger_lake_readable 0`)
}

// status --healthz tells whether the daemon answers, and opens no lake for it.
func TestStatusHealthz(t *testing.T) {
	w := newDaemonWorld(t)
	w.launch()
	if got := w.run("status", "--healthz"); got != "ok\n" {
		t.Errorf("it says %q", got)
	}
	w.configure("console: {listen: \":" + w.address[strings.LastIndexByte(w.address, ':')+1:] + "\", token: something}")
	if got := w.run("status", "--healthz"); got != "ok\n" {
		t.Errorf("of every address, it says %q", got)
	}
	w.stop()
	if out, errOut, code := w.try("status", "--healthz"); code != 1 || out != "" || !strings.HasPrefix(errOut, "pixledger: the daemon does not answer: ") {
		t.Errorf("without a daemon: %d %q %q", code, out, errOut)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	w.configure(fmt.Sprintf("console: {listen: %q}", other.Listener.Addr()))
	if _, errOut, code := w.try("status", "--healthz"); code != 1 || !strings.Contains(errOut, "allowed: 200 and ok") {
		t.Errorf("another server: %d %q", code, errOut)
	}
}
