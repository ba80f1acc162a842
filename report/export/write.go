package export

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math/big"
	"path/filepath"
	"slices"
	"time"

	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// nothing is the total of a day without entries.
const nothing = "0.000000"

// The reports that a day's export consists of, with the names of their files.
var parts = []struct{ report, file string }{
	{"revenue", "revenue"},
	{"ledger_entries", "entries"},
}

// writing is one run over the days without an export.
type writing struct {
	Options
	previous *string // hash of the manifest before; nil before the first
	db       *lakedb.DB
	catalog  *schemas.Catalog
	digest   string
}

func (w *writing) close() error {
	if w.db == nil {
		return nil
	}
	return w.db.Close()
}

// under opens the lake under a day's catalog, unless it is open under it.
func (w *writing) under(ctx context.Context, digest string) error {
	if w.db != nil && w.digest == digest {
		return nil
	}
	if err := w.close(); err != nil {
		return err
	}
	w.db = nil
	db, cat, err := w.Open(ctx, digest)
	if err != nil {
		return err
	}
	w.db, w.catalog, w.digest = db, cat, digest
	return nil
}

// day writes one day's export: in a folder that nobody looks into, which gets
// the day's name when all of it is durable.
func (w *writing) day(ctx context.Context, d Day) error {
	if err := w.under(ctx, d.Catalog); err != nil {
		return err
	}
	dk, exports := w.Lake.Disk(), exportsFolder(w.Lake)
	folder := filepath.Join(exports, ".writing")
	if err := dk.RemoveAll(folder); err != nil { // of a run that was cut short
		return err
	}
	if err := dk.MkdirAll(folder, lake.DirMode); err != nil {
		return err
	}
	if err := dk.SyncDir(filepath.Dir(exports)); err != nil {
		return err
	}
	m := &Manifest{
		Sequence: d.Sequence, Date: d.Day, Files: []File{}, CatalogDigest: d.Catalog,
		From: d.From.UTC(), To: d.Until.UTC(), Version: manifestVersion, Previous: w.previous,
	}
	var sums *tally
	for _, part := range parts {
		files, t, err := w.part(ctx, folder, part.report, part.file+"_"+string(d.Day), d)
		if err != nil {
			return err
		}
		if sums != nil && !maps.Equal(sums.totals(), t.totals()) {
			return fmt.Errorf("its revenue adds up to %v, its entries to %v", sums.totals(), t.totals())
		}
		m.Files, sums = append(m.Files, files...), t
	}
	m.Totals = sums.totals()
	if err := agree(d, sums); err != nil {
		return err
	}
	if len(m.Totals) == 0 {
		m.Totals[w.catalog.Currency] = nothing
	}
	b, err := m.encode()
	if err != nil {
		return err
	}
	if err := writeFile(dk, filepath.Join(folder, manifestName(d.Day)), b); err != nil {
		return err
	}
	if err := dk.SyncDir(folder); err != nil {
		return err
	}
	if err := dk.RenameNew(folder, dayFolder(w.Lake, d.Day)); err != nil {
		return err
	}
	if err := dk.SyncDir(exports); err != nil {
		return err
	}
	sum := hashOf(b)
	w.previous = &sum
	if w.Tell != nil {
		w.Tell(m)
	}
	return nil
}

// agree holds what was written against what the close noted of the day.
func agree(d Day, t *tally) error {
	got := t.totals()
	for currency, amount := range d.Amounts {
		if got[currency] != amount {
			return fmt.Errorf("its entries add up to %s %s, its close noted %s: the ledger is damaged, see `pixledger verify`", cmp.Or(got[currency], "nothing in"), currency, amount)
		}
	}
	if t.rows != d.Entries || len(got) != len(d.Amounts) {
		return fmt.Errorf("the ledger has %d entries of it, its close noted %d: the ledger is damaged, see `pixledger verify`", t.rows, d.Entries)
	}
	return nil
}

// part writes one report of a day in every format, from one reading.
func (w *writing) part(ctx context.Context, folder, name, stem string, d Day) ([]File, *tally, error) {
	var files []*outFile
	closeAll := func() (err error) {
		for _, f := range files {
			err = errors.Join(err, f.abandon())
		}
		return err
	}
	t := &tally{sums: map[string]*big.Int{}}
	open := func(s report.Sheet) (report.Writer, error) {
		s.Title, s.Facts = name+" "+string(d.Day), w.facts(d)
		outs := []report.Writer{t}
		for _, format := range w.Formats {
			f, err := createFile(w.Lake.Disk(), filepath.Join(folder, stem+"."+string(format)))
			if err != nil {
				return nil, err
			}
			files = append(files, f)
			out, err := report.NewWriter(f, format, s)
			if err != nil {
				return nil, err
			}
			outs = append(outs, out)
		}
		return inUTC{report.Tee(outs...)}, nil
	}
	p := report.Params{From: string(d.Day), To: string(d.Day.Plus(1)), Zone: w.Zone, Now: d.Until}
	if err := report.BuiltIn().RunTo(ctx, w.db, name, p, open); err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	out := make([]File, len(files))
	for i, f := range files {
		if err := f.finish(); err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		out[i] = File{Name: filepath.Base(f.file.Name()), SHA256: hex.EncodeToString(f.hash.Sum(nil)), Rows: t.rows}
	}
	return out, t, nil
}

