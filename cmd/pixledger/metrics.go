package main

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sys/unix"

	"pixledger/cmd/pixledger/schedule"
	"pixledger/ingest"
)

// metrics are what the daemon tells Prometheus. docs/monitoring.md says what
// each of them means, and docs/decisions/0023 why they are as they are.
type metrics struct {
	d        *daemon
	registry *prometheus.Registry
	runs     *prometheus.CounterVec

	mu      sync.Mutex
	running map[string]time.Time // when the runs under way began, by job

	// Who looks at the lake may have to wait for its disk; the jobs do not wait for
	// him.
	looking sync.Mutex
	dear    []prometheus.Metric // of the lake, as last collected
	until   time.Time           // how long that is told again, by the machine's clock
	stale   atomic.Bool         // or not: a job has ended since
}

// What takes looking through the whole state of the lake is told again as it was
// for some seconds, and for fifty times as long as it took: so it takes a
// fiftieth of a processor at most, whatever the lake holds and however often
// somebody asks.
const (
	dearFor   = 5 * time.Second
	dearTimes = 50
)

// family is one metric with all its series.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// families are all that the collector tells, for Describe.
var families []*family

func counter(name, help string, labels ...string) *family {
	return declare(prometheus.CounterValue, name, help, labels)
}

func gauge(name, help string, labels ...string) *family {
	return declare(prometheus.GaugeValue, name, help, labels)
}

func declare(kind prometheus.ValueType, name, help string, labels []string) *family {
	f := &family{prometheus.NewDesc(name, help, labels, nil), kind}
	families = append(families, f)
	return f
}

// A job's label is job_name: Prometheus itself calls what it scrapes a job.
const jobLabel = "job_name"

var (
	buildInfo = gauge("pixledger_build_info", "1, with the program's version, its revision and the version of Go that built it.", "version", "revision", "goversion")

	lagBytes    = gauge("pixledger_source_lag_bytes", "Bytes of a source's open logs that are not committed.", "source")
	lagSeconds  = gauge("pixledger_source_lag_seconds", "How long the oldest whole line of a source has waited to be committed; 0 when none waits.", "source")
	paths       = gauge("pixledger_source_paths", "Logs of a source by what they are: followed, missing (waited for), unreadable.", "source", "state")
	lastLine    = gauge("pixledger_source_last_line_timestamp_seconds", "When a line of a source was last read, or before the daemon's start last committed; absent while none was.", "source")
	truncations = counter("pixledger_source_truncations_total", "Files of a source that were cut short while they were followed, since the daemon's start.", "source")
	damaged     = gauge("pixledger_source_damaged_files", "Compressed files of a source that are cut short or damaged; what is complete of them is read.", "source")

	waiting      = gauge("pixledger_ingest_waiting", "1 while nothing can be committed, by reason: no_space (the disk is full) or failure.", "reason")
	waitingSince = gauge("pixledger_ingest_waiting_since_timestamp_seconds", "Since when nothing can be committed; absent when it can.")

	catalogValid = gauge("pixledger_catalog_valid", "1 when the catalog's file is the one in force, 0 when it was refused.")
	catalogAt    = gauge("pixledger_catalog_in_force_timestamp_seconds", "When the catalog in force came in force.")

	configValid = gauge("pixledger_config_valid", "1 when the configuration's file, as it was last read, is in force, 0 when it was refused.")
	configRead  = gauge("pixledger_config_read_timestamp_seconds", "When the configuration in force was read.")

	edgeCurrent = gauge("pixledger_edge_conf_current", "1 when edge.conf is what the catalog in force prints and edge.reload has taken it, 0 when not; absent without edge.conf.")

	jobRunning = gauge("pixledger_job_running", "1 while a run of a scheduled job is under way.", jobLabel)
	jobSince   = gauge("pixledger_job_running_since_timestamp_seconds", "When the run under way began; absent while there is none.", jobLabel)

	diskFree   = gauge("pixledger_lake_disk_free_bytes", "Bytes that the lake's file system has left for the daemon.")
	diskSize   = gauge("pixledger_lake_disk_size_bytes", "Bytes of the lake's file system.")
	inodesFree = gauge("pixledger_lake_disk_free_inodes", "Files that can still be made on the lake's file system; 0 too where it does not count them.")

	logRecords = counter("pixledger_log_messages_total", "Messages of the daemon's log, those that repeat and were only counted too.", "level")
)

func newMetrics(d *daemon) *metrics {
	m := &metrics{
		d: d, registry: prometheus.NewRegistry(), running: map[string]time.Time{},
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pixledger_job_runs_total", Help: "Runs of a scheduled job since the daemon's start, by result: success or failure.",
		}, []string{jobLabel, "result"}),
	}
	for _, j := range scheduled(d.config()) {
		m.runs.WithLabelValues(j.name, "success")
		m.runs.WithLabelValues(j.name, "failure")
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.runs, m,
	)
	return m
}

func (m *metrics) jobBegan(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running[name] = m.d.app.now()
}

func (m *metrics) jobEnded(name string, n schedule.Run) {
	result := "success"
	if n.Error != "" {
		result = "failure"
	}
	m.runs.WithLabelValues(name, result).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.running, name)
	m.stale.Store(true) // its history has changed, and so has most likely the lake
}

