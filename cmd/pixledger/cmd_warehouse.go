package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"pixledger/attribute/ledger"
	"pixledger/report"
	"pixledger/report/warehouse"
	"pixledger/report/warehouse/postgres"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

func (a *app) warehouseCommand() *cobra.Command {
	var to, schema, catalog string
	c := &cobra.Command{
		Use:   "warehouse",
		Short: "Write the analysts' DuckDB file anew, or load its tables into PostgreSQL",
		Long: `Makes the analysts' tables from the newest commit and puts them into
warehouse.duckdb in the lake's folder, in one step: who has the old file open goes
on reading it. The tables are the catalog's lists, attributions, ledger,
segment_members, rejects_daily, hourly_facts, closed_days and warehouse_info.

--to loads the same tables into PostgreSQL instead: each closed business day in
one transaction, once; what else has changed in another one. Loading again changes
nothing. The password comes from PGPASSWORD or ~/.pgpass.`,
		Example: "  pixledger warehouse\n  pixledger warehouse --to postgres://loader@db.example:5432/bi\n  pixledger warehouse --to postgres://loader@db.example/bi --schema pixels",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if to == "" && c.Flags().Changed("to") {
				return usagef("warehouse: --to is empty; allowed: %s", postgres.AllowedURL)
			}
			if to == "" && schema != "" {
				return usagef("warehouse: --schema is given without --to; allowed: both, --schema names the schema in PostgreSQL")
			}
			var target *postgres.Target
			if to != "" {
				var err error
				if target, err = postgres.ParseTarget(to, schema); err != nil {
					return usagef("warehouse: --to: %w", err)
				}
			}
			s, err := a.setupToRead(catalog)
			if err != nil {
				return err
			}
			l, err := s.openLake()
			if err != nil {
				return err
			}
			return a.makeWarehouse(c.Context(), s, l, target)
		},
	}
	c.Flags().StringVar(&to, "to", "", "load the tables into this PostgreSQL: postgres://USER@HOST:PORT/DATABASE")
	c.Flags().StringVar(&schema, "schema", "", "the schema there (default that of search_path in the URL, else "+postgres.DefaultSchema+")")
	c.Flags().StringVar(&catalog, "catalog", "", "with the names of this catalog instead of the configured one")
	return c
}

// makeWarehouse makes the tables of the lake as it is now and publishes them.
func (a *app) makeWarehouse(ctx context.Context, s *setup, l *lake.Lake, target *postgres.Target) error {
	unlock, err := l.Lock(ctx, warehouseLock, "pixledger warehouse", a.wait)
	if err != nil {
		return err
	}
	defer unlock()
	return a.writeWarehouse(ctx, s, l, target, a.stdout)
}

// warehouseLock is the lock of those who write the warehouse.
const warehouseLock = "warehouse"

// writeWarehouse is makeWarehouse for one who holds the lock.
func (a *app) writeWarehouse(ctx context.Context, s *setup, l *lake.Lake, target *postgres.Target, out io.Writer) error {
	if err := l.Recover(); err != nil { // what a killed one left is large
		return err
	}
	// The file that was read is kept under its digest, which the tables name.
	if _, err := l.KeepCatalog(s.catalog.Content()); err != nil {
		return err
	}
	if target != nil { // before the work for it
		if err := target.Reach(ctx); err != nil {
			return err
		}
	}
	bar := a.newProgress("warehouse:", rowProgress)
	defer bar.done()
	open := func() (*lakedb.DB, error) { return a.openDB(ctx, s, l) }
	return report.WithLake(ctx, open, out, func(db *lakedb.DB, w io.Writer) (err error) {
		o := warehouse.Options{CatalogDigest: s.catalog.Digest, Zone: s.cfg.TimeZone, Progress: bar.set}
		if o.Closed, err = warehouseDays(l, db.State); err != nil {
			return err
		}
		tables, err := warehouse.Make(ctx, db, o)
		if err != nil {
			return err
		}
		defer func() {
			if cerr := tables.Close(); err == nil {
				err = cerr
			}
		}()
		if target != nil {
			sum, err := postgres.Load(ctx, tables, target, postgres.Options{Wait: a.wait, Holder: holder(), Progress: bar.set})
			if err != nil {
				return err
			}
			printLoad(w, target, sum)
			return nil
		}
		size, err := tables.Publish(ctx)
		if err != nil {
			return err
		}
		printWarehouse(w, tables, db.State.Seq, size)
		return nil
	})
}

// holder names this process to those who wait for it at PostgreSQL.
func holder() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("pixledger warehouse (%s, process %d)", host, os.Getpid())
}

// warehouseDays are the days that the ledger has closed, for the warehouse.
func warehouseDays(l *lake.Lake, state *lake.State) ([]warehouse.ClosedDay, error) {
	days, err := ledger.ClosedDays(l, state, "")
	if err != nil {
		return nil, err
	}
	out := make([]warehouse.ClosedDay, len(days))
	for i, d := range days {
		out[i] = warehouse.ClosedDay{Day: d.Day, Sequence: d.Sequence, Begins: d.From.UTC(), Ends: d.Until.UTC(), Entries: d.Entries, CatalogDigest: d.Catalog}
	}
	return out, nil
}

func printWarehouse(w io.Writer, t *warehouse.Tables, commit, size int64) {
	fmt.Fprintf(w, "%s: as of commit %d, %d bytes\n", warehouse.FileName, commit, size)
	for _, name := range []string{"attributions", "ledger", "closed_days", "hourly_facts", "segment_members", "rejects_daily"} {
		fmt.Fprintf(w, "  %-15s  %s\n", name, count(int(t.Rows[name]), "row"))
	}
}

func printLoad(w io.Writer, target *postgres.Target, s *postgres.Summary) {
	fmt.Fprintf(w, "%s: schema %s\n", target, target.Schema)
	switch {
	case len(s.Days) == 1:
		fmt.Fprintf(w, "  closed days loaded: %s\n", s.Days[0])
	case len(s.Days) > 1:
		fmt.Fprintf(w, "  closed days loaded: %d, %s to %s\n", len(s.Days), s.Days[0], s.Days[len(s.Days)-1])
	}
	if len(s.Refreshed) > 0 {
		fmt.Fprintf(w, "  refreshed: %s\n", strings.Join(s.Refreshed, ", "))
	}
	if len(s.Days)+len(s.Refreshed) == 0 {
		fmt.Fprintln(w, "  nothing changed")
	}
}
