package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones load on machines that have no zone files

	"pixledger/cmd/pixledger/schedule"
	"pixledger/ingest/edge"
	"pixledger/ingest/parse"
	"pixledger/report/deliver"
	"pixledger/schemas"
	"pixledger/schemas/yamlfile"
)

// Config is pixledger.yaml with every default filled in, every path absolute
// and every ${VAR} replaced. It is not changed after LoadConfig.
type Config struct {
	File     string // the file itself
	Lake     string // folder
	Catalog  string // file
	TimeZone *time.Location
	Sources  []Source
	Commit   CommitConfig
	Limits   LimitsConfig
	Schedule ScheduleConfig

	CloseAfter  time.Duration // elapsed time since the end of a business day
	LedgerFrom  string        // first business day, YYYY-MM-DD; empty: of the earliest event
	AdjustDays  int64
	AdjustLimit *schemas.Money // percent: 10% is 10.000000; nil: no limit
	Reports     string         // folder; it need not exist
	Edge        EdgeConfig
	Console     ConsoleConfig
	Privacy     PrivacyConfig
	Exports     []Export
	Publish     *PublishConfig // nil: this machine is no edge that publishes
	Collect     *CollectConfig // nil: it is no centre
	Engine      string         // duckdb or spark: what matches touches
	Spark       SparkConfig
}

// SparkConfig is how a Spark cluster is reached.
type SparkConfig struct {
	Submit  []string // the command that runs a PySpark script
	Lake    string   // URL of the lake's folder; empty: file:// and its path
	Work    string   // folder that both reach; empty: inside the lake
	WorkURL string   // empty: file:// and its path
	Least   int64    // fewer touches are matched here
}

// Source is one access log with its rotated files.
type Source struct {
	Name    string
	Path    string
	Format  string
	Escape  string // default, json or none; empty: by the format
	UserID  UserIDSource
	Rotated string    // glob; empty: the log's name with a number or date
	From    time.Time // lines before this instant are skipped; zero: none
	Silence Silence
}

// UserIDSource says where a source's user ids come from; at most one is set,
// and with none it is nginx's userid.
type UserIDSource struct{ Cookie, Param, Header string }

// Silence says what a day without a line of a busy source does.
type Silence string

// A silent day blocks the close until somebody accepts it, or only warns.
const (
	SilenceBlock Silence = "block"
	SilenceWarn  Silence = "warn"
)

// CommitConfig bounds what is read but not committed.
type CommitConfig struct {
	Interval time.Duration
	Rows     int64
}

// LimitsConfig bounds what one process uses; sizes are in bytes.
type LimitsConfig struct {
	Memory   int64
	Threads  int // 0: one for each processor
	MaxLine  int64
	Temp     string // folder; empty: inside the lake
	TempSize int64
	JobTime  time.Duration // of one run of a scheduled job
}

// ScheduleConfig holds the cron specs of the jobs; schedule.Parse reads them. A job
// without one is not run.
type ScheduleConfig struct {
	Attribute, Close, Export, Compact, Warehouse, Retention, Publish, Collect string
}

// EdgeConfig is what the edge's nginx configuration is written from.
type EdgeConfig struct {
	Host           string
	Listen         string
	Log            string
	TLSCertificate string // empty: no TLS
	TLSKey         string
	CookieDomain   string
	TrustedProxies []string
	RealIPHeader   string
	Conf           string // the file that the daemon keeps written; empty: none
	Reload         string // what the shell does afterwards; empty: nothing
}

// nginx is what the configuration of nginx is printed from.
func (e EdgeConfig) nginx() edge.Config {
	return edge.Config{
		Host: e.Host, Listen: e.Listen, Log: e.Log, TLSCertificate: e.TLSCertificate, TLSKey: e.TLSKey,
		CookieDomain: e.CookieDomain, TrustedProxies: e.TrustedProxies, RealIPHeader: e.RealIPHeader,
	}
}

