package harness

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"pixledger/schemas/lake"
)

// compare holds the lake against what was written: every event and every
// rejected line once, under its own id, at its own place of its own file, as
// what it is; the account of every file and day; and the positions. What is
// lost or doubled is counted in r; anything else that differs is the error.
func (w *written) compare(ctx context.Context, p *program, r *Result) error {
	l, err := lake.Open(p.lakeDir())
	if err != nil {
		return err
	}
	state, err := l.State()
	if err != nil {
		return err
	}
	bySource, unknown := w.filesOf(state)
	c := comparison{written: w, bySource: bySource, result: r}
	for _, name := range unknown {
		c.differ("%s: a log that nobody wrote", name)
	}
	err = p.rows(ctx, "SELECT event_id, source_id, source_offset, type, CAST(date AS VARCHAR) FROM events", func(f []string) error {
		n, ok := w.number(f[0])
		return c.found(n, ok, isEvent, f[0], f[1], f[2], f[3], f[4])
	})
	if err == nil {
		// The end of a long line may be cut off; its id is not.
		err = p.rows(ctx, "SELECT left(raw, 400), source_id, source_offset, reason FROM rejects", func(f []string) error {
			n, ok := w.number(rawID.FindString(f[0]))
			return c.found(n, ok, isReject, f[0], f[1], f[2], f[3], "")
		})
	}
	if err != nil {
		return err
	}
	c.missing()
	c.accounts(state)
	return errors.Join(c.differences...)
}

var rawID = regexp.MustCompile(`[0-9a-f]{32}`)

type comparison struct {
	*written
	bySource    map[string]int
	result      *Result
	differences []error
	more        bool
}

// differ takes a difference down, the first of them.
func (c *comparison) differ(format string, args ...any) {
	const most = 20
	switch {
	case len(c.differences) < most:
		c.differences = append(c.differences, fmt.Errorf(format, args...))
	case !c.more:
		c.more = true
		c.differences = append(c.differences, errors.New("and more"))
	}
}

// found takes in one row of the lake.
func (c *comparison) found(n int, known bool, f fate, id, source, offset, what, day string) error {
	at, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return err
	}
	if !known {
		c.differ("%.200q at %s:%d was never written", id, source, at)
		return nil
	}
	line := &c.lines[n]
	if line.seen < 255 {
		line.seen++
	}
	if line.seen > 1 {
		c.result.Doubled++
		c.differ("line %d (%s) is there %d times", n, id, line.seen)
		return nil
	}
	k := kinds[line.kind]
	switch file, ok := c.bySource[source]; {
	case k.fate != f || k.what != what:
		c.differ("line %d (%s) is %s, and should be %s", n, id, what, k.what)
	case f == isEvent && c.day(line.day) != day:
		c.differ("line %d (%s) is of %s, and should be of %s", n, id, day, c.day(line.day))
	case !ok || file != int(line.file) || at != line.offset:
		c.differ("line %d (%s) is at %s:%d, and should be at %d of file %d", n, id, source, at, line.offset, line.file)
	}
	return nil
}

// missing looks for lines that should be there and are not.
func (c *comparison) missing() {
	for n := range c.lines {
		line := &c.lines[n]
		if f := kinds[line.kind].fate; line.seen == 0 && (f == isEvent || f == isReject) {
			c.result.Lost++
			c.differ("line %d (%s) at %d of file %d is lost", n, kinds[line.kind].what, line.offset, line.file)
		}
	}
}

// accounts compares the account of each file and day, and how far it was read.
func (c *comparison) accounts(state *lake.State) {
	sources := map[int]string{}
	for _, id := range slices.Sorted(maps.Keys(c.bySource)) {
		i := c.bySource[id]
		src, file := state.Sources[id], c.files[i]
		if other, twice := sources[i]; twice {
			c.differ("file %d is two logs: %s and %s", i, other, id)
			continue
		}
		sources[i] = id
		if src.Position != file.size {
			c.differ("%s (file %d) was read to %d, and has %d bytes", src.Name, i, src.Position, file.size)
		}
		have := map[string]*lake.Counts{}
		for day, counts := range src.Days {
			plain := *counts
			plain.Bots, plain.UnreplacedMacros, plain.PixelMacros, plain.MaxSkewMicros = 0, 0, nil, 0
			if plain.Rejects != nil {
				have = lake.AddDays(have, map[string]*lake.Counts{"": {Rejects: plain.Rejects}})
				plain.Rejects = nil
			}
			if plain.Lines() > 0 {
				have = lake.AddDays(have, map[string]*lake.Counts{day: &plain})
			}
		}
		want := maps.Clone(file.days)
		maps.DeleteFunc(want, func(_ string, counts *lake.Counts) bool { return counts.Lines() == 0 })
		if !reflect.DeepEqual(have, want) {
			c.differ("the account of %s (file %d) is %s, and should be %s", src.Name, i, accountText(have), accountText(want))
			for day, counts := range want {
				lost, more := short(counts, have[day])
				c.result.Lost += lost
				c.result.Doubled += more
			}
		}
	}
	for i, f := range c.files {
		if _, ok := sources[i]; !ok && f.size > 0 {
			c.differ("file %d, of %d bytes, was never read", i, f.size)
		}
	}
}

// short gives how many of the lines that leave no row are missing in an
// account, and how many there are too many.
func short(want, have *lake.Counts) (lost, more int) {
	if have == nil {
		have = &lake.Counts{}
	}
	for _, d := range []int64{want.Ignored - have.Ignored, lake.Sum(want.NotCounted) - lake.Sum(have.NotCounted)} {
		lost += int(max(0, d))
		more += int(max(0, -d))
	}
	return lost, more
}

func accountText(days map[string]*lake.Counts) string {
	text := ""
	for _, day := range slices.Sorted(maps.Keys(days)) {
		c := days[day]
		text += fmt.Sprintf("[%s events %v rejects %v not counted %v ignored %d]", day, c.Events, c.Rejects, c.NotCounted, c.Ignored)
	}
	return text
}

// eachRow reads CSV and hands its rows on, without the header. The fields are
// the callee's until it returns.
func eachRow(in io.Reader, row func(fields []string) error) error {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	for first := true; ; first = false {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if first {
			continue
		}
		if err := row(f); err != nil {
			return err
		}
	}
}
