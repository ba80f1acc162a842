package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// The whole way on the real thing: nginx runs on the printed configuration,
// browsers and a shop's server send traffic, logrotate rotates the log while
// the daemon follows it, the daemon is killed and started again, and what
// `query` and `report` then say is exactly what was sent.
func TestFromARealEdgeToTheReport(t *testing.T) {
	w := newEdgeWorld(t)
	w.daemon.start()

	// Some people see ads, some click, some buy.
	for i := range 12 {
		w.journey(fmt.Sprintf("before-%d", i), i)
	}
	w.rotate()
	for i := range 8 {
		w.journey(fmt.Sprintf("rotated-%d", i), i)
	}
	// While the daemon is dead the edge goes on, and its log is rotated again.
	w.daemon.kill()
	for i := range 8 {
		w.journey(fmt.Sprintf("dead-%d", i), i)
	}
	w.rotate()
	for i := range 6 {
		w.journey(fmt.Sprintf("still-dead-%d", i), i)
	}
	w.daemon.start()
	// Traffic goes on while the log is rotated under the living daemon.
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 10 {
				w.journey(fmt.Sprintf("live-%d-%d", worker, i), i)
			}
		})
	}
	w.rotate()
	wg.Wait()

	w.expectEvents()
	w.daemon.stop()
	w.expectAttributions()
	if out := w.run("verify"); !strings.Contains(out, "no differences") {
		t.Errorf("verify: %s", out)
	}
}

// edgeWorld is an edge with its daemon, and a record of all that was sent.
type edgeWorld struct {
	program
	nginx  *edgetest.Server
	daemon *daemonProcess
	log    string

	mu sync.Mutex
	// sent counts the events sent by type and mark, a parameter of each request
	// that nothing else uses.
	sent map[string]int
	// earned is, for each conversion that must be attributed, its order and what it earns.
	earned map[string]string
}

const edgeCatalog = `version: 1
member_id: 958
currency: USD
advertisers:
  - {id: 7, name: ProStarr Sportswear, redirect_hosts: ["*.prostarr.example"]}
line_items:
  - id: 382
    advertiser_id: 7
    name: Autumn running shoes
    pixels:
      - pixel_id: 9012
        rates: [{from: 2020-01-01T00:00:00Z, post_click_revenue: "12.50", post_view_revenue: "2.00"}]
trackers:
  - {id: 2766, kind: impression, line_item_id: 382}
  - {id: 21378, kind: click, line_item_id: 382, landing_url: "https://shop.prostarr.example/shoe?ref=${SSP_DATA}"}
pixels:
  - {id: 9012, advertiser_id: 7, name: Checkout, code: checkout, min_minutes_per_conv: 0}
segments:
  - {id: 45962, name: Converters}
`

func newEdgeWorld(t *testing.T) *edgeWorld {
	dir := edgetest.Dir(t)
	w := &edgeWorld{
		program: program{t: t, dir: dir}, log: filepath.Join(dir, "pixel.log"),
		sent: map[string]int{}, earned: map[string]string{},
	}
	addr := edgetest.Addr(t)
	write(t, filepath.Join(dir, "catalog.yaml"), edgeCatalog)
	write(t, filepath.Join(dir, "pixledger.yaml"), fmt.Sprintf(`lake: ./lake
catalog: ./catalog.yaml
sources:
  - {name: edge-1, path: ./pixel.log, format: pixledger}
commit: {interval: 1s}
edge: {listen: "%s", log: %s}
console: {listen: "%s"}
`, addr, w.log, edgetest.Addr(t)))
	w.nginx = edgetest.Start(t, w.run("edge", "nginx"))
	w.daemon = &daemonProcess{program: w.program}
	t.Cleanup(w.daemon.end)
	return w
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// asBrowser sends requests under a browser's name: a Go program's own would
// be a robot's.
type asBrowser struct{}

func (asBrowser) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0")
	return http.DefaultTransport.RoundTrip(r)
}

