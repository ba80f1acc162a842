package pixelhealth

import (
	"bytes"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// keptCatalog is a catalog that the lake keeps, and since when.
type keptCatalog struct {
	path string
	at   time.Time
}

// keptCatalogs lists the catalogs that the lake keeps, the oldest first: those kept
// up to now. None are an answer too, as nothing rests on them but a date.
func keptCatalogs(l *lake.Lake, now time.Time) []keptCatalog {
	folder := filepath.Dir(l.CatalogFile("any"))
	list, err := l.Disk().ReadDir(folder)
	if err != nil {
		return nil
	}
	var out []keptCatalog
	for _, e := range list {
		if info, err := e.Info(); err == nil && filepath.Ext(e.Name()) == ".yaml" && !info.ModTime().After(now) {
			out = append(out, keptCatalog{filepath.Join(folder, e.Name()), info.ModTime().UTC()})
		}
	}
	slices.SortFunc(out, func(a, b keptCatalog) int { return a.at.Compare(b.at) })
	return out
}

// knownSince gives the time from which on the lake has kept catalogs with the pixel;
// the zero time where it keeps none with it. The pixel may be older: a catalog is kept
// when it is first worked with.
func knownSince(l *lake.Lake, kept []keptCatalog, pixelID int64) time.Time {
	digits := strconv.AppendInt(nil, pixelID, 10)
	for _, k := range kept {
		// Reading a catalog as one takes long; most that do not have it show it at once.
		content, err := l.Disk().ReadFile(k.path)
		if err != nil || !bytes.Contains(content, digits) {
			continue
		}
		if cat, _, err := schemas.LoadCatalog(k.path); err == nil && cat.Pixel(pixelID) != nil {
			return k.at
		}
	}
	return time.Time{}
}
