package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func TestFileIsReadOnceAndReadOn(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	log := filepath.Join(dir, "pixel.log")
	write(t, log, lines("a", 0, 3)+line("cut")[:20])
	s := ingest(t, testOptions(l), log)
	wantState(t, s, Read)
	wantIDs(t, l, ids("a", 0, 3))
	if s.Files[0].Left != 20 || s.Files[0].Counts.Lines() != 3 {
		t.Errorf("report: %+v", s.Files[0])
	}
	wantState(t, ingest(t, testOptions(l), log), AlreadyRead)

	appendTo(t, log, line("cut")[20:]+lines("a", 3, 5))
	wantState(t, ingest(t, testOptions(l), log), Read)
	wantState(t, ingest(t, testOptions(l), log), AlreadyRead)
	wantIDs(t, l, ids("a", 0, 5), []string{"cut"})
}

// The head that a file is known by is longer than some files and shorter than
// others; identity holds on both sides of that.
func TestIdentity(t *testing.T) {
	for _, n := range []int{4, 60} {
		t.Run(fmt.Sprint(n, " lines"), func(t *testing.T) {
			l, dir := testLake(t), t.TempDir()
			opts := testOptions(l)
			at := func(name, content string) string {
				p := filepath.Join(dir, name)
				write(t, p, content)
				return p
			}
			log := at("pixel.log", lines("a", 0, n))
			wantState(t, ingest(t, opts, log), Read)

			wantState(t, ingest(t, opts, at("copy", lines("a", 0, n))), AlreadyRead)
			wantState(t, ingest(t, opts, at("copy.gz", gz(t, lines("a", 0, n)))), AlreadyRead)
			wantState(t, ingest(t, opts, at("copy.zst", zst(t, lines("a", 0, n)))), AlreadyRead)
			wantState(t, ingest(t, opts, at("old", lines("a", 0, n/2))), Earlier)
			wantState(t, ingest(t, opts, at("older", lines("a", 0, 1))), Earlier)
			wantState(t, ingest(t, opts, at("old.gz", gz(t, lines("a", 0, n/2)))), Earlier)
			wantState(t, ingest(t, opts, at("half a line", lines("a", 0, n-1)+"{")), Earlier)
			wantIDs(t, l, ids("a", 0, n))

			// Further, under another name, packed, in two members.
			more := at("pixel.log.1.gz", gz(t, lines("a", 0, n))+gz(t, lines("a", n, n+2)))
			wantState(t, ingest(t, opts, more), Read)
			wantState(t, ingest(t, opts, more), AlreadyRead)
			wantState(t, ingest(t, opts, log), Earlier)
			appendTo(t, log, lines("a", n, n+3))
			wantState(t, ingest(t, opts, log), Read)
			wantIDs(t, l, ids("a", 0, n+3))

			// The same beginning, and another file from the middle on.
			other := at("other", lines("a", 0, n+1)+lines("b", n+1, n+6))
			wantState(t, ingest(t, opts, other), Read)
			wantState(t, ingest(t, opts, other), AlreadyRead)
			wantIDs(t, l, ids("a", 0, n+3), ids("a", 0, n+1), ids("b", n+1, n+6))
			// Both are known from now on, and each goes on for itself.
			appendTo(t, other, lines("b", n+6, n+7))
			appendTo(t, log, lines("a", n+3, n+4))
			wantState(t, ingest(t, opts, other, log), Read, Read)
			wantState(t, ingest(t, opts, log, other), AlreadyRead, AlreadyRead)
			wantIDs(t, l, ids("a", 0, n+4), ids("a", 0, n+1), ids("b", n+1, n+7))

			// The one that is read less far goes on, packed: its position lies
			// before the other's.
			appendTo(t, log, lines("a", n+4, n+20))
			packed := at("other.gz", gz(t, lines("a", 0, n+1)+lines("b", n+1, n+30)))
			wantState(t, ingest(t, opts, log, packed), Read, Read)
			wantState(t, ingest(t, opts, packed, log), AlreadyRead, AlreadyRead)
			wantIDs(t, l, ids("a", 0, n+20), ids("a", 0, n+1), ids("b", n+1, n+30))
		})
	}
}

