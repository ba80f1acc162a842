package export

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crypto/sha256"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// Destination is where exports are delivered to.
type Destination struct {
	// Name is how the configuration names it, without secrets: the record of
	// what it received is kept under it.
	Name string
	// Put brings files there in their order; a file that is there already with
	// the same bytes is left, one with others is an error. Its errors name the
	// file and the destination.
	Put func(ctx context.Context, files []Sendable) error
}

// Sendable is a file to be delivered.
type Sendable struct {
	Name   string
	Path   string
	Size   int64
	SHA256 string // hex
}

// Delivery is the record of a day's export at a destination: it is written when
// the destination has all of it.
type Delivery struct {
	Destination string      `json:"destination"`
	Date        schemas.Day `json:"date"`
	At          time.Time   `json:"delivered_at"` // UTC
	Manifest    string      `json:"manifest_sha256"`
	Files       []File      `json:"files"`
}

// Failure is the record of the last try that failed; the next that succeeds
// removes it.
type Failure struct {
	Destination string      `json:"destination"`
	Date        schemas.Day `json:"date"` // the day that did not get there
	At          time.Time   `json:"at"`   // UTC
	Error       string      `json:"error"`
}

// deliveriesRoot holds a folder of records for each destination.
const deliveriesRoot = "_state/deliveries"

// deliveriesFolder holds the records of one destination.
func deliveriesFolder(l *lake.Lake, destination string) string {
	sum := sha256.Sum256([]byte(destination))
	return l.Path(deliveriesRoot + "/" + hex.EncodeToString(sum[:8]))
}

const failureFile = "failure.json"

func deliveryFile(l *lake.Lake, destination string, d schemas.Day) string {
	return filepath.Join(deliveriesFolder(l, destination), string(d)+".json")
}

// delivered lists the days that a destination has received, in order.
func delivered(l *lake.Lake, destination string) ([]schemas.Day, error) {
	return daysIn(l, deliveriesFolder(l, destination), func(name string) string {
		day, ok := strings.CutSuffix(name, ".json")
		if !ok {
			return ""
		}
		return day
	})
}

// Delivered is what a run of Deliver brought to a destination.
type Delivered struct {
	Destination string
	Days        []schemas.Day
}

// DeliverOptions say what is delivered.
type DeliverOptions struct {
	Lake         *lake.Lake
	Destinations []Destination
	Until        schemas.Day // the last day to deliver; empty: all
	// Again are days, by the whole set of their files, that are brought to the
	// destinations whatever the records say; nil: none.
	Again func(schemas.Day) bool
	Now   func() time.Time
	// Tell is told of each destination that was brought something, or nil.
	Tell func(Delivered)
}

// Deliver brings every destination the exports that it has not received, the
// oldest first, the manifest of a day last. One that fails keeps no other from
// receiving; the error names all that failed. The caller holds the lock.
func Deliver(ctx context.Context, o DeliverOptions) error {
	days, err := written(o.Lake)
	if err != nil {
		return fmt.Errorf("look for the exports: %w", err)
	}
	if o.Until != "" {
		days = slices.DeleteFunc(days, func(d schemas.Day) bool { return d > o.Until })
	}
	var failed []error
	for _, dest := range o.Destinations {
		done, err := o.deliverTo(ctx, dest, days)
		if len(done) > 0 && o.Tell != nil {
			o.Tell(Delivered{dest.Name, done})
		}
		if ctx.Err() != nil {
			return errors.Join(append(failed, err)...)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// deliverTo brings one destination what it lacks of the days.
func (o *DeliverOptions) deliverTo(ctx context.Context, dest Destination, days []schemas.Day) (done []schemas.Day, err error) {
	have, err := delivered(o.Lake, dest.Name)
	if err != nil {
		return nil, fmt.Errorf("%s: look for what was delivered: %w", dest.Name, err)
	}
	if err := o.tidy(dest); err != nil {
		return nil, fmt.Errorf("%s: %w", dest.Name, err)
	}
	for _, d := range days {
		if slices.Contains(have, d) && (o.Again == nil || !o.Again(d)) {
			continue
		}
		if err := o.put(ctx, dest, d); err != nil {
			err = fmt.Errorf("the export of %s: %w", d, err)
			if ctx.Err() == nil {
				err = errors.Join(err, o.noteFailure(dest, d, err))
			}
			return done, err
		}
		done = append(done, d)
	}
	dk := o.Lake.Disk()
	return done, dk.Remove(filepath.Join(deliveriesFolder(o.Lake, dest.Name), failureFile))
}

// tidy removes records that a run which was cut short did not finish.
func (o *DeliverOptions) tidy(dest Destination) error {
	folder := deliveriesFolder(o.Lake, dest.Name)
	records, err := o.Lake.Disk().ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, r := range records {
		if disk.IsTemporary(r.Name()) {
			err = errors.Join(err, o.Lake.Disk().Remove(filepath.Join(folder, r.Name())))
		}
	}
	return err
}

// put brings one day's export to a destination and records it.
func (o *DeliverOptions) put(ctx context.Context, dest Destination, d schemas.Day) error {
	m, hash, err := readManifest(o.Lake, d)
	if err != nil {
		return err
	}
	files, err := sendable(o.Lake, m, hash)
	if err != nil {
		return err
	}
	if err := dest.Put(ctx, files); err != nil {
		return err
	}
	return o.record(dest, deliveryFile(o.Lake, dest.Name, d), Delivery{
		Destination: dest.Name, Date: d, At: o.Now().UTC(), Manifest: hash, Files: m.Files,
	})
}

// sendable lists a day's files as they stand in the lake, the manifest last.
func sendable(l *lake.Lake, m *Manifest, hash string) ([]Sendable, error) {
	folder := dayFolder(l, m.Date)
	var out []Sendable
	for _, f := range append(slices.Clone(m.Files), File{Name: manifestName(m.Date), SHA256: hash}) {
		s := Sendable{Name: f.Name, Path: filepath.Join(folder, f.Name), SHA256: f.SHA256}
		fi, err := l.Disk().Stat(s.Path)
		if err != nil {
			return nil, fmt.Errorf("a file of its manifest is gone: %w", err)
		}
		s.Size = fi.Size()
		out = append(out, s)
	}
	return out, nil
}

func (o *DeliverOptions) noteFailure(dest Destination, d schemas.Day, failed error) error {
	return o.record(dest, filepath.Join(deliveriesFolder(o.Lake, dest.Name), failureFile), Failure{
		Destination: dest.Name, Date: d, At: o.Now().UTC(), Error: failed.Error(),
	})
}

func (o *DeliverOptions) record(dest Destination, path string, what any) error {
	b, err := json.MarshalIndent(what, "", "  ")
	if err != nil {
		return err
	}
	dk := o.Lake.Disk()
	if err := dk.MkdirAll(deliveriesFolder(o.Lake, dest.Name), lake.DirMode); err != nil {
		return fmt.Errorf("record the delivery: %w", err)
	}
	if err := dk.Publish(path, lake.FileMode, append(b, '\n')); err != nil {
		return fmt.Errorf("record the delivery: %w", err)
	}
	return nil
}

// readRecord reads a record into what; false where there is none.
func readRecord(l *lake.Lake, path string, what any) (bool, error) {
	b, err := l.Disk().ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, what); err != nil {
		return false, fmt.Errorf("%s: is no record of a delivery: %w", path, err)
	}
	return true, nil
}
