package main

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the documents about pixels show is what is printed, in the folder that the
// demo leaves. All of it runs inside the test: nothing in it needs a process.
func TestPixelsByHand(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "try")
	var out bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--keep", home}, &out, &out); code != exitOK {
		t.Fatalf("demo: exit code %d\n%s", code, out.String())
	}
	shown := 0
	for _, document := range []string{"docs/pixels.md", "docs/pixel-health.md", "docs/segments.md"} {
		path := filepath.Join(repository, document)
		text := readText(t, path)
		var got strings.Builder
		printing := false // what stands there was printed
		for line := range strings.Lines(text) {
			command, isCommand := strings.CutPrefix(line, "$ ")
			switch {
			case line == "```console\n":
				printing = true
			case line == "```\n":
				printing = false
			case printing && isCommand:
				shown++
				got.WriteString(line + strings.ReplaceAll(sayHere(t, home, strings.TrimSpace(command)), home, "/srv/try"))
				continue
			case printing:
				continue
			}
			got.WriteString(line)
		}
		keepsShowing(t, path, text, got.String())
	}
	if shown < 8 {
		t.Errorf("only %d commands are shown", shown)
	}
}

// sayHere runs a command line of pixledger in a folder and gives what a terminal
// would show of it. Of the shell it knows "2>/dev/null" and "|| true".
func sayHere(t *testing.T, home, command string) string {
	t.Helper()
	command, mayFail := strings.CutSuffix(command, " || true")
	command, quiet := strings.CutSuffix(command, " 2>/dev/null")
	words := commandWords(command)
	if len(words) == 0 || words[0] != "pixledger" || slices.ContainsFunc(words, func(w string) bool { return strings.ContainsAny(w, "|&><;$") }) {
		t.Fatalf("%s: is no plain command line of pixledger", command)
	}
	var shown bytes.Buffer
	stderr := io.Writer(&shown)
	if quiet {
		stderr = io.Discard
	}
	if code := run(t.Context(), append(words[1:], "-c", filepath.Join(home, "pixledger.yaml")), &shown, stderr); code != exitOK && !mayFail {
		t.Errorf("%s: exit code %d\n%s", command, code, shown.String())
	}
	return shown.String()
}
