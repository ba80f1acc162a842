package main

import (
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	_ "github.com/duckdb/duckdb-go/v2"

	samplelogs "pixledger/sample-logs"
)

var updateReadme = flag.Bool("update-readme", false, "write what the program prints into README.md and docs")

// repository is the folder that README.md stands in.
const repository = "../.."

// What the README tells newcomers to type works, in the order in which it
// tells it, on a machine that has nothing but the program.
func TestReadme(t *testing.T) {
	readme := readText(t, filepath.Join(repository, "README.md"))
	dir := t.TempDir()
	linkProgram(t, filepath.Join(dir, "bin"))

	var script []string
	for _, block := range fenced(readme, "sh") {
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			if target, ok := strings.CutPrefix(line, "make "); ok {
				checkTarget(t, strings.Fields(target)[0]) // building is what got this test here
				continue
			}
			script = append(script, line)
		}
	}
	if len(script) < 10 {
		t.Fatalf("README.md shows %d command lines", len(script))
	}
	shell(t, dir, script)

	t.Run("SQL", func(t *testing.T) {
		t.Chdir(filepath.Join(dir, "try")) // where its commands went
		blocks := fenced(readme, "sql")
		if len(blocks) == 0 {
			t.Fatal("README.md shows no SQL")
		}
		for _, query := range blocks {
			if duckdbRows(t, query) == 0 {
				t.Errorf("%s\ngives no row", query)
			}
		}
	})
}

// duckdbRows is how many rows a query has in a plain DuckDB.
func duckdbRows(t *testing.T, query string) int {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s\n%v", query, err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s\n%v", query, err)
	}
	return n
}

// The README shows the decisions and the figures that the demo prints, which
// ends with the revenue.
func TestReadmeShowsTheDemo(t *testing.T) {
	_, printed, _ := strings.Cut(program{t: t, dir: t.TempDir()}.run("demo"), "\n\n")
	shown, end, ok := strings.Cut(printed, "\n$ pixledger report revenue ")
	if !ok || !strings.Contains(end, " amount │") {
		t.Fatalf("the demo does not end with the revenue:\n%s", printed)
	}
	for line := range strings.Lines(printed) {
		// A terminal of 80 columns shortens names; what is much wider it shows record by record.
		if strings.HasPrefix(line, "│") && utf8.RuneCountInString(line) > 86 {
			t.Errorf("too wide for a narrow terminal: %s", line)
		}
	}
	showsWhatIsPrinted(t, "README.md", "demo", shown)
}

// The explanation in docs/attribution.md is one of the sample logs, in a folder
// with a better name; the README shows its beginning.
func TestDocsShowAnExplanation(t *testing.T) {
	dir := t.TempDir()
	p := program{t: t, dir: dir}
	p.run("demo", "--keep", "try")
	p.dir = filepath.Join(dir, "try")
	const command = "explain b3084aab67e4f79cfdbbf0ee90f21158"
	printed := p.run(strings.Fields(command)...)
	shown := "$ pixledger " + command + "\n" + strings.ReplaceAll(printed, p.dir, "/srv/try")
	showsWhatIsPrinted(t, "docs/attribution.md", "explain", shown)
	beginning, _, _ := strings.Cut(shown, "\nSettings in force")
	showsWhatIsPrinted(t, "README.md", "explain", beginning)
}

// showsWhatIsPrinted compares what was printed with the block of a document that
// stands behind a comment of that name.
func showsWhatIsPrinted(t *testing.T, document, name, printed string) {
	t.Helper()
	path := filepath.Join(repository, document)
	text := readText(t, path)
	begin, end := "<!-- "+name+" -->\n```\n", "```\n"
	before, rest, ok := strings.Cut(text, begin)
	if !ok {
		t.Fatalf("%s has no block that begins with %q", document, begin)
	}
	i := strings.Index("\n"+rest, "\n"+end)
	if i < 0 {
		t.Fatalf("%s: the block has no end", document)
	}
	shown, after := rest[:i], rest[i:]
	if shown == printed {
		return
	}
	if !*updateReadme {
		t.Fatalf("%s does not show what is printed (go test -run %s -update-readme mends it)\nshown:\n%s\nprinted:\n%s", document, t.Name(), shown, printed)
	}
	if err := os.WriteFile(path, []byte(before+begin+printed+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The commands that the sample logs' README begins with work in a copy of them.
func TestSampleLogsReadme(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "sample-logs"), samplelogs.FS); err != nil {
		t.Fatal(err)
	}
	var script []string
	for line := range strings.Lines(readText(t, filepath.Join(repository, "sample-logs", "README.md"))) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			script = append(script, strings.TrimSpace(command))
		}
	}
	if len(script) < 4 {
		t.Fatalf("sample-logs/README.md shows %d command lines", len(script))
	}
	linkProgram(t, filepath.Join(dir, "bin"))
	out := shell(t, dir, append([]string{"PATH=$PWD/bin:$PATH"}, script...))
	if !strings.Contains(out, "Autumn running shoes") {
		t.Errorf("its commands do not end with the revenue by line item:\n%s", out)
	}
}

