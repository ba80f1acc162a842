package lake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"pixledger/schemas"
)

// State is what the records up to Seq add up to. It is never changed once
// handed out.
type State struct {
	Seq     int64              `json:"seq"`
	Head    string             `json:"head"` // SHA-256 of record Seq's bytes
	Files   map[string]File    `json:"files"`
	Sources map[string]*Source `json:"sources"`
	Gaps    map[string]*Gap    `json:"gaps,omitempty"` // by id, healed ones too
	// Accepted are the gaps, by id, that need not be mended for a close.
	Accepted map[string]Acceptance `json:"accepted,omitempty"`
	// Edges are those whose published parts were brought in, by name.
	Edges map[string]*Edge `json:"edges,omitempty"`
	// Latest is the newest record of each kind, without its files and ranges.
	Latest map[string]Mark `json:"latest"`
}

// Mark is a trace of a record: enough for status and for the next run of its job.
type Mark struct {
	Seq   int64             `json:"seq"`
	At    time.Time         `json:"at"`
	Notes map[string]string `json:"notes,omitempty"`
}

// Source is what the lake knows of one log file.
type Source struct {
	ID       string `json:"id"`
	Edge     string `json:"edge"`
	Name     string `json:"name"` // the path it was last read by
	Position int64  `json:"position"`
	Head     Print  `json:"head"`
	Anchor   Print  `json:"anchor"`
	// HeadLines are as in Range.
	HeadLines []string           `json:"head_lines,omitempty"`
	Device    uint64             `json:"device,omitempty"`
	Inode     uint64             `json:"inode,omitempty"`
	Born      int64              `json:"born,omitempty"`
	Days      map[string]*Counts `json:"days"`
	// ByEdge is the account of each edge and day, where the file was read for more
	// than one edge: under another name it may be another's. It is nil while there
	// is one.
	ByEdge map[string]map[string]*Counts `json:"by_edge,omitempty"`
	// LastTime is the time of the last line that has one, Unix microseconds; 0
	// where none has.
	LastTime int64 `json:"last_time,omitempty"`
	// Ended says that the file was rotated away and read to its end: nobody
	// misses it when it is gone.
	Ended bool      `json:"ended,omitempty"`
	First time.Time `json:"first"` // its first and last commit
	Last  time.Time `json:"last"`
}

func emptyState() *State {
	return &State{Files: map[string]File{}, Sources: map[string]*Source{}, Latest: map[string]Mark{}, Gaps: map[string]*Gap{}, Accepted: map[string]Acceptance{}, Edges: map[string]*Edge{}}
}

// clone copies what fold changes: the maps, and not what stands in them.
func (s *State) clone() *State {
	return &State{
		Seq: s.Seq, Head: s.Head, Files: maps.Clone(s.Files), Sources: maps.Clone(s.Sources),
		Latest: maps.Clone(s.Latest), Gaps: maps.Clone(s.Gaps), Accepted: maps.Clone(s.Accepted), Edges: maps.Clone(s.Edges),
	}
}

