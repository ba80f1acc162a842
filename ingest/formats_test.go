package ingest

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixledger/ingest/parse"
	"pixledger/ingest/synth"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// eventTexts gives every event of the lake as one text, sorted, without the
// columns that tell where it came from, and those left out.
func eventTexts(t testing.TB, l *lake.Lake, without ...string) []string {
	t.Helper()
	without = append(without, "ingested_at", "edge", "source_id", "source_offset")
	var out []string
	for _, row := range rowsOf(t, l, schemas.Events) {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(row)) {
			if !slices.Contains(without, name) {
				fmt.Fprintf(&b, "%s=%s ", name, row[name])
			}
		}
		out = append(out, b.String())
	}
	slices.Sort(out)
	return out
}

// accountOf adds up the account of all files and days.
func accountOf(t testing.TB, l *lake.Lake) lake.Counts {
	t.Helper()
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	var all lake.Counts
	for _, src := range s.Sources {
		for _, c := range src.Days {
			all.Add(c)
		}
	}
	all.MaxSkewMicros = 0
	return all
}

// pixledgerFormat is the format pixledger as nginx is told it.
const pixledgerFormat = `log_format pixledger escape=json '{"time":"$msec","id":"$request_id","ip":"$remote_addr","method":"$request_method",'
  '"host":"$host","uri":"$request_uri","status":"$status","referer":"$http_referer","ua":"$http_user_agent",'
  '"uid_got":"$uid_got","uid_set":"$uid_set","gpc":"$http_sec_gpc"}';`

// without takes from a pixledger log what another format can't carry. Lines that
// can't be read stay.
func without(t testing.TB, log []byte, lacks parse.Part, write parse.Spec) []byte {
	t.Helper()
	k, err := write.Kind()
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	var r parse.Request
	for line := range bytes.Lines(log) {
		if (parse.Pixledger{}).Parse(parse.TrimLineEnd(line), &r) != nil {
			out = append(out, line...)
			continue
		}
		for part, field := range map[parse.Part]*[]byte{parse.PartID: &r.ID, parse.PartHost: &r.Host, parse.PartGPC: &r.GPC, parse.PartFirstUser: &r.UIDSet, parse.PartUser: &r.UIDGot} {
			if lacks&part != 0 {
				*field = nil
			}
		}
		if lacks&parse.PartMillis != 0 {
			r.Time -= r.Time % 1_000_000
		}
		out = append(k.Append(out, &r, parse.UserID{}), '\n')
	}
	return out
}

