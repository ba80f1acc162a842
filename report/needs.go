package report

import (
	_ "embed" // the macro
	"slices"

	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// What a report can need beside the views, by the words of its header. It is in
// a table of its own where it is needed: see prelude.sql.
const (
	needAccount = "account" // report_account
	needGaps    = "gaps"    // report_gaps
	needPixels  = "pixels"  // report_pixels
	needPaths   = "paths"   // the tables of paths.sql
	// needSuspicions is the macro suspicions, see suspicions.sql.
	needSuspicions = "suspicions"
)

var needs = []string{needAccount, needGaps, needPixels, needPaths, needSuspicions}

//go:embed suspicions.sql
var suspicionsSQL string

func (pl *plan) needs(what string) bool { return slices.Contains(pl.def.Needs, what) }

// accountRow is the account of the lines of one edge and date.
type accountRow struct {
	Edge             string `json:"edge"`
	Date             string `json:"date"`
	Events           int64  `json:"events"`
	Rejects          int64  `json:"rejects"`
	Ignored          int64  `json:"ignored"`
	NotCounted       int64  `json:"not_counted"`
	Bots             int64  `json:"bots"`
	UnreplacedMacros int64  `json:"unreplaced_macros"`
	MaxSkewMicros    int64  `json:"max_skew_micros"`
}

// account lists the account of lines, which stands in the lake's state.
func (pl *plan) account(db *lakedb.DB) []accountRow {
	rows := []accountRow{}
	if !pl.needs(needAccount) {
		return rows
	}
	for edge, days := range db.State.Account() {
		for date, c := range days {
			rows = append(rows, accountRow{
				Edge: edge, Date: date, Events: lake.Sum(c.Events), Rejects: lake.Sum(c.Rejects), Ignored: c.Ignored,
				NotCounted: lake.Sum(c.NotCounted), Bots: c.Bots, UnreplacedMacros: c.UnreplacedMacros, MaxSkewMicros: c.MaxSkewMicros,
			})
		}
	}
	return rows
}

// gapRow is a date that a gap of a source touches.
type gapRow struct {
	Source string `json:"source"`
	Date   string `json:"date"`
}

func (pl *plan) gaps() []gapRow {
	rows := []gapRow{}
	if !pl.needs(needGaps) {
		return rows
	}
	for i := range pl.params.Gaps {
		g := &pl.params.Gaps[i]
		for _, date := range g.Days() {
			rows = append(rows, gapRow{g.Source, date})
		}
	}
	return rows
}

// pixelRow is what people see of a pixel's state.
type pixelRow struct {
	PixelID int64  `json:"pixel_id"`
	Status  string `json:"status"`
	Why     string `json:"why"`
}

func (pl *plan) pixels(db *lakedb.DB) []pixelRow {
	rows := []pixelRow{}
	if !pl.needs(needPixels) || db.Catalog == nil {
		return rows
	}
	for i := range db.Catalog.Pixels {
		p := &db.Catalog.Pixels[i]
		status, why := db.Catalog.PixelStatusAt(p, pl.params.Now)
		rows = append(rows, pixelRow{p.ID, string(status), why})
	}
	return rows
}
