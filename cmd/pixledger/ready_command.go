package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

// readyName is the command by which the daemon has a process that waits for the
// command that it will be: see readyProcesses.
const readyName = "ready"

// readyLake is a lake that was opened before it was known what for.
type readyLake struct {
	lake   *lake.Lake
	db     *lakedb.DB // nil once it was taken
	digest string     // of the catalog that it was opened with
}

// take gives the database once, at the lake's newest state; nil where it was
// given, or was opened with another catalog.
func (r *readyLake) take(ctx context.Context, cat *schemas.Catalog, now time.Time) (*lakedb.DB, error) {
	db := r.db
	r.db = nil
	if db == nil {
		return nil, nil
	}
	if cat.Digest != r.digest {
		return nil, db.Close()
	}
	if err := db.Refresh(ctx, now); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// close closes the database where no command has taken it.
func (r *readyLake) close() error {
	if r == nil || r.db == nil {
		return nil
	}
	return r.db.Close()
}

// readyCommand opens the lake, waits for the arguments of a command on its
// standard input, one JSON array of texts in a line, and is that command.
func (a *app) readyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     readyName,
		Hidden:  true,
		Short:   "Wait for a command of the daemon's console",
		Long:    "Opens the lake, waits for the arguments of a command on standard input, and runs it.\nThe daemon starts it, so that its console need not wait.",
		Example: "  pixledger run",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.jobPipe == 0 {
				return usagef("%s is for the daemon alone", readyName)
			}
			return a.beReady(c.Context(), os.Stdin)
		},
	}
}

func (a *app) beReady(ctx context.Context, in io.Reader) error {
	ready, _ := a.openReady(ctx) // what is wrong the command will meet too, and say
	line, err := bufio.NewReader(in).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("wait for a command: %w", errors.Join(err, ready.close()))
	}
	var args []string
	if err := json.Unmarshal(line, &args); err != nil {
		return usagef("%s: %q are no arguments: %w", readyName, line, err)
	}
	inner := &app{stdout: a.stdout, stderr: a.stderr, given: a.given, mostMemory: a.mostMemory, ready: ready}
	code := inner.run(ctx, args)
	err = ready.close()
	if code != exitOK {
		return exitError(code)
	}
	return err
}

// openReady opens what most commands that answer need.
func (a *app) openReady(ctx context.Context) (*readyLake, error) {
	s, _, err := a.setupInForce()
	if err != nil {
		return nil, err
	}
	l, err := s.openLake()
	if err != nil {
		return nil, err
	}
	db, err := lakedb.Open(ctx, l, s.catalog, a.dbOptions(s))
	if err != nil {
		return nil, err
	}
	return &readyLake{lake: l, db: db, digest: s.catalog.Digest}, nil
}
