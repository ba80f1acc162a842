package main

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pixledger/cmd/pixledger/schedule"
	"pixledger/ingest"
	"pixledger/schemas/lake"
)

// metrics are what the daemon tells Prometheus. Names follow its conventions:
// base units, _total for counters.
type metrics struct {
	registry *prometheus.Registry
	runs     *prometheus.CounterVec
	lastRun  *prometheus.GaugeVec
	duration *prometheus.GaugeVec
}

func newMetrics(d *daemon) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pixledger_job_runs_total", Help: "Runs of a scheduled job, by result.",
		}, []string{"job", "result"}),
		lastRun: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pixledger_job_last_success_timestamp_seconds", Help: "When a scheduled job last succeeded.",
		}, []string{"job"}),
		duration: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pixledger_job_last_duration_seconds", Help: "How long a scheduled job's last run took.",
		}, []string{"job"}),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.runs, m.lastRun, m.duration, &lakeCollector{d: d},
	)
	// A restart makes no alert of what was done before it, and hides none.
	for _, j := range scheduled(d.config()) {
		m.runs.WithLabelValues(j.name, "success")
		m.runs.WithLabelValues(j.name, "failure")
		h, err := schedule.ReadHistory(d.lake, j.name)
		if err != nil {
			continue // the scheduler says it
		}
		if h.LastSuccess != nil {
			m.lastRun.WithLabelValues(j.name).Set(float64(h.LastSuccess.Unix()))
		}
		if last, ok := h.Last(); ok {
			m.duration.WithLabelValues(j.name).Set(last.Ended.Sub(last.Started).Seconds())
		}
	}
	return m
}

func (m *metrics) jobEnded(name string, n schedule.Run) {
	result := "success"
	if n.Error != "" {
		result = "failure"
	} else {
		m.lastRun.WithLabelValues(name).Set(float64(n.Ended.Unix()))
	}
	m.runs.WithLabelValues(name, result).Inc()
	m.duration.WithLabelValues(name).Set(n.Ended.Sub(n.Started).Seconds())
}

// lakeCollector reads the figures of lake and sources when they are asked for.
type lakeCollector struct{ d *daemon }

var (
	descCommit = prometheus.NewDesc("pixledger_commits_total", "Commits of the lake.", nil, nil)
	descLines  = prometheus.NewDesc("pixledger_lines_total", "Lines committed, by source and what became of them.", []string{"source", "outcome"}, nil)
	descLag    = prometheus.NewDesc("pixledger_source_lag_bytes", "Bytes of a source's logs that are not committed.", []string{"source"}, nil)
	descCut    = prometheus.NewDesc("pixledger_source_truncations_total", "Files of a source that were cut short while they were followed.", []string{"source"}, nil)
	descGaps   = prometheus.NewDesc("pixledger_source_gaps", "Losses of lines of a source that were detected and not mended, by reason.", []string{"source", "reason"}, nil)
	descValid  = prometheus.NewDesc("pixledger_catalog_valid", "1 when the catalog's file is the one in force, 0 when it was refused.", nil, nil)
	descEdge   = prometheus.NewDesc("pixledger_edge_conf_current", "1 when edge.conf is what the catalog in force prints and edge.reload has taken it, 0 when not. Absent without edge.conf.", nil, nil)
)

func (c *lakeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descCommit, descLines, descLag, descCut, descGaps, descValid, descEdge} {
		ch <- d
	}
}

func (c *lakeCollector) Collect(ch chan<- prometheus.Metric) {
	valid := 1.0
	if c.d.catalog.refusal() != "" {
		valid = 0
	}
	ch <- prometheus.MustNewConstMetric(descValid, prometheus.GaugeValue, valid)
	if c.d.config().Edge.Conf != "" {
		current := 0.0
		if c.d.edge.current() {
			current = 1
		}
		ch <- prometheus.MustNewConstMetric(descEdge, prometheus.GaugeValue, current)
	}
	state, err := c.d.lake.State()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(descCommit, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(descCommit, prometheus.CounterValue, float64(state.Seq))
	for edge, n := range accountByEdge(state) {
		for outcome, v := range n.outcomes() {
			ch <- prometheus.MustNewConstMetric(descLines, prometheus.CounterValue, float64(v), edge, outcome)
		}
	}
	gaps := map[string]map[lake.GapReason]int{}
	for _, g := range ingest.Gaps(state, ingestSources(c.d.config()), c.d.app.now()) {
		if gaps[g.Source] == nil {
			gaps[g.Source] = map[lake.GapReason]int{}
		}
		gaps[g.Source][g.Reason]++
	}
	for _, s := range c.d.config().Sources { // zeros too, so that an alert has something to rise from
		for _, reason := range lake.GapReasons {
			ch <- prometheus.MustNewConstMetric(descGaps, prometheus.GaugeValue, float64(gaps[s.Name][reason]), s.Name, string(reason))
		}
	}
	seen := map[string]bool{} // lag and truncations are the source's, and stand beside each of its paths
	for _, s := range c.d.stats.Snapshot() {
		if seen[s.Source] {
			continue
		}
		seen[s.Source] = true
		ch <- prometheus.MustNewConstMetric(descLag, prometheus.GaugeValue, float64(s.Lag), s.Source)
		ch <- prometheus.MustNewConstMetric(descCut, prometheus.CounterValue, float64(s.Truncations), s.Source)
	}
}

// handler serves what the daemon tells of itself.
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := d.lake.State(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		for _, s := range d.stats.Snapshot() {
			if s.Waiting != "" {
				http.Error(w, s.Waiting, http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", d.authorized(promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{})))
	return mux
}

// authorized asks for the console's token where one is configured.
func (d *daemon) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := d.config().Console.Token
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a token is needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
