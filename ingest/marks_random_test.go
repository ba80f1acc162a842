package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// Random histories of a log and its rotated files, some of it read into a lake
// at random. At some moment the marks are noted; from then on what they say is
// compared with a plain reading of everything: nothing is behind exactly when
// each line that stood in a file at that moment is accounted for. At the end
// ingest of all sources leaves nothing behind.
func TestMarksInRandomHistories(t *testing.T) {
	seed := firstSeed(t)
	for n := range uint64(60 * *faultSeeds) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			dir := quickDir(t)
			l, err := lake.OpenOrCreate(filepath.Join(dir, "lake"), testTime)
			if err != nil {
				t.Fatal(err)
			}
			h := &history{t: t, r: rand.New(rand.NewPCG(seed, n)), dir: filepath.Join(dir, "logs"), rows: map[string][]row{}}
			mkdir(t, h.dir)
			h.marking = &marking{t: t, l: l, log: filepath.Join(h.dir, "pixel.log")}
			h.opts = testOptions(l)
			h.opts.Sources = []Source{{Name: "edge-1", Path: h.log, Format: "pixledger"}}
			h.opts.Rows = 12
			for range 8 + h.r.IntN(20) {
				h.step()
			}
			h.noted()
			h.compare()
			for range 12 {
				h.step()
				if h.r.IntN(3) == 0 {
					h.compare()
				}
			}
			h.finishPacking()
			h.catchUp()
			h.compare()
			h.want(h.marks)
			h.want(h.note())
			if t.Failed() {
				t.Log(strings.Join(h.did, "\n"))
			}
		})
	}
}

type history struct {
	*marking
	t       *testing.T
	r       *rand.Rand
	dir     string
	written int
	half    string // of a line in the log, whose rest is still to be written
	packing string // the file that is being packed
	did     []string

	marks *Marks
	stood []stood
	rows  map[string][]row // of the lake's files that were read
}

// stood is what stood in one file when the marks were noted, to the end of its
// last line, and the ids of its lines.
type stood struct {
	path    string
	content string
	ids     []string
	over    bool // accounted for
}

// row is an event, or a reject of half a line.
type row struct{ id, source string }

func (h *history) do(format string, args ...any) {
	h.did = append(h.did, fmt.Sprintf(format, args...))
}

// more are a few new lines.
func (h *history) more(most int) string {
	n := 1 + h.r.IntN(most)
	h.written += n
	return lines("h", h.written-n, h.written)
}

func (h *history) step() {
	switch h.r.IntN(14) {
	case 0, 1, 2:
		text := h.half + h.more(30)
		h.half = ""
		h.do("append %d bytes", len(text))
		appendTo(h.t, h.log, text)
	case 3:
		if _, err := os.Stat(h.log); h.half == "" && err == nil { // so that no file begins in the middle of a line
			next := h.more(1)
			h.do("half a line")
			appendTo(h.t, h.log, next[:80])
			h.half = next[80:]
		}
	case 4:
		if h.half == "" {
			h.do("blank lines")
			appendTo(h.t, h.log, []string{"\n", "\n \r\n", strings.Repeat(" ", 3000) + "\n"}[h.r.IntN(3)])
		}
	case 5, 6:
		h.rotate()
	case 7:
		h.finishPacking()
	case 8:
		h.beginPacking()
	case 9:
		h.do("emptied")
		if err := os.Truncate(h.log, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			h.t.Fatal(err)
		}
		h.half = ""
	case 10:
		h.copyTruncate()
	case 11:
		if files := h.files(); len(files) > 3 && files[0] != h.packing && files[0] != h.log {
			h.do("delete %s", files[0])
			remove(h.t, files[0])
			if files[0] == strings.TrimSuffix(h.packing, filepath.Ext(h.packing)) {
				h.packing = ""
			}
		}
	case 12:
		h.do("ingest all")
		h.catchUpWhole()
	case 13:
		if files := h.files(); len(files) > 0 {
			p := files[h.r.IntN(len(files))]
			h.do("ingest %s", p)
			var damaged *DamagedError
			if _, err := Files(context.Background(), h.opts, []string{p}); err != nil && !errors.As(err, &damaged) {
				h.t.Fatal(err)
			}
		}
	}
}

// files lists what there is, oldest first.
func (h *history) files() []string {
	h.t.Helper()
	files, err := sourceFiles(&h.opts.Sources[0], h.opts.Sources)
	if err != nil {
		h.t.Fatal(err)
	}
	return files
}

// shift makes room for a rotated file.
func (h *history) shift() {
	h.finishPacking()
	for n := 30; n > 0; n-- {
		for _, ext := range []string{"", ".gz", ".zst"} {
			from := fmt.Sprintf("%s.%d%s", h.log, n, ext)
			if _, err := os.Stat(from); err == nil {
				rename(h.t, from, fmt.Sprintf("%s.%d%s", h.log, n+1, ext))
			}
		}
	}
}

func (h *history) rotate() {
	if _, err := os.Stat(h.log); err != nil {
		return
	}
	h.shift()
	h.do("rotate")
	rename(h.t, h.log, h.log+".1")
	if h.r.IntN(3) > 0 { // what was under way is finished in the renamed file
		appendTo(h.t, h.log+".1", h.half)
		if h.half != "" || h.r.IntN(3) == 0 {
			appendTo(h.t, h.log+".1", h.more(4))
		}
	}
	h.half = ""
}

