// Package pixelhealth judges how conversion pixels do: whether they fire as they
// used to, and whether what they bring is what an advertiser means to send. Every
// finding says what was seen, in figures, and what to do about it. What is looked
// at, from which numbers on and by which formulas, stands in docs/pixel-health.md.
package pixelhealth

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed" // the statement
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed figures.sql
var figuresSQL string

// Severity says how much a finding matters.
type Severity string

// The severities, the worst first.
const (
	Alarm   Severity = "alarm"   // conversions are lost, most likely
	Warning Severity = "warning" // something is wrong with the tag or its page
	Note    Severity = "note"    // worth knowing
	OK      Severity = "ok"      // nothing was found
)

// Finding is something about a pixel.
type Finding struct {
	ID       string   `json:"id"` // a word that does not change: silent, drop, …
	Severity Severity `json:"severity"`
	What     string   `json:"what"`   // what was seen, in figures
	Remedy   string   `json:"remedy"` // what to do about it
}

// Page is a page that fired a pixel.
type Page struct {
	URL   string    `json:"url"`
	Loads int64     `json:"loads"`
	Last  time.Time `json:"last_load"`
}

// Pixel is how one pixel does.
type Pixel struct {
	ID           int64               `json:"pixel_id,string"`
	Name         string              `json:"pixel_name"`
	AdvertiserID int64               `json:"advertiser_id,string"`
	Status       schemas.PixelStatus `json:"status"`
	Why          string              `json:"why"`
	LastFired    *time.Time          `json:"last_fired"` // nil: never
	Loads12h     int64               `json:"loads_last_12_hours"`
	Loads24h     int64               `json:"loads_last_24_hours"`
	Usual24h     *int64              `json:"usual_24_hours"` // the median of the days before; nil: too few are known
	Judged       string              `json:"judged"`         // "24 hours" or "7 days": what the shares are of
	Figures      Figures             `json:"figures"`
	Findings     []Finding           `json:"findings"` // the worst first; none: it is healthy
	Worst        Finding             `json:"worst"`    // of a healthy pixel one that says so
	PageHours    int64               `json:"page_hours,omitempty"`
	Pages        []Page              `json:"pages,omitempty"` // of the last PageHours hours; only where they were asked for
}

// worst gives the worst finding; of a healthy pixel one that says so.
func (p *Pixel) worst() Finding {
	if len(p.Findings) > 0 {
		return p.Findings[0]
	}
	if p.Figures.Loads < few {
		return Finding{ID: "few_loads", Severity: OK, What: fmt.Sprintf("too few loads to judge what they bring: %d in %s", p.Figures.Loads, p.Judged)}
	}
	if p.Usual24h == nil {
		return Finding{ID: "healthy", Severity: OK, What: "healthy: nothing is wrong with what it brings; how often it fires is not known for enough days yet"}
	}
	return Finding{ID: "healthy", Severity: OK, What: "healthy: it fires as it used to, and nothing is wrong with what it brings"}
}

// Health is how all pixels that were asked for do.
type Health struct {
	Now time.Time `json:"now"`
	// Until is the last event of the lake up to now, from which windows reach back:
	// a lake that is behind is no pixel's fault. The zero time: there is none.
	Until  time.Time `json:"until"`
	Pixels []Pixel   `json:"pixels"`
	// Strangers are findings on calls that mean no pixel of the catalog.
	Strangers []Finding `json:"strangers"`
}

// Options say whose health is asked for.
type Options struct {
	Now   time.Time
	IDs   []int64 // nil: all pixels of the catalog
	Pages bool    // list the pages that fired them
}

