package forget

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"pixledger/schemas/disk"
	"pixledger/schemas/lakedb/forget/forgettest"
)

// decided is all that decides, in a row's order, with texts that may change left
// out.
const decided = `SELECT md5(string_agg(CAST(r AS VARCHAR), chr(10) ORDER BY r.event_id)) FROM (
	SELECT * EXCLUDE (user_id, token, order_id, value_text, other, sspdata, referer, user_agent, ip, params, filename)
	FROM read_parquet($1, filename = true, hive_partitioning = true)) AS r`

const booked = `SELECT md5(string_agg(CAST(r AS VARCHAR), chr(10) ORDER BY r.conversion_id)) FROM (
	SELECT * EXCLUDE (user_id, order_id, other, filename) FROM read_parquet($1, filename = true, hive_partitioning = true)) AS r`

func TestForgetLeavesNoTrace(t *testing.T) {
	for _, id := range []string{longID, "anna-77", "anna+b@shop.example"} {
		t.Run(id, func(t *testing.T) {
			w := newWorld(t, id)
			if found, err := forgettest.Traces(w.root, id); err != nil || len(found) != 6 {
				t.Fatalf("before there are traces in %d files: %v; want 6", len(found), err)
			}
			before := []string{w.one(decided, "events/*/*/*.parquet"), w.one(booked, "attributions/*/*.parquet")}
			sum := w.forget(id)
			w.noTrace(id)
			w.noTrace("198.51.100.7") // of a line that could not be read
			after := []string{w.one(decided, "events/*/*/*.parquet"), w.one(booked, "attributions/*/*.parquet")}
			if !slices.Equal(before, after) {
				t.Error("what decides has changed")
			}
			if sum.Events != 18 || sum.Attributions != 12 || sum.Rejects != 6 || len(sum.Unknown) != 0 || len(sum.Commits) != 1 {
				t.Errorf("%+v", sum)
			}
			if sum.Mentions != 3*2*8+2*2*2 {
				t.Errorf("%d rows of others were changed", sum.Mentions)
			}
			pseudonym := w.one("SELECT DISTINCT user_id FROM read_parquet($1) WHERE user_id LIKE 'forgotten-%'", "*/*=*/*/*.parquet")
			if !regexp.MustCompile(`^forgotten-[A-Z2-7]{26}$`).MatchString(pseudonym) {
				t.Errorf("the pseudonym is %q", pseudonym)
			}
			if n := w.one("SELECT count(*) FROM read_parquet($1) WHERE user_id LIKE 'forgotten-%' AND (ip, user_agent, referer, other, params) IS DISTINCT FROM (NULL, NULL, NULL, NULL, NULL)", "events/*/*/*.parquet"); n != "0" {
				t.Errorf("%s of the user's rows still tell of them", n)
			}
			if n := w.one("SELECT count(*) FROM read_parquet($1) WHERE user_id IS DISTINCT FROM NULL AND ip IS NULL", "events/*/*/*.parquet"); n != "18" {
				t.Errorf("%s rows lost their address", n)
			}
			// A touch that was tied to a conversion by a token that holds the id still is.
			if n := w.one("SELECT count(*) FROM read_parquet($1) AS a SEMI JOIN read_parquet($1) AS b ON a.token = b.sspdata", "events/*/*/*.parquet"); n != "6" {
				t.Errorf("%s touches are tied by a token, want 6", n)
			}
			if n := w.one("SELECT count(*) FROM read_parquet($1) WHERE concat_ws(' ', token, order_id, value_text, other, sspdata, referer, user_agent, params['uid']) LIKE '%"+pseudonym+"%'", "events/*/*/*.parquet"); n != "48" {
				t.Errorf("%s rows of others name the pseudonym, want 48", n)
			}
			if again := w.forget(id); len(again.Commits) != 0 || !slices.Equal(again.Unknown, []string{id}) {
				t.Errorf("again: %+v", again)
			}
		})
	}
}

