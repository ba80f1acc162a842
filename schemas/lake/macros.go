package lake

import (
	"maps"
	"slices"
	"strconv"
)

// Macros counts the parameters of a pixel's conversions that count as absent,
// for their value is a macro that nobody replaced: no event tells of them.
type Macros struct {
	OrderID int64 `json:"order_id,omitempty"`
	Value   int64 `json:"value,omitempty"`
	Other   int64 `json:"other,omitempty"`
	Rest    int64 `json:"rest,omitempty"` // of all other parameters
}

// Plus adds up two counts.
func (m Macros) Plus(o Macros) Macros {
	return Macros{m.OrderID + o.OrderID, m.Value + o.Value, m.Other + o.Other, m.Rest + o.Rest}
}

// NoPixel is the key of what is counted for no pixel: calls that name none, and
// those of further pixels once there are too many to tell apart.
const NoPixel = ""

// maxMacroPixels bounds the pixels that are told apart on one day of one file:
// ids come from whoever calls the edge, so there may be any number of them.
const maxMacroPixels = 1000

// maxKeyCode bounds the code in a key, in bytes.
const maxKeyCode = 100

// PixelKey gives the key by which a conversion's pixel is counted: its id, else
// member and code as they were sent, MEMBER/CODE, since a code is resolved later
// than lines are read. NoPixel is for a call with neither, or with a code that is
// longer than any in use.
func PixelKey(id, member int64, code []byte) string {
	switch {
	case id != 0:
		return strconv.FormatInt(id, 10)
	case len(code) == 0 || len(code) > maxKeyCode:
		return NoPixel
	}
	return strconv.FormatInt(member, 10) + "/" + string(code)
}

// AddMacros counts for a pixel; the map may be nil.
func AddMacros(to map[string]Macros, pixel string, m Macros) map[string]Macros {
	if to == nil {
		to = make(map[string]Macros, 1)
	}
	if _, known := to[pixel]; !known && len(to) >= maxMacroPixels {
		pixel = NoPixel
	}
	to[pixel] = to[pixel].Plus(m)
	return to
}

// mergeMacros adds one account to another. Pixels beyond the bound are those last
// in the order of their keys, so that the same accounts give the same sum.
func mergeMacros(to, from map[string]Macros) map[string]Macros {
	if len(from) == 0 {
		return to
	}
	if to == nil {
		return maps.Clone(from)
	}
	if len(to)+len(from) <= maxMacroPixels {
		for pixel, m := range from {
			to[pixel] = to[pixel].Plus(m)
		}
		return to
	}
	for _, pixel := range slices.Sorted(maps.Keys(from)) {
		to = AddMacros(to, pixel, from[pixel])
	}
	return to
}

// lessMacros takes what was counted before away, in place.
func lessMacros(from, less map[string]Macros) map[string]Macros {
	for pixel, m := range less {
		if from == nil {
			from = map[string]Macros{}
		}
		left := from[pixel].Plus(Macros{-m.OrderID, -m.Value, -m.Other, -m.Rest})
		if from[pixel] = left; left == (Macros{}) {
			delete(from, pixel)
		}
	}
	return from
}
