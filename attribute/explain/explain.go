// Package explain shows how one conversion was decided, for people in a
// dispute: the log line, the settings in force and where they stand in the
// catalog, what each step said, every touch that was considered and why it won
// or lost, the rate, and the ledger's entries.
//
// It takes a fresh look at the one conversion, by the rules as they are written
// down and by the catalog's own functions, and not by the engine that decides
// all of them at once; the two are held against each other in tests. What that
// look gives is compared with the live attributions: where they differ, the
// next attribution has something to do.
//
// Nothing is locked and nothing is changed. Of the lake only those files are
// read that can hold the conversion, its touches and what was decided before it.
package explain

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"pixledger/attribute"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// Options say where to look and what may be used.
type Options struct {
	Lake        *lake.Lake
	Catalog     *schemas.Catalog // the one configured
	CatalogFile string           // what positions in it call it
	// Open opens the lake's newest state; the catalog's tables are not read.
	Open func() (*lakedb.DB, error)

	// Progress is told, if not nil, of everything that is read.
	Progress func(what string)
}

// Explain explains the conversion of an id. It gives a *NotFoundError where no
// conversion has it.
func Explain(ctx context.Context, id string, o Options) (*Explanation, error) {
	for attempt := 1; ; attempt++ {
		db, err := o.Open()
		if err != nil {
			return nil, err
		}
		x, err := explain(&reader{ctx, db, o.Progress}, id, o)
		err = errors.Join(err, db.Close())
		if err == nil {
			return x, nil
		}
		// The files read may be exchanged meanwhile: then it begins again.
		var none *NotFoundError
		if now, e := o.Lake.State(); errors.As(err, &none) || attempt == 3 || ctx.Err() != nil || e != nil || now.Seq == db.State.Seq {
			return nil, err
		}
	}
}

func explain(r *reader, id string, o Options) (*Explanation, error) {
	lines, err := r.conversion(id)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, r.notFound(id)
	}
	x := &Explanation{Conversion: lines[0], OtherLines: []OtherLine{}}
	c := &x.Conversion
	for _, l := range lines[1:] {
		x.OtherLines = append(x.OtherLines, OtherLine{l, whyNot(c, &l)})
	}
	if x.Live, err = r.live(id, c.EventTime, c.EventTime); err != nil {
		return nil, err
	}
	if x.Void, err = r.void(id); err != nil {
		return nil, err
	}
	if x.Ledger, err = r.ledger(c); err != nil {
		return nil, err
	}
	touches, err := r.touches([]Line{*c})
	if err != nil {
		return nil, err
	}
	var cat *schemas.Catalog
	cat, x.Catalog = r.catalog(o)
	fresh, err := look(r, cat, x.Catalog.File, c, x.Void, touches[id])
	if err != nil {
		return nil, err
	}
	x.Look = *fresh
	next := fresh
	if cat != o.Catalog {
		if next, err = look(r, o.Catalog, o.CatalogFile, c, x.Void, touches[id]); err != nil {
			return nil, err
		}
	}
	x.compare(&next.Decision)
	return x, nil
}

// compare says whether the live row is what the next attribution gives.
func (x *Explanation) compare(next *Row) {
	switch {
	case x.Live == nil:
		x.Pending = "it was not decided yet"
	case reflect.DeepEqual(x.Live, next):
		return
	case !reflect.DeepEqual(x.Live, &x.Decision):
		x.Pending = "log lines, voids or earlier decisions have come in since it was decided"
	default:
		x.Pending = "the catalog has changed since it was decided"
	}
	x.Next = next
}

// catalog gives the catalog that decided, by the newest attribution: the one
// configured where it is the same, else the one kept in the lake.
func (r *reader) catalog(o Options) (*schemas.Catalog, Catalog) {
	c := Catalog{
		Digest: o.Catalog.Digest, File: o.CatalogFile,
		ConfiguredDigest: o.Catalog.Digest, ConfiguredFile: o.CatalogFile,
	}
	digest := r.db.State.Latest[attribute.CommitKind].Notes[attribute.NoteCatalog]
	switch digest {
	case "":
		return o.Catalog, c
	case o.Catalog.Digest:
		c.Decided = true
		return o.Catalog, c
	}
	file := o.Lake.CatalogFile(digest)
	kept, _, err := schemas.LoadCatalog(file)
	if err != nil {
		c.Warning = fmt.Sprintf("the catalog that decided, %.12s, can't be read (%v); this is by the one configured, %.12s", digest, err, o.Catalog.Digest)
		return o.Catalog, c
	}
	c.Digest, c.File, c.Decided = digest, file, true
	c.Warning = fmt.Sprintf("the catalog configured, %s (%.12s), is another one than the one that decided (%.12s)", o.CatalogFile, o.Catalog.Digest, digest)
	return kept, c
}

// whyNot says why a line with the conversion's id is not the one that counts:
// where the two first differ in the order of lines.
func whyNot(c, l *Line) string {
	id := func(n *int64) string {
		if n == nil {
			return ""
		}
		return fmt.Sprint(*n)
	}
	if d := l.EventTime.Sub(c.EventTime); d > 0 {
		return "it is " + span(d) + " later"
	}
	if l.SourceOffset != c.SourceOffset {
		return "it is of the same moment and stands further on in its file"
	}
	columns := []string{"order_id", "user_id", "value_text", "pixel_id", "pixel_code", "sspdata", "other"}
	i := slices.IndexFunc(columns, func(column string) bool {
		of := func(l *Line) string {
			return map[string]string{
				"order_id": text(l.OrderID), "user_id": text(l.UserID), "value_text": text(l.ValueText), "pixel_id": id(l.PixelID),
				"pixel_code": text(l.PixelCode), "sspdata": text(l.SSPData), "other": text(l.Other),
			}[column]
		}
		return of(c) != of(l)
	})
	if i < 0 {
		return "it is of the same moment, offset and content"
	}
	return "it is of the same moment and offset, and its " + columns[i] + " sorts behind"
}
