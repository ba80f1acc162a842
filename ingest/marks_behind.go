package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"pixledger/schemas/lake"
)

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

// at tells whether the content up to a mark is committed, or is to be waited
// for no more.
func (l *looking) at(ctx context.Context, mk *mark) (bool, error) {
	if mk.seq == l.state.Seq && mk.unmoved() {
		return l.marks.isGivenUp(mk), nil
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
	return l.marks.isGivenUp(mk), nil
}

// isGivenUp tells whether content that is gone and that nobody misses was waited
// for long enough.
func (m *Marks) isGivenUp(mk *mark) bool { return mk.forgone && time.Since(mk.gone) >= m.Patience }

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
	if c, _, err := mk.heldBy(ctx, mk.path); c != nil || err != nil {
		return c, err
	}
	// While files are renamed, one may stand at neither name: it is not there
	// when each place still had its file and none holds the content, and the
	// places stay the same.
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
		stood := true
		for _, p := range places {
			c, key, err := mk.heldBy(ctx, p.path)
			if c != nil || err != nil {
				return c, err
			}
			stood = stood && key == p.key
		}
		now, err := l.marks.list()
		if err != nil || stood && slices.Equal(now, l.places) {
			return nil, err
		}
		l.places = now
	}
	return nil, errTooFast
}

// isAt is 1 where the place has the file that was seen to hold the mark, else 0.
func (mk *mark) isAt(p place) int {
	if p.key == mk.holder.key {
		return 1
	}
	return 0
}

// heldBy opens the file at a path when it holds the mark's content, and says
// which file it is in either case; that of no file is zero.
func (mk *mark) heldBy(ctx context.Context, path string) (*candidate, inodeKey, error) {
	f, fi, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, inodeKey{}, nil
	}
	if err != nil {
		return nil, inodeKey{}, err
	}
	c := &candidate{f: f, fi: fi}
	var holds bool
	if c.how, err = detectCompression(f, path); err == nil {
		holds, err = mk.isIn(ctx, c)
	}
	h := holderOf(f, fi)
	if err != nil {
		return nil, h.key, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	if !holds {
		return nil, h.key, f.Close()
	}
	mk.path, mk.holder = path, h
	return c, h.key, nil
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
	mk.position = who.position() // of an earlier state, behind its end
	return mk.position >= mk.end, nil
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
