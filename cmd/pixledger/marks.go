package main

import (
	"context"
	"time"

	"pixledger/schemas/lake"
)

// awaitMarks waits until the lines that the sources hold now are committed.
func (a *app) awaitMarks(ctx context.Context, s *setup, l *lake.Lake) error { return nil }

// gapsInTheWay lists the gaps that nobody answers for and that touch a time.
func (a *app) gapsInTheWay(s *setup, state *lake.State, from, until time.Time) []lake.Gap { return nil }
