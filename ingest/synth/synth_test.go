package synth_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/synth"
	"pixledger/schemas"
)

var (
	start = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	end   = start.AddDate(0, 0, 4)
)

func options(format string) synth.Options {
	return synth.Options{Seed: 7, Start: start, End: end, Lines: 20_000, Format: format, Users: 1_000}
}

func write(t *testing.T, o synth.Options) ([]byte, synth.Summary) {
	t.Helper()
	var b bytes.Buffer
	sum, err := synth.Write(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Bytes != int64(b.Len()) {
		t.Errorf("the summary says %d bytes, there are %d", sum.Bytes, b.Len())
	}
	return b.Bytes(), sum
}

// The hashes are of what the first machine wrote: another one must write the
// same. They change when what is drawn changes, and then only.
func TestSameOptionsSameBytes(t *testing.T) {
	for format, want := range map[string]string{
		synth.Pixledger: "1826beb5290e2d77780d76f489a8726b16561bece4e0c5da370ec3982fa725ec",
		synth.Combined:  "c45da0684a63dfde35ad8f2a621e365772ba669b79be90d7b4586f3247075e2b",
	} {
		o := options(format)
		o.Lines, o.Users = 10_000, 500
		first, _ := write(t, o)
		second, _ := write(t, o)
		if !bytes.Equal(first, second) {
			t.Errorf("%s: two logs of the same options differ", format)
		}
		if sum := sha256.Sum256(first); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s: the log's SHA-256 is %x, not %s", format, sum, want)
		}
		o.Seed++
		if third, _ := write(t, o); bytes.Equal(first, third) {
			t.Errorf("%s: another seed gives the same log", format)
		}
	}
}

// request is a line as this test reads it, on its own.
type request struct {
	broken            bool
	at                time.Time
	method, uri, user string
	status            int
	agent             string
	gpc               bool
	id                string
}

var combined = regexp.MustCompile(`^(\S+) - - \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)"$`)

func read(t *testing.T, format, line string) request {
	t.Helper()
	if format == synth.Combined {
		m := combined.FindStringSubmatch(line)
		if m == nil {
			return request{broken: true}
		}
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[2])
		if err != nil {
			t.Fatal(err)
		}
		r := request{at: at.UTC(), agent: m[7]}
		r.status, _ = strconv.Atoi(m[4])
		if fields := strings.Fields(m[3]); len(fields) == 3 {
			r.method, r.uri = fields[0], fields[1]
		}
		return r
	}
	var keys map[string]string
	if json.Unmarshal([]byte(line), &keys) != nil {
		return request{broken: true}
	}
	for _, k := range []string{"time", "id", "ip", "method", "host", "uri", "status", "referer", "ua", "uid_got", "uid_set", "gpc"} {
		if _, ok := keys[k]; !ok {
			t.Fatalf("no key %s in %s", k, line)
		}
	}
	seconds, millis, _ := strings.Cut(keys["time"], ".")
	s, err1 := strconv.ParseInt(seconds, 10, 64)
	ms, err2 := strconv.ParseInt(millis, 10, 64)
	status, err3 := strconv.Atoi(keys["status"])
	if err := errors.Join(err1, err2, err3); err != nil || len(millis) != 3 {
		t.Fatalf("time or status of %s: %v", line, err)
	}
	if !requestID.MatchString(keys["id"]) {
		t.Fatalf("request id %q", keys["id"])
	}
	return request{at: time.Unix(s, ms*1e6).UTC(), method: keys["method"], uri: keys["uri"], status: status, agent: keys["ua"],
		gpc: keys["gpc"] == "1", id: keys["id"], user: strings.TrimPrefix(keys["uid_got"]+keys["uid_set"], "uid=")}
}

