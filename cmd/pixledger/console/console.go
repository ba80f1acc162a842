// Package console makes the pages that the daemon serves to people: whether
// pixels fire, what they earned, and whether all of it runs. It reads and never
// writes, and its pages are whole without a script and load nothing from
// elsewhere. What it shows it asks from commands of the program, which run in
// processes of their own: see docs/decisions/0030-console.md.
package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Data is where the console has from what it shows.
type Data struct {
	// Token is what who asks must give; empty: nothing.
	Token func() string
	Zone  func() *time.Location // of business days
	Now   func() time.Time
	// Version changes with what is committed, the catalog and the configuration.
	Version func() string
	Status  func() (*Status, error)
	Catalog func() (*Catalog, error)
	Exports func() ([]Export, error)
	// ExportFile opens a file of a day's export, or its manifest, and gives its
	// SHA-256. What is not there is an fs.ErrNotExist, what is not as it was exported
	// an *Altered.
	ExportFile func(date, name string) (f io.ReadSeekCloser, sum string, err error)
	Reports    func(context.Context) ([]Report, error)
	// Edges tells whether this lake publishes to a shared one, as an edge, and whether
	// it collects from one, as a centre.
	Edges func() (publishes, collects bool)
	// Ask runs a command of the program and writes what it prints. What the
	// command refuses of its arguments is a *Refused.
	Ask func(ctx context.Context, w io.Writer, args ...string) error
	Log *slog.Logger
	// KeepReady has what takes long made before somebody looks at it.
	KeepReady bool
}

// Refused is what is wrong with what was asked for.
type Refused struct{ Message string }

func (r *Refused) Error() string { return r.Message }

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed style.css
var styleSheet []byte

//go:embed favicon.svg
var favicon []byte

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"grouped": grouped, "marked": marked, "bytes": sizeText, "word": wordClass, "plural": plural[int], "plural64": plural[int64], "command": commandText,
	"query": func(encoded string) template.URL { return template.URL(encoded) }, // what url.Values.Encode made

}).ParseFS(templateFiles, "templates/*.html"))

type console struct {
	Data
	answers *answers
	files   chan struct{} // a place for each download at a time: those that are slow keep no page waiting
	looked  atomic.Int64  // when somebody last looked at the overview, by the machine's clock
}

// Handler gives the pages. Commands that it has asked end with the context.
func Handler(ctx context.Context, d Data) http.Handler {
	c := &console{Data: d, answers: newAnswers(ctx, d), files: make(chan struct{}, atOnce)}
	if d.KeepReady {
		go c.keepReady(ctx)
	}
	mux := http.NewServeMux()
	for path, show := range map[string]func(*http.Request) (*page, error){
		"/{$}": c.overview, "/pixels": c.pixels, "/pixels/{id}": c.pixel, "/trackers": c.trackers, "/trackers/{id}": c.tracker,
		"/revenue": c.revenue, "/conversions": c.conversions, "/conversions/{id}": c.conversion, "/sources": c.sources, "/jobs": c.jobs,
		"/exports": c.exports, "/exports/{date}": c.export, "/edges": c.edges, "/reports": c.reports, "/reports/{name}": c.report,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			p, err := show(r)
			c.serve(w, r, p, err)
		})
	}
	mux.HandleFunc("/reports/{name}/{file}", c.download)
	mux.HandleFunc("/exports/{date}/files/{file}", c.exportFile)
	for path, file := range map[string]struct {
		kind    string
		content []byte
	}{"/style.css": {"text/css; charset=utf-8", styleSheet}, "/favicon.svg": {"image/svg+xml", favicon}} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", file.kind)
			_, _ = w.Write(file.content) // who has left needs none
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.serve(w, r, nil, errNotHere)
	})
	return c.guarded(mux)
}

var errNotHere = errors.New("there is no such page")

// page is what one template shows.
type page struct {
	Title string
	Name  string // the template
	Here  string // the entry of the navigation that it belongs to
	Made  time.Time
	Now   time.Time
	Show  any

	zone  *time.Location
	edges bool // there are several, or this is one of them
}

// Stamp is a time for people, in the zone of business days, or a dash.
func (p *page) Stamp(t any) template.HTML { return stampIn(t, p.zone) }

// Ago says how long ago a time is.
func (p *page) Ago(t any) string { return ago(t, p.Now) }

// Navigation lists the pages that every page leads to: that of edges where one lake
// is made of several.
func (p *page) Navigation() [][2]string {
	out := [][2]string{
		{"/", "Overview"}, {"/revenue", "Revenue"}, {"/conversions", "Conversions"}, {"/pixels", "Pixels"}, {"/trackers", "Trackers"},
		{"/reports", "Reports"}, {"/exports", "Exports"}, {"/sources", "Sources"},
	}
	if p.edges {
		out = append(out, [2]string{"/edges", "Edges"})
	}
	return append(out, [2]string{"/jobs", "Jobs"})
}

func (c *console) serve(w http.ResponseWriter, r *http.Request, p *page, err error) {
	code := http.StatusOK
	if err != nil {
		var refused *Refused
		var altered *Altered
		title := "This did not work"
		switch {
		case errors.Is(err, errNotHere):
			code, title = http.StatusNotFound, "Not found"
		case errors.As(err, &refused):
			code, title = http.StatusBadRequest, "This can't be asked"
		case errors.Is(err, errBusy), errors.Is(err, context.DeadlineExceeded):
			code, title = http.StatusServiceUnavailable, "Not now"
		default:
			if errors.As(err, &altered) {
				title = "This is not what was exported"
			}
			code = http.StatusInternalServerError
			c.Log.Error("the console can't show a page", "path", r.URL.Path, "error", err)
		}
		p = &page{Title: title, Name: "problem.html", Show: err.Error()}
	}
	c.write(w, code, p)
}

func (c *console) write(w http.ResponseWriter, code int, p *page) {
	p.zone = c.Zone()
	p.Now = c.Now().In(p.zone)
	publishes, collects := c.Edges()
	p.edges = publishes || collects
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, p.Name, p); err != nil {
		c.Log.Error("the console can't make a page", "page", p.Name, "error", err)
		http.Error(w, "the page could not be made; the daemon's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(visible(b.Bytes())) // who has left needs none
}

// visible leaves out of a whole page what a browser or a terminal would obey
// instead of show: control characters, and marks that turn the direction of the
// text around them. So no name of a catalog or a log can bring one.
func visible(page []byte) []byte {
	return bytes.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0,
			r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069,
			r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
			return -1
		}
		return r
	}, bytes.ToValidUTF8(page, []byte(string(utf8.RuneError))))
}

// mostParameter is how long a parameter can be: twice what nginx takes of a
// request's line or header, where nobody has told it otherwise.
const mostParameter = 16 << 10

// checked refuses parameters that no command line can hold. Other control
// characters may stand in an order id, which must be found all the same.
func checked(r *http.Request) error {
	values := r.URL.Query()
	for name, list := range values {
		for _, v := range list {
			if len(v) > mostParameter || strings.Contains(v, "\x00") {
				return &Refused{fmt.Sprintf("%s is too long or holds a NUL; allowed: up to %d bytes of text", name, mostParameter)}
			}
		}
	}
	return nil
}
