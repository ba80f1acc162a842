package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"pixledger/schemas/lake"
)

// Marks are how far the sources' files went at one moment: of each file the end
// of its last complete line. They say which lines must be in the lake before
// what the lake holds up to that moment can be called complete.
//
// A mark is a place in content, as positions are: it is found again under
// another name, in a copy and in a compressed file. What counts as in the lake
// is what reading would say of the file now, so whatever ingest has nothing to
// read of is never behind. Where the content is gone from all files, nobody can
// read it any more: then a gap speaks for it, or nobody misses it.
type Marks struct {
	// Patience is how long content is waited for that is gone from all files and
	// that nobody will miss: a follower that has its file open still commits it.
	Patience time.Duration

	sources []Source
	behind  []*mark // those that are not known to be committed
}

// mark is one file's.
type mark struct {
	source *Source
	path   string
	end    int64
	head   []byte     // the content's beginning up to end, at most lake.HeadBytes
	anchor lake.Print // of what stands before end

	// When it was last looked at.
	holder   holder
	seq      int64     // the lake's commit
	position int64     // up to which the content is committed
	gone     time.Time // since when no file holds it; zero while one does
	forgone  bool      // nobody will miss it
}

// holder is the file that was seen to hold a mark's content, as it was then.
type holder struct {
	key         inodeKey
	size, mtime int64
}

func holderOf(f *os.File, fi os.FileInfo) holder {
	return holder{keyOf(f, fi), fi.Size(), fi.ModTime().UnixNano()}
}

// Behind is a file with lines before its mark that are not committed. Offsets
// are in the decompressed content.
type Behind struct {
	Source   string
	Path     string
	Position int64 // up to which it is committed
	Mark     int64
}

// Bytes is how much is not committed.
func (b Behind) Bytes() int64 { return b.Mark - b.Position }

// notingPasses bounds how often the files are listed to note their marks.
const notingPasses = 100

// NoteMarks notes the marks of all files of the sources, those that reading
// would look at: the logs and the rotated files beside them. Of what the state
// has, little more than the two ends is read. A file that is missing, or has no
// line that counts, has no mark; one that can't be read is an error.
func NoteMarks(ctx context.Context, sources []Source, state *lake.State) (*Marks, error) {
	m := &Marks{sources: sources}
	seen := map[inodeKey]bool{}
	// A log that is rotated between two looks stands at neither path: the files
	// are listed until a list has nothing new.
	for range notingPasses {
		more, err := m.notePass(ctx, state, seen)
		if err != nil || !more {
			return m, err
		}
	}
	return nil, errTooFast
}

var errTooFast = fmt.Errorf("the sources' files were listed %d times, and each time they were others: they are rotated faster than they can be looked at", notingPasses)

// notePass lists the files once, and notes those that were not seen yet. It
// tells whether there were any.
func (m *Marks) notePass(ctx context.Context, state *lake.State, seen map[inodeKey]bool) (more bool, err error) {
	for i := range m.sources {
		src := &m.sources[i]
		paths, err := sourceFiles(src, m.sources)
		if err != nil {
			return false, err
		}
		for _, p := range paths {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			fi, err := os.Stat(p)
			if err == nil && seen[keyAt(p, fi)] {
				continue
			}
			more = true
			key, mk, err := noteFile(ctx, src, p, state)
			if errors.Is(err, fs.ErrNotExist) {
				continue // renamed since it was listed
			}
			if err != nil {
				return false, err
			}
			seen[key] = true
			if mk != nil {
				m.behind = append(m.behind, mk)
			}
		}
	}
	return more, nil
}

// noteFile notes one file's mark; nil where all of it is committed or nothing of it
// counts.
func noteFile(ctx context.Context, src *Source, path string, state *lake.State) (inodeKey, *mark, error) {
	f, fi, err := openRegular(path)
	if err != nil {
		return inodeKey{}, nil, err
	}
	defer f.Close()
	mk := &mark{source: src, path: path, holder: holderOf(f, fi), seq: state.Seq}
	how, err := detectCompression(f, path)
	if err == nil {
		if how == plain {
			err = mk.notePlain(f, fi.Size(), state)
		} else {
			err = mk.notePacked(ctx, f, fi, how, state)
		}
	}
	if err != nil {
		return mk.holder.key, nil, fmt.Errorf("read %s: %w", path, err)
	}
	key := mk.holder.key
	if mk.end == 0 {
		mk = nil
	}
	return key, mk, nil
}

