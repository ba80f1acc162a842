package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

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
	cat, err := keptCatalog(l, digest)
	if err != nil {
		return nil
	}
	return cat
}

// keptCatalog reads a catalog that is kept in the lake under its digest: those
// bytes, or an error.
func keptCatalog(l *lake.Lake, digest string) (*schemas.Catalog, error) {
	if err := keptAsItWas(l, digest); err != nil {
		return nil, err
	}
	cat, _, err := schemas.LoadCatalog(l.CatalogFile(digest))
	return cat, err
}

// keptAsItWas says what is wrong with a catalog that is kept; nil where its
// bytes are those that its name says.
func keptAsItWas(l *lake.Lake, digest string) error {
	wrong := ""
	b, err := l.Disk().ReadFile(l.CatalogFile(digest))
	switch sum := sha256.Sum256(b); {
	case errors.Is(err, fs.ErrNotExist):
		wrong = "is gone"
	case err != nil:
		return err
	case hex.EncodeToString(sum[:]) != digest:
		wrong = fmt.Sprintf("has been changed: its SHA-256 is %x, not its name", sum)
	default:
		return nil
	}
	return fmt.Errorf("_state/catalogs/%s.yaml %s; put it back from a backup", digest, wrong)
}

// verifyCatalogs says which of the catalogs that closes have used are not kept
// as they were: exports take names from them, and auditors the rates.
func verifyCatalogs(l *lake.Lake, state *lake.State, say io.Writer) (differences int, err error) {
	days, err := exportDays(l, state)
	if err != nil {
		return 0, err
	}
	looked := map[string]bool{}
	for _, d := range days {
		if looked[d.Catalog] {
			continue
		}
		looked[d.Catalog] = true
		if err := keptAsItWas(l, d.Catalog); err != nil {
			differences++
			fmt.Fprintf(say, "the catalog that the close of %s used: %s\n", d.Day, schemas.Shown(err.Error()))
		}
	}
	return differences, nil
}
