package synth

import "math/bits"

// below draws a number from 0 to n-1.
func (l *log) below(n uint64) uint64 {
	hi, _ := bits.Mul64(l.pcg.Uint64(), n)
	return hi
}

// percent is true in n of a hundred draws.
func (l *log) percent(n uint64) bool { return l.below(100) < n }

// skewed draws a number from 0 to n-1, the lower ones more often: a few
// advertisers, pages and users make most of the traffic.
func (l *log) skewed(n int) int {
	return int(l.below(l.below(uint64(n)) + 1))
}

// mix is a bijection that leaves no pattern (the finalizer of SplitMix64): what
// belongs to a user is a function of his number and needs no memory.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
