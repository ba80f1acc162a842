package report

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed" // the statements
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"

	"github.com/duckdb/duckdb-go/v2"

	"pixledger/report/removal"
	"pixledger/schemas"
	"pixledger/schemas/lakedb"
)

//go:embed paths.sql
var pathsSQL string

// mostLookbackDays bounds how far back paths are looked for.
const mostLookbackDays = 400

// leastHalfLife is the shortest half-life, in millionths of a day.
const leastHalfLife = 1000

// takePaths judges the parameters of a report of paths.
func (pl *plan) takePaths() error {
	if !pl.needs(needPaths) {
		return nil
	}
	if v := pl.values["lookback_days"]; v != "" {
		if n, err := strconv.ParseInt(v, 10, 64); err != nil || n < 1 || n > mostLookbackDays {
			return usage(fmt.Sprintf("1 to %d", mostLookbackDays), "--lookback-days: %s", v)
		}
	}
	if v := pl.values["half_life_days"]; v != "" {
		if m, ok := schemas.ParseMoney(v); !ok || m < leastHalfLife || m > mostLookbackDays*1_000_000 {
			return usage(fmt.Sprintf("0.001 to %d", mostLookbackDays), "--half-life-days: %s", v)
		}
	}
	return nil
}

// loadEffects fills model_effects from the steps between channels: each
// advertiser's channels are a chain of their own, for no conversion is earned by a
// touch of another advertiser.
func loadEffects(ctx context.Context, db *lakedb.DB) error {
	chains, err := readChains(ctx, db)
	if err != nil {
		return fmt.Errorf("count steps: %w", err)
	}
	var rows [][]driver.Value
	for _, c := range chains {
		effects, err := removal.Effects(len(c.channels), c.steps)
		if err != nil {
			return fmt.Errorf("removal effects of advertiser %d: %w", c.advertiserID, err)
		}
		for i, e := range effects {
			effect := duckdb.Decimal{Width: schemas.MoneyPrecision, Scale: schemas.MoneyScale, Value: big.NewInt(int64(math.Round(e * 1e6)))}
			rows = append(rows, []driver.Value{c.channels[i], effect, int64(math.Round(e * 1e12))})
		}
	}
	return db.AppendTemporary(ctx, "model_effects", rows)
}

// chain is the steps between one advertiser's channels.
type chain struct {
	advertiserID int64
	channels     []int64 // by their number in the chain, minus one
	steps        []removal.Step
	converts     bool
}

// readChains reads the chains of the advertisers that have conversions. Of the
// channels those alone are in one that some path comes to.
func readChains(ctx context.Context, db *lakedb.DB) (chains []*chain, err error) {
	rows, err := db.QueryContext(ctx, "SELECT advertiser_id, from_state, to_state, times FROM model_steps ORDER BY ALL NULLS FIRST")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var at *chain
	var owner sql.NullInt64
	numbers := map[int64]int{}
	number := func(state int64) int {
		if state <= removal.Start {
			return int(state)
		}
		n, known := numbers[state]
		if !known {
			at.channels = append(at.channels, state)
			n = len(at.channels)
			numbers[state] = n
		}
		return n
	}
	for rows.Next() {
		var advertiser sql.NullInt64
		var from, to, times int64
		if err := rows.Scan(&advertiser, &from, &to, &times); err != nil {
			return nil, err
		}
		if at == nil || advertiser != owner {
			at, owner = &chain{advertiserID: advertiser.Int64}, advertiser
			chains = append(chains, at)
			clear(numbers)
		}
		at.steps = append(at.steps, removal.Step{From: number(from), To: number(to), Times: times})
		at.converts = at.converts || to == removal.Conversion
	}
	return slices.DeleteFunc(chains, func(c *chain) bool { return !c.converts }), rows.Err()
}
