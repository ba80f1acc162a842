package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var guideNow = regexp.MustCompile(`^<!-- now (\S+) -->$`)

var guideFile = regexp.MustCompile(`^<!-- (file|edit) (\S+) -->$`)

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
//
//	<!-- now TIME -->   what the clock says from here on
//	<!-- file NAME -->  the next block is this file
//	<!-- edit NAME -->  the next block stands in this file in the place of its paragraph with that key
type guide struct {
	t        *testing.T
	dir      string
	path     string // where programs are looked for
	now      string
	commands int

	root   string // a folder that passes for /, if any
	screen uint16 // the columns of the terminal that is printed on; 0: none
	daemon func() // what `pixledger run` does
}

// run gives the document as it should be.
func (g *guide) run(text string) string {
	var out, file strings.Builder
	how, name, block := "", "", ""
	for line := range strings.Lines(text) {
		bare := strings.TrimSuffix(line, "\n")
		if m := guideNow.FindStringSubmatch(bare); m != nil {
			g.now = m[1]
		}
		if m := guideFile.FindStringSubmatch(bare); m != nil {
			how, name = m[1], m[2]
		}
		command, isCommand := strings.CutPrefix(bare, "$ ")
		switch {
		case block == "" && strings.HasPrefix(bare, "```"):
			block = bare
		case bare == "```" && block != "":
			if block != "```" && name != "" {
				g.file(how, filepath.Join(g.dir, name), file.String())
			}
			block, name = "", ""
			file.Reset()
		case block != "" && block != "```":
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

// file writes a file, or a paragraph of it.
func (g *guide) file(how, path, block string) {
	g.t.Helper()
	block = g.inside(block)
	if how == "file" {
		write(g.t, path, block)
		return
	}
	key, _, _ := strings.Cut(block, ":")
	paragraph := regexp.MustCompile(`(?m)^#?` + regexp.QuoteMeta(key) + `:.*\n(.+\n)*`)
	text := readText(g.t, path)
	at := paragraph.FindStringIndex(text)
	if at == nil {
		g.t.Fatalf("%s has no %s:", path, key)
	}
	write(g.t, path, text[:at[0]]+block+text[at[1]:])
}

// inside gives a text of the page with the machine's paths below the root.
func (g *guide) inside(text string) string {
	if g.root == "" {
		return text
	}
	return ownPaths.ReplaceAllString(text, "${1}"+g.root+"${2}")
}

// say runs a command line and gives what it prints, on both streams.
func (g *guide) say(command string) string {
	g.commands++
	if to, ok := strings.CutPrefix(command, "cd "); ok {
		g.dir = filepath.Join(g.dir, to)
		return ""
	}
	if command == "pixledger run" && g.daemon != nil {
		g.daemon()
		return ""
	}
	line := g.inside(command)
	if rest, ok := strings.CutPrefix(line, "pixledger "); ok {
		line = "pixledger --now " + g.now + " " + rest
	}
	c := exec.CommandContext(g.t.Context(), "sh", "-c", line)
	c.Dir = g.dir
	c.Env = append(os.Environ(), "PATH="+g.path, "COLUMNS=")
	printed, err := g.printed(c)
	if err != nil {
		g.t.Fatalf("%s: %v\n%s", command, err, printed)
	}
	if g.root != "" {
		printed = strings.ReplaceAll(printed, g.root, "")
	}
	return printed
}

// printed runs a command and gives what it prints: what it says on stderr is not
// said on a terminal, where it would draw its progress.
func (g *guide) printed(c *exec.Cmd) (string, error) {
	g.t.Helper()
	if g.screen == 0 {
		out, err := c.CombinedOutput()
		return string(out), err
	}
	screen, tty := terminal(g.t, g.screen)
	defer screen.Close()
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = tty, &stderr
	err := c.Start()
	tty.Close()
	if err != nil {
		return "", err
	}
	out, _ := io.ReadAll(screen) // ends with EIO: nobody has the terminal open
	err = c.Wait()
	return strings.ReplaceAll(string(out), "\r\n", "\n") + stderr.String(), err
}
