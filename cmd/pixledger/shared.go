package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"pixledger/report/deliver"
	"pixledger/schemas/published"
)

// sharedStore is a shared lake, where files are delivered to as exports are.
type sharedStore struct{ *deliver.Destination }

var _ published.Store = sharedStore{}

// openShared opens a shared lake; what is tried again is told on stderr.
func (a *app) openShared(ctx context.Context, t deliver.Target) (sharedStore, error) {
	trouble := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err := deliver.Open(ctx, t, deliver.Options{Log: trouble})
	return sharedStore{d}, err
}

func (s sharedStore) Name() string { return s.Target().String() }

func (s sharedStore) Put(ctx context.Context, folder string, files []published.Upload) error {
	put := make([]deliver.File, len(files))
	for i, f := range files {
		put[i] = deliver.File(f)
	}
	return s.Destination.Put(ctx, folder, put)
}

func (s sharedStore) Replace(ctx context.Context, folder string, f published.Upload) error {
	return s.Destination.Replace(ctx, folder, deliver.File(f))
}

func (s sharedStore) Fetch(ctx context.Context, name string, to io.Writer) error {
	return s.Destination.Fetch(ctx, name, to)
}

func (s sharedStore) Conflict(err error) bool {
	var conflict *deliver.ConflictError
	return errors.As(err, &conflict)
}
