package main

import (
	"crypto/sha256"
	"database/sql"
	_ "embed" // the statements
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

//go:embed network.sql
var networkSQL string

//go:embed touches.sql
var touchesSQL string

//go:embed conversions.sql
var conversionsSQL string

// network is a synthetic network of 500 pixels with five line items each. Its
// days are the same whatever lake they are put in, so each is made once.
type network struct {
	cache   string // folder of its days' files
	touches int64  // a day, one in twenty a click
	users   int64
}

// The last days of every lake.
var (
	night     = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	dayBefore = night.AddDate(0, 0, -1)
	morning   = night.AddDate(0, 0, 1).Add(6 * time.Hour)
)

// viewFiles is how many files the impressions of a day are in, clicks are in
// one: what is left when a day's small segment files are merged.
const viewFiles = 3

// network is the network with that many touches in 90 days.
func (b *bench) network(touches int64) *network {
	n := &network{touches: touches / 90, users: max(touches/50, 1)}
	n.cache = filepath.Join(b.cache, fmt.Sprintf("%d-touches-a-day", n.touches))
	return n
}

// part is one file of a day, in the cache and with what a commit says of it.
type part struct {
	Path string
	lake.Staged
}

// set is files that are committed together.
type set []part

// number is the number of a day's first touch: touches are numbered through all
// days.
func (n *network) number(date time.Time) int64 {
	return date.Unix() / (24 * 60 * 60) * n.touches
}

// touchesOf makes the touches of a day, if they are not there yet.
func (n *network) touchesOf(date time.Time) (set, error) {
	first := n.number(date)
	views, end := first+n.touches/20, first+n.touches
	click, err := n.make(schemas.Click, date, "touches-0", n.touch(date, first, views, first, views, "touch"))
	if err != nil {
		return nil, err
	}
	out := set{click}
	for i := range int64(viewFiles) {
		from, to := views+(end-views)*i/viewFiles, views+(end-views)*(i+1)/viewFiles
		view, err := n.make(schemas.Impression, date, fmt.Sprintf("touches-%d", i), n.touch(date, views, end, from, to, "touch"))
		if err != nil {
			return nil, err
		}
		out = append(out, view)
	}
	return out, nil
}

// lateTouches makes touches of a day that come in after it: one in a hundred of
// a day's, by the same users and of the same line items as others of that day.
func (n *network) lateTouches(date time.Time) (set, error) {
	first := n.number(date)
	views := first + n.touches/20
	clicks := first + max(n.touches/20/100, 1)
	click, err := n.make(schemas.Click, date, "late", n.touch(date, first, clicks, first, clicks, "late"))
	if err != nil {
		return nil, err
	}
	end := views + max(n.touches/100, 1)
	view, err := n.make(schemas.Impression, date, "late", n.touch(date, views, end, views, end, "late"))
	return set{click, view}, err
}

func (n *network) touch(date time.Time, first, end, from, to int64, word string) statement {
	return statement{touchesSQL, []any{date.Format(time.DateOnly), first, end, from, to, n.users, word}}
}

// conversionsOf makes so many conversions of a day.
func (n *network) conversionsOf(date time.Time, count int64) (set, error) {
	const most = 10_000_000 // a day
	first := date.Unix() / (24 * 60 * 60) * most
	p, err := n.make(schemas.Conversion, date, fmt.Sprintf("conversions-%d", count), statement{conversionsSQL, []any{
		date.Format(time.DateOnly), first, first + count, n.number(date) + n.touches, n.touches, n.users,
	}})
	return set{p}, err
}

// statement writes one file, whose path is its last argument.
type statement struct {
	text string
	args []any
}

// make makes a file of events of a day.
func (n *network) make(typ schemas.EventType, date time.Time, name string, s statement) (part, error) {
	day := date.Format(time.DateOnly)
	return n.makeIn(lake.EventFolder(typ, day), day, string(typ)+"-"+name, "event_time", s)
}

// makeIn writes a file of the cache, for a folder of the lake, with what is to be
// said of it beside it, or reads that where both are there.
func (n *network) makeIn(folder, day, name, timeColumn string, s statement) (part, error) {
	p := part{Path: filepath.Join(n.cache, day, name+".parquet")}
	note := strings.TrimSuffix(p.Path, ".parquet") + ".json"
	b, err := os.ReadFile(note)
	if err == nil {
		return p, json.Unmarshal(b, &p.Staged)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if err := os.MkdirAll(filepath.Dir(p.Path), 0o750); err != nil {
		return p, err
	}
	if p.Staged, err = writePart(p.Path, timeColumn, s); err != nil {
		return p, fmt.Errorf("make %s: %w", p.Path, err)
	}
	p.Staged.Folder = folder
	if b, err = json.Marshal(p.Staged); err != nil {
		return p, err
	}
	// The note comes last: what was cut short is made again.
	return p, os.WriteFile(note, b, 0o640)
}

func writePart(path, timeColumn string, s statement) (lake.Staged, error) {
	f := lake.Staged{}
	db, err := openNetwork()
	if err != nil {
		return f, err
	}
	defer db.Close()
	if _, err := db.Exec(s.text, append(s.args, path)...); err != nil {
		return f, err
	}
	err = db.QueryRow("SELECT count(*), epoch_us(min("+timeColumn+")), epoch_us(max("+timeColumn+")) FROM read_parquet($1)", path).
		Scan(&f.Rows, &f.MinTime, &f.MaxTime)
	if err != nil {
		return f, err
	}
	in, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer in.Close()
	sum := sha256.New()
	f.Bytes, err = io.Copy(sum, in)
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return f, err
}

// openNetwork opens DuckDB with the network's macros and tables.
func openNetwork() (*sql.DB, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("SET TimeZone = 'UTC'"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if _, err := db.Exec(networkSQL); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// prepare makes what a lake of the network holds, in a process of its own: its
// memory must not count as that of the programs which are measured after it.
func (b *bench) prepare(n *network, days int) error {
	c := exec.Command(b.self, "-make", fmt.Sprint(days), "-touches", fmt.Sprint(n.touches*90), "-cache", b.cache)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c.Run()
}

// makeDays makes the touches of the last days.
func (b *bench) makeDays(days int) error {
	n := b.network(b.touches)
	for i := range days {
		if _, err := n.touchesOf(night.AddDate(0, 0, -i)); err != nil {
			return err
		}
	}
	return nil
}

// commit puts files into a lake under a second name, as one commit of ingest.
func commit(l *lake.Lake, files set) error {
	return commitAs(l, &lake.Draft{Kind: "ingest", At: morning}, files)
}

// commitAs is commit as the draft says.
func commitAs(l *lake.Lake, d *lake.Draft, files set) error {
	staging, err := l.Stage()
	if err != nil {
		return err
	}
	defer staging.Close()
	for i, p := range files {
		p.Staged.Name = fmt.Sprintf("%d.parquet", i)
		if err := os.Link(p.Path, filepath.Join(staging.Dir(), p.Staged.Name)); err != nil {
			return fmt.Errorf("link a file of the cache, which must be on the file system of %s: %w", l.Root(), err)
		}
		d.Add = append(d.Add, p.Staged)
	}
	_, err = l.Commit(staging, func(*lake.State) (*lake.Draft, error) { return d, nil })
	return err
}

// copyLake gives a lake as it is a second name: its data by links, for no file
// of data ever changes, and what stands beside the data as copies.
func copyLake(from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o750)
		case strings.HasPrefix(rel, "_state"+string(filepath.Separator)):
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			return os.WriteFile(target, b, 0o640)
		}
		return os.Link(p, target)
	})
}
