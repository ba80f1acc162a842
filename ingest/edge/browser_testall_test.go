//go:build testall

package edge_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pixledger/ingest/edge"
	"pixledger/ingest/edge/edgetest"
)

// shopPage is a page of a shop that lets nothing be embedded unless it says so
// (COEP). Its script asks the edge in every way that a tag does, then goes on to
// leavePage.
const shopPage = `<!doctype html><title>shop</title><script>
const edge = "EDGE", said = {};
const loads = (kind, url) => new Promise(done => {
  const e = document.createElement(kind);
  e.onload = () => done("loaded"); e.onerror = () => done("failed");
  e.src = url; document.head.appendChild(e);
});
(async () => {
  const ask = async (name, url, options) => {
    try { const r = await fetch(edge + url, {credentials: "include", ...options}); said[name] = r.status + " " + r.headers.get("content-type"); }
    catch (e) { said[name] = String(e); }
  };
  await ask("fetch", "/px?id=9012&n=fetch");
  await ask("fetch again", "/px?id=9012&n=again");
  await ask("preflighted", "/px?id=9012&n=preflighted", {method: "POST", body: "{}", headers: {"Content-Type": "application/json", "X-Tag": "1"}});
  await ask("unknown click", "/clktr?id=1");
  said.beacon = navigator.sendBeacon(edge + "/px?id=9012&n=beacon", new Blob(["{}"], {type: "application/json"}));
  said.image = await loads("img", edge + "/imptr?id=2766&n=image");
  said.script = await loads("script", edge + "/px?id=9014&t=1&n=script");
  said.isolated = crossOriginIsolated;
  await fetch("/said", {method: "POST", body: JSON.stringify(said)});
  location.href = "/leave";
})();
</script>`

// leavePage opts its visitor out by an image, as pages for many networks do.
const leavePage = `<!doctype html><title>leave</title><script>
const edge = "EDGE";
const loads = url => new Promise(done => { const i = new Image(); i.onload = i.onerror = done; i.src = url; });
(async () => {
  await loads(edge + "/opt-out");
  await loads(edge + "/px?id=9012&n=out");
  await loads(edge + "/opt-in");
  await loads(edge + "/px?id=9012&n=still-out");
  await fetch("/said", {method: "POST", body: "{}"});
})();
</script>`

// A real browser on a shop's page gets through to the edge of another site: with
// its cookie, by script and beacon, isolated or not, until it opts out.
func TestBrowser(t *testing.T) {
	cert, key, _ := certificate(t)
	conf := printed(t, catalog(), func(c *edge.Config) { c.TLSCertificate, c.TLSKey = cert, key })
	addr := edgetest.Addr(t)
	s := edgetest.Start(t, strings.Replace(conf, "listen 127.0.0.1:443 ssl;", "listen "+addr+" ssl;", 1))
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 2)
	page := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			if r.URL.Path == "/" {
				w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
				w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
			}
			_, _ = io.WriteString(w, strings.ReplaceAll(text, "EDGE", "https://px.edge.test:"+port))
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page(shopPage))
	mux.Handle("GET /leave", page(leavePage))
	mux.HandleFunc("POST /said", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		said <- string(b)
	})
	shop := httptest.NewTLSServer(mux)
	t.Cleanup(shop.Close)
	_, shopPort, err := net.SplitHostPort(shop.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// Debian's Chromium keeps other sites' cookies back unless it is told not to.
	profile := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(profile, "Default"), 0o700),
		os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(`{"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": false}}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	browser := exec.Command("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+profile, "--remote-debugging-port=0",
		"--host-resolver-rules=MAP *.test 127.0.0.1", "--ignore-certificate-errors", "https://www.shop.test:"+shopPort+"/")
	browser.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := browser.Start(); err != nil {
		t.Fatalf("chromium: %v\nthis test needs Chromium: .ci/tools-office installs it", err)
	}
	stop := func() { // with all that it has started
		_ = syscall.Kill(-browser.Process.Pid, syscall.SIGKILL)
		_ = browser.Wait()
	}
	defer stop()
	hear := func() string {
		t.Helper()
		select {
		case text := <-said:
			return text
		case <-time.After(time.Minute):
			t.Fatal("the browser says nothing")
		}
		return ""
	}
	got := map[string]any{}
	if err := json.Unmarshal([]byte(hear()), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"fetch": "200 image/gif", "fetch again": "200 image/gif", "preflighted": "200 image/gif", "unknown click": "404 text/html",
		"beacon": true, "image": "loaded", "script": "loaded", "isolated": true,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	hear()
	s.Lines(11) // the beacon may come late
	stop()
	user := ""
	seen := map[string]int{}
	for _, l := range logged(t, s) {
		_, name, _ := strings.Cut(l.URI, "&n=")
		seen[l.Method+" "+name+" "+l.Status]++
		id := strings.TrimPrefix(l.Got+l.Set, "uid=")
		switch {
		case l.Method == "OPTIONS" || l.Status == "404" || name == "out" || name == "still-out":
			if id != "" {
				t.Errorf("%s %s: the user %s", l.Method, l.URI, id)
			}
		case user == "":
			user = id
		case id != user || l.Set != "":
			t.Errorf("%s: got %q, set %q, want the user %s known by the cookie", l.URI, l.Got, l.Set, user)
		}
	}
	for _, want := range []string{
		"GET fetch 200", "GET again 200", "OPTIONS preflighted 204", "POST preflighted 200", "GET  404", "OPTIONS beacon 204", "POST beacon 200",
		"GET image 200", "GET script 200", "GET out 200", "GET still-out 200",
	} {
		if seen[want] != 1 {
			t.Errorf("%s was logged %d times: %v", want, seen[want], seen)
		}
	}
	if len(user) != 32 {
		t.Errorf("the user is %q", user)
	}
}
