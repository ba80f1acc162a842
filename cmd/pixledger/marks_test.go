package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas/lake"
)

// closing is what a command that closes days has at hand.
type closing struct {
	program
	*app
	*setup
	lake *lake.Lake
	said lockedBuffer
}

// newClosing opens the lake of a folder with a configuration as such a command does.
func newClosing(p program) *closing {
	p.t.Helper()
	c := &closing{program: p}
	c.app = &app{stdout: &c.said, stderr: &c.said, configPath: filepath.Join(p.dir, "pixledger.yaml"), wait: time.Minute}
	var err error
	if c.setup, err = c.app.setup(); err == nil {
		c.lake, err = lake.OpenOrCreate(c.cfg.Lake, c.now())
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (c *closing) await() error { return c.awaitMarks(context.Background(), c.setup, c.lake) }

const marksConfig = `lake: ./lake
catalog: ./catalog.yaml
sources: [{name: edge-1, path: ./pixel.log, format: pixledger}, {name: edge-2, path: ./other.log, format: pixledger, silence: warn}]
commit: {interval: 100ms}
console: {listen: %q}
`

func newMarksWorld(t *testing.T) program {
	p := program{t: t, dir: t.TempDir()}
	write(t, filepath.Join(p.dir, "catalog.yaml"), edgeCatalog)
	write(t, filepath.Join(p.dir, "pixledger.yaml"), fmt.Sprintf(marksConfig, edgetest.Addr(t)))
	return p
}

func pixelLine(n int) string {
	return fmt.Sprintf(`{"time":"1763000000.%03d","id":"request-%d","ip":"192.0.2.1","method":"GET","uri":"/imptr?id=2766","status":"200"}`+"\n", n%1000, n)
}

func TestMarksWithoutADaemon(t *testing.T) {
	p := newMarksWorld(t)
	c := newClosing(p)
	if err := c.await(); err != nil {
		t.Errorf("without a log: %v", err)
	}
	log := filepath.Join(p.dir, "pixel.log")
	write(t, log, pixelLine(1)+pixelLine(2)+pixelLine(3)[:20])
	write(t, log+".1", pixelLine(0))
	err := c.await()
	want := fmt.Sprintf("lines that the logs hold are not committed, and no daemon runs: read them with `pixledger ingest`, then try again; where lines keep coming, start `pixledger run`, and this waits until it has read them\n"+
		"%s.1: %d bytes from 0 are not committed\n%s: %d bytes from 0 are not committed", log, len(pixelLine(0)), log, len(pixelLine(1)+pixelLine(2)))
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	p.run("ingest")
	if err := c.await(); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(p.dir, "other.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.await(); err == nil || !strings.Contains(err.Error(), "other.log: is a folder") {
		t.Errorf("with a log that can't be read: %v", err)
	}
	if said := c.said.String(); said != "" {
		t.Errorf("said: %s", said)
	}
}

// A daemon that hangs is waited for as long as --wait says.
func TestMarksOfADaemonThatHangs(t *testing.T) {
	p := newMarksWorld(t)
	log := filepath.Join(p.dir, "pixel.log")
	write(t, log, pixelLine(0))
	d := &daemonProcess{program: p}
	t.Cleanup(d.end)
	d.start()
	c := newClosing(p)
	if err := c.await(); err != nil {
		t.Fatalf("%v\n%s", err, d.said())
	}
	if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	write(t, log, pixelLine(0)+pixelLine(1))
	before := c.said.String() // a daemon that is slow to start was waited for
	c.wait = 300 * time.Millisecond
	err := c.await()
	place := fmt.Sprintf("%s: %d bytes from %d are not committed", log, len(pixelLine(1)), len(pixelLine(0)))
	if err == nil || !strings.HasPrefix(err.Error(), "lines that the logs held 300ms ago are not committed by the daemon") || !strings.HasSuffix(err.Error(), "\n"+place) {
		t.Errorf("error %v", err)
	}
	if want := "waiting for the daemon to commit what the logs hold, 300ms at most: " + place + "\n"; c.said.String() != before+want {
		t.Errorf("said %q, want %q", c.said.String(), before+want)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.awaitMarks(canceled, c.setup, c.lake); err == nil {
		t.Error("it goes on when it is interrupted")
	}
	if err := d.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	c.wait = time.Minute
	if err := c.await(); err != nil {
		t.Error(err)
	}
	d.stop()
}

// On a living edge: nginx writes at speed, logrotate rotates, the daemon follows,
// and marks are awaited again and again. The wait ends while requests still come,
// and what the logs held before it began is in the lake then.
func TestMarksOnALivingEdge(t *testing.T) {
	w := newEdgeWorld(t)
	w.daemon.start()
	c := newClosing(w.program)
	var rounds atomic.Int64
	stop := make(chan struct{})
	var edge sync.WaitGroup
	var rotating sync.Mutex
	for worker := range 3 {
		edge.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					w.journey(fmt.Sprintf("live-%d-%d", worker, i), i)
					rounds.Add(1)
				}
			}
		})
	}
	edge.Go(func() {
		for seen := int64(0); ; {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if n := rounds.Load(); n >= seen+40 {
				seen = n
				rotating.Lock()
				w.rotate()
				rotating.Unlock()
			}
		}
	})
	for i := range 4 {
		before := rounds.Load()
		waitFor(t, "some requests", func() bool { return rounds.Load() > before+50 }, w.daemon.said)
		rotating.Lock()
		held := w.heldByLogs()
		rotating.Unlock()
		if err := c.await(); err != nil {
			t.Errorf("%v\n%s", err, w.daemon.said())
			break
		}
		in := map[string]bool{}
		for _, r := range w.table("query", "SELECT event_id FROM events", "--format", "csv") {
			in[r["event_id"]] = true
		}
		missing := 0
		for _, id := range held {
			if !in[id] {
				missing++
			}
		}
		t.Logf("round %d: the logs held %d lines, the lake holds %d", i, len(held), len(in))
		if missing > 0 {
			t.Errorf("%d of %d lines that the logs held are not in the lake", missing, len(held))
		}
	}
	after := rounds.Load()
	waitFor(t, "requests that still come", func() bool { return rounds.Load() > after }, w.daemon.said)
	close(stop)
	edge.Wait()
	// nginx does not end a connection that was opened beside another and never used.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	w.daemon.stop()
	if err := c.await(); err != nil {
		t.Errorf("after the daemon has drained: %v", err)
	}
}

