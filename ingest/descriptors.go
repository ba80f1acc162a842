package ingest

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// rotatedFiles is how many rotated files may be open beside each other: of the
// descriptors that the process may have, enough are left for commits, without
// which no file is ever closed.
func rotatedFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1
	}
	return int(max(1, min(limit.Cur/4, 1<<16)))
}

// crowded tells whether as many rotated files are open as may be. The others
// are looked for again at the next look.
func (f *follower) crowded(s *slot) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.open)
	if n < f.rotatedFiles {
		return false
	}
	for _, other := range f.slots {
		if g := other.gen; g != nil && f.open[g.key] == g {
			n-- // not a rotated one
		}
	}
	s.rescan = s.rescan || n >= f.rotatedFiles
	return n >= f.rotatedFiles
}

// isPassing tells whether what failed can be waited for: a disk that is full,
// or all descriptors taken.
func isPassing(err error) bool {
	return isNoSpace(err) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
