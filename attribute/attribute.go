// Package attribute decides for every conversion which impression or click
// earned it, and publishes the decisions in the lake.
//
// The rules are in two places. SQL (the files in sql/) finds, in one pass over
// the touches, what each conversion can be decided on alone: the settings in
// force, and the winner among its candidates (steps 1 to 8). Go (decide.go)
// then takes the conversions in order, for the steps in which a decision
// depends on those before it (9 to 11), and books the revenue.
//
// A run decides everything afresh from the events, the catalog and the voids,
// and keeps no state of its own: the same lake gives the same bytes, whatever
// the order in which events arrived and the number of threads. Only days whose
// file would differ are published, all of them in one commit.
package attribute

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
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
)

// Summary is what a run decided.
type Summary struct {
	ReadSeq     int64 // the newest commit that was read
	Commit      int64 // the commit that published the decisions; 0: nothing had changed
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

func (s *Summary) count(r *row) {
	s.Conversions++
	if r.reason.Valid {
		s.Reasons[r.reason.V]++
		return
	}
	s.Attributed++
	if r.conversionType.V == postClick {
		s.PostClick++
	} else {
		s.PostView++
	}
	if r.rateMissing {
		s.RateMissing++
	}
	sum := s.Revenue[r.currency.V]
	if r.bookedRevenue > math.MaxInt64-sum {
		sum = math.MaxInt64 - r.bookedRevenue
	}
	s.Revenue[r.currency.V] = sum + r.bookedRevenue
}

func (s *Summary) notes(catalogDigest string) map[string]string {
	n := map[string]string{
		noteReadSeq:   strconv.FormatInt(s.ReadSeq, 10),
		NoteCatalog:   catalogDigest,
		"conversions": strconv.FormatInt(s.Conversions, 10),
		"attributed":  strconv.FormatInt(s.Attributed, 10),
		postClick:     strconv.FormatInt(s.PostClick, 10),
		postView:      strconv.FormatInt(s.PostView, 10),
	}
	for reason, count := range s.Reasons {
		n["reason."+reason] = strconv.FormatInt(count, 10)
	}
	for currency, sum := range s.Revenue {
		n["revenue."+currency] = sum.String()
	}
	return n
}

// Run decides all conversions of the lake afresh and publishes the days whose
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
	staging, err := o.Lake.Stage()
	if err != nil {
		return Summary{}, err
	}
	defer staging.Close()

	result, err := fresh(ctx, o, staging.Dir())
	if err != nil {
		return Summary{}, fmt.Errorf("attribute: %w", err)
	}
	record, err := o.Lake.Commit(staging, func(*lake.State) (*lake.Draft, error) {
		if len(result.changed) == 0 {
			return nil, nil
		}
		d := &lake.Draft{Kind: CommitKind, At: o.Now, Replace: map[string][]lake.Staged{}, Notes: result.summary.notes(o.Catalog.Digest)}
		for _, day := range result.changed {
			d.Replace[day.Folder] = []lake.Staged{day}
		}
		return d, nil
	})
	if err != nil {
		return Summary{}, fmt.Errorf("publish attributions: %w", err)
	}
	if record != nil {
		result.summary.Commit = record.Seq
	}
	return result.summary, nil
}

// result is a fresh attribution: its summary, the state that it was computed
// from, and the days that differ from the live ones, as files in the folder
// that was given.
type result struct {
	summary Summary
	state   *lake.State
	changed []lake.Staged
}

// fresh computes the attribution of the newest state into dir. The files read
// may be exchanged meanwhile by a compaction: then it begins again.
func fresh(ctx context.Context, o Options, dir string) (*result, error) {
	for attempt := 1; ; attempt++ {
		db, err := lakedb.Open(ctx, o.Lake, o.Catalog, lakedb.Options{
			Memory: o.Memory, Threads: o.Threads, TempDir: o.TempDir, TempSize: o.TempSize, Now: o.Now,
		})
		if err != nil {
			return nil, err
		}
		r, err := compute(ctx, db, o, dir)
		err = errors.Join(err, db.Close())
		if err == nil {
			return r, nil
		}
		if attempt == 3 || ctx.Err() != nil || !exchanged(o.Lake, db.State) {
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

// compute attributes what an open database shows.
func compute(ctx context.Context, db *lakedb.DB, o Options, dir string) (*result, error) {
	progress := o.Progress
	if progress == nil {
		progress = func(Step, int64, int64) {}
	}
	r := &result{state: db.State, summary: Summary{
		ReadSeq: db.State.Seq, Reasons: map[string]int64{}, Revenue: map[string]schemas.Money{},
	}}
	total, err := findWinners(ctx, db, o.Catalog, progress)
	if err != nil {
		return nil, err
	}
	decide := newDecider(o.Catalog)
	days := newDayFiles(o.Lake.Disk(), dir, db.State)
	defer days.abandon()
	progress(StepDecide, 0, total)
	err = eachInOrder(ctx, db, total, func(c *conversion) error {
		row := decide.next(c)
		r.summary.count(row)
		if r.summary.Conversions%progressEvery == 0 {
			progress(StepDecide, r.summary.Conversions, total)
		}
		return days.add(row)
	})
	if err != nil {
		return nil, err
	}
	if r.changed, err = days.finish(); err != nil {
		return nil, err
	}
	for _, day := range r.changed {
		r.summary.Days = append(r.summary.Days, lake.FolderDate(day.Folder))
	}
	progress(StepDecide, total, total)
	return r, nil
}

const progressEvery = 10_000
