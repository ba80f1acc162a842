package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"pixledger/attribute/ledger"
	"pixledger/report/export"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// exportDays lists the ledger's closed days as exports take them, from the first
// on.
func exportDays(l *lake.Lake, state *lake.State) ([]export.Day, error) {
	days, err := ledger.ClosedDays(l, state, "")
	if err != nil {
		return nil, err
	}
	out := make([]export.Day, len(days))
	for i, d := range days {
		out[i] = export.Day{
			Day: d.Day, Sequence: d.Sequence, From: d.From, Until: d.Until, Entries: d.Entries,
			Amounts: make(map[string]string, len(d.Amounts)), Catalog: d.Catalog,
		}
		for currency, sum := range d.Amounts {
			out[i].Amounts[currency] = sum.String()
		}
	}
	return out, nil
}

// ledgerZone is the zone of the business days, as the closes noted it.
func ledgerZone(state *lake.State) (*time.Location, error) {
	name := state.Latest[ledger.CloseKind].Notes[ledger.NoteZone]
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("load the ledger's time zone %s: %w", name, err)
	}
	return zone, nil
}

// openUnder opens the lake under a catalog that is kept in it.
func (a *app) openUnder(cfg *Config, l *lake.Lake) func(context.Context, string) (*lakedb.DB, *schemas.Catalog, error) {
	return func(ctx context.Context, digest string) (*lakedb.DB, *schemas.Catalog, error) {
		cat, err := keptCatalog(l, digest)
		if err != nil {
			return nil, nil, fmt.Errorf("the catalog that its close used: %w", err)
		}
		db, err := a.openDB(ctx, &setup{cfg: cfg, catalog: cat}, l)
		return db, cat, err
	}
}

// exportsVerdict is what verify has found of the exports.
type exportsVerdict struct {
	days, differences int
	last              schemas.Day
}

// verifyExports says what is wrong with the exports.
func (a *app) verifyExports(ctx context.Context, l *lake.Lake, state *lake.State, say io.Writer) (v exportsVerdict, err error) {
	standing, err := export.Stand(l, nil)
	if err != nil {
		return v, err
	}
	v.days, v.last = standing.Written, standing.Last
	days, err := exportDays(l, state)
	if err != nil {
		return v, err
	}
	return v, export.Verify(ctx, l, days, func(found string) {
		v.differences++
		fmt.Fprintln(say, schemas.Shown(found))
	})
}

func (v exportsVerdict) print(w io.Writer) {
	if v.days > 0 {
		fmt.Fprintf(w, "exports: %s up to %s, chained and unchanged\n", count(v.days, "day"), v.last)
	}
}

// exportsStatus is what status shows of exports.
type exportsStatus struct {
	Written      int                       `json:"written_days"`
	Last         schemas.Day               `json:"last_written,omitempty"`
	Destinations []exportDestinationStatus `json:"destinations"`
}

type exportDestinationStatus struct {
	Name      string      `json:"name"`
	Delivered int         `json:"delivered_days"`
	Last      schemas.Day `json:"last_delivered,omitempty"`
	Waiting   int         `json:"waiting_days"` // closed, and not there
	FailedAt  *time.Time  `json:"failed_at"`
	Error     string      `json:"error,omitempty"`
}

// undelivered is how long after the last close its exports should have arrived,
// as of the alert PixledgerExportNotDelivered.
const undelivered = 2 * time.Hour

// exports looks how far exports have got, and warns of what does not arrive.
func (r *statusReport) exports(cfg *Config, l *lake.Lake) error {
	r.Exports = &exportsStatus{Destinations: []exportDestinationStatus{}}
	targets, err := exportTargets(cfg, nil)
	if err != nil {
		return err
	}
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.String()
	}
	s, err := export.Stand(l, names)
	if err != nil {
		return err
	}
	r.Exports.Written, r.Exports.Last = s.Written, s.Last
	for _, d := range s.Destinations {
		x := exportDestinationStatus{
			Name: d.Destination, Delivered: d.Delivered, Last: d.Last,
			Waiting: int(r.Ledger.Closed) - d.Delivered,
		}
		if d.Failure != nil {
			x.FailedAt, x.Error = &d.Failure.At, d.Failure.Error
			r.warn("deliveries fail: "+d.Failure.Error,
				"mend the cause; the daemon tries again on schedule, `pixledger export` at once")
		} else if closed := r.Ledger.ClosedAt; x.Waiting > 0 && closed != nil && r.Now.Sub(*closed) > undelivered {
			r.warn(fmt.Sprintf("%s closed, and have not arrived at %s", count(x.Waiting, "day"), d.Destination),
				"`pixledger export` delivers them at once, and `pixledger export --list` shows what is where; the daemon does it on schedule")
		}
		r.Exports.Destinations = append(r.Exports.Destinations, x)
	}
	return nil
}

func (s *exportsStatus) rows(add func(section, name, figure string, value any)) {
	add("exports", "", "written_days", s.Written)
	add("exports", "", "last_written", s.Last)
	for _, d := range s.Destinations {
		add("destination", d.Name, "delivered_days", d.Delivered)
		add("destination", d.Name, "last_delivered", d.Last)
		add("destination", d.Name, "waiting_days", d.Waiting)
		add("destination", d.Name, "failed_at", d.FailedAt)
		add("destination", d.Name, "error", d.Error)
	}
}

// print says nothing where nothing is exported.
func (s *exportsStatus) print(w io.Writer) {
	if len(s.Destinations) == 0 {
		return
	}
	fmt.Fprintln(w, "\nexports to\tdays delivered\tlast\twaiting\tlast failure")
	for _, d := range s.Destinations {
		last := string(d.Last)
		if last == "" {
			last = "-"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\n", d.Name, d.Delivered, last, d.Waiting, stamp(d.FailedAt))
	}
}
