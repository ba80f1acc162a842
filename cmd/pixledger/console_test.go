package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// consoleWorld is a daemon on the sample lake, of which days are closed and
// exported.
func newConsoleWorld(t *testing.T, more string) *daemonWorld {
	t.Helper()
	w := &daemonWorld{&daemonProcess{program: program{t: t, dir: t.TempDir()}}, edgetest.Addr(t)}
	w.run("demo", "--keep", "try")
	w.dir = filepath.Join(w.dir, "try")
	f, err := os.OpenFile(w.path("pixledger.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(f, "\nedge: {host: px.example.com}\nconsole: {listen: %q%s}\n", w.address, more)
		err = joinClose(err, f)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.run("close", "--now", consoleNow)
	w.run("export", "--now", consoleNow)
	w.begin(consoleNow)
	return w
}

// consoleNow is the time at which the daemons of these tests begin.
const consoleNow = "2026-11-13T06:00:00Z"

// begin begins the daemon, which ends with the test.
func (w *daemonWorld) begin(now string) {
	w.t.Helper()
	w.t.Cleanup(w.end)
	w.cmd = w.command("run", "--now", now)
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.out
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.says("msg=started", 1)
}

// page gets a page of the console.
func (w *daemonWorld) page(path string, code int) (string, http.Header) {
	w.t.Helper()
	r, err := http.Get("http://" + w.address + path)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err = joinClose(err, r.Body); err != nil {
		w.t.Fatal(err)
	}
	if r.StatusCode != code {
		w.t.Errorf("%s: %s, want %d\n%s", path, r.Status, code, b)
	}
	return string(b), r.Header
}

// The daemon shows people what the commands say: money, pixels, a conversion by
// its order id with how it was decided, exports with their checksums, reports
// and their downloads.
func TestConsoleShowsTheSample(t *testing.T) {
	w := newConsoleWorld(t, "")
	for path, wants := range map[string][]string{
		"/": {"146.50 <small>EUR", "122.65 <small>USD", "27 conversions", "Last export", "/exports/2026-11-12", "2026-11-12: 74.70 EUR"},
		"/pixels/9012": {
			"Checkout", "Loads by UTC day", "/reports/pixel_feed?filter=pixel_id%3D9012", "https://shop.prostarr.example/order/done",
			"&lt;img src=&#34;https://px.example.com/px?id=9012&amp;order_id=[ORDER_ID]&amp;value=[REVENUE]&amp;t=2&#34;", "catalog.yaml:116:19",
		},
		"/pixels/9012?form=server-side&add=x": {"pixel export: ", "x"},
		"/trackers":                           {"/trackers/2766"},
		"/trackers/2766":                      {"https://px.example.com/imptr?id=2766&amp;cachebuster=[CACHEBUSTER]"},
		"/revenue":                            {"Revenue by day, EUR", "146.50 <small>EUR", "Total USD", "/reports/statement?month=2026-11", "/reports/revenue/revenue.csv?"},
		"/revenue?first=2026-11-12&last=2026-11-12": {"74.70 <small>EUR", "50.85 <small>USD"},
		"/conversions": {
			"Conversions by day", "146.50", "no_touch", "no touch of this user qualifies", "dc1e573f27c5e13894df3ffa85e42498", "2026-11-12 ",
		},
		"/conversions?outcome=attributed&type=post_view&pixel=9012": {"post_view"},
		"/conversions?find=PS-10071":                                {"dc1e573f27c5e13894df3ffa85e42498", "attributed", "12.50"},
		"/conversions/dc1e573f27c5e13894df3ffa85e42498":             {"a click beats it", "/pixels/9012", "attributed, post_click, 12.50"},
		"/exports":            {"revenue_2026-11-12.csv", "everywhere", "/exports/2026-11-12"},
		"/exports/2026-11-12": {"revenue_2026-11-12.csv", "arrived", "74.70", "pixledger verify --since 2026-11-12"},
		"/sources":            {"edge-2", "/reports/data_quality?"},
		"/jobs":               {"attribute"},
	} {
		body, _ := w.page(path, http.StatusOK)
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q\n%s", path, want, body)
			}
		}
	}
	w.page("/conversions/nosuch", http.StatusNotFound)
	w.page("/pixels/77", http.StatusNotFound)
	w.page("/reports/revenue/revenue.csv?range=nonsense", http.StatusBadRequest)
	// A download is what the command prints.
	got, head := w.page("/reports/revenue/revenue.csv?range=last_7_days&include_open=true", http.StatusOK)
	want := w.run("report", "revenue", "--include-open", "--range", "last_7_days", "--format", "csv", "--now", "2026-11-13T06:00:00Z")
	if got != want || !strings.HasPrefix(head.Get("Content-Disposition"), "attachment") {
		t.Errorf("the download is %q\n%s\nwant\n%s", head.Get("Content-Disposition"), got, want)
	}
	w.page("/metrics", http.StatusOK)
	w.stop()
}

