package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// Owners is what permissions are judged by.
type Owners struct {
	Lake   string // folder; it need not be there
	Key    string // the file of the key of hashed parameters; it need not be there
	Config string // the configuration's file
	Token  string // the console's, to be looked for in that file
	// Outboxes are the folders of file: destinations, Temp is limits.temp.
	Outboxes []string
	Temp     string
	Daemon   int // its process; 0: none runs
	Logs     []Log
	// Service says that this runs inside the sandbox of a systemd unit, which
	// forbids to write what the unit of the daemon may well allow.
	Service bool
}

// Permissions looks who runs the program, and what may be read and written by
// whom.
func Permissions(r *Report, o Owners) {
	who(r, &o)
	lakeModes(r, &o)
	config(r, &o)
	if !o.Service {
		for _, dir := range o.Outboxes {
			writable(r, "outbox", "let this user write there; in a systemd unit, name the folder in ReadWritePaths=", dir)
		}
		writable(r, "temp", "let this user write there, or set limits.temp to another folder", o.Temp)
	}
	for _, l := range o.Logs {
		logFolder(r, &l)
	}
}

// who compares the user with the one that the work is done by.
func who(r *Report, o *Owners) {
	me := os.Geteuid()
	if o.Daemon != 0 {
		if uid, ok := OwnerOf("/proc/" + strconv.Itoa(o.Daemon)); ok && uid != me {
			r.Warn("user", "run it as the daemon's: sudo -u "+userName(uid)+" pixledger doctor", "doctor runs as %s and the daemon as %s: what the daemon may read and write was not tried", userName(me), userName(uid))
			me = uid
		}
	}
	owner, there := OwnerOf(o.Lake)
	switch {
	case me == 0 && there && owner != 0 && o.Daemon == 0:
		r.Warn("user", "run it as that user: sudo -u "+userName(owner)+" pixledger doctor", "doctor runs as root, and the lake is %s's: what that user may read and write was not tried", userName(owner))
	case me == 0:
		r.Warn("user", "a user of its own, as docs/systemd/pixledger.service has it: root reads and overwrites more than it needs", "pixledger runs as root")
	case there && owner != me:
		r.Warn("user", "run everything as one user: sudo -u "+userName(owner)+" pixledger …, or chown -R the lake", "pixledger runs as %s, and the lake is %s's", userName(me), userName(owner))
	default:
		r.OK("user", "pixledger runs as %s", userName(me))
	}
}

// OwnerOf gives the owner of what is there.
func OwnerOf(path string) (uid int, ok bool) {
	fi, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return ownerOf(fi)
}

func ownerOf(fi fs.FileInfo) (uid int, ok bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "user " + strconv.Itoa(uid)
}

func lakeModes(r *Report, o *Owners) {
	if fi, err := os.Stat(o.Lake); err == nil {
		switch mode := fi.Mode().Perm(); {
		case mode&0o002 != 0:
			r.Problem("permissions", "chmod o-rwx "+o.Lake, "everybody on this machine can write to the lake (%s is %#o)", o.Lake, mode)
		case mode&0o005 != 0:
			r.Warn("permissions", "chmod o-rwx "+o.Lake+": analysts join the group", "everybody on this machine can read the lake, which holds personal data (%s is %#o)", o.Lake, mode)
		default:
			r.OK("permissions", "%s is for its user and group alone (%#o)", o.Lake, mode)
		}
	}
	if fi, err := os.Stat(o.Key); err == nil && fi.Mode().Perm()&0o077 != 0 {
		r.Problem("permissions", "chmod 0600 "+o.Key, "others can read the key of hashed parameters (%s is %#o)", o.Key, fi.Mode().Perm())
	}
}

// password is one in the URL of a destination.
var password = regexp.MustCompile(`[a-z0-9]+://[^\s/:@"']*:[^\s/@"'$]+@`)

// config looks whether secrets stand in a configuration that everybody can read.
func config(r *Report, o *Owners) {
	fi, err := os.Stat(o.Config)
	if err != nil || fi.Mode().Perm()&0o004 == 0 {
		return
	}
	content, err := os.ReadFile(o.Config)
	if err != nil {
		return // it was read before
	}
	if o.Token != "" && strings.Contains(string(content), o.Token) || password.Match(content) {
		r.Warn("permissions", "chmod o-r "+o.Config+", or ${NAME} and an environment file of mode 0600", "everybody on this machine can read %s, and a secret stands in it", o.Config)
	}
}

// writable tries whether a folder, or the nearest one that is there, can be
// written to.
func writable(r *Report, check, remedy, dir string) {
	at := Existing(dir)
	f, err := os.CreateTemp(at, ".pixledger-doctor-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		r.Problem(check, remedy, "%s can't be written to: %v", dir, err)
		return
	}
	r.OK(check, "%s can be written to", dir)
}

// The folder of a log is trusted as the log is: who can write there can put any
// file in its place.
func logFolder(r *Report, l *Log) {
	check, dir := "source "+l.Source, filepath.Dir(l.Path)
	fi, err := os.Stat(dir)
	if err != nil {
		return // said where the log is looked at
	}
	if _, err := os.ReadDir(dir); err != nil {
		r.Problem(check, "let this user list it, for example: chmod g+rx "+dir+" and usermod -aG adm USER", "rotated files of %s can't be found, so that lines are lost with a rotation while the daemon is down: %v", l.Path, err)
	}
	for _, path := range l.Rotated {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrPermission) {
			r.Problem(check, "let this user read it, for example: usermod -aG adm USER, and logrotate's create 0640 www-data adm", "the rotated %s can't be read: permission denied; lines of it that were not read before are lost", path)
		}
		if err == nil {
			_ = f.Close() // it was only opened
		}
	}
	if why := writers(dir, fi, l); why != "" {
		r.Warn(check, "let "+dir+" be writable for root and the log's owner alone, for example: chown root:adm "+dir+" && chmod 0750 "+dir, "%s can put another file in the place of %s", why, l.Path)
	}
}

// writers says who else than root and a log's owner can write to its folder; ""
// for nobody.
func writers(dir string, fi fs.FileInfo, l *Log) string {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	owner, group := int(st.Uid), int(st.Gid)
	logOwner, logGroup := owner, group
	if log, err := os.Stat(l.Path); err == nil {
		if st, ok := log.Sys().(*syscall.Stat_t); ok {
			logOwner, logGroup = int(st.Uid), int(st.Gid)
		}
	}
	mode := fi.Mode()
	switch {
	case mode.Perm()&0o002 != 0:
		if mode&fs.ModeSticky != 0 {
			return "everybody who comes first (" + dir + " is writable for all)"
		}
		return fmt.Sprintf("everybody (%s is %#o)", dir, mode.Perm())
	case owner != 0 && owner != logOwner:
		return userName(owner) + ", whose " + dir + " is,"
	case mode.Perm()&0o020 != 0 && group != 0 && group != logGroup:
		return fmt.Sprintf("the group %s (%s is %#o)", groupName(group), dir, mode.Perm())
	}
	return ""
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}
