package doctor

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits is what the machine's limits are judged by.
type Limits struct {
	Memory  int64 // limits.memory, bytes
	Threads int   // limits.threads; 0: one a processor
	Files   int   // logs that are followed or watched
	Daemon  int   // its process; 0: none runs, this process's limits count
	// Root is where /proc and /sys are looked for; "" but in tests.
	Root string
}

// Each process may take limits.memory and 300 MB beside it: the daemon, and the
// three jobs that run at a time at most (docs/running.md).
const (
	processes = 4
	beside    = 300_000_000
)

// descriptors are those that the daemon needs beside its logs', and for each log.
const (
	ownDescriptors = 128
	perLog         = 4
)

// Machine looks whether the machine carries what the limits allow.
func Machine(r *Report, l Limits) {
	sound := true
	warn := func(remedy, format string, args ...any) {
		sound = false
		r.Warn("limits", remedy, format, args...)
	}
	if open, whose := l.openFiles(); open > 0 && open < uint64(ownDescriptors+perLog*l.Files) {
		warn("LimitNOFILE=65536 in the unit, or ulimit -n 65536", "%s may open %d files, and %s may need %d", whose, open, plural(l.Files, "log"), ownDescriptors+perLog*l.Files)
	}
	memory, what := l.memory()
	need := processes * (l.Memory + beside)
	fits := max(memory/processes-beside, 0)
	switch {
	case memory == 0:
	case l.Memory > memory:
		sound = false
		r.Problem("limits", fitting(fits), "limits.memory is %s, more than %s has (%s): the kernel ends the job that takes it", gib(float64(l.Memory)), what, gib(float64(memory)))
	case need > memory:
		warn(fitting(fits), "limits.memory of %s needs up to %s for the daemon and three jobs, and %s has %s", gib(float64(l.Memory)), gib(float64(need)), what, gib(float64(memory)))
	}
	if cpus := runtime.NumCPU(); l.Threads > cpus {
		warn("set limits.threads to 0", "limits.threads is %d, and there are %s: more threads take more memory and no less time", l.Threads, plural(cpus, "processor"))
	}
	if sound {
		r.OK("limits", "memory of %s, threads and open files are enough", gib(float64(memory)))
	}
}

func fitting(fits int64) string {
	const least = 100_000_000
	if fits < least {
		return "more memory; limits.memory of 256MB is little"
	}
	return "limits.memory: " + strconv.FormatInt(fits/1_000_000, 10) + "MB, or more memory"
}

// openFiles is how many files the daemon may open, else this process.
func (l *Limits) openFiles() (uint64, string) {
	if l.Daemon != 0 {
		if n, ok := procLimit(filepath.Join(l.Root, "/proc", strconv.Itoa(l.Daemon), "limits"), "Max open files"); ok {
			return n, "the daemon"
		}
	}
	// Go raises the limit that it was started with to the highest allowed.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, ""
	}
	return limit.Cur, "this user"
}

func procLimit(path, name string) (uint64, bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			words := strings.Fields(rest)
			if len(words) == 0 {
				return 0, false
			}
			if words[0] == "unlimited" {
				return math.MaxUint64, true
			}
			n, err := strconv.ParseUint(words[0], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// memory is what the machine has, or less where a control group allows less to
// the daemon, or to this process.
func (l *Limits) memory() (bytes int64, what string) {
	what = "the machine"
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		bytes = int64(info.Totalram) * int64(info.Unit)
	}
	process := "self"
	if l.Daemon != 0 {
		process = strconv.Itoa(l.Daemon)
	}
	own, err := os.ReadFile(filepath.Join(l.Root, "/proc", process, "cgroup"))
	if err != nil {
		return bytes, what
	}
	for line := range strings.Lines(string(own)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::") // version 2
		for ; ok; group = filepath.Dir(group) {
			text, err := os.ReadFile(filepath.Join(l.Root, "/sys/fs/cgroup", group, "memory.max"))
			if n, parseErr := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && parseErr == nil && (bytes == 0 || n < bytes) {
				bytes, what = n, "the control group "+group
			}
			if group == "/" || group == "." {
				break
			}
		}
	}
	return bytes, what
}
