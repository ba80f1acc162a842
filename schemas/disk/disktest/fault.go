package disktest

import (
	"syscall"

	"pixledger/schemas/disk"
)

// Fault is a way in which one operation goes wrong.
type Fault string

// The faults. NoSpace is of operations that need some, HalfWrite of writes.
const (
	Stop      Fault = "stop" // the machine stops before it
	IOError   Fault = "EIO"
	NoSpace   Fault = "ENOSPC"
	HalfWrite Fault = "a short write"
)

// FailAt lets operation n, counted from 1, go wrong. hit tells afterwards whether
// it did: not where it is no operation that can go wrong in that way.
func (m *Machine) FailAt(n int, f Fault) (hit func() bool) {
	if f == Stop {
		m.StopAt(n)
		return func() bool { return true }
	}
	failed := false
	m.Refuse(func(at int, op disk.Op) error {
		if at != n {
			return nil
		}
		err := f.of(op)
		failed = err != nil
		return err
	})
	return func() bool { return failed }
}

func (f Fault) of(op disk.Op) error {
	switch {
	case f == IOError:
		return syscall.EIO
	case f == NoSpace && op.Kind.Changes() && op.Kind != disk.Remove:
		return syscall.ENOSPC
	case f == HalfWrite && op.Kind == disk.Write:
		return &disk.ShortWrite{N: len(op.Data) / 2, Err: syscall.ENOSPC}
	}
	return nil
}