// fold applies a record; sum is the hash of its bytes.
func (s *State) fold(r *Record, sum string) error {
	if r.Seq != s.Seq+1 {
		return fmt.Errorf("commit %d follows commit %d", r.Seq, s.Seq)
	}
	if r.Previous != s.Head {
		return fmt.Errorf("commit %d names another commit %d than the one that is there", r.Seq, s.Seq)
	}
	if len(r.Replace) > 0 { // many folders of very many files are looked for at one go
		replaced := map[string]bool{}
		for _, f := range r.Replace {
			replaced[f.Path] = true
		}
		maps.DeleteFunc(s.Files, func(p string, _ File) bool { return replaced[path.Dir(p)] })
	}
	for _, f := range r.Replace {
		for _, file := range f.Files {
			s.Files[file.Path] = file
		}
	}
	for _, f := range r.Add {
		s.Files[f.Path] = f
	}
	for i := range r.Ranges {
		g := &r.Ranges[i]
		src := &Source{ID: g.SourceID, First: r.At}
		if old := s.Sources[g.SourceID]; old != nil {
			*src = *old
			src.Days = cloneDays(old.Days)
		}
		if g.Start != src.Position {
			return fmt.Errorf("commit %d reads %s from %d, but its position is %d", r.Seq, g.SourceID, g.Start, src.Position)
		}
		src.addByEdge(g)
		src.Edge, src.Name, src.Position = g.Edge, g.Name, g.End
		src.Head, src.Anchor, src.HeadLines = g.Head, g.Anchor, g.HeadLines
		src.Device, src.Inode, src.Born = g.Device, g.Inode, g.Born
		src.Days, src.Last = AddDays(src.Days, g.Days), r.At
		src.Ended = false
		if g.LastTime != 0 {
			src.LastTime = g.LastTime
		}
		s.Sources[g.SourceID] = src
		for id, gap := range s.Gaps {
			if gap.Open() && gap.SourceID == g.SourceID && gap.Position == g.Start {
				s.heal(id, r.At)
			}
		}
	}
	for _, id := range r.Ended {
		src := s.Sources[id]
		if src == nil {
			return fmt.Errorf("commit %d ends %s, which is not known", r.Seq, id)
		}
		ended := *src
		ended.Ended = true
		s.Sources[id] = &ended
	}
	for _, gap := range r.Gaps {
		s.Gaps[gap.ID] = &gap
	}
	for _, id := range r.Healed {
		s.heal(id, r.At)
	}
	for _, a := range r.Accepted {
		s.Accepted[a.GapID] = a
	}
	for i := range r.Parts {
		if err := s.foldPart(r, &r.Parts[i]); err != nil {
			return err
		}
	}
	s.Seq, s.Head = r.Seq, sum
	s.Latest[r.Kind] = Mark{Seq: r.Seq, At: r.At, Notes: r.Notes}
	return nil
}

// heal closes a gap, if there is one of that id.
func (s *State) heal(id string, at time.Time) {
	if gap := s.Gaps[id]; gap != nil {
		healed := *gap
		healed.Healed = at
		s.Gaps[id] = &healed
	}
}

// OpenGaps lists the gaps that nothing has healed, the oldest first.
func (s *State) OpenGaps() []Gap {
	var out []Gap
	for _, g := range s.Gaps {
		if g.Open() {
			out = append(out, *g)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if !out[i].To.Equal(out[j].To) {
			return out[i].To.Before(out[j].To)
		}
		return out[i].ID < out[j].ID
	})
	return out
}

func cloneDays(days map[string]*Counts) map[string]*Counts { return AddDays(nil, days) }

