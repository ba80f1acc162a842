// Package laketest makes lakes by hand, for tests: events and whatever else is
// to stand in a lake is committed as a test says it, without logs and ingestion,
// and the attributions are read back as the reference knows them.
package laketest

import (
	"fmt"
	"path/filepath"
	"time"

	"pixledger/attribute/reference"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// T is what a lake needs of *testing.T, *testing.B and *rapid.T.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Handmade is a lake in a folder, filled by hand. What goes wrong with it ends
// its test.
type Handmade struct {
	*lake.Lake

	// Bounds makes the files of events say between which times theirs lie, as
	// those of ingestion do. Without, a reader must go by the date of the folder.
	Bounds bool

	t  T
	at time.Time
}

// New makes a lake in a folder, or opens the one that is there. All that it
// commits is of the time given.
func New(t T, dir string, at time.Time) *Handmade {
	t.Helper()
	l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), at)
	if err != nil {
		t.Fatalf("%v", err)
	}
	l.ReplaceAtOnce() // nobody else reads it
	return Over(t, l, at)
}

// Over fills a lake that is open.
func Over(t T, l *lake.Lake, at time.Time) *Handmade { return &Handmade{Lake: l, t: t, at: at} }

// File is a file to be: some rows of a dataset, and the folder it goes to.
type File struct {
	Dataset schemas.Dataset
	Folder  string
	Rows    []Row
}

// FolderOf is the folder of an event, by its type and date.
func FolderOf(e reference.Event) string {
	return lake.EventFolder(schemas.EventType(e.Type), e.EventTime.UTC().Format(time.DateOnly))
}

// Ingest publishes events and voids as one commit: a file for each type and
// date. Of nothing there is no commit.
func (l *Handmade) Ingest(events []reference.Event, voids []string) {
	l.t.Helper()
	folders := map[string][]reference.Event{}
	for _, e := range events {
		folders[FolderOf(e)] = append(folders[FolderOf(e)], e)
	}
	var files []File
	for folder, events := range folders {
		files = append(files, l.eventFile(folder, events))
	}
	if len(voids) > 0 {
		f := File{Dataset: schemas.Voids, Folder: lake.DateFolder(schemas.Voids, "")}
		for _, id := range voids {
			f.Rows = append(f.Rows, Row{"conversion_id": id, "reason": "returned", "by": "Ada", "voided_at": l.at})
		}
		files = append(files, f)
	}
	l.Add(lake.Draft{Kind: "ingest"}, files...)
}

// Add publishes a draft with files that come to those in their folders.
func (l *Handmade) Add(draft lake.Draft, files ...File) {
	l.t.Helper()
	l.publish(draft, files, func(d *lake.Draft, f lake.Staged) { d.Add = append(d.Add, f) })
}

// Replace publishes a draft with files that take the place of all in their
// folders. One without rows empties its folder.
func (l *Handmade) Replace(draft lake.Draft, files ...File) {
	l.t.Helper()
	draft.Replace = map[string][]lake.Staged{}
	l.publish(draft, files, func(d *lake.Draft, f lake.Staged) { d.Replace[f.Folder] = append(d.Replace[f.Folder], f) })
}

// publish writes the files, takes each into the draft, and commits it. Of no
// file there is no commit.
func (l *Handmade) publish(draft lake.Draft, files []File, take func(*lake.Draft, lake.Staged)) {
	l.t.Helper()
	if len(files) == 0 {
		return
	}
	staging, err := l.Stage()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	defer staging.Close()
	draft.At = l.at
	for i, f := range files {
		take(&draft, l.write(staging, fmt.Sprintf("%d.parquet", i), f))
	}
	if _, err := l.Commit(staging, func(*lake.State) (*lake.Draft, error) { return &draft, nil }); err != nil {
		l.t.Fatalf("%v", err)
	}
}

// Compact puts those of the events that are of a folder, which must be all that
// it holds, into one file.
func (l *Handmade) Compact(folder string, events []reference.Event) {
	l.t.Helper()
	var of []reference.Event
	for _, e := range events {
		if FolderOf(e) == folder {
			of = append(of, e)
		}
	}
	state, err := l.State()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	var newest int64
	for _, f := range state.Folder(folder) {
		newest = max(newest, lake.NewestOf(f))
	}
	draft := lake.Draft{Kind: lake.CompactKind, Replace: map[string][]lake.Staged{}}
	l.publish(draft, []File{l.eventFile(folder, of)}, func(d *lake.Draft, f lake.Staged) {
		f.Newest = newest
		d.Replace[folder] = append(d.Replace[folder], f)
	})
}
