package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// yearAdjusts is for how many days a close of the year adjusts, and yearKeeps for
// how many events are kept: the least that is allowed with it.
const (
	yearAdjusts = 60
	yearKeeps   = yearAdjusts + 90
)

// nightTakes is about how long one night of a year takes.
const nightTakes = 3 * time.Second

// runYear lets the nights of a small network pass, with the clock set by
// --now: logs come and are rotated, are read, attributed and closed, and
// operations are what they are: files come late or go astray, the machine
// stands still, rates are corrected, orders returned, processes killed. After
// each night the books must be in order.
func runYear(ctx context.Context, o Options, r *Result) error {
	nights := o.Nights
	if nights == 0 {
		nights = min(365, max(20, int(o.Duration/nightTakes)))
	}
	y, err := newYear(o)
	if err != nil {
		return err
	}
	o.logf("year: %d nights from %s on", nights, y.begin.Format(time.DateOnly))
	for y.night = range nights {
		if err = y.pass(ctx, y.night == nights-1); err != nil {
			err = fmt.Errorf("night %d, at %s: %w", y.night+1, y.now.Format(time.RFC3339), err)
			break
		}
	}
	r.Volume = fmt.Sprintf("%d nights, %d lines, %d conversions, %d kills", y.night+1, y.net.lines, len(y.known), y.kills)
	r.Notes = append(r.Notes, y.told()...)
	return err
}

// year is the scenario under way.
type year struct {
	*program
	o     Options
	r     *rand.Rand
	net   *network
	edges []*yearEdge
	late  []delivery
	known []sold // that the lake has
	begin time.Time

	night   int
	now     time.Time
	outage  int // nights for which the machine stands still yet
	ledger  map[string]string
	closed  int // days
	counted map[string]int
	kills   int
}

// delivery is a file that is not where it belongs, until a night.
type delivery struct {
	night   int
	from    string // where it stands meanwhile
	to      string // where it belongs; empty: it is read from where it stands
	source  string
	holding []sold
}

func newYear(o Options) (*year, error) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return nil, err
	}
	y := &year{o: o, r: o.random(0), counted: map[string]int{}, ledger: map[string]string{}, begin: time.Date(2026, 3, 10, 0, 0, 0, 0, zone)}
	y.net = &network{r: o.random(1), seed: o.Seed}
	y.net.build(y.begin)
	y.program, err = setUp(o, o.Dir, fmt.Sprintf("time_zone: Europe/Berlin\nadjust_days: %d\nprivacy: {retention_days: %d}\n", yearAdjusts, yearKeeps)+"sources:\n  - {name: edge-1, path: ./edge-1/pixel.log}\n  - {name: edge-2, path: ./edge-2/pixel.log}\n  - {name: edge-3, path: ./edge-3/sent.log}\n")
	if err != nil {
		return nil, err
	}
	for name, daily := range map[string]int{"edge-1": 190, "edge-2": 170, "edge-3": 60} {
		y.edges = append(y.edges, &yearEdge{name: name, dir: filepath.Join(o.Dir, name), daily: daily, written: y.begin})
	}
	slices.SortFunc(y.edges, func(a, b *yearEdge) int { return strings.Compare(a.name, b.name) })
	for _, dir := range []string{"edge-1", "edge-2", "edge-3", "late"} {
		if err := makeDir(filepath.Join(o.Dir, dir)); err != nil {
			return nil, err
		}
	}
	return y, y.writeCatalog()
}

func (y *year) writeCatalog() error {
	return os.WriteFile(filepath.Join(y.dir, "catalog.yaml"), y.net.catalog(), 0o644)
}

// count takes down that something was done.
func (y *year) count(what string) { y.counted[what]++ }

// told is what was done, in words.
func (y *year) told() []string {
	var out []string
	for what, n := range y.counted {
		out = append(out, fmt.Sprintf("%s: %d", what, n))
	}
	slices.Sort(out)
	return []string{strings.Join(out, "; ")}
}

// day is the local midnight with which a day of the year begins.
func (y *year) day(n int) time.Time { return y.begin.AddDate(0, 0, n) }

// pass lets a day pass and the night after it.
func (y *year) pass(ctx context.Context, last bool) error {
	midnight := y.day(y.night + 1)
	y.now = time.Date(midnight.Year(), midnight.Month(), midnight.Day(), 5, 15, 0, 0, midnight.Location())
	if err := y.liveThrough(midnight); err != nil {
		return err
	}
	if y.outage > 0 && !last {
		y.outage--
		return nil
	}
	if y.night > 10 && y.r.IntN(60) == 0 {
		y.count("outages of three days")
		y.outage = 3
	}
	if err := y.arrive(ctx, last); err != nil {
		return err
	}
	if err := y.mind(ctx); err != nil {
		return err
	}
	if err := y.closeDays(ctx); err != nil {
		return err
	}
	if err := y.erase(ctx); err != nil {
		return err
	}
	if err := y.check(ctx); err != nil {
		return err
	}
	if last || y.night%30 == 29 {
		return y.audit(ctx)
	}
	return nil
}

