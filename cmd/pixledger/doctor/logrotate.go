package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// rotation is a stanza of logrotate's configuration, with what was said before
// it for all.
type rotation struct {
	patterns []string
	file     string
	line     int

	period        string // hourly, daily, weekly, monthly, yearly; "" where the size alone counts
	rotate        int
	maxage        int
	copytruncate  bool
	compress      bool
	delaycompress bool
	dateext       bool
	dateformat    string
	compresscmd   string
	olddir        string
	create        []string // mode, owner, group, as far as given
	postrotate    string
}

func (s *rotation) at() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

// Logrotate looks how the sources' logs are rotated. conf is logrotate's
// configuration, read with what it includes; asked says that somebody named it.
func Logrotate(r *Report, conf string, asked bool, logs []Log) {
	c := rotations{}
	switch err := c.read(conf, 0); {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		return
	case err != nil:
		r.Warn("logrotate", "let this user read it, or name another with --logrotate", "logrotate's configuration can't be read: %v", err)
		return
	}
	for _, l := range logs {
		check := "logrotate " + l.Source
		var cover []*rotation
		for i := range c.list {
			if c.list[i].covers(l.Path) {
				cover = append(cover, &c.list[i])
			}
		}
		switch {
		case len(cover) == 0:
			unrotated(r, check, &l)
			continue
		case len(cover) > 1:
			r.Warn(check, "take it out of one of them", "%s is rotated by %s and again by %s: logrotate leaves out the file of the second one, whole", l.Path, cover[0].at(), cover[1].at())
		}
		cover[0].judge(r, check, &l)
	}
}

// largeLog is a size at which nobody rotates a log, in bytes.
const largeLog = 1 << 30

func unrotated(r *Report, check string, l *Log) {
	if fi, err := os.Stat(l.Path); err == nil && fi.Size() > largeLog {
		r.Warn(check, "docs/edge.md has a stanza for it", "%s is %.1f GiB, and logrotate does not rotate it", l.Path, float64(fi.Size())/(1<<30))
	}
}

func (s *rotation) covers(path string) bool {
	return slices.ContainsFunc(s.patterns, func(p string) bool {
		ok, err := filepath.Match(p, path)
		return err == nil && ok
	})
}

// days are how long a line is kept at least after rotation.
func (s *rotation) days() (int, bool) {
	each, ok := map[string]int{"hourly": 0, "daily": 1, "weekly": 7, "monthly": 28, "yearly": 365}[s.period]
	if !ok || s.rotate < 0 {
		return 0, false
	}
	if s.period == "hourly" {
		return s.rotate / 24, true
	}
	return s.rotate * each, true
}

func (s *rotation) judge(r *Report, check string, l *Log) {
	sound := true
	warn := func(remedy, format string, args ...any) {
		sound = false
		r.Warn(check, remedy, s.at()+": "+format, args...)
	}
	if s.copytruncate {
		sound = false
		r.Problem(check, "take copytruncate out: rename (create) and have postrotate send nginx USR1; docs/edge.md has a stanza", "%s: copytruncate loses the lines that are written while %s is copied", s.at(), l.Path)
	}
	if days, known := s.days(); known && days < 7 {
		warn("rotate 7 or more, as many days as the daemon may be down", "rotated files of %s are kept for %s: what is not read by then is lost", l.Path, plural(days, "day"))
	}
	if s.maxage > 0 && s.maxage < 7 {
		warn("maxage 7 or more, or none", "rotated files of %s are removed after %s, whether they were read or not", l.Path, plural(s.maxage, "day"))
	}
	if !s.copytruncate && !s.reopens() {
		warn("in postrotate: [ ! -f /run/nginx.pid ] || kill -USR1 \"$(cat /run/nginx.pid)\"", "nobody tells nginx to open %s anew after it is renamed: it writes on into the rotated file", l.Path)
	}
	if s.compress && !s.delaycompress && !s.copytruncate {
		warn("add delaycompress", "%s is compressed at once, while nginx may still write into it", l.Path)
	}
	if s.compress && !s.readable() {
		warn("compress with gzip (the default) or zstd", "rotated files of %s are compressed by %s, which can't be read", l.Path, s.compresscmd)
	}
	if s.dateext && s.period == "hourly" && !strings.Contains(s.dateformat, "%H") && !strings.Contains(s.dateformat, "%s") {
		warn("dateformat -%Y%m%d%H, or no dateext", "dateext gives %s the same name every hour of a day: logrotate then does not rotate it", l.Path)
	}
	if s.olddir != "" && !l.Elsewhere {
		warn("set rotated: for the source, with the folder: "+filepath.Join(s.olddir, filepath.Base(l.Path))+"*", "rotated files of %s go to %s, where they are not looked for", l.Path, s.olddir)
	}
	if len(s.create) > 0 {
		if mode, err := strconv.ParseUint(s.create[0], 8, 32); err == nil && mode&0o044 == 0 {
			warn("create 0640 www-data adm, and the daemon's user in the group adm", "the new %s is made with the mode %s, which its owner alone can read", l.Path, s.create[0])
		}
	}
	if sound {
		r.OK(check, "%s: %s is rotated as it should be", s.at(), l.Path)
	}
}

