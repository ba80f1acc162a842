//go:build testall

package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"pixledger/ingest/edge/edgetest"
)

// consoleBrowser is a browser that looks at a console.
type consoleBrowser struct {
	t   *testing.T
	ctx context.Context
	w   *daemonWorld
	axe string

	mu        sync.Mutex
	complains []string
}

type consoleScreen struct {
	name          string
	width, height int64
	scheme        string
}

// consoleScreens are a phone, a tablet and a desk, each light and dark.
var consoleScreens = []consoleScreen{
	{"phone", 360, 800, "light"}, {"phone-dark", 360, 800, "dark"}, {"tablet", 768, 1024, "light"}, {"tablet-dark", 768, 1024, "dark"},
	{"desk", 1280, 900, "light"}, {"desk-dark", 1280, 900, "dark"},
}

func (b *consoleBrowser) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%v\nthis test needs Chromium: .ci/tools-office installs it", err)
	}
}

func newConsoleBrowser(t *testing.T, w *daemonWorld) *consoleBrowser {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	axe, err := os.ReadFile(filepath.Join(cache, "pixledger", "tools", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v\nthis test needs axe-core: .ci/tools-all installs it", err)
	}
	b := &consoleBrowser{t: t, w: w, axe: string(axe) + ";true"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU)...)
	t.Cleanup(cancel)
	b.ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b.must(chromedp.Do(b.ctx, chromedp.Navigate("about:blank")))
	b.must(chromedp.Listen(b.ctx, func(event any) {
		said := ""
		switch e := event.(type) {
		case *cdplog.EventEntryAdded:
			said = fmt.Sprint(e.Entry.Level, ": ", e.Entry.Text, " ", e.Entry.URL)
			if strings.Contains(said, "the server responded with a status of 4") {
				return // the page says so
			}
		case *runtime.EventExceptionThrown:
			said = e.ExceptionDetails.Text
		default:
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.complains = append(b.complains, said)
	}))
	return b
}

// open opens a page on a screen.
func (b *consoleBrowser) open(path string, s consoleScreen) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}},
	})
	b.must(err)
	b.must(chromedp.Do(b.ctx, chromedp.EmulateViewport(s.width, s.height), chromedp.Navigate("http://"+b.w.address+path)))
}

func inPage[T any](b *consoleBrowser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	b.must(err)
	return v
}

// judge looks at a page as it is open: it is no wider than its screen, the
// accessibility checker finds nothing, no script has run but this test's, no
// link leads to one, and the browser has nothing to complain of.
func (b *consoleBrowser) judge(name string, s consoleScreen) {
	b.t.Helper()
	if wide := inPage[int64](b, "document.documentElement.scrollWidth"); wide > s.width {
		b.t.Errorf("%s on the %s is %d wide, of %d", name, s.name, wide, s.width)
	}
	if pwned := inPage[string](b, `String(window.pwned)`); pwned != "undefined" {
		b.t.Errorf("%s: a name ran as a script: %s", name, pwned)
	}
	if away := inPage[[]string](b, `[...document.querySelectorAll("a, form, image, img, script, iframe, link")]
		.map(e => String(e.href?.baseVal ?? e.href ?? e.src ?? e.action))
		.map(u => new URL(u, location)).filter(u => u.origin != location.origin).map(String)`); len(away) > 0 {
		b.t.Errorf("%s leads to %q", name, away)
	}
	b.mu.Lock()
	if len(b.complains) > 0 {
		b.t.Errorf("%s on the %s: the browser says %q", name, s.name, b.complains)
	}
	b.complains = nil
	b.mu.Unlock()
	inPage[bool](b, b.axe)
	found := inPage[[]string](b, `axe.run().then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`)
	if len(found) > 0 {
		b.t.Errorf("%s on the %s:\n%s", name, s.name, strings.Join(found, "\n"))
	}
}

// printed judges a page as paper has it: all of each table is there, and what
// leads elsewhere is not.
func (b *consoleBrowser) printed(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.must(err)
	wide := int64(718) // A4 within its margins
	if inPage[bool](b, `getComputedStyle(document.body).page == "wide"`) {
		wide = 1031 // turned
	}
	b.must(chromedp.Do(b.ctx, chromedp.EmulateViewport(wide, 1000)))
	if cut := inPage[[]string](b, `[...document.querySelectorAll(".rows, pre, .plot")].filter(e => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)
		.map(e => e.outerHTML.slice(0, 200) + " " + [e.scrollWidth, e.clientWidth, e.scrollHeight, e.clientHeight])`); len(cut) > 0 {
		b.t.Errorf("%s on paper is cut: %q", name, cut)
	}
	if shown := inPage[[]string](b, `[...document.querySelectorAll("nav, form, .more, summary")].filter(e => e.getClientRects().length).map(e => e.outerHTML.slice(0, 100))`); len(shown) > 0 {
		b.t.Errorf("%s on paper has %q", name, shown)
	}
}

