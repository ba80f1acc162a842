package parse

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Format reads the lines of one log format. A value of it serves one file and
// one goroutine.
type Format interface {
	// Name is what a Spec names the format by: its name, or its log_format.
	Name() string
	// Parse reads one line, without its line end, into r, whose fields it all
	// sets anew. It gives ErrMalformed for a line that does not fit the format,
	// and no other error; what is missing inside a line that fits is for the
	// caller to judge.
	Parse(line []byte, r *Request) error
	// Header tells whether the line is a header of the format: no line of the
	// log, to be counted nowhere. What a header says holds for the lines that
	// are parsed after it.
	Header(line []byte) bool
}

// ErrMalformed says that a line does not fit its format.
var ErrMalformed = errors.New("the line does not fit its log format")

// Kind is a log format as the rest of the program knows it.
type Kind struct {
	Name string
	// New gives a reader for one file. Of the places of the user id it gets only
	// one that the format has.
	New func(user UserID) Format
	// Cookies and Headers tell that a user id can be taken from a cookie, and
	// from any header of the request, as far as the source logs it.
	Cookies, Headers bool
	// Lacks is what its lines can't carry.
	Lacks Part
	// Layout is how a header line begins that says what the lines after it mean;
	// empty for formats without header lines.
	Layout string
	// Append appends a line, without its end, that says what the request does:
	// for synthetic logs. Nil where they are written otherwise.
	Append func(dst []byte, r *Request, user UserID) []byte
	// Heading is what a log of it begins with, with its line ends.
	Heading string
}

// Part is a set of what a request is known by.
type Part uint16

// The parts that some formats lack.
const (
	PartID        Part = 1 << iota // the request's id
	PartHost                       // the host asked
	PartUser                       // the browser's id, other than by a parameter
	PartFirstUser                  // the same of a browser's first request, which is only being given it
	PartGPC                        // Sec-GPC
	PartMillis                     // times finer than a second
	PartReferer                    // the page
	PartAgent                      // the user agent
)

// kinds lists the named formats; each stands in a file of its own.
var kinds = []*Kind{&pixledgerKind, &combinedKind, &cloudfrontKind, &cloudflareKind, &fastlyKind, &caddyKind}

// UserID says where a source's user ids come from; at most one is set, and
// with none it is nginx's userid.
type UserID struct{ Cookie, Param, Header string }

// Logged tells whether the id stands in a field of the line, and not in the
// query or in nginx's own.
func (u UserID) Logged() bool { return u.Cookie != "" || u.Header != "" }

// Spec says how the lines of a source are read.
type Spec struct {
	Format string // a name, or an nginx log_format
	Escape string // of a log_format: default, json or none; empty: by its text
	UserID UserID
}

// Escapes are what Spec.Escape allows.
var Escapes = []string{"default", "json", "none"}

// SpecError says what is wrong with a Spec, and what is allowed.
type SpecError struct {
	Key           string // of a source, that is to be changed: format, escape or user_id
	What, Allowed string
}

func (e *SpecError) Error() string { return e.What + "; allowed: " + e.Allowed }

// Names lists the names of the formats.
func Names() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	return names
}

// AllowedFormats is what a format may be, in words.
func AllowedFormats() string { return strings.Join(Names(), ", ") + ", or an nginx log_format" }

// IsLiteral tells whether a format is an nginx log_format, and no name.
func IsLiteral(format string) bool {
	return strings.Contains(format, "$") || strings.HasPrefix(strings.TrimSpace(format), "log_format ")
}

// Kind gives the format of a spec. What is wrong with the spec is a
// *SpecError.
func (s Spec) Kind() (*Kind, error) {
	var k *Kind
	if IsLiteral(s.Format) {
		l, err := compile(s)
		if err != nil {
			return nil, err
		}
		k = l.kind()
	} else {
		for _, named := range kinds {
			if named.Name == s.Format {
				k = named
			}
		}
		if k == nil {
			return nil, &SpecError{"format", fmt.Sprintf("no log format %q", s.Format), AllowedFormats()}
		}
		if s.UserID.Cookie != "" && !k.Cookies {
			return nil, &SpecError{"user_id", "the format " + k.Name + " carries no cookies, so none can give the user id", k.places()}
		}
		if s.UserID.Header != "" && !k.Headers {
			return nil, &SpecError{"user_id", "the format " + k.Name + " carries no header that could give the user id", k.places()}
		}
	}
	return k, nil
}

// places says where the format's user ids can come from.
func (k *Kind) places() string {
	list := []string{"param"}
	if k.Cookies {
		list = append(list, "cookie")
	}
	if k.Headers {
		list = append(list, "header")
	}
	return strings.Join(list, ", ") + ", or a log_format that has the variable"
}

// New gives a reader for one file as the spec says.
func New(s Spec) (Format, error) {
	k, err := s.Kind()
	if err != nil {
		return nil, err
	}
	return k.New(s.UserID), nil
}

// Lookup gives the named format, with nginx's userid. An unknown name is an
// error that says which ones there are.
func Lookup(name string) (Format, error) { return New(Spec{Format: name}) }

// IsHeader tells whether the line is a header line of some format, so that it
// is no line of a log whose format is not known.
func IsHeader(line []byte) bool {
	if len(line) == 0 || line[0] != '#' {
		return false
	}
	for _, k := range kinds {
		if k.Layout != "" && k.New(UserID{}).Header(line) {
			return true
		}
	}
	return false
}

// Detect recognises the format of a log by its beginning: the one that the
// most of the sample's lines fit with a readable time and status. A last line
// without its end counts only when it is the only one. Where no line fits any
// format, Detect gives an error.
func Detect(sample []byte) (Format, error) {
	if end := bytes.LastIndexByte(sample, '\n'); end >= 0 {
		sample = sample[:end]
	}
	var best Format
	most := 0
	for _, f := range candidates() {
		if fits := Fitting(f, sample); fits > most {
			best, most = f, fits
		}
	}
	if best == nil {
		return nil, fmt.Errorf("the log's first lines fit none of the formats %s", strings.Join(Names(), ", "))
	}
	return best, nil
}

// candidates are the formats that a log is recognised as: the named ones, and
// the variants of combined.
func candidates() []Format {
	var out []Format
	for _, k := range kinds {
		out = append(out, k.New(UserID{}))
	}
	for _, text := range variants {
		if f, err := New(Spec{Format: text}); err == nil {
			out = append(out, f)
		}
	}
	return out
}

// Fitting counts the sample's lines that fit the format with a readable time
// and status.
func Fitting(f Format, sample []byte) int {
	var r Request
	fits := 0
	for line := range bytes.SplitSeq(sample, []byte{'\n'}) {
		line = TrimLineEnd(line)
		if Blank(line) || f.Header(line) {
			continue
		}
		if f.Parse(line, &r) == nil && r.HasTime && r.HasStatus {
			fits++
		}
	}
	return fits
}

// TrimLineEnd cuts the line end, \n or \r\n, off a line; a carriage return at
// the end of a line whose \n is cut off already is part of the line end too.
func TrimLineEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}

// Blank tells whether the line holds nothing but spaces, tabs and carriage
// returns, so that it is no line.
func Blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}