// What finance downloads is what the lake keeps, under the checksums that the page
// shows; nothing else is handed out, nor what was changed, nor to strangers.
func TestConsoleHandsOutExports(t *testing.T) {
	w := newConsoleWorld(t, ", token: secret")
	const page, day = "/exports/2026-11-12", "2026-11-12"
	body := string(w.handedOut(page, http.StatusOK))
	folder := w.path("lake/_state/exports/" + day)
	for _, name := range []string{"revenue_" + day + ".csv", "entries_" + day + ".csv", "manifest_" + day + ".json"} {
		want, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		got := w.handedOut(page+"/files/"+name, http.StatusOK)
		if !bytes.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: handed out are\n%s\nkept are\n%s", name, got, want)
		}
		row := regexp.MustCompile(`<a href="` + page + "/files/" + name + `">.*<code>([0-9a-f]{64})</code>`).FindStringSubmatch(body)
		if row == nil || row[1] != fmt.Sprintf("%x", sha256.Sum256(got)) {
			t.Errorf("%s: the page shows %q, of\n%s", name, row, body)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "secret.csv"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/files/secret.csv", "/files/", "/files/..%2f2026-11-11%2Frevenue_2026-11-11.csv", "/files/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fpixledger.yaml", "/files/revenue_2026-11-11.csv",
	} {
		w.handedOut(page+path, http.StatusNotFound)
	}
	if body, _ := w.page(page+"/files/revenue_"+day+".csv", http.StatusUnauthorized); strings.Contains(body, "booked") {
		t.Errorf("without the token:\n%s", body)
	}
	kept := filepath.Join(folder, "revenue_"+day+".csv")
	before, err := os.ReadFile(kept)
	if err == nil {
		err = os.WriteFile(kept, bytes.Replace(before, []byte("14.000000"), []byte("15.000000"), 1), 0o600)
	}
	if err != nil || !bytes.Contains(before, []byte("14.000000")) {
		t.Fatalf("change an amount: %v", err)
	}
	refused := string(w.handedOut(page+"/files/revenue_"+day+".csv", http.StatusInternalServerError))
	for _, want := range []string{"This is not what was exported", "revenue_" + day + ".csv is not what was exported, says its manifest", "pixledger verify --since " + day} {
		if !strings.Contains(refused, want) {
			t.Errorf("the page lacks %q\n%s", want, refused)
		}
	}
	if out, errOut, code := w.try("verify", "--since", day, "--now", consoleNow); code != 1 || !strings.Contains(out+errOut, "revenue_"+day+".csv is not what its manifest says") {
		t.Errorf("verify: exit code %d\n%s%s", code, out, errOut)
	}
	w.stop()
}

// handedOut gets what the console gives to who has the token.
func (w *daemonWorld) handedOut(path string, code int) []byte {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.address+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer secret")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := io.ReadAll(answer.Body)
	if err = joinClose(err, answer.Body); err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode != code {
		w.t.Errorf("%s: %s, want %d\n%s", path, answer.Status, code, b)
	}
	return b
}