func TestSameFileUnderManyNamesInOneRun(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	var paths []string
	for i, content := range []string{
		lines("a", 0, 5), lines("a", 0, 5), gz(t, lines("a", 0, 5)), lines("a", 0, 2), lines("a", 0, 7), lines("b", 0, 2), lines("b", 0, 1),
	} {
		p := filepath.Join(dir, fmt.Sprint("f", i))
		write(t, p, content)
		paths = append(paths, p)
	}
	s := ingest(t, testOptions(l), paths...)
	wantState(t, s, Read, AlreadyRead, AlreadyRead, Earlier, Read, Read, Earlier)
	wantIDs(t, l, ids("a", 0, 7), ids("b", 0, 2))
}

func TestFilesWithoutLines(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	var paths []string
	for i, content := range []string{"", "\n \t\r\n\n", line("x")[:30], gz(t, ""), zst(t, "\n")} {
		p := filepath.Join(dir, fmt.Sprint("f", i))
		write(t, p, content)
		paths = append(paths, p)
	}
	wantState(t, ingest(t, testOptions(l), paths...), NoLines, NoLines, NoLines, NoLines, NoLines)
	s, err := l.State()
	if err != nil || s.Seq != 0 {
		t.Errorf("commits: %d, %v", s.Seq, err)
	}
	// Blank lines are passed over once there are others, and ids stay by offset.
	appendTo(t, paths[1], "\n"+line("a-0")+"\r\n"+strings.Replace(line("a-1"), "\n", "\r\n", 1))
	wantState(t, ingest(t, testOptions(l), paths[1]), Read)
	wantState(t, ingest(t, testOptions(l), paths[1]), AlreadyRead)
	wantIDs(t, l, ids("a", 0, 2))
}

