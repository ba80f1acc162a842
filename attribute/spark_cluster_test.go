//go:build testcluster

package attribute_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pixledger/attribute"
	"pixledger/attribute/laketest"
	"pixledger/attribute/reference"
	"pixledger/attribute/sparktest"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// A real cluster decides as the rules say, in every corner of them, and leaves
// the bytes that DuckDB leaves: worlds that come in two parts, so that late
// touches are held against known conversions.
func TestClusterDecidesAsTheRulesSay(t *testing.T) {
	cluster := sparktest.Start(t, 3)
	for seed, settings := range [][]string{
		{"spark.sql.shuffle.partitions=3"},
		// What a large lake makes of it: nothing is small enough for every worker to have.
		{"spark.sql.shuffle.partitions=2", "spark.sql.autoBroadcastJoinThreshold=-1", "spark.sql.adaptive.autoBroadcastJoinThreshold=-1"},
	} {
		spark := &attribute.Spark{Submit: cluster.Submit(settings...)}
		var worlds []reference.Situation
		draw := rapid.Custom(func(rt *rapid.T) reference.Situation {
			cat, events, voids := reference.World(rt)
			return reference.Situation{Catalog: cat, Events: events, Voids: voids}
		})
		for i := range 120 {
			worlds = append(worlds, draw.Example(seed*1000+i))
		}
		world := reference.Join(worlds...).Situation
		// A name with letters that stand for others elsewhere.
		one := newLake(t, t.TempDir()+fmt.Sprintf("/a {b,c} %d", seed), world.Catalog)
		two := newLake(t, t.TempDir(), world.Catalog)
		if seed == 1 {
			overBucket(t, spark, one)
		}
		for part := range 2 {
			events := slices.Clone(world.Events)
			half := events[len(events)*part/2 : len(events)*(part+1)/2]
			voids := world.Voids[len(world.Voids)*part/2 : len(world.Voids)*(part+1)/2]
			for _, l := range []*testLake{one, two} {
				l.Ingest(half, voids)
			}
			o := one.options(2)
			o.Spark = spark
			got, err := attribute.Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			want := two.run(2)
			if got.Conversions != want.Conversions || got.Attributed != want.Attributed || got.Looked != want.Looked {
				t.Errorf("seed %d, part %d: got %+v, want %+v", seed, part, got, want)
			}
			sameAttributions(t, one.Handmade, two.Handmade)
		}
		want := reference.Attribute(world.Catalog, world.Events, world.Voids)
		if diff := reference.Diff(want, one.Attributions()); diff != "" {
			t.Errorf("seed %d: want (-), got (+):\n%s", seed, diff)
		}
		t.Logf("seed %d: %d worlds, %d events, %d conversions", seed, len(worlds), len(world.Events), len(want))
	}
}

// overBucket lets a cluster read a copy of the lake elsewhere, and copies questions
// and answers, as with an object store. What the copy lacks comes with the job.
func overBucket(t *testing.T, s *attribute.Spark, l *testLake) {
	bucket := t.TempDir()
	s.Lake, s.Work, s.WorkURL = "file://"+bucket+"/lake", filepath.Join(t.TempDir(), "work"), "file://"+bucket+"/work"
	t.Setenv("LAKE", l.Path(""))
	t.Setenv("WORK", s.Work)
	t.Setenv("BUCKET", bucket)
	s.Submit = append([]string{"sh", "-ec", `
		mkdir -p "$BUCKET/lake" "$BUCKET/work"
		cp -r "$LAKE/events" "$BUCKET/lake"
		cp -r "$WORK/." "$BUCKET/work"
		"$@"
		cp -r "$BUCKET/work/." "$WORK"`, "submit"}, s.Submit...)
}

// sameAttributions holds the attributions of two lakes against each other, in
// all rows and columns, and the bytes of their files.
func sameAttributions(t *testing.T, one, two *laketest.Handmade) {
	t.Helper()
	if diff := reference.Diff(two.Attributions(), one.Attributions()); diff != "" {
		t.Errorf("DuckDB (-), Spark (+):\n%s", diff)
	}
	a, b := attributionHashes(t, one), attributionHashes(t, two)
	if !slices.Equal(a, b) {
		t.Errorf("files of attributions differ:\n%v\n%v", a, b)
	}
}

// attributionHashes are the days of attributions with the hashes of their files.
func attributionHashes(t *testing.T, l *laketest.Handmade) []string {
	t.Helper()
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for p, f := range state.Files {
		if strings.HasPrefix(p, schemas.Attributions.Name+"/") {
			out = append(out, lake.FolderDate(p)+" "+f.SHA256)
		}
	}
	slices.Sort(out)
	return out
}

// A robot that does not name itself, a million touches and ten thousand
// conversions of one user, is 10^10 pairs of which a join would look at each. It
// is one key, so one task of one worker, which must end within its memory.
func TestClusterTakesARobot(t *testing.T) {
	const settings = `
pixel 1 min_minutes_per_conv=0
line_item 382 pixel=1 post_click_revenue=12.50 post_view_revenue=2.00
tracker 1 impression line_item=382
`
	const touches, conversions = 1_000_000, 10_000
	cluster := sparktest.Start(t, 3)
	l := newLake(t, t.TempDir(), parse(t, settings).Catalog)
	one := []string{"2000000", "1", "hash(n, 4) % 2500", "0", "hash(touch, 4) % 2500 // 5", "0", "hash(n, 15) % 500", "0"}
	day := now.AddDate(0, 0, -2)
	l.synthesize(schemas.Impression, day, 0, touches, touches, one...)
	l.synthesize(schemas.Conversion, day.AddDate(0, 0, 1), 0, conversions, touches, one...)
	o := l.options(2)
	o.Spark = &attribute.Spark{Submit: cluster.Submit("spark.sql.shuffle.partitions=3")}
	stop, began := cluster.Watch(), time.Now()
	got, err := attribute.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range stop() {
		t.Logf("an executor: %s of processor time, %d MB", u.CPU.Round(time.Second/10), u.Memory>>20)
	}
	t.Logf("%d touches and %d conversions of one user in %s", touches, conversions, time.Since(began).Round(time.Second))
	if got.Conversions != conversions || got.PostView < conversions*9/10 {
		t.Errorf("got %+v", got)
	}
	o.Spark, o.Full = nil, true
	if s, err := attribute.Run(context.Background(), o); err != nil || s.Commit != 0 {
		t.Errorf("DuckDB decides otherwise: %+v, %v", s, err)
	}
}
