package report

import (
	"context"
	_ "embed" // the statement
	"encoding/json"
	"fmt"
	"io"

	"pixledger/schemas/lakedb"
)

//go:embed segment_members.sql
var segmentMembersSQL string

// SegmentMembers writes who is in segments, a row each: segment_id, user_id,
// added_at, expires_at (null: never) and value, sorted by the first two. User ids
// are as they were logged in every format: programs match them. It writes as it
// reads: WithLake holds a result back until it is whole.
func SegmentMembers(ctx context.Context, db *lakedb.DB, segments []int64, w io.Writer, f Format) error {
	ids, err := json.Marshal(segments)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // hands the connection back; it has no error to tell
	if _, err := conn.ExecContext(ctx, "SET VARIABLE segment_ids = CAST(CAST($1 AS JSON) AS BIGINT[])", string(ids)); err != nil {
		return fmt.Errorf("members of segments: %w", err)
	}
	out, err := NewWriter(w, f, Sheet{Title: "segment members"})
	if err != nil {
		return err
	}
	if err := stream(ctx, conn, segmentMembersSQL, &plain{out: out}); err != nil {
		return fmt.Errorf("members of segments: %w", err)
	}
	return out.Close()
}
