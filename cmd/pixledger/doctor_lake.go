package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"pixledger/cmd/pixledger/doctor"
	"pixledger/report/deliver"
	"pixledger/schemas/lake"
)

// lakeFolder looks at the lake and its file system, and opens it for the checks
// after it.
func (d *examination) lakeFolder() {
	l, err := lake.Open(d.cfg.Lake)
	var newer *lake.VersionError
	switch {
	case errors.Is(err, lake.ErrNoLake):
		d.OK("lake", "%s does not exist yet; the first `ingest` or `run` makes it", d.cfg.Lake)
	case errors.As(err, &newer):
		d.Problem("lake", "use the pixledger that wrote it, or a newer one", "%v", err)
		return
	case err != nil:
		d.Problem("lake", "check the path and its permissions", "%v", err)
		return
	default:
		d.lake = l
		if d.state, err = l.State(); err != nil {
			d.Problem("lake", "restore what it names from a backup; `pixledger verify` looks at the rest", "%v", err)
		} else {
			d.OK("lake", "%s is readable", d.cfg.Lake)
		}
		if d.app.daemonRuns(l) {
			d.note, _ = readDaemonNote(l)
		}
	}
	// The nearest folder that exists is where it stands or will be made.
	dir := doctor.Existing(d.cfg.Lake)
	if err := probeExchange(dir); err != nil {
		remedy := "let this user write there"
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
			remedy = "put the lake on a local ext4, XFS or Btrfs: folders are exchanged in one step"
		}
		d.Problem("lake", remedy, "%s: %v", dir, err)
	} else {
		d.OK("lake", "%s is writable, and its file system exchanges folders in one step", dir)
	}
}

// probeExchange makes two folders and exchanges them, as publishing does.
func probeExchange(dir string) (err error) {
	probe, err := os.MkdirTemp(dir, ".pixledger-doctor-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(probe)) }()
	a, b := filepath.Join(probe, "a"), filepath.Join(probe, "b")
	if err := errors.Join(os.Mkdir(a, lake.DirMode), os.Mkdir(b, lake.DirMode)); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("exchange folders: %w", err)
	}
	return nil
}

func (d *examination) disks() {
	o := doctor.Disks{
		Lake: doctor.Place{Path: d.cfg.Lake, Use: "lake"}, Temp: doctor.Place{Path: d.cfg.tempDir(), Use: "temp"}, TempSize: d.cfg.Limits.TempSize,
	}
	for _, e := range d.cfg.Exports {
		if folder, ok := e.To.Folder(); ok {
			o.Others = append(o.Others, doctor.Place{Path: folder, Use: "outbox"})
		}
	}
	for _, l := range d.logs {
		o.Others = append(o.Others, doctor.Place{Path: filepath.Dir(l.Path), Use: "logs"})
	}
	if d.state != nil {
		o.PerDay, o.Days = growth(d.state, d.app.now())
	}
	doctor.Disk(&d.Report, o)
}

// dayFolder is the day that a file's folder is of.
var dayFolder = regexp.MustCompile(`(?:date|booked)=([0-9]{4}-[0-9]{2}-[0-9]{2})/`)

// growth is how many bytes a day the lake holds of the last seven full days, or
// of as many as there are.
func growth(state *lake.State, now time.Time) (perDay int64, days int) {
	today := now.UTC().Truncate(24 * time.Hour)
	bytes := map[string]int64{}
	for _, f := range state.Files {
		if m := dayFolder.FindStringSubmatch(f.Path); m != nil {
			bytes[m[1]] += f.Bytes
		}
	}
	total := int64(0)
	for back := 1; back <= 7; back++ {
		if n := bytes[today.AddDate(0, 0, -back).Format(time.DateOnly)]; n > 0 {
			total += n
			days = back
		}
	}
	if days == 0 {
		return 0, 0
	}
	return total / int64(days), days
}

// lastEvent is the time of the newest committed line.
func lastEvent(state *lake.State) time.Time {
	newest := int64(0)
	for _, src := range state.Sources {
		newest = max(newest, src.LastTime)
	}
	if newest == 0 {
		return time.Time{}
	}
	return time.UnixMicro(newest)
}

// reachLimit is how long a destination may take to answer.
const reachLimit = time.Minute

// destinations looks whether what this machine must have for a delivery is
// there: credentials, keys, known hosts. The targets are spoken to where
// somebody asks for it, and nothing is written there.
func (d *examination) destinations(ctx context.Context) {
	var seen []deliver.Target
	type place struct {
		check string
		to    deliver.Target
	}
	var all []place
	for _, e := range d.cfg.Exports {
		all = append(all, place{"export", e.To})
	}
	if d.cfg.Publish != nil {
		all = append(all, place{"publish", d.cfg.Publish.To})
	}
	if d.cfg.Collect != nil {
		all = append(all, place{"collect", d.cfg.Collect.From})
	}
	for _, e := range all {
		if _, folder := e.to.Folder(); folder || slices.Contains(seen, e.to) {
			continue
		}
		seen = append(seen, e.to)
		to, err := deliver.Open(ctx, e.to, deliver.Options{})
		if err == nil {
			if d.ask {
				limited, cancel := context.WithTimeout(ctx, reachLimit)
				err = to.Reach(limited)
				cancel()
			}
			err = errors.Join(err, to.Close())
		}
		if err != nil {
			d.Problem(e.check, "docs/exports-destinations.md says what each kind needs", "%v", err)
			continue
		}
		if d.ask {
			d.OK(e.check, "%s answers, and takes the credentials", e.to)
			continue
		}
		d.OK(e.check, "%s: what this machine needs for it is there; --destinations asks the target too", e.to)
	}
}