// Every command line of pixledger in the documentation is one: its command and
// its flags exist.
func TestCommandLinesInDocs(t *testing.T) {
	found := 0
	for _, path := range documents(t) {
		for _, line := range commandLines(readText(t, path)) {
			found++
			all := (&app{}).rootCommand()
			all.InitDefaultHelpCmd()
			c, rest, err := all.Find(line)
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err != nil {
				t.Errorf("%s: pixledger %s: %v", path, strings.Join(line, " "), err)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d command lines were found", found)
	}
}

// commandLines are the command lines of pixledger in blocks of code.
func commandLines(document string) [][]string {
	var out [][]string
	code := false
	for line := range strings.Lines(document) {
		if strings.HasPrefix(line, "```") {
			code = !code
			continue
		}
		if !code && !strings.HasPrefix(line, "    ") {
			continue
		}
		line, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "$ "), " #")
		program, _, _ := strings.Cut(line, " ")
		if filepath.Base(program) != "pixledger" || !strings.Contains(line, " ") {
			continue
		}
		words := commandWords(line)[1:]
		if i := slices.IndexFunc(words, func(w string) bool { return slices.Contains([]string{"|", ">", "&&", "||", "&"}, w) }); i >= 0 {
			words = words[:i]
		}
		out = append(out, words)
	}
	return out
}

var linkPattern = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Links between files of the repository lead somewhere: to a file that is
// there, and to a heading that it has.
func TestLinksInDocs(t *testing.T) {
	found := 0
	for _, path := range documents(t) {
		for _, m := range linkPattern.FindAllStringSubmatch(readText(t, path), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			found++
			file, heading, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if heading != "" && !slices.Contains(headings(readText(t, target)), heading) {
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("%d links were found", found)
	}
}

// docs/README.md names every page beside it, and every command.
func TestIndexOfDocs(t *testing.T) {
	index := readText(t, filepath.Join(repository, "docs", "README.md"))
	pages, err := filepath.Glob(filepath.Join(repository, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
	for _, c := range (&app{}).rootCommand().Commands() {
		if !c.Hidden && !regexp.MustCompile("`"+c.Name()+"[ `]").MatchString(index) {
			t.Errorf("docs/README.md does not name the command %s", c.Name())
		}
	}
}

// headings are the names that a document's headings have in links.
func headings(document string) []string {
	var out []string
	for line := range strings.Lines(document) {
		text := strings.TrimLeft(line, "#")
		if text == line || !strings.HasPrefix(text, " ") {
			continue
		}
		var b strings.Builder
		for _, r := range strings.ToLower(strings.TrimSpace(text)) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f:
				b.WriteRune(r)
			}
		}
		out = append(out, b.String())
	}
	return out
}

// documents are the Markdown files of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(repository, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"docs", "sample-logs"} {
		err := filepath.WalkDir(filepath.Join(repository, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && filepath.Ext(path) == ".md" {
				out = append(out, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fenced are the blocks of code of a language.
func fenced(document, language string) []string {
	var out []string
	for _, part := range strings.Split("\n"+document, "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		out = append(out, block+"\n")
	}
	return out
}

// linkProgram puts the program under its name into a folder.
func linkProgram(t *testing.T, dir string) {
	t.Helper()
	self, err := os.Executable()
	if err == nil {
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "pixledger"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shell runs command lines, one after another, in one sh that ends with the
// first that fails. It gives stdout.
func shell(t *testing.T, dir string, lines []string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-ex", "-c", strings.Join(lines, "\n"))
	c.Dir = dir
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// checkTarget checks that the Makefile has a target.
func checkTarget(t *testing.T, name string) {
	t.Helper()
	if !strings.Contains("\n"+readText(t, filepath.Join(repository, "Makefile")), fmt.Sprintf("\n%s:", name)) {
		t.Errorf("README.md says make %s, which the Makefile does not have", name)
	}
}
