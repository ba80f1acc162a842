package main

import (
	"fmt"
	"os"

	"pixledger/ingest/parse"
	"pixledger/ingest/synth"
)

// oddFormat is a log_format as one might have it for years.
const oddFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $host $request_id $request_time $uid_got $uid_set`

// formatLog is one traffic, as a format has it.
type formatLog struct {
	name, conf string
	bytes      int64
	runs       []figures
}

// formats compares the formats in turns, each time with a new lake.
func (b *bench) formats() error {
	lines := b.lines / 4
	var logs []*formatLog
	for i, format := range append(parse.Names(), oddFormat) {
		l, err := b.formatLog(fmt.Sprint("format", i), format, lines)
		if err != nil {
			return err
		}
		logs = append(logs, l)
	}
	for range b.runs {
		for _, l := range logs {
			f, err := measure(b.program, "ingest", "-c", l.conf)
			if err != nil {
				return err
			}
			l.runs = append(l.runs, f)
			if err := os.RemoveAll(b.path("formats")); err != nil {
				return err
			}
		}
	}
	fmt.Printf("| medians of %d runs, %d lines | bytes a line | wall s | CPU s | k lines/s | of pixledger's | in CPU |\n|---|---|---|---|---|---|---|\n", b.runs, lines)
	first, slowest := median(logs[0].runs), 1.0
	for _, l := range logs {
		f := median(l.runs)
		share := first.wall.Seconds() / f.wall.Seconds()
		slowest = min(slowest, share)
		fmt.Printf("| %s | %.0f | %.2f | %.2f | %.0f | %.2fx | %.2fx |\n", l.name, float64(l.bytes)/float64(lines), f.wall.Seconds(), f.cpu.Seconds(),
			float64(lines)/f.wall.Seconds()/1000, share, first.cpu.Seconds()/f.cpu.Seconds())
	}
	fmt.Println()
	goal(slowest >= 0.5, fmt.Sprintf("the slowest format has %.2fx of pixledger's lines a second", slowest), "at least 0.50x")
	return nil
}

// formatLog writes the log of one format and the configuration that reads it.
func (b *bench) formatLog(name, format string, lines int64) (*formatLog, error) {
	log, err := b.log(name+".log", lines, "--format", format)
	if err != nil {
		return nil, err
	}
	fi, err := os.Stat(log)
	if err != nil {
		return nil, err
	}
	k, err := parse.Spec{Format: format}.Kind()
	if err != nil {
		return nil, err
	}
	user := ""
	switch {
	case k.Lacks&parse.PartUser != 0:
		user = fmt.Sprintf(", user_id: {param: %s}", synth.UserParam)
	case k.Lacks&parse.PartFirstUser != 0:
		user = fmt.Sprintf(", user_id: {cookie: %s}", synth.UserParam)
	}
	l := &formatLog{name: format, conf: b.path(name + ".yaml"), bytes: fi.Size()}
	if parse.IsLiteral(format) {
		l.name = "a log_format of 13 variables"
	}
	content := fmt.Sprintf("lake: ./formats\ncatalog: ./catalog.yaml\nsources:\n  - {name: edge, path: %q, format: %q%s}\n", log, format, user)
	return l, os.WriteFile(l.conf, []byte(content), 0o600)
}
