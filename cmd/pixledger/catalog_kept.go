package main

import (
	"errors"
	"fmt"
	"os"

	"pixledger/attribute"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// keepCatalog keeps the catalog that a command works with in the lake. A file
// that was changed since it was read is kept the next time.
func keepCatalog(l *lake.Lake, s *setup) error {
	content, err := os.ReadFile(s.cfg.Catalog)
	if err != nil {
		return err
	}
	if _, err = l.KeepCatalog(content); err != nil {
		return fmt.Errorf("keep the catalog: %w", err)
	}
	return nil
}

// setupToRead is setupWith for commands that only answer: while the catalog's
// file has mistakes, they answer by the one that is still in force, and say so.
func (a *app) setupToRead(catalog string) (*setup, error) {
	s, err := a.setupWith(catalog)
	if err == nil || catalog != "" {
		return s, err
	}
	cfg, cerr := a.config()
	if cerr != nil {
		return nil, err
	}
	cat := catalogInLake(cfg.Lake)
	if cat == nil {
		return nil, err
	}
	a.logf("%s\nwarning: the catalog is refused; this is answered by the one that is in force (%.12s)", failureText(err), cat.Digest)
	return &setup{cfg: cfg, catalog: cat}, nil
}

// catalogInLake gives the catalog that is in force by the lake: the one that
// the daemon, else the last attribution, worked with; nil where there is none.
func catalogInLake(root string) *schemas.Catalog {
	l, err := lake.Open(root)
	if err != nil {
		return nil
	}
	n, _ := readDaemonNote(l)
	digest := n.CatalogDigest
	if state, err := l.State(); digest == "" && err == nil {
		digest = state.Latest[attribute.CommitKind].Notes[attribute.NoteCatalog]
	}
	if digest == "" {
		return nil
	}
	cat, _, err := schemas.LoadCatalog(l.CatalogFile(digest))
	if err != nil {
		return nil
	}
	return cat
}

// setupToRun is setup for the daemon: when the catalog's file has mistakes at
// its start, it goes on with the one that was in force, so that no line waits
// for the mending of a catalog. refused is why the file is not in force.
func (a *app) setupToRun() (s *setup, refused error, err error) {
	s, err = a.setup()
	if err == nil {
		return s, nil, nil
	}
	cfg, cerr := a.config()
	if cerr != nil {
		return nil, nil, cerr
	}
	cat := catalogInLake(cfg.Lake)
	if cat == nil {
		return nil, nil, err
	}
	return &setup{cfg: cfg, catalog: cat}, errors.New(failureText(err)), nil
}
