// Package schemas is what everyone shares: the columns of every dataset, the
// catalog, money, and how a file is published. It imports none of the stages.
package schemas

import (
	"fmt"
	"strings"
)

// Markdown documents every dataset, its folders and columns: docs/schema.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# The lake's datasets

Written from the column lists in ` + "`schemas/columns.go`" + `; a test holds the two together. Types are DuckDB's.
Times are instants in UTC with microseconds. Money is DECIMAL(18,6). New columns are only ever added.
The keys stand in the path alone, as hive columns.
`)
	for _, d := range Datasets {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nFolders: `%s`\n\n| column | type | null | what it is |\n|---|---|---|---|\n", d.Name, d.Doc, folderPattern(d))
		for _, c := range d.Keys {
			fmt.Fprintf(&b, "| `%s` (path) | %s | no | %s |\n", c.Name, c.Type, c.Doc)
		}
		for _, c := range d.Columns {
			null := "yes"
			if c.Required {
				null = "no"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, c.Type, null, c.Doc)
		}
	}
	return b.String()
}

func folderPattern(d Dataset) string {
	p := d.Name + "/"
	for _, k := range d.Keys {
		if k.Type == Date {
			p += k.Name + "=YYYY-MM-DD/"
		} else {
			p += k.Name + "=…/"
		}
	}
	return p + "*.parquet"
}
