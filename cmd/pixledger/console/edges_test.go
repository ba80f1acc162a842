package console

import (
	"strings"
	"testing"
)

// The page of edges is of a lake that is one of several; another one says what it is
// for, and no page leads there.
func TestEdges(t *testing.T) {
	w := newWorld(t)
	h := w.handler()
	w.shows(h, "/edges",
		"Published from here", "To be published now: 1 date", "/reports/data_quality?from=2026-11-12&amp;shown=1&amp;to=2026-11-13", // what is due
		`<dt>Late parts</dt><dd>2</dd>`, "Publishing fails since", `<a href="/jobs">publish</a> has not run yet`,
		`<a class="word bad" href="#missing">1</a></td>`, `>3</a></td><td class="n">5</td><td class="n">2</td><td class="n"><a`, ">10</a>", // lines of the source of its name
		"not published, or not collected yet", "pixledger close --accept-gap gu --by NAME", "lost: <bdi>", "filter=source%3Dedge-b&amp;from=2026-11-10&amp;shown=1&amp;to=2026-11-11",
	)
	status, err := w.data.Status()
	if err != nil {
		t.Fatal(err)
	}
	collected := status.Collect
	for _, c := range []struct {
		publishes, collects bool
		collected           *Collect
		has, lacks          string
	}{
		{true, false, nil, "Published from here", "What is missing"},
		{false, true, collected, `<dt>From</dt>`, "Published from here"},
		{false, false, collected, "nothing is collected any more", "This lake stands alone"},
		{false, false, nil, "docs/edges.md", "Collected"},
	} {
		w.publishes, w.collects, status.Collect = c.publishes, c.collects, c.collected
		body := w.shows(h, "/edges", c.has)
		checkPage(t, "/edges", []byte(body))
		if strings.Contains(body, c.lacks) {
			t.Errorf("%+v: the page has %q\n%s", c, c.lacks, body)
		}
		if known := strings.Contains(w.shows(h, "/sources"), `<li><a href="/edges">Edges</a>`); known != (c.publishes || c.collects) {
			t.Errorf("%+v: the navigation has the page: %v", c, known)
		}
	}
}
