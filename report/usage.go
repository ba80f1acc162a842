package report

import (
	"fmt"
	"strings"
)

// UsageError is a mistake in what was asked for: an unknown report, column,
// range, zone or format. Commands exit 2 on it.
type UsageError struct {
	What    string // what is wrong
	Allowed string // what would be right
	// place is where it is in a statement: a byte, counted from 1; 0 is unknown.
	place int
}

func (e *UsageError) Error() string { return e.What + "; allowed: " + e.Allowed }

func usage(allowed, format string, args ...any) error {
	return &UsageError{What: fmt.Sprintf(format, args...), Allowed: allowed}
}

func words(list []string) string { return strings.Join(list, " ") }