// journey is one user's: an impression, for some a click that leads to the
// shop, a purchase, and a segment. Marks tell each request apart.
func (w *edgeWorld) journey(mark string, kind int) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: asBrowser{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	send := func(event, path string, query url.Values, want int) *http.Response {
		query.Set("mark", event+"-"+mark)
		r, err := browser.Get(w.nginx.URL + path + "?" + query.Encode())
		if err != nil {
			w.t.Error(err)
			return nil
		}
		defer r.Body.Close()
		if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != want {
			w.t.Errorf("%s: %s, want %d (%v)", r.Request.URL, r.Status, want, err)
		}
		w.mu.Lock()
		w.sent[event+" "+event+"-"+mark]++
		w.mu.Unlock()
		return r
	}
	earns := func(order, amount string) {
		w.mu.Lock()
		w.earned[order] = amount
		w.mu.Unlock()
	}

	send("impression", "/imptr", url.Values{"id": {"2766"}, "ancost": {"0.002500"}}, 200)
	buy := url.Values{"id": {"9012"}, "order_id": {"order-" + mark}, "value": {"49.90"}}
	switch kind % 4 {
	case 0: // a view earns the purchase
		send("conversion", "/px", buy, 200)
		earns("order-"+mark, "2.000000")
	case 1: // a click does; the tag is the JavaScript one, and a segment is set along
		send("click", "/clktrb", url.Values{"id": {"21378"}}, 302)
		buy.Set("t", "1")
		buy.Set("add", "45962")
		send("conversion", "/px", buy, 200)
		earns("order-"+mark, "12.500000")
	case 2: // the shop's server brings the click's token back; it has no cookie
		r := send("click", "/clktr", url.Values{"id": {"21378"}}, 302)
		if r == nil {
			return
		}
		landing, err := r.Location()
		if err != nil || landing.Host != "shop.prostarr.example" || len(landing.Query().Get("ref")) != 32 {
			w.t.Errorf("the click led to %v %v", landing, err)
			return
		}
		query := "id=9012&order_id=order-" + mark + "&mark=server-" + mark + "&sspdata=" + landing.Query().Get("ref")
		resp, err := http.Get(w.nginx.URL + "/sspx?" + query)
		if err != nil || resp.StatusCode != 204 {
			w.t.Errorf("/sspx: %v %v", resp, err)
			return
		}
		resp.Body.Close()
		w.mu.Lock()
		w.sent["conversion server-"+mark]++
		w.mu.Unlock()
		earns("order-"+mark, "12.500000")
	case 3: // no purchase; a segment, and a beacon that posts a conversion of a stranger
		send("segment", "/seg", url.Values{"add": {"45962"}}, 200)
		body := strings.NewReader("beacon")
		stranger := &http.Client{Transport: asBrowser{}}
		resp, err := stranger.Post(w.nginx.URL+"/px?id=9012&order_id=beacon-"+mark+"&mark=beacon-"+mark, "text/plain", body)
		if err != nil || resp.StatusCode != 200 {
			w.t.Errorf("beacon: %v %v", resp, err)
			return
		}
		resp.Body.Close()
		w.mu.Lock()
		w.sent["conversion beacon-"+mark]++
		w.mu.Unlock()
	}
}

// rotate has the real logrotate rename the log and nginx reopen it.
func (w *edgeWorld) rotate() {
	w.t.Helper()
	conf := filepath.Join(w.dir, "logrotate.conf")
	// A user other than root must say which one the log belongs to.
	write(w.t, conf, fmt.Sprintf(`su %s %s
%s {
	rotate 20
	create 0666
	postrotate
		kill -USR1 %d
	endscript
}
`, userName(w.t), groupName(w.t), w.log, w.nginx.Pid()))
	if err := os.Chmod(conf, 0o600); err != nil {
		w.t.Fatal(err)
	}
	path, err := exec.LookPath("logrotate")
	if err != nil {
		path = "/usr/sbin/logrotate"
	}
	out, err := exec.Command(path, "--force", "--state", filepath.Join(w.dir, "logrotate.state"), conf).CombinedOutput()
	if err != nil {
		w.t.Fatalf("logrotate: %v\n%s", err, out)
	}
}

func userName(t testing.TB) string  { return idOf(t, "-un") }
func groupName(t testing.TB) string { return idOf(t, "-gn") }

