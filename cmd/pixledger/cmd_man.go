package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

//go:embed templates/man/*.md
var manPages embed.FS

// manCommand writes the manual pages: for those who make packages, so the help
// does not list it.
func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Writes a manual page for each command, and those of its files, into DIR/man1 and
DIR/man5. They are dated SOURCE_DATE_EPOCH, seconds since 1970, or today.`,
		Example: "  pixledger man /usr/local/share/man",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			date, err := sourceDate(a.now())
			if err != nil {
				return err
			}
			return writeManual(c.Root(), date, args[0])
		},
	}
}

// sourceDate is the day that what is built carries, so that the same sources give
// the same bytes: https://reproducible-builds.org/specs/source-date-epoch/.
func sourceDate(now time.Time) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return now, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return now, fmt.Errorf("SOURCE_DATE_EPOCH is %q; allowed: seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// writeManual writes all pages. It changes the texts of the commands, which are
// not to be used any more.
func writeManual(root *cobra.Command, date time.Time, dir string) error {
	root.InitDefaultVersionFlag()
	root.DisableAutoGenTag = true // no "auto generated" of the day
	for _, c := range allCommands(root) {
		if !c.Hidden {
			toMarkdown(c)
		}
	}
	of, _, _ := buildVersion()
	m := manual{dir: dir, date: date, source: "pixledger " + of}
	for _, c := range allCommands(root) {
		if c.Hidden {
			continue
		}
		var roff bytes.Buffer
		if err := doc.GenMan(c, &doc.GenManHeader{Date: &date, Source: m.source, Manual: "pixledger"}, &roff); err != nil {
			return fmt.Errorf("manual page of %s: %w", c.CommandPath(), err)
		}
		if !c.HasParent() { // of what is no command
			roff.WriteString(".PP\n\\fBpixledger-snapshot\\fP(1), \\fBpixledger-catalog\\fP(5), \\fBpixledger.yaml\\fP(5)\n")
		}
		if err := m.write(strings.ReplaceAll(c.CommandPath(), " ", "-"), "1", roff.Bytes()); err != nil {
			return err
		}
	}
	for _, p := range []struct{ name, section, content string }{
		{"pixledger-snapshot", "1", ""}, {"pixledger.yaml", "5", "pixledger.yaml"}, {"pixledger-catalog", "5", "catalog.yaml"},
	} {
		text, err := manPages.ReadFile("templates/man/" + p.name + "." + p.section + ".md")
		if err != nil {
			return fmt.Errorf("read template: %w", err)
		}
		if p.content != "" {
			content, err := templates.ReadFile("templates/" + p.content)
			if err != nil {
				return fmt.Errorf("read template: %w", err)
			}
			text = bytes.Replace(text, []byte("{{content}}"), bytes.TrimSpace(content), 1)
		}
		title := fmt.Sprintf("%% %q %q %q %q %q\n", strings.ToUpper(p.name), p.section, "", m.source, "pixledger")
		if err := m.write(p.name, p.section, md2man.Render(append([]byte(title), text...))); err != nil {
			return err
		}
	}
	return nil
}

// manual is where pages go, and what stands at the foot of each.
type manual struct {
	dir    string
	date   time.Time
	source string
}

var (
	heading = regexp.MustCompile(`(?m)^(\.TH "[^"]*" "[^"]*") "[^"]*"`)
	option  = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*)\n\t`)
)

// write writes a page, with the day as man pages have it, and each option as a
// paragraph with a tag, where the writer of the pages has tabs.
func (m manual) write(name, section string, roff []byte) error {
	roff = heading.ReplaceAll(roff, []byte("${1} "+m.date.Format(`"2006-01-02"`)))
	roff = option.ReplaceAll(roff, []byte(".TP\n$1\n"))
	dir := filepath.Join(m.dir, "man"+section)
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, 0o755); err == nil {
			err = os.Chmod(dir, 0o755) // for everybody, whatever the umask
		}
	}
	path := filepath.Join(dir, name+"."+section)
	if err == nil {
		err = os.WriteFile(path, roff, 0o644)
	}
	if err == nil {
		err = os.Chmod(path, 0o644)
	}
	if err != nil {
		return fmt.Errorf("write manual page: %w", err)
	}
	return nil
}

// toMarkdown makes a command's texts what the writer of manual pages takes them for.
func toMarkdown(c *cobra.Command) {
	c.Long = markdown(c.Long)
	c.Short = markdown(c.Short)
	c.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = markdown(f.Usage) })
	c.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Usage = markdown(f.Usage) })
}

// marks are what Markdown would read as its own.
var marks = regexp.MustCompile("[\\\\*_<>\\[\\]`#|~]")

// markdown is a plain text as Markdown: its indented lines are code, and every
// mark in the others is itself.
func markdown(text string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(text) {
		if indented := strings.HasPrefix(line, "  "); indented != code && strings.TrimSpace(line) != "" {
			b.WriteString("```\n")
			code = indented
		}
		if !code {
			line = marks.ReplaceAllString(line, `\$0`)
		}
		b.WriteString(line)
	}
	if code {
		b.WriteString("\n```\n")
	}
	return b.String()
}
