package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
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
commit.interval, runs the jobs of the schedule, and serves the console for people,
/healthz, /readyz and /metrics at console.listen.

On SIGTERM or SIGINT it commits what it has read, ends its jobs, and ends, all
within seconds; a second one ends it at once. On SIGHUP it reads the
configuration again, without losing a line; one with mistakes is refused, and
the one before stays in force. The catalog is read again when it changes; with
edge.conf the edge's configuration is then written anew, and edge.reload run.
Under systemd it says how it is and answers the watchdog: see docs/running.md.

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

// drainTime bounds how long what is under way may take to end after SIGTERM:
// reading to the logs' ends, a job, an answer of the console.
const drainTime = 10 * time.Second

// stopTime bounds the whole of an end. Who needs longer hangs, in a commit on a
// disk that does not answer: nothing is lost by ending without it.
const stopTime = 3 * drainTime

// daemon is one `run` from start to end.
type daemon struct {
	app     *app
	lake    *lake.Lake
	log     *slog.Logger
	inForce atomic.Pointer[configInForce]
	catalog *catalogInForce
	stats   *ingest.Stats
	metrics *metrics
	edge    *edgeKeeper
	service *service

	next      chan ingest.Options // gives the follower that takes the place of the one that runs
	exchanged chan struct{}       // and says that it has
	change    chan []schedule.Job // the same of the jobs
	scheduler atomic.Int64        // when the scheduler last looked what is due, since pulseStart
}

// config is the configuration in force.
func (d *daemon) config() *Config { return d.inForce.Load().cfg }

func (a *app) runDaemon(ctx context.Context) error {
	// From here on SIGHUP ends nothing.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	content, err := readConfig(a.configPath)
	if err != nil {
		return err
	}
	a.given = content
	s, refused, err := a.setupInForce()
	if err != nil {
		return err
	}
	if err := checkSources(a.configPath, s.cfg); err != nil {
		return err
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
	d := &daemon{
		app: a, lake: l, log: a.logger(), stats: &ingest.Stats{},
		next: make(chan ingest.Options), exchanged: make(chan struct{}), change: make(chan []schedule.Job),
	}
	d.inForce.Store(&configInForce{cfg: s.cfg, content: content, read: a.now()})
	if d.service, err = newService(d); err == nil {
		d.catalog, err = newCatalogInForce(d, s.catalog, refused)
	}
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	d.edge = newEdgeKeeper(d)
	d.metrics = newMetrics(d)
	return d.run(ctx, listener, hangups)
}

func (d *daemon) run(ctx context.Context, listener net.Listener, hangups <-chan os.Signal) error {
	follow, jobs, err := d.parts(d.inForce.Load())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	d.log.Info("started", "lake", d.lake.Root(), "sources", len(follow.Sources), "console", listener.Addr().String())

	group, ctx := errgroup.WithContext(ctx)
	server := &http.Server{
		Handler: d.withConsole(ctx, d.handler()), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: consoleLog(d.log),
	}
	group.Go(func() error { return d.follow(ctx, follow) })
	group.Go(func() error {
		r := &schedule.Runner{
			Lake: d.lake, Now: d.app.now, Log: d.log, Jobs: jobs, Began: d.metrics.jobBegan, Ended: d.metrics.jobEnded,
			Change: d.change, Beat: d.beat, Tick: d.service.tick(),
		}
		return r.Run(ctx)
	})
	group.Go(func() error { d.catalog.watch(ctx); return nil })
	group.Go(func() error { d.reloads(ctx, hangups); return nil })
	group.Go(func() error { d.edge.watch(ctx); return nil })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("console: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		d.log.Info("stopping: what was read is committed, jobs are ended", "seconds_at_most", stopTime.Seconds())
		time.AfterFunc(stopTime, func() {
			d.log.Error("it does not end; it is ended: what is not committed is read again at the next start", "seconds", stopTime.Seconds())
			os.Exit(exitFailure)
		})
		// A new context: the daemon's own has ended.
		sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		return server.Shutdown(sctx)
	})
	told := d.service.begin(ctx)
	err = group.Wait()
	told()
	if err == nil || errors.Is(err, context.Canceled) {
		d.log.Info("stopped", "lake", d.lake.Root())
		return nil
	}
	return err
}

// follow follows the sources until the context ends. Where other options come
// meanwhile, the follower drains and commits, as at an end, and another one goes
// on from there.
func (d *daemon) follow(ctx context.Context, opts ingest.Options) error {
	for {
		now := opts
		fctx, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- ingest.Follow(fctx, now) }()
		select {
		case err := <-ended:
			stop()
			return err
		case opts = <-d.next:
			stop()
			if err := <-ended; err != nil || ctx.Err() != nil {
				return err
			}
			select {
			case d.exchanged <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
		}
	}
}
