package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/compact"
	"pixledger/schemas/lakedb/rewrite"
	"pixledger/schemas/lakedb/rewrite/rewritetest"
	"pixledger/schemas/published"
	"pixledger/schemas/published/publishedtest"
)

var testNow = time.Date(2026, 11, 12, 12, 0, 0, 0, time.UTC)

const (
	first  = "2026-11-08"
	second = "2026-11-09" // the last that is over for a day is the 10th
	today  = "2026-11-12"
)

// world is an edge's lake whose lines are numbered by where they stand in their log.
type world struct {
	t    *testing.T
	root string
	db   *lakedb.DB // by which files are made, and rows compared
	made string
	at   map[string]int64 // how far each log is read
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, root: filepath.Join(rewritetest.QuickDir(t), "lake"), made: rewritetest.QuickDir(t), at: map[string]int64{}}
	l, err := lake.OpenOrCreate(w.root, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if w.db, err = lakedb.OpenSession(context.Background(), l, nil, lakedb.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	for _, d := range []schemas.Dataset{schemas.Events, schemas.Rejects} {
		var columns []string
		for _, c := range d.Columns {
			columns = append(columns, `"`+c.Name+`" `+string(c.Type))
		}
		w.exec("CREATE TEMP TABLE made_" + d.Name + " (" + strings.Join(columns, ", ") + ")")
	}
	return w
}

func (w *world) exec(statement string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(statement, args...); err != nil {
		w.t.Fatalf("%v in %s", err, statement)
	}
}

func (w *world) lake() *lake.Lake {
	w.t.Helper()
	l, err := lake.OpenOrCreate(w.root, testNow)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// line is a kind of lines of a log: so many events of a type and date, or rejects
// that were read today of that date's lines (an empty type), or ignored lines.
type line struct {
	kind string
	date string
	n    int
}

// ingest commits lines of a log, as another process does.
func (w *world) ingest(d *disk.Disk, root, source string, lines ...line) error {
	l, err := lake.OpenOn(d, root)
	if err != nil {
		return err
	}
	s, err := l.Stage()
	if err != nil {
		return err
	}
	defer s.Close()
	at := w.at[source]
	g := lake.Range{SourceID: source, Edge: "edge-1", Name: "/log/" + source, Start: at, Days: map[string]*lake.Counts{}}
	draft := &lake.Draft{Kind: "ingest", At: testNow}
	for i, x := range lines {
		c := &lake.Counts{}
		first := at
		at += int64(x.n) * 10
		g.Total += int64(x.n)
		folder, dataset := "", ""
		switch x.kind {
		case "ignored":
			c.Ignored = int64(x.n)
		case "reject":
			c.Rejects = map[string]int64{"malformed": int64(x.n)}
			folder, dataset = "rejects/date="+second, "rejects"
		default:
			c.Events = map[string]int64{x.kind: int64(x.n)}
			folder, dataset = lake.EventFolder(schemas.EventType(x.kind), x.date), "events"
		}
		g.Days = lake.AddDays(g.Days, map[string]*lake.Counts{x.date: c})
		if folder == "" {
			continue
		}
		w.exec("DELETE FROM made_" + dataset)
		if dataset == "events" {
			w.exec(`INSERT INTO made_events BY NAME SELECT $1 || '-' || o AS event_id, CAST($2 AS TIMESTAMPTZ) + to_seconds(o % 86400) AS event_time, CAST($2 AS TIMESTAMPTZ) AS ingested_at,
				'edge-1' AS edge, $1 AS source_id, o AS source_offset, 'GET' AS method, 200::SMALLINT AS status, 'unknown' AS consent, 'user' || (o // 10) % 5 AS user_id,
				MAP {'k': 'v' || o} AS params FROM range($3::BIGINT, $4::BIGINT, 10) AS t (o)`, source, x.date, first, at)
		} else {
			w.exec(`INSERT INTO made_rejects BY NAME SELECT CAST($2 AS TIMESTAMPTZ) AS ingested_at, 'edge-1' AS edge, $1 AS source_id, o AS source_offset, 'malformed' AS reason,
				5 AS length, 'x' || o AS raw FROM range($3::BIGINT, $4::BIGINT, 10) AS t (o)`, source, second, first, at)
		}
		made := filepath.Join(w.made, "made.parquet")
		w.exec("COPY made_"+dataset+" TO $1 (FORMAT parquet)", made)
		b, err := os.ReadFile(made)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		staged := lake.Staged{Folder: folder, Name: fmt.Sprint(i), Rows: int64(x.n), Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
		if err := rewritetest.Write(d, filepath.Join(s.Dir(), staged.Name), b); err != nil {
			return err
		}
		draft.Add = append(draft.Add, staged)
	}
	g.End = at
	draft.Ranges = []lake.Range{g}
	if _, err = l.Commit(s, func(*lake.State) (*lake.Draft, error) { return draft, nil }); err == nil {
		w.at[source] = at
	}
	return err
}

func (w *world) read(source string, lines ...line) {
	w.t.Helper()
	if err := w.ingest(disk.Real, w.root, source, lines...); err != nil {
		w.t.Fatal(err)
	}
}

// compact merges all files of each folder, as a compaction does.
func (w *world) compact() {
	w.t.Helper()
	l := w.lake()
	state, err := l.State()
	if err != nil {
		w.t.Fatal(err)
	}
	job := rewrite.Job{Lake: l, Kind: lake.CompactKind, Now: testNow, Session: lakedb.Options{Threads: 1, TempDir: w.made}}
	for _, due := range compact.Plan(state, testNow) {
		job.Folders = append(job.Folders, due.Folder)
	}
	if _, err := rewrite.Run(w.t.Context(), job); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) options(l *lake.Lake, s published.Store) Options {
	return Options{Lake: l, Store: s, Edge: "edge-a", Now: testNow, After: 24 * time.Hour, Session: lakedb.Options{Threads: 1, TempDir: w.made}}
}

// publish is a run that must end well, and gives what was published by it.
func (w *world) publish(s published.Store, change ...func(*Options)) (told []string) {
	w.t.Helper()
	o := w.options(w.lake(), s)
	o.Tell = func(m *published.Manifest) { told = append(told, fmt.Sprintf("%s/%d", m.Date, m.Number)) }
	for _, c := range change {
		c(&o)
	}
	if err := Run(context.Background(), o); err != nil {
		w.t.Fatal(err)
	}
	return told
}

// manifests reads the chain of what a store holds. What is wrong with it is an error.
func manifests(s *publishedtest.Store) ([]*published.Manifest, error) {
	files := s.Files()
	var out []*published.Manifest
	previous, id := "", ""
	for n := int64(1); ; n++ {
		b, ok := files["published/edge=edge-a/"+published.ManifestName(n)]
		if !ok {
			return out, nil
		}
		m, err := published.Decode(b)
		if err != nil {
			return nil, err
		}
		if id == "" {
			id = m.Lake
		}
		if err := m.Follows("edge-a", n-1, previous, id); err != nil {
			return nil, err
		}
		for _, f := range m.Files {
			note, err := published.ErasedBytes(context.Background(), s, f.Path)
			if err != nil {
				return nil, err
			}
			b, ok := files[f.Path]
			same := func(f published.File) bool { return published.Hash(b) == f.SHA256 && int64(len(b)) == f.Bytes }
			if !ok || !same(f) && !slices.ContainsFunc(note.Files, same) {
				return nil, fmt.Errorf("%s of manifest %d: is there %v, with %d bytes", f.Path, n, ok, len(b))
			}
		}
		previous = m.Manifest
		out = append(out, m)
	}
}

// rowsOf gives the rows of files of a dataset as text, sorted: where their line stands.
func (w *world) rowsOf(files []any) []string {
	w.t.Helper()
	if len(files) == 0 {
		return nil
	}
	rows, err := w.db.Query("SELECT source_id || ':' || source_offset || ' ' || edge FROM read_parquet($1::VARCHAR[], hive_partitioning = false, union_by_name = true) ORDER BY ALL", files)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// agree holds what a store has, by its manifests, against the lake: of each date that
// is over each row once and nothing else, with the account.
func (w *world) agree(s *publishedtest.Store, l *lake.Lake) error {
	all, err := manifests(s)
	if err != nil {
		return err
	}
	root := rewritetest.QuickDir(w.t)
	if err := s.Save(root); err != nil {
		return err
	}
	state, err := l.State()
	if err != nil {
		return err
	}
	got := map[string][]any{}
	account := map[string]*lake.Counts{}
	for _, m := range all {
		account = lake.AddDays(account, map[string]*lake.Counts{m.Date: m.Account})
		for _, f := range m.Files {
			got[m.LakeFolder(f)] = append(got[m.LakeFolder(f)], filepath.Join(root, f.Path))
		}
	}
	want := map[string][]any{}
	for p := range state.Files {
		if folder := filepath.Dir(p); lake.FolderDate(p) <= "2026-11-10" {
			want[folder] = append(want[folder], l.Path(p))
		}
	}
	if a, b := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)); !slices.Equal(a, b) {
		return fmt.Errorf("published are %v, of %v", b, a)
	}
	for folder := range want {
		a, b := w.rowsOf(want[folder]), w.rowsOf(got[folder])
		for i, r := range a {
			a[i] = "edge-a/" + strings.TrimSuffix(r, "edge-1") + "edge-a"
		}
		if !slices.Equal(a, b) {
			return fmt.Errorf("%s: published are %d rows, there are %d", folder, len(b), len(a))
		}
	}
	for date, c := range lake.AddDays(nil, state.Account()["edge-1"]) {
		if date <= "2026-11-10" && (account[date] == nil || account[date].Lines() != c.Lines()) {
			return fmt.Errorf("the account of %s is %+v, published %+v", date, c, account[date])
		}
	}
	return nil
}
