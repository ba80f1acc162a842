// Package retention erases the events and the rejects that are older than the
// operator keeps them. The decisions that may have rested on them are frozen
// (attribute/frozen.go): they stay as they are, and so does the money.
package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/attribute"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// The notes of a retention's commit, beside attribute.NoteFrozen.
const (
	NoteBefore  = "erased_before" // the UTC date before which nothing was left
	NoteEvents  = "events"        // rows that were erased by it
	NoteRejects = "rejects"
)

// reach is the longest time from a touch to a conversion that it may earn.
const reach = schemas.MaxClickMinutes / (24 * 60)

// Options say what to erase.
type Options struct {
	// Attribute is how the decisions are made that are frozen, and names the lake.
	Attribute attribute.Options
	Days      int // for which events are kept after the end of their UTC date
	DryRun    bool
}

// Summary is what was erased, or in a dry run what would be.
type Summary struct {
	Before          string // what is older than this UTC date is erased
	First, Last     string // the dates of which something was erased; "": of none
	Events, Rejects int64
	Bytes           int64
	Frozen          string // decisions on conversions before this UTC date are frozen; "": none are
	Commit          int64  // 0: there was nothing to erase
}

// errMore says that events came whose decisions would be frozen undecided.
var errMore = errors.New("events came meanwhile")

// Run erases what is too old. The decisions that are frozen with it are brought
// up to date before. It gives a *lake.HeldError when another job held the lock
// for longer than Options.Attribute.Wait.
func Run(ctx context.Context, o Options) (Summary, error) {
	l := o.Attribute.Lake
	if o.DryRun {
		state, err := l.State()
		if err != nil {
			return Summary{}, err
		}
		sum, _ := o.plan(state)
		return sum, nil
	}
	unlock, err := l.Lock(ctx, attribute.JobLock, o.Attribute.Holder, o.Attribute.Wait)
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	for attempt := 1; ; attempt++ {
		sum, err := o.once(ctx, attempt < 5)
		if !errors.Is(err, errMore) {
			return sum, err
		}
	}
}

// Before gives the UTC date before which dates ended more than some days ago.
func Before(now time.Time, days int) string {
	return now.UTC().AddDate(0, 0, -days).Format(time.DateOnly)
}

// plan lists the folders of which something is to be erased, and says what it
// comes to.
func (o *Options) plan(state *lake.State) (Summary, map[string]schemas.Dataset) {
	sum := Summary{
		Before: Before(o.Attribute.Now, o.Days),
		Frozen: state.Latest[attribute.RetentionKind].Notes[attribute.NoteFrozen],
	}
	folders := map[string]schemas.Dataset{}
	for p, f := range state.Files {
		date := lake.FolderDate(p)
		if f.Rows == 0 || date == "" || date >= sum.Before {
			continue
		}
		name, _, _ := strings.Cut(p, "/")
		switch name {
		case schemas.Events.Name:
			folders[path.Dir(p)] = schemas.Events
			sum.Events += f.Rows
			if until := frozenBy(date); until > sum.Frozen {
				sum.Frozen = until
			}
		case schemas.Rejects.Name:
			folders[path.Dir(p)] = schemas.Rejects
			sum.Rejects += f.Rows
		default:
			continue
		}
		sum.Bytes += f.Bytes
		if sum.First == "" || date < sum.First {
			sum.First = date
		}
		sum.Last = max(sum.Last, date)
	}
	return sum, folders
}

// frozenBy gives the date before which decisions are frozen when the events of a
// date are erased.
func frozenBy(date string) string {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return ""
	}
	return day.AddDate(0, 0, reach+1).Format(time.DateOnly)
}

// once brings the decisions up to date and erases what is too old. With look, it
// gives errMore where further events came that they do not know.
func (o *Options) once(ctx context.Context, look bool) (_ Summary, err error) {
	l := o.Attribute.Lake
	state, err := l.State()
	if err != nil {
		return Summary{}, err
	}
	sum, folders := o.plan(state)
	if len(folders) == 0 {
		return sum, nil
	}
	decided, err := attribute.RunHeld(ctx, o.Attribute)
	if err != nil {
		return Summary{}, err
	}
	staging, err := l.Stage()
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, staging.Close()) }()
	staged := map[string][]lake.Staged{}
	for i, folder := range slices.Sorted(maps.Keys(folders)) {
		empty, err := stageEmpty(staging, folder, fmt.Sprintf("empty-%d", i), folders[folder])
		if err != nil {
			return Summary{}, fmt.Errorf("erase %s: %w", folder, err)
		}
		staged[folder] = []lake.Staged{empty}
	}
	record, err := l.Commit(staging, func(now *lake.State) (*lake.Draft, error) {
		var all map[string]schemas.Dataset
		sum, all = o.plan(now)
		if look && (len(all) != len(folders) || came(now, decided.ReadSeq, sum.Frozen)) {
			return nil, errMore
		}
		notes := map[string]string{
			NoteBefore: sum.Before, NoteEvents: strconv.FormatInt(sum.Events, 10), NoteRejects: strconv.FormatInt(sum.Rejects, 10),
		}
		if sum.Frozen != "" {
			notes[attribute.NoteFrozen] = sum.Frozen
		}
		return &lake.Draft{Kind: attribute.RetentionKind, At: o.Attribute.Now, Replace: staged, Notes: notes}, nil
	})
	if err != nil {
		return Summary{}, fmt.Errorf("erase what is older than %s: %w", sum.Before, err)
	}
	sum.Commit = record.Seq
	return sum, nil
}

// came tells whether there are events of dates whose decisions are frozen that
// came after the given commit.
func came(state *lake.State, seq int64, frozen string) bool {
	for p, f := range state.Files {
		if strings.HasPrefix(p, schemas.Events.Name+"/") && lake.FolderDate(p) < frozen && lake.NewestOf(f) > seq {
			return true
		}
	}
	return false
}

// stageEmpty writes the file without a row that a folder's files are exchanged
// for.
func stageEmpty(s *lake.Staging, folder, name string, d schemas.Dataset) (_ lake.Staged, err error) {
	b, err := lake.EmptyFile(d)
	if err != nil {
		return lake.Staged{}, err
	}
	f, err := s.Disk().Create(filepath.Join(s.Dir(), name), lake.FileMode, true)
	if err != nil {
		return lake.Staged{}, err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	sum := sha256.Sum256(b)
	return lake.Staged{Folder: folder, Name: name, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}, errors.Join(err, f.Close())
}
