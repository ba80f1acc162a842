package main

import "pixledger/ingest/parse"

// checkFormat refuses a log format that this version does not read.
func checkFormat(name string) error { return oneOf("format", name, parse.Names()) }
