package lake

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pixledger/schemas"
)

// Readers by glob open a folder, list it, look at each name by its path, and open
// what is there. DuckDB and Hadoop pass over a name that is gone when they look at
// it. So who lists a folder, and looks at its names when another folder stands in
// its place, would find none of them, and leave a date out without a word.
//
// Therefore one name stands in both folders while one takes the other's place: of a
// file without a row before, of a file that nobody can read after. Whoever was on
// the way comes by it to an error, and looks again; and whoever has read it while
// it was empty has found all old names, and those give errors too. The names stand
// for as long as a reader needs to look at what it has listed.

// ReplacedName is that name. It says in the reader's error what to do.
const ReplacedName = "replaced-while-listed-ask-again.parquet"

// replacedText is what stands in the file after the exchange.
const replacedText = "This folder was replaced while it was listed. Ask again.\n"

// replacedFor is how long the name stands before the exchange, and after it:
// a reader needs microseconds, but where the machine is busy it is kept waiting.
// The publish lock is held meanwhile. A variable for tests.
var replacedFor = 50 * time.Millisecond

// wait is time.Sleep; a variable for tests.
var wait = time.Sleep

// ReplaceAtOnce has folders replaced without the two moments that readers by glob
// need: for a lake that nobody else reads, as one that is made, compared and thrown
// away. It is called before the lake is used.
func (l *Lake) ReplaceAtOnce() { l.atOnce = true }

// announce puts the name into the folders that the record replaces and into those
// that take their place. Where it can't, as on a full disk, the commit is finished
// without: it stands.
func (l *Lake) announce(r *Record) error {
	if l.atOnce {
		return nil
	}
	announced := false
	for _, f := range r.Replace {
		file, waits, err := l.staged(r, f.Files[0])
		if err != nil {
			return err
		}
		if !waits {
			continue
		}
		if there, err := l.disk.Exists(l.Path(f.Path)); err != nil {
			return err
		} else if !there {
			continue
		}
		if err := l.announceIn(f.Path, filepath.Dir(file)); err == nil {
			announced = true
		}
	}
	if announced {
		wait(replacedFor)
	}
	return nil
}

// announceIn puts the name into a live folder, in one step, and into the one that
// is staged for it.
func (l *Lake) announceIn(folder, staged string) error {
	name, _, _ := strings.Cut(folder, "/")
	i := slices.IndexFunc(schemas.Datasets, func(d schemas.Dataset) bool { return d.Name == name })
	if i < 0 {
		return fmt.Errorf("%s: no dataset's folder", folder)
	}
	empty, err := EmptyFile(schemas.Datasets[i])
	if err != nil {
		return err
	}
	waiting := filepath.Join(staged, ReplacedName)
	if err := l.writeFile(waiting, empty); err != nil {
		return err
	}
	if err := l.disk.Rename(waiting, filepath.Join(l.Path(folder), ReplacedName)); err != nil {
		return err
	}
	return l.writeFile(waiting, []byte(replacedText))
}

// writeFile writes a file that need not survive a power cut.
func (l *Lake) writeFile(p string, b []byte) error {
	f, err := l.disk.Create(p, FileMode, false)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// withdraw removes the name from the folders that the record has put in place,
// when it has stood there for long enough.
func (l *Lake) withdraw(r *Record) error {
	var names []string
	for _, f := range r.Replace {
		p := l.Path(path.Join(f.Path, ReplacedName))
		there, err := l.disk.Exists(p)
		if err != nil {
			return err
		}
		if there {
			names = append(names, p)
		}
	}
	if len(names) > 0 {
		wait(replacedFor)
	}
	var failed error
	for _, p := range names {
		failed = errors.Join(failed, l.disk.Remove(p))
	}
	return failed
}
