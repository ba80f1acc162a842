package ingest

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"pixledger/schemas/lake"
)

// A gap is a known file that is nowhere to be found, and was not at its end
// when it was last read: rotated away and quiet. Whoever looks for files looks
// for gaps too: the follower now and then, a batch when it has read all.

// findings are what a look at the files tells of the known ones: facts for a
// commit.
type findings struct {
	ended  []string // rotated away and read to their end
	gaps   []lake.Gap
	healed []string
}

func (f *findings) empty() bool { return len(f.ended)+len(f.gaps)+len(f.healed) == 0 }

func (f *findings) add(o findings) {
	f.ended = append(f.ended, o.ended...)
	f.gaps = append(f.gaps, o.gaps...)
	f.healed = append(f.healed, o.healed...)
}

// still gives the findings that the state does not know yet and that agree
// with it.
func (f findings) still(state *lake.State) findings {
	var out findings
	for _, id := range f.ended {
		if src := state.Sources[id]; src != nil && !src.Ended && !slices.Contains(out.ended, id) {
			out.ended = append(out.ended, id)
		}
	}
	for _, g := range f.gaps {
		src, known := state.Sources[g.SourceID], state.Gaps[g.ID]
		if src != nil && !src.Ended && src.Position == g.Position && (known == nil || !known.Open()) {
			out.gaps = append(out.gaps, g)
		}
	}
	for _, id := range f.healed {
		if g := state.Gaps[id]; g != nil && g.Open() {
			out.healed = append(out.healed, id)
		}
	}
	return out
}

// note commits the findings, and gives the gaps among them that are new.
func note(opts Options, f findings) ([]lake.Gap, error) {
	if f.empty() {
		return nil, nil
	}
	var noted findings
	rec, err := opts.Lake.Commit(nil, func(state *lake.State) (*lake.Draft, error) {
		noted = f.still(state)
		if noted.empty() {
			return nil, nil
		}
		return &lake.Draft{Kind: "ingest", At: opts.Now(), Ended: noted.ended, Gaps: noted.gaps, Healed: noted.healed}, nil
	})
	if err != nil || rec == nil {
		return nil, err
	}
	for _, g := range noted.gaps {
		opts.Log.Error("lines of a log may be lost: "+gapText(g.Reason)+"; give the file to `pixledger ingest` should it turn up",
			"gap", g.ID, "source", g.Source, "path", g.Path, "reason", g.Reason, "read_to", g.Position, "since", g.From)
	}
	for _, id := range noted.healed {
		opts.Log.Info("a log that was missed has turned up, and all of it is read", "gap", id)
	}
	return noted.gaps, nil
}

func gapText(r lake.GapReason) string {
	switch r {
	case lake.GapTruncated:
		return "it was cut, and no copy goes on from where it was read to"
	case lake.GapLost:
		return "it was rotated away, and is not among the rotated files"
	}
	return "it is gone"
}

// lookForGaps finds the known files of a source that are missed. found has the
// paths of the files that are there, by source id; cut names those that were
// seen to be cut.
func lookForGaps(state *lake.State, source *Source, found map[string]string, cut map[string]bool, now time.Time) []lake.Gap {
	var gaps []lake.Gap
	for _, id := range slices.Sorted(maps.Keys(state.Sources)) {
		src := state.Sources[id]
		if src.Edge != source.Name || src.Ended || found[id] != "" || missed(state, id) {
			continue
		}
		if !tells(filepath.Dir(src.Name), src.Device) {
			continue
		}
		g := lake.Gap{
			Source: source.Name, SourceID: id, Path: src.Name, Reason: lake.GapTruncated,
			Position: src.Position, From: src.Last, To: now.UTC(),
		}
		if src.LastTime != 0 {
			g.From = time.UnixMicro(src.LastTime).UTC()
		}
		if g.From.After(g.To) {
			g.From = g.To
		}
		if !cut[id] {
			g.Reason = whyMissed(state, src, source, found)
		}
		g.ID = lake.NewGapID(g.Reason, id, strconv.FormatInt(src.Position, 10))
		gaps = append(gaps, g)
	}
	return gaps
}

// tells tells whether it proves a loss that a log is not in the folder. It does
// not when the folder can't be read, nor when it is empty and on another file
// system than the log was: then the logs are not mounted.
func tells(folder string, device uint64) bool {
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) > 0 {
		return err == nil
	}
	fi, err := os.Stat(folder)
	return err == nil && keyOfInfo(fi).device == device
}

// missed tells whether a gap of that file is open already.
func missed(state *lake.State, id string) bool {
	for _, g := range state.Gaps {
		if g.SourceID == id && g.Open() {
			return true
		}
	}
	return false
}

