package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"pixledger/ingest/edge"
	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// The times of the edge's configuration: how long edge.reload may take, and when
// one that failed is tried again.
const (
	reloadLimit  = 30 * time.Second
	reloadAgain  = time.Minute
	reloadOutput = 2000 // bytes of what it says that are shown
)

// edgeText is the edge's configuration as a catalog prints it.
func edgeText(cfg *Config, cat *schemas.Catalog) ([]byte, error) {
	var b bytes.Buffer
	err := edge.Nginx(&b, cfg.Edge.nginx(), cat)
	return b.Bytes(), err
}

// edgeKeeper keeps edge.conf as the catalog in force prints it.
type edgeKeeper struct {
	d *daemon

	mu      sync.Mutex
	printed string  // digest of the catalog that the file is of
	by      *Config // the configuration that it is of
	trouble string  // why it is not; "" when nothing is wrong

	keeping *Config // what keep works by, of its goroutine alone
}

// edgeNote is what the daemon remembers of the edge's configuration.
type edgeNote struct {
	// Taken is the SHA-256 of the text that edge.reload has taken last, At when.
	Taken string    `json:"taken"`
	At    time.Time `json:"at"`
	// Error is why a newer text was not taken.
	Error string `json:"error,omitempty"`
}

func readEdgeNote(l *lake.Lake) edgeNote {
	var n edgeNote
	b, err := os.ReadFile(l.EdgeFile())
	if err != nil || json.Unmarshal(b, &n) != nil {
		return edgeNote{}
	}
	return n
}

func newEdgeKeeper(d *daemon) *edgeKeeper { return &edgeKeeper{d: d} }

// current tells whether the file is what the catalog in force prints by the
// configuration in force.
func (k *edgeKeeper) current() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trouble == "" && k.printed == k.d.catalog.digest() && k.by == k.d.config()
}

// watch writes the file at the start and whenever another catalog or
// configuration is in force, until the context ends. What failed is tried again after a while, as its cause
// may lie outside the catalog.
func (k *edgeKeeper) watch(ctx context.Context) {
	again := time.NewTicker(reloadAgain)
	defer again.Stop()
	for {
		if k.d.config().Edge.Conf != "" && !k.current() {
			digest := k.d.catalog.digest()
			err := k.keep(ctx, digest)
			if ctx.Err() != nil {
				return // cut short; the next start does it
			}
			k.note(digest, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-k.d.catalog.changed:
		case <-again.C:
		}
	}
}

// note remembers how it went, and says so when that has changed.
func (k *edgeKeeper) note(digest string, err error) {
	k.mu.Lock()
	said := k.trouble
	k.trouble = ""
	if err != nil {
		k.trouble = err.Error()
	} else {
		k.printed, k.by = digest, k.keeping
	}
	trouble := k.trouble
	k.mu.Unlock()
	if n := readEdgeNote(k.d.lake); n.Error != trouble {
		n.Error = trouble
		if err := k.write(n); err != nil {
			k.d.log.Error("note on the edge not written", "error", err)
		}
	}
	if trouble != "" && trouble != said {
		k.d.log.Error("edge configuration not in force; the one before is", "file", k.keeping.Edge.Conf, "error", trouble)
	}
}

func (k *edgeKeeper) write(n edgeNote) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return disk.Real.Publish(k.d.lake.EdgeFile(), lake.FileMode, append(b, '\n'))
}

// keep has the file and nginx be what a catalog prints. Where edge.reload does
// not take it, the file is what it was before.
func (k *edgeKeeper) keep(ctx context.Context, digest string) error {
	cfg := k.d.config()
	k.keeping = cfg
	cat, err := keptCatalog(k.d.lake, digest)
	if err != nil {
		return err
	}
	text, err := edgeText(cfg, cat)
	if err != nil {
		return err
	}
	path := cfg.Edge.Conf
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays one
	}
	before, err := os.ReadFile(path)
	there := !errors.Is(err, fs.ErrNotExist)
	if there && err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	taken := hex.EncodeToString(sum[:])
	same := there && bytes.Equal(before, text)
	// A daemon that was killed in between has written it, and told nobody.
	if same && (cfg.Edge.Reload == "" || readEdgeNote(k.d.lake).Taken == taken) {
		return nil
	}
	if !same {
		if err := replaceFile(path, text); err != nil {
			return err
		}
	}
	if err := reload(ctx, cfg); err != nil {
		switch {
		case same:
		case there:
			err = errors.Join(err, replaceFile(path, before))
		default:
			err = errors.Join(err, disk.Real.Remove(path))
		}
		return err
	}
	k.d.log.Info("edge configuration in force", "file", cfg.Edge.Conf, "digest", digest)
	return k.write(edgeNote{Taken: taken, At: k.d.app.now()})
}

// replaceFile puts content in a file's place in one step, with the mode that it
// has.
func replaceFile(path string, content []byte) error {
	mode := os.FileMode(0o644)
	if fi, err := os.Stat(path); err == nil {
		mode = fi.Mode().Perm()
	}
	return disk.Real.Publish(path, mode, content)
}

