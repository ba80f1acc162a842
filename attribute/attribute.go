// Package attribute decides for every conversion which impression or click
// earned it, and publishes the decisions in the lake.
//
// The steps of the rules, and where each stands:
//
//	1 to 6   is it a conversion that can be attributed at all     sql/asked.sql
//	7, 8     which touches qualify, and which of them wins        sql/winners.sql
//	9, 10    is its order paid, has its user converted before     decide.go
//	11       is it voided, and what does it earn                  sql/attributions_of_day.sql
//
// Steps 1 to 8 decide on each conversion alone, 9 and 10 on each in its order,
// because a decision rests on those before it.
//
// The result depends on the events, the catalog and the voids alone: the same
// lake gives the same bytes, whatever the order in which events arrived, the
// number of runs and of threads. The work of a run is that of what has changed
// since the one before it (work.go), which leaves what it knows of every
// conversion in a cache (sql/known.sql). Only days whose file would differ are
// published, all of them in one commit.
package attribute

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// CommitKind is the kind of the commits that publish attributions.
const CommitKind = "attribute"

// JobLock is the lock that attribution shares with the other jobs that rewrite
// decisions or money.
const JobLock = "jobs"

// The notes of an attribute commit that later runs read.
const (
	noteReadSeq = "read_seq"       // the commit up to which events and voids were read
	NoteCatalog = "catalog_digest" // the catalog that decided, kept in the lake under this digest
)

// Options say what to attribute and what the run may use. Lake and Catalog are
// needed; the zero value of the rest is DuckDB's defaults and no waiting.
type Options struct {
	Lake    *lake.Lake
	Catalog *schemas.Catalog
	Now     time.Time // the time of the commit; it decides nothing

	Memory   string // DuckDB's memory_limit: "2GB"
	Threads  int    // 0: one for each core
	TempDir  string // where larger sorts and joins spill
	TempSize string // at most so much of it: "50GB"

	// Full leaves what the last run knows aside and computes everything. It
	// gives the same.
	Full bool

	// Spark matches the touches, on a cluster; nil: DuckDB does. It gives the same.
	Spark *Spark

	Wait   time.Duration // for another job to end
	Holder string        // what others are told of who holds the job lock; empty: attribute

	// Progress is told, if not nil, of every step's begin and of the
	// conversions decided; total is 0 where it is not known yet.
	Progress func(step Step, done, total int64)
}

// Step is a stretch of a run, for progress.
type Step string

// The steps of a run, in order.
const (
	StepConversions Step = "reading conversions"
	StepTouches     Step = "matching touches"
	StepDecide      Step = "deciding"
	StepWrite       Step = "writing days"
)

// Summary is what a run decided.
type Summary struct {
	ReadSeq     int64 // the newest commit that was read
	Commit      int64 // the commit that published the decisions; 0: nothing had changed
	Looked      int64 // conversions that were looked at, because something about them may have changed
	Conversions int64
	Attributed  int64
	PostClick   int64
	PostView    int64
	RateMissing int64            // attributed without a rate in force
	Reasons     map[string]int64 // unattributed conversions by reason
	// Revenue is the booked revenue by currency. A sum that Money can't hold
	// stays at the largest that it can.
	Revenue map[string]schemas.Money
	Days    []string // the UTC dates whose attributions changed, in order
}

func (s *Summary) notes(catalogDigest string) map[string]string {
	n := map[string]string{
		noteReadSeq:   strconv.FormatInt(s.ReadSeq, 10),
		NoteCatalog:   catalogDigest,
		"conversions": strconv.FormatInt(s.Conversions, 10),
		"attributed":  strconv.FormatInt(s.Attributed, 10),
		"post_click":  strconv.FormatInt(s.PostClick, 10),
		"post_view":   strconv.FormatInt(s.PostView, 10),
	}
	for reason, count := range s.Reasons {
		n["reason."+reason] = strconv.FormatInt(count, 10)
	}
	for currency, sum := range s.Revenue {
		n["revenue."+currency] = sum.String()
	}
	return n
}

