package main

import (
	"fmt"
	"os"

	"pixledger/ingest/parse"
	"pixledger/ingest/synth"
)

// oddFormat is a log_format as one might have it for years.
const oddFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $host $request_id $request_time $uid_got $uid_set`

// formats compares the formats: the same traffic, as each has it.
func (b *bench) formats() error {
	fmt.Printf("| medians of %d runs, %d lines | bytes a line | wall s | CPU s | k lines/s | of pixledger's |\n|---|---|---|---|---|---|\n", b.runs, b.lines)
	var first figures
	slowest := 1.0
	for _, format := range append(parse.Names(), oddFormat) {
		f, size, err := b.format(format)
		if err != nil {
			return err
		}
		if first.wall == 0 {
			first = f
		}
		share := first.wall.Seconds() / f.wall.Seconds()
		slowest = min(slowest, share)
		name := format
		if parse.IsLiteral(format) {
			name = "a log_format of 13 variables"
		}
		fmt.Printf("| %s | %.0f | %.2f | %.2f | %.0f | %.2fx |\n", name, float64(size)/float64(b.lines), f.wall.Seconds(), f.cpu.Seconds(), float64(b.lines)/f.wall.Seconds()/1000, share)
	}
	fmt.Println()
	goal(slowest >= 0.5, fmt.Sprintf("the slowest format has %.2fx of pixledger's lines a second", slowest), "at least 0.50x")
	return nil
}

// format reads a log of one format, each time into a new lake.
func (b *bench) format(format string) (figures, int64, error) {
	log, err := b.log("formats.log", b.lines, "--format", format)
	if err != nil {
		return figures{}, 0, err
	}
	fi, err := os.Stat(log)
	if err != nil {
		return figures{}, 0, err
	}
	k, err := parse.Spec{Format: format}.Kind()
	if err != nil {
		return figures{}, 0, err
	}
	user := ""
	switch {
	case k.Lacks&parse.PartUser != 0:
		user = fmt.Sprintf(", user_id: {param: %s}", synth.UserParam)
	case k.Lacks&parse.PartFirstUser != 0:
		user = fmt.Sprintf(", user_id: {cookie: %s}", synth.UserParam)
	}
	conf := b.path("formats.yaml")
	content := fmt.Sprintf("lake: ./formats\ncatalog: ./catalog.yaml\nsources:\n  - {name: edge, path: %q, format: %q%s}\n", log, format, user)
	if err := os.WriteFile(conf, []byte(content), 0o600); err != nil {
		return figures{}, 0, err
	}
	var all []figures
	for range b.runs {
		f, err := measure(b.program, "ingest", "-c", conf)
		if err != nil {
			return f, 0, err
		}
		all = append(all, f)
		if err := os.RemoveAll(b.path("formats")); err != nil {
			return f, 0, err
		}
	}
	return median(all), fi.Size(), os.Remove(log)
}
