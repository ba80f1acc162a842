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
	// Name is the format's name in the configuration.
	Name() string
	// Parse reads one line, without its line end, into r, whose fields it all
	// sets anew. It gives ErrMalformed for a line that does not fit the format,
	// and no other error; what is missing inside a line that fits is for the
	// caller to judge.
	Parse(line []byte, r *Request) error
	// Header tells whether the line is a header of the format: no line of the
	// log, to be counted nowhere.
	Header(line []byte) bool
}

// ErrMalformed says that a line does not fit its format.
var ErrMalformed = errors.New("the line does not fit its log format")

// formats lists the formats; each stands in a file of its own.
var formats = []func() Format{
	func() Format { return Pixledger{} },
	func() Format { return Combined{} },
}

// Names lists the formats' names.
func Names() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f().Name()
	}
	return names
}

// Lookup gives the named format. An unknown name is an error that says which
// ones there are.
func Lookup(name string) (Format, error) {
	for _, f := range formats {
		if f := f(); f.Name() == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("no log format %q; allowed: %s", name, strings.Join(Names(), ", "))
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
	var r Request
	for _, f := range formats {
		f := f()
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
		if fits > most {
			best, most = f, fits
		}
	}
	if best == nil {
		return nil, fmt.Errorf("the log's first lines fit none of the formats %s", strings.Join(Names(), ", "))
	}
	return best, nil
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