// trafficIn is one traffic as gen writes it.
func trafficIn(t testing.TB, format string, lines int64) []byte {
	t.Helper()
	var b bytes.Buffer
	// Long enough before the tests' moment of reading, and no line ahead of it.
	start := testTime.AddDate(0, 0, -3)
	if _, err := synth.Write(&b, synth.Options{Seed: 11, Start: start, End: start.Add(12 * time.Hour), Lines: lines, Format: format}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// oddFormats are log_formats that are no vendor's.
var oddFormats = []string{
	`log_format tabs '$msec\t$request_id\t$remote_addr\t$host\t$request_method\t$request_uri\t$status\t$http_referer\t$http_user_agent\t$uid_got\t$uid_set\t$http_sec_gpc';`,
	`{"at": $msec, "what": "$request", "code": $status, "page": {"from": "$http_referer", "by": "$http_user_agent"}, "ip": "$remote_addr", "host": "$host", "id": "$request_id", "got": "$uid_got", "set": "$uid_set", "gpc": "$http_sec_gpc"}`,
	`[$time_local] $host $request_id $status "$request" from=$remote_addr ref="$http_referer" "$http_user_agent" cookies="$http_cookie"`,
}

// The same traffic in every format gives the same events, as far as the format
// carries them; plain, packed, and followed while it is written, with restarts.
func TestTheSameTrafficInEveryFormat(t *testing.T) {
	const lines = 300
	base := trafficIn(t, "pixledger", lines)
	type variant struct {
		name string
		spec parse.Spec
		log  []byte
		skip []string
	}
	var variants []variant
	for _, format := range append(parse.Names(), oddFormats...) {
		v := variant{name: format[:min(len(format), 15)], spec: parse.Spec{Format: format}}
		k, err := v.spec.Kind()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case k.Append == nil && format != "pixledger": // combined has ids in its URLs when gen writes it
			v.log = without(t, base, k.Lacks, parse.Spec{Format: `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`})
			v.skip = []string{"event_id"}
		case k.Lacks&parse.PartUser == 0 && k.Lacks&parse.PartFirstUser != 0, strings.Contains(format, "$http_cookie"):
			v.spec.UserID.Cookie = synth.UserParam
			v.log = trafficIn(t, format, lines)
		default:
			v.log = trafficIn(t, format, lines)
		}
		variants = append(variants, v)
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			k, err := v.spec.Kind()
			if err != nil {
				t.Fatal(err)
			}
			expected := testLake(t)
			masked := filepath.Join(t.TempDir(), "masked.log")
			write(t, masked, string(without(t, base, k.Lacks, parse.Spec{Format: pixledgerFormat})))
			ingest(t, testOptions(expected), masked)
			want, account := eventTexts(t, expected, v.skip...), accountOf(t, expected)
			if len(want) < lines*9/10 {
				t.Fatalf("only %d events", len(want))
			}
			source := Source{Name: "edge-1", Format: v.spec.Format, UserID: v.spec.UserID}
			compare := func(t *testing.T, how string, l *lake.Lake) {
				t.Helper()
				got := eventTexts(t, l, v.skip...)
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Fatalf("%s: got\n%s\nwant\n%s", how, got[i], want[i])
					}
				}
				if len(got) != len(want) {
					t.Fatalf("%s: %d events, want %d", how, len(got), len(want))
				}
				if c := accountOf(t, l); !maps.Equal(c.Events, account.Events) || !maps.Equal(c.Rejects, account.Rejects) || !maps.Equal(c.NotCounted, account.NotCounted) || c.Ignored != account.Ignored || c.Lines() != account.Lines() {
					t.Errorf("%s: the account is %+v, want %+v", how, c, account)
				}
			}
			for _, packed := range []string{"", ".gz", ".zst"} {
				l, log := testLake(t), filepath.Join(t.TempDir(), "edge.log"+packed)
				switch packed {
				case "":
					write(t, log, string(v.log))
				case ".gz":
					write(t, log, gz(t, string(v.log)))
				case ".zst":
					write(t, log, zst(t, string(v.log)))
				}
				opts := testOptions(l)
				opts.Format, opts.Sources = "", []Source{source}
				opts.Sources[0].Path = log
				if packed == "" {
					opts.Rows = 120
				}
				ingest(t, opts, log)
				compare(t, "read at once"+packed, l)
			}
			d := newFollowing(t)
			d.opts.Format, d.opts.Sources = "", []Source{source}
			d.opts.Sources[0].Path = d.log
			r := rand.New(rand.NewPCG(1, uint64(len(v.log))))
			for rest := v.log; ; {
				n := min(len(rest), 1+r.IntN(len(v.log)/2))
				appendTo(t, d.log, string(rest[:n]))
				rest = rest[n:]
				whole := bytes.LastIndexByte(v.log[:len(v.log)-len(rest)], '\n') + 1
				d.start()
				if whole > 0 {
					d.settledAt(whole)
				}
				d.stop()
				if len(rest) == 0 {
					break
				}
			}
			compare(t, "followed", d.l)
		})
	}
}

// reordered writes requests as CloudFront does, with the fields in another order
// from time to time, and gives the order ids in the order of the lines.
func reordered(r *rand.Rand, lines int) (log []byte, ids []string) {
	fields := []string{"date", "time", "c-ip", "cs-method", "cs-uri-stem", "cs-uri-query", "sc-status", "x-edge-request-id", "sc-bytes"}
	for i := range lines {
		if i == 0 || r.IntN(40) == 0 {
			r.Shuffle(len(fields), func(a, b int) { fields[a], fields[b] = fields[b], fields[a] })
			log = append(log, "#Version: 1.0\n#Fields: "+strings.Join(fields, " ")+"\n"...)
		}
		id := fmt.Sprintf("id-%06d", i)
		ids = append(ids, id)
		values := map[string]string{"date": "2026-11-01", "time": "00:00:01", "c-ip": "203.0.113.7", "cs-method": "GET", "cs-uri-stem": "/imptr", "cs-uri-query": "id=2766",
			"sc-status": "200", "x-edge-request-id": id, "sc-bytes": "43"}
		for k, name := range fields {
			if k > 0 {
				log = append(log, '\t')
			}
			log = append(log, values[name]...)
		}
		log = append(log, '\n')
	}
	return log, ids
}

func cloudfrontOptions(l *lake.Lake, log string) Options {
	opts := testOptions(l)
	opts.Format, opts.Sources = "", []Source{{Name: "cdn", Path: log, Format: "cloudfront"}}
	return opts
}

