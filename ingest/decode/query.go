package decode

import (
	"bytes"
	"math"

	"pixledger/ingest/grammar"
	"pixledger/schemas"
)

// slot is where a parameter goes on a path.
type slot uint8

// The slots. What has none goes to the params column.
const (
	slotParam slot = iota
	slotPixelID
	slotTrackerID
	slotCode
	slotMember
	slotOrderID
	slotValue
	slotOther
	slotSSPData
	slotMediaCost
	slotToken
	slotSeg
	slotAdd
	slotRemove
	slotSegCode
	slotAddCode
	slotRemoveCode
	slotSegmentValue
	slotUser
	// The consent parameters are judged and stand in params as well.
	slotGDPR
	slotGDPRConsent
	slotUSPrivacy
)

// paramTable finds a parameter's slot by its name: few names are of one length.
type paramTable [16][]param

type param struct {
	name string
	slot slot
}

func (t *paramTable) set(name string, s slot) {
	t[min(len(name), len(t)-1)] = append(t[min(len(name), len(t)-1)], param{name, s})
}

func (t *paramTable) find(name []byte) slot {
	for _, p := range t[min(len(name), len(t)-1)] {
		if p.name == string(name) {
			return p.slot
		}
	}
	return slotParam
}

// slots are the parameters of each of the grammar's paths.
var slots = func() (all [len(grammar.Paths)]map[string]slot) {
	for i, p := range grammar.Paths {
		m := map[string]slot{
			grammar.GDPR:        slotGDPR,
			grammar.GDPRConsent: slotGDPRConsent,
			grammar.USPrivacy:   slotUSPrivacy,
		}
		switch p.Event {
		case grammar.Conversion:
			m[grammar.ID] = slotPixelID
			m[grammar.OrderID] = slotOrderID
			m[grammar.Value] = slotValue
			m[grammar.Other] = slotOther
			m[grammar.SSPData] = slotSSPData
			if !p.ServerSide {
				m[grammar.Code] = slotCode
				m[grammar.Member] = slotMember
				m[grammar.Seg] = slotSeg
				m[grammar.Add] = slotAdd
				m[grammar.Remove] = slotRemove
				m[grammar.SegCode] = slotSegCode
				m[grammar.AddCode] = slotAddCode
				m[grammar.RemoveCode] = slotRemoveCode
			}
		case grammar.Impression, grammar.Click:
			m[grammar.ID] = slotTrackerID
			m[grammar.AnCost] = slotMediaCost
			m[grammar.Token] = slotToken
		case grammar.Segment:
			m[grammar.Member] = slotMember
			m[grammar.Add] = slotAdd
			m[grammar.Remove] = slotRemove
			m[grammar.AddCode] = slotAddCode
			m[grammar.RemoveCode] = slotRemoveCode
			m[grammar.Value] = slotSegmentValue
		case grammar.Universal:
			m[grammar.VA] = slotValue
			m[grammar.OrderID] = slotOrderID
		}
		all[i] = m
	}
	return all
}()

// query is what is known of the query at hand while it is read.
type query struct {
	signals
	seen  uint32   // slots already given
	names [][]byte // names without a slot already given
	many  map[string]struct{}
	added idSet
	gone  idSet
}

// fewNames is how many names are compared one by one before a map does it.
const fewNames = 24

// first tells whether a name without a slot comes for the first time.
func (q *query) first(name []byte) bool {
	if len(q.names) < fewNames {
		for _, n := range q.names {
			if bytes.Equal(n, name) {
				return false
			}
		}
		q.names = append(q.names, name)
		return true
	}
	if len(q.many) == 0 {
		q.many = make(map[string]struct{}, 4*fewNames)
		for _, n := range q.names {
			q.many[string(n)] = struct{}{}
		}
	}
	if _, ok := q.many[string(name)]; ok {
		return false
	}
	q.many[string(name)] = struct{}{}
	return true
}