// heldByLogs lists the ids of the complete lines that the logs hold now.
func (w *edgeWorld) heldByLogs() []string {
	w.t.Helper()
	paths, err := filepath.Glob(w.log + "*")
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			w.t.Fatal(err)
		}
		in := bufio.NewReader(f)
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				break // at the end, or in a line without its end
			}
			var l struct{ ID string }
			if err := json.Unmarshal(line, &l); err != nil {
				w.t.Fatalf("%s: %v: %s", p, err, line)
			}
			ids = append(ids, l.ID)
		}
		if err := f.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	return ids
}

// What keeps days from being closed: gaps that touch them and that nobody
// answers for; and what status says of those that somebody does.
func TestGapsInTheWay(t *testing.T) {
	p := newMarksWorld(t)
	c := newClosing(p)
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	gap := func(id string, from, to time.Time) lake.Gap {
		return lake.Gap{ID: id, Source: "edge-1", SourceID: "s-" + id, Path: "/x/" + id, Reason: lake.GapLost, Position: 7, From: from, To: to}
	}
	busy := map[string]*lake.Counts{}
	for n := 1; n <= 7; n++ {
		busy[day(n).Format(time.DateOnly)] = &lake.Counts{Ignored: 100}
	}
	var ranges []lake.Range
	for i, name := range []string{"edge-1", "edge-2"} {
		ranges = append(ranges, lake.Range{SourceID: name, Edge: name, Name: name, End: int64(i + 1), Head: lake.Print{Len: 1, SHA256: name}, Total: 700, Days: busy})
	}
	at := day(12).Add(time.Hour)
	_, err := c.lake.Commit(nil, func(*lake.State) (*lake.Draft, error) {
		return &lake.Draft{
			Kind: "ingest", At: at, Ranges: ranges,
			Gaps: []lake.Gap{
				gap("early", day(2), day(3).Add(-time.Second)), gap("within", day(3).Add(time.Hour), day(3).Add(2*time.Hour)),
				gap("into", day(2), day(3)), gap("over", day(1), day(20)), gap("late", day(4), day(5)), gap("healed", day(3), day(4)), gap("accepted", day(3), day(4)),
			},
			Healed: []string{"healed"}, Accepted: []lake.Acceptance{{GapID: "accepted", By: "Ada", At: at}},
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.offset = time.Until(at)
	inTheWay := func(from, until time.Time) string {
		state, err := c.lake.State()
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, g := range c.gapsInTheWay(c.setup, state, from, until) {
			if g.Reason == lake.GapSilent {
				g.ID = "silent " + g.Source
			}
			ids = append(ids, g.ID)
		}
		return strings.Join(ids, ", ")
	}
	if got, want := inTheWay(day(3), day(4)), "over, into, within"; got != want {
		t.Errorf("in the way of the 3rd: %s, want %s", got, want)
	}
	if got, want := inTheWay(day(8), day(9)), "over, silent edge-1"; got != want {
		t.Errorf("in the way of the 8th: %s, want %s", got, want)
	}

	var r statusReport
	now := c.now().Format(time.RFC3339)
	if err := json.Unmarshal([]byte(p.run("status", "--json", "--now", now)), &r); err != nil {
		t.Fatal(err)
	}
	blocks := map[string]bool{}
	for _, g := range r.Gaps {
		blocks[g.ID] = g.Blocks
		if (g.Accepted != nil) != (g.ID == "accepted") || g.Accepted != nil && (g.Accepted.By != "Ada" || !g.Accepted.At.Equal(at)) {
			t.Errorf("gap %s is accepted: %+v", g.ID, g.Accepted)
		}
	}
	if len(r.Gaps) != 8 || blocks["accepted"] || !blocks["over"] {
		t.Errorf("gaps: %+v", r.Gaps)
	}
	out := p.run("status", "--format", "table", "--now", now)
	if !strings.Contains(out, "warning: gap over") || strings.Contains(out, "warning: gap accepted") || !strings.Contains(out, "by Ada at 2026-11-12 01:00:00Z") {
		t.Error(out)
	}
	if out := p.run("status", "--format", "csv", "--now", now); !strings.Contains(out, "gap,accepted,accepted_by,Ada\ngap,accepted,accepted_at,2026-11-12T01:00:00Z\n") {
		t.Error(out)
	}
}
