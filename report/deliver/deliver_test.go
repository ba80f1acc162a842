package deliver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// written makes a file to deliver.
func written(t *testing.T, name, text string) File {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	return File{Name: name, Path: p, Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
}

// script is a store that answers as it is told, then well.
type script struct {
	store   // what these tests do not ask for
	answers []func(context.Context) (bool, error)
	calls   []time.Time
	names   []string
}

func (s *script) deliver(ctx context.Context, folder string, f File) (bool, error) {
	s.calls, s.names = append(s.calls, time.Now()), append(s.names, folder+"/"+f.Name)
	if len(s.answers) == 0 {
		return true, nil
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next(ctx)
}
func (s *script) reach(ctx context.Context) error { _, err := s.deliver(ctx, "", File{}); return err }
func (s *script) hangUp()                         {}
func (s *script) close() error                    { return nil }

func answer(err error) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) { return false, err }
}

func silence(ctx context.Context) (bool, error) {
	<-ctx.Done()
	return false, errors.New("use of closed network connection")
}

func scripted(s *script, o Options) *Destination {
	o = o.orDefaults()
	target, _ := Parse("s3://bucket/p", "/")
	return &Destination{target: target, opts: o, pulse: &pulse{stall: o.Stall, longest: o.Longest}, store: s}
}

func pauses(s *script) (out []time.Duration) {
	for i := 1; i < len(s.calls); i++ {
		out = append(out, s.calls[i].Sub(s.calls[i-1]))
	}
	return out
}

func TestRetries(t *testing.T) {
	passing, broken := errors.New("connection reset"), &fault{what: "the disk is on fire", permanent: true, remedy: "put it out"}
	for _, c := range []struct {
		name     string
		options  Options
		answers  []error
		attempts int
		want     string // of the error; empty: none
	}{
		{"at once", Options{}, nil, 1, ""},
		{"after some", Options{}, []error{passing, passing, passing}, 4, ""},
		{"the last one", Options{Retries: 2}, []error{passing, passing}, 3, ""},
		{"bounded", Options{}, []error{passing, passing, passing, passing, passing, passing, passing}, 6,
			"deliver x.csv to s3://bucket/p: connection reset (after 6 attempts); the next export tries again"},
		{"never again", Options{Retries: -1}, []error{passing}, 1, "deliver x.csv to s3://bucket/p: connection reset; the next export tries again"},
		{"permanent", Options{}, []error{passing, broken, passing}, 2, "deliver x.csv to s3://bucket/p: the disk is on fire (after 2 attempts); put it out"},
		{"permanent at the last", Options{Retries: 1}, []error{passing, broken}, 2, "deliver x.csv to s3://bucket/p: the disk is on fire (after 2 attempts); put it out"},
		{"conflict", Options{}, []error{&differs{"it is another one"}}, 1,
			"deliver x.csv to s3://bucket/p: it is another one; a delivered file is never changed: find out where the other one comes from, move it away, and export again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{}
				for _, err := range c.answers {
					s.answers = append(s.answers, answer(err))
				}
				err := scripted(s, c.options).Put(t.Context(), "", []File{{Name: "x.csv"}})
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != c.want || len(s.calls) != c.attempts {
					t.Errorf("%d attempts, %q; want %d, %q", len(s.calls), got, c.attempts, c.want)
				}
				var conflict *ConflictError
				if (c.name == "conflict") != errors.As(err, &conflict) {
					t.Errorf("conflict: %v", err)
				}
			})
		})
	}
}

// Pauses double, spread, and are bounded.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		for range 12 {
			s.answers = append(s.answers, answer(errors.New("no")))
		}
		if err := scripted(s, Options{Retries: 12}).Put(t.Context(), "", []File{{Name: "x.csv"}}); err != nil {
			t.Fatal(err)
		}
		middle := time.Second
		for i, p := range pauses(s) {
			if p < middle/2 || p > middle*3/2 {
				t.Errorf("pause %d is %v, want about %v", i+1, p, middle)
			}
			middle = min(2*middle, time.Minute)
		}
	})
}

