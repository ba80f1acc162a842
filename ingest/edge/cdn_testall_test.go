//go:build testall

package edge_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
)

// tool gives the path of a program that .ci/tools-edge builds or installs.
func tool(t testing.TB, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, candidate := range []string{filepath.Join(cache, "pixledger", "tools", "bin", name), name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("this test needs %s, and it is not installed: .ci/tools-edge", name)
	return ""
}

// file reads a file of the folder cdn.
func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("cdn", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// write puts files into a new folder.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// output runs a program and gives what it printed.
func output(t testing.TB, dir, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%.2000s", name, err, said.String(), out.String())
	}
	return out.String()
}

// serve starts a server that listens on addr until it is stopped or the test ends.
func serve(t testing.TB, dir, addr, name string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	exit := make(chan struct{})
	go func() {
		_ = cmd.Wait() // why it ended is in what it said
		close(exit)
	}()
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		<-exit
	}
	t.Cleanup(stop)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	over := time.NewTimer(30 * time.Second)
	defer over.Stop()
	for {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return stop
		}
		select {
		case <-exit:
			t.Fatalf("%s ended before it answered on %s:\n%s", name, addr, said.String())
		case <-over.C:
			t.Fatalf("%s does not answer on %s", name, addr)
		case <-ticker.C:
		}
	}
}

// cloudFrontStandIn is what CloudFront does around the function: it makes
// events and keeps the key value store.
const cloudFrontStandIn = `
import fs from 'fs';
async function main() {
  const events = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  const answers = [];
  for (let n = 0; n < events.length; n++) {
    const query = events[n].query;
    events[n].request.rawQueryString = function () { return query; };
    const answer = await handler(events[n]); // njs 0.7.9 dies of an await inside a call
    answers.push(answer);
  }
  fs.writeFileSync('answers-to-' + process.argv[2], JSON.stringify(answers));
}
main();
`

const cloudFrontStore = `
import fs from 'fs';
const store = {};
JSON.parse(fs.readFileSync('kvs.json', 'utf8')).data.forEach(function (e) { store[e.key] = e.value; });
export default {
  kvs: function () {
    return {get: function (key, options) {
      if (options.format !== 'json') throw new Error('format ' + options.format);
      return store[key] === undefined ? Promise.reject(new Error('KeyNotFound')) : Promise.resolve(JSON.parse(store[key]));
    }};
  },
};
`

// cloudFrontEvent is the event of a question, as CloudFront's documentation has it.
func cloudFrontEvent(n int, q question) map[string]any {
	method, target, _ := strings.Cut(q.Ask, " ")
	path, query, asked := strings.Cut(target, "?")
	type text struct {
		Value      string  `json:"value"`
		MultiValue []*text `json:"multiValue,omitempty"` // of a cookie that came more than once
	}
	headers, cookies := map[string]any{"host": map[string]string{"value": "px.example.com"}}, map[string]*text{}
	for name, value := range q.Headers {
		if name == "Cookie" {
			for _, c := range strings.Split(strings.ReplaceAll(value, "{uid}", knownUID), "; ") {
				name, value, _ := strings.Cut(c, "=")
				if known := cookies[name]; known == nil {
					cookies[name] = &text{Value: value}
				} else {
					if known.MultiValue == nil {
						known.MultiValue = []*text{{Value: known.Value}}
					}
					known.MultiValue = append(known.MultiValue, &text{Value: value})
				}
			}
			continue
		}
		headers[strings.ToLower(name)] = map[string]string{"value": value}
	}
	event := map[string]any{
		"version": "1.0",
		"context": map[string]string{"eventType": "viewer-request", "requestId": fmt.Sprintf("EXAMPLEntjQpE_SG5Z-%d==", n)},
		"viewer":  map[string]string{"ip": "198.51.100.11"},
		"request": map[string]any{"method": method, "uri": path, "querystring": map[string]any{}, "headers": headers, "cookies": cookies},
	}
	if asked {
		event["query"] = query
	}
	return event
}

