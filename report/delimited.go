package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"pixledger/schemas/yamlfile"
)

// recordLimit is how long a row of a list may be, in bytes: a quote that is
// never closed takes all that follows for one.
const recordLimit = 1 << 20

// cellOf is one field of a row, and where it begins.
type cellOf struct {
	text         string
	line, column int // from 1, in characters
}

// delimitedReader reads rows as RFC 4180 quotes them. Unlike encoding/csv it
// leaves \r\n inside quotes as it is, and knows columns in characters.
type delimitedReader struct {
	r            *bufio.Reader
	comma        byte
	line, column int // of what is read next
	length       int // of the row at hand
}

func newDelimitedReader(r io.Reader, comma byte) *delimitedReader {
	return &delimitedReader{r: bufio.NewReaderSize(r, 64<<10), comma: comma, line: 1, column: 1}
}

// syntaxError is a mistake in how a list is written.
type syntaxError struct {
	line, column  int
	what, allowed string
}

func (e *syntaxError) Error() string { return e.what }

func (e *syntaxError) in(file string) yamlfile.Mistake {
	return yamlfile.Mistake{File: file, Line: e.line, Column: e.column, What: e.what, Allowed: e.allowed}
}

// next gives the next byte; \r\n as \n where it ends a row, which raw leaves.
func (d *delimitedReader) next(raw bool) (byte, error) {
	b, err := d.r.ReadByte()
	if err != nil {
		return 0, err
	}
	if b == '\r' && !raw {
		ahead, err := d.r.Peek(1)
		switch {
		case errors.Is(err, io.EOF):
			b = '\n'
		case err == nil && ahead[0] == '\n':
			b, _ = d.r.ReadByte() // it was peeked at
		}
	}
	d.length++
	switch {
	case b == '\n':
		d.line, d.column = d.line+1, 1
	case utf8.RuneStart(b):
		d.column++
	}
	return b, nil
}

// row gives the next row that is not blank; io.EOF behind the last.
func (d *delimitedReader) row() ([]cellOf, error) {
	for {
		d.length = 0
		var cells []cellOf
		for {
			c, end, err := d.cell()
			if errors.Is(err, io.EOF) && len(cells) == 0 && d.length == 0 {
				return nil, io.EOF
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			cells = append(cells, c)
			if end {
				break
			}
		}
		if len(cells) == 1 && cells[0].text == "" && d.length <= 1 {
			continue // a blank line
		}
		return cells, nil
	}
}

// cell reads a field and what ends it; end tells that this was the row's end.
func (d *delimitedReader) cell() (c cellOf, end bool, err error) {
	c.line, c.column = d.line, d.column
	var text strings.Builder
	ahead, err := d.r.Peek(1)
	quoted := err == nil && ahead[0] == '"'
	if quoted {
		if err := d.quoted(&text, c); err != nil {
			return c, true, err
		}
	}
	for {
		line, column := d.line, d.column
		b, err := d.next(false)
		switch {
		case errors.Is(err, io.EOF):
			c.text = text.String()
			return c, true, err
		case err != nil:
			return c, true, err
		case b == d.comma || b == '\n':
			c.text = text.String()
			return c, b == '\n', nil
		case quoted:
			return c, true, &syntaxError{line, column, "a field goes on behind its closing quote", "a separator there, and \"\" for a quote inside quotes"}
		case b == '"':
			return c, true, &syntaxError{line, column, "a quote stands within a field without quotes", "the whole field in quotes, and \"\" for a quote inside"}
		case d.length > recordLimit:
			return c, true, tooLong(c)
		}
		text.WriteByte(b)
	}
}

// quoted reads a field in quotes to its closing one.
func (d *delimitedReader) quoted(text *strings.Builder, c cellOf) error {
	if _, err := d.next(true); err != nil {
		return err
	}
	for {
		b, err := d.next(true)
		switch {
		case errors.Is(err, io.EOF):
			return &syntaxError{c.line, c.column, "a quote is not closed", "a quote at the field's end"}
		case err != nil:
			return err
		case d.length > recordLimit:
			return tooLong(c)
		}
		if b == '"' {
			if ahead, err := d.r.Peek(1); err != nil || ahead[0] != '"' {
				return nil
			}
			if _, err := d.next(true); err != nil {
				return err
			}
		}
		text.WriteByte(b)
	}
}

func tooLong(c cellOf) error {
	return &syntaxError{c.line, c.column, fmt.Sprintf("a row has over %d bytes here", recordLimit), "shorter rows; is a quote not closed?"}
}
