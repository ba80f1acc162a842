package main

import (
	"database/sql"
	_ "embed" // the statements
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	_ "github.com/duckdb/duckdb-go/v2" // the peer's engine
)

//go:embed read_json.sql
var readJSON string

//go:embed write_events.sql
var writeEvents string

func runPeer(log, out string) error { return duck(readJSON, log, out) }

func duck(statement string, args ...any) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement, args...)
	return err
}

// batch compares reading a log with one DuckDB statement, in turns.
func (b *bench) batch() error {
	log, err := b.log("pixel.log", b.lines)
	if err != nil {
		return err
	}
	fi, err := os.Stat(log)
	if err != nil {
		return err
	}
	var own, peer []figures
	for i := range b.runs {
		name := fmt.Sprintf("lake%d", i)
		f, err := b.ingest(name, log)
		if err != nil {
			return err
		}
		own = append(own, f)
		out := b.path("peer.parquet")
		if f, err = measure(b.self, "-peer", log, "-out", out); err != nil {
			return err
		}
		peer = append(peer, f)
		if err := os.RemoveAll(b.path(name)); err != nil {
			return err
		}
	}
	fmt.Printf("%d lines, %.1f bytes a line\n\n", b.lines, float64(fi.Size())/float64(b.lines))
	fmt.Printf("| medians of %d runs | wall s | CPU s | k lines/s | peak MiB |\n|---|---|---|---|---|\n", b.runs)
	x, y := median(own), median(peer)
	b.row("pixledger ingest, all columns, exactly once", x, b.lines)
	b.row("DuckDB read_json, 12 columns", y, b.lines)
	fmt.Println()
	wall, cpu := y.wall.Seconds()/x.wall.Seconds(), y.cpu.Seconds()/x.cpu.Seconds()
	goal(wall >= 2, fmt.Sprintf("batch ingest is %.2fx as fast as the statement, and takes %.2fx less processor time", wall, cpu), "at least 2.0x")
	goal(x.peak <= 256<<20, fmt.Sprintf("its peak is %d MiB", x.peak>>20), "at most 256 MiB")
	return nil
}

func (b *bench) row(name string, f figures, lines int64) {
	fmt.Printf("| %s | %.2f | %.2f | %.0f | %d |\n", name, f.wall.Seconds(), f.cpu.Seconds(), float64(lines)/f.wall.Seconds()/1000, f.peak>>20)
}

// size compares what ingest writes with DuckDB's Parquet of the same rows, the
// same columns and types.
func (b *bench) size() error {
	log, err := b.log("pixel.log", b.lines)
	if err != nil {
		return err
	}
	if _, err := b.ingest("lake", log); err != nil {
		return err
	}
	var own int64
	err = filepath.WalkDir(b.path("lake/events"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			own += fi.Size()
		}
		return err
	})
	if err != nil {
		return err
	}
	out := b.path("peer.parquet")
	if err := duck(writeEvents, b.path("lake/events/**/*.parquet"), out); err != nil {
		return err
	}
	fi, err := os.Stat(out)
	if err != nil {
		return err
	}
	ratio := float64(own) / float64(fi.Size())
	fmt.Printf("events of %d lines: %.1f MB, DuckDB's ZSTD Parquet of the same columns: %.1f MB\n", b.lines, float64(own)/1e6, float64(fi.Size())/1e6)
	goal(ratio <= 0.9, fmt.Sprintf("size is %.2fx", ratio), "at most 0.9x")
	return nil
}

// growth compares a log with one of ten times the lines and ten times the users.
func (b *bench) growth() error {
	few := b.lines / 4
	var f [2]figures
	for i, lines := range []int64{few, 10 * few} {
		log, err := b.log("pixel.log", lines, "--users", fmt.Sprint(lines/25))
		if err != nil {
			return err
		}
		if f[i], err = b.ingest(fmt.Sprintf("lake%d", i), log); err != nil {
			return err
		}
		b.row(fmt.Sprintf("%d lines, %d users", lines, lines/25), f[i], lines)
		if err := os.Remove(log); err != nil {
			return err
		}
	}
	fmt.Println()
	wall, cpu := f[1].wall.Seconds()/f[0].wall.Seconds(), f[1].cpu.Seconds()/f[0].cpu.Seconds()
	goal(wall <= 11.5, fmt.Sprintf("ten times the lines take %.1fx the time, %.1fx the processor time", wall, cpu), "at most 11.5x")
	memory := float64(f[1].peak) / float64(f[0].peak)
	goal(memory <= 1.15, fmt.Sprintf("and %.2fx the memory", memory), "the same, within 15 %")
	return nil
}
