package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// Manifest is what a day's export says of itself. Its own hash stands in the
// manifest of the next day, so that none can be changed, left out or put in
// without its being seen.
type Manifest struct {
	Sequence int64       `json:"sequence"` // the day's number in the ledger, from 1
	Date     schemas.Day `json:"date"`
	Files    []File      `json:"files"`
	// Totals are the sums of the entries' amounts by currency; on a day without
	// entries, nothing in the catalog's currency.
	Totals        map[string]string `json:"totals"`
	CatalogDigest string            `json:"catalog_digest"` // SHA-256 of the catalog that the day's close used
	From          time.Time         `json:"from"`           // the day's bounds, UTC, half-open
	To            time.Time         `json:"to"`
	Version       int               `json:"version"`
	Previous      *string           `json:"previous_sha256"` // of the manifest before; null on the first
}

// File is one file of an export.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // hex, of the file's bytes
	Rows   int64  `json:"rows"`   // without header
}

// manifestVersion is the version of the manifest that this program writes.
const manifestVersion = 1

func manifestName(d schemas.Day) string { return "manifest_" + string(d) + ".json" }

func manifestFile(l *lake.Lake, d schemas.Day) string {
	return filepath.Join(dayFolder(l, d), manifestName(d))
}

// encode gives the manifest's bytes: the same for the same facts.
func (m *Manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// readManifest reads a day's manifest and gives its hash.
func readManifest(l *lake.Lake, d schemas.Day) (*Manifest, string, error) {
	p := manifestFile(l, d)
	b, err := l.Disk().ReadFile(p)
	if err != nil {
		return nil, "", fmt.Errorf("read the manifest of %s: %w", d, err)
	}
	m := &Manifest{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return nil, "", fmt.Errorf("%s: is no manifest: %w", p, err)
	}
	return m, hashOf(b), nil
}

func readHash(l *lake.Lake, d schemas.Day) (*string, error) {
	_, hash, err := readManifest(l, d)
	return &hash, err
}
