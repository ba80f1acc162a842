// Package disktest is a machine for tests whose disk operations can be counted,
// refused one by one, and stopped, as by a power cut: then it tells what the
// disk can hold of what was written and not made durable.
package disktest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"pixledger/schemas/disk"
)

// ErrStopped is what every operation gets after the machine has stopped.
var ErrStopped = errors.New("the machine has stopped")

// Machine watches a disk below one folder. It keeps beside the folder what of
// it is durable: a file's bytes by syncing the file, its name by syncing the
// folder. A rename is one step, whichever of the two folders is synced; that is
// what every file system with a journal gives. Everything else may be there or
// not after a power cut, each on its own.
type Machine struct {
	mu      sync.Mutex
	root    string
	tree    *node
	pending []change // of names that are not durable, in order
	count   int
	stopAt  int // 0: never
	stopped bool
	refuse  func(n int, op disk.Op) error
	told    []string
}

// node is a file or folder.
type node struct {
	live, durable map[string]*node // of a folder, by name; nil of a file
	data, synced  []byte           // of a file
	lost          bool             // a failed sync: what was not durable then never will be
}

func newFolder() *node { return &node{live: map[string]*node{}, durable: map[string]*node{}} }

// place is a name in a folder.
type place struct {
	dir  *node
	name string
}

// change is what one operation does to names: from stands for nothing where a
// name is new, and to where it is removed.
type change struct {
	from, to place
	node     *node
	other    *node // what an exchange puts at from
}

func (c change) touches(dir *node) bool { return c.from.dir == dir || c.to.dir == dir }

// New watches the folder, which must be empty or not there yet.
func New(root string) *Machine { return &Machine{root: root, tree: newFolder()} }

// Disk is a disk that the machine watches.
func (m *Machine) Disk() *disk.Disk { return &disk.Disk{Watcher: m} }

// Adopt takes in what the folder holds, as durable.
func (m *Machine) Adopt() error {
	var take func(path string, n *node) error
	take = func(path string, n *node) error {
		list, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range list {
			below := filepath.Join(path, e.Name())
			child := newFolder()
			if e.IsDir() {
				err = take(below, child)
			} else {
				child = &node{}
				child.data, err = os.ReadFile(below)
				child.synced = slices.Clone(child.data)
			}
			if err != nil {
				return err
			}
			n.live[e.Name()], n.durable[e.Name()] = child, child
		}
		return nil
	}
	return take(m.root, m.tree)
}

// StopAt stops the machine before operation n, counted from 1.
func (m *Machine) StopAt(n int) { m.stopAt = n }

// Refuse asks for each operation, with its number, whether it fails.
func (m *Machine) Refuse(f func(n int, op disk.Op) error) { m.refuse = f }

// Count is the number of operations so far.
func (m *Machine) Count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// Told is operation n in words.
func (m *Machine) Told(n int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n < 1 || n > len(m.told) {
		return "no operation"
	}
	return m.told[n-1]
}

// Before counts the operation, and refuses it where it was told to.
func (m *Machine) Before(op disk.Op) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return ErrStopped
	}
	m.count++
	m.told = append(m.told, fmt.Sprintf("%s %s %s", op.Kind, m.below(op.Path), m.below(op.To)))
	if m.count == m.stopAt {
		m.stopped = true
		return ErrStopped
	}
	if m.refuse == nil {
		return nil
	}
	err := m.refuse(m.count, op)
	if err != nil && op.Kind == disk.Sync {
		if n := m.find(op.Path); n != nil {
			n.lost = true
		}
	}
	return err
}

func (m *Machine) below(path string) string {
	rel, err := filepath.Rel(m.root, path)
	if err != nil {
		return path
	}
	return rel
}

// at finds a path's folder and name; ok is false outside the folder watched.
func (m *Machine) at(path string) (p place, ok bool) {
	rel, err := filepath.Rel(m.root, path)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return place{}, false
	}
	dir := m.tree
	parts := strings.Split(rel, string(filepath.Separator))
	for _, part := range parts[:len(parts)-1] {
		next := dir.live[part]
		if next == nil || next.live == nil {
			return place{}, false
		}
		dir = next
	}
	return place{dir, parts[len(parts)-1]}, true
}

func (m *Machine) find(path string) *node {
	if path == m.root {
		return m.tree
	}
	p, ok := m.at(path)
	if !ok {
		return nil
	}
	return p.dir.live[p.name]
}

