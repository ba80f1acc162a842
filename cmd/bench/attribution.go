package main

import (
	_ "embed" // the statements
	"fmt"
	"os"
	"strings"
	"time"

	"pixledger/schemas/lake"
)

//go:embed row_number.sql
var rowNumberSQL string

//go:embed asof.sql
var asofSQL string

//go:embed disagree.sql
var disagreeSQL string

// The memory that the configuration allows, such that the whole process stays
// within the goal, and the peer's.
const (
	nightMemory = "140MB"
	monthMemory = "580MB"
	peerMemory  = "4GB"
)

const lakeDays = 90

// nights is a lake that was attributed as of the day before the night, and the
// night's files.
type nights struct {
	*bench
	net   *network
	name  string // of the lake
	night set
	first figures // of the attribution as of the day before
}

// nightsOf makes a lake of so many days. history is the number of conversions
// of each day before the night.
func (b *bench) nightsOf(net *network, name string, days int, conversions, history int64) (*nights, error) {
	n := &nights{bench: b, net: net, name: name}
	if err := b.prepare(net, days); err != nil {
		return nil, err
	}
	// What was before the night is attributed at one go, and not measured.
	l, err := b.newLake(name, monthMemory)
	if err != nil {
		return nil, err
	}
	var old set
	for i := 1; i < days; i++ {
		date := night.AddDate(0, 0, -i)
		touches, err := net.touchesOf(date)
		if err != nil {
			return nil, err
		}
		old = append(old, touches...)
		if history > 0 {
			conversions, err := net.conversionsOf(date, history)
			if err != nil {
				return nil, err
			}
			old = append(old, conversions...)
		}
	}
	if err := commit(l, old); err != nil {
		return nil, err
	}
	touches, err := net.touchesOf(night)
	if err != nil {
		return nil, err
	}
	of, err := net.conversionsOf(night, conversions)
	if err != nil {
		return nil, err
	}
	n.night = append(touches, of...)
	n.first, err = b.attribute(name)
	return n, err
}

// newLake makes an empty lake, the network's catalog and a configuration.
func (b *bench) newLake(name, memory string) (*lake.Lake, error) {
	if err := os.WriteFile(b.path("catalog.yaml"), networkCatalog(), 0o600); err != nil {
		return nil, err
	}
	if _, err := b.config(name, "", fmt.Sprintf("limits: {memory: %s, threads: 2}\n", memory)); err != nil {
		return nil, err
	}
	return lake.OpenOrCreate(b.path(name), morning)
}

// networkCatalog is the catalog of network.sql.
func networkCatalog() []byte {
	var b strings.Builder
	b.WriteString("version: 1\nmember_id: 958\ncurrency: USD\nadvertisers: [{id: 7, name: Seven}]\npixels:\n")
	for p := 1; p <= 500; p++ {
		windows := ""
		if p%10 == 0 {
			windows = ", post_view_expire_mins: 0, post_click_expire_mins: 0" // the longest there are
		}
		fmt.Fprintf(&b, "  - {id: %d, advertiser_id: 7, name: Pixel %d, min_minutes_per_conv: 60%s}\n", p, p, windows)
	}
	b.WriteString("line_items:\n")
	for i := 1; i <= 2500; i++ {
		fmt.Fprintf(&b, "  - {id: %d, advertiser_id: 7, name: Line item %d, pixels: [{pixel_id: %d, rates: "+
			"[{from: 2025-01-01T00:00:00Z, post_click_revenue: \"12.50\", post_view_revenue: \"2.00\"}]}]}\n", i, i, 1+(i-1)/5)
	}
	b.WriteString("trackers:\n")
	for i := 1; i <= 2500; i++ {
		fmt.Fprintf(&b, "  - {id: %d, kind: impression, line_item_id: %d}\n", i, i)
	}
	return []byte(b.String())
}

// attribute measures `pixledger attribute` on a lake of that name.
func (b *bench) attribute(name string) (figures, error) {
	return measure(b.program, "attribute", "-c", b.path(name+".yaml"), "--now", morning.Format(time.RFC3339))
}

// fork gives the lake, as it was attributed the day before, a second name and
// commits more to it.
func (n *nights) fork(name string, more set) error {
	if _, err := n.config(name, "", fmt.Sprintf("limits: {memory: %s, threads: 2}\n", nightMemory)); err != nil {
		return err
	}
	if err := copyLake(n.path(n.name), n.path(name)); err != nil {
		return err
	}
	l, err := lake.OpenOrCreate(n.path(name), morning)
	if err != nil {
		return err
	}
	return commit(l, more)
}

// peerWinners measures a peer's statement over the files of a lake.
func (b *bench) peerWinners(statement, name string, viewDays int) (figures, error) {
	return measure(b.self, "-peer", b.path(name), "-statement", statement, "-view-days", fmt.Sprint(viewDays), "-out", b.path("winners.parquet"))
}

