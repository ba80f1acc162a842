package attribute_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/attribute"
)

// sparkBy runs an attribution whose job is submitted by a shell script, and gives
// its error. A real cluster is tested by make test-cluster.
func sparkBy(ctx context.Context, l *testLake, submit ...string) error {
	o := l.options(1)
	o.Spark = &attribute.Spark{Submit: submit}
	_, err := attribute.Run(ctx, o)
	return err
}

// Whatever becomes of a job, the lake is as it was and nothing is left behind;
// the message says what went wrong, in the words of the command.
func TestJobThatFailsChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		submit []string
		want   []string
	}{
		{"no command", nil, []string{"spark: no command is given that submits a job; allowed: spark.submit in the configuration"}},
		{"not there", []string{"spark-submit-that-is-not-there"}, []string{`the command "spark-submit-that-is-not-there" can't be run`, "spark.submit"}},
		{"fails", []string{"sh", "-c", `echo 26/11/27 11:05:04 INFO Fine >&2; echo 'no such queue: finance' >&2; exit 3`},
			[]string{"has failed, and nothing is changed: exit status 3", "it said at last:\nno such queue: finance"}},
		{"is killed", []string{"sh", "-c", `kill -9 $$`}, []string{"signal: killed"}},
		{"answers nothing", []string{"true"}, []string{"there is no whole answer in", "reach"}},
		{"has no files", []string{"sh", "-c", `mkdir "${0%/*}/answers" && touch "${0%/*}/answers/_SUCCESS"`}, []string{"there is no file of answers"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := threeDayLake(t)
			before := inTheLake(t, l)
			err := sparkBy(t.Context(), l, c.submit...)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v; want: %s", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "INFO") {
				t.Errorf("says what went well: %v", err)
			}
			if after := inTheLake(t, l); !slices.Equal(after, before) {
				t.Errorf("the lake has changed:\n%v\n%v", before, after)
			}
		})
	}
}

// Who stops a run stops the job's command and all that it has started.
func TestStoppedRunStopsItsJob(t *testing.T) {
	l, _ := threeDayLake(t)
	started := filepath.Join(t.TempDir(), "started")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		// The child outlives its parent unless it is ended with it; the pipe
		// of what it says keeps the run waiting then.
		ended <- sparkBy(ctx, l, "sh", "-c", `sleep 1000 & touch "`+started+`"; wait`)
	}()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := os.Stat(started); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the command has not started")
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(15 * time.Second): // less than a command is given to end
		t.Error("the run goes on")
	}
}

// Few touches are not worth a job, and neither is a run with nothing to match.
func TestFewTouchesAreMatchedHere(t *testing.T) {
	l, e := threeDayLake(t)
	o := l.options(1)
	o.Spark = &attribute.Spark{Submit: []string{"false"}, Least: 1000}
	if _, err := attribute.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	l.check(e)
	o.Spark.Least = 0
	if _, err := attribute.Run(context.Background(), o); err != nil {
		t.Errorf("with nothing new: %v", err)
	}
}

// inTheLake lists all files of a lake.
func inTheLake(t *testing.T, l *testLake) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(l.Path(""), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(p, "lock") {
			out = append(out, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