// ConsoleConfig is where the console listens, and what a visitor must know.
type ConsoleConfig struct {
	Listen string
	Token  string // empty: none needed
}

// IPMode says what is kept of a user's address.
type IPMode string

// An address is cut to its network's (/24, /48), kept whole, or dropped.
const (
	IPTruncate IPMode = "truncate"
	IPKeep     IPMode = "keep"
	IPDrop     IPMode = "drop"
)

// PrivacyConfig acts at ingest.
type PrivacyConfig struct {
	IP             IPMode
	HonorGPC       bool
	RequireConsent bool
	RetentionDays  int64
	Params         map[string]ParamMode // by parameter name
}

// ParamMode says what becomes of a parameter.
type ParamMode string

// A parameter is left out, or a hash of it is kept.
const (
	ParamDrop ParamMode = "drop"
	ParamHash ParamMode = "hash"
)

// Export is one destination of the nightly exports.
type Export struct {
	Report  string
	Formats []string
	To      deliver.Target
}

var configSchema = sync.OnceValues(func() (*yamlfile.Schema, error) { return yamlfile.Compile(schemas.ConfigSchema) })

// LoadConfig reads and validates the configuration at path. What is wrong with
// it comes as yamlfile.Mistakes, all at once, in file order.
func LoadConfig(path string) (*Config, error) {
	content, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return parseConfig(path, content, os.LookupEnv)
}

func readConfig(path string) ([]byte, error) {
	content, err := yamlfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no configuration %s: name one with -c, or write one with: pixledger init DIR", path)
	}
	return content, err
}

