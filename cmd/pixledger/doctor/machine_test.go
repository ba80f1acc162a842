package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	d := Disks{Lake: Place{filepath.Join(dir, "not", "yet", "lake"), "lake"}, Temp: Place{dir, "temp"}, Others: []Place{{dir, "logs"}}}
	var r Report
	Disk(&r, d)
	if len(r.Findings) != 1 || !strings.Contains(said(t, &r, dir), "free at $DIR (lake, temp, logs)") && r.Findings[0].Level == OK {
		t.Errorf("one file system is three:\n%s", said(t, &r, dir))
	}
	// What volumes say, whatever this machine has.
	ext4 := unix.Statfs_t{Type: unix.EXT4_SUPER_MAGIC, Bsize: 4096, Blocks: 25_000_000, Bavail: 10_000_000, Files: 6_000_000, Ffree: 5_000_000}
	cases := []struct {
		name   string
		change func(*volume, *Disks)
		want   string
	}{
		{"all is well", func(*volume, *Disks) {}, "ok disk: 38.1 GiB and 5000000 inodes free at /srv (lake, temp)"},
		{"Btrfs counts no inodes", func(v *volume, _ *Disks) { v.stat.Files, v.stat.Ffree = 0, 0 }, "ok disk: 38.1 GiB free at /srv (lake, temp)"},
		{"nearly full", func(v *volume, _ *Disks) { v.stat.Bavail = 100_000 }, "warning disk: the lake's disk is nearly full: 0.4 GiB free of 95.4 GiB at /srv (lake, temp)"},
		{"no inodes", func(v *volume, _ *Disks) { v.stat.Ffree = 40_000 }, "warning disk: the disk of /srv (lake, temp) has room for 40000 files only (inodes)"},
		{"fills up", func(_ *volume, d *Disks) { d.PerDay, d.Days = 5e9, 7 }, "warning disk: the lake's disk will be full within 9 days, at the pace of the last 7 full days: 4.7 GiB a day"},
		{"grows slowly", func(_ *volume, d *Disks) { d.PerDay, d.Days = 1e9, 7 }, "ok disk"},
		{"spills", func(_ *volume, d *Disks) { d.TempSize = 50e9 }, "warning disk: limits.temp_size is 46.6 GiB, and /srv has 38.1 GiB free"},
		{"read-only", func(v *volume, _ *Disks) { v.stat.Flags |= unix.ST_RDONLY }, "problem disk: /srv (lake, temp) is read-only"},
		{"NFS", func(v *volume, _ *Disks) { v.stat.Type = unix.NFS_SUPER_MAGIC }, "warning disk: /srv (lake, temp) is on NFS"},
		{"overlay", func(v *volume, _ *Disks) { v.stat.Type = unix.OVERLAYFS_SUPER_MAGIC }, "warning disk: /srv (lake, temp) is on overlayfs"},
		{"FUSE", func(v *volume, _ *Disks) { v.stat.Type = unix.FUSE_SUPER_MAGIC }, "warning disk: /srv (lake, temp) is on FUSE"},
		{"SMB", func(v *volume, _ *Disks) { v.stat.Type = unix.SMB2_SUPER_MAGIC }, "warning disk: /srv (lake, temp) is on a network's file system"},
		{"tmpfs", func(v *volume, _ *Disks) { v.stat.Type = unix.TMPFS_MAGIC }, "warning disk: /srv (lake, temp) is on memory"},
		{"logs may be on NFS", func(v *volume, _ *Disks) { v.stat.Type, v.lake = unix.NFS_SUPER_MAGIC, false }, "ok disk"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v, d, r := &volume{at: "/srv", uses: []string{"lake", "temp"}, stat: ext4, lake: true, temp: true}, &Disks{}, &Report{}
			c.change(v, d)
			v.judge(r, d)
			expect(t, r, dir, c.want)
		})
	}
}

