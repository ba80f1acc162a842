package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"pixledger/schemas/lake"
	"pixledger/schemas/published"
)

// Standing is how far publishing has got, by this machine's records.
type Standing struct {
	Parts   int64
	Dates   int
	Last    string     // the newest date that was published
	At      *time.Time // when its last part was made
	Waiting []string   // dates of which something is to be published now
	Late    []string   // those of them that were to be published two hours ago
	Erasing bool       // somebody was forgotten, and the shared lake does not know yet
	Pending string     // the date whose part is under way, or was when a run was cut
	Failure *Failure   // of the last run; nil: it did not fail
}

// Look tells how far publishing has got. Of the options the store is not needed.
func Look(state *lake.State, o Options) (*Standing, error) {
	parts, err := readParts(o.Lake, o.Edge)
	if err != nil {
		return nil, err
	}
	s := &Standing{Parts: parts.last(), Dates: len(parts.days)}
	for date := range parts.days {
		s.Last = max(s.Last, date)
	}
	if n := len(parts.manifests); n > 0 {
		s.At = &parts.manifests[n-1].At
	}
	waiting := func(o Options) (dates []string) {
		for _, d := range parts.due(state, &o) {
			dates = append(dates, d.date)
		}
		return dates
	}
	s.Waiting = waiting(o)
	earlier := o
	earlier.Now = o.Now.Add(-2 * time.Hour)
	for _, date := range waiting(earlier) {
		if parts.days[date] == nil { // what came late may have come just now
			s.Late = append(s.Late, date)
		}
	}
	if b, err := o.Lake.Disk().ReadFile(o.Lake.Path(pendingFolder + "/" + planName)); err == nil {
		if m, err := published.Decode(b); err == nil && m.Sequence > parts.last() {
			s.Pending = m.Date
		}
	}
	done, err := erasedUpTo(o.Lake)
	if err != nil {
		return nil, err
	}
	s.Erasing = parts.last() > 0 && state.Latest[lake.ForgetKind].Seq > done
	s.Failure, err = ReadFailure(o.Lake)
	return s, err
}

// Dates gives the dates of which something was published, or is about to be, with the
// files that stand in the shared lake.
func Dates(l *lake.Lake, edge string) (map[string][]string, error) {
	parts, err := readParts(l, edge)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	all := parts.manifests
	if b, err := l.Disk().ReadFile(l.Path(pendingFolder + "/" + planName)); err == nil {
		if m, err := published.Decode(b); err == nil && m.Sequence > parts.last() {
			all = append(slices.Clone(all), m)
		}
	}
	for _, m := range all {
		out[m.Date] = append([]string{}, out[m.Date]...)
		for _, f := range m.Files {
			out[m.Date] = append(out[m.Date], f.Path)
		}
	}
	return out, nil
}

// Verify holds the records of publishing against the lake: they follow one another,
// and no part holds more than the lake has read. What is wrong is told to found.
func Verify(l *lake.Lake, state *lake.State, edge string, found func(string)) (parts int64, err error) {
	p, err := readParts(l, edge)
	if err != nil {
		found(err.Error())
		return 0, nil
	}
	if err := p.agree(state); err != nil {
		found(err.Error())
	}
	return p.last(), nil
}

// VerifyShared holds the shared lake against the records of publishing: every manifest
// is there byte for byte, every file of it with its length, and no other of this edge.
// Files that a rule of the bucket has expired are counted.
func VerifyShared(ctx context.Context, l *lake.Lake, s published.Store, edge string, found func(string)) (expired int, err error) {
	p, err := readParts(l, edge)
	if err != nil {
		return 0, err
	}
	there := map[string]int64{}
	for _, folder := range []string{"events/edge=" + edge, "rejects/edge=" + edge, published.ManifestFolder(edge)} {
		list, err := s.List(ctx, folder)
		if err != nil {
			return 0, err
		}
		maps.Copy(there, list)
	}
	left := maps.Clone(there)
	for _, m := range p.manifests {
		name := published.ManifestFolder(edge) + "/" + published.ManifestName(m.Sequence)
		want, err := l.Disk().ReadFile(l.Path(partsFolder + "/" + published.ManifestName(m.Sequence)))
		if err != nil {
			return 0, err
		}
		switch b, err := published.Fetch(ctx, s, name); {
		case errors.Is(err, fs.ErrNotExist):
			found(fmt.Sprintf("%s: %s is not there", s.Name(), name))
		case err != nil:
			return 0, err
		case !bytes.Equal(b, want):
			found(fmt.Sprintf("%s: %s is not what was published", s.Name(), name))
		}
		delete(left, name)
		for _, f := range m.Files {
			delete(left, f.Path)
		}
		delete(left, published.StartedFolder(edge)+"/"+published.ManifestName(m.Sequence))
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if !standing(edge, name) && !strings.HasPrefix(name, published.StartedFolder(edge)+"/") {
			found(fmt.Sprintf("%s: nothing that was published from here names %s", s.Name(), name))
		}
	}
	return published.Compare(ctx, s, p.manifests, there, found)
}

// standing tells whether a file is one that every edge has: its identity, and the
// empty files.
func standing(edge, name string) bool {
	return name == published.ManifestFolder(edge)+"/"+published.IdentityName ||
		strings.HasSuffix(path.Dir(name), "/date="+lake.SeedDate)
}
