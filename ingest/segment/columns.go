package segment

import (
	"bytes"
	"sync"

	"pixledger/schemas"
)

// Positions of the columns in their files; a name that the dataset does not
// have stops the program when it starts.
var (
	colEventID             = eventColumn("event_id")
	colEventTime           = eventColumn("event_time")
	colIngestedAt          = eventColumn("ingested_at")
	colEdge                = eventColumn("edge")
	colSourceID            = eventColumn("source_id")
	colSourceOffset        = eventColumn("source_offset")
	colMethod              = eventColumn("method")
	colStatus              = eventColumn("status")
	colConsent             = eventColumn("consent")
	colUserID              = eventColumn("user_id")
	colInvalidReason       = eventColumn("invalid_reason")
	colServerSide          = eventColumn("server_side")
	colPixelID             = eventColumn("pixel_id")
	colPixelCode           = eventColumn("pixel_code")
	colMemberID            = eventColumn("member_id")
	colTrackerID           = eventColumn("tracker_id")
	colToken               = eventColumn("token")
	colOrderID             = eventColumn("order_id")
	colValue               = eventColumn("value")
	colValueText           = eventColumn("value_text")
	colOther               = eventColumn("other")
	colSSPData             = eventColumn("sspdata")
	colMediaCost           = eventColumn("media_cost")
	colSegmentsAdded       = eventColumn("segments_added")
	colSegmentsRemoved     = eventColumn("segments_removed")
	colSegmentValues       = eventColumn("segment_values")
	colSegmentCodesAdded   = eventColumn("segment_codes_added")
	colSegmentCodesRemoved = eventColumn("segment_codes_removed")
	colReferer             = eventColumn("referer")
	colUserAgent           = eventColumn("user_agent")
	colIP                  = eventColumn("ip")
	colHost                = eventColumn("host")
	colParams              = eventColumn("params")

	rejectIngestedAt   = rejectColumn("ingested_at")
	rejectEdge         = rejectColumn("edge")
	rejectSourceID     = rejectColumn("source_id")
	rejectSourceOffset = rejectColumn("source_offset")
	rejectReason       = rejectColumn("reason")
	rejectLength       = rejectColumn("length")
	rejectRaw          = rejectColumn("raw")
)

func eventColumn(name string) int  { return position(schemas.Events, name) }
func rejectColumn(name string) int { return position(schemas.Rejects, name) }

func position(d schemas.Dataset, name string) int {
	for i, c := range d.Columns {
		if c.Name == name {
			return i
		}
	}
	panic("segment: dataset " + d.Name + " has no column " + name)
}

// column gathers the values of one column, row after row. Only rows with a
// value are told of; those in between are null. The values stand without gaps,
// which is what a Parquet column wants.
type column struct {
	rows int // rows told of, trailing nulls not included

	// Of plain columns. defs is 1 for a value and 0 for a null; it is kept from
	// the first null on, dense columns do without.
	sparse bool
	defs   []uint8

	// Of lists and maps: the number of elements of each row, -1 for a null.
	lens []int32

	ints   []int64 // times, integers, money and booleans, also in lists
	nulls  []bool  // elements of a list of integers that are null; empty where none is
	text   texts   // text, the keys of a map
	values texts   // the values of a map

	// Texts that repeat are kept once, in text, and by number. Where too few of
	// them repeat the column is spelled: text holds every value as it comes.
	numbers []int32
	words   wordTable
	spelled bool
}

// Bounds of what is kept by number: how many words are looked at before it is
// judged whether they repeat, and how many bytes they may have together.
const (
	wordsJudged = 8192
	wordsBytes  = 1 << 20
)

// addWord adds a text to a column of texts that repeat, and gives the memory
// that it took.
func (c *column) addWord(b []byte) int {
	if c.spelled {
		c.text.add(b)
		return len(b)
	}
	if n := len(c.numbers); n > 0 {
		if last := c.numbers[n-1]; bytes.Equal(c.text.at(int(last)), b) {
			c.numbers = append(c.numbers, last)
			return 0
		}
	}
	k, slot := c.words.find(&c.text, b)
	if k >= 0 {
		c.numbers = append(c.numbers, k)
		return 0
	}
	k = int32(len(c.text.ends))
	if k >= wordsJudged && 2*int(k) > len(c.numbers) || len(c.text.data)+len(b) > wordsBytes {
		grown := c.spell()
		c.text.add(b)
		return grown + len(b)
	}
	c.text.add(b)
	c.words.add(slot, k)
	c.numbers = append(c.numbers, k)
	return len(b) + 32
}

// spell goes over to holding every value as it is, also in later row groups.
func (c *column) spell() (grown int) {
	var all texts
	for _, k := range c.numbers {
		all.add(c.text.at(int(k)))
	}
	c.text, c.numbers, c.words, c.spelled = all, nil, wordTable{}, true
	return len(all.data)
}

