package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas"
)

// The daemon keeps a real nginx at what the catalog says: a new tracker answers,
// a catalog with a mistake changes nothing, and what nginx does not take is put
// back and said.
func TestDaemonKeepsTheEdge(t *testing.T) {
	dir := edgetest.Dir(t)
	p := program{t: t, dir: dir}
	catalog, conf, console := filepath.Join(dir, "catalog.yaml"), filepath.Join(dir, "nginx.conf"), edgetest.Addr(t)
	settings := func(more string) string {
		return fmt.Sprintf("lake: ./lake\ncatalog: ./catalog.yaml\nsources: [{name: edge-1, path: ./pixel.log}]\nconsole: {listen: %q}\n%s", console, more)
	}
	edge := fmt.Sprintf("edge:\n  listen: %q\n  log: %s\n  conf: ./nginx.conf\n", edgetest.Addr(t), filepath.Join(dir, "pixel.log"))
	write(t, catalog, edgeCatalog)
	write(t, filepath.Join(dir, "pixledger.yaml"), settings(edge))
	nginx := edgetest.Start(t, p.run("edge", "nginx"))
	reload, err := json.Marshal("echo tried >&2; test ! -e broken && " + nginx.ReloadCommand(conf))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "pixledger.yaml"), settings(edge+"  reload: "+string(reload)+"\n"))
	with := func(trackers ...int) string {
		list := ""
		for _, id := range trackers {
			list += fmt.Sprintf("  - {id: %d, kind: click, line_item_id: 382, landing_url: \"https://shop.prostarr.example/%d\"}\n", id, id)
		}
		return strings.Replace(edgeCatalog, "trackers:\n", "trackers:\n"+list, 1)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(url string) (status int, body string) {
		t.Helper()
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	clicks := func(id int) int {
		status, _ := get(fmt.Sprintf("%s/clktr?id=%d", nginx.URL, id))
		return status
	}
	metric := func(value string) func() bool {
		return func() bool {
			_, body := get("http://" + console + "/metrics")
			return strings.Contains(body, "\npixledger_edge_conf_current "+value+"\n")
		}
	}
	printed := func() string {
		t.Helper()
		cfg, err := LoadConfig(filepath.Join(dir, "pixledger.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		cat, _, err := schemas.LoadCatalog(catalog)
		if err != nil {
			t.Fatal(err)
		}
		text, err := edgeText(cfg, cat)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	is := func(when, want string) {
		t.Helper()
		if b, err := os.ReadFile(conf); err != nil || string(b) != want {
			t.Errorf("%s: nginx.conf is not what it should be (%v)", when, err)
		}
	}

	d := &daemonProcess{program: p}
	t.Cleanup(d.end)
	d.start()
	waitFor(t, "the configuration at the start", metric("1"), d.said)
	is("at the start", printed())

	write(t, catalog, with(30000))
	waitFor(t, "the new tracker", func() bool { return clicks(30000) == 302 }, d.said)
	waitFor(t, "the new catalog's configuration", metric("1"), d.said)
	second := printed()
	is("with a new tracker", second)

	write(t, catalog, with(30000, 30001)+"nonsense: 1\n")
	waitFor(t, "the refusal", func() bool { return strings.Contains(d.said(), "catalog refused") }, d.said)
	is("with an invalid catalog", second)

	// What nginx would not take: the old file stands again, and people are told.
	write(t, filepath.Join(dir, "broken"), "")
	write(t, catalog, with(30000, 30001))
	waitFor(t, "the failure", func() bool { return strings.Contains(d.said(), "edge configuration not in force") }, d.said)
	is("after a failed reload", second)
	if !metric("0")() || clicks(30001) != 404 || clicks(30000) != 302 {
		t.Errorf("after a failed reload: %d, %d", clicks(30001), clicks(30000))
	}
	var s statusReport
	if err := json.Unmarshal([]byte(p.run("status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	if s.Edge == nil || s.Edge.State != "differs" || !strings.Contains(s.Edge.Error, "edge.reload: exit status 1: tried") || len(s.Warnings) == 0 || !strings.Contains(s.Warnings[len(s.Warnings)-1].What, "could not be renewed") {
		t.Errorf("status: %+v %+v", s.Edge, s.Warnings)
	}

	if err := os.Remove(filepath.Join(dir, "broken")); err != nil {
		t.Fatal(err)
	}
	write(t, catalog, with(30000, 30001, 30002))
	waitFor(t, "the tracker after the failure", func() bool { return clicks(30001) == 302 && clicks(30002) == 302 }, d.said)
	waitFor(t, "all well again", metric("1"), d.said)
	third := printed()
	is("after the failure", third)
	d.stop()

	// By hand, it is left alone when it is right, and told of when it is not.
	before, err := os.Stat(conf)
	if err != nil {
		t.Fatal(err)
	}
	if _, said, code := p.try("edge", "nginx", "-o", conf); code != 0 || !strings.Contains(said, conf+" says this already") {
		t.Errorf("edge nginx -o: exit %d, %s", code, said)
	}
	if after, err := os.Stat(conf); err != nil || !os.SameFile(before, after) || after.ModTime() != before.ModTime() {
		t.Errorf("edge nginx -o touched what was right (%v)", err)
	}
	write(t, conf, third+"# mine\n")
	for _, command := range []string{"status", "doctor"} {
		out, _, _ := p.try(command, "--format", "table")
		if !strings.Contains(out, conf+" is not what the catalog prints") || !strings.Contains(out, "`pixledger edge nginx -o "+conf+"`, then `echo tried") {
			t.Errorf("%s: %s", command, out)
		}
	}
	p.run("edge", "nginx", "-o", conf)
	is("written by hand", third)
}