// whyMissed tells what has become of a file. Where the same file is at its path
// it was cut. Where rotated files are there that began after it was last read,
// it was rotated too, and out of reach; else it was deleted.
func whyMissed(state *lake.State, src *lake.Source, source *Source, found map[string]string) lake.GapReason {
	if fi, err := os.Stat(src.Name); err == nil && keyAt(src.Name, fi) == (inodeKey{src.Device, src.Inode, src.Born}) {
		return lake.GapTruncated
	}
	for id, path := range found {
		later := state.Sources[id] // nil: nothing of it is committed yet
		if source.isRotatedFile(path) && (later == nil || later.First.After(src.Last)) {
			return lake.GapLost
		}
	}
	return lake.GapDeleted
}

// healedBy lists the open gaps whose file is there whole, with nothing left to
// read of it.
func healedBy(state *lake.State, whole map[string]bool) []string {
	var out []string
	for _, g := range state.OpenGaps() {
		if src := state.Sources[g.SourceID]; src != nil && whole[g.SourceID] {
			out = append(out, g.ID)
		}
	}
	return out
}

// busyLines and busyDays say what a busy source is: at least so many lines on
// each of so many days.
const (
	busyLines = 100
	busyDays  = 7
	// silentAfter is how long a day must be over before its silence is told:
	// lines of its last minutes may still be on their way.
	silentAfter = time.Hour
)

// SilentGaps lists the days of which a source has no line though it was busy on
// each of the seven days before: at least 100 lines. Days are UTC dates. They
// follow from the account of lines, so that a day is no gap any more once lines
// of it are read.
func SilentGaps(state *lake.State, sources []Source, now time.Time) []lake.Gap {
	var gaps []lake.Gap
	for i := range sources {
		name := sources[i].Name
		days := map[string]int64{}
		for _, src := range state.Sources {
			if src.Edge == name {
				for day, c := range src.Days {
					days[day] += c.Lines()
				}
			}
		}
		for _, day := range slices.Sorted(maps.Keys(days)) {
			// Only the day after a busy one can be the first without a line.
			at, err := time.Parse(time.DateOnly, day)
			if err != nil || days[day] < busyLines {
				continue
			}
			silent := at.AddDate(0, 0, 1)
			busy := true
			for n := range busyDays {
				busy = busy && days[silent.AddDate(0, 0, -1-n).Format(time.DateOnly)] >= busyLines
			}
			end := silent.AddDate(0, 0, 1)
			if date := silent.Format(time.DateOnly); busy && days[date] == 0 && !now.Before(end.Add(silentAfter)) {
				gaps = append(gaps, lake.Gap{
					ID: lake.NewGapID(lake.GapSilent, name, date), Source: name, Path: sources[i].Path,
					Reason: lake.GapSilent, From: silent, To: end.Add(-time.Microsecond),
				})
			}
		}
	}
	return gaps
}

// Gaps lists the open gaps of the lake, those of silent sources with them, the
// oldest first.
func Gaps(state *lake.State, sources []Source, now time.Time) []lake.Gap {
	all := append(state.OpenGaps(), SilentGaps(state, sources, now)...)
	slices.SortStableFunc(all, func(a, b lake.Gap) int { return a.From.Compare(b.From) })
	return all
}

// watched is what the goroutine that looks at a source remembers of its gaps.
type watched struct {
	missing map[string]time.Time // known files that are not found, since when
	silent  map[string]bool      // gaps of silent days that were said
}

// judge looks for gaps of a source: known files that none of the open files is
// and that have not been found for a while.
func (f *follower) judge(src *Source, w *watched) error {
	state, err := f.opts.Lake.State()
	if err != nil {
		return err
	}
	found, whole, sure := f.found(src)
	if !sure {
		return nil
	}
	f.mu.Lock()
	cut := maps.Clone(f.cut)
	f.mu.Unlock()
	out := findings{healed: healedBy(state, whole)}
	now := time.Now()
	missing := map[string]time.Time{}
	for _, g := range lookForGaps(state, src, found, cut, f.opts.Now()) {
		since, before := w.missing[g.SourceID]
		if !before {
			since = now
		}
		missing[g.SourceID] = since
		if before && now.Sub(since) >= f.timing.missing {
			out.gaps = append(out.gaps, g)
		}
	}
	w.missing = missing
	for _, g := range SilentGaps(state, []Source{*src}, f.opts.Now()) {
		if !w.silent[g.ID] {
			w.silent[g.ID] = true
			f.opts.Log.Error("a source that was busy on each of the seven days before gave no line for a day: see whether the edge served",
				"gap", g.ID, "source", g.Source, "path", g.Path, "reason", g.Reason, "day", g.Days()[0])
		}
	}
	if !out.empty() {
		f.noteSoon(out)
	}
	return nil
}

