package ingest

import "cmp"

const (
	defaultMemory = 2 << 30
	// scratchBytes is what a thread takes beside rows and blocks: tables of the
	// compressor, a page before and after it.
	scratchBytes = 6 << 20
	// Bounds of the rows that a thread holds. Fewer would make small row groups,
	// more do not make better ones.
	leastRows, mostRows = 4 << 20, 20 << 20
)

// budget is the part of the memory allowed that lines on their way may take.
// Readers' states, the runtime and what else the process does have the rest.
func budget(memory int64) int64 { return cmp.Or(memory, defaultMemory) / 16 }

// shares gives how many threads decode lines, at most as many as wanted, and
// how many bytes of rows each holds. Rows are held twice: those that are
// gathered, and those of the commit under way.
func shares(memory, maxLine int64, wanted int) (threads, rows int) {
	block := max(blockBytes, maxLine)
	fixed := scratchBytes + 2*block
	all := budget(memory)
	threads = int(min(int64(wanted), max(1, all/(fixed+2*leastRows))))
	rows = int(min(max((all/int64(threads)-fixed)/2, leastRows), mostRows))
	return threads, rows
}

// HeapLimit is where the garbage collector may let the heap of a process grow
// to that does nothing but read logs, in bytes, when held bytes are taken
// already.
func HeapLimit(memory, held int64) int64 { return budget(memory) + 48<<20 + 2*held }