var (
	types = map[string]string{"px": "conversion", "sspx": "conversion", "imptr": "impression", "clktr": "click", "seg": "segment", "pixie": "universal"}
	robot = regexp.MustCompile(`(?i)bot|curl|python|headless`)
	uid   = regexp.MustCompile(`^[0-9A-F]{32}$`)

	requestID = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// follow sorts conversions by what their user did before.
type follow struct{ soon, late, none, tokens int }

// recount reads a log line by line and counts on its own what is in it.
func recount(t *testing.T, format string, content []byte) (synth.Summary, follow) {
	t.Helper()
	n := synth.Summary{Rejects: map[string]int64{}, NotCounted: map[string]int64{}}
	var f follow
	touched := map[string]time.Time{} // last touch by user
	tokens := map[string]bool{}
	var before time.Time
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		n.Lines++
		r := read(t, format, lines.Text())
		if r.broken {
			n.Rejects["malformed"]++
			continue
		}
		if r.at.Year() < 2000 {
			n.Rejects["bad_time"]++
			continue
		}
		if r.at.Before(before) || r.at.Before(start) || !r.at.Before(end) {
			t.Fatalf("%s after %s", r.at, before)
		}
		before = r.at
		u, err := url.Parse(r.uri)
		if err != nil {
			t.Fatal(err)
		}
		if r.method == "" {
			if r.status != 400 {
				t.Fatalf("status %d without method", r.status)
			}
			n.NotCounted["malformed"]++
			continue
		}
		kind := types[u.Path[strings.LastIndexByte(u.Path, '/')+1:]]
		q := u.Query()
		switch {
		case kind == "":
			n.Ignored++
			continue
		case r.method != "GET" && r.method != "POST":
			n.NotCounted["method"]++
			continue
		case r.status < 200 || r.status > 399:
			n.NotCounted["status"]++
			continue
		}
		server := u.Path == "/sspx"
		if !server && robot.MatchString(r.agent) {
			n.Bots++
		}
		if r.gpc || q.Get("us_privacy") == "1YYN" {
			n.Denied++
		}
		user := r.user
		if format == synth.Combined {
			user = q.Get("uid")
		}
		if user != "" && !uid.MatchString(user) {
			t.Fatalf("user id %q", user)
		}
		switch kind {
		case "impression", "click":
			if user != "" {
				touched[user] = r.at
			}
			tokens[r.id], tokens[q.Get("token")] = true, true
			if kind == "click" {
				n.Clicks++
			} else {
				n.Impressions++
			}
		case "conversion":
			n.Conversions++
			if server {
				n.ServerSide++
				if tokens[q.Get("sspdata")] {
					f.tokens++
				}
				continue
			}
			at, ok := touched[user]
			switch {
			case !ok || user == "":
				f.none++
			case r.at.Sub(at) <= 6*time.Hour:
				f.soon++
			default:
				f.late++
			}
		case "segment":
			n.Segments++
		default:
			n.Universals++
		}
	}
	return n, f
}

func TestSummaryIsWhatIsInTheLog(t *testing.T) {
	for _, format := range []string{synth.Pixledger, synth.Combined} {
		t.Run(format, func(t *testing.T) {
			content, sum := write(t, options(format))
			n, f := recount(t, format, content)
			n.Bytes, n.First, n.Last = sum.Bytes, sum.First, sum.Last
			want, _ := json.Marshal(n)
			if got, _ := json.Marshal(sum); !bytes.Equal(got, want) {
				t.Errorf("summary\n%s\nthe log holds\n%s", got, want)
			}
			if sum.Lines != 20_000 {
				t.Errorf("%d lines, 20000 asked for", sum.Lines)
			}
			if per := sum.Conversions * 1000 / sum.Events(); per < 7 || per > 14 {
				t.Errorf("%d conversions in %d events, about one in 100 wanted", sum.Conversions, sum.Events())
			}
			if sum.Impressions < 20*sum.Clicks || sum.Clicks < sum.Conversions {
				t.Errorf("%d impressions, %d clicks, %d conversions", sum.Impressions, sum.Clicks, sum.Conversions)
			}
			for what, n := range map[string]int64{"bots": sum.Bots, "denied": sum.Denied, "server-side": sum.ServerSide, "segments": sum.Segments,
				"universals": sum.Universals, "ignored": sum.Ignored, "malformed": sum.Rejects["malformed"], "bad_time": sum.Rejects["bad_time"],
				"method": sum.NotCounted["method"], "status": sum.NotCounted["status"], "port scans": sum.NotCounted["malformed"],
				"soon after a touch": int64(f.soon), "long after": int64(f.late), "without a touch": int64(f.none), "known tokens": int64(f.tokens)} {
				if n < 1 {
					t.Errorf("%s: %d in 20,000 lines", what, n)
				}
			}
			for _, macro := range []string{"order_id=[ORDER_ID]", "cachebuster=[CACHEBUSTER]"} {
				if !bytes.Contains(content, []byte(macro)) {
					t.Errorf("no %s in 20,000 lines", macro)
				}
			}
		})
	}
}

