//go:build testcluster

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixledger/attribute/sparktest"
)

// clusterLines are the lines of the larger log; nine in ten of them are events.
var clusterLines = flag.Int("cluster-lines", 23_000_000, "lines of the larger log of the tests of a cluster")

// A lake of 20 million events, attributed by a cluster, is what DuckDB makes of
// it, in every row and column; a worker that is killed meanwhile with its executor
// changes nothing. A tenth of the lake beside it: what ten times the data takes.
func TestClusterAttributesWhatOneMachineDoes(t *testing.T) {
	const workers = 3
	cluster := sparktest.Start(t, workers)
	submit := cluster.Submit("spark.sql.shuffle.partitions=12")
	var took [2]measured
	for i, lines := range []int{*clusterLines / 10, *clusterLines} {
		p := generatedLake(t, lines, submit)
		took[i] = measure(cluster, func() { t.Log(p.run("attribute", "--engine", "spark")) })
		t.Logf("%d lines on Spark: %s", lines, took[i])
		began := time.Now()
		// It decides all afresh and holds what stands there against it, row by row.
		if said := p.run("rebuild", "--engine", "duckdb"); !strings.HasPrefix(said, "no difference") {
			t.Errorf("DuckDB says otherwise:\n%s", said)
		}
		t.Logf("%d lines on DuckDB: %s", lines, time.Since(began).Round(100*time.Millisecond))
		if i == 0 {
			continue
		}
		before := attributionsIn(t, p)
		killed := make(chan string)
		go func() { killed <- killMidway(cluster, p) }()
		p.run("rebuild", "--apply", "--engine", "spark")
		if said := <-killed; said != "" {
			t.Errorf("no worker was killed midway: %s", said)
		}
		if after := attributionsIn(t, p); !slices.Equal(before, after) {
			t.Error("a worker that was killed has changed the attributions")
		}
	}
	// Each worker holds no more of ten times the data than its executor may.
	for _, u := range took[1].executors {
		if u.Memory > 1<<30 {
			t.Errorf("an executor held %d MB; allowed: 1 GB", u.Memory>>20)
		}
	}
	if len(took[1].executors) < workers {
		t.Errorf("%d of %d workers took part", len(took[1].executors), workers)
	}
}

// generatedLake is a folder with a lake of a month of a generated network.
func generatedLake(t *testing.T, lines int, submit []string) program {
	t.Helper()
	p := program{t, t.TempDir()}
	p.run("gen", "--lines", strconv.Itoa(lines), "--days", "30", "-o", "pixel.log", "--init-catalog", "catalog.yaml")
	command, err := json.Marshal(submit)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "pixledger.yaml"), fmt.Sprintf(
		"lake: ./lake\ncatalog: ./catalog.yaml\nsources: [{name: edge-1, path: ./pixel.log}]\nspark: {submit: %s}\n", command))
	t.Log(p.run("ingest"))
	if err := os.Remove(filepath.Join(p.dir, "pixel.log")); err != nil {
		t.Fatal(err)
	}
	return p
}

// measured is what a run has taken of the workers.
type measured struct {
	wall      time.Duration
	executors []sparktest.Usage
}

func measure(c *sparktest.Cluster, run func()) measured {
	stop := c.Watch()
	began := time.Now()
	run()
	return measured{time.Since(began), stop()}
}

func (m measured) String() string {
	var b strings.Builder
	cpu := time.Duration(0)
	for _, u := range m.executors {
		cpu += u.CPU
		fmt.Fprintf(&b, "; an executor: %s of processor time, %d MB", u.CPU.Round(100*time.Millisecond), u.Memory>>20)
	}
	return fmt.Sprintf("%s, %s of processor time in executors%s", m.wall.Round(100*time.Millisecond), cpu.Round(100*time.Millisecond), b.String())
}

// killMidway ends a worker and its executor while touches are matched: once the
// first rows of the candidates are being written. It gives what went wrong.
func killMidway(c *sparktest.Cluster, p program) string {
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		begun, _ := filepath.Glob(filepath.Join(p.dir, "lake/_state/staging/*/scratch/pixledger-*/candidates/_temporary/0/_temporary/*/*.parquet"))
		if len(begun) == 0 {
			continue
		}
		for _, w := range c.Workers {
			if len(w.Executors()) > 0 {
				w.Kill()
				return ""
			}
		}
	}
	return "no candidates were written"
}

// attributionsIn are all attributions, and the content of their files.
func attributionsIn(t *testing.T, p program) []string {
	t.Helper()
	rows := p.run("query", "--format", "csv", "SELECT * FROM attributions ORDER BY ALL")
	return strings.Split(rows, "\n")
}
