package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// There is a manual page for each command, with each of its flags, its example and
// the day of the sources; and of the files that the program reads, with their keys.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	p := program{t: t, dir: dir}
	t.Setenv("SOURCE_DATE_EPOCH", "1768435200")
	p.run("man", "share/man")
	page := func(name string) string {
		t.Helper()
		return readText(t, filepath.Join(dir, "share", "man", name))
	}
	plain := strings.NewReplacer(`\-`, "-", `\fB`, "", `\fI`, "", `\fP`, "", `\&`, "", `\\`, `\`)
	commands := 0
	for _, c := range allCommands((&app{}).rootCommand()) {
		if c.Hidden {
			continue
		}
		commands++
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		text := page("man1/" + name + ".1")
		if want := `.TH "` + strings.ToUpper(name) + `" "1" "2026-01-15" "pixledger `; !strings.Contains(strings.ReplaceAll(text, `\-`, "-"), want) {
			t.Errorf("%s: it does not begin with %s:\n%.200s", name, want, text)
		}
		if strings.Contains(text, "\n\t") {
			t.Errorf("%s: it has tabs", name)
		}
		text = plain.Replace(text)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !regexp.MustCompile(`(?m)^(-., )?--`+f.Name+`\b`).MatchString(text) {
				t.Errorf("%s: --%s is missing", name, f.Name)
			}
		})
		for line := range strings.Lines(c.Example) {
			if !strings.Contains(text, strings.TrimSpace(line)) {
				t.Errorf("%s: its example is missing: %s", name, line)
			}
		}
	}
	if commands < 35 {
		t.Errorf("only %d commands", commands)
	}
	for name, want := range map[string]string{
		"man5/pixledger.yaml.5":     "retention_days",
		"man5/pixledger-catalog.5":  "post_view_expire_mins",
		"man1/pixledger-snapshot.1": "SNAPSHOT",
		"man1/pixledger.1":          "pixledger.yaml(5)",
	} {
		if !strings.Contains(plain.Replace(page(name)), want) {
			t.Errorf("%s: %s is missing", name, want)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, errOut, code := p.try("man", "again"); code != 1 || !strings.Contains(errOut, `SOURCE_DATE_EPOCH is "yesterday"; allowed: seconds since 1970`) {
		t.Errorf("%d %s", code, errOut)
	}
}

// A text is what it was when it has gone through Markdown: marks are themselves.
func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"a <b> *c* `d` e_f [g]": "a \\<b\\> \\*c\\* \\`d\\` e\\_f \\[g\\]",
		"Do:\n\n  x *\n\nand":   "Do:\n\n```\n  x *\n\n```\nand",
		"Do:\n\n  x_y":          "Do:\n\n```\n  x_y\n```\n",
	} {
		if got := markdown(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// The program says its version, and .ci/version says it of the sources: by the
// tag, the commits since, what is changed; and without a repository by the changelog.
func TestVersion(t *testing.T) {
	if out := (program{t: t, dir: t.TempDir()}).run("--version"); !regexp.MustCompile(`^pixledger \S+ \(revision \S+, go1\.\S+, \w+/\w+\)\n$`).MatchString(out) {
		t.Errorf("--version: %q", out)
	}
	dir := t.TempDir()
	script, err := filepath.Abs(filepath.Join(repository, ".ci", "version"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "CHANGELOG.md"), "# Changelog\n\n## Unreleased\n")
	if err := os.Mkdir(filepath.Join(dir, ".ci"), 0o755); err != nil {
		t.Fatal(err)
	}
	copyTree(t, script, filepath.Join(dir, ".ci"))
	sh := func(line string) string {
		t.Helper()
		c := exec.Command("sh", "-ec", line)
		c.Dir = dir
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=Ms Fine", "GIT_AUTHOR_EMAIL=fine@network.example",
			"GIT_COMMITTER_NAME=Ms Fine", "GIT_COMMITTER_EMAIL=fine@network.example", "GIT_COMMITTER_DATE=2026-01-15T00:00:00Z")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for _, c := range []struct{ happens, want string }{
		{"", `0\.0\.0\+source`},
		{"echo '## [1.1.3] - 2026-01-01' >>CHANGELOG.md", `1\.1\.3\+source`},
		{"git init -q; git add .; git commit -qm one", `0\.0\.0\+1\.g[0-9a-f]{7}`},
		{"git tag v1.2.0", `1\.2\.0`},
		{"echo '## 1.2.0' >>CHANGELOG.md", `1\.2\.0\+dirty`},
		{"git commit -qam two", `1\.2\.0\+1\.g[0-9a-f]{7}`},
		{"echo >>CHANGELOG.md", `1\.2\.0\+1\.g[0-9a-f]{7}\.dirty`},
	} {
		if got := sh(c.happens + "\n.ci/version"); !regexp.MustCompile("^" + c.want + "$").MatchString(got) {
			t.Errorf("%s: the version is %s, want %s", c.happens, got, c.want)
		}
	}
	if got := sh(".ci/version time"); got != "1768435200" {
		t.Errorf("the time is %s", got)
	}
}
