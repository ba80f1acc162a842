package reference

import (
	"fmt"
	"slices"
	"strings"

	"pixledger/schemas"
)

// loadable says why a catalog is none that a file could hold; nil when the
// file written of it loads as the same catalog. The loader may sort lists, so
// only what stands in them is compared.
func loadable(cat *schemas.Catalog) error {
	file := CatalogFile(cat)
	loaded, _, err := schemas.ParseCatalog("catalog.yaml", file)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, file)
	}
	want, got := statements(cat), statements(loaded)
	if !slices.Equal(want, got) {
		return fmt.Errorf("written as\n%s\nread back as\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
	return nil
}

func statements(cat *schemas.Catalog) []string {
	lines := strings.Split(Format(cat, nil, nil), "\n")
	slices.Sort(lines)
	return lines
}
