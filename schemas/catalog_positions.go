package schemas

import (
	"fmt"
	"time"

	"pixledger/schemas/yamlfile"
)

// Position is a place in a catalog's file.
type Position struct {
	File         string // as the caller names it
	Line, Column int    // from 1
}

// String gives the position as FILE:LINE:COLUMN.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// CatalogPositions says where the entries of a catalog stand in its file. Every
// lookup gives false where there is nothing to point at: the entry is not in
// the file, or the catalog was not read from one.
type CatalogPositions struct {
	file         string
	pixels       map[int64]yamlfile.Value
	lineItems    map[int64]yamlfile.Value
	trackers     map[int64]yamlfile.Value
	associations map[[2]int64]yamlfile.Value // by line item and pixel
}

// Positions reads the catalog's file once more for where its entries stand;
// file is what positions call it. Few ask, so that a catalog does not keep it.
func (c *Catalog) Positions(file string) *CatalogPositions {
	p := &CatalogPositions{
		file:   file,
		pixels: map[int64]yamlfile.Value{}, lineItems: map[int64]yamlfile.Value{}, trackers: map[int64]yamlfile.Value{},
		associations: map[[2]int64]yamlfile.Value{},
	}
	schema, err := catalogSchema()
	if err != nil || c.Content() == nil {
		return p
	}
	root := yamlfile.Parse(file, c.Content(), schema, yamlfile.Options{}).Root()
	note := func(list string, at map[int64]yamlfile.Value) {
		for _, v := range root.Get(list).Items() {
			at[id(v, "id")] = v
		}
	}
	note("pixels", p.pixels)
	note("line_items", p.lineItems)
	note("trackers", p.trackers)
	for item, v := range p.lineItems {
		for _, a := range v.Get("pixels").Items() {
			p.associations[[2]int64{item, id(a, "pixel_id")}] = a
		}
	}
	return p
}

func (p *CatalogPositions) of(v yamlfile.Value) (Position, bool) {
	if !v.Given() {
		return Position{}, false
	}
	line, column := v.Position()
	return Position{p.file, line, column}, true
}

// Pixel gives where the pixel's entry begins.
func (p *CatalogPositions) Pixel(id int64) (Position, bool) { return p.of(p.pixels[id]) }

// LineItem gives where the line item's entry begins.
func (p *CatalogPositions) LineItem(id int64) (Position, bool) { return p.of(p.lineItems[id]) }

// Tracker gives where the tracker's entry begins.
func (p *CatalogPositions) Tracker(id int64) (Position, bool) { return p.of(p.trackers[id]) }

// Association gives where the pixel's entry in the line item begins.
func (p *CatalogPositions) Association(lineItemID, pixelID int64) (Position, bool) {
	return p.of(p.associations[[2]int64{lineItemID, pixelID}])
}

// Setting gives where the value that SettingsAt gives for a key at t stands:
// in the last entry of the pixel's settings up to t that gives the key, else in
// the pixel itself; false where neither does, so that the default is in force.
func (p *CatalogPositions) Setting(pixelID int64, key string, t time.Time) (Position, bool) {
	pixel := p.pixels[pixelID]
	found, from := pixel.Get(key), time.Time{}
	for _, entry := range pixel.Get("settings").Items() {
		since := instant(entry.Get("from"))
		if since == nil || since.After(t) || since.Before(from) || !entry.Get(key).Given() {
			continue
		}
		found, from = entry.Get(key), *since
	}
	return p.of(found)
}

// Rate gives where the rate entry that begins at from begins in the file.
func (p *CatalogPositions) Rate(lineItemID, pixelID int64, from time.Time) (Position, bool) {
	for _, entry := range p.associations[[2]int64{lineItemID, pixelID}].Get("rates").Items() {
		if since := instant(entry.Get("from")); since != nil && since.Equal(from) {
			return p.of(entry)
		}
	}
	return Position{}, false
}
