package attribute

import (
	"crypto/rand"
	_ "embed" // the script
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"pixledger/schemas/lake"
)

// Spark is a cluster that matches touches in DuckDB's place: steps 7 and 8. It
// reads the lake's files and writes one row for each conversion, into a folder
// that this machine reaches too. All else is as with DuckDB, and so is the result.
type Spark struct {
	// Submit is the command that runs a PySpark script: spark-submit with what
	// the cluster needs. {script} and {job} in it stand for the URLs of the
	// script and of its argument; without, they are the last arguments.
	Submit []string
	// Lake is the URL by which the cluster reads the lake's folder; empty: file://
	// and its path.
	Lake string
	// Work is a folder that this machine and the cluster both reach, and WorkURL
	// its URL there; empty: in the lake, and file:// and its path.
	Work, WorkURL string
	// Least is how many touches a pass must be over for the cluster to be asked;
	// fewer are matched here.
	Least int64
}

// takes tells whether the cluster is asked to match the touches of these files.
func (s *Spark) takes(clicks, impressions []lake.File) bool {
	rows := int64(0)
	for _, f := range slices.Concat(clicks, impressions) {
		rows += f.Rows
	}
	return s != nil && rows > 0 && rows >= s.Least
}

//go:embed sparkjob.py
var sparkScript []byte

// sparkJob is what the script is told.
type sparkJob struct {
	Settings map[string]string `json:"settings"`
	Views    []sparkView       `json:"views"`
	Tables   []sparkTable      `json:"tables"`
	Answer   string            `json:"answer"` // a select
	Result   string            `json:"result"` // where its rows go, a URL
}

// sparkView is a list of Parquet files. Those of older lakes may lack columns
// that newer ones have; the schema names those that are read.
type sparkView struct {
	Name   string   `json:"name"`
	Schema string   `json:"schema"`
	Files  []string `json:"files"`
}

// sparkSettings make Spark read and write times as the lake has them. Settings
// for speed are the cluster's own.
var sparkSettings = map[string]string{
	"spark.sql.session.timeZone":                 "UTC",
	"spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED", // the calendar of all centuries is today's
	"spark.sql.parquet.outputTimestampType":      "TIMESTAMP_MICROS",
}

// What Spark reads, in Spark's words: the columns of events that touches are
// matched by, and what stands in the tables of settings.sql and sought_asked.sql.
const touchSchema = "event_id STRING, event_time TIMESTAMP, source_offset BIGINT, consent STRING, user_id STRING, " +
	"invalid_reason STRING, tracker_id BIGINT, token STRING"

var sparkReads = []struct{ table, schema string }{
	{"sought", "conversion_id STRING, conversion_time TIMESTAMP, pixel_id BIGINT, user_id STRING, touch_token STRING, " +
		"click_from TIMESTAMP, max_click_from TIMESTAMP, view_from TIMESTAMP, max_view_from TIMESTAMP"},
	{"association_periods", "pixel_id BIGINT, line_item_id BIGINT, from_time TIMESTAMP, until_time TIMESTAMP"},
	{"trackers", "tracker_id BIGINT, line_item_id BIGINT"},
}

// matchOnSpark is matchTouches on a cluster.
func (r *run) matchOnSpark(sought int64, clicks, impressions []lake.File) (err error) {
	w, err := r.sparkWork()
	if err != nil {
		return err
	}
	// What the cluster could not write leaves nothing behind.
	defer func() { err = errors.Join(err, r.o.Lake.Disk().RemoveAll(w.dir)) }()
	job := sparkJob{Settings: sparkSettings, Result: w.url("answers"), Answer: onSpark("answered", w.url)[0].Select}
	for _, read := range sparkReads {
		file := read.table + ".parquet"
		if err := r.exec("copy_"+read.table, filepath.Join(w.dir, file)); err != nil {
			return err
		}
		job.Views = append(job.Views, sparkView{read.table, read.schema, []string{asWritten.Replace(w.url(file))}})
	}
	job.Views = append(job.Views,
		sparkView{"clicks", touchSchema, r.sparkFiles(clickSeed, clicks)},
		sparkView{"impressions", touchSchema, r.sparkFiles(impressionSeed, impressions)},
	)
	for _, file := range []string{"touches", "sought_keys", "candidates", "winners"} {
		job.Tables = append(job.Tables, onSpark(file, w.url)...)
	}
	b, err := json.MarshalIndent(job, "", " ")
	if err != nil {
		return err
	}
	if err := r.o.Lake.Disk().Publish(filepath.Join(w.dir, "job.json"), lake.FileMode, b); err != nil {
		return err
	}
	if err := r.o.Lake.Disk().Publish(filepath.Join(w.dir, "job.py"), lake.FileMode, sparkScript); err != nil {
		return err
	}
	script := w.url("job.py")
	if strings.HasPrefix(script, "file:") { // a path that spark-submit takes as it is
		script = filepath.Join(w.dir, "job.py")
	}
	if err := r.o.Spark.submit(r.ctx, script, asWritten.Replace(w.url("job.json"))); err != nil {
		return fmt.Errorf("spark: %w", err)
	}
	if err := r.takeAnswers(filepath.Join(w.dir, "answers"), sought); err != nil {
		return fmt.Errorf("spark: %w", err)
	}
	return nil
}