// liveThrough writes the logs of a day and of the night after it, and rotates
// them at midnight.
func (y *year) liveThrough(midnight time.Time) error {
	yesterday := y.day(y.night)
	for _, e := range y.edges {
		if err := e.write(y.net, midnight); err != nil {
			return err
		}
		rotated, err := e.rotate(yesterday)
		if err != nil {
			return err
		}
		switch {
		case e.name == "edge-3": // sends a file a day, mostly at once
			if err := y.send(e, rotated); err != nil {
				return err
			}
		case e.name == "edge-2" && y.night > 8 && y.r.IntN(30) == 0:
			y.count("logs lost when rotated, found again days later")
			away := filepath.Join(y.dir, "late", e.name+"-"+filepath.Base(rotated))
			if err := os.Rename(rotated, away); err != nil {
				return err
			}
			y.late = append(y.late, delivery{night: y.night + 2 + y.r.IntN(7), from: away, to: rotated, holding: e.coming})
			e.coming = nil
		case e.name == "edge-1" && e.silent == "" && y.night > 8 && y.r.IntN(30) == 0:
			y.count("days of a silent source, whose log turns up later")
			e.silent = y.day(y.night + 2).Format(time.DateOnly)
		}
		if err := e.write(y.net, y.now); err != nil {
			return err
		}
		if e.silent != "" && y.now.UTC().Format(time.DateOnly) > e.silent {
			away := filepath.Join(y.dir, "late", e.name+"-astray-"+e.silent)
			if err := deliver(away, e.astray.Bytes()); err != nil {
				return err
			}
			y.late = append(y.late, delivery{night: y.night + 2 + y.r.IntN(7), from: away, source: e.name})
			e.silent, e.astray = "", bytes.Buffer{}
		}
	}
	return nil
}

// send puts the log of a day where its source looks for it, or, if it comes days
// late, where it is read by its name; packed or not.
func (y *year) send(e *yearEdge, rotated string) error {
	lines, err := os.ReadFile(rotated)
	if err != nil {
		return err
	}
	packed := pickOf(y.r, []string{"", ".gz"})
	if y.r.IntN(6) > 0 {
		e.sent, e.coming = append(e.sent, e.coming...), nil
		return deliver(filepath.Join(e.dir, "sent.log-"+strings.TrimPrefix(filepath.Base(rotated), "pixel.log-")+packed), lines)
	}
	y.count("files that came days late")
	d := delivery{night: y.night + 1 + y.r.IntN(20), from: filepath.Join(y.dir, "late", e.name+"-"+filepath.Base(rotated)+packed), source: e.name, holding: e.coming}
	e.coming = nil
	y.late = append(y.late, d)
	return deliver(d.from, lines)
}

// arrive reads what has come by now; in the last night all of it.
func (y *year) arrive(ctx context.Context, last bool) error {
	var waiting []delivery
	for _, d := range y.late {
		switch {
		case d.night > y.night && !last:
			waiting = append(waiting, d)
			continue
		case d.to != "":
			if err := os.Rename(d.from, d.to); err != nil {
				return err
			}
		case d.source != "":
			if _, err := y.run(ctx, "ingest", "--source", d.source, d.from); err != nil {
				return err
			}
		}
		y.known = append(y.known, d.holding...)
	}
	y.late = waiting
	return y.readLogs(ctx)
}

// readLogs reads what the sources have.
func (y *year) readLogs(ctx context.Context) error {
	if _, err := y.run(ctx, "ingest"); err != nil {
		return err
	}
	for _, e := range y.edges {
		y.known, e.sent = append(y.known, e.sent...), nil
		if e.name != "edge-3" { // whose lines since midnight wait for the next file
			y.known, e.coming = append(y.known, e.coming...), nil
		}
	}
	return nil
}

// mind does what people do to the books: correct the catalog, void, credit.
func (y *year) mind(ctx context.Context) error {
	if y.r.IntN(10) == 0 {
		y.count("corrections of the catalog")
		y.o.logf("year: night %d: %s", y.night+1, y.net.correct(y.now))
		if err := y.writeCatalog(); err != nil {
			return err
		}
	}
	if y.r.IntN(4) == 0 && len(y.known) > 0 {
		y.count("voids")
		args := []string{"void", "--reason", "returned", "--by", "Ms Fine"}
		if some := y.recent(); y.r.IntN(2) == 0 {
			for _, s := range some {
				args = append(args, s.id)
			}
		} else {
			list := filepath.Join(y.dir, "returns.csv")
			if err := os.WriteFile(list, []byte("order_id\n"+some[0].order+"\n"), 0o644); err != nil {
				return err
			}
			args = append(args, "--orders", list, "--pixel", fmt.Sprint(some[0].pixel))
		}
		if _, err := y.run(ctx, args...); err != nil {
			return err
		}
	}
	if y.r.IntN(12) == 0 {
		y.count("credits")
		amount := cents(100 + y.r.IntN(20_000))
		if y.r.IntN(3) > 0 {
			amount = "-" + amount
		}
		item := pickOf(y.r, y.net.items).id
		// A credit that is granted again is granted twice: it is not killed.
		if _, err := y.must(ctx, y.at("credit", "--line-item", fmt.Sprint(item), "--amount", amount, "--reason", "make-good", "--by", "Ms Fine")...); err != nil {
			return err
		}
	}
	return nil
}

