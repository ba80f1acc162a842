// Package published is the shared lake: what edges publish of their lakes, as it
// stands in a folder or an object store that all of them write to and a central
// lake, and analysts, read from.
//
//	events/edge=NAME/type=T/date=D/NNNN.parquet    rows, one file a part and type
//	rejects/edge=NAME/date=D/NNNN.parquet
//	published/edge=NAME/NNNNNNNNNNNN.json          manifests: a part is there when its manifest is
//	published/edge=NAME/edge.json                  which lake publishes under the name
//	published/edge=NAME/started/NNNNNNNNNNNN.json  which part is under way
//	erased/edge=NAME/…/NNNN.parquet.json           which file took the place of another when somebody was forgotten
//
// Nothing else that stands there ever changes. A part is a UTC date's first publication,
// number 1, or what came late for it, numbers 2 and on.
package published

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// Version is the version of the manifests that this program writes and reads.
const Version = 1

// Store is where the shared lake stands: a folder or an object store. Names are
// below it, with slashes.
type Store interface {
	// Name is how the configuration names it, without secrets.
	Name() string
	// Put brings files to a folder, in their order. A file that is there already
	// with the same bytes is left, one with others is an error that Conflict knows;
	// none appears before it is whole, and none is ever replaced.
	Put(ctx context.Context, folder string, files []Upload) error
	// Replace puts a file in the place of the one of its name, in one step: for what
	// must be erased there.
	Replace(ctx context.Context, folder string, file Upload) error
	// Fetch writes a file's bytes; fs.ErrNotExist, wrapped, where there is none.
	Fetch(ctx context.Context, name string, to io.Writer) error
	// List gives the sizes of all files below a folder, by name.
	List(ctx context.Context, folder string) (map[string]int64, error)
	// Conflict tells whether an error of Put is that other bytes are there.
	Conflict(err error) bool
}

// Upload is a file of this machine that is put.
type Upload struct {
	Name   string // in its folder
	Path   string // on this machine
	Size   int64
	SHA256 string // hex
}

// Manifest says what a part is. It is written last: without it there is no part.
type Manifest struct {
	Version int `json:"version"`
	lake.Part
	// Previous is the SHA-256 of the manifest before it, of the edge; null on the
	// first.
	Previous *string   `json:"previous_sha256"`
	At       time.Time `json:"published_at"` // UTC; when it was made
	Files    []File    `json:"files"`
}

