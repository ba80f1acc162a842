package console

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
)

const (
	keptText = "booked,amount\n2026-11-12,-12.340000\n"
	keptSum  = "3a8df2f8" // of what stands below; no page looks at its form
)

// opened is a file that was opened.
type opened struct{ *bytes.Reader }

func (opened) Close() error { return nil }

// keptFile has the files that the exports of a world name.
func keptFile(date, name string) (io.ReadSeekCloser, string, error) {
	switch date + " " + name {
	case "2026-11-12 revenue_2026-11-12.csv", "2026-11-12 manifest_2026-11-12.json", "2026-11-12 " + hostile:
		return opened{bytes.NewReader([]byte(keptText))}, keptSum, nil
	case "2026-11-12 changed.csv":
		return nil, "", &Altered{Date: date, Message: "export 2026-11-12: changed.csv is not what was exported " + hostile}
	}
	return nil, "", fs.ErrNotExist
}

// A file of an export is handed on as it is, whole or in part, under its name and
// with its checksum.
func TestExportFile(t *testing.T) {
	w := newWorld(t)
	h := w.handler()
	const path = "/exports/2026-11-12/files/revenue_2026-11-12.csv"
	w.shows(h, "/exports/2026-11-12", `<a href="`+path+`">`, `<a href="/exports/2026-11-12/files/manifest_2026-11-12.json">`)
	w.shows(h, "/exports", `<a href="`+path+`">`)
	out := get(h, path)
	if out.Code != http.StatusOK || out.Body.String() != keptText {
		t.Errorf("%d, %q", out.Code, out.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": "attachment; filename=revenue_2026-11-12.csv", "Content-Length": "36",
		"ETag": `"` + keptSum + `"`, "Repr-Digest": "sha-256=:Oo3y+A==:", "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if got := out.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if out := get(h, path, func(r *http.Request) { r.Method = http.MethodHead }); out.Code != http.StatusOK || out.Body.Len() > 0 || out.Header().Get("Content-Length") != "36" {
		t.Errorf("HEAD: %d, %q", out.Code, out.Body)
	}
	if out := get(h, path, func(r *http.Request) { r.Header.Set("Range", "bytes=7-12") }); out.Code != http.StatusPartialContent || out.Body.String() != "amount" {
		t.Errorf("a part: %d, %q", out.Code, out.Body)
	}
	if out := get(h, path, func(r *http.Request) { r.Header.Set("Range", "bytes=99-") }); out.Code != http.StatusRequestedRangeNotSatisfiable || out.Header().Get("Cache-Control") != "no-store" || out.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("a part that there is not: %d, %q", out.Code, out.Header())
	}
	if out := get(h, path, func(r *http.Request) { r.Header.Set("If-None-Match", `"`+keptSum+`"`) }); out.Code != http.StatusNotModified {
		t.Errorf("what is known already: %d", out.Code)
	}
	for name, kind := range map[string]string{"a.xlsx": contentTypes["xlsx"], "a.json": "application/json", "a": "application/octet-stream", "a.exe": "application/octet-stream"} {
		if got := contentTypeOf(name); got != kind {
			t.Errorf("%s is %s", name, got)
		}
	}
}

// Whatever the name, nothing but a day's files is handed out, and none that was
// changed; and none to who has no token.
func TestExportFileRefused(t *testing.T) {
	w := newWorld(t)
	h := w.handler()
	for _, path := range []string{
		"/exports/2026-11-12/files/nosuch.csv", "/exports/2026-11-12/files/", "/exports/2026-11-12/files", "/exports/2026-11-11/files/revenue_2026-11-12.csv",
		"/exports/2026-11-12/files/..%2Frevenue_2026-11-12.csv", "/exports/2026-11-12/files/%2e%2e%2f%2e%2e%2fpixledger.yaml", "/exports/..%2F2026-11-12/files/revenue_2026-11-12.csv",
		"/exports/2026-11-12/files/revenue_2026-11-12.csv%00", "/exports/2026-11-12/files/revenue_2026-11-12.csv/", "/exports/2026-11-12/revenue_2026-11-12.csv",
	} {
		out := get(h, path)
		if out.Code != http.StatusNotFound || out.Header().Get("Content-Disposition") != "" {
			t.Errorf("%s: %d, %q", path, out.Code, out.Header())
		}
		checkPage(t, path, out.Body.Bytes())
	}
	out := get(h, "/exports/2026-11-12/files/changed.csv")
	if out.Code != http.StatusInternalServerError || out.Header().Get("ETag") != "" || !strings.Contains(out.Body.String(), "<code>pixledger verify --since 2026-11-12</code>") ||
		!strings.Contains(out.Body.String(), "<h1>This is not what was exported</h1>") {
		t.Errorf("a changed file: %d\n%s", out.Code, out.Body)
	}
	checkPage(t, "a changed file", out.Body.Bytes())
	const path = "/exports/2026-11-12/files/revenue_2026-11-12.csv"
	if out := get(h, path, func(r *http.Request) { r.Host = "evil.example" }); out.Code != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", out.Code)
	}
	w.token = "secret"
	if out := get(h, path); out.Code != http.StatusUnauthorized || strings.Contains(out.Body.String(), "amount") {
		t.Errorf("without the token: %d\n%s", out.Code, out.Body)
	}
	if out := get(h, path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer secret") }); out.Code != http.StatusOK {
		t.Errorf("with the token: %d", out.Code)
	}
}
