package attribute

import "time"

// The reasons that steps 9 and 10 give. Those of the other steps stand in the
// SQL that gives them.
const (
	duplicateOrder = "duplicate_order"
	repeat         = "repeat"
)

// key stands for an order of a pixel, or for a user of a pixel: the halves of
// a hash of its name.
type key struct{ high, low int64 }

// turn is a conversion that has passed step 8, with the rules of its pixel at
// its time.
type turn struct {
	time          int64 // Unix microseconds
	user, order   *key  // nil: it has none, or shares it with no other conversion
	minMinutes    *int64
	uniqueOrderID bool
	frozen        bool // it was attributed, and that stands whatever the rules say
}

// decider takes conversions in the order (time, id) through steps 9 and 10, in
// which a decision depends on those before it. A conversion that passes both
// counts as attributed for those after it, voided or not.
type decider struct {
	orders map[key]struct{} // attributed
	last   map[key]int64    // when a user was last attributed
}

func newDecider() *decider { return &decider{map[key]struct{}{}, map[key]int64{}} }

// next gives the reason of the first of the two steps that fails the next
// conversion, or "".
func (d *decider) next(t *turn) string {
	if !t.frozen {
		if reason := d.fails(t); reason != "" {
			return reason
		}
	}
	if t.order != nil {
		d.orders[*t.order] = struct{}{}
	}
	if t.user != nil {
		d.last[*t.user] = t.time
	}
	return ""
}

func (d *decider) fails(t *turn) string {
	if t.order != nil && t.uniqueOrderID {
		if _, taken := d.orders[*t.order]; taken {
			return duplicateOrder
		}
	}
	if t.user != nil && d.repeats(*t.user, t.time, t.minMinutes) {
		return repeat
	}
	return ""
}

// repeats tells whether a conversion of the user at a time comes too soon
// after the last one attributed. minMinutes nil: any second one is too soon.
func (d *decider) repeats(user key, at int64, minMinutes *int64) bool {
	last, any := d.last[user]
	switch {
	case !any:
		return false
	case minMinutes == nil:
		return true
	}
	return at-last < *minMinutes*time.Minute.Microseconds()
}
