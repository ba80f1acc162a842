package ingest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// rowsOf reads all committed rows of a dataset, each value as text, in the
// order of their place in the log.
func rowsOf(t testing.TB, l *lake.Lake, d schemas.Dataset) []map[string]string {
	t.Helper()
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	out := []map[string]string{}
	for _, p := range s.FilesOf(d, "") {
		pf, err := file.OpenParquetFile(l.Path(p), false)
		if err != nil {
			t.Fatal(err)
		}
		r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		table, err := r.ReadTable(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		at := len(out)
		for range table.NumRows() {
			out = append(out, map[string]string{})
		}
		for i := range int(table.NumCols()) {
			c, k := table.Column(i), at
			for _, chunk := range c.Data().Chunks() {
				for j := range chunk.Len() {
					out[k][c.Name()] = chunk.ValueStr(j)
					k++
				}
			}
		}
		table.Release()
		_ = pf.Close()
	}
	slices.SortFunc(out, func(a, b map[string]string) int {
		return len(a["source_offset"]) - len(b["source_offset"]) + 100*strings.Compare(fmt.Sprintf("%020s", a["source_offset"]), fmt.Sprintf("%020s", b["source_offset"]))
	})
	return out
}

// peak runs do and gives by how many bytes the heap grew meanwhile, at most.
func peak(do func()) int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapInuse, m.HeapInuse
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
		}
	}()
	do()
	close(done)
	<-stopped
	return int64(most) - int64(before)
}

// hostile is a line with the fields given, raw.
func hostile(id, uri, more string) string {
	return `{"time":"1793534400.123","id":"` + id + `","ip":"203.0.113.7","method":"GET","host":"px.example","uri":"` + uri + `","status":"200"` + more + "}\n"
}

