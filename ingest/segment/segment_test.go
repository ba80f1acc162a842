package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/schemas"
	"pixledger/schemas/disk"
	"pixledger/schemas/lake"
)

// readTime is the moment of reading in tests.
var readTime = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// log is a small log file in a test: its lines and where they begin.
type log struct {
	content bytes.Buffer
	lines   []string
	offsets []int64
}

func (l *log) add(line string) {
	l.lines = append(l.lines, line)
	l.offsets = append(l.offsets, int64(l.content.Len()))
	l.content.WriteString(line + "\n")
}

// give appends the lines to the batch.
func (l *log) give(t testing.TB, b *Batch, src *Source) {
	t.Helper()
	src.Head = l.content.Bytes()[:min(l.content.Len(), 4096)]
	for i, line := range l.lines {
		if err := b.Append(src, l.offsets[i], []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
}

// line writes a log line of the product's own format.
func line(at string, uri string, more ...string) string {
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"time":"%d.%03d","method":"GET","status":"200","uri":%q%s}`, when.Unix(), when.Nanosecond()/1e6, uri, strings.Join(append([]string{""}, more...), ","))
}

func finish(t testing.TB, b *Batch) *Result {
	t.Helper()
	res, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestEveryColumnIsReadBack(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime})
	src := newSource(t, parse.Pixledger{}, decode.Options{HonorGPC: true})
	var l log
	l.add(line("2026-11-02T23:59:59.123Z", "/px?id=9012&code=checkout&member=3&t=1&order_id=A-1&value=12.505&other=bl%C3%A9u&sspdata=tok.&seg=1,2&add=3&remove=4,5&add_code=a,b&remove_code=c&x=1&y=",
		`"id":"e1","ip":"203.0.113.77","host":"px.example","referer":"https://shop.example/","ua":"Mozilla/5.0","uid_got":"uid=U1"`))
	l.add(line("2026-11-02T10:00:00Z", "/sspx?id=7&value=$1&sspdata=a&b.", `"id":"e2","ua":"curl/8.5.0","gpc":"1","uid_got":"uid=U1","ip":"203.0.113.77"`))
	l.add(line("2026-11-02T10:00:01Z", "/imptr?id=2766&ancost=0.25&token=tk", `"id":"e3","ua":"Googlebot/2.1"`))
	l.add(line("2026-11-03T00:00:00Z", "/clktrb?id=21378&redir=https://x.example/?a=1&b=2", `"id":"e4"`))
	l.add(line("2026-11-03T00:00:00Z", "/seg?add=37,28:5,29:x&member=3", `"id":"e5"`))
	l.add(line("2026-11-03T00:00:01Z", "/pixie?pi=p&e=Buy&va=-1&order_id=O", `"id":"e6"`))
	l.give(t, b, src)
	res := finish(t, b)
	got := readResult(t, dir, res)

	read := readTime.UnixMicro()
	base := func(id string, n int, at string, more row) row {
		when, _ := time.Parse(time.RFC3339, at)
		r := row{"event_id": id, "event_time": when.UnixMicro(), "ingested_at": read, "edge": "edge-1", "source_id": "0123456789abcdef",
			"source_offset": l.offsets[n], "method": "GET", "status": int64(200), "consent": "unknown"}
		for k, v := range more {
			r[k] = v
		}
		return r
	}
	want := map[string][]row{
		"events/type=conversion/date=2026-11-02": {
			base("e1", 0, "2026-11-02T23:59:59.123Z", row{"user_id": "U1", "server_side": false, "pixel_id": int64(9012), "pixel_code": "checkout", "member_id": int64(3),
				"order_id": "A-1", "value": int64(12505000), "value_text": "12.505", "other": "bléu", "sspdata": "tok.",
				"segments_added": []any{int64(1), int64(2), int64(3)}, "segments_removed": []any{int64(4), int64(5)},
				"segment_codes_added": []any{"a", "b"}, "segment_codes_removed": []any{"c"}, "referer": "https://shop.example/",
				"user_agent": "Mozilla/5.0", "ip": "203.0.113.0", "host": "px.example", "params": map[string]string{"t": "1", "x": "1", "y": ""}}),
			base("e2", 1, "2026-11-02T10:00:00Z", row{"server_side": true, "pixel_id": int64(7), "value_text": "$1", "sspdata": "a&b.", "consent": "denied",
				"user_agent": "curl/8.5.0", "ip": "203.0.113.0"}),
		},
		"events/type=impression/date=2026-11-02": {
			base("e3", 2, "2026-11-02T10:00:01Z", row{"tracker_id": int64(2766), "media_cost": int64(250000), "token": "tk", "invalid_reason": "bot", "user_agent": "Googlebot/2.1"}),
		},
		"events/type=click/date=2026-11-03": {
			base("e4", 3, "2026-11-03T00:00:00Z", row{"tracker_id": int64(21378), "params": map[string]string{"redir": "https://x.example/?a=1&b=2"}}),
		},
		"events/type=segment/date=2026-11-03": {
			base("e5", 4, "2026-11-03T00:00:00Z", row{"member_id": int64(3), "segments_added": []any{int64(37), int64(28), int64(29)}, "segment_values": []any{nil, int64(5), nil}}),
		},
		"events/type=universal/date=2026-11-03": {
			base("e6", 5, "2026-11-03T00:00:01Z", row{"order_id": "O", "value": int64(-1000000), "value_text": "-1", "params": map[string]string{"pi": "p", "e": "Buy"}}),
		},
	}
	for folder := range want {
		if len(got[folder]) != len(want[folder]) {
			t.Fatalf("%s: got %v", folder, got[folder])
		}
		for i := range want[folder] {
			if !reflect.DeepEqual(got[folder][i], want[folder][i]) {
				t.Errorf("%s, row %d\ngot  %v\nwant %v", folder, i, got[folder][i], want[folder][i])
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("got the folders %v", slices.Collect(func(yield func(string) bool) {
			for f := range got {
				if !yield(f) {
					return
				}
			}
		}))
	}
	// Each column of the dataset has a value somewhere in this test.
	for _, c := range schemas.Events.Columns {
		found := false
		for _, rows := range want {
			for _, r := range rows {
				_, ok := r[c.Name]
				found = found || ok
			}
		}
		if !found {
			t.Errorf("no row has a %s", c.Name)
		}
	}
	for _, f := range res.Files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if f.SHA256 != hex.EncodeToString(sum[:]) || f.MinTime > f.MaxTime || f.MinTime < readTime.Add(-48*time.Hour).UnixMicro() {
			t.Errorf("%+v", f)
		}
		if f.Folder == "events/type=conversion/date=2026-11-02" && f.MaxTime-f.MinTime != (13*3600+59*60+59)*1_000_000+123_000 {
			t.Errorf("%+v", f)
		}
	}
}

func TestRejects(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime})
	src := newSource(t, parse.Combined{}, decode.Options{})
	long := strings.Repeat("ä", 40_000) // the 64 KiB end inside no character, 80,000 bytes
	for i, raw := range []string{"garbage \xff\x00", "x" + long} {
		if err := b.Append(src, int64(i*100), []byte(raw+"\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	b.SetNow(readTime.Add(12 * time.Hour))
	if err := b.Reject(src, 300, 2_000_000, nil, decode.TooLong); err != nil {
		t.Fatal(err)
	}
	got := readResult(t, dir, finish(t, b))
	first, second := got["rejects/date=2026-11-03"], got["rejects/date=2026-11-04"]
	if len(first) != 2 || len(second) != 1 || len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	want := row{"ingested_at": readTime.UnixMicro(), "edge": "edge-1", "source_id": "0123456789abcdef", "source_offset": int64(0),
		"reason": "malformed", "length": int64(10), "raw": "garbage \ufffd\x00"}
	if !reflect.DeepEqual(first[0], want) {
		t.Errorf("got %v", first[0])
	}
	if raw := first[1]["raw"].(string); len(raw) > 64<<10 || len(raw) < 64<<10-3 || !strings.HasPrefix("x"+long, raw) || first[1]["length"] != int64(80_001) {
		t.Errorf("%d bytes of a line of %v", len(raw), first[1]["length"])
	}
	if second[0]["reason"] != "too_long" || second[0]["length"] != int64(2_000_000) || second[0]["raw"] != "" {
		t.Errorf("got %v", second[0])
	}
}

func TestLinesWithoutIDGetTheHashOfTheirPlace(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime})
	src := newSource(t, parse.Combined{}, decode.Options{})
	var l log
	for i := range 100 {
		l.add(fmt.Sprintf(`203.0.113.9 - - [02/Nov/2026:00:00:%02d +0000] "GET /px?id=%d HTTP/1.1" 200 43 "-" "-"`, i%60, i))
	}
	l.give(t, b, src)
	rows := readResult(t, dir, finish(t, b))["events/type=conversion/date=2026-11-02"]
	ids := map[any]bool{}
	for i, r := range rows {
		ids[r["event_id"]] = true
		offset := r["source_offset"].(int64)
		before := l.content.Bytes()[:min(offset, 4096)]
		sum := sha256.Sum256(slices.Concat(before, []byte{0, 0, 0, 0, 0, 0, byte(offset >> 8), byte(offset)}, []byte(l.lines[i])))
		if r["event_id"] != hex.EncodeToString(sum[:16]) {
			t.Fatalf("row %d: %v", i, r)
		}
	}
	if len(ids) != 100 {
		t.Errorf("%d ids", len(ids))
	}
	// Without the file's beginning there is no id to give.
	b = New(dir, Options{Now: readTime, Prefix: "x"})
	src.Head = nil
	if err := b.Append(src, 100, []byte(l.lines[1])); err == nil {
		t.Error("an id is given without the file's beginning")
	}
}

// The order of rows, their number and every value are the same however small
// the row groups and the memory are.
func TestMemoryChangesNoRow(t *testing.T) {
	lines := benchLines(500)
	for i := range lines { // over many days, and some of it odd
		if i%3 == 0 {
			lines[i] = bytes.Replace(lines[i], []byte(`"time":"1793`), fmt.Appendf(nil, `"time":"17%02d`, 88+i%5), 1)
		}
		if i%50 == 0 {
			lines[i] = lines[i][:60]
		}
	}
	var want map[string][]row
	for _, opts := range []Options{{}, {RowGroup: 20_000}, {RowGroup: 12_000, Memory: 200_000}, {Memory: 100_000}} {
		opts.Now = readTime
		dir := t.TempDir()
		b := New(dir, opts)
		src := newSource(t, parse.Pixledger{}, decode.Options{})
		offset := int64(0)
		for _, l := range lines {
			if err := b.Append(src, offset, l); err != nil {
				t.Fatal(err)
			}
			offset += int64(len(l)) + 1
		}
		res := finish(t, b)
		got := readResult(t, dir, res)
		if want == nil {
			want = got
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: the rows differ", opts)
		}
	}
}

// Texts that do not repeat after all, in columns that are kept by number at
// first, read back as they were.
func TestTextsThatDoNotRepeat(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime, RowGroup: 700_000})
	src := newSource(t, parse.Pixledger{}, decode.Options{IP: decode.Keep})
	const n = 5000
	want := make([]row, n)
	for i := range n {
		want[i] = row{"referer": fmt.Sprintf("https://shop.example/%d", i), "params": map[string]string{fmt.Sprintf("p%d", i%3000): fmt.Sprint(i)},
			"user_agent": strings.Repeat(fmt.Sprintf("agent %d ", i/50), 1000)} // 8 kB, 100 different ones: more than fit
		more := []string{fmt.Sprintf(`"id":"e%d"`, i), fmt.Sprintf(`"ua":%q`, want[i]["user_agent"]), fmt.Sprintf(`"referer":%q`, want[i]["referer"])}
		if i%7 != 0 {
			want[i]["ip"] = fmt.Sprintf("10.0.%d.%d", i/256, i%256)
			more = append(more, fmt.Sprintf(`"ip":%q`, want[i]["ip"]))
		}
		if err := b.Append(src, int64(i), []byte(line("2026-11-02T10:00:00Z", fmt.Sprintf("/px?p%d=%d", i%3000, i), more...))); err != nil {
			t.Fatal(err)
		}
	}
	rows := readResult(t, dir, finish(t, b))["events/type=conversion/date=2026-11-02"]
	if len(rows) != n {
		t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		for _, name := range []string{"referer", "user_agent", "ip", "params"} {
			if !reflect.DeepEqual(r[name], want[i][name]) {
				t.Fatalf("row %d: %s is %.80v, not %.80v", i, name, r[name], want[i][name])
			}
		}
	}
}

func TestListsLongerThanABatchOfRows(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime})
	src := newSource(t, parse.Pixledger{}, decode.Options{})
	var ids, query strings.Builder
	for i := range 3 * pageRows {
		fmt.Fprintf(&ids, "%d,", i+1)
		fmt.Fprintf(&query, "&p%d=%d", i, i)
	}
	var l log
	l.add(line("2026-11-02T10:00:00Z", "/px?id=1&a=1", `"id":"a"`))
	l.add(line("2026-11-02T10:00:00Z", "/px?add="+ids.String()+query.String(), `"id":"b"`))
	l.add(line("2026-11-02T10:00:00Z", "/px?add=9&add_code=a&z=1", `"id":"c"`))
	l.give(t, b, src)
	rows := readResult(t, dir, finish(t, b))["events/type=conversion/date=2026-11-02"]
	if len(rows) != 3 || len(rows[1]["segments_added"].([]any)) != 3*pageRows || len(rows[1]["params"].(map[string]string)) != 3*pageRows {
		t.Fatalf("%d rows", len(rows))
	}
	if !reflect.DeepEqual(rows[2]["segments_added"], []any{int64(9)}) || !reflect.DeepEqual(rows[2]["params"], map[string]string{"z": "1"}) {
		t.Errorf("got %v", rows[2])
	}
}

func TestAHostileLogOfManyDays(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime, Memory: 1 << 20})
	src := newSource(t, parse.Pixledger{}, decode.Options{})
	src.Head = make([]byte, 4096)
	const days = 300
	for i := range 2 * days {
		s := line("2000-01-02T00:00:00Z", "/px?id=1", `"id":"x"`)
		s = strings.Replace(s, fmt.Sprint(time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC).Unix()), fmt.Sprint(946771200+int64(i%days)*86400), 1)
		if err := b.Append(src, int64(i), []byte(s)); err != nil {
			t.Fatal(err)
		}
		if b.memory > 1<<20+100_000 {
			t.Fatalf("%d bytes are held", b.memory)
		}
		open := 0
		for _, p := range b.parts {
			if p.file != nil {
				open++
			}
		}
		if open > openFiles {
			t.Fatalf("%d files are open", open)
		}
	}
	if len(b.staged) < days {
		t.Errorf("%d files are finished", len(b.staged))
	}
	for _, f := range b.staged {
		if f.w != nil || f.sink.buf != nil {
			t.Fatalf("%s is finished and held on to", f.path)
		}
	}
	res := finish(t, b)
	var rows int64
	folders := map[string]bool{}
	for _, f := range res.Files {
		rows += f.Rows
		folders[f.Folder] = true
	}
	if rows != 2*days || len(folders) != days {
		t.Errorf("%d rows in %d folders", rows, len(folders))
	}
}

func TestSeveralSourcesAndBatches(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for k := range 2 {
		b := New(dir, Options{Now: readTime, Prefix: fmt.Sprintf("w%d-", k)})
		for n := range 2 {
			src := newSource(t, parse.Pixledger{}, decode.Options{})
			src.ID, src.Edge = fmt.Sprintf("id%d", n), fmt.Sprintf("edge-%d", n)
			if err := b.Append(src, 0, []byte(line("2026-11-02T10:00:00Z", "/px", `"id":"x"`))); err != nil {
				t.Fatal(err)
			}
		}
		res := finish(t, b)
		if len(res.Accounts) != 2 || res.Accounts["id1"].Days["2026-11-02"].Events["conversion"] != 1 {
			t.Errorf("accounts %v", res.Accounts)
		}
		rows := readResult(t, dir, res)["events/type=conversion/date=2026-11-02"]
		if len(rows) != 2 || rows[0]["edge"] != "edge-0" || rows[1]["source_id"] != "id1" {
			t.Errorf("got %v", rows)
		}
		for _, f := range res.Files {
			files = append(files, f.Name)
		}
	}
	if !slices.Equal(files, []string{"w0-0.parquet", "w1-0.parquet"}) {
		t.Errorf("files %v", files)
	}
}

func TestAnEmptyBatchHasNoFiles(t *testing.T) {
	dir := t.TempDir()
	res := finish(t, New(dir, Options{Now: readTime}))
	if entries, _ := os.ReadDir(dir); len(res.Files) != 0 || len(entries) != 0 || len(res.Accounts) != 0 {
		t.Errorf("%v, %v", res, entries)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	b := New(dir, Options{Now: readTime, RowGroup: 20_000})
	src := newSource(t, parse.Pixledger{}, decode.Options{})
	src.Head = make([]byte, 4096)
	for i, l := range benchLines(2000) {
		if err := b.Append(src, int64(i), l); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) == 0 {
		t.Fatal("nothing was written yet")
	}
	if err := b.Abort(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
}

func TestFailuresToWriteAreReported(t *testing.T) {
	newBatch := func(t *testing.T, opts Options) (*Batch, string) {
		dir := t.TempDir()
		opts.Now = readTime
		b := New(dir, opts)
		src := newSource(t, parse.Pixledger{}, decode.Options{})
		src.Head = make([]byte, 4096)
		for i, l := range benchLines(500) {
			if err := b.Append(src, int64(i), l); err != nil {
				t.Fatal(err)
			}
		}
		return b, dir
	}
	t.Run("a file that is in the way", func(t *testing.T) {
		b, dir := newBatch(t, Options{})
		if err := os.WriteFile(filepath.Join(dir, "0.parquet"), []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Finish(); !errors.Is(err, os.ErrExist) {
			t.Errorf("got %v", err)
		}
		if content, err := os.ReadFile(filepath.Join(dir, "0.parquet")); err != nil || string(content) != "other" {
			t.Errorf("the other file: %q, %v", content, err)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		b, dir := newBatch(t, Options{})
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Finish(); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		if _, err := os.Stat("/dev/full"); err != nil {
			t.Fatal("needs /dev/full")
		}
		b, dir := newBatch(t, Options{})
		if err := os.Symlink("/dev/full", filepath.Join(dir, "full")); err != nil {
			t.Fatal(err)
		}
		f, err := disk.Real.Create(filepath.Join(dir, "full"), 0o666, false) // the device's own mode
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.parts {
			if p.file, err = create(disk.Real, dir, "x", "y.parquet", eventLayout); err != nil {
				t.Fatal(err)
			}
			_ = p.file.sink.f.Close()
			p.file.sink.f = f
			p.file.sink.buf.Reset(f)
			break
		}
		b.pages = newCompressor()
		if _, err := b.Finish(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzSegment(f *testing.F) {
	f.Add([]byte(line("2026-11-02T10:00:00Z", "/px?id=1&value=1&seg=1,2&add_code=a&%ff=[X]")+"\n"+line("2026-11-01T10:00:00Z", "/seg?add=1:2,3&value=4")+"\n\r\ngarbage\xff\n"), 3000)
	f.Add([]byte(line("2026-11-02T10:00:00Z", "/imptr?id=1&ancost=1&token=")+"\n"+line("2026-10-02T10:00:00Z", "/pixie?va=1", `"ua":"bot"`)), 10)
	f.Fuzz(func(t *testing.T, content []byte, rowGroup int) {
		dir := t.TempDir()
		b := New(dir, Options{Now: readTime, RowGroup: max(1, rowGroup%20_000)})
		src := newSource(t, parse.Pixledger{}, decode.Options{})
		src.Head = content[:min(4096, len(content))]
		offset, lines := int64(0), int64(0)
		for l := range bytes.Lines(content) {
			if strings.Trim(string(l), " \t\r\n") != "" {
				lines++
			}
			if err := b.Append(src, offset, l); err != nil {
				t.Fatal(err)
			}
			offset += int64(len(l))
		}
		res := finish(t, b)
		var counts lake.Counts
		for _, a := range res.Accounts {
			for _, c := range a.Days {
				counts.Add(c)
			}
		}
		if counts.Lines() != lines {
			t.Fatalf("%d lines, %d accounted for", lines, counts.Lines())
		}
		var rows int64
		for folder, read := range readResult(t, dir, res) {
			rows += int64(len(read))
			for _, r := range read {
				if !utf8.ValidString(r.String()) {
					t.Fatalf("%s: not UTF-8: %v", folder, r)
				}
			}
		}
		if rows != lake.Sum(counts.Events)+lake.Sum(counts.Rejects) {
			t.Fatalf("%d rows of %+v", rows, counts)
		}
	})
}