func (h *history) copyTruncate() {
	b, err := os.ReadFile(h.log)
	if err != nil {
		return
	}
	h.shift()
	copied := string(b)
	if h.r.IntN(3) == 0 { // lines came between the copy and the cut
		copied = copied[:strings.LastIndexByte(copied[:len(copied)-min(len(b), h.r.IntN(2000))], '\n')+1]
	}
	h.do("copytruncate, %d bytes lost", len(b)-len(copied))
	write(h.t, h.log+".1", copied)
	write(h.t, h.log, "")
	h.half = ""
}

// beginPacking writes the beginning of a packed file beside the one that it is of.
func (h *history) beginPacking() {
	h.finishPacking()
	for _, p := range h.files() {
		if p == h.log || filepath.Ext(p) == ".gz" || filepath.Ext(p) == ".zst" || h.r.IntN(2) == 0 {
			continue
		}
		content := h.content(p)
		h.packing = p + ".gz"
		packed := gz(h.t, content)
		if h.r.IntN(3) == 0 {
			h.packing, packed = p+".zst", zst(h.t, content)
		}
		h.do("begin packing %s", h.packing)
		write(h.t, h.packing, packed[:h.r.IntN(len(packed))])
		return
	}
}

func (h *history) finishPacking() {
	if h.packing == "" {
		return
	}
	h.do("finish packing %s", h.packing)
	p := strings.TrimSuffix(h.packing, filepath.Ext(h.packing))
	fi, err := os.Stat(p)
	if err != nil {
		h.t.Fatal(err)
	}
	packed := gz(h.t, h.content(p))
	if strings.HasSuffix(h.packing, ".zst") {
		packed = zst(h.t, h.content(p))
	}
	write(h.t, h.packing, packed)
	if h.r.IntN(4) > 0 {
		if err := os.Chtimes(h.packing, fi.ModTime(), fi.ModTime()); err != nil {
			h.t.Fatal(err)
		}
	}
	remove(h.t, p)
	h.packing = ""
}

// content is what a file holds, unpacked as far as it goes.
func (h *history) content(p string) string {
	h.t.Helper()
	f, fi, err := openRegular(p)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	how, err := detectCompression(f, p)
	if err != nil {
		h.t.Fatal(err)
	}
	var in io.Reader = f
	if how != plain {
		s, err := openStream(f, fi.Size(), how, proof{good: 1 << 40})
		if err != nil {
			h.t.Fatal(err)
		}
		defer s.close()
		in = s
	}
	b, err := io.ReadAll(in)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

var idInLine = regexp.MustCompile(`"id":"([^"]+)"`)

// noted notes the marks, and what stands in the files.
func (h *history) noted() {
	h.do("NOTED")
	h.marks = h.note()
	h.stood = nil
	for _, p := range h.files() {
		s := stood{path: p, content: h.content(p)}
		if isPacked := filepath.Ext(p) == ".gz" || filepath.Ext(p) == ".zst"; !isPacked || p == h.packing {
			s.content = s.content[:strings.LastIndexByte(s.content, '\n')+1]
		}
		s.content = strings.TrimRight(s.content, " \r\n")
		for _, m := range idInLine.FindAllStringSubmatch(s.content, -1) {
			s.ids = append(s.ids, m[1])
		}
		h.stood = append(h.stood, s)
	}
}

// compare compares what is behind with what is not accounted for.
func (h *history) compare() {
	h.t.Helper()
	got, err := h.marks.Behind(context.Background(), h.state())
	if err != nil {
		h.t.Fatal(err)
	}
	in := h.inLake()
	var missing []string
	for i := range h.stood {
		s := &h.stood[i]
		if s.over = s.over || h.isAccounted(s, in); !s.over {
			missing = append(missing, s.path)
		}
	}
	h.do("compared: behind %+v, missing %q", got, missing)
	if len(got) != len(missing) {
		h.t.Fatalf("behind %+v, missing %q\n%s", got, missing, strings.Join(h.did, "\n"))
	}
}

// isAccounted tells whether all lines that stood in a file are in the lake; or
// no file has them, and the lake has never known the file, or knows that it is
// no more.
func (h *history) isAccounted(s *stood, in map[string]string) bool {
	if !slices.ContainsFunc(s.ids, func(id string) bool { _, ok := in[id]; return !ok }) {
		return true
	}
	if slices.ContainsFunc(h.files(), func(p string) bool { return strings.HasPrefix(h.content(p), s.content) }) {
		return false
	}
	src := h.state().Sources[in[s.ids[0]]]
	return src == nil || src.Ended || slices.ContainsFunc(h.state().OpenGaps(), func(g lake.Gap) bool { return g.SourceID == src.ID })
}

// inLake gives the source id of each line in the lake, by the line's own id.
func (h *history) inLake() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	for d, column := range map[*schemas.Dataset]string{&schemas.Events: "event_id", &schemas.Rejects: "raw"} {
		for _, p := range h.state().FilesOf(*d, "") {
			if _, ok := h.rows[p]; !ok {
				texts, sources := fileColumn(h.t, h.l.Path(p), column), fileColumn(h.t, h.l.Path(p), "source_id")
				h.rows[p] = []row{}
				for i, text := range texts {
					if m := idInLine.FindStringSubmatch(text); m != nil {
						text = m[1]
					}
					h.rows[p] = append(h.rows[p], row{text, sources[i]})
				}
			}
			for _, r := range h.rows[p] {
				out[r.id] = r.source
			}
		}
	}
	return out
}
