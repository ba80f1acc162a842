package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pixledger/attribute"
	"pixledger/report/publish"
	"pixledger/report/warehouse"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
	"pixledger/schemas/lakedb/compact"
	"pixledger/schemas/lakedb/forget"
)

func (a *app) forgetCommand() *cobra.Command {
	var file string
	var dry, resume bool
	c := &cobra.Command{
		Use:   "forget [USER_ID…]",
		Short: "Erase users: their ids become pseudonyms, what tells of them goes",
		Long: `Puts one random pseudonym in the place of a user id wherever it stands, and
erases ip, user_agent, referer, other and params of the rows that were under it:
in events, attributions, the raw text of rejects, and the warehouse. Decisions and
money stay. An id is given as it stands in user_id; --file names a file with one a
line. Nothing that is kept tells afterwards whose a pseudonym was, and later
events under the id are a new user's.

When it is killed or fails, run it again: it ends with the same pseudonym. Of an id
that nobody has nothing changes, and it is said. Logs, backups, and what was
loaded into PostgreSQL before are out of its reach: see docs/privacy.md. On an edge
that publishes, the next ` + "`pixledger publish`" + ` erases in the shared lake too; the
lakes of other machines have their own forget.`,
		Example: "  pixledger forget 0B0C5F2C11D09BE7418A0C27D5A1E0F3\n  pixledger forget --file requests.txt --dry-run\n  pixledger forget --resume",
		RunE: func(c *cobra.Command, ids []string) error {
			switch {
			case resume && (len(ids) > 0 || file != "" || dry):
				return usagef("forget: --resume excludes ids, --file and --dry-run; allowed: --resume alone, or ids, which finish what was cut short too")
			case !resume && len(ids) > 0 && file != "":
				return usagef("forget: ids and --file exclude each other; allowed: one of them")
			case !resume && len(ids) == 0 && file == "":
				return usagef("forget: nobody to forget was given; allowed: ids of users, --file FILE, or --resume")
			}
			if file != "" {
				var err error
				if ids, err = readUserIDs(file); err != nil {
					return err
				}
			}
			for i, id := range ids {
				ids[i] = asInTheLake(id)
			}
			slices.Sort(ids)
			ids = slices.Compact(ids)
			cfg, err := a.config()
			if err != nil {
				return err
			}
			l, err := lake.Open(cfg.Lake)
			if err != nil {
				return err
			}
			return a.forget(c.Context(), cfg, l, ids, dry)
		},
	}
	c.Flags().StringVar(&file, "file", "", "a file with one user id a line")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be erased, and change nothing")
	c.Flags().BoolVar(&resume, "resume", false, "finish what was cut short, and nothing else")
	return c
}

// forget erases the users, and finishes what was begun before.
func (a *app) forget(ctx context.Context, cfg *Config, l *lake.Lake, ids []string, dry bool) error {
	debug.FreeOSMemory() // what the records took is DuckDB's now
	bar := a.newProgress("forget:", byteProgress)
	rewrote := false
	o := forget.Options{
		Lake: l, Now: a.now(), UserIDs: ids, DryRun: dry,
		Session: lakedb.Options{
			Memory: byteSize(cfg.Limits.Memory), Threads: cfg.Limits.Threads,
			TempDir: cfg.tempDir(), TempSize: byteSize(cfg.Limits.TempSize), Now: a.now(),
		},
		// Who holds one of these writes what was read before, or keeps old files.
		Locks: []string{attribute.JobLock, compact.Lock, warehouseLock},
		Wait:  a.wait, Holder: "pixledger forget",
		Progress: bar.set,
		Clean: func(ctx context.Context, e forget.Erased) error {
			if err := renameInCache(ctx, l, e); err != nil {
				return err
			}
			there, err := l.Disk().Exists(l.Path(warehouse.FileName))
			if err != nil || !there {
				return err
			}
			rewrote = true
			s, err := a.setupToRead("")
			if err != nil {
				return err
			}
			return a.writeWarehouse(ctx, s, l, nil, io.Discard)
		},
	}
	sum, err := forget.Run(ctx, o)
	bar.done()
	if err != nil {
		if pending, perr := forget.Pending(l); perr == nil && len(pending) > 0 {
			return fmt.Errorf("%w\nthe erasure is not finished: run `pixledger forget --resume`", err)
		}
		return err
	}
	printForgotten(a.stdout, &sum, dry, rewrote)
	return a.printElsewhere(cfg, l, dry)
}

