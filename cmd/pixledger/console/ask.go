package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// How the console asks commands. A page that was shown is shown again at once:
// figures up to staleFor old stand with their time, while newer ones are asked
// for. So a page waits only for what nobody has looked at for a while.
const (
	atOnce    = 2                // commands that run at a time
	mostAsked = 16               // that run or wait
	askFor    = 60 * time.Second // how long a command may take
	freshFor  = 10 * time.Second // also when more is committed
	sameFor   = time.Minute      // as long as nothing changes but the time
	staleFor  = 15 * time.Minute
	mostBytes = 2 << 20  // of an answer that is shown as it is
	mostRead  = 16 << 20 // of one that pages are made from
	mostKept  = 64 << 20 // of all answers
)

var errBusy = errors.New("too much is being asked for: try again in a minute")

// answer is what a command printed.
type answer struct {
	Body    []byte
	Cut     bool // it printed more than there is room for
	Made    time.Time
	Command []string

	version string
	at      time.Time // by the machine's clock
}

type answers struct {
	data  Data
	ctx   context.Context
	clock func() time.Time
	slots chan struct{}

	mu     sync.Mutex
	known  map[string]*answer
	asking map[string]*question
	kept   int
}

// question is a command that runs or waits; all who ask it wait for the same.
type question struct {
	done   chan struct{}
	answer *answer
	err    error
}

func newAnswers(ctx context.Context, d Data) *answers {
	return &answers{
		data: d, ctx: ctx, clock: time.Now, slots: make(chan struct{}, atOnce),
		known: map[string]*answer{}, asking: map[string]*question{},
	}
}

// get gives what a command prints, as it was lately or as it is now.
func (a *answers) get(ctx context.Context, args ...string) (*answer, error) {
	b, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	key, version := string(b), a.data.Version()
	a.mu.Lock()
	if x := a.known[key]; x != nil {
		age := a.clock().Sub(x.at)
		if age < freshFor || x.version == version && age < sameFor {
			a.mu.Unlock()
			return x, nil
		}
		if age < staleFor {
			_, _ = a.ask(key, version, args) // who is busy has no newer figures
			a.mu.Unlock()
			return x, nil
		}
	}
	q, err := a.ask(key, version, args)
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask has a command run that does not yet; mu is held.
func (a *answers) ask(key, version string, args []string) (*question, error) {
	if q := a.asking[key]; q != nil {
		return q, nil
	}
	if len(a.asking) >= mostAsked {
		return nil, errBusy
	}
	q := &question{done: make(chan struct{})}
	a.asking[key] = q
	go func() {
		q.answer, q.err = a.run(version, args)
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.asking, key)
		if q.err == nil {
			a.keep(key, q.answer)
		}
		close(q.done)
	}()
	return q, nil
}

func (a *answers) run(version string, args []string) (*answer, error) {
	ctx, cancel := context.WithTimeout(a.ctx, askFor)
	defer cancel()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := &limited{room: mostBytes}
	if slices.Contains(args, formatJSON) {
		out.room = mostRead
	}
	x := &answer{Made: a.data.Now(), Command: args, version: version, at: a.clock()}
	err := a.data.Ask(ctx, out, args...)
	x.Body, x.Cut = out.b.Bytes(), out.cut
	if ctx.Err() != nil {
		return nil, fmt.Errorf("it takes longer than %v; the command takes as long as it needs: %s: %w", askFor, commandText(args), ctx.Err())
	}
	if err != nil && !out.cut {
		return nil, err
	}
	return x, nil
}

// keep keeps an answer, and gives up the oldest where there are too many; mu is
// held.
func (a *answers) keep(key string, x *answer) {
	if before := a.known[key]; before != nil {
		a.kept -= len(before.Body)
	}
	a.known[key] = x
	a.kept += len(x.Body)
	for a.kept > mostKept || len(a.known) > 1000 {
		oldest := ""
		for k, y := range a.known {
			if oldest == "" || y.at.Before(a.known[oldest].at) {
				oldest = k
			}
		}
		a.kept -= len(a.known[oldest].Body)
		delete(a.known, oldest)
	}
}

// formatJSON is asked of commands whose answers pages are made from.
const formatJSON = "--format=json"

// limited takes so much and no more.
type limited struct {
	room int
	b    bytes.Buffer
	cut  bool
}

var errCut = errors.New("more than a page holds")

func (l *limited) Write(b []byte) (int, error) {
	if room := l.room - l.b.Len(); len(b) > room {
		l.b.Write(b[:room])
		l.cut = true
		return room, errCut
	}
	return l.b.Write(b)
}

// read asks a command that prints JSON.
func (c *console) read(ctx context.Context, into any, args ...string) (*answer, error) {
	x, err := c.answers.get(ctx, args...)
	if err != nil {
		return nil, err
	}
	if x.Cut {
		return nil, errors.New("it is more than a page holds; the command prints all: " + commandText(args))
	}
	if err := json.Unmarshal(x.Body, into); err != nil {
		return nil, fmt.Errorf("read what `%s` printed: %w", commandText(args), err)
	}
	return x, nil
}
