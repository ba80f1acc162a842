package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"pixledger/cmd/pixledger/console"
)

// handler serves what the daemon tells of itself. Whether it is healthy and
// ready anyone may ask, as those who ask can often give no token; so that says
// nothing but fixed words. The figures take the token.
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", d.ready)
	mux.Handle("GET /metrics", d.authorized(promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{
		ErrorLog: consoleLog(d.log), ErrorHandling: promhttp.ContinueOnError,
		// A disk that hangs is no reason to gather those who ask.
		MaxRequestsInFlight: 8, Timeout: 20 * time.Second,
	})))
	return mux
}

// ready tells whether lines that come now will be in the lake soon. /healthz, in
// contrast, looks at nothing: it fails when the process does not answer, which is
// what a restart mends. A catalog that was refused, a job that failed or a log
// that can't be read do not make the daemon unready: it goes on with all else,
// and taking it out of service would help nobody; alerts tell of them.
func (d *daemon) ready(w http.ResponseWriter, _ *http.Request) {
	stats := d.stats.Snapshot()
	switch {
	case len(stats) == 0 && (len(d.config().Sources) > 0 || !d.stats.Begun()): // a centre may have no source
		answer(w, http.StatusServiceUnavailable, "starting")
		return
	case stats[0].Waiting != "" && stats[0].NoSpace:
		answer(w, http.StatusServiceUnavailable, "waiting: no space left for the lake")
		return
	case stats[0].Waiting != "":
		answer(w, http.StatusServiceUnavailable, "waiting: nothing can be committed")
		return
	}
	if _, err := d.lake.State(); err != nil {
		d.log.Error("the lake can't be read", "error", err)
		answer(w, http.StatusServiceUnavailable, "the lake can not be read")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	fmt.Fprintln(w, text)
}

// authorized asks for the console's token where one is configured, or for the
// cookie of a browser that has given it: the console's pages lead here.
func (d *daemon) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := d.config().Console.Token // of the configuration in force
		if token != "" && !console.Knows(r, token) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a token is needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// healthzTime is how long an answer of /healthz, which looks at nothing, may take.
const healthzTime = 10 * time.Second

// askHealthz fails where the configuration's daemon does not answer at
// console.listen with ok.
func (a *app) askHealthz(c *cobra.Command) error {
	for _, beside := range []string{"json", "format", "output"} {
		if c.Flags().Changed(beside) {
			return usagef("status: --healthz and --%s are given; allowed: one of them", beside)
		}
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(cfg.Console.Listen)
	if err != nil {
		return fmt.Errorf("console.listen: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // it listens on every address
	}
	ctx, cancel := context.WithTimeout(c.Context(), healthzTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	direct := &http.Client{Transport: &http.Transport{}} // by no proxy
	answer, err := direct.Do(r)
	if err != nil {
		return fmt.Errorf("the daemon does not answer: %w", err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 64))
	if err != nil {
		return fmt.Errorf("the daemon's answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK || strings.TrimSpace(string(said)) != "ok" {
		return fmt.Errorf("%s answers %q; allowed: 200 and ok", r.URL, answer.Status)
	}
	_, err = a.stdout.Write(said)
	return err
}
