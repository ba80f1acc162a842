package harness

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pixledger/schemas/lake"
)

// readers look at a lake while harm is done to it: one by glob over the
// Parquet files, as any DuckDB does, and one by `pixledger query`. The ids of
// the events are unique, so that counts tell of doubled ones.
type readers struct {
	*program
	stop context.CancelFunc
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error

	globs, queries, retries atomic.Int64
	sum                     commitSums
}

// readEvery is how long a reader rests, so that the scenario gets on.
const readEvery = 50 * time.Millisecond

func startReaders(ctx context.Context, p *program) *readers {
	ctx, stop := context.WithCancel(ctx)
	r := &readers{program: p, stop: stop}
	for _, reader := range []func(context.Context) error{r.byGlob, r.byCommit} {
		r.wg.Go(func() {
			for pause(ctx, readEvery) {
				if err := reader(ctx); err != nil && ctx.Err() == nil {
					r.mu.Lock()
					r.errs = append(r.errs, err)
					r.mu.Unlock()
					return // one finding is enough
				}
			}
		})
	}
	return r
}

// end stops the readers and gives what they found.
func (r *readers) end(result *Result) error {
	r.stop()
	r.wg.Wait()
	result.globs += r.globs.Load()
	result.queries += r.queries.Load()
	result.retries += r.retries.Load()
	return errors.Join(r.errs...)
}

// byGlob reads the folders as they stand. What was committed before is there,
// each event once. An error is one to retry.
func (r *readers) byGlob(ctx context.Context) error {
	before, err := r.sum.committed(r.lakeDir())
	if err != nil {
		return err
	}
	if before < 0 {
		return nil // there is no lake yet
	}
	s, err := r.try(ctx, "query", "SELECT count(*) AS n, count(DISTINCT event_id) AS ids "+
		"FROM read_parquet('lake/events/**/*.parquet', hive_partitioning = true)", "--format", "csv")
	if err != nil {
		return err
	}
	if s.code != 0 {
		r.retries.Add(1)
		return nil
	}
	r.globs.Add(1)
	n, ids, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(s.stdout, "n,ids\n")), ",")
	if n != ids {
		return fmt.Errorf("a reader by glob saw %s events with %s ids", n, ids)
	}
	got, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return fmt.Errorf("a reader by glob was told %q", s.stdout)
	}
	if got < before {
		return fmt.Errorf("a reader by glob saw %d events, and %d were committed before", got, before)
	}
	return nil
}

// byCommit asks the program, which must count whole commits only: as many
// events as some commit left, and not fewer than were there before.
func (r *readers) byCommit(ctx context.Context) error {
	before, err := r.sum.committed(r.lakeDir())
	if err != nil || before < 0 {
		return err
	}
	out, err := r.must(ctx, "query", "SELECT count(*) AS n FROM events", "--format", "csv")
	if err != nil {
		return err
	}
	r.queries.Add(1)
	got, err := strconv.ParseInt(strings.TrimSpace(strings.TrimPrefix(out, "n\n")), 10, 64)
	if err != nil {
		return fmt.Errorf("query said %q", out)
	}
	if got < before {
		return fmt.Errorf("query counted %d events, and %d were committed before", got, before)
	}
	whole, err := r.sum.whole(r.lakeDir(), got)
	if err == nil && !whole {
		err = fmt.Errorf("query counted %d events, which no commit has left", got)
	}
	return err
}

// commitSums are the numbers of events after each commit.
type commitSums struct {
	mu   sync.Mutex
	lake *lake.Lake
	seq  int64
	sum  int64
	all  map[int64]bool
}

// refresh takes in the records that are finished.
func (c *commitSums) refresh(root string) error {
	if c.lake == nil {
		l, err := lake.Open(root)
		if err != nil {
			return err
		}
		c.lake, c.all = l, map[int64]bool{0: true}
	}
	s, err := c.lake.State()
	if err != nil {
		return err
	}
	for c.seq < s.Seq {
		r, _, err := c.lake.ReadRecord(c.seq + 1)
		if err != nil {
			return err
		}
		for _, f := range r.Add {
			if strings.HasPrefix(f.Path, "events/") {
				c.sum += f.Rows
			}
		}
		c.seq++
		c.all[c.sum] = true
	}
	return nil
}

// committed gives the events of all finished commits; -1 where there is no lake.
func (c *commitSums) committed(root string) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.refresh(root)
	if errors.Is(err, lake.ErrNoLake) {
		return -1, nil
	}
	return c.sum, err
}

// whole tells whether some commit has left n events.
func (c *commitSums) whole(root string, n int64) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refresh(root); err != nil {
		return false, err
	}
	return c.all[n], nil
}
