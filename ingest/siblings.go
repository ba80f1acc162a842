package ingest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rotation is what rotation puts into a log's name: a number or a date.
var rotation = regexp.MustCompile(`^[._-][0-9]+(?:[-_.:T]?[0-9]+)*Z?$`)

const packed = `(?:\.gz|\.zst)?`

// paths lists the files that the source's path names, in order. A path without
// a glob's signs is itself, whether there is a file or not.
func (s *Source) paths() ([]string, error) {
	if !isGlob(s.Path) {
		return []string{filepath.Clean(s.Path)}, nil
	}
	found, err := filepath.Glob(s.Path)
	if err != nil {
		return nil, fmt.Errorf("source %s: path %q: %w", s.Name, s.Path, err)
	}
	return found, nil
}

func isGlob(p string) bool { return strings.ContainsAny(p, `*?[\`) }

// isLog tells whether the path is the source's log itself.
func (s *Source) isLog(path string) bool {
	if !isGlob(s.Path) {
		return samePath(s.Path, path)
	}
	ok, err := filepath.Match(absolute(s.Path), absolute(path))
	return err == nil && ok
}

// isRotated tells whether the path is one of the source's rotated files, of
// the log at the given path.
func (s *Source) isRotated(log, path string) bool {
	if s.Rotated != "" {
		ok, err := filepath.Match(absolute(s.rotatedGlob(log)), absolute(path))
		return err == nil && ok
	}
	if filepath.Dir(absolute(log)) != filepath.Dir(absolute(path)) {
		return false
	}
	return isRotatedName(filepath.Base(log), filepath.Base(path))
}

// isRotatedFile tells whether the path is a rotated file of any of the source's
// logs.
func (s *Source) isRotatedFile(path string) bool {
	logs, err := s.paths()
	return err == nil && !s.isLog(path) && slices.ContainsFunc(logs, func(log string) bool { return s.isRotated(log, path) })
}

// LogFiles is a log of a source with the files that rotation has made of it, the
// oldest first.
type LogFiles struct {
	Source  *Source
	Path    string
	Rotated []string
	// Err is why it is not known which files there are.
	Err error
}

// LogsOf lists the logs of sources as they stand now, whether they are there or not.
func LogsOf(sources []Source) []LogFiles {
	var out []LogFiles
	for i := range sources {
		paths, err := sources[i].paths()
		if err != nil {
			out = append(out, LogFiles{Source: &sources[i], Path: sources[i].Path, Err: err})
			continue
		}
		for _, p := range paths {
			rotated, err := sources[i].rotated(p, sources)
			out = append(out, LogFiles{&sources[i], p, rotated, err})
		}
	}
	return out
}

// RotatedName tells whether a path is named as rotation names what it makes of
// another log.
func RotatedName(log, path string) bool {
	return filepath.Dir(log) == filepath.Dir(path) && log != path && isRotatedName(filepath.Base(log), filepath.Base(path))
}

func (s *Source) rotatedGlob(log string) string {
	if filepath.IsAbs(s.Rotated) {
		return s.Rotated
	}
	return filepath.Join(filepath.Dir(log), s.Rotated)
}

// isRotatedName tells whether the name is what rotation makes of a log's name:
// access.log.1, access.log-20261101.gz, access-2026-11-01.log. Names are bytes,
// and need be no text.
func isRotatedName(log, name string) bool {
	ext := filepath.Ext(log)
	stem := strings.TrimSuffix(log, ext)
	unpacked := name
	if packed := filepath.Ext(name); packed == ".gz" || packed == ".zst" {
		unpacked = strings.TrimSuffix(name, packed)
	}
	if unpacked == log && name != log {
		return true
	}
	for _, n := range []string{name, unpacked} {
		if mark, ok := strings.CutPrefix(n, log); ok && rotation.MatchString(mark) {
			return true
		}
		if rest, ok := strings.CutPrefix(n, stem); ok {
			if mark, ok := strings.CutSuffix(rest, ext); ok && rotation.MatchString(mark) {
				return true
			}
		}
	}
	return false
}

// rotated lists the rotated files beside one log of the source, oldest first.
// A log of any of the sources is none.
func (s *Source) rotated(log string, all []Source) ([]string, error) {
	dir := filepath.Dir(log)
	var names []string
	if s.Rotated != "" {
		found, err := filepath.Glob(s.rotatedGlob(log))
		if err != nil {
			return nil, fmt.Errorf("source %s: rotated %q: %w", s.Name, s.Rotated, err)
		}
		names = found
	} else {
		entries, err := os.ReadDir(dir)
		if os.IsNotExist(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if isRotatedName(filepath.Base(log), e.Name()) {
				names = append(names, filepath.Join(dir, e.Name()))
			}
		}
	}
	type file struct {
		path  string
		mtime int64
		count int // of rotations since, by its name
	}
	var files []file
	counted := true // all of them
	for _, p := range names {
		if samePath(p, log) || slices.ContainsFunc(all, func(o Source) bool { return o.isLog(p) }) {
			continue
		}
		fi, err := os.Stat(p)
		if err != nil || !fi.Mode().IsRegular() {
			continue // gone already, or none of ours
		}
		count, ok := rotationCount(p)
		counted = counted && ok
		files = append(files, file{p, fi.ModTime().UnixNano(), count})
	}
	slices.SortFunc(files, func(a, b file) int {
		if counted { // surer than times, which a copy makes new
			return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(b.path, a.path))
		}
		return cmp.Or(cmp.Compare(a.mtime, b.mtime), strings.Compare(b.path, a.path))
	})
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = f.path
	}
	return out, nil
}

// rotationCounter is the end of a name that counts rotations, as access.log.2.gz does:
// a number too short to be a date.
var rotationCounter = regexp.MustCompile(`[._-]([0-9]{1,5})` + packed + `$`)

// rotationCount is how many rotations ago the file was the log, by its name.
func rotationCount(path string) (int, bool) {
	m := rotationCounter.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// sourceOf finds the source that a file belongs to: whose log it is, else whose
// rotated file; nil where there is none.
func sourceOf(sources []Source, path string) *Source {
	for i := range sources {
		if sources[i].isLog(path) {
			return &sources[i]
		}
	}
	for i := range sources {
		if sources[i].isRotatedFile(path) {
			return &sources[i]
		}
	}
	return nil
}

func absolute(p string) string {
	a, err := filepath.Abs(p)
	if err != nil {
		return filepath.Clean(p)
	}
	return a
}

func samePath(a, b string) bool { return absolute(a) == absolute(b) }
