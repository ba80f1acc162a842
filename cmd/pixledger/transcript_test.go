package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The transcripts of docs/exports.md are what is printed, one after another, in
// a folder of the sample logs.
func TestExportsByHand(t *testing.T) {
	showsTranscripts(t, "docs/exports.md")
}

// showsTranscripts runs the command lines of a document's console blocks in
// their order, by sh in the folder that the demo leaves, and compares what they
// print with what stands behind each. A line that ends in \ goes on in the next.
func showsTranscripts(t *testing.T, document string) {
	t.Helper()
	dir := t.TempDir()
	program{t: t, dir: dir}.run("demo", "--keep", "try")
	showsTranscriptsIn(t, document, dir)
}

// showsTranscriptsIn is showsTranscripts in the folder try of another one.
func showsTranscriptsIn(t *testing.T, document, dir string) {
	t.Helper()
	linkProgram(t, filepath.Join(dir, "bin"))
	home := filepath.Join(dir, "try")
	path := filepath.Join(repository, document)
	text := readText(t, path)
	var out strings.Builder
	rest, blocks := text, 0
	for {
		before, block, ok := strings.Cut(rest, "```console\n")
		out.WriteString(before)
		if !ok {
			break
		}
		block, rest, ok = strings.Cut(block, "```\n")
		if !ok {
			t.Fatalf("%s: a block has no end", document)
		}
		blocks++
		out.WriteString("```console\n")
		for _, command := range commandsOf(block) {
			out.WriteString("$ " + command + "\n")
			c := exec.CommandContext(t.Context(), "sh", "-c", command)
			c.Dir = home
			c.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
			printed, err := c.CombinedOutput()
			out.WriteString(strings.ReplaceAll(string(printed), home, "/srv/try"))
			if err != nil && !strings.Contains(command, "|| ") {
				t.Errorf("%s: %s: %v\n%s", document, command, err, printed)
			}
		}
		out.WriteString("```\n")
	}
	if blocks == 0 {
		t.Fatalf("%s has no transcript", document)
	}
	if out.String() == text {
		return
	}
	if !*updateReadme {
		t.Fatalf("%s does not show what is printed (go test -run %s -update-readme mends it)\nprinted:\n%s", document, t.Name(), out.String())
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// commandsOf gives a transcript's command lines.
func commandsOf(block string) []string {
	var out []string
	goesOn := false
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		command, begins := strings.CutPrefix(line, "$ ")
		switch {
		case begins:
			out = append(out, command)
		case goesOn:
			out[len(out)-1] += "\n" + line
		default:
			continue
		}
		goesOn = strings.HasSuffix(line, `\`)
	}
	return out
}
