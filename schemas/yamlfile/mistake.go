package yamlfile

import (
	"fmt"
	"sort"
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

// sorted gives the mistakes in file order, each once. Several on one spot stay
// in the order found: a mapping may lack more than one key.
func (ms Mistakes) sorted() Mistakes {
	out := append(Mistakes(nil), ms...)
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].Line != out[j].Line {
			return out[i].Line < out[j].Line
		}
		return out[i].Column < out[j].Column
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