func TestHostileLines(t *testing.T) {
	params := strings.Builder{}
	for i := range 100_000 {
		fmt.Fprintf(&params, "&%d=", i)
	}
	long := strings.Repeat("x", 9000)
	bad := func(what string) string { return strings.Replace(line("e"), "1793534400.123", what, 1) }
	status := func(s, method, uri string) string {
		return `{"time":"1793534400.123","method":"` + method + `","uri":"` + uri + `","status":"` + s + "\"}\n"
	}
	type columns map[string]string
	for name, c := range map[string]struct {
		lines string
		want  columns // of the one event, or
		fate  string  // of the one line
	}{
		"a good line glued to a cut one":     {line("x")[:70] + line("e"), nil, "reject malformed"},
		"a good line behind a whole one":     {strings.TrimSuffix(line("x"), "\n") + line("e"), nil, "reject malformed"},
		"a control character":                {"{\"time\":1,\"ua\":\"a\x01\"}\n", nil, "reject malformed"},
		"a NUL":                              {"\x00\x00" + line("e"), nil, "reject malformed"},
		"a carriage return within":           {strings.Replace(line("e"), "{", "{\r", 1), columns{"event_id": "e"}, ""},
		"U+2028 and bidi":                    {hostile("e", "/px?id=1&other=\u2028%E2%80%AE", `,"ua":"a`+"\u2028\u202e"+`b"`), columns{"other": "\u2028\u202e", "user_agent": "a\u2028\u202eb"}, ""},
		"lone surrogates":                    {hostile("e", `/px?id=1&other=\ud800x\udc00`, `,"ua":"\udfff\ud83d\ude00"`), columns{"other": "\ufffdx\ufffd", "user_agent": "\ufffd😀"}, ""},
		"invalid UTF-8":                      {hostile("e", "/px?id=1&other=%FF\xfe", ",\"ua\":\"\xc3(\xe2\x82\""), columns{"other": "\ufffd\ufffd", "user_agent": "\ufffd(\ufffd\ufffd"}, ""},
		"decoded once":                       {hostile("e", "/px?id=1&other=%2541%26value%3D7+%2B", ""), columns{"other": "%41&value=7 +", "value": "(null)"}, ""},
		"NUL and newline escaped":            {hostile("e", "/px?id=1&other=a%00b%0D%0A&order_id=%00", ""), columns{"other": "a\x00b\r\n", "order_id": "\x00"}, ""},
		"empty keys, the first counts":       {hostile("e", "/px?=1&=2&&id=7&id=8", ""), columns{"pixel_id": "7", "params": `[{"key":"","value":"1"}]`}, ""},
		"an id that does not fit":            {hostile("e", "/px?id=9223372036854775808&order_id=o", ""), columns{"pixel_id": "(null)", "order_id": "o"}, ""},
		"the last id that fits":              {hostile("e", "/px?id=9223372036854775807", ""), columns{"pixel_id": "9223372036854775807"}, ""},
		"an id of 5,000 digits":              {hostile("e", "/px?id="+strings.Repeat("9", 5000), ""), columns{"pixel_id": "(null)"}, ""},
		"1e308":                              {hostile("e", "/px?id=1&value=1e308", ""), columns{"value": "(null)", "value_text": "1e308"}, ""},
		"NaN":                                {hostile("e", "/px?id=1&value=NaN", ""), columns{"value": "(null)", "value_text": "NaN"}, ""},
		"full-width digits":                  {hostile("e", "/px?id=1&value=１２", ""), columns{"value": "(null)", "value_text": "１２"}, ""},
		"a value that does not fit":          {hostile("e", "/px?id=1&value=1000000000000", ""), columns{"value": "(null)", "value_text": "1000000000000"}, ""},
		"a comma for a point":                {hostile("e", "/px?id=1&value=1,5", ""), columns{"value": "(null)", "value_text": "1,5"}, ""},
		"a long id of a line":                {hostile(long, "/px?id=1", ""), columns{"event_id": long}, ""},
		"a URI of 9,000 bytes":               {hostile("e", "/px?id=1&order_id="+long, ""), columns{"order_id": long}, ""},
		"100,000 parameters":                 {hostile("e", "/px?id=1"+params.String()+"&order_id=last", ""), columns{"order_id": "last", "pixel_id": "1"}, ""},
		"1970":                               {bad("0"), nil, "reject bad_time"},
		"1999":                               {bad("946684799.999"), nil, "reject bad_time"},
		"2100":                               {bad("4102444800"), nil, "reject bad_time"},
		"the year 300,000":                   {bad("9404226768000"), nil, "reject bad_time"},
		"a time beyond the range":            {bad("99999999999999999999999999"), nil, "reject bad_time"},
		"before 1970":                        {bad("-1"), nil, "reject bad_time"},
		"no time":                            {bad("soon"), nil, "reject missing_field"},
		"HTTP/0.9":                           {status("009", "GET", "/px?id=1"), nil, "not counted status"},
		"HTTP/0.9 with an answer":            {status("200", "GET", "/px?id=1"), columns{"pixel_id": "1"}, ""},
		"too long a URI":                     {status("414", "GET", "/px?id=1&other="+long), nil, "not counted status"},
		"a port scan":                        {status("400", `\u0016\u0003`, ""), nil, "not counted malformed"},
		"a port scan that was answered well": {status("200", `\u0016\u0003`, ""), nil, "reject missing_field"},
		"no status":                          {status("", "GET", "/px"), nil, "reject missing_field"},
		"a method of no one":                 {status("200", "PROPFIND", "/px?id=1"), nil, "not counted method"},
		"an absolute URI":                    {hostile("e", "http://other.example/a/px?id=7#&order_id=1", ""), columns{"pixel_id": "7", "order_id": "(null)", "host": "px.example"}, ""},
		"nothing counts from a raw #":        {hostile("e", "/x#/px?id=7", ""), nil, "ignored"},
		"an absolute URI without a path":     {hostile("e", "http://px.example?/px", ""), nil, "ignored"},
		"a path that climbs":                 {hostile("e", "/../../etc/px?id=7&type=../../x", ""), columns{"pixel_id": "7"}, ""},
		"nested too deep":                    {`{"x":` + strings.Repeat("[", 100_000) + "\n", nil, "reject malformed"},
		"a list":                             {"[" + strings.TrimSuffix(line("e"), "\n") + "]\n", nil, "reject malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			l, p := testLake(t), filepath.Join(t.TempDir(), "log")
			opts := testOptions(l)
			opts.MaxLine = 1 << 20
			write(t, p, line("before")+c.lines+line("after"))
			s := ingest(t, opts, p)
			count := s.Counts()
			if count.Lines() != 3 {
				t.Errorf("%d lines are accounted for", count.Lines())
			}
			fate := ""
			for reason := range count.Rejects {
				fate = "reject " + reason
			}
			for reason := range count.NotCounted {
				fate = "not counted " + reason
			}
			if count.Ignored > 0 {
				fate = "ignored"
			}
			if fate != c.fate {
				t.Fatalf("the line is %q, want %q", fate, c.fate)
			}
			rows := rowsOf(t, l, schemas.Events)
			if c.fate != "" {
				if len(rows) != 2 || len(rowsOf(t, l, schemas.Rejects)) != int(lake.Sum(count.Rejects)) {
					t.Errorf("%d events, %d rejects", len(rows), len(rowsOf(t, l, schemas.Rejects)))
				}
				return
			}
			if len(rows) != 3 {
				t.Fatalf("%d events", len(rows))
			}
			for column, want := range c.want {
				if got := rows[1][column]; got != want {
					t.Errorf("%s: got %.200q, want %.200q", column, got, want)
				}
			}
		})
	}
}

