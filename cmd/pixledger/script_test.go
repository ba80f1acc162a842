package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the program says into the transcripts of testdata/script")

// The program as people meet it: scripts in testdata/script, one a theme, each
// in a folder of its own. What the program says stands in them word for word,
// in transcripts:
//
//	$ pixledger nope            a command line, run by sh
//	| …                         what it printed on stdout
//	! …                         and on stderr
//	= 2                         its exit code, unless 0
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			samples, err := filepath.Abs("../../sample-logs")
			env.Setenv("SAMPLES", samples)
			env.Setenv("GORACE", raceDetector)
			return err
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"transcript": scriptTranscript(scriptShell),
			"refusals":   scriptTranscript(scriptInside),
			"until":      scriptUntil,
			"listen":     scriptListen,
		},
	})
}

// speaker runs one command line and gives what it said.
type speaker func(ts *testscript.TestScript, command string) (stdout, stderr string, code int)

// scriptTranscript runs the command lines of a transcript in their order and
// compares what they say: transcript FILE, which stands in the script's first
// folder also after a cd.
func scriptTranscript(say speaker) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: transcript FILE")
		}
		transcribe(ts, say, args[0])
	}
}

func transcribe(ts *testscript.TestScript, say speaker, name string) {
	file := filepath.Join(ts.Getenv("WORK"), name)
	want := ts.ReadFile(file)
	var got strings.Builder
	for line := range strings.Lines(want) {
		command, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
		switch {
		case ok:
			fmt.Fprintf(&got, "$ %s\n", command)
			stdout, stderr, code := say(ts, command)
			writeMarked(&got, "|", scriptSteady(ts, stdout))
			writeMarked(&got, "!", scriptSteady(ts, stderr))
			if code != 0 {
				fmt.Fprintf(&got, "= %d\n", code)
			}
		case line == "\n" || strings.HasPrefix(line, "#"):
			got.WriteString(line)
		}
	}
	if got.String() == want {
		return
	}
	if !*update {
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "got"), []byte(got.String()), 0o644))
		_ = ts.Exec("diff", "-u", "--label", "want: "+name, "--label", "got", file, filepath.Join(ts.Getenv("WORK"), "got"))
		ts.Fatalf("%s: the program says something else (go test -run TestScripts -update accepts it)", name)
	}
	path := filepath.Join("testdata", "script", ts.Name()+".txtar")
	archive, err := txtar.ParseFile(path)
	ts.Check(err)
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	archive.Files[i].Data = []byte(got.String())
	ts.Check(os.WriteFile(path, txtar.Format(archive), 0o644))
}

func writeMarked(w *strings.Builder, mark, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintln(w, strings.TrimRight(mark+" "+strings.TrimSuffix(line, "\n"), " "))
	}
}

// scriptShell lets sh run a command line, in the script's folder.
func scriptShell(ts *testscript.TestScript, command string) (string, string, int) {
	// A command line that never ends is a finding, not a reason to wait.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", command)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SAMPLES", "WORK", "ADDRESS", "GORACE"} {
		c.Env = append(c.Env, name+"="+ts.Getenv(name))
	}
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		ts.Fatalf("%s: %v\n%s%s", command, errors.Join(err, ctx.Err()), stdout.String(), stderr.String())
	}
	return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
}

// scriptInside runs a command line without a process: for those that are
// refused before they look at anything, of which there are many, and those that
// name the script's folder as $WORK and need no other.
func scriptInside(ts *testscript.TestScript, command string) (string, string, int) {
	words := commandWords(strings.ReplaceAll(command, "$WORK", ts.Getenv("WORK")))
	if len(words) == 0 || words[0] != "pixledger" {
		ts.Fatalf("%s: is no command line of pixledger", command)
	}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), words[1:], &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

// commandWords splits a command line; double quotes hold words together.
func commandWords(command string) []string {
	var words []string
	for _, m := range wordPattern.FindAllStringSubmatch(command, -1) {
		words = append(words, m[1]+m[2])
	}
	return words
}

var wordPattern = regexp.MustCompile(`"([^"]*)"|(\S+)`)

// changing is what differs from run to run.
var changing = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\btime=\S+ `), ""},
	{regexp.MustCompile(`\(process \d+\)`), "(process N)"},
	{regexp.MustCompile(`\d+\.\d GiB free`), "N GiB free"},
	{regexp.MustCompile(`\d+ files, (\d+ log files)`), "N files, $1"}, // as many as the threads wrote
}

func scriptSteady(ts *testscript.TestScript, text string) string {
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	if address := ts.Getenv("ADDRESS"); address != "" {
		text = strings.ReplaceAll(text, address, "$ADDRESS")
	}
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.instead)
	}
	return text
}

// scriptUntil runs a command until its stdout matches: until PATTERN COMMAND…
func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND…")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_ = ts.Exec(args[1], args[2:]...) // until then it may fail
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("waited in vain for %q", args[0])
		case <-tick.C:
		}
	}
}

// scriptListen takes a port of this machine and sets ADDRESS: listen.
func scriptListen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: listen")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv("ADDRESS", l.Addr().String())
}

// Every command explains itself: --help ends well, on stdout alone, and shows
// examples whose commands and flags there are.
func TestHelpOfEveryCommand(t *testing.T) {
	root := (&app{}).rootCommand()
	root.InitDefaultHelpCmd()
	for _, c := range allCommands(root) {
		words := strings.Fields(c.CommandPath())[1:]
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), append(slices.Clone(words), "--help"), &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
			t.Errorf("%s --help: exit code %d, stderr %q", c.CommandPath(), code, stderr.String())
		}
		if !strings.Contains(stdout.String(), "\nExamples:\n  pixledger") {
			t.Errorf("%s --help shows no example:\n%s", c.CommandPath(), stdout.String())
		}
		var asked bytes.Buffer
		if code := run(t.Context(), append([]string{"help"}, words...), &asked, &stderr); code != exitOK || asked.String() != stdout.String() {
			t.Errorf("help %s does not say what %s --help says:\n%s", strings.Join(words, " "), c.CommandPath(), asked.String())
		}
		for _, line := range exampleLines(c.Example) {
			all := (&app{}).rootCommand()
			all.InitDefaultHelpCmd()
			used, rest, err := all.Find(line)
			if err == nil {
				err = used.ParseFlags(rest)
			}
			if err == nil && used.Args != nil {
				err = used.Args(used, used.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s --help shows a command line that is none: %q: %v", c.CommandPath(), line, err)
			}
		}
	}
}

// exampleLines are the pixledger command lines of an example, in words and
// without the program's name.
func exampleLines(example string) [][]string {
	var out [][]string
	for line := range strings.Lines(example) {
		for command := range strings.SplitSeq(line, "&&") {
			words := commandWords(command)
			if len(words) > 0 && words[0] == "pixledger" {
				if i := slices.Index(words, "|"); i > 0 {
					words = words[:i]
				}
				out = append(out, words[1:])
			}
		}
	}
	return out
}