func TestEveningsAreBusierThanNights(t *testing.T) {
	content, _ := write(t, options(synth.Pixledger))
	var hours [24]int
	for line := range strings.Lines(string(content)) {
		if r := read(t, synth.Pixledger, strings.TrimSuffix(line, "\n")); !r.broken && r.at.Year() > 2000 {
			hours[r.at.Hour()]++
		}
	}
	if hours[20] < 5*hours[3] {
		t.Errorf("%d lines from 20:00 to 21:00, %d from 03:00 to 04:00", hours[20], hours[3])
	}
}

func TestDefaults(t *testing.T) {
	_, sum := write(t, synth.Options{Start: start, End: start.Add(12 * time.Hour)})
	if sum.Lines != synth.DefaultLinesPerDay/2 {
		t.Errorf("%d lines in half a day", sum.Lines)
	}
	_, sum = write(t, synth.Options{Start: start, Lines: 3})
	if sum.Lines != 3 || sum.First.Before(start) || sum.Last.Sub(start) < 6*time.Hour {
		t.Errorf("three lines of a day: %+v", sum)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for what, o := range map[string]synth.Options{
		"needs a start":             {Lines: 1},
		"can't end":                 {Start: start, End: start},
		"-1 lines":                  {Start: start, Lines: -1},
		`in the format "apache"`:    {Start: start, Lines: 1, Format: "apache"},
		"-5 users":                  {Start: start, Lines: 1, Users: -5},
		"needs a catalog with impr": {Start: start, Lines: 1, Catalog: &schemas.Catalog{}},
	} {
		if _, err := synth.Write(io.Discard, o); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: %v, want %q", o, err, what)
		}
	}
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsComeBack(t *testing.T) {
	if _, err := synth.Write(full{}, options(synth.Pixledger)); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	o := options(synth.Pixledger)
	var last int64
	o.Progress = func(lines int64) {
		if lines < last {
			t.Errorf("progress went from %d to %d", last, lines)
		}
		last = lines
	}
	if _, sum := write(t, o); last != sum.Lines {
		t.Errorf("progress ended at %d of %d", last, sum.Lines)
	}
}

func TestCatalogIsValidAtAnySize(t *testing.T) {
	for _, o := range []synth.CatalogOptions{
		{}, {Advertisers: 1, LineItems: 1, Publishers: 1},
		{Seed: 3, Advertisers: 30, LineItems: 5, Raise: start},
	} {
		cat, _, err := schemas.ParseCatalog("catalog.yaml", synth.Catalog(o))
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		if o.Advertisers > 0 && (len(cat.Advertisers) != o.Advertisers || len(cat.LineItems) != o.Advertisers*o.LineItems) {
			t.Errorf("%+v: %d advertisers, %d line items", o, len(cat.Advertisers), len(cat.LineItems))
		}
		if !bytes.Equal(synth.Catalog(o), synth.Catalog(o)) {
			t.Errorf("%+v: two catalogs differ", o)
		}
		sum, err := synth.Write(io.Discard, synth.Options{Start: start, Lines: 2_000, Catalog: cat})
		if err != nil || sum.Lines != 2_000 {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
