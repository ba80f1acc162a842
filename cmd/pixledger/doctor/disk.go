package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Place is a folder that is written to, and what for. It need not be there yet.
type Place struct{ Path, Use string }

// Disks is what disks are judged by.
type Disks struct {
	Lake   Place
	Temp   Place
	Others []Place // outboxes, the logs' folders
	// TempSize is limits.temp_size; PerDay how much the lake has grown a day, over
	// Days full days. Bytes.
	TempSize, PerDay int64
	Days             int
}

// The thresholds of a disk, as of the alerts PixledgerDiskFull and
// PixledgerDiskFillsUp, but that two weeks are looked ahead here.
const (
	leastFree   = 2e9
	leastShare  = 0.03
	leastInodes = 10_000
	leastDays   = 14
)

// Existing is the nearest folder of a path that is there.
func Existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// volume is a file system with what is written to it.
type volume struct {
	at   string
	uses []string
	stat unix.Statfs_t
	lake bool
	temp bool
}

// Disk looks at space, inodes and kind of each file system that is written to.
func Disk(r *Report, d Disks) {
	var volumes []*volume
	byDevice := map[uint64]*volume{}
	for i, p := range append([]Place{d.Lake, d.Temp}, d.Others...) {
		at := Existing(p.Path)
		var st unix.Stat_t
		if err := unix.Stat(at, &st); err != nil {
			continue // said where the folder itself is looked at
		}
		v := byDevice[st.Dev]
		if v == nil {
			v = &volume{at: at}
			if err := unix.Statfs(at, &v.stat); err != nil {
				r.Warn("disk", "mount it again, or look why it does not answer", "%s: %v", at, err)
				continue
			}
			byDevice[st.Dev] = v
			volumes = append(volumes, v)
		}
		if !slices.Contains(v.uses, p.Use) {
			v.uses = append(v.uses, p.Use)
		}
		v.lake, v.temp = v.lake || i == 0, v.temp || i == 1
	}
	for _, v := range volumes {
		v.judge(r, &d)
	}
}

func (v *volume) judge(r *Report, d *Disks) {
	sound := true
	warn := func(remedy, format string, args ...any) {
		sound = false
		r.Warn("disk", remedy, format, args...)
	}
	disk := "a disk"
	if v.lake {
		disk = "the lake's disk"
	}
	free, size := float64(v.stat.Bavail)*float64(v.stat.Bsize), float64(v.stat.Blocks)*float64(v.stat.Bsize)
	for _, f := range FileSystem(int64(v.stat.Type)) {
		if v.lake {
			warn("put the lake on a local ext4, XFS or Btrfs", "%s (%s) is on %s", v.at, strings.Join(v.uses, ", "), f)
		}
	}
	if v.stat.Flags&unix.ST_RDONLY != 0 && (v.lake || v.temp) {
		sound = false
		r.Problem("disk", "mount it writable; dmesg tells whether the kernel did this for want of a sound disk", "%s (%s) is read-only", v.at, strings.Join(v.uses, ", "))
	}
	if free < leastFree || free < leastShare*size {
		warn("make room: nothing is committed and no day is closed when it is full", "%s is nearly full: %s free of %s at %s (%s)", disk, gib(free), gib(size), v.at, strings.Join(v.uses, ", "))
	}
	if v.stat.Files > 0 && v.stat.Ffree < max(leastInodes, v.stat.Files/100) {
		warn("remove small files, or make the file system anew with more inodes", "the disk of %s (%s) has room for %d files only (inodes)", v.at, strings.Join(v.uses, ", "), v.stat.Ffree)
	}
	if v.lake && d.PerDay > 0 {
		if days := free / float64(d.PerDay); days < leastDays {
			warn("raise the disk, or lower privacy.retention_days", "the lake's disk will be full within %s, at the pace of the last %s: %s a day", plural(int(days)+1, "day"), plural(d.Days, "full day"), gib(float64(d.PerDay)))
		}
	}
	if v.temp && float64(d.TempSize) > free {
		warn("set limits.temp_size to what may be used, or limits.temp to a folder on another disk", "limits.temp_size is %s, and %s has %s free: a large sort or join would fill the disk", gib(float64(d.TempSize)), v.at, gib(free))
	}
	if sound {
		inodes := ""
		if v.stat.Files > 0 {
			inodes = fmt.Sprintf(" and %d inodes", v.stat.Ffree)
		}
		r.OK("disk", "%s%s free at %s (%s)", gib(free), inodes, v.at, strings.Join(v.uses, ", "))
	}
}

func gib(bytes float64) string { return fmt.Sprintf("%.1f GiB", bytes/(1<<30)) }

// FileSystem says what is wrong with a kind of file system for a lake; nothing
// where nothing is.
func FileSystem(magic int64) []string {
	switch magic {
	case unix.NFS_SUPER_MAGIC:
		return []string{"NFS: locks, renames and syncs do there what the server likes, and files are followed by looking only"}
	case unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.V9FS_MAGIC:
		return []string{"a network's file system: locks, renames and syncs do there what the server likes"}
	case unix.FUSE_SUPER_MAGIC:
		return []string{"FUSE: what a sync is worth there, its program decides"}
	case unix.OVERLAYFS_SUPER_MAGIC:
		return []string{"overlayfs, a container's own layer, and is gone with the container: mount a volume"}
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return []string{"memory, and is gone with the next start of the machine"}
	}
	return nil
}