func (mk *mark) notePlain(f *os.File, size int64, state *lake.State) error {
	p := plainFile{f, size}
	head, err := p.head()
	if err != nil {
		return err
	}
	who, err := identify(state, head, p)
	if err != nil || who.standing == earlierState || who.position() == size {
		return err
	}
	l, err := lastLineOf(f, who.position(), size, mk.source.headers(head))
	if err == nil {
		mk.at(l, head, who)
	}
	return err
}

// at fills in the mark that was found.
func (mk *mark) at(l *lastLine, head []byte, who identity) {
	if l.end > who.position() {
		mk.end, mk.anchor, mk.position = l.end, l.anchor, who.position()
		mk.head = bytes.Clone(head[:min(int64(len(head)), l.end)])
	}
}

func (mk *mark) notePacked(ctx context.Context, f *os.File, fi os.FileInfo, how compression, state *lake.State) error {
	if all, err := packedIsRead(f, fi, how, state); all || err != nil {
		return err
	}
	o, err := examine(ctx, f, fi, mk.path, state)
	if err != nil {
		return errors.Unwrap(err) // the path is said by the caller
	}
	defer o.closeStream()
	if o.who.standing == earlierState || len(o.head) == 0 {
		return nil
	}
	in, last, err := o.from(o.who.position())
	if err != nil {
		return err
	}
	l := &lastLine{header: mk.source.headers(o.sample), off: o.who.position(), last: last}
	if _, err := io.Copy(l, readerOf(ctx, in)); err != nil {
		return err
	}
	if o.stream.damage == nil {
		l.rest()
	}
	mk.at(l, o.head, o.who)
	return nil
}

// readerOf ends reading when the context does.
func readerOf(ctx context.Context, in io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return in.Read(p)
	})
}

type readFunc func(p []byte) (int, error)

func (r readFunc) Read(p []byte) (int, error) { return r(p) }

// Behind lists the files with lines before their marks that the state does not
// have. What it once found committed is not looked at again, so the states are to
// be given in their order.
func (m *Marks) Behind(ctx context.Context, state *lake.State) ([]Behind, error) {
	look := &looking{marks: m, state: state}
	var left []*mark
	var out []Behind
	for _, mk := range m.behind {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		committed, err := look.at(ctx, mk)
		if err != nil {
			return nil, err
		}
		if !committed {
			left = append(left, mk)
			out = append(out, Behind{Source: mk.source.Name, Path: mk.path, Position: mk.position, Mark: mk.end})
		}
	}
	m.behind = left
	return out, nil
}

// looking is one look at marks that are behind.
type looking struct {
	marks  *Marks
	state  *lake.State
	places []place // of all sources' files, once they were listed
}

// place is where a file stands.
type place struct {
	path string
	key  inodeKey
}

// at tells whether the content up to a mark is committed, or is to be waited
// for no more.
func (l *looking) at(ctx context.Context, mk *mark) (bool, error) {
	if mk.seq == l.state.Seq && mk.unmoved() {
		return mk.forgone && l.marks.isPatient(mk), nil
	}
	c, err := l.find(ctx, mk)
	if err != nil {
		return false, err
	}
	mk.seq, mk.forgone = l.state.Seq, false
	if c != nil {
		mk.gone = time.Time{}
		committed, err := l.isCommitted(ctx, mk, c)
		if err = errors.Join(err, c.f.Close()); err != nil {
			return false, fmt.Errorf("read %s: %w", mk.path, err)
		}
		return committed, nil
	}
	if mk.gone.IsZero() {
		mk.gone = time.Now()
	}
	if l.mayBeCommitted(mk, mk.head) { // before it went
		return true, nil
	}
	mk.forgone = !l.isMissed(mk)
	return mk.forgone && l.marks.isPatient(mk), nil
}

// isPatient tells whether content that is gone was waited for long enough.
func (m *Marks) isPatient(mk *mark) bool { return time.Since(mk.gone) >= m.Patience }

// unmoved tells whether the file is as it was when it was looked at last. Of
// content that is gone only a commit tells something new.
func (mk *mark) unmoved() bool {
	if !mk.gone.IsZero() {
		return true
	}
	fi, err := os.Stat(mk.path)
	return err == nil && holder{keyAt(mk.path, fi), fi.Size(), fi.ModTime().UnixNano()} == mk.holder
}

// candidate is a file that holds a mark's content.
type candidate struct {
	f   *os.File
	fi  os.FileInfo
	how compression
}

