package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a terminal of that width, and gives what a person would see.
func terminal(t *testing.T, width uint16) (screen, keyboard *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	keyboard, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Fatal(err)
	}
	return screen, keyboard
}

// A table fits the terminal that it is shown on, or COLUMNS; what goes elsewhere
// is not shortened.
func TestTableFitsTheTerminal(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	write(t, filepath.Join(p.dir, "pixledger.yaml"), "lake: ./lake\ncatalog: ./catalog.yaml\nsources: []\n")
	p.run("gen", "--lines", "100", "-o", "pixel.log", "--init-catalog", "catalog.yaml")
	p.run("ingest", "--format", "pixledger", "pixel.log")
	const sql = "SELECT 9007199254740993 AS id, repeat('wide ', 40) AS note"
	for _, c := range []struct {
		width   uint16
		columns string
		longest int
	}{{70, "", 70}, {70, "50", 50}, {70, "0", 70}, {20, "", 23}, {400, "", 223}} {
		screen, tty := terminal(t, c.width)
		command := p.command("query", sql)
		command.Stdout = tty
		command.Env = append(os.Environ(), "COLUMNS="+c.columns)
		if err := command.Run(); err != nil {
			t.Fatal(err)
		}
		tty.Close()
		out, _ := io.ReadAll(screen) // ends with EIO: nobody has the terminal open
		longest := 0
		for line := range strings.Lines(string(out)) {
			longest = max(longest, len([]rune(strings.TrimRight(line, "\r\n"))))
		}
		if longest != c.longest || !strings.Contains(string(out), "9007199254740993") {
			t.Errorf("a terminal of %d columns, COLUMNS=%q: %d columns wide\n%s", c.width, c.columns, longest, out)
		}
	}
	if out := p.run("query", sql, "--format", "table"); strings.Contains(out, "…") || !strings.Contains(out, strings.Repeat("wide ", 40)) {
		t.Errorf("through a pipe: %s", out)
	}
}
