package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var guideNow = regexp.MustCompile(`^<!-- now (\S+) -->$`)

var guideFile = regexp.MustCompile(`^<!-- file (\S+) -->$`)

// What docs/reconciliation.md tells account managers to type prints what it
// shows, in the order in which it tells it: in a folder of the sample logs, at
// the times that its comments say, with the files that it shows.
func TestGuideToReconciliation(t *testing.T) { keepsItsWord(t, "reconciliation.md") }

// So does what docs/privacy.md tells those who answer requests of people.
func TestGuideToPrivacy(t *testing.T) { keepsItsWord(t, "privacy.md") }

// keepsItsWord runs a document's commands beside the sample logs.
func keepsItsWord(t *testing.T, document string) {
	t.Helper()
	path := filepath.Join(repository, "docs", document)
	text := readText(t, path)
	dir := t.TempDir()
	program{t: t, dir: dir}.run("demo", "--keep", "try")
	linkProgram(t, filepath.Join(dir, "bin"))
	g := guide{t: t, dir: filepath.Join(dir, "try"), path: filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}
	got := g.run(text)
	if g.commands < 5 {
		t.Errorf("it shows %d command lines", g.commands)
	}
	keepsShowing(t, path, text, got)
}

// keepsShowing compares a document with what it should be, or makes it so.
func keepsShowing(t *testing.T, path, text, want string) {
	t.Helper()
	switch {
	case want == text:
	case !*updateReadme:
		t.Errorf("%s does not show what is printed (go test -run %s -update-readme mends it); printed:\n%s", path, t.Name(), want)
	default:
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// guide runs a document.
type guide struct {
	t        *testing.T
	dir      string
	path     string // where programs are looked for
	now      string
	commands int
}

// run gives the document as it should be.
func (g *guide) run(text string) string {
	var out, file strings.Builder
	name, block := "", ""
	for line := range strings.Lines(text) {
		bare := strings.TrimSuffix(line, "\n")
		if m := guideNow.FindStringSubmatch(bare); m != nil {
			g.now = m[1]
		}
		if m := guideFile.FindStringSubmatch(bare); m != nil {
			name = m[1]
		}
		command, isCommand := strings.CutPrefix(bare, "$ ")
		switch {
		case block == "" && strings.HasPrefix(bare, "```"):
			block = bare
		case bare == "```" && block != "":
			if block == "```csv" && name != "" {
				write(g.t, filepath.Join(g.dir, name), file.String())
			}
			block, name = "", ""
			file.Reset()
		case block == "```csv":
			file.WriteString(line)
		case block == "```" && isCommand:
			out.WriteString(line + g.say(command))
			continue
		case block == "```":
			continue // what a command printed
		}
		out.WriteString(line)
	}
	return out.String()
}

// say runs a command line and gives what it prints, on both streams.
func (g *guide) say(command string) string {
	g.commands++
	line := command
	if strings.HasPrefix(command, "pixledger ") {
		line += " --now " + g.now
	}
	c := exec.CommandContext(g.t.Context(), "sh", "-c", line)
	c.Dir = g.dir
	c.Env = append(os.Environ(), "PATH="+g.path)
	printed, err := c.CombinedOutput()
	if err != nil {
		g.t.Fatalf("%s: %v\n%s", command, err, printed)
	}
	return string(printed)
}
