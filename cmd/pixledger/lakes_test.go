package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pixledger/schemas/lake"
)

// Every lake of testdata/lakes was made by a release and is kept as it was. What
// the commands of its transcript.txt say of it today is what they said then, or
// the difference is one that the reader of the change has seen: the program reads
// it, goes on with it, and finds nothing wrong.
func TestLakesOfEarlierReleases(t *testing.T) {
	t.Setenv("GOGC", "100") // ingest leaves the collector of this process alone
	kept, err := filepath.Abs("testdata/lakes")
	if err != nil {
		t.Fatal(err)
	}
	transcripts, err := filepath.Glob(filepath.Join(kept, "*", "transcript.txt"))
	if err != nil || len(transcripts) == 0 {
		t.Fatal(transcripts, err)
	}
	for _, file := range transcripts {
		from := filepath.Dir(file)
		t.Run(filepath.Base(from), func(t *testing.T) {
			goIntoCopy(t, from)
			want := readText(t, file)
			var got strings.Builder
			for line := range strings.Lines(want) {
				command, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
				switch {
				case ok:
					fmt.Fprintf(&got, "$ %s\n", command)
					stdout, stderr, code := runInside(t, commandWords(command)[1:])
					writeMarked(&got, "|", stdout)
					writeMarked(&got, "!", stderr)
					if code != 0 {
						fmt.Fprintf(&got, "= %d\n", code)
					}
				case line == "\n" || strings.HasPrefix(line, "#"):
					got.WriteString(line)
				}
			}
			switch {
			case got.String() == want:
			case *update:
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s: the program says something else of the lake (go test -run %s -update accepts it)\n%s", file, t.Name(), firstDifference(want, got.String()))
			}
		})
	}
}

// A lake that a newer program wrote is refused by every command, whatever it
// would do with it.
func TestALakeOfANewerProgram(t *testing.T) {
	from, err := filepath.Abs("testdata/lakes/1")
	if err != nil {
		t.Fatal(err)
	}
	goIntoCopy(t, from)
	write(t, "lake/_state/lake.json", fmt.Sprintf(`{"version":%d,"created":"2027-01-01T00:00:00Z"}`, lake.Version+1))
	before := listing(t, "lake")
	for _, c := range commandsOnALake {
		stdout, stderr, code := runInside(t, c)
		want := fmt.Sprintf("pixledger: $DIR/lake: the lake is of version %d; allowed: up to %d: use the pixledger that wrote it or a newer one\n", lake.Version+1, lake.Version)
		if code != 1 || stdout != "" || stderr != want {
			t.Errorf("pixledger %s: exit code %d\n%s%s", strings.Join(c, " "), code, stdout, stderr)
		}
	}
	if after := listing(t, "lake"); after != before {
		t.Errorf("the lake has changed:\n%s", firstDifference(before, after))
	}
}

// commandsOnALake are those that open a lake, one of each.
var commandsOnALake = [][]string{
	{"run"}, {"ingest"}, {"ingest", "edge-1.log"}, {"attribute"}, {"close"}, {"void", "x", "--reason", "r", "--by", "n"},
	{"credit", "--line-item", "382", "--amount", "1", "--reason", "r", "--by", "n"}, {"export"}, {"export", "--list"},
	{"report", "revenue"}, {"explain", "x"}, {"query", "SELECT 1"}, {"warehouse"}, {"status"}, {"status", "--json"}, {"verify"}, {"rebuild"}, {"compact"}, {"compact", "--dry-run"}, {"forget", "x"}, {"forget", "--resume"},
}

// goIntoCopy makes the working folder a copy of another.
func goIntoCopy(t *testing.T, from string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "network")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

// runInside runs a command without a process of its own, and takes out of what
// it says where the folder is and what differs from run to run.
func runInside(t *testing.T, args []string) (stdout, stderr string, code int) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code = run(t.Context(), args, &out, &errOut)
	steady := func(text string) string {
		text = strings.ReplaceAll(text, dir, "$DIR")
		for _, c := range slices.Concat(changing, changingInside) {
			text = c.pattern.ReplaceAllString(text, c.instead)
		}
		return text
	}
	return steady(out.String()), steady(errOut.String()), code
}

var changingInside = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(T\d\d:\d\d):\d\d\.\d{4,}Z`), "$1:SS"},                    // of a commit: --now, and how long it took
	{regexp.MustCompile(`(,bytes|as of commit \d+), \d+|(,bytes),\d+`), "$1$2, N"}, // of files that are written now
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range g {
		if i >= len(w) || w[i] != g[i] {
			return fmt.Sprintf("line %d: %s\nwas: %s", i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	return fmt.Sprintf("it ends after line %d", len(g))
}

// listing is every file below a folder with its size and time.
func listing(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil && !d.IsDir() {
			fmt.Fprintln(&b, path, fi.Size(), fi.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
