package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"pixledger/report/deliver"
	"pixledger/report/export"
	"pixledger/schemas"
)

// exportTargets are the destinations that a command line names, else those of
// the configuration, each once.
func exportTargets(cfg *Config, to []string) ([]deliver.Target, error) {
	var out []deliver.Target
	add := func(t deliver.Target) {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	if len(to) == 0 {
		for _, e := range cfg.Exports {
			add(e.To)
		}
		return out, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for _, spec := range to {
		t, err := deliver.Parse(spec, dir)
		var mistake *deliver.SpecError
		if errors.As(err, &mistake) {
			return nil, usagef("--to: %s; allowed: %s", mistake.What, mistake.Allowed)
		}
		if err != nil {
			return nil, err
		}
		if amongData(t, cfg.Lake) {
			return nil, usagef("--to: %s; allowed: %s", amongDataWhat, amongDataAllowed)
		}
		add(t)
	}
	return out, nil
}

const (
	amongDataWhat    = "the destination lies among the lake's data, whose readers would take its files for theirs"
	amongDataAllowed = "a folder of its own"
)

// amongData says whether files brought there would stand where the lake's own
// do: an export in Parquet would be read as entries of the ledger.
func amongData(t deliver.Target, lakeRoot string) bool {
	within := func(folder string) bool { return lakeRoot != "" && t.Within(filepath.Join(lakeRoot, folder)) }
	return within("_state") || slices.ContainsFunc(schemas.Datasets, func(d schemas.Dataset) bool { return within(d.Name) })
}

// destinations are targets as exports are brought to them. Each is opened when
// the first file is put there, and closed by the function.
func (a *app) destinations(targets []deliver.Target) (list []export.Destination, closeAll func() error) {
	// What is tried again is told; what arrives, the caller says.
	trouble := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var open []*deliver.Destination
	for _, t := range targets {
		var d *deliver.Destination
		list = append(list, export.Destination{Name: t.String(), Put: func(ctx context.Context, files []export.Sendable) (err error) {
			if d == nil {
				if d, err = deliver.Open(ctx, t, deliver.Options{Log: trouble}); err != nil {
					return err
				}
				open = append(open, d)
			}
			put := make([]deliver.File, len(files))
			for i, f := range files {
				put[i] = deliver.File(f)
			}
			return d.Put(ctx, "", put)
		}})
	}
	return list, func() (err error) {
		for _, d := range open {
			err = errors.Join(err, d.Close())
		}
		return err
	}
}