// printElsewhere says where else the users' ids stand: in the shared lake, and in the
// lakes of other machines.
func (a *app) printElsewhere(cfg *Config, l *lake.Lake, dry bool) error {
	if cfg.Publish != nil {
		state, err := l.State()
		if err != nil {
			return err
		}
		s, err := publish.Look(state, a.publishOptions(cfg, l, state))
		if err != nil {
			return err
		}
		if s.Parts > 0 && (s.Erasing || dry) {
			fmt.Fprintf(a.stdout, "in the shared lake %s it still stands: the next `pixledger publish` erases it there\n", cfg.Publish.To)
		}
		fmt.Fprintln(a.stdout, "the centre and the other edges hold lakes of their own: run it on each of them")
	}
	if cfg.Collect != nil {
		fmt.Fprintf(a.stdout, "the edges hold lakes of their own, and the shared lake %s what they have published: run it on each edge, which erases it there too\n", cfg.Collect.From)
	}
	return nil
}

// renameInCache brings what the last attribution left to what the events say.
func renameInCache(ctx context.Context, l *lake.Lake, e forget.Erased) error {
	switch {
	case len(e.Before) == 0 && !e.Resumed:
		return nil // nothing was found
	case e.Prepare == nil:
		return attribute.DropCache(l)
	}
	return attribute.RenameInCache(ctx, l, attribute.Renaming{Session: e.Session, Before: e.Before, Prepare: e.Prepare})
}

func printForgotten(w io.Writer, s *forget.Summary, dry, warehouse bool) {
	if s.Resumed > 0 {
		fmt.Fprintf(w, "finished for %s whose erasure was cut short\n", count(s.Resumed, "user"))
	}
	for _, id := range s.Unknown {
		fmt.Fprintf(w, "no row is under the id %s\n", id)
	}
	if s.Users+s.Resumed == 0 {
		fmt.Fprintln(w, "nothing to finish")
		return
	}
	verb := "erased"
	if dry {
		verb = "to erase"
	}
	fmt.Fprintf(w, "%s: %s, %s, %s", verb, count(int(s.Events), "event"), count(int(s.Attributions), "attribution"), count(int(s.Rejects), "reject"))
	if s.Mentions > 0 {
		fmt.Fprintf(w, "; %s of others that name them", count(int(s.Mentions), "row"))
	}
	fmt.Fprintln(w)
	if s.Files > 0 && dry {
		fmt.Fprintf(w, "to rewrite: %s, %s\n", count(s.Files, "file"), count(int(s.Bytes), "byte"))
	} else if s.Files > 0 {
		fmt.Fprintf(w, "rewritten: %s\n", count(s.Files, "file"))
	}
	if warehouse {
		fmt.Fprintln(w, "the warehouse was written anew")
	}
}

// readUserIDs reads a file with one user id a line.
func readUserIDs(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var ids []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if id := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")); id != "" {
			ids = append(ids, id)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d:1: %w; allowed: a user id of up to 1 MiB a line", file, len(ids)+1, err)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s:1:1: names nobody; allowed: a user id a line", file)
	}
	return ids, nil
}

// loggedUID is nginx's userid as its variables have it, with the cookie's name.
var loggedUID = regexp.MustCompile(`^uid=([0-9A-F]+)$`)

// asInTheLake gives an id as it stands in user_id: nginx logs it behind the
// cookie's name.
func asInTheLake(id string) string {
	if m := loggedUID.FindStringSubmatch(id); m != nil {
		return m[1]
	}
	return id
}