// takeAnswers makes the table of winners from what the cluster wrote. It must
// answer each conversion that was sought, once.
func (r *run) takeAnswers(dir string, sought int64) error {
	if whole, err := r.o.Lake.Disk().Exists(filepath.Join(dir, "_SUCCESS")); err != nil || !whole {
		return errors.Join(fmt.Errorf("the command has ended well, but there is no whole answer in %s; allowed: a folder of work that this machine and the cluster both reach", dir), err)
	}
	entries, err := r.o.Lake.Disk().ReadDir(dir)
	if err != nil {
		return err
	}
	var files []any
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".parquet") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no file of answers in %s", dir)
	}
	if err := r.exec("answers", files); err != nil {
		return err
	}
	var asked, answers, answered int64
	if err := r.db.QueryRowContext(r.ctx, statements("answers_count")).Scan(&asked, &answers, &answered); err != nil {
		return fmt.Errorf("count the answers: %w", err)
	}
	if asked != sought || answers != sought || answered != sought {
		return fmt.Errorf("%d conversions were asked for, and %d of them answered, in %d rows; allowed: each once", sought, answered, answers)
	}
	return r.exec("winners_answered")
}

// sparkFolder is a folder of work, here and as the cluster sees it.
type sparkFolder struct{ dir, base string }

func (f sparkFolder) url(name string) string { return f.base + "/" + name }

// sparkWork makes a folder for one job.
func (r *run) sparkWork() (sparkFolder, error) {
	s := r.o.Spark
	if len(s.Submit) == 0 {
		return sparkFolder{}, errors.New("spark: no command is given that submits a job; allowed: spark.submit in the configuration, such as [spark-submit, --master, yarn]")
	}
	name := "pixledger-" + rand.Text()
	f := sparkFolder{dir: filepath.Join(r.scratch, name)}
	if s.Work != "" {
		f.dir = filepath.Join(s.Work, name)
	}
	switch {
	case s.Work != "" && s.WorkURL != "":
		f.base = strings.TrimSuffix(s.WorkURL, "/") + "/" + name
	case s.Work != "":
		f.base = fileURL(f.dir)
	default:
		below, err := filepath.Rel(r.o.Lake.Path(""), f.dir)
		switch {
		case err == nil && filepath.IsLocal(below):
			f.base = r.sparkURL(filepath.ToSlash(below))
		case s.Lake == "" || strings.HasPrefix(s.Lake, "file:"):
			f.base = fileURL(f.dir)
		default:
			return f, fmt.Errorf("spark: %s is a folder of this machine alone; allowed: spark.work and spark.work_url in the configuration", f.dir)
		}
	}
	return f, r.o.Lake.Disk().MkdirAll(f.dir, lake.DirMode)
}

// sparkURL is where the cluster finds a path of the lake.
func (r *run) sparkURL(path string) string {
	base := strings.TrimSuffix(r.o.Spark.Lake, "/")
	if base == "" {
		base = fileURL(r.o.Lake.Path(""))
	}
	return base + "/" + path
}

// sparkFiles are the URLs of files of the lake, an empty one among them.
func (r *run) sparkFiles(seedFolder string, files []lake.File) []string {
	paths := []string{lake.SeedFile(seedFolder)}
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	for i, p := range paths {
		paths[i] = asWritten.Replace(r.sparkURL(p))
	}
	return paths
}

// asWritten keeps Spark from taking a letter of a name for a pattern.
var asWritten = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`)

// fileURL is the URL of a path of this machine, for a cluster that has the same.
func fileURL(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return "file://" + filepath.ToSlash(path)
}
