package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"pixledger/cmd/pixledger/schedule"
	"pixledger/ingest"
	"pixledger/schemas/lake"
)

func (a *app) runCommand() *cobra.Command {
	var logs logFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "The daemon: follow the sources, commit, run the scheduled jobs, until SIGTERM",
		Long: `Follows the configured sources through rotation, commits what it reads every
commit.interval, runs the jobs of the schedule, and serves /healthz, /readyz and
/metrics at console.listen. On SIGTERM or SIGINT it commits what it has read and
ends. The catalog is read again when it changes; with edge.conf the edge's
configuration is then written anew, and edge.reload run.

Its log, on stderr, holds no line of an access log and nothing of a user; what is
said again within a minute is counted, and said once more with the number.`,
		Example: "  pixledger run -c /etc/pixledger/pixledger.yaml\n  pixledger run --log-format json --log-level warn",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.openLog(logs); err != nil {
				return err
			}
			defer a.log.Close()
			return a.runDaemon(c.Context())
		},
	}
	logs.add(c.Flags())
	return c
}

// drainTime bounds how long a job under way may take to end after SIGTERM.
const drainTime = 10 * time.Second

// daemon is one `run` from start to end.
type daemon struct {
	app     *app
	cfg     *Config
	lake    *lake.Lake
	log     *slog.Logger
	catalog *catalogInForce
	stats   *ingest.Stats
	metrics *metrics
	edge    *edgeKeeper
}

func (a *app) runDaemon(ctx context.Context) error {
	s, refused, err := a.setupInForce()
	if err != nil {
		return err
	}
	if len(s.cfg.Sources) == 0 {
		return fmt.Errorf("%s: there are no sources to follow; allowed: at least one", a.configPath)
	}
	l, err := lake.OpenOrCreate(s.cfg.Lake, a.now())
	if err != nil {
		return err
	}
	unlock, err := l.Lock(ctx, "run", "pixledger run", 0)
	if err != nil {
		var held *lake.HeldError
		if errors.As(err, &held) {
			return fmt.Errorf("%s: a daemon runs on this lake already: %w", s.cfg.Lake, err)
		}
		return err
	}
	defer unlock()
	listener, err := net.Listen("tcp", s.cfg.Console.Listen)
	if err != nil {
		return fmt.Errorf("console.listen: %w; allowed: an address of this machine with a free port", err)
	}
	d := &daemon{app: a, cfg: s.cfg, lake: l, log: a.logger(), stats: &ingest.Stats{}}
	if d.catalog, err = newCatalogInForce(d, s.catalog, refused); err != nil {
		return errors.Join(err, listener.Close())
	}
	d.edge = newEdgeKeeper(d)
	d.metrics = newMetrics(d)
	return d.run(ctx, listener)
}

func (d *daemon) run(ctx context.Context, listener net.Listener) error {
	jobs, err := d.jobs()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	opts, err := ingestOptions(d.app, d.cfg, d.lake)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	opts.Log, opts.Stats = d.log, d.stats
	server := &http.Server{Handler: d.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: consoleLog(d.log)}
	d.log.Info("started", "lake", d.cfg.Lake, "sources", len(d.cfg.Sources), "console", listener.Addr().String())

	defer d.ignoreHangup()()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ingest.Follow(ctx, opts) })
	group.Go(func() error {
		r := &schedule.Runner{Lake: d.lake, Now: d.app.now, Log: d.log, Jobs: jobs, Began: d.metrics.jobBegan, Ended: d.metrics.jobEnded}
		return r.Run(ctx)
	})
	group.Go(func() error { d.catalog.watch(ctx); return nil })
	group.Go(func() error { d.edge.watch(ctx); return nil })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("console: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		// A new context: the daemon's own has ended.
		sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		return server.Shutdown(sctx)
	})
	err = group.Wait()
	if err == nil || errors.Is(err, context.Canceled) {
		d.log.Info("stopped", "lake", d.cfg.Lake)
		return nil
	}
	return err
}

// ignoreHangup keeps the daemon going when its terminal closes, or when whoever
// rotates logs or reloads services sends SIGHUP to all of them. The function
// that it gives ends that.
func (d *daemon) ignoreHangup() func() {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			d.log.Info("SIGHUP changes nothing: the catalog is read again whenever it changes, and a changed configuration needs a restart")
		}
	}()
	return func() { signal.Stop(hangups); close(hangups) }
}

// command runs a command of this program on the daemon's configuration and clock.
func (d *daemon) command(ctx context.Context, args ...string) error {
	args = append(args, "--config", d.cfg.File, "--now", d.app.now().Format(time.RFC3339Nano), "--wait", d.app.wait.String())
	// The running program itself, also when its file was replaced meanwhile.
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = "pixledger"
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = drainTime
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return fmt.Errorf("pixledger %s: %w: %s", args[0], err, text)
	}
	d.log.Debug("job said", "job", args[0], "output", text)
	return nil
}
