package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas/lake"
)

// verifiedNights is how many nights end with a verify; after them every fifth
// does. It attributes everything again, and of a long year it would be the most.
const verifiedNights = 15

// check holds the books of a night: no file of the ledger has changed, what is
// new is under days that were open, every day up to yesterday is closed, and
// verify finds nothing.
func (y *year) check(ctx context.Context) error {
	files, err := y.ledgerFiles()
	if err != nil {
		return err
	}
	for path, sum := range y.ledger {
		if files[path] != sum {
			return fmt.Errorf("%s has changed", path)
		}
	}
	firstOpen := y.day(y.closed).Format(time.DateOnly)
	for path := range files {
		day := strings.TrimPrefix(filepath.Base(filepath.Dir(path)), "booked=")
		if y.ledger[path] == "" && day != "1970-01-01" && day < firstOpen {
			return fmt.Errorf("%s is under a day closed before", path)
		}
	}
	y.ledger, y.closed = files, y.night+1
	days, err := y.closedDays()
	if err != nil {
		return err
	}
	for i, d := range days {
		if d.Day != y.day(i).Format(time.DateOnly) {
			return fmt.Errorf("day %d of the ledger is %s", i+1, d.Day)
		}
	}
	if len(days) != y.closed {
		return fmt.Errorf("%d days are closed, %d were due", len(days), y.closed)
	}
	if y.night < verifiedNights || y.night%5 == 0 {
		if _, err = y.must(ctx, y.at("verify")...); err != nil {
			return err
		}
	}
	if y.r.IntN(5) > 0 {
		return nil
	}
	out, err := y.must(ctx, y.at("close")...)
	if err == nil && !strings.HasPrefix(out, "no day is due") {
		err = fmt.Errorf("closed again, it said %q", out)
	}
	return err
}

// ledgerFiles gives the hash of every file of the ledger.
func (y *year) ledgerFiles() (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(filepath.Join(y.lakeDir(), "ledger"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		files[path] = hex.EncodeToString(sum[:])
		return nil
	})
	return files, err
}

// notedDay is what a close noted of a day in its commit.
type notedDay struct {
	Day     string            `json:"day"`
	Entries int64             `json:"entries"`
	Amounts map[string]string `json:"amounts"`
}

// closedDays reads the notes of all closes, in order.
func (y *year) closedDays() ([]notedDay, error) {
	l, err := lake.Open(y.lakeDir())
	if err != nil {
		return nil, err
	}
	s, err := l.State()
	if err != nil {
		return nil, err
	}
	var out []notedDay
	for seq, notes := s.Latest["close"].Seq, s.Latest["close"].Notes; seq > 0; {
		var days []notedDay
		if err := json.Unmarshal([]byte(notes["days"]), &days); err != nil {
			return nil, fmt.Errorf("commit %d: %w", seq, err)
		}
		out = append(days, out...)
		if notes["previous"] == "" {
			break
		}
		if seq, err = strconv.ParseInt(notes["previous"], 10, 64); err != nil {
			return nil, err
		}
		r, _, err := l.ReadRecord(seq)
		if err != nil {
			return nil, err
		}
		notes = r.Notes
	}
	return out, nil
}

// audit holds everything against everything: all files, the attributions
// against those computed from the events, the ledger against the attributions,
// its files as DuckDB reads them against what the closes noted and against what
// status says, and the events against the lines written.
func (y *year) audit(ctx context.Context) error {
	y.count("audits")
	if _, err := y.must(ctx, y.at("verify")...); err != nil {
		return err
	}
	out, err := y.must(ctx, y.at("rebuild")...)
	if err == nil && !strings.HasPrefix(out, "no difference") {
		err = fmt.Errorf("rebuild: %s", last(out))
	}
	if err != nil {
		return err
	}
	if err := y.sumsOfConversions(ctx); err != nil {
		return err
	}
	if err := y.sumsOfDays(ctx); err != nil {
		return err
	}
	return y.eventsRead(ctx)
}