// File is one file of a part.
type File struct {
	Path    string `json:"path"` // below the shared lake
	Rows    int64  `json:"rows"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	MinTime int64  `json:"min_time,omitempty"` // of the events, Unix microseconds
	MaxTime int64  `json:"max_time,omitempty"`
}

// Identity says which lake publishes under an edge's name.
type Identity struct {
	Version int    `json:"version"`
	Edge    string `json:"edge"`
	Lake    string `json:"lake"`
}

// Types are the kinds of events in the order in which their files are brought:
// conversions last, so that none is seen before the touches of its edge and day.
var Types = []schemas.EventType{schemas.Impression, schemas.Click, schemas.SegmentEvent, schemas.Universal, schemas.Conversion}

// EventsFolder is where the events of an edge, type and UTC date stand.
func EventsFolder(edge string, t schemas.EventType, date string) string {
	return "events/edge=" + edge + "/type=" + string(t) + "/date=" + date
}

// RejectsFolder is where the rejects of an edge stand that were read on a UTC date.
func RejectsFolder(edge, date string) string { return "rejects/edge=" + edge + "/date=" + date }

// FileName names the files of a date's part.
func FileName(number int) string { return fmt.Sprintf("%04d.parquet", number) }

// ManifestFolder is where an edge's manifests stand, and StartedFolder where it says
// which it is about to write.
func ManifestFolder(edge string) string { return "published/edge=" + edge }

// StartedFolder is where an edge says which part is under way.
func StartedFolder(edge string) string { return ManifestFolder(edge) + "/started" }

// ManifestName names the manifest of a part.
func ManifestName(sequence int64) string { return fmt.Sprintf("%012d.json", sequence) }

// IdentityName names the file that says which lake an edge is.
const IdentityName = "edge.json"

// SequenceOf gives the number of a manifest by its name; 0 for any other file.
func SequenceOf(name string) int64 {
	var n int64
	if _, err := fmt.Sscanf(name, "%d.json", &n); err != nil || ManifestName(n) != name {
		return 0
	}
	return n
}

// LakeFolder gives the folder of a lake that a file of a part is of; "" for what is
// no such file.
func (m *Manifest) LakeFolder(f File) string {
	switch folder := path.Dir(f.Path); {
	case path.Base(f.Path) != FileName(m.Number):
		return ""
	case folder == RejectsFolder(m.Edge, m.Date):
		return lake.DateFolder(schemas.Rejects, m.Date)
	default:
		for _, t := range schemas.EventTypes {
			if folder == EventsFolder(m.Edge, t, m.Date) {
				return lake.EventFolder(t, m.Date)
			}
		}
	}
	return ""
}

// Encode gives the bytes of a manifest as they stand in the shared lake.
func (m *Manifest) Encode() ([]byte, error) { return encode(m) }

// Encode gives the bytes of an edge's identity.
func (i *Identity) Encode() ([]byte, error) { return encode(i) }

func encode(what any) ([]byte, error) {
	b, err := json.MarshalIndent(what, "", "  ")
	return append(b, '\n'), err
}

// Hash is the SHA-256 of the bytes in hex.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Decode reads a manifest and says what in it can't be. The part's hash is filled in.
func Decode(b []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("it is no manifest: %w", err)
	}
	if m.Version > Version {
		return nil, fmt.Errorf("it is of version %d; allowed: up to %d: use a newer pixledger here", m.Version, Version)
	}
	m.Manifest = Hash(b)
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return &m, nil
}

func (m *Manifest) check() error {
	if err := m.Check(); err != nil {
		return err
	}
	if !IsEdge(m.Edge) || m.Lake == "" || m.Version < 1 {
		return fmt.Errorf("it is of version %d, of the edge %q and the lake %q", m.Version, m.Edge, m.Lake)
	}
	if (m.Previous == nil) != (m.Sequence == 1) {
		return fmt.Errorf("part %d does not name the one before as it should", m.Sequence)
	}
	rows := map[string]int64{}
	seen := map[string]bool{}
	for _, f := range m.Files {
		folder := m.LakeFolder(f)
		if folder == "" || seen[folder] || f.Rows < 1 || f.Bytes < 1 || len(f.SHA256) != 2*sha256.Size {
			return fmt.Errorf("%q, of %d rows and %d bytes, is no file of it", f.Path, f.Rows, f.Bytes)
		}
		seen[folder] = true
		rows[folder] = f.Rows
	}
	for _, t := range schemas.EventTypes {
		if got, want := rows[lake.EventFolder(t, m.Date)], m.Account.Events[string(t)]; got != want {
			return fmt.Errorf("it has %d rows of %s, its account %d", got, t, want)
		}
	}
	for _, counts := range []map[string]int64{m.Account.Events, m.Account.Rejects, m.Account.NotCounted, {"": m.Account.Ignored}} {
		for _, n := range counts {
			if n < 0 {
				return fmt.Errorf("its account counts %d lines", n)
			}
		}
	}
	sum := &lake.Counts{}
	for _, g := range m.Logs {
		if g.Account == nil {
			return fmt.Errorf("the log %s has no account", g.SourceID)
		}
		sum.Add(g.Account)
	}
	if sum.Lines() != m.Account.Lines() {
		return fmt.Errorf("its account is of %d lines, those of its logs of %d", m.Account.Lines(), sum.Lines())
	}
	return nil
}

// Follows says why a manifest can't come after the part that an edge has published
// last; nil is before the first.
func (m *Manifest) Follows(edge string, sequence int64, previous, lakeID string) error {
	switch {
	case m.Edge != edge || m.Sequence != sequence+1:
		return fmt.Errorf("it is part %d of %s, not %d of %s", m.Sequence, m.Edge, sequence+1, edge)
	case sequence > 0 && (m.Previous == nil || *m.Previous != previous):
		return fmt.Errorf("it does not name the manifest of part %d that is known here", sequence)
	case sequence > 0 && m.Lake != lakeID:
		return fmt.Errorf("it is of another lake than the parts before")
	}
	return nil
}

// IsEdge tells whether a text may name an edge: it stands in paths, and in URLs.
func IsEdge(name string) bool {
	if name == "" || len(name) > 60 || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
		return false
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r) {
			return false
		}
	}
	return true
}

// EdgeForm says what an edge's name may be, for messages.
const EdgeForm = "letters, digits and . _ -, at most 60, such as edge-a"

// Fetch reads a small file whole.
func Fetch(ctx context.Context, s Store, name string) ([]byte, error) {
	b := &small{}
	err := s.Fetch(ctx, name, b)
	return b.Bytes(), err
}

// most is how large a manifest may be: what is larger is none.
const most = 64 << 20

// small is a file that is kept in memory.
type small struct{ bytes.Buffer }

func (s *small) Write(b []byte) (int, error) {
	if s.Len()+len(b) > most {
		return 0, fmt.Errorf("it is larger than %d bytes", most)
	}
	return s.Buffer.Write(b)
}

// Erased says that the rows of a file have others in their place, because somebody was
// to be forgotten: the same lines, with less in them. Of its files the last is the one
// that stands there now, or is about to.
type Erased struct {
	Files []File `json:"files"`
}

// ErasedName is where it stands that a file was erased in.
func ErasedName(file string) string { return "erased/edge=" + edgeOf(file) + "/" + file + ".json" }

func edgeOf(file string) string {
	_, rest, _ := strings.Cut(file, "/edge=")
	edge, _, _ := strings.Cut(rest, "/")
	return edge
}

// ErasedBytes gives what has taken the place of a file; nothing, where nothing has.
func ErasedBytes(ctx context.Context, s Store, file string) (*Erased, error) {
	b, err := Fetch(ctx, s, ErasedName(file))
	if errors.Is(err, fs.ErrNotExist) {
		return &Erased{}, nil
	}
	var e Erased
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ErasedName(file), err)
	}
	return &e, nil
}

// Now gives the file that stands in the place of one that was published: itself, unless
// somebody in it was forgotten since.
func Now(ctx context.Context, s Store, f File) (File, error) {
	note, err := ErasedBytes(ctx, s, f.Path)
	if err == nil && len(note.Files) > 0 {
		f = note.Files[len(note.Files)-1]
	}
	return f, err
}

// ExpiredBefore gives the number of the first part of an edge all of whose files are
// there. What is missing of those before it has expired, by a rule of the bucket, which
// takes the oldest first; what is missing of others is lost. Where no part is whole it
// is 1: all that is missing is lost.
func ExpiredBefore(parts []*Manifest, there map[string]int64) int64 {
	for _, m := range parts {
		whole := len(m.Files) > 0
		for _, f := range m.Files {
			_, ok := there[f.Path]
			whole = whole && ok
		}
		if whole {
			return m.Sequence
		}
	}
	return 1
}

// Compare holds the files of an edge's parts, in their order, against what stands in
// the shared lake: the sizes of files by name. What is wrong is told to found; expired
// counts the files that are there no more.
func Compare(ctx context.Context, s Store, parts []*Manifest, there map[string]int64, found func(string)) (expired int, err error) {
	before := ExpiredBefore(parts, there)
	for _, m := range parts {
		for _, f := range m.Files {
			size, ok := there[f.Path]
			if ok && size != f.Bytes {
				if f, err = Now(ctx, s, f); err != nil {
					return expired, err
				}
			}
			switch {
			case !ok && m.Sequence < before:
				expired++
			case !ok:
				found(fmt.Sprintf("%s: %s is not there", s.Name(), f.Path))
			case size != f.Bytes:
				found(fmt.Sprintf("%s: %s has %d bytes, not %d", s.Name(), f.Path, size, f.Bytes))
			}
		}
	}
	return expired, nil
}
