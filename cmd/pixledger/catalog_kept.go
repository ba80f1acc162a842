package main

import (
	"errors"

	"pixledger/attribute"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// setupInForce is setup for those who must not wait for the mending of a
// catalog: while its file has mistakes, they go on by the one that is still in
// force. refused is why the file is not; nil where it is.
func (a *app) setupInForce() (s *setup, refused, err error) {
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

// setupToRead is setupWith for commands that only answer: by the catalog in
// force while the file has mistakes, which they say.
func (a *app) setupToRead(catalog string) (*setup, error) {
	if catalog != "" {
		return a.setupWith(catalog)
	}
	s, refused, err := a.setupInForce()
	if refused != nil {
		a.logf("%v\nwarning: the catalog is refused; this is answered by the one that is in force (%.12s)", refused, s.catalog.Digest)
	}
	return s, err
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