// reload runs edge.reload through the shell, in the configuration's folder. When
// it takes too long, all that it started is ended with it.
func reload(ctx context.Context, cfg *Config) error {
	if cfg.Edge.Reload == "" {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	cmd := exec.CommandContext(limited, "/bin/sh", "-c", cfg.Edge.Reload)
	cmd.Dir = filepath.Dir(cfg.File)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // who stays in the background keeps the output open
		return nil
	}
	if errors.Is(limited.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("not done after %s", reloadLimit)
	}
	if len(out) > reloadOutput {
		out = out[len(out)-reloadOutput:]
	}
	said := strings.Join(strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	return fmt.Errorf("edge.reload: %w: %s", err, said)
}

// edgeStatus is what status shows of the edge's configuration.
type edgeStatus struct {
	Conf string `json:"conf"`
	// State is current, differs (from what the catalog prints), missing, or
	// unknown where the catalog prints none.
	State string     `json:"state"`
	Taken *time.Time `json:"taken"` // when the daemon has last had it taken, by edge.reload
	Error string     `json:"error,omitempty"`
}

// lookAtEdge compares edge.conf with what a catalog prints.
func lookAtEdge(cfg *Config, cat *schemas.Catalog) (state string, err error) {
	text, err := edgeText(cfg, cat)
	if err != nil {
		return "unknown", err
	}
	is, err := os.ReadFile(cfg.Edge.Conf)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "missing", nil
	case err != nil:
		return "unknown", err
	case !bytes.Equal(is, text):
		return "differs", nil
	}
	return "current", nil
}

// edgeWarning says what a state of edge.conf is, and what to do about it; ""
// where nothing is.
func edgeWarning(cfg *Config, state string, err error) (what, remedy string) {
	remedy = "`pixledger edge nginx -o " + cfg.Edge.Conf + "`, then `nginx -t && nginx -s reload`"
	if cfg.Edge.Reload != "" {
		remedy = "`pixledger edge nginx -o " + cfg.Edge.Conf + "`, then `" + cfg.Edge.Reload + "`"
	}
	remedy += "; a running daemon does both when the catalog changes"
	switch state {
	case "missing":
		return "there is no " + cfg.Edge.Conf, remedy
	case "differs":
		return cfg.Edge.Conf + " is not what the catalog prints", remedy
	case "unknown":
		return err.Error(), "mend what it names"
	}
	return "", ""
}

// edge looks at the edge's configuration, and warns where it is not the
// catalog's. The catalog is the one in force.
func (r *statusReport) edge(cfg *Config, l *lake.Lake) {
	if cfg.Edge.Conf == "" {
		return
	}
	cat := catalogInLake(cfg.Lake)
	if r.Daemon == nil || cat == nil {
		if c, _, err := schemas.LoadCatalog(cfg.Catalog); err == nil {
			cat = c
		}
	}
	n := readEdgeNote(l)
	r.Edge = &edgeStatus{Conf: cfg.Edge.Conf, State: "unknown", Error: n.Error}
	if n.Taken != "" {
		r.Edge.Taken = &n.At
	}
	if cat == nil {
		return // what is wrong with the catalog is said elsewhere
	}
	state, err := lookAtEdge(cfg, cat)
	r.Edge.State = state
	if n.Error != "" && r.Daemon != nil {
		r.warn("the edge does not run on the catalog in force: "+cfg.Edge.Conf+" could not be renewed, the one before is in force: "+n.Error, "mend the cause; the daemon tries again every minute")
		return
	}
	if what, remedy := edgeWarning(cfg, state, err); what != "" {
		r.warn("edge.conf: "+what, remedy)
	}
}

func (s *edgeStatus) rows(add func(section, name, figure string, value any)) {
	if s == nil {
		return
	}
	add("edge", s.Conf, "state", s.State)
	add("edge", s.Conf, "taken", s.Taken)
	add("edge", s.Conf, "error", s.Error)
}

func (s *edgeStatus) print(w io.Writer) {
	if s != nil {
		fmt.Fprintf(w, "\nedge.conf\tstate\ttaken\n%s\t%s\t%s\n", s.Conf, s.State, stamp(s.Taken))
	}
}

// edge looks at the edge's configuration: whether the catalog prints one, and
// whether edge.conf, where there is one, is that.
func (d *examination) edge(s *setup) {
	host, _, _ := strings.Cut(s.cfg.Edge.Host, ":")
	domain := strings.TrimPrefix(s.cfg.Edge.CookieDomain, ".")
	if host != "" && domain != "" && !strings.HasSuffix("."+strings.ToLower(host), "."+strings.ToLower(domain)) {
		d.Warn("edge", "set it to a domain that edge.host is in, or leave it out; it is right only where the edge is asked under another name",
			"edge.cookie_domain %s is no domain of edge.host %s: browsers refuse the cookie", domain, host)
	}
	if s.cfg.Edge.Conf == "" {
		if _, err := edgeText(s.cfg, s.catalog); err != nil {
			d.Warn("edge", "mend what it names, before `pixledger edge nginx` is needed", "nginx's configuration can't be printed: %v", err)
		}
		return
	}
	state, err := lookAtEdge(s.cfg, s.catalog)
	what, remedy := edgeWarning(s.cfg, state, err)
	if what == "" {
		d.OK("edge", "%s is what the catalog prints", s.cfg.Edge.Conf)
		return
	}
	d.Warn("edge", remedy, "%s", what)
}
