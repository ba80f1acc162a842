package doctor

import (
	"os"
	"strconv"
)

// Daemon looks at the process of the daemon: whether it is this program.
func Daemon(r *Report, process int) {
	if process == 0 {
		r.OK("daemon", "none runs on this lake: jobs run by hand alone, and `pixledger run` does them by the schedule")
		return
	}
	own, err := os.Stat("/proc/self/exe")
	theirs, theirErr := os.Stat("/proc/" + strconv.Itoa(process) + "/exe") // the file that it was started from, also where that is gone
	if err != nil || theirErr != nil {
		r.OK("daemon", "it runs (process %d)", process) // another user's; its program can't be told
		return
	}
	if !os.SameFile(own, theirs) {
		r.Warn("daemon", "restart it: `systemctl restart pixledger`", "the daemon (process %d) is another program file than this one: it was upgraded without a restart, or there are two", process)
		return
	}
	r.OK("daemon", "it runs (process %d), of this program", process)
}