// chmod sets the mode of what is there, whatever the umask.
func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestPermissions(t *testing.T) {
	dir := t.TempDir()
	chmod(t, dir, 0o755)
	o := Owners{
		Lake: filepath.Join(dir, "lake"), Key: filepath.Join(dir, "lake/params.key"), Config: filepath.Join(dir, "pixledger.yaml"), Token: "hush-hush",
		Outboxes: []string{filepath.Join(dir, "outbox/far")}, Temp: dir, Logs: []Log{{Source: "edge-1", Path: filepath.Join(dir, "logs/pixel.log")}},
	}
	write(t, o.Key, "key")
	write(t, o.Config, "console: {token: $"+"{TOKEN}}\n")
	write(t, o.Logs[0].Path, "a line\n")
	chmod(t, o.Lake, 0o750)
	chmod(t, o.Key, 0o600)
	look := func(want ...string) {
		t.Helper()
		var r Report
		Permissions(&r, o)
		r.Findings = r.Findings[1:] // who runs the test
		expect(t, &r, dir, want...)
	}
	fine := []string{"ok permissions: $DIR/lake is for its user and group alone (0750)", "ok outbox: $DIR/outbox/far can be written to", "ok temp: $DIR can be written to"}
	look(fine...)

	chmod(t, o.Lake, 0o755)
	chmod(t, o.Key, 0o640)
	write(t, o.Config, "console: {token: hush-hush}\n")
	chmod(t, filepath.Dir(o.Logs[0].Path), 0o777)
	look("warning permissions: everybody on this machine can read the lake", "problem permissions: others can read the key", "warning permissions: everybody on this machine can read $DIR/pixledger.yaml",
		fine[1], fine[2], "warning source edge-1: everybody ($DIR/logs is 0777) can put another file in the place of $DIR/logs/pixel.log")

	chmod(t, o.Lake, 0o777)
	chmod(t, o.Key, 0o600)
	write(t, o.Config, "exports: [{to: sftp://me:secret@files.example/in}]\n")
	chmod(t, filepath.Dir(o.Logs[0].Path), 0o755)
	o.Service = true
	look("problem permissions: everybody on this machine can write to the lake", "warning permissions: everybody on this machine can read $DIR/pixledger.yaml")

	chmod(t, o.Config, 0o640)
	chmod(t, o.Lake, 0o750)
	look(fine[0])
	o.Service, o.Outboxes = false, []string{filepath.Join(o.Config, "below-a-file")}
	look(fine[0], "problem outbox: $DIR/pixledger.yaml/below-a-file can't be written to", fine[2])
}

func TestMachine(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "proc/self/cgroup"), "0::/system.slice/pixledger.service\n")
	write(t, filepath.Join(root, "proc/77/cgroup"), "0::/system.slice/pixledger.service\n")
	write(t, filepath.Join(root, "sys/fs/cgroup/system.slice/memory.max"), "max\n")
	limit := func(bytes int64) {
		write(t, filepath.Join(root, "sys/fs/cgroup/system.slice/pixledger.service/memory.max"), fmt.Sprintln(bytes))
	}
	files := func(n string) {
		write(t, filepath.Join(root, "proc/77/limits"), "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            "+n+"                 524288               files     \n")
	}
	look := func(l Limits, want ...string) {
		t.Helper()
		l.Root, l.Daemon = root, 77
		var r Report
		Machine(&r, l)
		expect(t, &r, root, want...)
	}
	limit(500_000_000)
	files("1024")
	look(Limits{Memory: 2e9, Files: 3}, "problem limits: limits.memory is 1.9 GiB, more than the control group /system.slice/pixledger.service has (0.5 GiB)")
	limit(2_400_000_000)
	look(Limits{Memory: 256e6, Files: 3}, "ok limits: memory of 2.2 GiB, threads and open files are enough")
	look(Limits{Memory: 1e9, Files: 3}, "warning limits: limits.memory of 0.9 GiB needs up to 4.8 GiB for the daemon and three jobs")
	look(Limits{Memory: 256e6, Files: 300}, "warning limits: the daemon may open 1024 files, and 300 logs may need 1328")
	files("unlimited")
	look(Limits{Memory: 256e6, Files: 300}, "ok limits")
	look(Limits{Memory: 256e6, Threads: runtime.NumCPU() + 1}, fmt.Sprintf("warning limits: limits.threads is %d", runtime.NumCPU()+1))
}

func TestDaemonIsThisProgram(t *testing.T) {
	look := func(process int, want string) {
		t.Helper()
		var r Report
		Daemon(&r, process)
		expect(t, &r, "", want)
	}
	look(0, "ok daemon: none runs on this lake")
	look(os.Getpid(), "ok daemon: it runs (process ")
	other := exec.Command("cat") // which waits for its input to end
	input, err := other.StdinPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	look(other.Process.Pid, "warning daemon: the daemon (process ")
	if err := errors.Join(input.Close(), other.Wait()); err != nil {
		t.Error(err)
	}
}
