package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// Kept is a file of a day's export as the lake keeps it, of which the bytes were
// held against their checksum.
type Kept struct {
	*io.SectionReader
	SHA256 string // hex

	file *os.File
}

// Close closes the file.
func (k *Kept) Close() error { return k.file.Close() }

// Changed says that what is kept of an export is not what was exported.
type Changed struct {
	Date       schemas.Day
	Name, What string
}

func (c *Changed) Error() string { return fmt.Sprintf("export %s: %s %s", c.Date, c.Name, c.What) }

// OpenKept opens a file of a day's export: one that its manifest names, or the
// manifest. What is not there is an fs.ErrNotExist, also where the manifest names
// it; what is not as it was exported, a *Changed.
func OpenKept(l *lake.Lake, date, name string) (*Kept, error) {
	d, err := schemas.ParseDay(date)
	if err != nil || filepath.Base(name) != name {
		return nil, fs.ErrNotExist
	}
	folder, err := l.Disk().Stat(dayFolder(l, d))
	if err != nil {
		return nil, err
	}
	if !folder.IsDir() {
		return nil, &Changed{d, string(d), "is no folder"}
	}
	m, hash, err := keptManifest(l, d)
	if err != nil {
		return nil, err
	}
	if name == manifestName(d) {
		return openAs(l, d, name, hash)
	}
	i := slices.IndexFunc(m.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return nil, fs.ErrNotExist
	}
	return openAs(l, d, name, m.Files[i].SHA256)
}

// keptManifest reads a day's manifest and holds its hash against whatever names it:
// the manifest of the next day, and the records of what destinations have received.
// Of the newest day, before it has arrived anywhere, nothing does.
func keptManifest(l *lake.Lake, d schemas.Day) (*Manifest, string, error) {
	m, hash, err := readManifest(l, d)
	var unread *fs.PathError
	switch {
	case errors.As(err, &unread):
		return nil, "", err
	case err != nil:
		return nil, "", &Changed{d, manifestName(d), "can't be read as a manifest"}
	}
	days, err := written(l)
	if err != nil {
		return nil, "", err
	}
	if i := slices.Index(days, d) + 1; i < len(days) {
		next, _, err := readManifest(l, days[i])
		if err != nil {
			return nil, "", err
		}
		if next.Previous == nil || *next.Previous != hash {
			return nil, "", differs(d, manifestName(d), hash, "the manifest of "+string(days[i]), next.Previous)
		}
	}
	return m, hash, asDelivered(l, d, hash)
}

// asDelivered holds the hash of a manifest against the records of its deliveries.
func asDelivered(l *lake.Lake, d schemas.Day, hash string) error {
	root := l.Path(deliveriesRoot)
	folders, err := l.Disk().ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, folder := range folders {
		if disk.IsTemporary(folder.Name()) {
			continue
		}
		r := &Delivery{}
		there, err := readRecord(l, filepath.Join(root, folder.Name(), string(d)+".json"), r)
		if err != nil {
			return err
		}
		if there && r.Manifest != hash {
			return differs(d, manifestName(d), hash, "the record of its delivery to "+r.Destination, &r.Manifest)
		}
	}
	return nil
}

// differs says that something has another checksum than the witness says; nil: the
// witness names none.
func differs(d schemas.Day, name, is, witness string, want *string) error {
	should := "none"
	if want != nil {
		should = *want
	}
	return &Changed{d, name, fmt.Sprintf("is not what was exported, says %s: its SHA-256 is %s, and should be %s", witness, is, should)}
}

// openAs opens a file of a day's folder that has this checksum: one of the folder
// itself, no link to another.
func openAs(l *lake.Lake, d schemas.Day, name, sum string) (_ *Kept, err error) {
	at := filepath.Join(dayFolder(l, d), name)
	there, err := l.Disk().Stat(at)
	if err != nil {
		return nil, err
	}
	if !there.Mode().IsRegular() {
		return nil, &Changed{d, name, "is not what was exported: it is no file of its folder"}
	}
	f, err := l.Disk().Open(at)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if opened, err := f.Stat(); err != nil || !os.SameFile(there, opened) {
		return nil, errors.Join(err, &Changed{d, name, "is being changed"})
	}
	is, n, err := sumOf(f)
	if err != nil {
		return nil, err
	}
	if is != sum {
		return nil, differs(d, name, is, "its manifest", &sum)
	}
	return &Kept{SectionReader: io.NewSectionReader(f, 0, n), SHA256: sum, file: f}, nil
}