// erase does what the law asks: what is too old goes, and now and then somebody
// wants to be forgotten.
func (y *year) erase(ctx context.Context) error {
	out, err := y.run(ctx, "retention")
	if err != nil {
		return err
	}
	if strings.HasPrefix(out, "erased") {
		y.count("nights in which events were erased")
	}
	if y.r.IntN(20) > 0 {
		return nil
	}
	y.count("users forgotten")
	id := userID(y.r.IntN(people))
	if _, err := y.run(ctx, "forget", id); err != nil {
		return err
	}
	if _, err := y.run(ctx, "forget", "--resume"); err != nil {
		return err
	}
	query := fmt.Sprintf("SELECT (SELECT count(*) FROM events WHERE user_id = '%[1]s') + (SELECT count(*) FROM attributions WHERE user_id = '%[1]s')", id)
	return y.rows(ctx, query, func(f []string) error {
		if f[0] != "0" {
			return fmt.Errorf("%s rows of the forgotten user %s are left", f[0], id)
		}
		return nil
	})
}

// recent are some conversions of about the last hundred days.
func (y *year) recent() []sold {
	var out []sold
	for range 1 + y.r.IntN(3) {
		out = append(out, y.known[len(y.known)-1-y.r.IntN(min(len(y.known), 2800))])
	}
	return out
}

var gapID = regexp.MustCompile(`(?m)^  gap (\w+):`)

// closeDays closes what is due, as an operator does who reads why a close
// refuses and answers for it.
func (y *year) closeDays(ctx context.Context) error {
	if y.r.IntN(3) == 0 {
		if _, err := y.run(ctx, "attribute"); err != nil {
			return err
		}
	}
	if y.r.IntN(25) == 0 { // the edge goes on while the night's work is done
		y.count("closes refused for lines not read")
		until := y.now.Add(20 * time.Minute)
		edge := y.edges[0]
		if edge.silent != "" { // its lines may go astray
			edge = y.edges[1]
		}
		if err := edge.write(y.net, until); err != nil {
			return err
		}
		y.now = until
		if err := y.refused(ctx, "are not committed", "close"); err != nil {
			return err
		}
		if err := y.readLogs(ctx); err != nil {
			return err
		}
	}
	args := []string{"close"}
	for range 4 {
		s, err := y.tryOn(ctx, args...)
		if err != nil || s.code == 0 {
			return err
		}
		gaps := gapID.FindAllStringSubmatch(s.stderr, -1)
		switch {
		case s.code != 1:
			return fmt.Errorf("pixledger close: exit %d: %s", s.code, last(s.stderr))
		case len(gaps) > 0:
			y.count("closes refused for a gap, which was accepted")
			for _, g := range gaps {
				args = append(args, "--accept-gap", g[1])
			}
			args = append(args, "--by", "Ms Fine")
		case strings.Contains(s.stderr, "exceed adjust_limit"):
			y.count("closes refused for adjust_limit, which was accepted")
			args = append(args, "--accept-adjustments", "Ms Fine")
		default:
			return fmt.Errorf("pixledger %s: exit 1: %s", strings.Join(args, " "), last(s.stderr))
		}
	}
	return fmt.Errorf("pixledger %s is refused again and again", strings.Join(args, " "))
}

// refused runs a command that has to be refused, for a reason.
func (y *year) refused(ctx context.Context, why string, args ...string) error {
	s, err := y.try(ctx, y.at(args...)...)
	if err == nil && (s.code != 1 || !strings.Contains(s.stderr, why)) {
		err = fmt.Errorf("pixledger %s: exit %d, %s; it should refuse and say %q", strings.Join(args, " "), s.code, last(s.stderr), why)
	}
	return err
}

// at gives a command the time of the night.
func (y *year) at(args ...string) []string {
	return append(args, "--now", y.now.UTC().Format(time.RFC3339))
}

// run is tryOn for a command that has to succeed in the end.
func (y *year) run(ctx context.Context, args ...string) (string, error) {
	s, err := y.tryOn(ctx, args...)
	if err == nil && s.code != 0 {
		err = fmt.Errorf("pixledger %s: exit %d: %s", strings.Join(args, " "), s.code, last(s.stdout+s.stderr))
	}
	return s.stdout, err
}

// tryOn runs a command to its end; before that it is sometimes killed, at any
// instant of its course.
func (y *year) tryOn(ctx context.Context, args ...string) (said, error) {
	for y.r.IntN(8) == 0 {
		limited, cancel := context.WithTimeout(ctx, between(y.r, 20*time.Millisecond, 600*time.Millisecond))
		s, err := y.try(limited, y.at(args...)...)
		over := limited.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		if !over || !s.killed && err == nil { // it came to its end before
			return s, err
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return s, err
		}
		y.kills++
	}
	return y.try(ctx, y.at(args...)...)
}
