package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// Verify walks the chain of manifests: each closed day up to the newest that
// was exported has one; each names the hash of the one before it, and says of
// its day what the ledger says; every file that it names is there with its
// checksum, and no other; and what was recorded as delivered is this. It tells
// what differs. days are the ledger's closed days, from the first on.
func Verify(ctx context.Context, l *lake.Lake, days []Day, tell func(string)) error {
	have, err := written(l)
	if err != nil {
		return fmt.Errorf("look for the exports: %w", err)
	}
	c := &checking{lake: l, tell: tell, hashes: map[schemas.Day]string{}}
	for i, d := range have {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := slices.IndexFunc(days, func(x Day) bool { return x.Day == d })
		if at < 0 {
			c.wrong(d, "is of a day that is not closed")
			continue
		}
		if at > i && (i == 0 || days[at-1].Day != have[i-1]) {
			c.wrong(d, "the export of the day before it, %s, is gone", days[at-1].Day)
		}
		if err := c.day(ctx, days[at], i == 0); err != nil {
			return err
		}
	}
	return c.deliveries()
}

type checking struct {
	lake     *lake.Lake
	tell     func(string)
	hashes   map[schemas.Day]string // of the manifests
	previous string                 // hash of the manifest before
}

func (c *checking) wrong(d schemas.Day, format string, args ...any) {
	c.tell("export " + string(d) + ": " + fmt.Sprintf(format, args...))
}

// day checks one day's folder.
func (c *checking) day(ctx context.Context, d Day, first bool) error {
	m, hash, err := readManifest(c.lake, d.Day)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			c.wrong(d.Day, "its manifest is gone")
		} else {
			c.wrong(d.Day, "%v", err)
		}
		c.previous = ""
		return nil
	}
	c.hashes[d.Day] = hash
	switch {
	case first && m.Previous != nil:
		c.wrong(d.Day, "it is the first, and names a manifest before it: %s", *m.Previous)
	case !first && m.Previous == nil:
		c.wrong(d.Day, "it names no manifest before it")
	case !first && c.previous != "" && *m.Previous != c.previous:
		c.wrong(d.Day, "it names %s as the manifest before it, which is %s", *m.Previous, c.previous)
	}
	c.previous = hash
	c.facts(d, m)
	return c.files(ctx, d.Day, m)
}

// facts holds a manifest against the ledger.
func (c *checking) facts(d Day, m *Manifest) {
	totals := maps.Clone(m.Totals)
	if len(d.Amounts) == 0 && len(totals) == 1 { // nothing, in the catalog's currency
		maps.DeleteFunc(totals, func(_, amount string) bool { return amount == nothing })
	}
	for _, x := range []struct {
		what         string
		export, book any
	}{
		{"date", m.Date, d.Day},
		{"sequence", m.Sequence, d.Sequence},
		{"from", m.From, d.From.UTC()},
		{"to", m.To, d.Until.UTC()},
		{"catalog_digest", m.CatalogDigest, d.Catalog},
		{"version", m.Version, manifestVersion},
	} {
		if x.export != x.book {
			c.wrong(d.Day, "its %s is %v, the ledger's %v", x.what, x.export, x.book)
		}
	}
	if !maps.Equal(totals, d.Amounts) {
		c.wrong(d.Day, "its totals are %v, the ledger's %v", m.Totals, d.Amounts)
	}
	for _, f := range m.Files {
		if strings.HasPrefix(f.Name, "entries_") && f.Rows != d.Entries {
			c.wrong(d.Day, "%s has %d rows, the ledger %d entries", f.Name, f.Rows, d.Entries)
		}
	}
}

// files checks that a day's folder holds what its manifest names.
func (c *checking) files(ctx context.Context, d schemas.Day, m *Manifest) error {
	folder := dayFolder(c.lake, d)
	named := map[string]bool{manifestName(d): true}
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		named[f.Name] = true
		if filepath.Base(f.Name) != f.Name {
			c.wrong(d, "it names a file elsewhere: %q", f.Name)
			continue
		}
		sum, err := c.sum(filepath.Join(folder, f.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			c.wrong(d, "%s is gone", f.Name)
		case err != nil:
			c.wrong(d, "%s can't be read: %v", f.Name, err)
		case sum != f.SHA256:
			c.wrong(d, "%s is not what its manifest says: its SHA-256 is %s, the manifest's %s", f.Name, sum, f.SHA256)
		}
	}
	entries, err := c.lake.Disk().ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !named[e.Name()] {
			c.wrong(d, "%s stands there, and no manifest names it", e.Name())
		}
	}
	return nil
}

func (c *checking) sum(path string) (_ string, err error) {
	f, err := c.lake.Disk().Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum, _, err := sumOf(f)
	return sum, err
}

// sumOf gives the SHA-256, in hex, and the length of what a reader gives.
func sumOf(r io.Reader) (sum string, n int64, err error) {
	h := sha256.New()
	if n, err = io.Copy(h, r); err != nil {
		return "", n, err
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// deliveries holds every record of a delivery against the export.
func (c *checking) deliveries() error {
	dk := c.lake.Disk()
	root := c.lake.Path(deliveriesRoot)
	folders, err := dk.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var found []string // by destination, whatever the folders' names
	wrong := func(d schemas.Day, destination, format string, args ...any) {
		found = append(found, fmt.Sprintf("export %s: %s ", d, destination)+fmt.Sprintf(format, args...))
	}
	for _, folder := range folders {
		records, err := dk.ReadDir(filepath.Join(root, folder.Name()))
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Name() == failureFile || disk.IsTemporary(r.Name()) {
				continue
			}
			d := &Delivery{}
			if _, err := readRecord(c.lake, filepath.Join(root, folder.Name(), r.Name()), d); err != nil {
				found = append(found, err.Error())
				continue
			}
			switch hash, ok := c.hashes[d.Date]; {
			case !ok:
				wrong(d.Date, d.Destination, "has received it, and it is gone")
			case hash != d.Manifest:
				wrong(d.Date, d.Destination, "has received another: its manifest was %s, and is %s", d.Manifest, hash)
			}
		}
	}
	slices.Sort(found)
	for _, f := range found {
		c.tell(f)
	}
	return nil
}
