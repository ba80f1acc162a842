package segment

// Times gives the times of the first and the last line of src that had a
// plausible one, Unix microseconds, or false where none had. By them the step
// back in time between two pieces of a file is told.
func (b *Batch) Times(src *Source) (first, last int64, ok bool) {
	s := b.sources[src]
	if s == nil || !s.timed {
		return 0, 0, false
	}
	return s.first, s.last, true
}