// After takes in what the operation has done.
func (m *Machine) After(op disk.Op) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.at(op.Path)
	switch op.Kind {
	case disk.SyncDir:
		if n := m.find(op.Path); n != nil {
			m.syncDir(n)
		}
		return
	case disk.Write, disk.Sync:
		n := m.find(op.Path)
		switch {
		case n == nil:
		case op.Kind == disk.Write:
			n.data = append(n.data, op.Data...)
		case !n.lost:
			n.synced = slices.Clone(n.data)
		}
		return
	}
	if !ok || !op.Kind.Changes() {
		return
	}
	switch op.Kind {
	case disk.Create:
		if n := p.dir.live[p.name]; n != nil {
			n.data = nil // emptied; what it held is durable until it is synced
			return
		}
		m.change(change{to: p, node: &node{}})
	case disk.Mkdir:
		m.change(change{to: p, node: newFolder()})
	case disk.Remove:
		m.change(change{from: p, node: p.dir.live[p.name]})
	case disk.Link:
		to, _ := m.at(op.To)
		m.change(change{to: to, node: p.dir.live[p.name]})
	case disk.Rename, disk.RenameNew:
		to, _ := m.at(op.To)
		m.change(change{from: p, to: to, node: p.dir.live[p.name]})
	case disk.Exchange:
		to, _ := m.at(op.To)
		m.change(change{from: p, to: to, node: p.dir.live[p.name], other: to.dir.live[to.name]})
	}
}

func (m *Machine) change(c change) {
	if c.node == nil {
		return // a lock, which is made by other means
	}
	c.apply(func(n *node) map[string]*node { return n.live })
	m.pending = append(m.pending, c)
}

// apply makes the change to the names that names gives of a folder.
func (c change) apply(names func(*node) map[string]*node) {
	if c.from.dir != nil && names(c.from.dir)[c.from.name] == c.node {
		delete(names(c.from.dir), c.from.name)
	}
	if c.to.dir != nil {
		names(c.to.dir)[c.to.name] = c.node
	}
	if c.other != nil {
		names(c.from.dir)[c.from.name] = c.other
	}
}

func (m *Machine) syncDir(dir *node) {
	var left []change
	for _, c := range m.pending {
		if !c.touches(dir) {
			left = append(left, c)
			continue
		}
		c.apply(func(n *node) map[string]*node { return n.durable })
		// What was done before to the name that it came from is past.
		left = slices.DeleteFunc(left, func(b change) bool { return c.from.dir != nil && b.node == c.node && b.to == c.from })
	}
	m.pending = left
}

// Survival says what a power cut leaves of what is not durable.
type Survival int

// From the process's end alone, after which everything is there, to nothing.
const (
	Everything Survival = iota
	Nothing
	InOrder // the names up to some operation, and parts of the bytes
	Any     // each on its own
)

func (s Survival) String() string {
	return [...]string{"everything", "nothing", "in order", "any"}[s]
}

// Restore writes into a new folder what the disk can hold after a power cut.
func (m *Machine) Restore(to string, s Survival, r *rand.Rand) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := map[*node]map[string]*node{}
	of := func(n *node) map[string]*node {
		if names[n] == nil {
			from := n.durable
			names[n] = map[string]*node{}
			for k, v := range from {
				names[n][k] = v
			}
		}
		return names[n]
	}
	until := len(m.pending)
	switch s {
	case Nothing:
		until = 0
	case InOrder:
		until = r.IntN(len(m.pending) + 1)
	}
	for _, c := range m.pending[:until] {
		if s == Any && r.IntN(2) == 0 {
			continue
		}
		c.apply(of)
	}
	content := func(n *node) []byte {
		switch {
		case s == Everything && !n.lost:
			return n.data
		case s == Nothing || n.lost || len(n.data) < len(n.synced):
			return n.synced
		}
		// The bytes after those that are durable: there, cut, or zeros.
		b := slices.Clone(n.data[:len(n.synced)+r.IntN(len(n.data)-len(n.synced)+1)])
		if r.IntN(3) == 0 {
			clear(b[len(n.synced):])
		}
		return b
	}
	return write(to, m.tree, of, content)
}

func write(path string, n *node, names func(*node) map[string]*node, content func(*node) []byte) error {
	if n.live == nil {
		return os.WriteFile(path, content(n), 0o640)
	}
	if err := os.MkdirAll(path, 0o750); err != nil {
		return err
	}
	list := names(n)
	keys := make([]string, 0, len(list))
	for k := range list {
		keys = append(keys, k)
	}
	slices.Sort(keys) // so that a seed gives the same again
	for _, k := range keys {
		if err := write(filepath.Join(path, k), list[k], names, content); err != nil {
			return err
		}
	}
	return nil
}
