package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressKind says what a progress bar counts.
type progressKind bool

const (
	byteProgress progressKind = true
	rowProgress  progressKind = false
)

// progress shows how far a command is, on a terminal and for work of over two
// seconds; elsewhere it does nothing.
type progress struct {
	out   io.Writer
	kind  progressKind
	label string
	start time.Time

	mu  sync.Mutex
	bar *progressbar.ProgressBar
	on  bool
}

// progressDelay is how long work lasts before a bar is shown.
const progressDelay = 2 * time.Second

func (a *app) newProgress(label string, kind progressKind) *progress {
	return &progress{out: a.stderr, kind: kind, label: label, start: time.Now(), on: isTerminal(a.stderr) && os.Getenv("TERM") != "dumb"}
}

// set shows that done of total is done; total 0 is not known.
func (p *progress) set(what string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on || time.Since(p.start) < progressDelay {
		return
	}
	if total <= 0 {
		total = -1
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.out), progressbar.OptionShowBytes(bool(p.kind)),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth())
	}
	p.bar.ChangeMax64(total)
	p.bar.Describe(p.label + " " + what)
	_ = p.bar.Set64(done) // a bar that can't be drawn is no failure
}

func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