type consolePage struct{ name, path string }

// consolePages are all pages, with the ids of the sample.
var consolePages = []consolePage{
	{"overview", "/"}, {"pixels", "/pixels"}, {"pixel", "/pixels/9012"}, {"tag", "/pixels/9012?form=js&order_id=1&add=45962"},
	{"tag-refused", "/pixels/9012?form=server-side&redir=1"}, {"trackers", "/trackers"}, {"tracker", "/trackers/2766"},
	{"revenue", "/revenue"}, {"revenue-day", "/revenue?first=2026-11-12&last=2026-11-12"}, {"conversions", "/conversions"},
	{"conversions-filtered", "/conversions?outcome=unattributed&reason=no_touch"}, {"found", "/conversions?find=PS-10071"}, {"not-found", "/conversions?find=none"},
	{"explain", "/conversions/dc1e573f27c5e13894df3ffa85e42498"}, {"sources", "/sources"}, {"jobs", "/jobs"}, {"exports", "/exports"},
	{"export", "/exports/2026-11-12"}, {"reports", "/reports"}, {"report", "/reports/advertiser_analytics?interval=daily&by=line_item_id&range=last_7_days"},
	{"statement", "/reports/statement"}, {"entries", "/reports/ledger_entries?range=lifetime"}, {"refused", "/reports/revenue?range=nonsense"},
	{"edges", "/edges"}, {"not-here", "/nosuch"}, {"not-asked", "/conversions?first=nonsense"},
}

// A real browser shows the console: on a phone, a tablet and a desk, light and
// dark, and on paper.
func TestBrowserConsole(t *testing.T) {
	b := newConsoleBrowser(t, newConsoleWorld(t, ""))
	for _, p := range consolePages {
		for _, s := range consoleScreens {
			b.open(p.path, s)
			b.judge(p.name, s)
		}
		b.printed(p.name)
	}
	b.w.stop()
}

// The same of the page of edges, at a centre and on an edge, and of the navigation
// that leads there.
func TestBrowserConsoleEdges(t *testing.T) {
	w := newConsoleEdges(t)
	for _, at := range []string{"centre", "edge-b"} {
		b := newConsoleBrowser(t, w.daemon(at))
		for _, p := range []consolePage{{at, "/edges"}, {at + "'s overview", "/"}} {
			for _, s := range consoleScreens {
				b.open(p.path, s)
				b.judge(p.name, s)
			}
			b.printed(p.name)
		}
		b.w.stop()
	}
}

// With PIXLEDGER_SCREENSHOTS, a folder, this leaves the pictures of docs/images
// there: of a synthetic month.
func TestBrowserConsolePictures(t *testing.T) {
	folder := os.Getenv("PIXLEDGER_SCREENSHOTS")
	if folder == "" {
		t.Skip("PIXLEDGER_SCREENSHOTS names no folder for the pictures of docs/images")
	}
	// Paths are seen on the pictures: one that says nothing of a machine.
	dir := filepath.Join(os.TempDir(), "pixledger")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	w := &daemonWorld{&daemonProcess{program: program{t: t, dir: dir}}, edgetest.Addr(t)}
	w.run("gen", "--lines", "300000", "--start", "2026-10-14T00:00:00Z", "--days", "30", "-o", "edge.log", "--init-catalog", "catalog.yaml")
	write(t, w.path("pixledger.yaml"), fmt.Sprintf("lake: ./lake\ncatalog: ./catalog.yaml\ntime_zone: Europe/Berlin\nsources:\n  - {name: edge-1, path: ./edge.log}\n"+
		"edge: {host: px.example.com}\nconsole: {listen: %q}\nexports:\n  - {report: revenue, formats: [csv, xlsx], to: \"file:./outbox\"}\n", w.address))
	const now = "2026-11-13T02:00:00Z" // the day before is not due yet
	w.run("ingest", "--now", now)
	w.run("close", "--now", now)
	w.run("attribute", "--now", now)
	w.run("export", "--now", now)
	w.begin(now)
	b := newConsoleBrowser(t, w)
	b.open("/conversions?outcome=attributed&type=post_click", consoleScreens[4])
	decided := inPage[string](b, `new URL(document.querySelector(".rows th a[href^='/conversions/']").href).pathname`)
	for _, p := range []struct{ name, path, screens string }{
		{"overview", "/", "desk desk-dark phone"}, {"pixel", "/pixels/90001", "desk"}, {"revenue", "/revenue", "desk"}, {"conversions", "/conversions", "desk phone"},
		{"explain", decided, "desk"}, {"report", "/reports/advertiser_analytics?interval=daily&by=line_item_id&range=last_7_days", "desk"},
	} {
		for _, s := range consoleScreens {
			if !slices.Contains(strings.Fields(p.screens), s.name) {
				continue
			}
			b.open(p.path, s)
			picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			b.must(err)
			b.must(os.WriteFile(filepath.Join(folder, fmt.Sprintf("console-%s-%s.png", p.name, s.name)), picture, 0o644))
		}
	}
	w.stop()
}

