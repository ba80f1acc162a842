package main

import (
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/term"

	"pixledger/ingest/parse"
	"pixledger/report"
)

// checkFormat refuses a log format that is neither a name nor a log_format.
func checkFormat(format string) error {
	if !parse.IsLiteral(format) {
		return oneOf("format", format, parse.Names())
	}
	if _, err := (parse.Spec{Format: format}).Kind(); err != nil {
		return usagef("--format: %v", err)
	}
	return nil
}

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

// screen is stdout with the width that tables must fit, where it is a terminal:
// COLUMNS, if it is set, else the terminal's own.
func (a *app) screen() io.Writer {
	f, ok := a.stdout.(*os.File)
	if !ok || !isTerminal(f) {
		return a.stdout
	}
	width, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || width <= 0 {
		if width, _, err = term.GetSize(int(f.Fd())); err != nil {
			return a.stdout
		}
	}
	return &report.Screen{Writer: a.stdout, Width: width}
}
