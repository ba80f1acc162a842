package attribute_test

import (
	"context"
	"time"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

var now = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)

// testLake is a lake filled by hand, with the catalog that it is attributed by.
type testLake struct {
	*laketest.Handmade
	t   laketest.T
	cat *schemas.Catalog
}

func newLake(t laketest.T, dir string, cat *schemas.Catalog) *testLake {
	t.Helper()
	return &testLake{laketest.New(t, dir, now), t, cat}
}

// empty replaces a folder by one without rows.
func (l *testLake) empty(ds schemas.Dataset, folder string) {
	l.t.Helper()
	l.Replace(lake.Draft{Kind: "repair"}, laketest.File{Dataset: ds, Folder: folder})
}

// run attributes the lake.
func (l *testLake) run(threads int) attribute.Summary {
	l.t.Helper()
	s, err := attribute.Run(context.Background(), l.options(threads))
	if err != nil {
		l.t.Fatalf("attribute: %v", err)
	}
	return s
}

func (l *testLake) options(threads int) attribute.Options {
	return attribute.Options{Lake: l.Lake, Catalog: l.cat, Now: now, Threads: threads}
}