// Without a format given, it is recognised when there is a line to be read, and
// not before.
func TestFormatIsRecognisedFromTheFirstLine(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	opts := testOptions(l)
	opts.Format = ""
	at := func(name, content string) string {
		p := filepath.Join(dir, name)
		write(t, p, content)
		return p
	}
	blank := strings.Repeat(" \t\r\n", 50_000) // more than what is looked at, and than a block
	wantState(t, ingest(t, opts, at("blank", blank), at("blank.gz", gz(t, "\n\n")), at("blank.zst", zst(t, " \n"))), NoLines, NoLines, NoLines)

	log := at("pixel.log", lines("a", 0, 30))
	wantState(t, ingest(t, opts, log), Read)
	wantState(t, ingest(t, opts, at("part.log", lines("a", 0, 30)[:100])), NoLines)
	wantState(t, ingest(t, opts, at("more.log", lines("a", 0, 30)[:1000])), Earlier)
	appendTo(t, log, "not a li")
	wantState(t, ingest(t, opts, log), AlreadyRead)
	wantIDs(t, l, ids("a", 0, 30))

	wantState(t, ingest(t, opts, at("late.log", blank+strings.Repeat("\n", blockBytes)+lines("b", 0, 2))), Read)
	wantState(t, ingest(t, opts, at("one.gz", gz(t, strings.TrimSuffix(line("c-0"), "\n")))), Read)
	wantIDs(t, l, ids("a", 0, 30), ids("b", 0, 2), ids("c", 0, 1))
	if _, err := Files(context.Background(), opts, []string{at("none", "\n \nno log\n")}); err == nil || !strings.Contains(err.Error(), "--format") {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestUnterminatedLastLine(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	content := lines("a", 0, 2) + strings.TrimSuffix(line("a-2"), "\n")
	for name, c := range map[string]string{"log": content, "log.gz": gz(t, content)} {
		write(t, filepath.Join(dir, name), c)
	}
	ingest(t, testOptions(l), filepath.Join(dir, "log"))
	wantIDs(t, l, ids("a", 0, 2))
	ingest(t, testOptions(l), filepath.Join(dir, "log.gz"))
	wantIDs(t, l, ids("a", 0, 3))
}

func TestTooLongLinesAreOneRejectEach(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	opts := testOptions(l)
	log := filepath.Join(dir, "log")
	long := strings.Repeat("x", 5000)         // longer than max_line, within a block
	huge := strings.Repeat("y", 3*blockBytes) // longer than a block
	exact := strings.Repeat("z", 4096)
	write(t, log, line("a-0")+long+"\n"+line("a-1")+huge+"\r\n"+line("a-2")+exact+"\r\n"+line("a-3")+huge)
	s := ingest(t, opts, log)
	wantIDs(t, l, ids("a", 0, 4))
	if got := s.Counts().Rejects; got["too_long"] != 2 || got["malformed"] != 1 {
		t.Errorf("rejects: %v", got)
	}
	var lengths []int
	for _, raw := range column(t, l, schemas.Rejects, "raw") {
		lengths = append(lengths, len(raw))
	}
	if !slices.Equal(lengths, []int{5000, rawBytes, 4096}) {
		t.Errorf("raw texts: %v", lengths)
	}
	if s.Files[0].Left != int64(len(huge)) {
		t.Errorf("left: %d", s.Files[0].Left)
	}
	appendTo(t, log, "\n"+line("a-4"))
	wantState(t, ingest(t, opts, log), Read)
	wantState(t, ingest(t, opts, log), AlreadyRead)
	wantIDs(t, l, ids("a", 0, 5))
}

func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	content := lines("a", 0, 3000)
	for name, whole := range map[string]string{"log.gz": gz(t, content), "log.zst": zst(t, content)} {
		t.Run(name, func(t *testing.T) {
			l := testLake(t)
			p := filepath.Join(dir, name)
			write(t, p, whole[:len(whole)*2/3])
			s, err := Files(context.Background(), testOptions(l), []string{p})
			var damage *DamagedError
			if !errors.As(err, &damage) || !strings.Contains(err.Error(), p) {
				t.Fatalf("got %v, want the damage", err)
			}
			n := int(s.Counts().Lines())
			wantIDs(t, l, ids("a", 0, n))
			if end := int64(len(lines("a", 0, n))); s.Files[0].End != end || damage.Offset != end {
				t.Errorf("end %d, damage at %d, want %d", s.Files[0].End, damage.Offset, end)
			}
			if _, err := Files(context.Background(), testOptions(l), []string{p}); !errors.As(err, &damage) {
				t.Errorf("again: got %v, want the damage", err)
			}
			wantIDs(t, l, ids("a", 0, n))
			write(t, p, whole)
			ingest(t, testOptions(l), p)
			wantIDs(t, l, ids("a", 0, 3000))
		})
	}
}

func TestFilesThatAreNone(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	good := filepath.Join(dir, "good")
	write(t, good, lines("a", 0, 2))
	fifo := filepath.Join(dir, "fifo")
	mkfifo(t, fifo)
	s, err := Files(context.Background(), testOptions(l), []string{dir, fifo, "/dev/null", filepath.Join(dir, "none"), good})
	for _, want := range []string{dir + ": is a folder", fifo + ": is a named pipe", "/dev/null: is a device", "no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	wantState(t, s, Failed, Failed, Failed, Failed, Read)
	wantIDs(t, l, ids("a", 0, 2))
}

func TestManyCommitsAndThreadsChangeNothing(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	write(t, log, lines("a", 0, 20_000))
	for _, threads := range []int{1, 4} {
		l := testLake(t)
		opts := testOptions(l)
		opts.Threads, opts.Rows = threads, 3000
		s := ingest(t, opts, log)
		if s.Commits < 3 {
			t.Errorf("%d commits", s.Commits)
		}
		if n := s.Counts().Lines(); n != 20_000 {
			t.Errorf("%d lines", n)
		}
		wantIDs(t, l, ids("a", 0, 20_000))
	}
}

// The id of a line without one, and the step back in time, do not depend on
// how the file is cut into blocks, commits and threads.
func TestCutsChangeNothing(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	var b strings.Builder
	for i := range 12_000 {
		at := 1793534400 + i/100
		if i == 7777 {
			at -= 3600
		}
		fmt.Fprintf(&b, `{"time":%d,"method":"GET","uri":"/clktr?id=%d","status":200,"referer":"%0*d"}`+"\n", at, i, i%500, 0)
	}
	write(t, log, b.String())
	var first []string
	for _, c := range []struct {
		threads int
		rows    int64
	}{{1, 1 << 40}, {1, 1000}, {4, 1 << 40}, {3, 2000}} {
		l := testLake(t)
		opts := testOptions(l)
		opts.Threads, opts.Rows = c.threads, c.rows
		s := ingest(t, opts, log)
		if skew := s.Counts().MaxSkewMicros; skew != 3600*1_000_000 {
			t.Errorf("%+v: a step back of %d", c, skew)
		}
		got := column(t, l, schemas.Events, "event_id")
		if first == nil {
			first = got
		}
		if len(slices.Compact(slices.Clone(got))) != 12_000 || !slices.Equal(got, first) {
			t.Errorf("%+v: other ids", c)
		}
	}
}

func TestRotatedFilesAreFoundBesideTheSource(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	write(t, filepath.Join(dir, "pixel.log.3.gz"), gz(t, lines("a", 0, 3)))
	write(t, filepath.Join(dir, "pixel.log-20261101"), lines("b", 0, 3))
	write(t, filepath.Join(dir, "pixel-2026-11-02.log.zst"), zst(t, lines("c", 0, 3)))
	write(t, filepath.Join(dir, "pixel.log"), lines("d", 0, 3))
	write(t, filepath.Join(dir, "pixel-2.log"), lines("e", 0, 3))
	write(t, filepath.Join(dir, "pixel.log.bak"), lines("x", 0, 3))
	write(t, filepath.Join(dir, "other.log"), lines("x", 0, 3))
	opts := testOptions(l)
	opts.Sources = []Source{
		{Name: "edge-1", Path: filepath.Join(dir, "pixel.log"), Format: "pixledger"},
		{Name: "edge-2", Path: filepath.Join(dir, "pixel-2.log"), Format: "pixledger"},
		{Name: "edge-3", Path: filepath.Join(dir, "missing.log"), Format: "pixledger"},
	}
	for range 2 {
		if _, err := CatchUp(context.Background(), opts); err != nil {
			t.Fatal(err)
		}
		wantIDs(t, l, ids("a", 0, 3), ids("b", 0, 3), ids("c", 0, 3), ids("d", 0, 3), ids("e", 0, 3))
	}
	edges := column(t, l, schemas.Events, "edge")
	if n := len(edges); n != 15 || edges[11] != "edge-1" || edges[12] != "edge-2" {
		t.Errorf("edges: %v", edges)
	}
}

// A copy makes all times new, in whatever order; the numbers in the names stay.
func TestRotatedFilesAreReadOldestFirst(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	for i, name := range []string{"pixel.log", "pixel.log.1", "pixel.log.2.gz", "pixel.log.10.gz"} {
		content := lines(name, 0, 1)
		if i >= 2 {
			content = gz(t, content)
		}
		write(t, filepath.Join(dir, name), content)
		at := time.Unix(1_700_000_000+int64(i), 0)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	opts := testOptions(l)
	opts.Sources = []Source{{Name: "edge-1", Path: filepath.Join(dir, "pixel.log"), Format: "pixledger"}}
	s, err := CatchUp(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, f := range s.Files {
		order = append(order, filepath.Base(f.Path))
	}
	if want := []string{"pixel.log.10.gz", "pixel.log.2.gz", "pixel.log.1", "pixel.log"}; !slices.Equal(order, want) {
		t.Errorf("read in the order %v, want %v", order, want)
	}
}

func TestRotatedGlobNamesTheRotatedFiles(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "old"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "old", "pixel-monday"), lines("a", 0, 3))
	write(t, filepath.Join(dir, "pixel.log.1"), lines("x", 0, 3))
	write(t, filepath.Join(dir, "pixel.log"), lines("b", 0, 3))
	opts := testOptions(l)
	opts.Sources = []Source{{Name: "edge-1", Path: filepath.Join(dir, "pixel.log"), Format: "pixledger", Rotated: "old/pixel-*"}}
	if _, err := CatchUp(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, l, ids("a", 0, 3), ids("b", 0, 3))
	write(t, filepath.Join(dir, "old", "pixel-tuesday"), lines("c", 0, 3))
	if s := ingest(t, opts, filepath.Join(dir, "old", "pixel-tuesday")); s.Files[0].Edge != "edge-1" {
		t.Errorf("its source is %q", s.Files[0].Edge)
	}
}

func TestRotationWhileNobodyReads(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	log := filepath.Join(dir, "pixel.log")
	opts := testOptions(l)
	opts.Sources = []Source{{Name: "edge-1", Path: log, Format: "pixledger"}}
	catchUp := func() {
		t.Helper()
		if _, err := CatchUp(context.Background(), opts); err != nil {
			t.Fatal(err)
		}
	}
	write(t, log, lines("a", 0, 30))
	catchUp()
	// Rotated twice, late lines after the rename, the older one packed.
	appendTo(t, log, lines("a", 30, 40))
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, log+".1", lines("a", 40, 45))
	write(t, log+".2.gz", gz(t, lines("a", 0, 45)))
	if err := os.Remove(log + ".1"); err != nil {
		t.Fatal(err)
	}
	write(t, log+".1", lines("b", 0, 50))
	write(t, log, lines("c", 0, 5))
	catchUp()
	catchUp()
	wantIDs(t, l, ids("a", 0, 45), ids("b", 0, 50), ids("c", 0, 5))
}

func TestCopytruncateReadsWhatSurvives(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	log := filepath.Join(dir, "pixel.log")
	opts := testOptions(l)
	opts.Sources = []Source{{Name: "edge-1", Path: log, Format: "pixledger"}}
	write(t, log, lines("a", 0, 30))
	if _, err := CatchUp(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	write(t, log+".1", lines("a", 0, 35))
	write(t, log, lines("b", 0, 40))
	if _, err := CatchUp(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, l, ids("a", 0, 35), ids("b", 0, 40))
}

func TestTwoProcessesReadTheSameFile(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	log := filepath.Join(dir, "log")
	write(t, log, lines("a", 0, 5000))
	const n = 4
	errs := make(chan error, n)
	for range n {
		mine, err := lake.Open(l.Root())
		if err != nil {
			t.Fatal(err)
		}
		opts := testOptions(mine)
		opts.Rows = 700
		go func() {
			_, err := Files(context.Background(), opts, []string{log})
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	wantIDs(t, l, ids("a", 0, 5000))
}

func TestSourcesGiveFilesTheirNameAndSettings(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	opts := testOptions(l)
	opts.Format = ""
	opts.Sources = []Source{
		{Name: "edge-1", Path: filepath.Join(dir, "a.log"), Format: "pixledger", From: testTime.AddDate(0, 0, 1)},
		{Name: "edge-2", Path: filepath.Join(dir, "logs", "*.log"), Format: "combined"},
	}
	write(t, filepath.Join(dir, "a.log"), lines("a", 0, 2))
	write(t, filepath.Join(dir, "b.log"), lines("b", 0, 2))
	s := ingest(t, opts, filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log"))
	if s.Files[0].Edge != "edge-1" || s.Files[0].Counts.Ignored != 2 {
		t.Errorf("older than from: %+v", s.Files[0])
	}
	if s.Files[1].Edge != "b.log" || s.Files[1].Counts.Lines() != 2 {
		t.Errorf("of no source: %+v", s.Files[1])
	}
	wantIDs(t, l, ids("b", 0, 2))

	write(t, filepath.Join(dir, "c.log"), "no log at all\n")
	if _, err := Files(context.Background(), opts, []string{filepath.Join(dir, "c.log")}); err == nil || !strings.Contains(err.Error(), "--format") {
		t.Errorf("an unknown format: %v", err)
	}
	opts.Source = "nowhere"
	if _, err := Files(context.Background(), opts, nil); err == nil || !strings.Contains(err.Error(), "edge-1") {
		t.Errorf("an unknown source: %v", err)
	}
}

func TestCancelledBatchStops(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	log := filepath.Join(dir, "log")
	write(t, log, lines("a", 0, 10_000))
	ctx, cancel := context.WithCancel(context.Background())
	opts := testOptions(l)
	opts.Rows = 1000
	opts.Progress = func(Progress) { cancel() }
	if _, err := Files(ctx, opts, []string{log}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	opts.Progress = nil
	ingest(t, opts, log)
	wantIDs(t, l, ids("a", 0, 10_000))
	entries, err := os.ReadDir(l.Path("_state/staging"))
	if err != nil || len(entries) != 0 {
		t.Errorf("staging: %v %v", entries, err)
	}
}