// Logs whose bytes are not as a log's should be, as a whole.
func TestHostileLogs(t *testing.T) {
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(lines("x", 0, 50))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, c := range map[string]struct {
		content string
		want    []string
		rejects int64
	}{
		"CRLF":                   {strings.ReplaceAll(lines("a", 0, 50), "\n", "\r\n"), ids("a", 0, 50), 0},
		"a byte order mark":      {"\xef\xbb\xbf" + line("x") + lines("a", 0, 50), ids("a", 0, 50), 1},
		"UTF-16":                 {string(wide), nil, 50},
		"newlines":               {strings.Repeat("\n", 50<<20) + lines("a", 0, 3), ids("a", 0, 3), 0},
		"carriage returns":       {strings.Repeat("\r", 3000) + "\n" + lines("a", 0, 3), ids("a", 0, 3), 0},
		"NULs between the lines": {line("a-0") + strings.Repeat("\x00", 300) + "\n" + line("a-1"), ids("a", 0, 2), 1},
	} {
		t.Run(name, func(t *testing.T) {
			l, p := testLake(t), filepath.Join(t.TempDir(), "log")
			write(t, p, c.content)
			var s *Summary
			grown := peak(func() { s = ingest(t, testOptions(l), p) })
			if got := lake.Sum(s.Counts().Rejects); got != c.rejects || s.Counts().Lines() != c.rejects+int64(len(c.want)) {
				t.Errorf("account: %+v", s.Counts())
			}
			if grown > 64<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
			wantIDs(t, l, c.want)
			wantState(t, ingest(t, testOptions(l), p), AlreadyRead)
		})
	}
}

// hole makes a file longer by so many NULs, which take no room.
func hole(t testing.TB, path string, size int64) {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, fi.Size()+size); err != nil {
		t.Fatal(err)
	}
}

const holeBytes = 1 << 30

// As a truncation leaves it whose writer does not append: gigabytes without a
// line end. They are one line that is too long, and what follows is read.
func TestHoleOfGigabytes(t *testing.T) {
	l, p := testLake(t), filepath.Join(t.TempDir(), "log")
	write(t, p, lines("a", 0, 3))
	hole(t, p, holeBytes)
	appendTo(t, p, line("glued")+lines("a", 3, 6))
	var s *Summary
	if grown := peak(func() { s = ingest(t, testOptions(l), p) }); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if got := s.Counts(); got.Rejects["too_long"] != 1 || got.Lines() != 7 {
		t.Errorf("account: %+v", got)
	}
	rejects := rowsOf(t, l, schemas.Rejects)
	if len(rejects) != 1 || rejects[0]["length"] != fmt.Sprint(holeBytes+len(line("glued"))-1) || len(rejects[0]["raw"]) != rawBytes {
		t.Errorf("%d rejects of length %s", len(rejects), rejects[0]["length"])
	}
	wantIDs(t, l, ids("a", 0, 6))
}

func TestHoleOfGigabytesWhileFollowed(t *testing.T) {
	d := newFollowing(t)
	write(t, d.log, lines("a", 0, 3))
	d.start()
	d.settledAt(len(lines("a", 0, 3)))
	grown := peak(func() {
		hole(t, d.log, holeBytes)
		appendTo(t, d.log, line("glued")+lines("a", 3, 6))
		until(t, "what follows the hole", func() bool { return d.events() == 6 })
	})
	if grown > 128<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	d.wantAll(ids("a", 0, 6))
	if got := column(t, d.l, schemas.Rejects, "reason"); !slices.Equal(got, []string{"too_long"}) {
		t.Errorf("rejects: %q", got)
	}
}