// Run decides the conversions of the lake and publishes the days whose
// attributions differ from those that are live, in one commit; where nothing
// differs there is none. Whatever interrupts it, the last complete result
// stays. It gives a *lake.HeldError when another job held the lock for longer
// than Options.Wait.
func Run(ctx context.Context, o Options) (Summary, error) {
	holder := o.Holder
	if holder == "" {
		holder = "attribute"
	}
	unlock, err := o.Lake.Lock(ctx, JobLock, holder, o.Wait)
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	return RunHeld(ctx, o)
}

// RunHeld is Run for a job that holds the JobLock already.
func RunHeld(ctx context.Context, o Options) (Summary, error) {
	known := emptyCache()
	if !o.Full {
		known = loadCache(o.Lake)
	}
	w, err := newestWork(o, known)
	if err != nil {
		return Summary{}, fmt.Errorf("attribute: %w", err)
	}
	if w.nothing() {
		s := newSummary(w.state)
		for _, d := range w.cache.Days {
			s.add(d)
		}
		return s, nil
	}
	staging, err := o.Lake.Stage()
	if err != nil {
		return Summary{}, err
	}
	defer staging.Close()
	r, err := compute(ctx, o, w, staging.Dir(), true)
	if err != nil {
		return Summary{}, fmt.Errorf("attribute: %w", o.tooLarge(err))
	}
	record, err := o.Lake.Commit(staging, func(*lake.State) (*lake.Draft, error) {
		if len(r.changed) == 0 {
			return nil, nil
		}
		d := &lake.Draft{Kind: CommitKind, At: o.Now, Replace: map[string][]lake.Staged{}, Notes: r.summary.notes(o.Catalog.Digest)}
		for _, day := range r.changed {
			d.Replace[day.Folder] = []lake.Staged{day}
		}
		return d, nil
	})
	if err != nil {
		return Summary{}, fmt.Errorf("publish attributions: %w", err)
	}
	if record != nil {
		r.summary.Commit = record.Seq
	}
	if err := r.cache.save(o.Lake); err != nil {
		return Summary{}, fmt.Errorf("attribute: the decisions are published; the next run must do without what this one knows: %w", err)
	}
	return r.summary, nil
}

// tooLarge says of a failure for want of memory or disk what is to be done.
func (o Options) tooLarge(err error) error {
	var e *duckdb.Error
	if !errors.As(err, &e) || e.Type != duckdb.ErrorTypeOutOfMemory {
		return err
	}
	return fmt.Errorf("it does not fit the limits (memory %s, on disk %s); everything is as it was; raise limits.memory or limits.temp_size: %w",
		orNone(o.Memory), orNone(o.TempSize), err)
}

func orNone(limit string) string {
	if limit == "" {
		return "none of its own"
	}
	return limit
}

// result is an attribution: its summary, the state that it was computed from,
// the days that differ from the live ones, as files in the folder that was
// given, and what it knows for the next run.
type result struct {
	summary Summary
	state   *lake.State
	changed []lake.Staged
	cache   *cache
}

// newestWork is the work of the newest state, going on from what is known.
func newestWork(o Options, known *cache) (*work, error) {
	state, err := o.Lake.State()
	if err != nil {
		return nil, err
	}
	return findWork(o.Lake, state, o.Catalog, known)
}

// compute does the work into dir. The files read may be exchanged meanwhile by a
// compaction: then it begins again, with the work of the newest state. keep says
// that a cache is left.
func compute(ctx context.Context, o Options, w *work, dir string, keep bool) (*result, error) {
	for attempt := 1; ; attempt++ {
		r, err := attributeInto(ctx, o, w, dir, keep)
		if err == nil {
			return r, nil
		}
		if attempt == 3 || ctx.Err() != nil || !exchanged(o.Lake, w.state) {
			return nil, err
		}
		if w, err = newestWork(o, w.cache); err != nil {
			return nil, err
		}
	}
}

// exchanged tells whether files of a state have left the lake since.
func exchanged(l *lake.Lake, s *lake.State) bool {
	now, err := l.State()
	if err != nil {
		return false
	}
	for p := range s.Files {
		if _, there := now.Files[p]; !there {
			return true
		}
	}
	return false
}

func newSummary(s *lake.State) Summary {
	return Summary{ReadSeq: s.Seq, Reasons: map[string]int64{}, Revenue: map[string]schemas.Money{}}
}