// texts are texts one behind the other.
type texts struct {
	data []byte
	ends []int
}

func (t *texts) add(b []byte) {
	t.data = append(t.data, b...)
	t.ends = append(t.ends, len(t.data))
}

func (t *texts) at(i int) []byte { return t.data[t.start(i):t.ends[i]] }

// start is where the i-th text begins, or would begin if there were one more.
func (t *texts) start(i int) int {
	if i == 0 {
		return 0
	}
	return t.ends[i-1]
}

// reset empties the column and keeps its memory.
func (c *column) reset() {
	*c = column{
		defs: c.defs[:0], lens: c.lens[:0], ints: c.ints[:0], nulls: c.nulls[:0],
		text:   texts{c.text.data[:0], c.text.ends[:0]},
		values: texts{c.values.data[:0], c.values.ends[:0]},

		numbers: c.numbers[:0], words: c.words, spelled: c.spelled,
	}
	c.words.reset()
}

// value says that a plain column has a value in the row.
func (c *column) value(row int) {
	if c.rows < row {
		if !c.sparse {
			c.sparse = true
			for range c.rows {
				c.defs = append(c.defs, 1)
			}
		}
		for ; c.rows < row; c.rows++ {
			c.defs = append(c.defs, 0)
		}
	}
	if c.sparse {
		c.defs = append(c.defs, 1)
	}
	c.rows++
}

// list says that the row of a list or map has n elements.
func (c *column) list(row, n int) {
	for ; c.rows < row; c.rows++ {
		c.lens = append(c.lens, -1)
	}
	c.lens = append(c.lens, int32(n))
	c.rows++
}

// group gathers the rows of one future row group.
type group struct {
	kind    int // as in partKey
	dataset *schemas.Dataset
	rows    int
	bytes   int       // an estimate of the memory it takes
	cols    []*column // nil where no row has a value
	minTime int64
	maxTime int64
}

// Estimates of the memory that rows take besides their texts, in bytes.
const (
	groupBytes = 8 << 10
	rowBytes   = 160
)

// groups keeps emptied groups with their memory for the batches to come: those
// of rejects, and of each event type, for they are of very different sizes.
var groups [1 + len(eventTypes)]sync.Pool

func newGroup(kind int) *group {
	if g, ok := groups[1+kind].Get().(*group); ok {
		return g
	}
	d := &schemas.Events
	if kind < 0 {
		d = &schemas.Rejects
	}
	return &group{kind: kind, dataset: d, bytes: groupBytes, cols: make([]*column, len(d.Columns))}
}

// release gives the group's memory to the batches to come.
func (g *group) release() {
	g.reset()
	for _, c := range g.cols {
		if c != nil {
			c.spelled = false
		}
	}
	groups[1+g.kind].Put(g)
}

// reset empties the group and keeps its memory.
func (g *group) reset() {
	g.rows, g.bytes = 0, groupBytes
	for _, c := range g.cols {
		if c != nil {
			c.reset()
		}
	}
}

func (g *group) col(i int) *column {
	c := g.cols[i]
	if c == nil {
		c = &column{}
		g.cols[i] = c
	}
	return c
}

// The functions below set a column of the row at hand, which is number rows;
// a row is finished by adding 1 to it.

func (g *group) int(i int, v int64) {
	c := g.col(i)
	c.value(g.rows)
	c.ints = append(c.ints, v)
}

// id sets an id, of which 0 is null.
func (g *group) id(i int, v int64) {
	if v != 0 {
		g.int(i, v)
	}
}

// bytesOf sets a text, of which nil is null.
func (g *group) bytesOf(i int, b []byte) {
	if b != nil {
		c := g.col(i)
		c.value(g.rows)
		c.text.add(b)
		g.bytes += len(b)
	}
}

// word sets a text that repeats from row to row, of which nil is null.
func (g *group) word(i int, b []byte) {
	if b != nil {
		c := g.col(i)
		c.value(g.rows)
		g.bytes += c.addWord(b)
	}
}

// intsOf sets a list of integers; an empty one is null.
func (g *group) intsOf(i int, v []int64) {
	if len(v) > 0 {
		c := g.col(i)
		c.list(g.rows, len(v))
		c.ints = append(c.ints, v...)
		g.bytes += 8 * len(v)
	}
}

// textsOf sets a list of texts; an empty one is null.
func (g *group) textsOf(i int, v [][]byte) {
	if len(v) > 0 {
		c := g.col(i)
		c.list(g.rows, len(v))
		for _, b := range v {
			c.text.add(b)
			g.bytes += 8 + len(b)
		}
	}
}