// A small file that unpacks to very much: it takes its time and no memory.
func TestBombs(t *testing.T) {
	const size = 160 << 20 // the transcript of the program has more
	dir := t.TempDir()
	for name, packer := range map[string]func(io.Writer) io.WriteCloser{
		"bomb.gz": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"bomb.zst": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := filepath.Join(dir, name)
			f, err := os.Create(p)
			if err != nil {
				t.Fatal(err)
			}
			w := packer(f)
			if _, err := io.WriteString(w, lines("a", 0, 3)); err != nil {
				t.Fatal(err)
			}
			zeros := make([]byte, 1<<20)
			for range size / len(zeros) {
				if _, err := w.Write(zeros); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.WriteString(w, "\n"+lines("a", 3, 6)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			l := testLake(t)
			var s *Summary
			if grown := peak(func() { s = ingest(t, testOptions(l), p) }); grown > 96<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
			if got := s.Counts(); got.Rejects["too_long"] != 1 || got.Lines() != 7 {
				t.Errorf("account: %+v", got)
			}
			wantIDs(t, l, ids("a", 0, 6))
		})
	}
}

// As many users, browsers and referring pages as lines, and as many days as may
// be: memory does not grow with them.
func TestCardinality(t *testing.T) {
	const n = 25_000
	p := filepath.Join(t.TempDir(), "log")
	var b strings.Builder
	for i := range n {
		day := 946684800 + int64(i%200)*86400
		fmt.Fprintf(&b, `{"time":%d,"id":"%d","method":"GET","uri":"/px?id=%d&order_id=%d&p%d=%d","status":200,"referer":"https://%d.example/%032d","ua":"browser %d","uid_got":"uid=%032X"}`+"\n",
			day, i, i+1, i, i, i, i, i, i, i)
	}
	write(t, p, b.String())
	l := testLake(t)
	opts := testOptions(l)
	opts.Rows = 1 << 40
	var s *Summary
	if grown := peak(func() { s = ingest(t, opts, p) }); grown > 256<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if got := s.Counts(); lake.Sum(got.Events) != n || got.Lines() != n {
		t.Errorf("account: %+v", got)
	}
}

// What stands at a source's path and is no file is told, and the other sources
// are read on.
func TestPathsThatAreNoLogs(t *testing.T) {
	d := newFollowing(t)
	at := func(name string) string { return filepath.Join(d.dir, name) }
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for from, to := range map[string]string{"dangling": at("nowhere"), "loop": at("loop"), "device": "/dev/zero", "pipe-link": at("pipe"), "link": at("real")} {
		if err := os.Symlink(to, at(from)); err != nil {
			t.Fatal(err)
		}
	}
	mkfifo(t, at("pipe"))
	write(t, at("real"), lines("b", 0, 3))
	trouble := map[string]string{
		"socket": "is a socket", "dangling": "", "loop": "too many levels of symbolic links", "device": "is a device",
		"pipe-link": "is a named pipe", "link": "",
	}
	d.opts.Sources = append(d.opts.Sources, Source{Name: "beneath", Path: filepath.Join(at("real"), "pixel.log"), Format: "pixledger"})
	for name := range trouble {
		d.opts.Sources = append(d.opts.Sources, Source{Name: name, Path: at(name), Format: "pixledger"})
	}
	trouble["beneath"], trouble["edge-1"] = "not a directory", ""
	write(t, d.log, lines("a", 0, 3))
	s, err := CatchUp(context.Background(), d.opts)
	for name, what := range trouble {
		if what != "" && (err == nil || !strings.Contains(err.Error(), what)) {
			t.Errorf("%s: got %v, want %q", name, err, what)
		}
	}
	wantIDs(t, d.l, ids("a", 0, 3), ids("b", 0, 3))
	if s == nil || s.Counts().Lines() != 6 {
		t.Errorf("account: %+v", s)
	}
	d.start()
	for name, what := range trouble {
		until(t, name+": "+what, func() bool {
			for _, st := range d.stats.Snapshot() {
				if st.Source == name {
					return what == "" || strings.Contains(st.Trouble, what)
				}
			}
			return false
		})
	}
	appendTo(t, d.log, lines("a", 3, 6))
	appendTo(t, at("real"), lines("b", 3, 6))
	d.wantAll(ids("a", 0, 6), ids("b", 0, 6))
}

