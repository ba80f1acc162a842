package lakedb

import (
	_ "embed" // the SQL file
	"strings"
)

//go:embed shared.sql
var sharedSQL string

// sharedViews are the views that a shared lake has: of what edges publish.
var sharedViews = []string{"events", "impressions", "clicks", "conversions", "segment_events", "rejects"}

// SharedViews gives the SQL that makes, in any DuckDB, the lake's own views over a
// shared lake, whose place it takes from the variable shared.
func SharedViews() string {
	var b strings.Builder
	b.WriteString(sharedSQL)
	for statement := range strings.SplitSeq(viewsSQL, ";\n") {
		// What stands before a view is about it.
		_, view, found := strings.Cut(statement, "CREATE VIEW ")
		name, _, _ := strings.Cut(view, " AS")
		for _, wanted := range sharedViews {
			if found && name == wanted {
				statement = strings.Replace(statement, "CREATE VIEW ", "CREATE OR REPLACE VIEW ", 1)
				// An edge may have a number for its name.
				statement = strings.ReplaceAll(statement, "'date': DATE}", "'edge': VARCHAR, 'date': DATE}")
				b.WriteString(statement + ";\n")
			}
		}
	}
	return b.String()
}
