package attribute

// LookForAtMost lets a pass over the touches look for so many pairs of a
// conversion and a line item, until restore is called.
func LookForAtMost(n int64) (restore func()) {
	was := mostTies
	mostTies = func(int64) int64 { return n }
	return func() { mostTies = was }
}