// runWinners is the peer.
func runWinners(statement, lake string, viewDays int, out string) error {
	texts := map[string]string{"row_number": rowNumberSQL, "asof": asofSQL}
	db, err := openNetwork()
	if err != nil {
		return err
	}
	defer db.Close()
	for _, set := range []struct{ option, value string }{{"memory_limit", peerMemory}, {"temp_directory", out + ".spilled"}} {
		if _, err := db.Exec("SET "+set.option+" = $1", set.value); err != nil {
			return err
		}
	}
	if _, err := db.Exec("SET threads = 2"); err != nil {
		return err
	}
	_, err = db.Exec(texts[statement], lake+"/events/*/*/*.parquet", night.Format(time.DateOnly), viewDays, out)
	return err
}

// disagree counts the conversions from a day on for which the attributions of a
// lake and the peer's winners differ.
func (b *bench) disagree(name string, from time.Time) (n int64, err error) {
	db, err := openNetwork()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRow(disagreeSQL, b.path(name+"/attributions/*/*.parquet"), from.Format(time.DateOnly), b.path("winners.parquet")).Scan(&n)
	return n, err
}

// night compares the attribution of one night with a statement that finds the
// winners of its conversions.
func (b *bench) night() error {
	n, err := b.nightsOf(b.network(b.touches), "lake", lakeDays, b.conversions, b.history)
	if err != nil {
		return err
	}
	late, err := n.net.lateTouches(dayBefore)
	if err != nil {
		return err
	}
	var own, nothing, after, peer, bounded []figures
	for i := range b.runs {
		name := fmt.Sprintf("night%d", i)
		if err := n.fork(name, n.night); err != nil {
			return err
		}
		f, err := b.attribute(name)
		if err != nil {
			return err
		}
		own = append(own, f)
		if f, err = b.peerWinners("row_number", name, 90); err != nil {
			return err
		}
		peer = append(peer, f)
		if i == 0 {
			differ, err := b.disagree(name, night)
			if err != nil {
				return err
			}
			if differ > 0 {
				return fmt.Errorf("the statement finds another winner for %d conversions", differ)
			}
		}
		if f, err = b.peerWinners("row_number", name, 30); err != nil {
			return err
		}
		bounded = append(bounded, f)
		if f, err = b.attribute(name); err != nil {
			return err
		}
		nothing = append(nothing, f)
		l, err := lake.OpenOrCreate(b.path(name), morning)
		if err != nil {
			return err
		}
		if err := commit(l, late); err != nil {
			return err
		}
		if f, err = b.attribute(name); err != nil {
			return err
		}
		after = append(after, f)
		if err := os.RemoveAll(b.path(name)); err != nil {
			return err
		}
	}
	fmt.Printf("%d touches of %d days, %d conversions of the night, %d of each day before; the winners are the same\n\n", b.touches, lakeDays, b.conversions, b.history)
	b.attributionHead()
	o, z, a, p, q := median(own), median(nothing), median(after), median(peer), median(bounded)
	attributionRow("everything up to the day before, once", n.first)
	attributionRow("pixledger attribute, one night", o)
	attributionRow("pixledger attribute, nothing new", z)
	attributionRow("pixledger attribute, late touches, 1 % of a day's", a)
	attributionRow("DuckDB row_number, touches of 90 days", p)
	attributionRow("DuckDB row_number, impressions of 30 days", q)
	fmt.Println()
	goal(ratio(p, o) >= 3, fmt.Sprintf("one night is %.2fx as fast as the row_number statement (%.2fx of the one that reads impressions of 30 days)", ratio(p, o), ratio(q, o)), "at least 3x")
	goal(o.peak <= 256<<20, fmt.Sprintf("its peak is %d MiB", o.peak>>20), "at most 256 MiB")
	goal(ratio(z, o) <= 0.1, fmt.Sprintf("nothing new takes %.2fx of a night", ratio(z, o)), "at most 0.1x")
	goal(ratio(a, o) <= 0.3, fmt.Sprintf("late touches take %.2fx of a night", ratio(a, o)), "at most 0.3x")
	return nil
}

// ratio is the time of one by that of the other.
func ratio(x, y figures) float64 { return x.wall.Seconds() / y.wall.Seconds() }

func (b *bench) attributionHead() {
	fmt.Printf("| medians of %d runs | wall s | CPU s | peak MiB |\n|---|---|---|---|\n", b.runs)
}

func attributionRow(name string, f figures) {
	fmt.Printf("| %s | %.2f | %.2f | %d |\n", name, f.wall.Seconds(), f.cpu.Seconds(), f.peak>>20)
}

