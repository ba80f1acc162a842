package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mistake is one thing that is wrong with a file, where it is, and what may
// stand there instead.
type Mistake struct {
	File    string // as the user named it
	Line    int    // from 1
	Column  int    // from 1, in characters
	What    string // what is wrong: one line
	Allowed string // what may stand there instead
}

// String gives the mistake as one line: FILE:LINE:COLUMN: what; allowed: this.
func (m Mistake) String() string {
	return fmt.Sprintf("%s:%d:%d: %s; allowed: %s", m.File, m.Line, m.Column, m.What, m.Allowed)
}

// Mistakes is everything that is wrong with a file, in the order of the file.
// As an error it reads one line a mistake.
type Mistakes []Mistake

func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// Sorted gives the mistakes in the order of files and places, each once. Several
// on one spot stay in the order found: a mapping may lack more than one key.
func (ms Mistakes) Sorted() Mistakes {
	out := slices.Clone(ms)
	slices.SortStableFunc(out, func(x, y Mistake) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
	kept := out[:0]
	for _, m := range out {
		n := len(kept)
		if n > 0 && kept[n-1] == m {
			continue
		}
		kept = append(kept, m)
	}
	return kept
}
