package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
)

// newConsoleEdges are edges of which one has published a line late, one has a late
// line to publish, and one has published nothing.
func newConsoleEdges(t *testing.T) *edgesWorld {
	t.Helper()
	w := newEdgesWorld(t, "")
	w.journeys(20, 1)
	w.all("ingest")
	late := func(edge string) {
		w.log(edge, edgesBegin.Add(29*time.Hour), "0B0C5F2C11D09BE7418A0C27D5A1E0F3", "/imptr?id=2766")
		w.run(edge, "ingest")
	}
	w.run("edge-a", "publish")
	late("edge-a")
	w.run("edge-a", "publish")
	w.run("edge-b", "publish")
	late("edge-b")
	w.run("centre", "collect")
	return w
}

// daemon begins the daemon in one of the folders, with a console.
func (w *edgesWorld) daemon(at string) *daemonWorld {
	w.t.Helper()
	d := &daemonWorld{&daemonProcess{program: program{t: w.t, dir: w.path(at)}}, edgetest.Addr(w.t)}
	f, err := os.OpenFile(d.path("pixledger.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(f, "console: {listen: %q}\n", d.address)
		err = joinClose(err, f)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	d.begin(edgesNow)
	return d
}

// At a centre the console shows how far each edge is and what keeps days open, on an
// edge what it has published and what is due; each day leads to its account.
func TestConsoleShowsEdges(t *testing.T) {
	w := newConsoleEdges(t)
	centre := w.daemon("centre")
	body, _ := centre.page("/edges", http.StatusOK)
	row := func(edge string) []string {
		t.Helper()
		at := regexp.MustCompile(`<th scope="row" class="name"><a [^>]*><bdi>` + edge + `</bdi>.*`).FindString(body)
		cells := strings.Split(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(strings.ReplaceAll(at, "</t", "|</t"), ""), "|")
		if len(cells) < 10 {
			t.Fatalf("%s: %q, of\n%s", edge, cells, body)
		}
		return cells
	}
	for edge, want := range map[string]string{
		"edge-a": fmt.Sprintf("edge-a 2026-11-12 0 3 4 1 %d", w.lines["edge-a"]),
		"edge-b": fmt.Sprintf("edge-b 2026-11-12 0 3 3 0 %d", w.lines["edge-b"]-1), // the last is not published
		"edge-c": "edge-c none yet 3 0 0 0 0",
	} {
		if got := strings.Join(row(edge)[:7], " "); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if n := strings.Count(body, "not published, or not collected yet"); n != 3 || !strings.Contains(body, "accept-gap") || !strings.Contains(body, w.shared) {
		t.Errorf("%d dates are missing on\n%s", n, body)
	}
	const account = "/reports/data_quality?filter=source%%3D%s&from=%s&shown=1&to=%s"
	for edge, gaps := range map[string]string{"edge-a": "0", "edge-c": "1"} {
		to := fmt.Sprintf(account, edge, "2026-11-12", "2026-11-13")
		if !strings.Contains(body, strings.ReplaceAll(to, "&", "&amp;")) {
			t.Errorf("nothing leads to %s on\n%s", to, body)
		}
		lines := w.run("centre", "report", "data_quality", "--from", "2026-11-12", "--to", "2026-11-13", "--filter", "source="+edge, "--columns", "lines,gaps", "--format", "tsv")
		shown, _ := centre.page(to, http.StatusOK)
		values := strings.Fields(lines)
		if len(values) != 4 || values[3] != gaps || !strings.Contains(shown, ">"+values[2]+"<") {
			t.Errorf("%s has %q, its page\n%s", edge, values, shown)
		}
	}
	centre.stop()

	edge := w.daemon("edge-b")
	body, _ = edge.page("/edges", http.StatusOK)
	for _, want := range []string{
		"<bdi>edge-b</bdi>", "<bdi>" + w.shared + "</bdi>", "To be published now: 1 date", ">2026-11-11</a></li>", "<dt>Parts</dt><dd>3</dd>", "<dt>Late parts</dt><dd>0</dd>",
		`<dt>Last date published</dt><dd><a href="/reports/data_quality?from=2026-11-12&amp;shown=1&amp;to=2026-11-13">2026-11-12</a>`, `aria-current="page">Edges</a>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the edge's page lacks %q\n%s", want, body)
		}
	}
	if strings.Contains(body, "<h2 id=\"collected\">") {
		t.Errorf("the edge's page says what it has collected\n%s", body)
	}
	edge.page("/reports/data_quality?from=2026-11-12&shown=1&to=2026-11-13", http.StatusOK)
	edge.stop()
}