// parseConfig is LoadConfig for content at hand; path names the file and is
// what relative paths are relative to.
func parseConfig(path string, content []byte, env func(string) (string, bool)) (*Config, error) {
	schema, err := configSchema()
	if err != nil {
		return nil, fmt.Errorf("configuration schema: %w", err)
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	f := yamlfile.Parse(path, content, schema, yamlfile.Options{Env: env})
	r := configReader{dir: filepath.Dir(file)}
	cfg := r.read(f.Root())
	if err := f.Err(); err != nil {
		return nil, err
	}
	cfg.File = file
	return cfg, nil
}

// configReader turns the values of a file into a Config. It reads what it can
// of a file with mistakes, so that all of them are found in one go.
type configReader struct {
	dir  string // of the file
	lake string
	zone *time.Location
}

func (r *configReader) read(root yamlfile.Value) *Config {
	r.zone, r.lake = zoneOf(root.Get("time_zone")), r.path(root.Get("lake"), "")
	cfg := &Config{
		Lake:       r.lake,
		Catalog:    r.path(root.Get("catalog"), ""),
		TimeZone:   r.zone,
		Sources:    r.sources(root.Get("sources")),
		Schedule:   r.schedule(root.Get("schedule")),
		CloseAfter: duration(root.Get("close_after"), r.closeAfter(root), 0),
		LedgerFrom: date(root.Get("ledger_from")),
		AdjustDays: root.Get("adjust_days").IntOr(90),
		Reports:    r.path(root.Get("reports"), "./reports"),
		Edge:       r.edge(root.Get("edge")),
		Console:    consoleConfig(root.Get("console")),
		Privacy:    privacy(root.Get("privacy")),
		Exports:    r.exports(root.Get("exports")),
		Engine:     root.Get("engine").TextOr(engineDuckDB),
		Spark:      r.spark(root.Get("spark")),
	}
	commit := root.Get("commit")
	cfg.Commit = CommitConfig{
		Interval: duration(commit.Get("interval"), 30*time.Second, time.Millisecond),
		Rows:     commit.Get("rows").IntOr(500_000),
	}
	limits := root.Get("limits")
	cfg.Limits = LimitsConfig{
		Memory:   size(limits.Get("memory"), 2_000_000_000),
		Threads:  int(limits.Get("threads").IntOr(0)),
		MaxLine:  size(limits.Get("max_line"), 1<<20),
		Temp:     r.path(limits.Get("temp"), ""),
		TempSize: size(limits.Get("temp_size"), 50_000_000_000),
		JobTime:  duration(limits.Get("job_time"), 6*time.Hour, time.Second),
	}
	cfg.Publish, cfg.Collect = r.publish(root.Get("publish")), r.collect(root.Get("collect"))
	r.jobsOfEdges(root.Get("schedule"), cfg)
	cfg.AdjustLimit = percent(root.Get("adjust_limit"))
	checkRetention(root, cfg)
	if cfg.Engine == engineSpark && len(cfg.Spark.Submit) == 0 {
		root.Get("engine").Refuse("engine is spark, and spark.submit does not say how a job is submitted", "spark: {submit: [spark-submit, --master, yarn]} or the like beside it")
	}
	return cfg
}

// checkRetention refuses to erase events that a close may still need: decisions
// within adjust_days are recomputed, from touches up to 90 days older.
func checkRetention(root yamlfile.Value, cfg *Config) {
	const lookback = 90
	least := cfg.AdjustDays + lookback
	if cfg.Privacy.RetentionDays >= least {
		return
	}
	v, what := root.Get("privacy").Get("retention_days"), fmt.Sprintf("retention_days is %d, less than adjust_days + %d", cfg.Privacy.RetentionDays, lookback)
	if !v.Given() {
		v = root.Get("adjust_days")
		what += " (retention_days is not given: 400)"
	}
	v.Refuse(what, fmt.Sprintf("retention_days of at least %d", least))
}

// path gives an absolute path; omitted is relative to the file as well, and
// empty stays empty.
func (r *configReader) path(v yamlfile.Value, omitted string) string {
	p := v.TextOr(omitted)
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}

func (r *configReader) sources(list yamlfile.Value) []Source {
	var out []Source
	first := make(map[string]int)
	for _, v := range list.Items() {
		s := Source{
			Name:    v.Get("name").TextOr(""),
			Path:    r.path(v.Get("path"), ""),
			Format:  v.Get("format").TextOr(parse.Names()[0]),
			Escape:  v.Get("escape").TextOr(""),
			UserID:  userID(v.Get("user_id")),
			Rotated: r.glob(v.Get("rotated")),
			Silence: Silence(v.Get("silence").TextOr(string(SilenceBlock))),
		}
		checkSpec(v, parse.Spec{Format: s.Format, Escape: s.Escape, UserID: parse.UserID(s.UserID)})
		if day := date(v.Get("from")); day != "" {
			s.From, _ = time.ParseInLocation(time.DateOnly, day, r.zone)
		}
		line, _ := v.Get("name").Position()
		switch before, twice := first[s.Name]; {
		case s.Name == "":
		case twice:
			v.Get("name").Refuse(fmt.Sprintf("the name %s is taken by the source on line %d", v.Get("name").Written(), before), "each source name once")
		default:
			first[s.Name] = line
		}
		out = append(out, s)
	}
	return out
}

func userID(v yamlfile.Value) UserIDSource {
	return UserIDSource{Cookie: v.Get("cookie").TextOr(""), Param: v.Get("param").TextOr(""), Header: v.Get("header").TextOr("")}
}

// glob gives a glob of rotated files. A name alone is one beside the log,
// wherever that is; with folders it is a path like any other.
func (r *configReader) glob(v yamlfile.Value) string {
	g := v.TextOr("")
	if strings.Contains(g, "/") {
		g = r.path(v, "")
	}
	if _, err := filepath.Match(g, ""); err != nil {
		v.Refuse(v.Written()+" is no glob: a [ is not closed, or a \\ ends it", "a glob such as pixel.log.*")
	}
	return g
}

// checkSpec refuses a source whose lines could not be read, at the key that is
// to be changed.
func checkSpec(source yamlfile.Value, s parse.Spec) {
	format := source.Get("format")
	if s.Format == "" || format.Refused() || source.Get("escape").Refused() || source.Get("user_id").Refused() {
		return
	}
	_, err := s.Kind()
	var wrong *parse.SpecError
	switch {
	case err == nil:
	case !errors.As(err, &wrong):
		format.Refuse(err.Error(), parse.AllowedFormats())
	case wrong.Key == "format" && !parse.IsLiteral(s.Format):
		format.Refuse("the format "+format.Written()+" is unknown", wrong.Allowed)
	default:
		source.Get(wrong.Key).Refuse(wrong.What, wrong.Allowed)
	}
}

func (r *configReader) schedule(v yamlfile.Value) ScheduleConfig {
	return ScheduleConfig{
		Attribute: r.spec(v.Get("attribute"), "*/15 * * * *"),
		Close:     r.spec(v.Get("close"), "15 5 * * *"),
		Export:    r.spec(v.Get("export"), "30 5 * * *"),
		Compact:   r.spec(v.Get("compact"), "40 * * * *"),
		Warehouse: r.spec(v.Get("warehouse"), "0 6 * * *"),
		Retention: r.spec(v.Get("retention"), "50 3 * * *"),
	}
}

func (r *configReader) spec(v yamlfile.Value, omitted string) string {
	spec, given := v.Text()
	if !given {
		return omitted
	}
	if _, err := schedule.Parse(spec, r.zone); err != nil {
		v.Refuse(v.Written()+" is no schedule: "+err.Error(),
			`five cron fields such as "15 5 * * *", or @hourly, @daily, @weekly, @monthly, @yearly, @every 15m`)
	}
	return spec
}

func (r *configReader) edge(v yamlfile.Value) EdgeConfig {
	e := EdgeConfig{
		Host:           hostName(v.Get("host")),
		Listen:         listen(v.Get("listen"), "80"),
		Log:            r.edgePath(v.Get("log"), "/var/log/nginx/pixel.log"),
		TLSCertificate: r.edgePath(v.Get("tls_certificate"), ""),
		TLSKey:         r.edgePath(v.Get("tls_key"), ""),
		CookieDomain:   hostName(v.Get("cookie_domain")),
		RealIPHeader:   v.Get("real_ip_header").TextOr("X-Forwarded-For"),
		Conf:           r.path(v.Get("conf"), ""),
		Reload:         v.Get("reload").TextOr(""),
	}
	for _, p := range v.Get("trusted_proxies").Items() {
		text := p.TextOr("")
		if _, err := edge.ParseProxy(text); err != nil {
			p.Refuse(p.Written()+" is no address of a proxy", "an address (10.0.0.7) or a network (10.0.0.0/8, fd00::/8), but not all there are")
		}
		e.TrustedProxies = append(e.TrustedProxies, text)
	}
	if !headerShape.MatchString(e.RealIPHeader) {
		v.Get("real_ip_header").Refuse(v.Get("real_ip_header").Written()+" is no name of a header", "letters, digits and -, such as X-Forwarded-For")
	}
	if e.Reload != "" && e.Conf == "" {
		v.Get("reload").Refuse("reload is given without conf, so there is nothing to reload", "conf beside it")
	}
	switch {
	case e.TLSCertificate != "" && e.TLSKey == "":
		v.Get("tls_certificate").Refuse("tls_certificate is given without tls_key", "both, or neither")
	case e.TLSCertificate == "" && e.TLSKey != "":
		v.Get("tls_key").Refuse("tls_key is given without tls_certificate", "both, or neither")
	}
	return e
}

// edgePath is a path that nginx reads: there, a $ or a quote means more than a
// letter of a name.
func (r *configReader) edgePath(v yamlfile.Value, omitted string) string {
	if strings.ContainsAny(v.TextOr(""), "$\"'\\;{}\r\n\t\x00") {
		v.Refuse("the path "+v.Written()+" holds a character that nginx would not read as part of a name", "a path without $ \" ' \\ ; { } and control characters")
	}
	return r.path(v, omitted)
}

func consoleConfig(v yamlfile.Value) ConsoleConfig {
	at := v.Get("listen")
	c := ConsoleConfig{Listen: at.TextOr("127.0.0.1:8420"), Token: v.Get("token").TextOr("")}
	loopback, err := loopbackAddress(c.Listen)
	switch {
	case err != nil:
		at.Refuse(at.Written()+" is no address to listen on", "HOST:PORT, such as 127.0.0.1:8420")
	case !loopback && strings.TrimSpace(c.Token) == "":
		at.Refuse("the console would listen on "+at.Written()+", beyond this machine, without a token", "a loopback address, or a token beside it")
	}
	return c
}

func privacy(v yamlfile.Value) PrivacyConfig {
	p := PrivacyConfig{
		IP:             IPMode(v.Get("ip").TextOr(string(IPTruncate))),
		HonorGPC:       v.Get("honor_gpc").BoolOr(true),
		RequireConsent: v.Get("require_consent").BoolOr(false),
		RetentionDays:  v.Get("retention_days").IntOr(400),
		Params:         map[string]ParamMode{},
	}
	names, modes := v.Get("params").Entries()
	for i, name := range names {
		p.Params[name] = ParamMode(modes[i].TextOr(""))
	}
	return p
}

// The engines.
const (
	engineDuckDB = "duckdb"
	engineSpark  = "spark"
)

func (r *configReader) spark(v yamlfile.Value) SparkConfig {
	s := SparkConfig{
		Lake: v.Get("lake").TextOr(""), Work: r.path(v.Get("work"), ""), WorkURL: v.Get("work_url").TextOr(""), Least: v.Get("least").IntOr(0),
	}
	for _, word := range v.Get("submit").Items() {
		s.Submit = append(s.Submit, word.TextOr(""))
	}
	if len(s.Submit) > 0 && s.Submit[0] == "" {
		v.Get("submit").Refuse("spark.submit begins with no command", "a command and its arguments, such as [spark-submit, --master, yarn]")
	}
	switch {
	case s.WorkURL != "" && s.Work == "":
		v.Get("work_url").Refuse("work_url is given without work", "both, or neither")
	case s.Work != "" && s.WorkURL == "" && s.Lake != "" && !strings.HasPrefix(s.Lake, "file:"):
		v.Get("work").Refuse("work is given without work_url, and the cluster reads the lake by a URL of its own", "work_url beside it, such as s3a://bucket/work")
	}
	return s
}

func (r *configReader) exports(list yamlfile.Value) []Export {
	var out []Export
	for _, v := range list.Items() {
		e := Export{Report: v.Get("report").TextOr("")}
		for _, f := range v.Get("formats").Items() {
			if s := f.TextOr(""); !slices.Contains(e.Formats, s) {
				e.Formats = append(e.Formats, s)
			}
		}
		if len(e.Formats) == 0 {
			e.Formats = []string{"csv"}
		}
		e.To = r.destination(v.Get("to"))
		out = append(out, e)
	}
	return out
}

// destination gives the target of an export; relative folders and files in it
// are of the configuration's folder.
func (r *configReader) destination(v yamlfile.Value) deliver.Target {
	return r.target(v, func(t deliver.Target) bool { return amongData(t, r.lake) }, amongDataWhat, amongDataAllowed)
}

// target gives a place that a value names, unless it is wrong, which what and
// allowed say.
func (r *configReader) target(v yamlfile.Value, wrong func(deliver.Target) bool, what, allowed string) deliver.Target {
	spec, given := v.Text()
	if !given || v.Refused() {
		return deliver.Target{}
	}
	t, err := deliver.Parse(spec, r.dir)
	var mistake *deliver.SpecError
	if errors.As(err, &mistake) {
		v.Refuse(mistake.What, mistake.Allowed)
	} else if wrong(t) {
		v.Refuse(what, allowed)
	}
	return t
}