// Describe lists the families.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range families {
		ch <- f.desc
	}
}

// told collects the values of families.
type told struct{ list []prometheus.Metric }

func (t *told) add(f *family, value float64, labels ...string) {
	t.list = append(t.list, prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...))
}

// addTime adds a time; none where there is none, so that no alert takes it for
// 1970.
func (t *told) addTime(f *family, at time.Time, labels ...string) {
	if !at.IsZero() {
		t.add(f, float64(at.UnixMilli())/1000, labels...)
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Collect tells all values as they are now; those of the lake as they were some
// seconds ago.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	t := &told{list: m.lakeMetrics()}
	version, revision, built := buildVersion()
	t.add(buildInfo, 1, version, revision, built)
	t.add(catalogValid, boolean(m.d.catalog.refusal() == ""))
	t.addTime(catalogAt, m.d.catalog.inForceSince())
	conf := m.d.inForce.Load()
	t.add(configValid, boolean(conf.refused == ""))
	t.addTime(configRead, conf.read)
	if m.d.config().Edge.Conf != "" {
		t.add(edgeCurrent, boolean(m.d.edge.current()))
	}
	m.sources(t)
	m.jobs(t)
	var st unix.Statfs_t
	if err := unix.Statfs(m.d.config().Lake, &st); err == nil {
		t.add(diskFree, float64(st.Bavail)*float64(st.Bsize))
		t.add(diskSize, float64(st.Blocks)*float64(st.Bsize))
		t.add(inodesFree, float64(st.Ffree))
	}
	for level, n := range m.d.app.log.Counts() {
		t.add(logRecords, float64(n), level)
	}
	for _, x := range t.list {
		ch <- x
	}
}

// sources tells what the follower sees. Each source of the configuration has its
// series from the start, so that an alert has something to rise from.
func (m *metrics) sources(t *told) {
	byName := map[string][]ingest.SourceStats{}
	var any ingest.SourceStats // what is said of all is said in each
	for _, s := range m.d.stats.Snapshot() {
		byName[s.Source] = append(byName[s.Source], s)
		any = s
	}
	t.add(waiting, boolean(any.Waiting != "" && any.NoSpace), "no_space")
	t.add(waiting, boolean(any.Waiting != "" && !any.NoSpace), "failure")
	t.addTime(waitingSince, any.WaitingSince)
	last := m.lastCommits()
	for _, src := range m.d.config().Sources {
		var s ingest.SourceStats // lag and the like are the source's, and stand beside each of its paths
		states := map[string]int{"followed": 0, "missing": 0, "unreadable": 0}
		for _, p := range byName[src.Name] {
			s = p
			switch {
			case p.Trouble != "":
				states["unreadable"]++
			case p.Missing:
				states["missing"]++
			default:
				states["followed"]++
			}
		}
		t.add(lagBytes, float64(s.Lag), src.Name)
		t.add(lagSeconds, since(s.Behind), src.Name)
		for state, n := range states {
			t.add(paths, float64(n), src.Name, state)
		}
		at := last[src.Name]
		if !s.LastLine.IsZero() {
			at = s.LastLine.Add(m.d.app.offset)
		}
		t.addTime(lastLine, at, src.Name)
		t.add(truncations, float64(s.Truncations), src.Name)
		t.add(damaged, float64(len(s.Damaged)), src.Name)
	}
}

// lastCommits are the times of the sources' last commits. There is none where
// the lake can't be read, which its own metric says.
func (m *metrics) lastCommits() map[string]time.Time {
	out := map[string]time.Time{}
	state, err := m.d.lake.State()
	if err != nil {
		return out
	}
	for _, src := range state.Sources {
		if src.Last.After(out[src.Edge]) {
			out[src.Edge] = src.Last
		}
	}
	return out
}

// since is how long ago a time was, in seconds; 0 for none.
func since(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, time.Since(at).Seconds())
}

func (m *metrics) jobs(t *told) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range scheduled(m.d.config()) {
		began, running := m.running[j.name]
		t.add(jobRunning, boolean(running), j.name)
		t.addTime(jobSince, began, j.name)
	}
}

// lakeMetrics are what takes looking through the lake's state and folders.
func (m *metrics) lakeMetrics() []prometheus.Metric {
	m.looking.Lock()
	defer m.looking.Unlock()
	if began := time.Now(); m.stale.Swap(false) || !began.Before(m.until) {
		t := &told{}
		m.lake(t)
		m.dear, m.until = t.list, time.Now().Add(max(dearFor, dearTimes*time.Since(began)))
	}
	return m.dear[:len(m.dear):len(m.dear)]
}

// lake tells of the lake; where it can't be read, that alone.
func (m *metrics) lake(t *told) {
	state, err := m.d.lake.State()
	t.add(lakeReadable, boolean(err == nil))
	if err != nil {
		return
	}
	m.figures(t, state)
}

// others is the source of lines and gaps whose source the configuration does not
// name: files given by hand count for their own names, of which there may be any
// number.
const others = "(other)"

func (m *metrics) sourceLabel(name string) string {
	for _, s := range m.d.config().Sources {
		if s.Name == name {
			return name
		}
	}
	if c := m.d.config().Collect; c != nil && slices.Contains(c.Edges, name) {
		return name
	}
	return others
}