// find opens the file that holds the mark's content now; nil where none does.
func (l *looking) find(ctx context.Context, mk *mark) (*candidate, error) {
	if c, err := mk.heldBy(ctx, mk.path); c != nil || err != nil {
		return c, err
	}
	// While files are renamed, one may stand at neither name: it is not there
	// when it is at none of the places, and they stay the same.
	for range notingPasses {
		if l.places == nil {
			var err error
			if l.places, err = l.marks.list(); err != nil {
				return nil, err
			}
		}
		// First the file itself, under another name.
		places := slices.Clone(l.places)
		slices.SortStableFunc(places, func(a, b place) int { return mk.isAt(b) - mk.isAt(a) })
		for _, p := range places {
			if c, err := mk.heldBy(ctx, p.path); c != nil || err != nil {
				return c, err
			}
		}
		now, err := l.marks.list()
		if err != nil || slices.Equal(now, l.places) {
			return nil, err
		}
		l.places = now
	}
	return nil, errTooFast
}

// list lists all files of the sources.
func (m *Marks) list() ([]place, error) {
	var out []place
	for i := range m.sources {
		paths, err := sourceFiles(&m.sources[i], m.sources)
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			if fi, err := os.Stat(p); err == nil {
				out = append(out, place{p, keyAt(p, fi)})
			}
		}
	}
	return out, nil
}

// isAt is 1 where the place has the file that was seen to hold the mark, else 0.
func (mk *mark) isAt(p place) int {
	if p.key == mk.holder.key {
		return 1
	}
	return 0
}

// heldBy opens the file at a path when it holds the mark's content.
func (mk *mark) heldBy(ctx context.Context, path string) (*candidate, error) {
	f, fi, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &candidate{f: f, fi: fi}
	var holds bool
	if c.how, err = detectCompression(f, path); err == nil {
		holds, err = mk.isIn(ctx, c)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	if !holds {
		return nil, f.Close()
	}
	mk.path, mk.holder = path, holderOf(f, fi)
	return c, nil
}

// isIn tells whether a file holds the mark's content.
func (mk *mark) isIn(ctx context.Context, c *candidate) (bool, error) {
	if c.how == plain {
		p := plainFile{c.f, c.fi.Size()}
		head, err := readAt(c.f, 0, int64(len(mk.head)))
		if err != nil || !bytes.Equal(head, mk.head) {
			return false, err
		}
		prints, err := p.anchors([]int64{mk.end})
		return err == nil && prints[mk.end] == mk.anchor, err
	}
	if holderOf(c.f, c.fi) == mk.holder {
		return true, nil
	}
	s, err := openStream(c.f, c.fi.Size(), c.how, proof{good: mk.end})
	if err != nil {
		return false, err
	}
	defer s.close()
	head, err := s.peek(len(mk.head))
	if err != nil || !bytes.Equal(head, mk.head) {
		return false, err
	}
	prints, err := s.anchors([]int64{mk.end})
	return err == nil && prints[mk.end] == mk.anchor, errors.Join(err, ctx.Err())
}

// isCommitted tells whether reading the file would begin behind the mark, or
// read nothing of it.
func (l *looking) isCommitted(ctx context.Context, mk *mark, c *candidate) (bool, error) {
	var who identity
	if c.how == plain {
		p := plainFile{c.f, c.fi.Size()}
		head, err := p.head()
		if err != nil {
			return false, err
		}
		if who, err = identify(l.state, head, p); err != nil {
			return false, err
		}
	} else {
		head, err := packedHead(c.f, c.fi.Size(), c.how)
		if err != nil {
			return false, err
		}
		if !l.mayBeCommitted(mk, head) { // else it is read through
			mk.position = furthest(l.state.Known(head))
			return false, nil
		}
		if all, err := packedIsRead(c.f, c.fi, c.how, l.state); all || err != nil {
			return all, err
		}
		o, err := examine(ctx, c.f, c.fi, mk.path, l.state)
		if err != nil {
			return false, errors.Unwrap(err)
		}
		defer o.closeStream()
		who = o.who
	}
	mk.position = who.position()
	return who.standing == earlierState || who.position() >= mk.end, nil
}

func furthest(known []*lake.Source) int64 {
	if len(known) == 0 {
		return 0
	}
	return known[0].Position
}

// mayBeCommitted tells whether the lake knows a file of that beginning that was
// read as far as the mark, or further than the beginning goes.
func (l *looking) mayBeCommitted(mk *mark, head []byte) bool {
	return furthest(l.state.Known(head)) >= mk.end || len(head) < lake.HeadBytes && l.state.Earlier(head) != nil
}

// isMissed tells whether somebody is still to say what has become of content
// that no file holds: of a known file that did not end, whoever looks for gaps.
func (l *looking) isMissed(mk *mark) bool {
	for _, src := range l.state.Known(mk.head) {
		ours := slices.ContainsFunc(l.marks.sources, func(s Source) bool { return s.Name == src.Edge })
		if ours && !src.Ended && !missed(l.state, src.ID) {
			mk.position = src.Position
			return true
		}
	}
	return false
}
