package ingest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func verify(t *testing.T, root string, since time.Time) []string {
	t.Helper()
	l, err := lake.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := Verify(context.Background(), l, s, since)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}

// filledLake has two commits of a log with rows of several types and rejects.
func filledLake(t *testing.T) *lake.Lake {
	t.Helper()
	l := testLake(t)
	log := filepath.Join(t.TempDir(), "pixel.log")
	other := strings.NewReplacer("/imptr?id=2766", "/px?id=1&seg=4,5&remove=6&order_id=A&value=12.5&x=y").Replace(lines("c", 0, 3000))
	write(t, log, lines("a", 0, 3000)+"no request\n"+other+strings.ReplaceAll(line("z"), "/imptr", "/index"))
	ingest(t, testOptions(l), log)
	appendTo(t, log, lines("b", 0, 5))
	ingest(t, testOptions(l), log)
	return l
}

func TestVerifyFindsNothingWrongWithAGoodLake(t *testing.T) {
	l := filledLake(t)
	if got := verify(t, l.Root(), time.Time{}); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	flip := func(path string, at int64) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[at] ^= 0xff
		write(t, path, string(b))
	}
	clicks := "events/type=impression/date=2026-11-01/c000000000001-"
	first := func(l *lake.Lake, prefix string) string {
		s, err := l.State()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.FilesOf(schemas.Events, "") {
			if strings.HasPrefix(p, prefix) {
				return l.Path(p)
			}
		}
		t.Fatal("no file " + prefix)
		return ""
	}
	for name, c := range map[string]struct {
		damage func(l *lake.Lake)
		want   string
	}{
		"missing file":     {func(l *lake.Lake) { os.Remove(first(l, clicks)) }, "is missing"},
		"flipped bit":      {func(l *lake.Lake) { flip(first(l, clicks), 900) }, "has changed since its commit"},
		"cut file":         {func(l *lake.Lake) { os.Truncate(first(l, clicks), 500) }, "has 500 bytes"},
		"stray file":       {func(l *lake.Lake) { write(t, l.Path("events/type=click/date=2026-11-01.parquet"), "x") }, "no commit added it"},
		"stray with name":  {func(l *lake.Lake) { write(t, l.Path("rejects/date=1970-01-01/c000000000001-9.parquet"), "x") }, "no commit added it"},
		"damaged empty":    {func(l *lake.Lake) { flip(l.Path("voids/empty.parquet"), 10); flip(l.Path("voids/empty.parquet"), 60) }, "voids/empty.parquet"},
		"changed record":   {func(l *lake.Lake) { edit(t, l, 1, `"edge":"pixel.log"`, `"edge":"pixel.lag"`) }, "commit 2: does not name the hash of commit 1"},
		"changed account":  {func(l *lake.Lake) { edit(t, l, 1, `"conversion":3000`, `"conversion":2999`) }, "3000 rows of events/type=conversion, its account 2999"},
		"lines without":    {func(l *lake.Lake) { edit(t, l, 1, `"ignored":1`, `"ignored":2`) }, "6002 lines were read, events, rejects, ignored and not counted are 6003"},
		"record of others": {func(l *lake.Lake) { edit(t, l, 1, `"seq":1`, `"seq":3`) }, "holds commit 3"},
	} {
		t.Run(name, func(t *testing.T) {
			l := filledLake(t)
			s, err := l.State()
			if err != nil {
				t.Fatal(err)
			}
			c.damage(l)
			problems, err := Verify(context.Background(), l, s, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				if strings.Contains(p.String(), c.want) {
					return
				}
			}
			t.Errorf("got %v, want %q", problems, c.want)
		})
	}
}

// edit changes the text of a commit record.
func edit(t *testing.T, l *lake.Lake, seq int, old, new string) {
	t.Helper()
	p := l.Path("_state/commits/00000000000" + string(rune('0'+seq)) + ".json")
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s has no %s: %s", p, old, b)
	}
	write(t, p, strings.Replace(string(b), old, new, 1))
}

// A file that was damaged before its hash was taken is found by reading it.
func TestVerifyReadsEveryPage(t *testing.T) {
	l := filledLake(t)
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	for p, f := range s.Files {
		if f.Rows < 1000 {
			continue
		}
		path := l.Path(p)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 64 { // in the middle: data pages
			b[len(b)/3+i] ^= 0x5a
		}
		write(t, path, string(b))
		if err := readBack(path, schemas.Events, f.Rows); err == nil {
			t.Errorf("%s: damaged pages were read", p)
		}
	}
}

func TestVerifySinceReadsOnlyNewerFiles(t *testing.T) {
	l := filledLake(t)
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	for p := range s.Files {
		b, err := os.ReadFile(l.Path(p))
		if err != nil {
			t.Fatal(err)
		}
		b[100] ^= 0xff
		write(t, l.Path(p), string(b))
	}
	if got := verify(t, l.Root(), testTime.Add(time.Hour)); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	if got := verify(t, l.Root(), testTime); len(got) != len(s.Files) {
		t.Errorf("got %q", got)
	}
}
