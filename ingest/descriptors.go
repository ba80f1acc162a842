package ingest

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileLimits are how many files may be open beside each other, how many of
// these may be rotated ones, and up to how many open files tails are used. Of
// the descriptors that the process may have, enough are left for commits,
// without which no file is ever closed.
func fileLimits() (files, rotated, tails int) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1, 1, 0
	}
	n := int(min(limit.Cur, 1<<18))
	return max(1, n-min(n/2, 128)), max(1, n/4), min(n/16, tailFiles)
}

// tooManyFiles says that a log has to wait until others are closed.
func tooManyFiles(path string, open int) error {
	return fmt.Errorf("%s: waits, as %d files are being read and this process may open few more; let it open more (ulimit -n, or LimitNOFILE of its service)", path, open)
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