// sumsOfConversions compares for each conversion of the days that a close
// adjusts what its entries add up to with what it earned, currency by currency.
func (y *year) sumsOfConversions(ctx context.Context) error {
	newest := y.day(y.night)
	query := fmt.Sprintf(`
		WITH booked AS (
			SELECT conversion_id, any_value(conversion_time) AS conversion_time, currency, sum(amount) AS amount
			FROM ledger WHERE kind <> 'credit' GROUP BY conversion_id, currency
		),
		earned AS (
			SELECT conversion_id, conversion_time, currency, booked_revenue AS amount
			FROM attributions WHERE outcome = 'attributed'
		),
		compared AS (
			SELECT coalesce(b.conversion_id, e.conversion_id) AS conversion_id,
				CAST(timezone('Europe/Berlin', coalesce(b.conversion_time, e.conversion_time)) AS DATE) AS day,
				coalesce(b.amount, 0) AS booked, coalesce(e.amount, 0) AS earned, b.conversion_id IS NULL AS missing
			FROM booked AS b FULL JOIN earned AS e ON e.conversion_id = b.conversion_id AND e.currency = b.currency
		)
		SELECT conversion_id, day, booked, earned, day > DATE '%[1]s' - %[2]d AS adjusted
		FROM compared
		WHERE day <= DATE '%[1]s' AND (missing OR booked <> earned)`, newest.Format(time.DateOnly), yearAdjusts)
	return y.rows(ctx, query, func(f []string) error {
		if f[4] != "true" {
			y.count("conversions found changed beyond the window")
			return nil
		}
		return fmt.Errorf("conversion %s of %s: the ledger has %s, it earned %s", f[0], f[1], f[2], f[3])
	})
}

// sumsOfDays adds up the ledger's files, as they stand in their folders.
func (y *year) sumsOfDays(ctx context.Context) error {
	type day struct {
		entries int64
		amounts map[string]string
	}
	found := map[string]*day{}
	err := y.rows(ctx, `SELECT CAST(booked AS VARCHAR), currency, count(*), CAST(sum(amount) AS VARCHAR)
		FROM read_parquet('lake/ledger/*/*.parquet', hive_partitioning = true) GROUP BY ALL`, func(f []string) error {
		n, err := strconv.ParseInt(f[2], 10, 64)
		d := found[f[0]]
		if d == nil {
			d = &day{amounts: map[string]string{}}
			found[strings.Clone(f[0])] = d
		}
		d.entries += n
		d.amounts[strings.Clone(f[1])] = strings.Clone(f[3])
		return err
	})
	if err != nil {
		return err
	}
	noted, err := y.closedDays()
	if err != nil {
		return err
	}
	for _, n := range noted {
		d := found[n.Day]
		if d == nil {
			d = &day{}
		}
		if d.entries != n.Entries || !maps.Equal(d.amounts, n.Amounts) {
			return fmt.Errorf("%s has %d entries of %v, its close noted %d of %v", n.Day, d.entries, d.amounts, n.Entries, n.Amounts)
		}
		delete(found, n.Day)
	}
	if len(found) > 0 {
		return fmt.Errorf("entries are booked under days that are not closed: %v", slices.Sorted(maps.Keys(found)))
	}
	status, err := y.must(ctx, y.at("status", "--format", "csv")...)
	if err != nil {
		return err
	}
	for _, line := range []string{fmt.Sprintf("ledger,,closed_days,%d", len(noted)), "ledger,,last_closed," + noted[len(noted)-1].Day} {
		if !slices.Contains(strings.Split(status, "\n"), line) {
			return fmt.Errorf("status does not say %q: %s", line, last(status))
		}
	}
	return nil
}

// eventsRead counts the events once all files have come.
func (y *year) eventsRead(ctx context.Context) error {
	if len(y.late) > 0 {
		return nil
	}
	for _, e := range y.edges {
		if e.astray.Len() > 0 {
			return nil
		}
	}
	// edge-3 sends whole days.
	erased, err := y.erased()
	if err != nil {
		return err
	}
	want := strconv.Itoa(y.net.events - y.edges[2].events - erased)
	return y.rows(ctx, "SELECT count(*), count(DISTINCT event_id) FROM events", func(f []string) error {
		if f[0] != want || f[1] != want {
			return fmt.Errorf("%s events with %s ids, and %s were written and not erased", f[0], f[1], want)
		}
		return nil
	})
}

// erased is how many events retention has noted that it erased.
func (y *year) erased() (int, error) {
	l, err := lake.Open(y.lakeDir())
	if err != nil {
		return 0, err
	}
	s, err := l.State()
	if err != nil {
		return 0, err
	}
	n := 0
	for seq := int64(1); seq <= s.Seq; seq++ {
		r, _, err := l.ReadRecord(seq)
		if err != nil {
			return 0, err
		}
		if r.Kind != "retention" {
			continue
		}
		some, err := strconv.Atoi(r.Notes["events"])
		if err != nil {
			return 0, fmt.Errorf("commit %d: %w", seq, err)
		}
		n += some
	}
	return n, nil
}