// ownPath are the paths that CloudFront is told to give to the second function.
var ownPath = regexp.MustCompile(`^[A-Z]+ /(?:opt-out|opt-in|healthz)(?:\?|$)`)

// The functions for CloudFront, in Node.js and in njs, an engine with little more
// than ECMAScript 5.1, as CloudFront's documentation lists of its own.
func TestCloudFront(t *testing.T) {
	files := map[string]string{
		"kvs.json": output(t, "cdn", "", "jq", "-f", "cloudfront.jq", "testdata/edge.json"),
		// Node.js finds the module as a package, njs as a file.
		"node_modules/cloudfront/package.json": `{"type": "module", "main": "index.js"}`,
		"node_modules/cloudfront/index.js":     cloudFrontStore,
		"cloudfront":                           cloudFrontStore,
	}
	functions := map[string]string{
		"function": file(t, "cloudfront.js") + file(t, "edge.js"),
		"choices":  file(t, "cloudfront-choices.js") + file(t, "choices.js"),
	}
	asked, events := map[string][]question{}, map[string][]any{}
	for _, q := range questions(t, "cloudfront") {
		name := "function"
		if ownPath.MatchString(q.Ask) {
			name = "choices"
		}
		events[name] = append(events[name], cloudFrontEvent(len(asked[name]), q))
		asked[name] = append(asked[name], q)
	}
	for name, function := range functions {
		if len(function) > 10<<10 {
			t.Errorf("the %s has %d bytes; CloudFront takes 10 KB", name, len(function))
		}
		b, err := json.Marshal(events[name])
		if err != nil {
			t.Fatal(err)
		}
		files[name+".json"] = string(b)
		files[name+".mjs"] = function + cloudFrontStandIn
	}
	for name, all := range asked {
		for _, engine := range [][]string{{"node"}, {"njs", "-t", "module", "-p", "."}} {
			t.Run(engine[0]+"/"+name, func(t *testing.T) {
				dir := write(t, files)
				output(t, dir, "", tool(t, engine[0]), append(engine[1:], name+".mjs", name+".json")...)
				checkCloudFront(t, filepath.Join(dir, "answers-to-"+name+".json"), all)
			})
		}
	}
}

// checkCloudFront compares what a function answered with its questions.
func checkCloudFront(t *testing.T, path string, all []question) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct {
		StatusCode int
		Headers    map[string]struct{ Value string }
		Cookies    map[string]struct{ Value, Attributes string }
		Body       struct{ Encoding, Data string }
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(all) {
		t.Fatalf("%d answers to %d questions", len(answers), len(all))
	}
	for n, a := range answers {
		r := reply{Status: a.StatusCode, Header: http.Header{}, Body: a.Body.Data, ID: fmt.Sprintf("EXAMPLEntjQpE_SG5Z-%d==", n)}
		for name, h := range a.Headers {
			if name != strings.ToLower(name) {
				t.Errorf("%s: header %s", all[n].Ask, name)
			}
			r.Header.Add(name, h.Value)
		}
		for name, c := range a.Cookies {
			r.Header.Add("Set-Cookie", name+"="+c.Value+"; "+c.Attributes)
		}
		if a.Body.Encoding == "base64" {
			b, err := base64.StdEncoding.DecodeString(a.Body.Data)
			if err != nil {
				t.Errorf("%s: %v", all[n].Ask, err)
			}
			r.Body = string(b)
		}
		all[n].check(t, r, quirks{secure: true, deletes: true})
	}
}

