package reference

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"pixledger/schemas"
)

// Example is a world with the decisions that it must lead to: one fenced block
// of a document. docs/attribution.md explains the notation.
type Example struct {
	Name    string // the heading above the block
	Line    int    // of the block's first line in the document, from 1
	Catalog *schemas.Catalog
	Events  []Event
	Voids   []string
	Expect  []Expectation
}

// Expectation is what an example says about one conversion.
type Expectation struct {
	ConversionID string
	Decision     string         // post_click, post_view or a reason
	TouchID      string         // empty unless attributed
	LineItemID   *int64         // nil: the example does not say
	Revenue      *schemas.Money // nil: the example does not say; not said unless attributed
	Currency     string         // empty: the example does not say
	RateMissing  bool
}

// Examples reads every block fenced as ```attribution from a Markdown file. An
// error names the file, the line and what is wrong there.
func Examples(path string) ([]Example, error) {
	return readBlocks(path, "attribution", func(b block) (Example, error) {
		e, err := parse(b.text, path, b.line)
		e.Name = b.heading
		return e, err
	})
}

// block is a fenced block of a Markdown file.
type block struct {
	heading string // the one above it
	line    int    // of its first line, from 1
	text    string
}

// readBlocks reads every block that is fenced as of a kind.
func readBlocks[T any](path, kind string, read func(block) (T, error)) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	var all []T
	var heading string
	var within *block // nil outside
	fenced := false   // inside a block of another kind
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case within != nil && line == "```":
			e, err := read(*within)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
			within = nil
		case within != nil:
			within.text += line + "\n"
		case !fenced && line == "```"+kind:
			within = &block{heading: heading, line: n + 1}
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case !fenced && strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if within != nil {
		return nil, fmt.Errorf("%s:%d: the block has no end", path, within.line)
	}
	return all, nil
}

// Check says in which way rows, as a whole and one by one, are not what the
// example expects; nil when they are.
func (e Example) Check(rows []Attribution) error {
	byID := map[string]Attribution{}
	var wrong []string
	for _, r := range rows {
		if _, twice := byID[r.ConversionID]; twice {
			wrong = append(wrong, r.ConversionID+" has two rows")
		}
		byID[r.ConversionID] = r
	}
	for _, x := range e.Expect {
		r, ok := byID[x.ConversionID]
		if !ok {
			wrong = append(wrong, x.ConversionID+" has no row")
			continue
		}
		delete(byID, x.ConversionID)
		if what := x.differs(r); what != "" {
			wrong = append(wrong, x.ConversionID+": "+what)
		}
	}
	for unexpected := range byID {
		wrong = append(wrong, unexpected+" is not in the example")
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s (line %d): %s", e.Name, e.Line, strings.Join(wrong, "; "))
}

// differs says how a row is not as expected; empty when it is.
func (x Expectation) differs(r Attribution) string {
	got := text(r.ConversionType)
	if r.Reason != nil {
		got = *r.Reason
	}
	if got != x.Decision {
		return fmt.Sprintf("decided as %s, expected %s", got, x.Decision)
	}
	if r.Reason != nil {
		if r.Outcome != Unattributed || r.ConversionType != nil || r.TouchID != nil || r.TouchTime != nil || r.TrackerID != nil ||
			r.LineItemID != nil || r.CreativeID != nil || r.PublisherID != nil || r.BookedRevenue != 0 || r.Currency != nil || r.RateMissing {
			return "not attributed, but not empty either: " + strings.TrimSpace(FormatRow(r))
		}
		return ""
	}
	switch {
	case r.Outcome != Attributed:
		return "outcome " + r.Outcome
	case text(r.TouchID) != x.TouchID:
		return fmt.Sprintf("touch %s, expected %s", text(r.TouchID), x.TouchID)
	case x.LineItemID != nil && nullFirst(r.LineItemID, x.LineItemID) != 0:
		return fmt.Sprintf("line item %v, expected %d", idWord("line_item", r.LineItemID), *x.LineItemID)
	case x.Revenue != nil && r.BookedRevenue != *x.Revenue:
		return fmt.Sprintf("revenue %s, expected %s", r.BookedRevenue, *x.Revenue)
	case x.Currency != "" && text(r.Currency) != x.Currency:
		return fmt.Sprintf("currency %q, expected %q", text(r.Currency), x.Currency)
	case r.RateMissing != x.RateMissing:
		return fmt.Sprintf("rate_missing %t, expected %t", r.RateMissing, x.RateMissing)
	}
	return ""
}
