package main

import (
	"io"
	"time"

	"pixledger/ingest/parse"
	"pixledger/report"
)

// checkFormat refuses a log format that this version does not read.
func checkFormat(name string) error { return oneOf("format", name, parse.Names()) }

// writeRows writes rows of text in one of the formats of reports.
func writeRows(w io.Writer, f report.Format, title string, columns []string, rows [][]string) error {
	out, err := report.NewWriter(w, f, report.Sheet{Title: title, Guard: true})
	if err != nil {
		return err
	}
	typed := make([]report.Column, len(columns))
	for i, name := range columns {
		typed[i] = report.Column{Name: name, Type: &report.Type{Kind: report.KindText, Name: "VARCHAR"}}
	}
	if err := out.Begin(typed); err != nil {
		return err
	}
	for _, r := range rows {
		values := make([]any, len(r))
		for i, text := range r {
			if text != "" {
				values[i] = text
			}
		}
		if err := out.Row(values, time.UTC); err != nil {
			return err
		}
	}
	return out.Close()
}
