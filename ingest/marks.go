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

// notingPasses bounds how often the files are listed to note their marks.
const notingPasses = 100

// NoteMarks notes the marks of all files of the sources, those that reading
// would look at: the logs and the rotated files beside them. Of what the state
// has, little more than the two ends is read. A file that is missing, or has no
// line that counts, has no mark; one that can't be read is an error.
func NoteMarks(ctx context.Context, sources []Source, state *lake.State) (*Marks, error) {
	m := &Marks{sources: sources}
	seen := map[inodeKey]bool{}
	places, err := m.list()
	if err != nil {
		return nil, err
	}
	// A log that is renamed between two looks stands at neither path: the files
	// are listed until they stand where they stood.
	for range notingPasses {
		stood, err := m.noteAt(ctx, places, state, seen)
		if err != nil {
			return nil, err
		}
		before := places
		if places, err = m.list(); err != nil {
			return nil, err
		}
		if stood && slices.Equal(places, before) {
			return m, nil
		}
	}
	return nil, errTooFast
}

var errTooFast = fmt.Errorf("the sources' files were listed %d times, and each time they stood elsewhere: they are rotated faster than they can be looked at", notingPasses)

// place is where a file stands.
type place struct {
	path   string
	source *Source
	key    inodeKey
}

// list lists all files of the sources. A file that is renamed between the look
// at the folder and the look at the file would be missing: the list counts when
// every name had its file, and the names are the same afterwards.
func (m *Marks) list() ([]place, error) {
	names, err := m.names()
	if err != nil {
		return nil, err
	}
	for range notingPasses {
		out, all, err := filesAt(names)
		if err != nil {
			return nil, err
		}
		before := names
		if names, err = m.names(); err != nil {
			return nil, err
		}
		if all && slices.Equal(names, before) {
			return out, nil
		}
	}
	return nil, errTooFast
}

// names lists the names alone, as places without a file.
func (m *Marks) names() ([]place, error) {
	var out []place
	for i := range m.sources {
		src := &m.sources[i]
		paths, err := sourceFiles(src, m.sources)
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			out = append(out, place{path: p, source: src})
		}
	}
	return out, nil
}

// filesAt fills in which files stand at the names, and tells whether all did.
func filesAt(names []place) ([]place, bool, error) {
	out := make([]place, 0, len(names))
	for _, n := range names {
		fi, err := os.Stat(n.path)
		switch {
		case err == nil:
			out = append(out, place{n.path, n.source, keyAt(n.path, fi)})
		case !errors.Is(err, fs.ErrNotExist):
			return nil, false, err
		}
	}
	return out, len(out) == len(names), nil
}

// noteAt notes the marks of the files at the places that were not seen yet, and
// tells whether each file still stood where it was listed.
func (m *Marks) noteAt(ctx context.Context, places []place, state *lake.State, seen map[inodeKey]bool) (bool, error) {
	stood := true
	for _, p := range places {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if seen[p.key] {
			continue
		}
		key, mk, err := noteFile(ctx, p.source, p.path, state)
		if errors.Is(err, fs.ErrNotExist) {
			stood = false
			continue // renamed since it was listed
		}
		if err != nil {
			return false, err
		}
		if mk != nil && !seen[key] {
			m.behind = append(m.behind, mk)
		}
		seen[key] = true
		stood = stood && key == p.key
	}
	return stood, nil
}

// noteFile notes one file's mark; nil where all of it is committed, or nothing of
// it counts.
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