// FilesOf lists the dataset's committed files, the empty ones included, as
// paths below the lake in order. prefix narrows it to folders that begin so
// ("" is all), for events for example "events/type=click/".
func (s *State) FilesOf(d schemas.Dataset, prefix string) []string {
	var out []string
	for _, folder := range SeedFolders(d) {
		if strings.HasPrefix(folder+"/", prefix) {
			out = append(out, folder+"/"+seedName)
		}
	}
	for p := range s.Files {
		if strings.HasPrefix(p, d.Name+"/") && strings.HasPrefix(p, prefix) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// Folder lists the committed files of one folder, by path.
func (s *State) Folder(folder string) []File {
	var out []File
	for p, f := range s.Files {
		if path.Dir(p) == folder {
			out = append(out, f)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}

// Known lists the sources whose recorded beginning is the beginning of a file
// with the given head, the furthest read first. head holds the file's first
// bytes, at most HeadBytes.
func (s *State) Known(head []byte) []*Source {
	sums := map[int64]string{}
	var out []*Source
	for _, src := range s.Sources {
		n := src.Head.Len
		if n == 0 || n > int64(len(head)) {
			continue
		}
		if _, ok := sums[n]; !ok {
			sums[n] = hashHex(head[:n])
		}
		if sums[n] == src.Head.SHA256 {
			out = append(out, src)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Position != out[j].Position {
			return out[i].Position > out[j].Position
		}
		return out[i].ID < out[j].ID
	})
	return out
}

// Earlier gives the source that a file was an earlier state of when it held
// only head, which is shorter than the source's recorded beginning; its last
// line may be incomplete. It is nil where there is none.
func (s *State) Earlier(head []byte) *Source {
	end := bytes.LastIndexByte(head, '\n') + 1
	if end == 0 {
		return nil
	}
	sum := hashHex(head[:end])[:16]
	var found *Source
	for _, src := range s.Sources {
		if src.Head.Len <= int64(len(head)) || !slices.Contains(src.HeadLines, sum) {
			continue
		}
		if found == nil || src.Position > found.Position || src.Position == found.Position && src.ID < found.ID {
			found = src
		}
	}
	return found
}

// NewSourceID gives the id of a file that is not known: a hash of its
// beginning, told apart from files that begin the same.
func (s *State) NewSourceID(head []byte, taken func(id string) bool) string {
	for n := 0; ; n++ {
		id := hashHex(fmt.Appendf(nil, "%d:%s", n, head))[:16]
		if s.Sources[id] == nil && (taken == nil || !taken(id)) {
			return id
		}
	}
}

// PrintOf gives the length and hash of content.
func PrintOf(b []byte) Print { return Print{Len: int64(len(b)), SHA256: hashHex(b)} }

// hashHex is the SHA-256 of the bytes in hex.
func hashHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// State reads the state of the last finished commit. It takes no lock: a
// commit that is being published, or was cut by a crash, is not in it.
func (l *Lake) State() (*State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.state == nil
	s, err := l.refresh(false)
	if err == nil && first {
		if err = l.checkGap(s.Seq); err != nil {
			l.state = nil
			return nil, err
		}
	}
	return s, err
}

// checkpointEvery is the number of records after which their sum is written
// down, so that opening a lake reads few of them.
const checkpointEvery = 256

// refresh reads the records since the last call. With complete, which needs
// the publish lock, a commit that was cut short is finished first.
func (l *Lake) refresh(complete bool) (*State, error) {
	s := l.state
	if s == nil {
		var err error
		if s, err = l.loadCheckpoint(); err != nil {
			return nil, err
		}
	}
	r, sum, err := l.readRecord(s.Seq + 1)
	if err != nil {
		return nil, err
	}
	if r != nil {
		s = s.clone()
	}
	appliedHere := false
	for r != nil {
		next, nextSum, err := l.readRecord(r.Seq + 1)
		if err != nil {
			return nil, err
		}
		// Only the newest record can be unfinished: the next commit finishes the
		// one before it.
		if next == nil && !complete {
			if ok, err := l.finished(r); err != nil {
				return nil, err
			} else if !ok {
				break
			}
		}
		if err := s.fold(r, sum); err != nil {
			return nil, fmt.Errorf("%s: %w; restore %s from a backup", l.root, err, commitsDir)
		}
		if next == nil && complete { // and follows from the ones before
			if err := l.apply(r); err != nil {
				return nil, err
			}
			appliedHere = true
		}
		r, sum = next, nextSum
	}
	if complete && s.Seq > l.applied {
		// What was found finished may not be durable: who moved the files may
		// have died before syncing the folders.
		if !appliedHere {
			if err := l.applySeq(s.Seq); err != nil {
				return nil, err
			}
		}
		l.applied = s.Seq
	}
	l.state = s
	return s, nil
}

// applySeq applies the record of that number, if it is there.
func (l *Lake) applySeq(seq int64) error {
	r, _, err := l.readRecord(seq)
	if err != nil || r == nil {
		return err
	}
	return l.apply(r)
}

func recordName(seq int64) string { return fmt.Sprintf("%s/%012d.json", commitsDir, seq) }

// readRecord reads one record, or gives nil where there is none.
func (l *Lake) readRecord(seq int64) (*Record, string, error) {
	p := l.Path(recordName(seq))
	b, err := l.disk.ReadFile(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read commit %d: %w", seq, err)
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, "", fmt.Errorf("%s: is damaged (%w); restore it from a backup", p, err)
	}
	if r.Version > Version {
		return nil, "", &VersionError{Root: l.root, Version: r.Version}
	}
	if r.Seq != seq {
		return nil, "", fmt.Errorf("%s: holds commit %d; restore it from a backup", p, r.Seq)
	}
	if err := r.check(); err != nil {
		return nil, "", fmt.Errorf("%s: is damaged (%w); restore it from a backup", p, err)
	}
	return &r, hashHex(b), nil
}

// ReadRecord reads the record of one commit, and the hash of its bytes.
func (l *Lake) ReadRecord(seq int64) (*Record, string, error) {
	r, sum, err := l.readRecord(seq)
	if err == nil && r == nil {
		err = fmt.Errorf("%s: commit %d is missing", l.root, seq)
	}
	return r, sum, err
}

// checkpointLayout is what a checkpoint holds of the records. It is raised with
// every part that a state is given: a checkpoint of another layout lacks it, or
// has more than is known of here.
const checkpointLayout = 3

// checkpoint is a state with a hash over it, so that a damaged one is noticed
// and left aside, as one of another layout is: it can always be had again from
// the records.
type checkpoint struct {
	Layout int             `json:"layout"`
	SHA256 string          `json:"sha256"`
	State  json.RawMessage `json:"state"`
}

func (l *Lake) loadCheckpoint() (*State, error) {
	entries, err := l.disk.ReadDir(l.Path(checkpointDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	for i := len(entries) - 1; i >= 0; i-- {
		name := entries[i].Name()
		if !strings.HasSuffix(name, ".json") || strings.HasPrefix(name, ".") {
			continue
		}
		b, err := l.disk.ReadFile(l.Path(checkpointDir + "/" + name))
		if err != nil {
			continue
		}
		var c checkpoint
		s := emptyState()
		if json.Unmarshal(b, &c) != nil || c.Layout != checkpointLayout || hashHex(c.State) != c.SHA256 || json.Unmarshal(c.State, s) != nil || !s.whole() {
			continue
		}
		return s, nil
	}
	return emptyState(), nil
}

// whole tells whether a state has all that a state has.
func (s *State) whole() bool {
	if s.Seq < 0 || s.Files == nil || s.Sources == nil || s.Latest == nil || s.Gaps == nil || s.Accepted == nil || s.Edges == nil {
		return false
	}
	for _, src := range s.Sources {
		if src == nil || src.Position < 0 || checkDays(src.Days) != nil {
			return false
		}
		for _, days := range src.ByEdge {
			if checkDays(days) != nil {
				return false
			}
		}
	}
	for _, g := range s.Gaps {
		if g == nil {
			return false
		}
	}
	for _, e := range s.Edges {
		if e == nil || e.Days == nil || e.Logs == nil {
			return false
		}
		for _, day := range e.Days {
			if day == nil || day.Account == nil {
				return false
			}
		}
	}
	return true
}

// saveCheckpoint writes the state down and keeps the newest two. It is a
// cache: its failure is nobody's.
func (l *Lake) saveCheckpoint(s *State) {
	state, err := json.Marshal(s)
	if err != nil {
		return
	}
	b, err := json.Marshal(checkpoint{Layout: checkpointLayout, SHA256: hashHex(state), State: state})
	if err != nil {
		return
	}
	if l.disk.Publish(l.Path(fmt.Sprintf("%s/%012d.json", checkpointDir, s.Seq)), FileMode, b) != nil {
		return
	}
	entries, _ := l.disk.ReadDir(l.Path(checkpointDir))
	for i := 0; i < len(entries)-2; i++ {
		_ = l.disk.Remove(l.Path(checkpointDir + "/" + entries[i].Name()))
	}
}
