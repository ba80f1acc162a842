package lake

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hostileLake is a lake with two commits and what stands around it.
func hostileLake(t testing.TB) (*Lake, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := OpenOrCreate(filepath.Join(dir, "lake"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(2) {
		s, err := l.Stage()
		if err != nil {
			t.Fatal(err)
		}
		d := &Draft{Kind: "ingest", At: testTime, Ranges: []Range{span("src", i*10, i*10+10)}}
		if _, err := l.Commit(s, func(*State) (*Draft, error) { return d, nil }); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return l, filepath.Join(dir, "outside")
}

// What a record may not say, however it came there: it is an error that names
// the file, and nothing outside the lake's data is touched.
func TestRecordsThatCanNotBe(t *testing.T) {
	l, outside := hostileLake(t)
	if err := os.WriteFile(outside, nil, FileMode); err != nil {
		t.Fatal(err)
	}
	third := l.Path(recordName(3))
	head := mustState(t, l).Head
	for _, rest := range []string{
		`"ranges":[{"source_id":"src","start":20,"end":30,"days":{"2026-11-01":null}}]`,
		`"ranges":[{"source_id":"src","start":20,"end":10}]`,
		`"ranges":[{"source_id":"","start":0,"end":10}]`,
		`"add":[{"path":"../outside","staged":"x"}]`,
		`"add":[{"path":"events/x/y.parquet","staged":"../../../../outside"}]`,
		`"add":[{"path":"/etc/x.parquet","staged":"x"}]`,
		`"add":[{"path":"x.parquet","staged":"x"}]`,
		`"add":[{"path":"_state/commits/000000000001.json","staged":"x"}]`,
		`"add":[{"path":"events/x/y.parquet","staged":"x","rows":-1}]`,
		`"replace":[{"path":".","files":[]}]`,
		`"replace":[{"path":"_state","files":[]}]`,
		`"replace":[{"path":"events/a","files":[]}]`,
		`"replace":[{"path":"events/a","files":[{"path":"events/b/y.parquet","staged":"x"}]}]`,
		`"staging":"../commits"`,
		`"staging":".."`,
	} {
		b := fmt.Sprintf(`{"version":1,"seq":3,"previous_sha256":%q,"kind":"ingest","at":"2026-11-01T12:00:00Z",%s}`, head, rest)
		if err := os.WriteFile(third, []byte(b), FileMode); err != nil {
			t.Fatal(err)
		}
		if _, err := reopen(t, l, false).State(); err == nil || !strings.Contains(err.Error(), third+": is damaged") {
			t.Errorf("%s: got %v", rest, err)
		}
		if _, err := OpenOrCreate(l.Root(), testTime); err == nil {
			t.Errorf("%s: is taken for a commit", rest)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// FuzzRecord: whatever bytes stand in the newest record, there is an error or a
// state that holds together.
func FuzzRecord(f *testing.F) {
	l, outside := hostileLake(f)
	s, err := l.State()
	if err != nil {
		f.Fatal(err)
	}
	second, err := os.ReadFile(l.Path(recordName(2)))
	if err != nil {
		f.Fatal(err)
	}
	next := func(rest string) []byte {
		return fmt.Appendf(nil, `{"version":1,"seq":3,"previous_sha256":%q,"kind":"k","at":"2026-11-01T12:00:00Z",%s}`, s.Head, rest)
	}
	f.Add(second)
	f.Add(next(`"ranges":[{"source_id":"src","start":20,"end":30,"days":{"2026-11-01":{"events":{"click":1}}}}]`))
	f.Add(next(`"ranges":[{"source_id":"src","start":20,"end":30,"days":{"2026-11-01":null}}]`))
	f.Add(next(`"staging":"s","add":[{"path":"events/x/y.parquet","staged":"x"}]`))
	f.Add(next(`"staging":"s","replace":[{"path":"events/x","files":[{"path":"events/x/y.parquet","staged":"events/x/y.parquet"}]}]`))
	f.Add(next(`"replace":[{"path":"../outside","files":[]}]`))
	f.Add([]byte(`null`))
	if err := os.WriteFile(outside, nil, FileMode); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(l.Path(recordName(3)), b, FileMode); err != nil {
			t.Fatal(err)
		}
		again, err := Open(l.Root())
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range []func() (*State, error){again.State, func() (*State, error) { return again.refresh(true) }} {
			s, err := state()
			if err == nil && (!s.whole() || s.Seq != 2 && s.Seq != 3) {
				t.Fatalf("%q: a state that does not hold together: %+v", b, s)
			}
		}
		if _, err := os.Stat(outside); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzCheckpoint: whatever bytes stand in a checkpoint, the state is what the
// records add up to.
func FuzzCheckpoint(f *testing.F) {
	l, _ := hostileLake(f)
	s, err := l.State()
	if err != nil {
		f.Fatal(err)
	}
	want, err := json.Marshal(s)
	if err != nil {
		f.Fatal(err)
	}
	for _, state := range []string{string(want), `null`, `{}`, `{"seq":1,"files":null}`, `{"seq":1,"sources":{"src":null}}`,
		`{"seq":1,"files":{},"sources":{"src":{"by_edge":{"a":{"2026-11-01":null}}}},"gaps":{},"accepted":{},"latest":{}}`} {
		f.Add([]byte(state), true)
		f.Add([]byte(state), false)
	}
	file := l.Path(checkpointDir + "/000000000002.json")
	if err := os.MkdirAll(filepath.Dir(file), DirMode); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, state []byte, signed bool) {
		b := state
		if signed { // as by someone who knows how
			var err error
			if b, err = json.Marshal(checkpoint{Layout: checkpointLayout, SHA256: hashHex(state), State: state}); err != nil {
				return
			}
		}
		if err := os.WriteFile(file, b, FileMode); err != nil {
			t.Fatal(err)
		}
		again, err := Open(l.Root())
		if err != nil {
			t.Fatal(err)
		}
		s, err := again.State()
		if err == nil && !s.whole() {
			t.Fatalf("%q: a state that does not hold together: %+v", b, s)
		}
		if got, _ := json.Marshal(s); !signed && string(got) != string(want) {
			t.Fatalf("%q: the state is %s, want %s", b, got, want)
		}
	})
}
