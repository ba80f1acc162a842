package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// Every command line that docs/operations.md shows is run, in its order, and
// prints what stands behind it. Each section begins with a machine of its own, in
// a folder that stands for its root, at the time that its comments say:
//
//	<!-- machine NAME -->    a new one, made by a function of testdata/operations/world.sh
//	<!-- now TIME -->        what the clock says from here on
//	<!-- happens COMMANDS -->  what happens to it meanwhile
//
// systemctl is one that starts and stops the daemon in such a folder.
func TestOperationsByHand(t *testing.T) {
	path := filepath.Join(repository, "docs", "operations.md")
	text := readText(t, path)
	const second = "\n## Disasters\n"
	before, after, ok := strings.Cut(text, second)
	if !ok {
		t.Fatalf("%s has no heading %q", path, strings.TrimSpace(second))
	}
	halves := []string{before, second + after}
	t.Run("halves", func(t *testing.T) { // ends when both have
		for i, half := range halves {
			t.Run([]string{"procedures", "disasters"}[i], func(t *testing.T) {
				t.Parallel()
				m := newDrillMachine(t)
				halves[i] = m.page(half)
				if m.commands < 30 {
					t.Errorf("it shows %d command lines", m.commands)
				}
			})
		}
	})
	got := strings.Join(halves, "")
	if steadyPage(got) == steadyPage(text) {
		return
	}
	if !*updateReadme {
		t.Fatalf("%s does not show what is printed (go test -run %s -update-readme mends it)\n%s", path, t.Name(), firstDifference(steadyPage(text), steadyPage(got)))
	}
	if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// drillMachine is a folder that passes for a machine.
type drillMachine struct {
	t        *testing.T
	root     string // its /
	dir      string // where commands are typed, below it
	now      string
	address  string
	env      []string
	commands int
}

func newDrillMachine(t *testing.T) *drillMachine {
	t.Helper()
	top := t.TempDir()
	linkProgram(t, filepath.Join(top, "program"))
	p := program{t: t, dir: top}
	p.run("gen", "--seed", "3", "--start", "2026-11-20T00:00:00Z", "--days", "6", "--lines", "3000", "--users", "60", "-o", "network.log", "--init-catalog", "catalog.yaml")
	tools, err := filepath.Abs("testdata/operations")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Abs(filepath.Join(repository, "docs"))
	if err != nil {
		t.Fatal(err)
	}
	m := &drillMachine{t: t, root: filepath.Join(top, "machine"), address: edgetest.Addr(t)}
	m.env = append(os.Environ(), "ROOT="+m.root, "ADDRESS="+m.address, "TZ=UTC",
		"PIXLEDGER="+filepath.Join(top, "program", "pixledger"), "WORLD="+filepath.Join(tools, "world.sh"), "DOCS="+docs,
		"PATH="+filepath.Join(tools, "bin")+":"+filepath.Join(docs, "systemd")+":"+os.Getenv("PATH"))
	t.Cleanup(m.end)
	return m
}

// end stops the machine's daemon, if it has one.
func (m *drillMachine) end() {
	if _, err := os.Stat(m.root); err != nil {
		return
	}
	stop := "systemctl stop pixledger; for disk in $ROOT/mnt/*; do if mountpoint -q $disk; then umount $disk; fi; done"
	if out, err := m.shell(stop).CombinedOutput(); err != nil {
		m.t.Errorf("stop the daemon: %v\n%s", err, out)
	}
	journal, err := os.ReadFile(filepath.Join(m.root, "journal"))
	if err == nil && strings.Contains(string(journal), "DATA RACE") {
		m.t.Errorf("%s", journal)
	}
}

// shell gives a command line of the machine that is not started yet.
func (m *drillMachine) shell(line string) *exec.Cmd {
	c := exec.CommandContext(m.t.Context(), "sh", "-c", line)
	if m.t.Context().Err() != nil { // in the test's end
		c = exec.Command("sh", "-c", line)
	}
	c.Dir = m.root + m.dir
	c.Env = append(slices.Clone(m.env), "NOW="+m.now)
	return c
}

// happens runs what the page does not show.
func (m *drillMachine) happens(line string) {
	m.t.Helper()
	if out, err := m.shell("set -eu; . $WORLD; " + line).CombinedOutput(); err != nil {
		m.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// anew begins with another machine.
func (m *drillMachine) anew(function string) {
	m.t.Helper()
	m.end()
	if err := os.RemoveAll(m.root); err != nil {
		m.t.Fatal(err)
	}
	m.dir = "/etc/pixledger"
	if err := os.MkdirAll(m.root+m.dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	m.happens(function)
}

// ownPaths are the machine's, as they stand in command lines.
var ownPaths = regexp.MustCompile(`(^|[\s'"=:|(])(/(?:etc/(?:pixledger|systemd|nginx)|var/lib|var/log|usr/local|root|srv|backup|mnt)\b)`)

// types runs a command line that the page shows, and gives what it prints, on
// both streams. One that fails must say so: its line ends in a comment that names
// the exit code.
func (m *drillMachine) types(command string) string {
	m.t.Helper()
	m.commands++
	if to, ok := strings.CutPrefix(command, "cd "); ok {
		m.dir = to
		return ""
	}
	out, err := m.shell(ownPaths.ReplaceAllString(command, "${1}"+m.root+"${2}")).CombinedOutput()
	fails := strings.HasSuffix(command, "# exit code 1")
	if (err != nil) != fails {
		m.t.Errorf("%s: %v\n%s", command, err, out)
	}
	printed := strings.ReplaceAll(string(out), m.root, "")
	return strings.ReplaceAll(printed, m.address, "127.0.0.1:8420")
}

var drillComment = regexp.MustCompile(`^<!-- (machine|now|happens) (.+) -->$`)

// page gives the page as it should be.
func (m *drillMachine) page(text string) string {
	m.t.Helper()
	var out strings.Builder
	inside, away, command := false, false, ""
	for line := range strings.Lines(text) {
		bare := strings.TrimSuffix(line, "\n")
		said := drillComment.FindStringSubmatch(bare)
		typed, begins := strings.CutPrefix(bare, "$ ")
		switch {
		case said != nil && said[1] == "machine":
			function, heavy := strings.CutPrefix(said[2], "only testall: ")
			if away = heavy && !drillsMount; !away {
				m.anew(function)
			}
		case said != nil && said[1] == "now":
			m.now = said[2]
		case said != nil && !away:
			m.happens(said[2])
		case bare == "```console" || bare == "```":
			inside = bare == "```console"
		case away:
		case inside && begins:
			command = typed
		case inside && command != "":
			command += "\n" + bare
		case inside:
			continue // what was printed
		}
		out.WriteString(line)
		if inside && command != "" && !strings.HasSuffix(bare, `\`) {
			out.WriteString(m.types(command))
			command = ""
		}
	}
	return out.String()
}

// steady leaves out what differs from run to run, and from machine to machine.
func steadyPage(text string) string {
	for _, c := range slices.Concat(changingInDrills, changing) {
		text = c.pattern.ReplaceAllString(text, c.instead)
	}
	return text
}

var changingInDrills = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(\d{4}-\d\d-\d\d) \d\d:\d\d:\d\dZ`), "$1"},                              // of a commit: the daemon's clock goes on
	{regexp.MustCompile(`SHA-256 [0-9a-f]{64}, not [0-9a-f]{64}`), "SHA-256 A, not B"},           // of a file that was written now
	{regexp.MustCompile(`\d+ commits?, \d+ files?, (\d+ log files?)`), "N commits, N files, $1"}, // a daemon says of a log that it has ended in one of its own
}