// An attempt that makes no progress ends, and so does one that drips.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(context.Context) (bool, error){silence, silence}}
		err := scripted(s, Options{Retries: 1}).Put(t.Context(), "", []File{{Name: "x.csv"}})
		if err == nil || !strings.Contains(err.Error(), "no answer and no progress for 1m0s (after 2 attempts); check that the destination is up") {
			t.Errorf("got %v", err)
		}
		if d := pauses(s)[0]; d < time.Minute || d > 62*time.Second {
			t.Errorf("it took %v", d)
		}

		s = &script{}
		d := scripted(s, Options{Retries: -1, Longest: time.Hour})
		s.answers = append(s.answers, func(ctx context.Context) (bool, error) {
			tick := time.NewTicker(50 * time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					d.pulse.beat()
				case <-ctx.Done():
					return false, ctx.Err()
				}
			}
		})
		start := time.Now()
		err = d.Put(t.Context(), "", []File{{Name: "x.csv"}})
		if err == nil || !strings.Contains(err.Error(), "not finished after 1h0m0s") || time.Since(start) != time.Hour {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// The end of the caller's context ends a delivery, in an attempt and in a pause.
func TestCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []func(context.Context) (bool, error){silence, answer(errors.New("reset"))} {
			s := &script{answers: []func(context.Context) (bool, error){c}}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			err := scripted(s, Options{Delay: time.Minute}).Put(ctx, "", []File{{Name: "x.csv"}})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || len(s.calls) != 1 {
				t.Errorf("%d attempts, %v", len(s.calls), err)
			}
		}
	})
}

// Files go in order, and none after one that fails.
// Reach asks once, and says what it was told as a delivery does.
func TestReach(t *testing.T) {
	s := &script{}
	if err := scripted(s, Options{}).Reach(t.Context()); err != nil || len(s.calls) != 1 {
		t.Errorf("%v after %d attempts", err, len(s.calls))
	}
	s = &script{answers: []func(context.Context) (bool, error){answer(errors.New("no such host"))}}
	err := scripted(s, Options{}).Reach(t.Context())
	var e *Error
	if !errors.As(err, &e) || len(s.calls) != 1 || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("%v after %d attempts", err, len(s.calls))
	}
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(context.Context) (bool, error){answer(nil), answer(&fault{what: "no", permanent: true})}}
		err := scripted(s, Options{}).Put(t.Context(), "2026", []File{{Name: "a.csv"}, {Name: "b.csv"}, {Name: "manifest.json"}})
		if err == nil || !slices.Equal(s.names, []string{"2026/a.csv", "2026/b.csv"}) {
			t.Errorf("%v, %v", s.names, err)
		}
	})
	for _, name := range []string{"", ".hidden", "a/b", "../a", `a\b`} {
		s := &script{}
		if err := scripted(s, Options{}).Put(t.Context(), "", []File{{Name: "a"}, {Name: name}}); err == nil || len(s.calls) > 0 {
			t.Errorf("%q was delivered", name)
		}
	}
	for _, folder := range []string{"/x", "..", "a/../b", "a//b"} {
		s := &script{}
		if err := scripted(s, Options{}).Put(t.Context(), folder, []File{{Name: "a"}}); err == nil || len(s.calls) > 0 {
			t.Errorf("the folder %q was delivered to", folder)
		}
	}
}

// What a library puts into its errors is in no message and no log.
func TestErrorsAreRedacted(t *testing.T) {
	const secret = "wJalrXUtnFEMIK7MDENG"
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		for _, err := range []error{
			fmt.Errorf("sign with %s: no", secret),
			&fault{what: secret, permanent: true, remedy: "x", err: errors.New(secret)},
			&differs{"there is " + secret},
			errors.New(`Put "https://h/x?sig=` + secret + `": reset`),
		} {
			s := &script{answers: []func(context.Context) (bool, error){answer(err), answer(err)}}
			got := scripted(s, Options{Retries: 1, Log: slog.New(slog.NewTextHandler(&log, nil))}).Put(t.Context(), "", []File{{Name: "x.csv"}})
			for e := got; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), secret) {
					t.Errorf("shown: %#v", e)
				}
			}
		}
		if log.Len() == 0 || strings.Contains(log.String(), secret) {
			t.Errorf("log: %s", log.String())
		}
	})
}