// readQuery fills the event's columns from the query's parameters.
func (d *Decoder) readQuery(b []byte, which int, ev *Event) {
	q := &d.query
	q.signals = signals{}
	q.seen, q.names, q.many = 0, q.names[:0], nil
	q.added.reset()
	q.gone.reset()
	toEnd := grammar.Paths[which].ToEnd
	table := &d.slots[which]
	for len(b) > 0 {
		pair := b
		if i := bytes.IndexByte(b, '&'); i >= 0 {
			pair, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		if len(pair) == 0 {
			continue
		}
		name, value := pair, empty
		if i := bytes.IndexByte(pair, '='); i >= 0 {
			name, value = pair[:i], pair[i+1:]
			name = d.unescape(name)
			if toEnd != "" && string(name) == toEnd {
				// The pair's value ends where the query does.
				if b != nil {
					value = value[:len(value)+1+len(b)]
					b = nil
				}
			}
		} else {
			name = d.unescape(name)
		}
		s := table.find(name)
		if s == slotParam {
			if !q.first(name) {
				continue
			}
		} else {
			if q.seen&(1<<s) != 0 {
				continue
			}
			q.seen |= 1 << s
		}
		value = d.unescape(value)
		if isMacro(value) {
			ev.UnreplacedMacros++
			switch s {
			case slotOrderID:
				ev.MacroOf |= OrderIDMacro
			case slotValue:
				ev.MacroOf |= ValueMacro
			case slotOther:
				ev.MacroOf |= OtherMacro
			}
			continue
		}
		switch s {
		case slotGDPR:
			q.gdpr = value
		case slotGDPRConsent:
			q.gdprConsent = value
		case slotUSPrivacy:
			q.usPrivacy = value
		}
		if len(d.opts.Params) > 0 {
			switch d.opts.Params[string(name)] {
			case DropParam:
				continue
			case HashParam:
				start := len(d.buf)
				d.buf = d.hash.appendHex(d.buf, value)
				value = d.buf[start:len(d.buf):len(d.buf)]
			}
		}
		if !d.fill(s, value, ev) {
			ev.Params = append(ev.Params, Param{name, value})
		}
	}
	if ev.Type == schemas.SegmentEvent {
		d.fillSegmentValues(ev)
	}
}

// empty is an empty text that is no null.
var empty = []byte{}

// fill puts a value into its column. It reports false where the value fills
// none and so belongs to params.
func (d *Decoder) fill(s slot, value []byte, ev *Event) bool {
	switch s {
	case slotPixelID:
		ev.PixelID, _ = parseID(value)
	case slotTrackerID:
		ev.TrackerID, _ = parseID(value)
	case slotCode:
		ev.PixelCode = value
	case slotMember:
		id, ok := parseID(value)
		ev.MemberID = id
		return ok
	case slotOrderID:
		ev.OrderID = value
	case slotValue:
		ev.ValueText = value
		ev.Value, ev.HasValue = schemas.ParseMoney(value)
	case slotOther:
		ev.Other = value
	case slotSSPData:
		ev.SSPData = value
	case slotMediaCost:
		ev.MediaCost, ev.HasMediaCost = schemas.ParseMoney(value)
		return ev.HasMediaCost
	case slotToken:
		ev.Token = value
	case slotSeg, slotAdd:
		d.addSegments(value, ev)
	case slotRemove:
		for list := value; len(list) > 0; {
			var item []byte
			item, list, _ = bytes.Cut(list, comma)
			if id, ok := parseID(item); ok && d.query.gone.add(id, ev.SegmentsRemoved) {
				ev.SegmentsRemoved = append(ev.SegmentsRemoved, id)
			}
		}
	case slotSegCode, slotAddCode:
		ev.SegmentCodesAdded = appendCodes(ev.SegmentCodesAdded, value)
	case slotRemoveCode:
		ev.SegmentCodesRemoved = appendCodes(ev.SegmentCodesRemoved, value)
	case slotSegmentValue:
		// Which segments it is for is known at the end of the query.
		ev.ValueText = value
	case slotUser:
		ev.UserID = plainUserID(value)
	default:
		return false
	}
	return true
}

var comma = []byte{','}

// addSegments unites a list of ids with those already added. On a segment
// pixel an id may have its own value behind a colon; one whose value is no
// integer has none.
func (d *Decoder) addSegments(list []byte, ev *Event) {
	for len(list) > 0 {
		var item, own []byte
		item, list, _ = bytes.Cut(list, comma)
		valued := false
		if ev.Type == schemas.SegmentEvent {
			item, own, valued = bytes.Cut(item, colon)
		}
		id, ok := parseID(item)
		if !ok || !d.query.added.add(id, ev.SegmentsAdded) {
			continue
		}
		ev.SegmentsAdded = append(ev.SegmentsAdded, id)
		if ev.Type == schemas.SegmentEvent {
			v := SegmentValue{Value: useDefault}
			if valued && len(own) > 0 {
				v.Value, v.Given = parseInteger(own)
			}
			ev.SegmentValues = append(ev.SegmentValues, v)
		}
	}
}

var colon = []byte{':'}

// useDefault marks a segment without a value of its own until the whole query
// is read; no value not given is anything else but this or 0.
const useDefault = math.MinInt64

// fillSegmentValues gives the parameter value to the added segments that have
// none of their own. Where it fills none it goes to params.
func (d *Decoder) fillSegmentValues(ev *Event) {
	text := ev.ValueText
	ev.ValueText = nil
	common, ok := parseInteger(text)
	used, given := false, false
	for i := range ev.SegmentValues {
		v := &ev.SegmentValues[i]
		if !v.Given && v.Value == useDefault {
			v.Value, v.Given = common, ok
			used = used || ok
		}
		if !v.Given {
			v.Value = 0
		}
		given = given || v.Given
	}
	if !given {
		ev.SegmentValues = ev.SegmentValues[:0]
	}
	if text != nil && !used {
		ev.Params = append(ev.Params, Param{[]byte(grammar.Value), text})
	}
}

// appendCodes appends the codes of a list, empty ones left out, each once.
func appendCodes(codes [][]byte, list []byte) [][]byte {
	var many map[string]struct{}
next:
	for len(list) > 0 {
		var code []byte
		code, list, _ = bytes.Cut(list, comma)
		if len(code) == 0 {
			continue
		}
		if len(codes) < fewNames {
			for _, c := range codes {
				if bytes.Equal(c, code) {
					continue next
				}
			}
		} else {
			if many == nil {
				many = make(map[string]struct{}, 2*len(codes))
				for _, c := range codes {
					many[string(c)] = struct{}{}
				}
			}
			if _, ok := many[string(code)]; ok {
				continue
			}
			many[string(code)] = struct{}{}
		}
		codes = append(codes, code)
	}
	return codes
}

// idSet tells which ids a list has already: by looking while it is short, by
// a map when it is long.
type idSet struct{ many map[int64]struct{} }

func (s *idSet) reset() { s.many = nil }

// add reports whether the id is not in the list yet, to which the caller then
// appends it.
func (s *idSet) add(id int64, list []int64) bool {
	if len(list) < fewNames {
		for _, have := range list {
			if have == id {
				return false
			}
		}
		return true
	}
	if s.many == nil {
		s.many = make(map[int64]struct{}, 4*len(list))
		for _, have := range list {
			s.many[have] = struct{}{}
		}
	}
	if _, ok := s.many[id]; ok {
		return false
	}
	s.many[id] = struct{}{}
	return true
}

// parseID reads a positive 64-bit integer: digits alone.
func parseID(b []byte) (id int64, ok bool) {
	if len(b) == 0 || b[0] == '-' {
		return 0, false
	}
	id, ok = parseInteger(b)
	return id, ok && id > 0
}

// parseInteger reads a 64-bit integer: digits, a minus sign before them or not.
func parseInteger(b []byte) (v int64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 || v > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		v = v*10 + digit
	}
	if negative {
		v = -v
	}
	return v, true
}