// inUTC writes times in UTC, whatever the zone of the business days: whoever
// reads a file knows the zone by the file alone.
type inUTC struct{ report.Writer }

// Row writes a row.
func (w inUTC) Row(values []any, _ *time.Location) error { return w.Writer.Row(values, time.UTC) }

// facts are what the manifest says of the day, for the readers of a workbook or
// a page: all but the files' checksums, which no file can hold of itself.
func (w *writing) facts(d Day) []report.Fact {
	facts := []report.Fact{
		report.IntegerFact("sequence", d.Sequence),
		report.DateFact("date", dateOf(d.Day)),
		report.TextFact("from", d.From.UTC().Format(time.RFC3339)),
		report.TextFact("to", d.Until.UTC().Format(time.RFC3339)),
		report.IntegerFact("entries", d.Entries),
	}
	for _, currency := range slices.Sorted(maps.Keys(d.Amounts)) {
		facts = append(facts, totalFact(currency, d.Amounts[currency]))
	}
	if len(d.Amounts) == 0 {
		facts = append(facts, totalFact(w.catalog.Currency, nothing))
	}
	facts = append(facts, report.TextFact("catalog_digest", d.Catalog), report.IntegerFact("version", manifestVersion))
	if w.previous == nil {
		return append(facts, report.NullFact("previous_sha256"))
	}
	return append(facts, report.TextFact("previous_sha256", *w.previous))
}

// totalFact is a sum of money; as text where it is beyond an entry's amount.
func totalFact(currency, amount string) report.Fact {
	if m, ok := schemas.ParseMoney(amount); ok {
		return report.MoneyFact("total "+currency, m)
	}
	return report.TextFact("total "+currency, amount)
}

func dateOf(d schemas.Day) time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		panic("export: " + err.Error()) // the ledger's days are dates
	}
	return t
}

// outFile is a file under way, with the hash of what was written to it.
type outFile struct {
	file *disk.File
	buf  *bufio.Writer
	hash hash.Hash
	done bool
}

func createFile(dk *disk.Disk, path string) (*outFile, error) {
	f, err := dk.Create(path, lake.FileMode, true)
	if err != nil {
		return nil, err
	}
	return &outFile{file: f, buf: bufio.NewWriterSize(f, 1<<18), hash: sha256.New()}, nil
}

func (f *outFile) Write(b []byte) (int, error) {
	n, err := f.buf.Write(b)
	f.hash.Write(b[:n])
	return n, err
}

// finish makes the file durable and closes it.
func (f *outFile) finish() error {
	if err := f.buf.Flush(); err != nil {
		return err
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	f.done = true
	return f.file.Close()
}

// abandon closes a file that was not finished.
func (f *outFile) abandon() error {
	if f.done {
		return nil
	}
	f.done = true
	return f.file.Close()
}

func writeFile(dk *disk.Disk, path string, content []byte) error {
	f, err := createFile(dk, path)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.abandon())
	}
	return errors.Join(f.finish(), f.abandon())
}

// tally counts a report's rows and adds up its amounts by currency, in
// millionths.
type tally struct {
	rows             int64
	sums             map[string]*big.Int
	amount, currency int // places of the columns
}

// Begin finds the columns that are added up.
func (t *tally) Begin(columns []report.Column) error {
	at := func(name string) int {
		return slices.IndexFunc(columns, func(c report.Column) bool { return c.Name == name })
	}
	if t.amount, t.currency = at("amount"), at("currency"); t.amount < 0 || t.currency < 0 {
		return errors.New("the report has no amount or no currency")
	}
	return nil
}

// Row adds a row.
func (t *tally) Row(values []any, _ *time.Location) error {
	t.rows++
	currency, _ := values[t.currency].(string)
	amount, ok := values[t.amount].(*big.Int)
	if !ok || currency == "" {
		return fmt.Errorf("row %d has no amount or no currency", t.rows)
	}
	sum := t.sums[currency]
	if sum == nil {
		sum = new(big.Int)
		t.sums[currency] = sum
	}
	sum.Add(sum, amount)
	return nil
}

// Close has nothing to do.
func (t *tally) Close() error { return nil }

// totals are the sums with six places.
func (t *tally) totals() map[string]string {
	out := make(map[string]string, len(t.sums))
	for currency, sum := range t.sums {
		whole, part := new(big.Int).QuoRem(new(big.Int).Abs(sum), big.NewInt(1_000_000), new(big.Int))
		sign := ""
		if sum.Sign() < 0 {
			sign = "-"
		}
		out[currency] = fmt.Sprintf("%s%s.%06d", sign, whole, part)
	}
	return out
}