func idOf(t testing.TB, flag string) string {
	out, err := exec.Command("id", flag).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// expectEvents waits until `query` counts as many events as were sent, and
// then compares them one by one: none lost, none doubled, none made up.
func (w *edgeWorld) expectEvents() {
	w.t.Helper()
	total := 0
	for _, n := range w.sent {
		total += n
	}
	var got string
	waitFor(w.t, fmt.Sprintf("%d events", total), func() bool {
		got = w.run("query", "SELECT count(*) AS n FROM events", "--format", "csv")
		return strings.TrimSpace(strings.TrimPrefix(got, "n\n")) == strconv.Itoa(total)
	}, func() string { return got + w.daemon.said() })

	rows := w.table("query", "SELECT type, params['mark'] AS mark, count(*) AS n FROM events GROUP BY ALL", "--format", "csv")
	have := map[string]int{}
	for _, r := range rows {
		have[r["type"]+" "+r["mark"]], _ = strconv.Atoi(r["n"])
	}
	for key, n := range w.sent {
		if have[key] != n {
			w.t.Errorf("%s: sent %d, found %d", key, n, have[key])
		}
		delete(have, key)
	}
	for key, n := range have {
		w.t.Errorf("%s: never sent, found %d", key, n)
	}
}

// expectAttributions attributes and compares the report with what was earned.
func (w *edgeWorld) expectAttributions() {
	w.t.Helper()
	w.run("attribute")
	rows := w.table("report", "attributed_conversions", "--range", "lifetime", "--format", "csv")
	have := map[string]string{}
	for _, r := range rows {
		have[r["order_id"]] = r["booked_revenue"]
	}
	if len(rows) != len(w.earned) {
		w.t.Errorf("%d attributed conversions, want %d", len(rows), len(w.earned))
	}
	views, clicks := 0, 0
	for order, amount := range w.earned {
		if have[order] != amount {
			w.t.Errorf("%s earned %q, want %s", order, have[order], amount)
		}
		if amount == "2.000000" {
			views++
		} else {
			clicks++
		}
	}
	count := func(kind string) (n int) {
		for key := range w.sent {
			if strings.HasPrefix(key, kind+" ") {
				n++
			}
		}
		return n
	}
	cents := views*200 + clicks*1250
	line := w.table("report", "advertiser_analytics", "--by", "line_item_id", "--range", "lifetime", "--interval", "cumulative", "--format", "csv")
	if len(line) != 1 {
		w.t.Fatalf("advertiser_analytics: %v", line)
	}
	for column, want := range map[string]string{
		"line_item_id": "382", "imps": strconv.Itoa(count("impression")), "clicks": strconv.Itoa(count("click")),
		"post_view_convs": strconv.Itoa(views), "post_click_convs": strconv.Itoa(clicks),
		"booked_revenue": fmt.Sprintf("%d.%02d0000", cents/100, cents%100), "currency": "USD",
	} {
		if line[0][column] != want {
			w.t.Errorf("advertiser_analytics: %s is %q, want %q", column, line[0][column], want)
		}
	}
}

// table runs a command and reads its CSV, a map of column to text for each row.
func (p program) table(args ...string) []map[string]string {
	p.t.Helper()
	records, err := csv.NewReader(strings.NewReader(p.run(args...))).ReadAll()
	if err != nil || len(records) == 0 {
		p.t.Fatalf("pixledger %s: %v %v", strings.Join(args, " "), records, err)
	}
	var rows []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = r[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// daemonProcess is a `pixledger run` that can be started again.
type daemonProcess struct {
	program
	cmd *exec.Cmd
	out lockedBuffer
}

// lockedBuffer collects what a process prints while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (d *daemonProcess) said() string { return d.out.String() }

// start starts the daemon and waits until `status` knows of it.
func (d *daemonProcess) start(flags ...string) {
	d.t.Helper()
	d.cmd = d.command(append([]string{"run"}, flags...)...)
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	pid := d.cmd.Process.Pid
	var last string
	waitFor(d.t, "the daemon to run", func() bool {
		var code int
		var s statusReport
		last, _, code = d.try("status", "--json")
		return code == 0 && json.Unmarshal([]byte(last), &s) == nil && s.Daemon != nil && s.Daemon.Process == pid
	}, func() string { return last + d.said() })
}

// kill ends the daemon as a power cut would.
func (d *daemonProcess) kill() {
	d.t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		d.t.Fatal(err)
	}
	_ = d.cmd.Wait() // it was killed
	d.cmd = nil
}

// stop ends the daemon as systemd would, and fails the test unless it ends well.
func (d *daemonProcess) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the daemon ended with %v\n%s", err, d.said())
	}
	d.cmd = nil
	if slices.Contains(strings.Fields(d.said()), "WARNING:") || strings.Contains(d.said(), "DATA RACE") {
		d.t.Error(d.said())
	}
}

// end ends whatever still runs when the test does.
func (d *daemonProcess) end() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
	}
}