// unescape percent-decodes a name or value once, with + as a space and invalid
// escapes as written, into UTF-8. What needs no change is given as it is.
func (d *Decoder) unescape(b []byte) []byte {
	for _, c := range b {
		if special[c] {
			return d.unescapeSpecial(b)
		}
	}
	return b
}

// special marks the bytes that unescape may have to change.
var special = func() (t [256]bool) {
	t['%'], t['+'] = true, true
	for c := 0x80; c < len(t); c++ {
		t[c] = true
	}
	return t
}()

func (d *Decoder) unescapeSpecial(b []byte) []byte {
	start := len(d.buf)
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]):
			c = hexValue(b[i+1])<<4 | hexValue(b[i+2])
			i += 2
		}
		d.buf = append(d.buf, c)
	}
	return d.text(d.buf[start:len(d.buf):len(d.buf)])
}

func isHex(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' <= 5
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// isMacro tells whether a value is an unreplaced macro and nothing else:
// [X], ${X}, {{X}} or %%X%%, with at least one character inside and none of
// them the closing one.
func isMacro(b []byte) bool {
	if len(b) < 3 {
		return false
	}
	switch b[0] {
	case '[':
		return bytes.IndexByte(b, ']') == len(b)-1
	case '$':
		return len(b) > 3 && b[1] == '{' && bytes.IndexByte(b, '}') == len(b)-1
	case '{':
		return len(b) > 4 && b[1] == '{' && b[len(b)-1] == '}' && bytes.IndexByte(b, '}') == len(b)-2
	case '%':
		return len(b) > 4 && b[1] == '%' && b[len(b)-1] == '%' && bytes.IndexByte(b[2:], '%') == len(b)-4
	}
	return false
}