// child starts the test binary again, through sh, as TestMain's crashChild.
func child(t *testing.T, script, root, log string, as *syscall.Credential) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/bin/sh", "-c", script, "sh", exe)
	c.Env = append(os.Environ(), crashLake+"="+root, crashLog+"="+log)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	said := &strings.Builder{}
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, said
}

// More files than there may be descriptors: the follower waits for some and
// goes on, and ends as it should.
func TestFewDescriptors(t *testing.T) {
	l, dir := testLake(t), t.TempDir()
	log := filepath.Join(dir, "pixel.log")
	want := [][]string{}
	for i := range 60 {
		name := fmt.Sprint("f", i)
		write(t, fmt.Sprint(log, ".", i+1), lines(name, 0, 5))
		want = append(want, ids(name, 0, 5))
	}
	write(t, log, lines("now", 0, 5))
	want = append(want, ids("now", 0, 5))
	c, said := child(t, `ulimit -n 32; exec "$1"`, l.Root(), log, nil)
	d := &following{t: t, l: l}
	until(t, "all is read", func() bool { return d.events() == 61*5 })
	appendTo(t, log, lines("now", 5, 8))
	until(t, "new lines too", func() bool { return d.events() == 61*5+3 })
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	wantIDs(t, l, append(want, ids("now", 5, 8))...)
}

// A log that may not be read is tried again until it may; its rotated files
// are read meanwhile.
func TestLogWithoutPermission(t *testing.T) {
	dir, err := os.MkdirTemp("", "pixledger-") // where another user may look
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	mine := filepath.Join(dir, "mine")
	log := filepath.Join(dir, "pixel.log")
	write(t, log, lines("a", 0, 5))
	write(t, log+".1", lines("b", 0, 5))
	write(t, log+".2", lines("c", 0, 5))
	var as *syscall.Credential
	for _, err := range []error{os.Chmod(dir, 0o755), os.Mkdir(mine, 0o700), os.Chmod(log, 0), os.Chmod(log+".2", 0)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if out, err := exec.Command("cp", exe, program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if os.Geteuid() == 0 { // whom no mode keeps from reading
		as = &syscall.Credential{Uid: 65534, Gid: 65534}
		if err := os.Chown(mine, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(mine, "lake")
	c, said := child(t, "exec "+program, root, log, as)
	events := func() int64 {
		l, err := lake.Open(root)
		if err != nil {
			return 0
		}
		return (&following{t: t, l: l}).events()
	}
	until(t, "the file that may be read is", func() bool { return events() == 5 })
	for _, p := range []string{log, log + ".2"} {
		if err := os.Chmod(p, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the others are", func() bool { return events() == 15 })
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

func TestRotatedNames(t *testing.T) {
	for log, names := range map[string]map[string]bool{
		"access.log": {
			"access.log.1": true, "access.log.2.gz": true, "access.log-20261101": true, "access.log-20261101.zst": true, "access-2026-11-01.log": true,
			"access.2026-11-01T10:00:00Z.log.gz": true, "access.log.gz": true, "access.log_1": true, "access.log": false, "access.log.": false,
			"access.log.old": false, "access.log.1.bak": false, "access.log.1.gz.gz": false, "error.log.1": false, "access.log1": false, "access-a.log": false,
		},
		"log":      {"log.1": true, "log.zst": true, "log-1": true, "blog.1": false, "log": false},
		"x.gz":     {"x.gz.1": true, "x.1.gz": true, "x.gz.gz": true, "x.gz": false, "x": false},
		"a(.log":   {"a(.log.1": true, "a.log.1": false},
		"\xed.log": {"\xed.log.1": true, "\xed-7.log.gz": true, "\xee.log.1": false},
	} {
		for name, want := range names {
			if got := isRotatedName(log, name); got != want {
				t.Errorf("%q beside %q: %v", name, log, got)
			}
		}
	}
}
