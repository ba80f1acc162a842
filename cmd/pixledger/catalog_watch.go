package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// catalogPoll is how often the daemon looks whether the catalog has changed.
const catalogPoll = 2 * time.Second

// catalogInForce is the catalog that the daemon's jobs work with. A change of
// the file takes its place when it is valid, and is refused otherwise.
type catalogInForce struct {
	d *daemon
	// changed has a value when another catalog came in force than when it was
	// last looked at.
	changed chan struct{}

	mu      sync.Mutex
	current string    // digest of the one in force; kept in the lake under it
	since   time.Time // when it came in force
	refused string    // why the file as it stands is not in force; "" when it is
	noted   []byte    // the note as it was last written
}

// daemonNote is what a daemon tells of itself to `status`.
type daemonNote struct {
	Process       int       `json:"process"`
	Started       time.Time `json:"started"`
	CatalogDigest string    `json:"catalog_digest"`
	CatalogSince  time.Time `json:"catalog_since"` // when it came in force, also before the daemon's start
	CatalogError  string    `json:"catalog_error,omitempty"`
	// The configuration: its file, when what is in force was read and its SHA-256,
	// and why the file as last read is not in force.
	ConfigFile   string    `json:"config_file"`
	ConfigRead   time.Time `json:"config_read"`
	ConfigDigest string    `json:"config_digest"`
	ConfigError  string    `json:"config_error,omitempty"`
	Console      string    `json:"console"`
	// Troubles are what an operator should see of the sources.
	Troubles []sourceTrouble `json:"troubles,omitempty"`
	// Waiting is why nothing can be committed now; empty when it can.
	Waiting string `json:"waiting,omitempty"`
	NoSpace bool   `json:"no_space,omitempty"` // that is for want of room
}

// sourceTrouble is what is wrong with one path of a source.
type sourceTrouble struct {
	Source      string `json:"source"`
	Path        string `json:"path"`
	Trouble     string `json:"trouble,omitempty"`
	Truncations int64  `json:"truncations,omitempty"` // of the source, since the daemon's start
	// Damaged are compressed files of the source that end early.
	Damaged []string `json:"damaged,omitempty"`
}

func readDaemonNote(l *lake.Lake) (daemonNote, bool) {
	var n daemonNote
	b, err := os.ReadFile(l.DaemonFile())
	return n, err == nil && json.Unmarshal(b, &n) == nil
}

// newCatalogInForce begins with the configured file, which was read as cat, or
// where that was refused, with the one that the lake kept.
func newCatalogInForce(d *daemon, cat *schemas.Catalog, refused error) (*catalogInForce, error) {
	if refused != nil {
		d.log.Error("catalog refused; the one before stays in force", "error", refused)
		c := &catalogInForce{d: d, changed: make(chan struct{}, 1), current: cat.Digest, since: catalogSince(d, cat.Digest), refused: refused.Error()}
		return c, c.note()
	}
	digest, err := d.lake.KeepCatalog(cat.Content())
	if err != nil {
		return nil, err
	}
	c := &catalogInForce{d: d, changed: make(chan struct{}, 1), current: digest, since: catalogSince(d, digest)}
	return c, c.note()
}

// catalogSince is when the catalog that a daemon begins with came in force: under
// the daemon before it, where that had it too, else now.
func catalogSince(d *daemon, digest string) time.Time {
	if n, ok := readDaemonNote(d.lake); ok && n.CatalogDigest == digest && !n.CatalogSince.IsZero() {
		return n.CatalogSince
	}
	return d.app.now()
}

func (c *catalogInForce) digest() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// refusal says why the file as it stands is not in force, or "".
func (c *catalogInForce) refusal() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// inForceSince is when the catalog in force came in force.
func (c *catalogInForce) inForceSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since
}

// note writes the daemon's note on itself, if anything in it has changed.
func (c *catalogInForce) note() error {
	conf := c.d.inForce.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := daemonNote{
		Process: os.Getpid(), Started: c.d.app.start.Add(c.d.app.offset).UTC(),
		CatalogDigest: c.current, CatalogSince: c.since, CatalogError: c.refused, Console: conf.cfg.Console.Listen,
		ConfigFile: conf.cfg.File, ConfigRead: conf.read, ConfigDigest: digestOf(conf.content), ConfigError: conf.refused,
	}
	for _, s := range c.d.stats.Snapshot() {
		if s.Trouble != "" || s.Truncations > 0 || len(s.Damaged) > 0 {
			n.Troubles = append(n.Troubles, sourceTrouble{s.Source, s.Path, s.Trouble, s.Truncations, s.Damaged})
		}
		n.Waiting, n.NoSpace = s.Waiting, s.NoSpace
	}
	b, err := json.Marshal(n)
	if err != nil || bytes.Equal(b, c.noted) {
		return err
	}
	if err := disk.Real.Publish(c.d.lake.DaemonFile(), lake.FileMode, append(b, '\n')); err != nil {
		return err
	}
	c.noted = b
	return nil
}

// watch reads the catalog again when its file changes, and keeps the daemon's
// note as it stands, until the context ends.
func (c *catalogInForce) watch(ctx context.Context) {
	tick := time.NewTicker(catalogPoll)
	defer tick.Stop()
	var seen os.FileInfo
	for {
		if fi, err := os.Stat(c.d.config().Catalog); err != nil {
			c.set("", err.Error())
		} else if seen == nil || fi.ModTime() != seen.ModTime() || fi.Size() != seen.Size() || !os.SameFile(fi, seen) {
			seen = fi
			c.reload()
		}
		if err := c.note(); err != nil {
			c.d.log.Error("note on the daemon not written", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *catalogInForce) reload() {
	cat, _, err := schemas.LoadCatalog(c.d.config().Catalog)
	if err != nil {
		c.set("", err.Error())
		return
	}
	digest, err := c.d.lake.KeepCatalog(cat.Content())
	if err != nil {
		c.set("", err.Error())
		return
	}
	c.set(digest, "")
}

// set puts a catalog in force, or notes why the file was refused; it says so
// once for each change.
func (c *catalogInForce) set(digest, refused string) {
	c.mu.Lock()
	changed := refused != c.refused || digest != "" && digest != c.current
	if digest != "" && digest != c.current {
		c.current, c.since = digest, c.d.app.now()
	}
	c.refused = refused
	c.mu.Unlock()
	if !changed {
		return
	}
	if refused != "" {
		c.d.log.Error("catalog refused; the one before stays in force", "error", refused)
	} else {
		c.d.log.Info("catalog in force", "digest", digest)
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
}