// An id that is short, or part of another's, is replaced where it stands by
// itself and nowhere else.
func TestForgetLeavesOthersAlone(t *testing.T) {
	w := newWorld(t, longID)
	w.ingest(disk.Real, w.root, "u1", clicks)
	w.ingest(disk.Real, w.root, "u12", clicks)
	w.forget("u1")
	if n := w.one("SELECT count(*) FROM read_parquet($1) WHERE user_id = 'u12' AND ip IS NOT NULL", clicks+"/*.parquet"); n != "6" {
		t.Errorf("%s rows of u12 are as they were, want 6", n)
	}
	if n := w.one("SELECT count(*) FROM read_parquet($1) WHERE token = 'tok-u12' OR referer LIKE '%u12&x=1'", clicks+"/*.parquet"); n != "4" {
		t.Errorf("%s texts with u12 are as they were, want 4", n)
	}
	if n := w.one("SELECT count(*) FROM read_parquet($1) WHERE user_id = 'u1' OR token = 'tok-u1' OR referer LIKE '%u1&x=1'", clicks+"/*.parquet"); n != "0" {
		t.Errorf("%s rows with u1 are left", n)
	}
}

// An id that is a number of a few digits is no part of others' orders and amounts.
func TestForgetANumber(t *testing.T) {
	w := newWorld(t, longID)
	w.ingest(disk.Real, w.root, "12", clicks, "rejects/date="+testDay) // there is an order A-12, and an amount 12.5
	sum := w.forget("12")
	if sum.Events != 6 || sum.Rejects != 8 || sum.Mentions != 0 { // two say "no line 12"
		t.Errorf("%+v", sum)
	}
	if n := w.one("SELECT count(*) FROM read_parquet($1) WHERE order_id = 'A-12' AND value_text = '12.5'", clicks+"/*.parquet"); n != "2" {
		t.Errorf("%s orders are as they were, want 2", n)
	}
	w.ingest(disk.Real, w.root, "10071", clicks)
	if sum := w.forget("10071"); sum.Events != 6 || sum.Mentions != 8 { // other, referer, user_agent, params
		t.Errorf("%+v", sum)
	}
	if n := w.one("SELECT count(*) FROM read_parquet($1) WHERE token = 'tok-10071'", clicks+"/*.parquet"); n != "2" {
		t.Errorf("%s tokens are as they were, want 2", n)
	}
}

// What is committed while the files are rewritten is rewritten too.
func TestForgetWhatComesMeanwhile(t *testing.T) {
	w := newWorld(t, longID)
	o := w.options(longID, "nobody")
	once := false
	o.Progress = func(step string, _, _ int64) {
		if step == "rewriting" && !once {
			once = true
			w.ingest(disk.Real, w.root, longID, testFolders[:4]...)
		}
	}
	sum, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	w.noTrace(longID)
	if len(sum.Commits) != 2 || sum.Events != 36 || !slices.Equal(sum.Unknown, []string{"nobody"}) {
		t.Errorf("%+v", sum)
	}
	if n := w.one("SELECT count(DISTINCT user_id) FROM read_parquet($1) WHERE user_id LIKE 'forgotten-%'", "*/*=*/*/*.parquet"); n != "1" {
		t.Errorf("there are %s pseudonyms", n)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	w := newWorld(t, longID)
	o := w.options(longID)
	o.DryRun = true
	sum, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	state, err := w.lake.State()
	if err != nil || state.Seq != 1 || sum.Events != 18 || len(sum.Commits) != 0 {
		t.Errorf("%+v, commit %d; %v", sum, state.Seq, err)
	}
	if pending, err := Pending(w.lake); err != nil || len(pending) != 0 {
		t.Errorf("pending: %v; %v", pending, err)
	}
}

// Locks are held to the end, and who waits in vain is told by whom.
func TestForgetTakesTheLocks(t *testing.T) {
	w := newWorld(t, longID)
	o := w.options(longID)
	o.Locks, o.Holder = []string{"jobs", "warehouse"}, "pixledger forget"
	o.Clean = func(context.Context, Erased) error {
		if _, err := w.lake.Lock(context.Background(), "warehouse", "x", 0); err == nil {
			t.Error("the lock is free")
		}
		return nil
	}
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	unlock, err := w.lake.Lock(context.Background(), "warehouse", "x", time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := Run(context.Background(), o); err == nil {
		t.Error("it did not wait for the lock")
	}
	if _, err := w.lake.Disk().Stat(filepath.Join(w.root, pendingFile)); err == nil {
		t.Error("what waits in vain has begun")
	}
}