// askCloudflare asks the Worker, in workerd, which is what Cloudflare runs, and
// gives its address.
func askCloudflare(t *testing.T, all []question) (replies []reply, addr string) {
	t.Helper()
	addr = edgetest.Addr(t)
	dir := write(t, map[string]string{
		"worker.js": file(t, "edge.js") + file(t, "choices.js") + file(t, "cloudflare.js"),
		"edge.json": file(t, "testdata/edge.json"),
		"config.capnp": `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "edge", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js"), (name = "edge.json", json = embed "edge.json")],
    compatibilityDate = "2026-01-01"))],
  sockets = [(name = "http", address = "` + addr + `", http = (forwardedProtoHeader = "Test-Scheme"), service = "edge")]);
`,
	})
	serve(t, dir, addr, tool(t, "workerd"), "serve", "config.capnp")
	ray := func(n int) (string, []string) {
		id := fmt.Sprintf("%016x", 0x8f1234567890abcd+uint64(n))
		return id, []string{"CF-Ray: " + id + "-FRA", "Test-Scheme: https"}
	}
	return askAll(t, addr, all, ray), addr
}

func TestCloudflare(t *testing.T) {
	all := questions(t, "cloudflare")
	replies, addr := askCloudflare(t, all)
	for n, r := range replies {
		all[n].check(t, r, quirks{secure: true, deletes: true})
	}
	checkPlainChoices(t, addr, "https://edge.test")
}

// checkPlainChoices sees that who comes without TLS is led to where the choice
// counts, and is not told that it was made.
func checkPlainChoices(t *testing.T, addr, site string) {
	t.Helper()
	for _, path := range []string{"/opt-out", "/opt-in"} {
		resp, body := send(t, &edgetest.Server{Addr: addr}, "GET", path+"?x=1")
		if got := resp.Header.Get("Location"); resp.StatusCode != 302 || got != site+path || resp.Header["Set-Cookie"] != nil || strings.Contains(body, "opted") || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s without TLS: %s %q", path, resp.Status, resp.Header)
		}
	}
}

// What the documentation tells to type makes of a catalog what the edges here
// were tested with.
func TestCatalogOfEdges(t *testing.T) {
	program, err := filepath.Abs(filepath.Join("..", "..", "bin", "pixledger"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; make build makes it", err)
	}
	dir := write(t, map[string]string{
		"catalog.yaml":   file(t, "testdata/catalog.yaml"),
		"pixledger.yaml": "lake: ./lake\ncatalog: ./catalog.yaml\nsources:\n  - {name: edge, path: ./pixel.log, format: pixledger}\n",
		"pixel.log":      "",
	})
	output(t, dir, "", program, "ingest")
	rows := output(t, dir, "", program, "query", file(t, "edge.sql"), "--format", "json")
	data := output(t, "cdn", rows, "jq", "-f", "edge.jq")
	for name, got := range map[string]string{
		"edge.json":  data,
		"edge.caddy": output(t, "cdn", data, "jq", "-rf", "caddy.jq"),
		"fastly.vcl": output(t, "cdn", data, "jq", "-rf", "fastly.jq"),
	} {
		if want := file(t, "testdata/"+name); got != want {
			t.Errorf("%s is not testdata/%s:\n%s", name, name, got)
		}
	}
	hostile := `[{"key":"t1","kind":"click","hosts":[],"landing":"https://shop.example/\"'{$x}\\|<é ${SSP_DATA}%","member":"1","code":null,"piggybacks":null}]`
	const safe = `{"t1":{"click":true,"landing":"https://shop.example/%22'%7B$x%7D%5C%7C%3C%C3%A9%20|%"}}` + "\n"
	if got := output(t, "cdn", hostile, "jq", "-cf", "edge.jq"); got != safe {
		t.Errorf("a landing page with what means something elsewhere: %s", got)
	}
	for _, bad := range []string{
		`[{"key":"t1","kind":"click","hosts":[],"landing":"https://${SSP_DATA}/","member":"1","code":null,"piggybacks":null}]`,
		`[{"key":"t1","kind":"click","hosts":["shop.example/x"],"landing":null,"member":"1","code":null,"piggybacks":null}]`,
	} {
		cmd := exec.Command("jq", "-f", "edge.jq")
		cmd.Dir, cmd.Stdin = "cdn", strings.NewReader(bad)
		if out, err := cmd.Output(); err == nil {
			t.Errorf("%s gives %s", bad, out)
		}
	}
}