// oneNight measures the night on a lake of its own kind.
func (b *bench) oneNight(net *network, name string, days int, conversions, history int64) (figures, error) {
	n, err := b.nightsOf(net, name, days, conversions, history)
	if err != nil {
		return figures{}, err
	}
	var own []figures
	for i := range b.runs {
		fork := fmt.Sprintf("%s-night%d", name, i)
		if err := n.fork(fork, n.night); err != nil {
			return figures{}, err
		}
		f, err := b.attribute(fork)
		if err != nil {
			return figures{}, err
		}
		own = append(own, f)
		if err := os.RemoveAll(b.path(fork)); err != nil {
			return figures{}, err
		}
	}
	return median(own), os.RemoveAll(b.path(name))
}

// pasts compares a night after 90 days with the same night after 180.
func (b *bench) pasts() error {
	net := b.network(b.touches)
	var f [2]figures
	for i, days := range []int{lakeDays, 2 * lakeDays} {
		var err error
		if f[i], err = b.oneNight(net, fmt.Sprintf("days%d", days), days, b.conversions, b.history); err != nil {
			return err
		}
	}
	b.attributionHead()
	attributionRow(fmt.Sprintf("one night after %d days", lakeDays), f[0])
	attributionRow(fmt.Sprintf("one night after %d days", 2*lakeDays), f[1])
	fmt.Println()
	goal(ratio(f[1], f[0]) <= 1.1, fmt.Sprintf("twice the history takes %.2fx the time", ratio(f[1], f[0])), "at most 1.1x")
	memory := float64(f[1].peak) / float64(f[0].peak)
	goal(memory <= 1.1, fmt.Sprintf("and %.2fx the memory", memory), "at most 1.1x")
	return nil
}

// crowd compares a night with one of ten times the touches, users and
// conversions.
func (b *bench) crowd() error {
	var f [2]figures
	for i, part := range []int64{10, 1} {
		var err error
		if f[i], err = b.oneNight(b.network(b.touches/part), fmt.Sprintf("part%d", part), lakeDays, b.conversions/part, b.history/part); err != nil {
			return err
		}
	}
	b.attributionHead()
	attributionRow(fmt.Sprintf("%d touches, %d conversions", b.touches/10, b.conversions/10), f[0])
	attributionRow(fmt.Sprintf("%d touches, %d conversions", b.touches, b.conversions), f[1])
	fmt.Println()
	goal(ratio(f[1], f[0]) <= 11.5, fmt.Sprintf("ten times the touches, users and conversions take %.1fx the time", ratio(f[1], f[0])), "at most 11.5x")
	memory := float64(f[1].peak) / float64(f[0].peak)
	goal(memory <= 1.15, fmt.Sprintf("and %.2fx the memory", memory), "the same, within 15 %")
	return nil
}

// month compares the attribution of 30 days, from nothing, with ASOF joins.
func (b *bench) month() error {
	net := b.network(b.touches)
	if err := b.prepare(net, lakeDays); err != nil {
		return err
	}
	a, err := b.newLake("lake", monthMemory)
	if err != nil {
		return err
	}
	const days = 30
	var files set
	for i := range lakeDays {
		date := night.AddDate(0, 0, -i)
		touches, err := net.touchesOf(date)
		if err != nil {
			return err
		}
		files = append(files, touches...)
		if i < days {
			conversions, err := net.conversionsOf(date, 25*b.conversions/days)
			if err != nil {
				return err
			}
			files = append(files, conversions...)
		}
	}
	if err := commit(a, files); err != nil {
		return err
	}
	var own, peer []figures
	var differ int64
	for i := range b.runs {
		name := fmt.Sprintf("month%d", i)
		if _, err := b.config(name, "", fmt.Sprintf("limits: {memory: %s, threads: 2}\n", monthMemory)); err != nil {
			return err
		}
		if err := copyLake(b.path("lake"), b.path(name)); err != nil {
			return err
		}
		f, err := b.attribute(name)
		if err != nil {
			return err
		}
		own = append(own, f)
		if f, err = b.peerWinners("asof", name, 30); err != nil {
			return err
		}
		peer = append(peer, f)
		if differ, err = b.disagree(name, night.AddDate(0, 0, 1-days)); err != nil {
			return err
		}
		if err := os.RemoveAll(b.path(name)); err != nil {
			return err
		}
	}
	o, p := median(own), median(peer)
	fmt.Printf("%d touches of %d days, %d conversions of 30 days; ASOF finds another winner for %d\n\n", b.touches, lakeDays, 25*b.conversions, differ)
	b.attributionHead()
	attributionRow("pixledger attribute", o)
	attributionRow("DuckDB, ASOF after semi-join", p)
	fmt.Println()
	goal(ratio(p, o) >= 3, fmt.Sprintf("a month is %.2fx as fast as ASOF after a semi-join", ratio(p, o)), "at least 3x")
	goal(o.peak <= 1<<30, fmt.Sprintf("its peak is %d MiB", o.peak>>20), "at most 1 GiB")
	return nil
}
