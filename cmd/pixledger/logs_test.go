package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pixledger/ingest/edge/edgetest"
)

// secretMark stands in everything of the hostile lines that is a user's, or the
// line's own text; in nothing else.
const secretMark = "zzsecret"

// hostileLines are lines of every fate, with the mark in every field. of makes
// them another log's than those of another.
func hostileLines(of string) string {
	line := func(time, uri, status string) string {
		return fmt.Sprintf(`{"time":%q,"id":"zzsecret-id","ip":"zzsecret-ip","method":"GET","host":"zzsecret.example","uri":%q,"status":%q,"referer":"https://zzsecret.example/","ua":"zzsecret-ua","uid_got":"uid=zzsecret","uid_set":"","gpc":""}`+"\n", time, uri, status)
	}
	var b strings.Builder
	b.WriteString("zzsecret, the beginning of " + of + "\n")
	good := "1794391200.000"
	for _, uri := range []string{
		"/imptr?id=2766&ancost=zzsecret", "/clktrb?id=21378&token=zzsecret", "/px?id=9012&order_id=zzsecret&value=zzsecret&other=zzsecret&email=zzsecret",
		"/px?id=zzsecret&code=zzsecret&member=zzsecret", "/sspx?id=9012&order_id=zzsecret&sspdata=zzsecret", "/seg?add=zzsecret&add_code=zzsecret",
		"/pixie?pi=zzsecret&e=zzsecret&va=zzsecret", "/px?id=9012&order_id=%00%ff%zz\u2028zzsecret", "/zzsecret",
	} {
		b.WriteString(line(good, uri, "200"))
	}
	b.WriteString(line(good, "/px?zzsecret", "500"))                               // not counted
	b.WriteString(line("zzsecret", "/px?zzsecret", "200"))                         // no time
	b.WriteString(line("17.000", "/px?zzsecret", "200"))                           // before 2000
	b.WriteString(line(good, "/px?zzsecret", "zzsecret"))                          // no status
	b.WriteString(line(good, "/px?"+strings.Repeat("zzsecret", 10_000), "200"))    // too long
	b.WriteString("zzsecret is no JSON\n{\"zzsecret\n\x00\xff zzsecret\x1b[31m\n") // malformed
	b.WriteString("203.0.113.9 - zzsecret [12/Nov/2026:09:00:00 +0000] \"GET /px?order_id=zzsecret HTTP/1.1\" 200 43\n")
	return b.String()
}

// The daemon's log says what goes wrong, where and how often; it never holds a
// line of an access log, nor a user's id, address, order or agent. It is tried
// with lines of every fate, logs in another format than their source's, damaged
// and truncated ones, and jobs that work on all that, at the most talkative level.
func TestLogHoldsNothingOfUsers(t *testing.T) {
	t.Parallel() // it waits for most of its time
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("catalog.yaml"), edgeCatalog)
	write(t, at("pixledger.yaml"), fmt.Sprintf(`lake: ./lake
catalog: ./catalog.yaml
sources:
  - {name: json, path: ./json.log, format: pixledger}
  - {name: combined, path: ./combined.log, format: combined}
  - {name: cut, path: ./cut.log, format: pixledger}
commit: {interval: 50ms}
limits: {max_line: 20KB}
schedule: {attribute: "0 9 * * *", close: "0 9 * * *", export: "0 9 * * *", warehouse: "0 9 * * *"}
exports: [{report: revenue, to: "file:./outbox"}]
console: {listen: "%s"}
`, edgetest.Addr(t)))
	write(t, at("json.log"), hostileLines("json"))
	write(t, at("combined.log"), hostileLines("combined"))
	write(t, at("cut.log"), hostileLines("cut"))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(strings.Repeat(hostileLines("packed"), 20))); err != nil || z.Close() != nil {
		t.Fatal("pack")
	}
	damagedCopy := packed.Bytes()
	for i := len(damagedCopy) / 2; i < len(damagedCopy)/2+20; i++ {
		damagedCopy[i] ^= 0xff
	}
	write(t, at("json.log.2.gz"), string(damagedCopy))
	write(t, at("json.log.1"), pixelText+"zzsecret, a line without its end")

	d := &daemonProcess{program: program{t: t, dir: dir}}
	t.Cleanup(d.end)
	d.start("--now", "2026-11-13T08:59:56Z", "--log-level", "debug", "--log-format", "json")
	const each = 16 // lines of hostileLines that are in the account
	waitFor(t, "the hostile lines to be committed", func() bool {
		var s statusReport
		out, _, _ := d.try("status", "--json", "--now", "2026-11-13T09:00:00Z")
		lines := int64(0)
		if json.Unmarshal([]byte(out), &s) == nil {
			for _, src := range s.Sources {
				lines += src.Lines
			}
		}
		return lines >= 3*each
	}, d.said)
	// A log that is overwritten while it is followed.
	if err := os.Truncate(at("cut.log"), 0); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{"cut short or damaged", "job done", "was truncated or overwritten", `"job":"warehouse"`, `"job":"attribute"`, `"job":"export"`, `"job":"close"`} {
		waitFor(t, said, func() bool { return strings.Contains(d.said(), said) }, d.said)
	}
	d.stop()
	if strings.Contains(d.said(), secretMark) || strings.Contains(d.said(), "203.0.113") {
		t.Errorf("the log holds something of a user:\n%s", d.said())
	}
	for line := range strings.Lines(d.said()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || m["msg"] == nil || m["level"] == nil || m["time"] == nil {
			t.Errorf("a line of the log is no message in JSON: %s", line)
		}
	}
}

// pixelText is a line of the format pixledger that can be read.
const pixelText = `{"time":"1794391200.000","id":"e-0","ip":"198.51.100.7","method":"GET","host":"px.example","uri":"/imptr?id=2766","status":"200","referer":"","ua":"","uid_got":"","uid_set":"","gpc":""}` + "\n"

func TestLogFlags(t *testing.T) {
	for _, c := range []struct{ flag, value, says string }{
		{"--log-format", "xml", `pixledger: run: --log-format is "xml"; allowed: text, json`},
		{"--log-level", "loud", `pixledger: run: --log-level is "loud"; allowed: debug, info, warn, error`},
		{"--log-level", "INFO", `pixledger: run: --log-level is "INFO"; allowed: debug, info, warn, error`},
		{"--log-level", "info+2", `pixledger: run: --log-level is "info+2"; allowed: debug, info, warn, error`},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"run", c.flag, c.value}, &stdout, &stderr); code != exitUsage || strings.TrimSpace(stderr.String()) != c.says {
			t.Errorf("run %s %s: exit code %d, %s", c.flag, c.value, code, stderr.String())
		}
	}
}
