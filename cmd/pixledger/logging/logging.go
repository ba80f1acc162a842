// Package logging writes the daemon's log: structured lines, of which the same
// is not said again and again.
package logging

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// The formats of a line.
const (
	Text = "text" // key=value
	JSON = "json" // an object
)

// Formats and Levels are what an operator can choose.
var (
	Formats = []string{Text, JSON}
	Levels  = []string{"debug", "info", "warn", "error"}
)

const (
	// window is for how long a repetition is only counted.
	window = time.Minute
	// burst is how many different lines of one message about one thing are
	// written within it: different in their error, their file, their offset.
	burst = 10
	// longest is how much of a text is written, in bytes: what a failed job has
	// said may be any length.
	longest = 4 << 10
)

// topicKeys are the attributes that tell what a message is about. There is a
// bounded number of each: they are the configuration's.
var topicKeys = []string{"source", "job", "destination"}

// Handler writes the records of a log. What is said again within a minute is
// counted, and said once more at its end with the number: `repeated`. So one
// broken source can not fill a disk, and what it hides is still to be read.
//
// A repetition has the same level and message, is about the same source, job or
// destination, and either says the very same or comes after ten that do not.
// Debug is never held back. Close says what is still only counted.
type Handler struct {
	out   slog.Handler
	about string // of its attributes those that tell what messages are about
	said  string // all of its attributes
	log   *log
}

// log is what the handlers of one log share.
type log struct {
	counts [4]atomic.Int64 // by level

	mu     sync.Mutex
	topics map[string]*topic
	closed bool
}

// topic is one message about one thing within a minute.
type topic struct {
	written []string     // the different records that were written
	held    int          // records that were only counted
	last    slog.Record  // of those
	said    string       // the last's attributes
	out     slog.Handler // and its handler
	end     *time.Timer
}

// New gives the handler of a log. An empty format is Text.
func New(w io.Writer, format string, level slog.Level) *Handler {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: shorten}
	h := &Handler{log: &log{topics: map[string]*topic{}}}
	if format == JSON {
		h.out = slog.NewJSONHandler(w, o)
	} else {
		h.out = slog.NewTextHandler(w, o)
	}
	return h
}

// shorten cuts what is too long for a line.
func shorten(_ []string, a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	text := ""
	switch v := a.Value.Any().(type) {
	case error:
		text = v.Error()
	case string:
		text = v
	}
	if len(text) <= longest {
		return a
	}
	end := longest
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return slog.String(a.Key, text[:end]+" …")
}

// Enabled tells whether records of a level are written.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.out.Enabled(ctx, l) }

// Handle writes a record, or counts it.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	h.log.counts[levelIndex(r.Level)].Add(1)
	if r.Level < slog.LevelInfo || h.log.fresh(h, r) {
		return h.out.Handle(ctx, r)
	}
	return nil
}

// WithAttrs gives a handler of the same log.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.out = h.out.WithAttrs(attrs)
	for _, a := range attrs {
		n.note(a)
	}
	return &n
}

// WithGroup gives a handler of the same log.
func (h *Handler) WithGroup(name string) slog.Handler {
	n := *h
	n.out = h.out.WithGroup(name)
	n.said += name + "."
	return &n
}

func (h *Handler) note(a slog.Attr) {
	text := a.String() + "\x00"
	h.said += text
	if slices.Contains(topicKeys, a.Key) {
		h.about += text
	}
}

// Counts are the records since the start by level, written or not.
func (h *Handler) Counts() map[string]int64 {
	out := map[string]int64{}
	for i, name := range Levels {
		out[name] = h.log.counts[i].Load()
	}
	return out
}

// Close writes what was only counted. What comes after it is written as it
// comes.
func (h *Handler) Close() {
	h.log.mu.Lock()
	h.log.closed = true
	var held []*topic
	for key, t := range h.log.topics {
		t.end.Stop()
		delete(h.log.topics, key)
		held = append(held, t)
	}
	h.log.mu.Unlock()
	slices.SortFunc(held, func(a, b *topic) int { return strings.Compare(a.last.Message, b.last.Message) })
	for _, t := range held {
		t.sum()
	}
}

// fresh tells whether a record is to be written, and counts it if not.
func (l *log) fresh(h *Handler, r slog.Record) bool {
	all := *h
	r.Attrs(func(a slog.Attr) bool { all.note(a); return true })
	key := r.Level.String() + "\x00" + r.Message + "\x00" + all.about
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return true
	}
	t := l.topics[key]
	if t == nil {
		t = &topic{}
		t.end = time.AfterFunc(window, func() { l.over(key, t) })
		l.topics[key] = t
	}
	if !slices.Contains(t.written, all.said) && len(t.written) < burst {
		t.written = append(t.written, all.said)
		return true
	}
	t.held++
	t.last, t.said, t.out = r.Clone(), all.said, h.out
	return false
}

// over ends a topic's minute. One that was only counted is said with its
// number, and goes on being counted.
func (l *log) over(key string, t *topic) {
	l.mu.Lock()
	if l.topics[key] != t { // closed meanwhile
		l.mu.Unlock()
		return
	}
	ended := *t
	if t.held == 0 {
		delete(l.topics, key)
	} else {
		// What repeats is said once a minute, by its number; what is new, at once.
		again := &topic{written: []string{t.said}}
		again.end = time.AfterFunc(window, func() { l.over(key, again) })
		l.topics[key] = again
	}
	l.mu.Unlock()
	ended.sum()
}

// sum says how often a record was held back, the last one for all.
func (t *topic) sum() {
	if t.held == 0 {
		return
	}
	t.last.AddAttrs(slog.Int("repeated", t.held))
	_ = t.out.Handle(context.Background(), t.last) // there is nowhere to say that it fails
}

func levelIndex(l slog.Level) int {
	switch {
	case l < slog.LevelInfo:
		return 0
	case l < slog.LevelWarn:
		return 1
	case l < slog.LevelError:
		return 2
	}
	return 3
}