// Look judges the pixels of the catalog that db was opened with, in the order of
// their ids.
func Look(ctx context.Context, db *lakedb.DB, o Options) (*Health, error) {
	h := &Health{Now: o.Now, Pixels: []Pixel{}, Strangers: []Finding{}}
	if db.Catalog == nil {
		return h, nil
	}
	known := eventTimes(db.State, o.Now)
	h.Until = known.last
	until := known.last
	if until.IsZero() {
		until = o.Now
	}
	suspected, err := suspiciousTraffic(ctx, db, until, o.Now)
	if err != nil {
		return nil, fmt.Errorf("health of pixels: %w", err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() // hands the connection back; it has no error to tell
	var ids any
	if o.IDs != nil {
		text, err := json.Marshal(o.IDs)
		if err != nil {
			return nil, err
		}
		ids = string(text)
	}
	for _, set := range []struct {
		statement string
		value     any
	}{
		{"SET VARIABLE health_now = $1", o.Now.UTC()},
		{"SET VARIABLE health_until = $1", until.UTC()},
		{"SET VARIABLE health_ids = CAST(CAST($1 AS JSON) AS BIGINT[])", ids},
		{"SET VARIABLE health_pages = $1", o.Pages},
		{"SET VARIABLE health_few = $1", int64(few)},
		{"SET VARIABLE health_test_hosts = $1", testHosts},
	} {
		if _, err := conn.ExecContext(ctx, set.statement, set.value); err != nil {
			return nil, fmt.Errorf("health of pixels: %w", err)
		}
	}
	all, unknown, err := readFigures(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("health of pixels: %w", err)
	}
	macros := macrosByPixel(db.State, db.Catalog)
	kept := sync.OnceValue(func() []keptCatalog { return keptCatalogs(db.Lake, o.Now) })
	for _, f := range all {
		p := db.Catalog.Pixel(f.id)
		if p == nil {
			continue
		}
		j := judge{catalog: db.Catalog, pixel: p, now: o.Now, until: until, first: known.first, figures: f.figures, macros: macros[f.id], strangers: unknown, suspicions: suspected[f.id]}
		if f.figures.LastFired == nil {
			j.since = knownSince(db.Lake, kept(), p.ID)
		}
		h.Pixels = append(h.Pixels, j.pixelHealth())
	}
	h.Strangers = strangerFindings(db.Catalog, unknown)
	return h, nil
}

// WithoutLake gives what is known of pixels before there is a lake: their status, and
// that they never fired.
func WithoutLake(cat *schemas.Catalog, o Options) *Health {
	h := &Health{Now: o.Now, Pixels: []Pixel{}, Strangers: []Finding{}}
	for i := range cat.Pixels {
		if p := &cat.Pixels[i]; o.IDs == nil || slices.Contains(o.IDs, p.ID) {
			j := judge{catalog: cat, pixel: p, now: o.Now, until: o.Now}
			h.Pixels = append(h.Pixels, j.pixelHealth())
		}
	}
	slices.SortFunc(h.Pixels, func(a, b Pixel) int { return cmp.Compare(a.ID, b.ID) })
	return h
}

type pixelFigures struct {
	id      int64
	figures figures
}

func readFigures(ctx context.Context, conn *sql.Conn) (all []pixelFigures, unknown []stranger, err error) {
	rows, err := conn.QueryContext(ctx, figuresSQL)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id sql.NullInt64
		var document string
		if err := rows.Scan(&id, &document); err != nil {
			return nil, nil, err
		}
		f := pixelFigures{id: id.Int64}
		if err := json.Unmarshal([]byte(document), &f.figures); err != nil {
			return nil, nil, fmt.Errorf("figures of pixel %d: %w", id.Int64, err)
		}
		if !id.Valid {
			unknown = f.figures.Strangers
			continue
		}
		all = append(all, f)
	}
	return all, unknown, rows.Err()
}

// times bound the events that the lake has up to now.
type times struct{ first, last time.Time }

// eventTimes reads from the commit records when the lake's events begin, and the
// last of them up to now: a file that goes on beyond now reaches up to it.
func eventTimes(state *lake.State, now time.Time) times {
	first, last := int64(0), int64(0)
	for path, f := range state.Files {
		if !strings.HasPrefix(path, schemas.Events.Name+"/") || f.MinTime == 0 || f.MinTime > now.UnixMicro() {
			continue
		}
		if first == 0 || f.MinTime < first {
			first = f.MinTime
		}
		last = max(last, min(f.MaxTime, now.UnixMicro()))
	}
	if first == 0 {
		return times{}
	}
	return times{time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()}
}

// macrosByPixel adds up the account of parameters that nobody filled in, by pixel
// and UTC date, over all logs.
func macrosByPixel(state *lake.State, cat *schemas.Catalog) map[int64]map[string]lake.Macros {
	ids := map[string]int64{}
	for i := range cat.Pixels {
		p := &cat.Pixels[i]
		ids[lake.PixelKey(p.ID, 0, nil)] = p.ID
		if p.Code != "" {
			ids[lake.PixelKey(0, cat.MemberID, []byte(p.Code))] = p.ID
		}
	}
	out := map[int64]map[string]lake.Macros{}
	for _, days := range state.Account() {
		for date, c := range days {
			for key, m := range c.PixelMacros {
				id, ok := ids[key]
				if !ok {
					continue
				}
				if out[id] == nil {
					out[id] = map[string]lake.Macros{}
				}
				out[id][date] = out[id][date].Plus(m)
			}
		}
	}
	return out
}