// reopens tells whether postrotate seems to have nginx open its logs anew.
func (s *rotation) reopens() bool {
	for _, way := range []string{"USR1", "-10", "reopen", "reload", "nginx rotate", "restart"} {
		if strings.Contains(s.postrotate, way) {
			return true
		}
	}
	return false
}

// readable tells whether ingest reads what the stanza's compression makes.
func (s *rotation) readable() bool {
	base := filepath.Base(s.compresscmd)
	return s.compresscmd == "" || base == "gzip" || base == "pigz" || base == "zstd"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// rotations reads logrotate's configuration.
type rotations struct {
	globals rotation
	list    []rotation
}

// read reads a file, or the files of a folder, as logrotate does.
func (c *rotations) read(path string, depth int) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if depth > 8 {
		return fmt.Errorf("%s: files include one another", path)
	}
	if !fi.IsDir() {
		return c.file(path, depth)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries { // logrotate goes by name, and leaves out what package managers leave
		if !e.Type().IsRegular() || tabooExt(e.Name()) {
			continue
		}
		if err := c.file(filepath.Join(path, e.Name()), depth); err != nil {
			return err
		}
	}
	return nil
}

func tabooExt(name string) bool {
	return strings.HasPrefix(name, ".") || slices.ContainsFunc([]string{".dpkg-dist", ".dpkg-old", ".dpkg-new", ".dpkg-bak", ".disabled", ".rpmsave", ".rpmorig", ".rpmnew", ".bak", ".swp", ".cfsaved", "~", ",v"},
		func(end string) bool { return strings.HasSuffix(name, end) })
}

// The words that begin a script, which ends with endscript.
var scripts = []string{"postrotate", "prerotate", "firstaction", "lastaction", "preremove"}

func (c *rotations) file(path string, depth int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var stanza *rotation // nil outside of one
	var named []string   // patterns whose { has not come yet
	script, number := "", 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		number++
		line := strings.TrimSpace(lines.Text())
		if script != "" {
			if line == "endscript" {
				script = ""
			} else if script == "postrotate" && stanza != nil {
				stanza.postrotate += line + "\n"
			}
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for words := fields(line); len(words) > 0; {
			word := words[0]
			switch {
			case stanza == nil && (strings.HasPrefix(word, "/") || len(named) > 0 && word != "{"):
				named, words = append(named, word), words[1:]
			case stanza == nil && word == "{":
				begun := c.globals
				begun.patterns, begun.file, begun.line = named, path, number
				stanza, named, words = &begun, nil, words[1:]
			case stanza != nil && word == "}":
				c.list = append(c.list, *stanza)
				stanza, words = nil, words[1:]
			case slices.Contains(scripts, word):
				script, words = word, nil
			case word == "include" && stanza == nil && len(words) > 1:
				at := words[1]
				if !filepath.IsAbs(at) {
					at = filepath.Join(filepath.Dir(path), at)
				}
				if err := c.read(at, depth+1); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				words = nil
			default:
				into := stanza
				if into == nil {
					into = &c.globals
				}
				words = into.set(words)
			}
		}
	}
	return lines.Err()
}

// set takes a directive with its arguments, which go to the end of the line or
// the stanza, and gives the words behind.
func (s *rotation) set(words []string) []string {
	name, args := words[0], words[1:]
	var rest []string
	if i := slices.Index(args, "}"); i >= 0 {
		args, rest = args[:i], args[i:]
	}
	first := ""
	if len(args) > 0 {
		first = strings.TrimPrefix(args[0], "=")
	}
	switch name {
	case "hourly", "daily", "weekly", "monthly", "yearly":
		s.period = name
	case "size":
		s.period = "" // it rotates by size alone
	case "rotate":
		s.rotate, _ = strconv.Atoi(first)
	case "maxage":
		s.maxage, _ = strconv.Atoi(first)
	case "copytruncate", "compress", "delaycompress", "dateext":
		*s.flag(name) = true
	case "nocopytruncate", "nocompress", "nodelaycompress", "nodateext":
		*s.flag(strings.TrimPrefix(name, "no")) = false
	case "dateformat":
		s.dateformat = first
	case "compresscmd":
		s.compresscmd = first
	case "olddir":
		s.olddir = first
	case "noolddir":
		s.olddir = ""
	case "create":
		s.create = args
	case "nocreate":
		s.create = nil
	}
	return rest
}

func (s *rotation) flag(name string) *bool {
	switch name {
	case "copytruncate":
		return &s.copytruncate
	case "compress":
		return &s.compress
	case "delaycompress":
		return &s.delaycompress
	}
	return &s.dateext
}

// fields splits a line into words; quotes hold one together, a brace is one.
func fields(line string) []string {
	var out []string
	word, quote := "", rune(0)
	end := func() {
		if word != "" {
			out, word = append(out, word), ""
		}
	}
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word += string(c)
		case c == '"' || c == '\'':
			quote = c
		case c == ' ' || c == '\t':
			end()
		case (c == '{' || c == '}') && word == "":
			out = append(out, string(c))
		default:
			word += string(c)
		}
	}
	end()
	return out
}
