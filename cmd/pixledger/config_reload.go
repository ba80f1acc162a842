package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pixledger/cmd/pixledger/schedule"
	"pixledger/ingest"
	"pixledger/schemas/lake"
	"pixledger/schemas/yamlfile"
)

// configInForce is the configuration that the daemon works by, as it stood in
// its file when it was read. It is not changed; another takes its place.
type configInForce struct {
	cfg     *Config
	content []byte // jobs read it again, whatever the file says by then
	read    time.Time
	refused string // why the file as last read is not in force; "" when it is
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// checkSources refuses a configuration that a daemon has nothing to do by.
func checkSources(path string, cfg *Config) error {
	if len(cfg.Sources) == 0 && cfg.Collect == nil {
		return fmt.Errorf("%s: there are no sources to follow; allowed: at least one, or collect", path)
	}
	return nil
}

// parts are what the daemon runs by a configuration.
func (d *daemon) parts(conf *configInForce) (ingest.Options, []schedule.Job, error) {
	follow, err := ingestOptions(d.app, conf.cfg, d.lake)
	if err != nil {
		return follow, nil, err
	}
	follow.Log, follow.Stats = d.log, d.stats
	jobs, err := d.jobs(conf)
	return follow, jobs, err
}

// reloads reads the configuration again on every SIGHUP, until the context ends.
func (d *daemon) reloads(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			d.service.reloading()
			d.reload(ctx)
			if err := d.catalog.note(); err != nil {
				d.log.Error("note on the daemon not written", "error", err)
			}
			d.service.ready()
		}
	}
}

// reload puts the configuration's file in force as it stands now, all of it or
// nothing: the follower commits what it has read and another goes on, the
// schedule changes, and jobs under way finish as they began.
func (d *daemon) reload(ctx context.Context) {
	before := d.inForce.Load()
	next, err := d.readAgain(before.cfg)
	var follow ingest.Options
	var jobs []schedule.Job
	if err == nil {
		follow, jobs, err = d.parts(next)
	}
	if err != nil {
		refused := *before
		refused.refused = failureText(err)
		d.inForce.Store(&refused)
		d.log.Error("configuration refused; the one before stays in force", "file", before.cfg.File, "error", err)
		return
	}
	begun := time.Now()
	d.inForce.Store(next)
	if next.cfg.Catalog != before.cfg.Catalog {
		d.catalog.reload()
	}
	select { // edge.conf is of the configuration too
	case d.catalog.changed <- struct{}{}:
	default:
	}
	select {
	case d.next <- follow:
	case <-ctx.Done():
		return
	}
	select {
	case <-d.exchanged:
	case <-ctx.Done():
		return
	}
	select {
	case d.change <- jobs:
	case <-ctx.Done():
		return
	}
	d.log.Info("configuration in force", "file", next.cfg.File, "digest", digestOf(next.content),
		"sources", len(next.cfg.Sources), "seconds", time.Since(begun).Seconds())
}

// readAgain reads the configuration's file. It refuses one that is no
// configuration for a daemon, and one that only a restart can put in force.
func (d *daemon) readAgain(before *Config) (*configInForce, error) {
	content, err := readConfig(before.File)
	if err != nil {
		return nil, err
	}
	cfg, err := parseConfig(before.File, content, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if err := checkSources(before.File, cfg); err != nil {
		return nil, err
	}
	for _, fixed := range []struct{ key, was, is string }{
		{"lake", before.Lake, cfg.Lake},
		{"console.listen", before.Console.Listen, cfg.Console.Listen},
	} {
		if fixed.was != fixed.is {
			err = errors.Join(err, fmt.Errorf("%s: %s is %s now and was %s: that needs a restart; allowed: what it was, until then",
				before.File, fixed.key, fixed.is, fixed.was))
		}
	}
	return &configInForce{cfg: cfg, content: content, read: d.app.now()}, err
}

// configuration warns where the daemon works by another configuration than its
// file, and says how the file comes into force.
func (r *statusReport) configuration(n *daemonNote) {
	again := fmt.Sprintf("`systemctl reload pixledger`, or `kill -HUP %d`", n.Process)
	switch content, err := readConfig(n.ConfigFile); {
	case n.ConfigError != "":
		r.warn("the configuration's file was refused, the one before is in force: "+n.ConfigError, "mend the file, then "+again+"; what needs a restart takes one")
	case err == nil && digestOf(content) != n.ConfigDigest:
		r.warn(fmt.Sprintf("the configuration's file has changed since the daemon read it at %s, which is what is in force", stamp(&n.ConfigRead)), again)
	}
}

// goesOn says which daemon goes on by the configuration before, where this one's
// mistakes keep a command from working: the lake is looked for in what can be
// read of it.
func (a *app) goesOn() {
	content, err := readConfig(a.configPath)
	schema, serr := configSchema()
	if err != nil || serr != nil {
		return
	}
	file, err := filepath.Abs(a.configPath)
	if err != nil {
		return
	}
	r := configReader{dir: filepath.Dir(file)}
	root := yamlfile.Parse(a.configPath, content, schema, yamlfile.Options{Env: os.LookupEnv}).Root()
	l, err := lake.Open(r.path(root.Get("lake"), ""))
	if err != nil || !a.daemonRuns(l) {
		return
	}
	if n, ok := readDaemonNote(l); ok {
		a.logf("the daemon (process %d) works by the configuration that it read at %s", n.Process, stamp(&n.ConfigRead))
	}
}
