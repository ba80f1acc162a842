package console

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// mostExports are listed, the newest first.
const mostExports = 120

func (c *console) exports(*http.Request) (*page, error) {
	s, err := c.Status()
	if err != nil {
		return nil, err
	}
	list, err := c.Exports()
	if err != nil {
		return nil, err
	}
	all := len(list)
	slices.Reverse(list)
	return &page{Title: "Exports", Name: "exports.html", Here: "/exports", Show: struct {
		Status *Status
		List   []Export
		All    int
	}{s, list[:min(all, mostExports)], all}}, nil
}

// export is one day's.
func (c *console) export(r *http.Request) (*page, error) {
	list, err := c.Exports()
	if err != nil {
		return nil, err
	}
	date := r.PathValue("date")
	i := slices.IndexFunc(list, func(x Export) bool { return x.Date == date })
	if i < 0 {
		return nil, errNotHere
	}
	show := struct {
		Export
		Before, After string // days
	}{Export: list[i]}
	if i > 0 {
		show.Before = list[i-1].Date
	}
	if i+1 < len(list) {
		show.After = list[i+1].Date
	}
	return &page{Title: "Export of " + date, Name: "export.html", Here: "/exports", Show: show}, nil
}

// Link is where a file of the export is handed out.
func (x Export) Link(name string) string {
	return "/exports/" + x.Date + "/files/" + url.PathEscape(name)
}

// Manifest is the name of its manifest.
func (x Export) Manifest() string { return "manifest_" + x.Date + ".json" }

// Rows counts the rows of an export's entries, which every format has alike.
func (x Export) Rows() int64 {
	for _, f := range x.Files {
		if len(f.Name) > 7 && f.Name[:7] == "entries" {
			return f.Rows
		}
	}
	return 0
}

// Arrived counts the destinations that have it.
func (x Export) Arrived() int {
	n := 0
	for _, d := range x.Deliveries {
		if !d.At.IsZero() {
			n++
		}
	}
	return n
}

// Altered is a file of an export that is not what was exported.
type Altered struct{ Date, Message string }

func (a *Altered) Error() string {
	return a.Message + ". It is not handed out: what was delivered stays as it was delivered. `pixledger verify --since " + a.Date +
		"` lists what differs, and each destination has the bytes to put back."
}

// exportFile hands on a file of an export, byte for byte as it was delivered.
func (c *console) exportFile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	f, sum, err := c.openExportFile(r.Context(), r.PathValue("date"), name)
	if err != nil {
		c.serve(w, r, nil, err)
		return
	}
	defer f.Close() // it was only read
	h := w.Header()
	h.Set("Content-Type", contentTypeOf(name))
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("ETag", `"`+sum+`"`)
	if b, err := hex.DecodeString(sum); err == nil {
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(b)+":")
	}
	http.ServeContent(patient{w}, r, "", time.Time{}, f)
}

// openExportFile opens a file of an export when few others are being summed up: who
// takes it slowly keeps nobody waiting.
func (c *console) openExportFile(ctx context.Context, date, name string) (io.ReadSeekCloser, string, error) {
	select {
	case c.files <- struct{}{}:
		defer func() { <-c.files }()
	case <-ctx.Done():
		return nil, "", errBusy
	}
	f, sum, err := c.ExportFile(date, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = errNotHere
	}
	return f, sum, err
}

// contentTypeOf is what a file is by its name.
func contentTypeOf(name string) string {
	if t, ok := contentTypes[strings.TrimPrefix(path.Ext(name), ".")]; ok {
		return t
	}
	return "application/octet-stream"
}

// patient gives each piece of an answer its time.
type patient struct{ http.ResponseWriter }

// WriteHeader keeps every answer out of caches: http.ServeContent takes the header off
// where it refuses a part.
func (p patient) WriteHeader(code int) {
	p.Header().Set("Cache-Control", "no-store")
	p.ResponseWriter.WriteHeader(code)
}

func (p patient) Write(b []byte) (int, error) {
	answerWithin(p.ResponseWriter, askFor) // who takes nothing for so long has gone
	return p.ResponseWriter.Write(b)
}