// Names of a catalog and a log that are made to harm are shown as text.
func TestBrowserConsoleHostile(t *testing.T) {
	w := newHostileWorld(t)
	b := newConsoleBrowser(t, w)
	links, kinds := map[string]bool{}, map[string]int{}
	for _, p := range []consolePage{
		{"overview", "/"}, {"pixels", "/pixels"}, {"pixel 0", "/pixels/9000"}, {"pixel 4", "/pixels/9004"}, {"pixel 7", "/pixels/9007"},
		{"tag", "/pixels/9001?form=js&codes=1&add=45962&order_id=1"}, {"tag refused", "/pixels/9001?form=js&add=%3Cscript%3Ewindow.pwned%3D1%3C/script%3E"},
		{"trackers", "/trackers"}, {"tracker", "/trackers/2001"}, {"revenue", "/revenue"}, {"conversions", "/conversions"}, {"older", "/conversions?first=2026-11-10&last=2026-11-11"},
		{"explain", fmt.Sprintf("/conversions/%032x", 5000)}, {"explain 1", fmt.Sprintf("/conversions/%032x", 5001)}, {"explain 7", fmt.Sprintf("/conversions/%032x", 5007)},
		{"sources", "/sources"}, {"jobs", "/jobs"}, {"exports", "/exports"}, {"export", "/exports/2026-11-11"},
		{"feed", "/reports/pixel_feed?range=last_7_days"}, {"analytics", "/reports/advertiser_analytics?by=line_item_id&range=last_7_days"},
		{"echo", "/reports/revenue?range=%3Cscript%3Ewindow.pwned%3D1%3C/script%3E&filter=%22%3E%3Cimg+src%3Dx+onerror%3Dwindow.pwned%3D1%3E"},
		{"find", "/conversions?find=%3Cscript%3Ewindow.pwned%3D1%3C/script%3E"}, {"find nothing", "/conversions?find=a%0Ab"},
		{"no page", "/%3Cscript%3Ewindow.pwned%3D1%3C/script%3E"}, {"no report", "/reports/%22onload=1"},
	} {
		for _, s := range []consoleScreen{consoleScreens[0], consoleScreens[5]} {
			b.open(p.path, s)
			b.judge(p.name, s)
		}
		for _, link := range inPage[[]string](b, `[...document.querySelectorAll("main a[href]:not([download])")].map(a => a.getAttribute("href"))`) {
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			kind := fmt.Sprint(strings.TrimRight(u.Path, "0123456789abcdef-"), slices.Sorted(maps.Keys(u.Query())), u.Query()["filter"])
			if kinds[kind]++; kinds[kind] == 1 && u.Path != "" {
				links[u.Path+"?"+u.RawQuery] = true
			}
		}
	}
	// Whatever it is called, its link leads to it.
	for link := range links {
		w.page(link, http.StatusOK)
	}
	if len(links) < 40 {
		t.Errorf("only %d kinds of links were found", len(links))
	}
	// What stands there as text can be read.
	b.open("/pixels/9000", consoleScreens[4])
	if text := inPage[string](b, `document.querySelector("h1").textContent`); !strings.Contains(text, hostileTexts[0]) {
		t.Errorf("the page's heading is %q", text)
	}
	b.w.stop()
}

// A new installation's pages are whole and lead on, before the first event.
func TestBrowserConsoleEmpty(t *testing.T) {
	w := &daemonWorld{&daemonProcess{program: program{t: t, dir: t.TempDir()}}, edgetest.Addr(t)}
	write(t, w.path("catalog.yaml"), "version: 1\nmember_id: 1\ncurrency: USD\n")
	write(t, w.path("pixledger.yaml"), fmt.Sprintf("lake: ./lake\ncatalog: ./catalog.yaml\nsources:\n  - {name: edge-1, path: ./edge.log}\nconsole: {listen: %q}\n", w.address))
	w.begin(consoleNow)
	b := newConsoleBrowser(t, w)
	for _, p := range []consolePage{
		{"overview", "/"}, {"pixels", "/pixels"}, {"trackers", "/trackers"}, {"revenue", "/revenue"}, {"conversions", "/conversions"}, {"sources", "/sources"},
		{"jobs", "/jobs"}, {"exports", "/exports"}, {"edges", "/edges"}, {"report", "/reports/advertiser_analytics"},
	} {
		for _, s := range []consoleScreen{consoleScreens[0], consoleScreens[5]} {
			b.open(p.path, s)
			b.judge(p.name, s)
		}
	}
	b.open("/", consoleScreens[4])
	if steps := inPage[int](b, `document.querySelectorAll(".steps li a").length`); steps != 4 {
		t.Errorf("the overview leads on by %d steps", steps)
	}
	w.stop()
}