// A #Fields line holds for the lines behind it, up to the next one: whoever
// decodes them, wherever a commit ends, and wherever the file is read on.
func TestFieldsHoldFromWhereTheyStand(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	t.Run("in many blocks", func(t *testing.T) {
		log, ids := reordered(r, 25_000)
		for _, packed := range []bool{false, true} {
			l, path := testLake(t), filepath.Join(t.TempDir(), "cdn.log")
			content := string(log)
			if packed {
				content = gz(t, content)
			}
			write(t, path, content)
			opts := cloudfrontOptions(l, path)
			opts.Rows = 7000
			ingest(t, opts, path)
			wantIDs(t, l, ids)
		}
	})
	t.Run("read on", func(t *testing.T) {
		log, ids := reordered(r, 800)
		for _, packed := range []bool{false, true} {
			l, path := testLake(t), filepath.Join(t.TempDir(), "cdn.log")
			for at := 0; at < len(log); {
				at = min(len(log), at+1+r.IntN(8000))
				content := string(log[:at])
				if packed {
					content = gz(t, string(log[:bytes.LastIndexByte(log[:at], '\n')+1]))
				}
				write(t, path, content)
				ingest(t, cloudfrontOptions(l, path), path)
			}
			wantIDs(t, l, ids)
		}
	})
	t.Run("looked at from its end", func(t *testing.T) {
		log, _ := reordered(r, 3000)
		path := filepath.Join(t.TempDir(), "cdn.log")
		write(t, path, string(log))
		opts := cloudfrontOptions(testLake(t), path)
		for name, look := range map[string]func(Options, *Source, string, time.Time) (*Inspection, error){"first": Inspect, "last": InspectEnd} {
			in, err := look(opts, &opts.Sources[0], path, testTime)
			if err != nil || in.Account.Events["impression"] < 900 || len(in.Account.Rejects) > 0 || in.Account.Ignored > 0 {
				t.Errorf("the %s lines: %+v, %v", name, in, err)
			}
		}
	})
	t.Run("followed", func(t *testing.T) {
		log, ids := reordered(r, 800)
		d := newFollowing(t)
		d.opts.Format, d.opts.Sources = "", []Source{{Name: "cdn", Path: d.log, Format: "cloudfront"}}
		d.start()
		for at := 0; at < len(log); {
			n := min(len(log)-at, 1+r.IntN(4000))
			appendTo(t, d.log, string(log[at:at+n]))
			at += n
			if r.IntN(3) == 0 {
				if whole := bytes.LastIndexByte(log[:at], '\n') + 1; bytes.Count(log[:whole], []byte("id-")) > 0 && !bytes.HasPrefix(log[bytes.LastIndexByte(log[:whole-1], '\n')+1:], []byte("#")) {
					d.settledAt(whole)
				}
				d.stop()
				d.start()
			}
		}
		d.wantAll(ids)
	})
}

// What a file has no line of but headers is known by nothing: other logs begin
// like it.
func TestHeadersAloneAreNoFile(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	log, ids := reordered(r, 3)
	headers := string(log[:bytes.Index(log, []byte("2026-11-01"))])
	headers = headers[:strings.LastIndexByte(headers, '\n')+1]
	l, dir := testLake(t), t.TempDir()
	at := func(name, content string) string {
		path := filepath.Join(dir, name)
		write(t, path, content)
		return path
	}
	opts := testOptions(l)
	opts.Format = ""
	empty, packed, whole := at("empty.log", headers), at("packed.log.gz", gz(t, headers)), at("whole.log", string(log))
	wantState(t, ingest(t, opts, empty, packed), NoLines, NoLines)
	for _, s := range Survey([]Source{{Name: "a", Path: empty}, {Name: "b", Path: packed}}, &lake.State{}) {
		if s.Lag != 0 || s.Err != nil {
			t.Errorf("%s: %d bytes wait, %v", s.Path, s.Lag, s.Err)
		}
	}
	wantState(t, ingest(t, opts, whole, empty, packed), Read, NoLines, NoLines)
	wantState(t, ingest(t, opts, empty, packed, whole), NoLines, NoLines, AlreadyRead)
	wantIDs(t, l, ids)
	// The one gets lines of its own, in the order that its headers said.
	other, otherIDs := strings.ReplaceAll(string(log[len(headers):]), "id-0", "id-1"), slices.Clone(ids)
	for i := range otherIDs {
		otherIDs[i] = strings.Replace(otherIDs[i], "id-0", "id-1", 1)
	}
	appendTo(t, empty, other)
	wantState(t, ingest(t, opts, empty), Read)
	wantIDs(t, l, ids, otherIDs)
	for _, m := range verify(t, l.Root(), time.Time{}) {
		t.Errorf("verify: %v", m)
	}

	d := newFollowing(t)
	d.log = filepath.Join(d.dir, "*.log")
	d.opts.Format, d.opts.Sources = "", []Source{{Name: "cdn", Path: d.log, Format: "cloudfront"}}
	for name, content := range map[string]string{"a.log": headers, "b.log": headers, "c.log": string(log)} {
		write(t, filepath.Join(d.dir, name), content)
	}
	d.start()
	until(t, "the log with lines is read", func() bool { return d.events() == int64(len(ids)) })
	appendTo(t, filepath.Join(d.dir, "b.log"), other)
	d.wantAll(ids, otherIDs)
	if _, err := os.Stat(filepath.Join(d.dir, "a.log")); err != nil {
		t.Error(err)
	}
}
