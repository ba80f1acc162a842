package ledger

import (
	"context"
	"database/sql/driver"
	_ "embed" // the SQL files
	"errors"
	"fmt"
	"slices"
	"strings"

	"pixledger/attribute"
	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed sql/asked.sql
var askedSQL string

//go:embed sql/unknown.sql
var unknownSQL string

//go:embed sql/orders.sql
var ordersSQL string

//go:embed sql/unknown_orders.sql
var unknownOrdersSQL string

//go:embed sql/shared_orders.sql
var sharedOrdersSQL string

//go:embed sql/to_void.sql
var toVoidSQL string

//go:embed sql/orders_to_void.sql
var ordersToVoidSQL string

// VoidOptions say what is not payable.
type VoidOptions struct {
	// Attribute has the lake, the catalog, the clock and the limits.
	Attribute attribute.Options
	// Conversions are ids of conversions; or Orders are ids of orders, which
	// mean every conversion that has one of them: of Pixel alone, where it is not 0.
	Conversions []string
	Orders      []string
	Pixel       int64
	Reason, By  string
}

// Voided is what a void has written.
type Voided struct {
	Commit      int64    // 0: nothing was new
	Conversions []string // that are void from now on, in order
}

// UnknownError lists ids that no conversion has.
type UnknownError struct {
	What string // conversion or order
	IDs  []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("nothing was voided: no conversion has these %s ids:\n  %s", e.What, strings.Join(e.IDs, "\n  "))
}

// SharedOrdersError lists orders that conversions of several advertisers have.
type SharedOrdersError struct{ Orders []string }

func (e *SharedOrdersError) Error() string {
	return fmt.Sprintf("nothing was voided: conversions of more than one advertiser have these orders; name the pixel with --pixel ID:\n  %s", strings.Join(e.Orders, "\n  "))
}

// Void says that conversions are not payable, in one commit. Ids that no
// conversion has give an *UnknownError, and nothing is written; those that are
// void already stay as they are.
func Void(ctx context.Context, o VoidOptions) (*Voided, error) {
	for attempt := 1; ; attempt++ {
		state, err := o.Attribute.Lake.State()
		if err != nil {
			return nil, err
		}
		v, err := voidOnce(ctx, o)
		// A void that came first, or a file that was exchanged while it was read.
		again := errors.Is(err, lake.ErrConflict) || err != nil && attempt < 3 && movedOn(o.Attribute.Lake, state)
		if !again || ctx.Err() != nil {
			return v, err
		}
	}
}

func voidOnce(ctx context.Context, o VoidOptions) (_ *Voided, err error) {
	db, err := openDB(ctx, o.Attribute)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ids, err := idsToVoid(ctx, db, o)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return &Voided{}, nil
	}
	l := o.Attribute.Lake
	staging, err := l.Stage()
	if err != nil {
		return nil, err
	}
	defer staging.Close()
	file, err := writeVoids(staging, ids, o)
	if err != nil {
		return nil, err
	}
	record, err := l.Commit(staging, func(now *lake.State) (*lake.Draft, error) {
		if now.Latest[VoidKind].Seq != db.State.Latest[VoidKind].Seq {
			return nil, lake.ErrConflict // it may have voided some of these
		}
		return &lake.Draft{
			Kind: VoidKind, At: o.Attribute.Now, Add: []lake.Staged{file},
			Notes: map[string]string{noteReason: o.Reason, noteBy: o.By, "conversions": fmt.Sprint(len(ids))},
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &Voided{Commit: record.Seq, Conversions: ids}, nil
}

// idsToVoid looks up what is asked for, without what is void already.
func idsToVoid(ctx context.Context, db *lakedb.DB, o VoidOptions) ([]string, error) {
	asked, what := o.Conversions, "conversion"
	if len(o.Orders) > 0 {
		asked, what = o.Orders, "order"
	}
	asked = slices.Compact(slices.Sorted(slices.Values(asked)))
	if err := exec(ctx, db, "list what is to be voided", askedSQL); err != nil {
		return nil, err
	}
	rows := make([][]driver.Value, len(asked))
	for i, id := range asked {
		rows[i] = []driver.Value{id}
	}
	if err := db.AppendTemporary(ctx, "asked_ids", rows); err != nil {
		return nil, fmt.Errorf("list what is to be voided: %w", err)
	}
	unknown, toVoid := unknownSQL, toVoidSQL
	if len(o.Orders) > 0 {
		unknown, toVoid = unknownOrdersSQL, ordersToVoidSQL
		var pixel any
		if o.Pixel != 0 {
			pixel = o.Pixel
		}
		if err := exec(ctx, db, "look up the orders", ordersSQL, pixel); err != nil {
			return nil, err
		}
	}
	missing, err := texts(ctx, db, unknown)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, &UnknownError{What: what, IDs: missing}
	}
	if len(o.Orders) > 0 {
		shared, err := texts(ctx, db, sharedOrdersSQL)
		if err != nil {
			return nil, err
		}
		if len(shared) > 0 {
			return nil, &SharedOrdersError{Orders: shared}
		}
	}
	return texts(ctx, db, toVoid)
}

// texts reads a result of one column of texts.
func texts(ctx context.Context, db *lakedb.DB, query string, values ...any) (_ []string, err error) {
	rows, err := db.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// writeVoids writes a row for each id, in the order of schemas.Voids.
func writeVoids(staging *lake.Staging, ids []string, o VoidOptions) (lake.Staged, error) {
	f, err := newRowFile(staging, schemas.Voids, lake.DateFolder(schemas.Voids, ""), "voids.parquet", "conversion_id")
	if err != nil {
		return lake.Staged{}, err
	}
	defer f.abandon()
	for _, id := range ids {
		f.text(text(id))
		f.text(text(o.Reason))
		f.text(text(o.By))
		f.instant(number(o.Attribute.Now.UnixMicro()))
		if err := f.endRow(); err != nil {
			return lake.Staged{}, err
		}
	}
	return f.finish()
}