// found lists the known files that are being read for a source, and of these
// the ones that are read to the end. sure is false while some file has not been
// looked at, or can't be: it may be any.
func (f *follower) found(src *Source) (found map[string]string, whole map[string]bool, sure bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found, whole = map[string]string{}, map[string]bool{}
	for _, s := range f.slots {
		if s.src == src && (s.trouble != "" || s.unread > 0) {
			return nil, nil, false
		}
	}
	for _, g := range f.open {
		if !g.looked && g.src == src {
			return nil, nil, false
		}
		if g.knownAs != "" {
			found[g.knownAs] = g.path
			// Of two files of one content either may be whole.
			whole[g.knownAs] = whole[g.knownAs] || g.how == plain || g.whole
		}
	}
	for _, c := range f.closed {
		if c.id != "" {
			found[c.id] = c.path
		}
	}
	return found, whole, true
}

// noteSoon has findings committed with the next commit.
func (f *follower) noteSoon(n findings) {
	f.mu.Lock()
	f.findings.add(n)
	f.mu.Unlock()
	select {
	case f.flush <- struct{}{}:
	default:
	}
}

// note commits what was found.
func (f *follower) note() error {
	f.mu.Lock()
	now := f.findings
	f.findings = findings{}
	f.mu.Unlock()
	_, err := note(f.opts, now)
	if err != nil {
		f.mu.Lock()
		f.findings.add(now)
		f.mu.Unlock()
	}
	return err
}

// judge looks for gaps when a batch has read all that the sources have. A log
// may have been rotated since the files were listed, so before one is missed
// they are listed and read once more.
func (b *batch) judge(ctx context.Context) error {
	if b.opts.Lake.Held("run") {
		return nil // the daemon knows better
	}
	gaps, err := b.missed()
	if err != nil || len(gaps) == 0 {
		return err
	}
	again := newBatch(b.opts, b.retry)
	if err := again.enqueueSources(); err != nil {
		return nil //nolint:nilerr // said already; what is there can't be told
	}
	if _, err := again.run(ctx); err != nil {
		return err
	}
	for _, f := range again.summary.Files {
		if f.Commits > 0 {
			b.summary.Files = append(b.summary.Files, f)
		}
	}
	b.summary.Commits += again.summary.Commits
	if gaps, err = again.missed(); err == nil {
		b.summary.Gaps, err = note(b.opts, findings{gaps: gaps})
	}
	return err
}

// missed lists the gaps that there are by what was found.
func (b *batch) missed() ([]lake.Gap, error) {
	state, err := b.opts.Lake.State()
	if err != nil {
		return nil, err
	}
	var gaps []lake.Gap
	found := b.foundIDs()
	for i := range b.opts.Sources {
		if src := &b.opts.Sources[i]; !b.unsure(src) {
			gaps = append(gaps, lookForGaps(state, src, found, nil, b.opts.Now())...)
		}
	}
	return gaps, nil
}

// noteEnds notes which of the files that were read have ended, and which gaps
// they heal.
func (b *batch) noteEnds() error {
	state, err := b.opts.Lake.State()
	if err != nil {
		return err
	}
	whole, out := map[string]bool{}, findings{}
	strange := map[string]bool{} // ids of files that no source looks for where they are
	for _, f := range b.summary.Files {
		if f.Err == nil && f.ended != "" {
			out.ended = append(out.ended, f.ended)
		}
		if f.SourceID != "" && f.Err == nil && (f.State == Read || f.State == AlreadyRead) {
			whole[f.SourceID] = true
			strange[f.SourceID] = sourceOf(b.opts.Sources, f.Path) == nil
		}
	}
	out.healed = healedBy(state, whole)
	for _, id := range out.healed {
		// It is not to be missed again when whoever found it puts it away.
		if src := state.Gaps[id].SourceID; strange[src] {
			out.ended = append(out.ended, src)
		}
	}
	_, err = note(b.opts, out)
	return err
}

// foundIDs lists the known files among those that were read.
func (b *batch) foundIDs() map[string]string {
	found := map[string]string{}
	for _, f := range b.summary.Files {
		if f.SourceID != "" && f.State != Earlier {
			found[f.SourceID] = f.Path
		}
	}
	return found
}

// unsure tells whether a file of the source could not be read: it may be any.
func (b *batch) unsure(src *Source) bool {
	for _, f := range b.summary.Files {
		if f.Edge == src.Name && f.Err != nil && !errors.Is(f.Err, fs.ErrNotExist) && f.SourceID == "" {
			return true
		}
	}
	return false
}
