package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pixledger/ingest/decode"
	"pixledger/ingest/synth"
	"pixledger/schemas"
)

// plantedConfig is the configuration of the planted log.
const plantedConfig = "lake: ./lake\ncatalog: ./catalog.yaml\ntime_zone: UTC\nsources:\n  - {name: edge-1, path: pixel.log, format: pixledger, silence: warn}\n"

// plantedLake ingests and attributes the log with planted fraud.
func plantedLake(t *testing.T) program {
	t.Helper()
	p := program{t: t, dir: t.TempDir()}
	p.run("gen", "--planted", "-o", "pixel.log", "--init-catalog", "catalog.yaml")
	write(t, filepath.Join(p.dir, "pixledger.yaml"), plantedConfig)
	p.run("ingest", "--now", plantedNow)
	p.run("attribute", "--now", plantedNow)
	return p
}

// plantedNow is the morning after the week of the planted log is due to close.
const plantedNow = "2026-11-08T06:00:00Z"

// planted are the findings on the planted log: kind, subject, pixel, and how many
// conversions are concerned.
var planted = []string{
	"click_flooding publisher " + synth.PlantedFlooder + " 9012 50",
	"click_flooding user " + synth.PlantedTapper + " 9012 1",
	"click_flooding user " + synth.PlantedClicker + " 9012 1",
	"click_injection publisher " + synth.PlantedInjector + " 9012 12",
	"crowded_address address " + synth.PlantedCrowd + " 9012 10",
	"heavy_user user " + synth.PlantedReader + " 9012 1",
	"sequential_orders address " + synth.PlantedOrderAddress + " 9012 12",
	"sequential_orders pixel " + synth.PlantedNumberedPixel + " 9014 30",
	"sequential_orders user " + synth.PlantedOrderer + " 9012 8",
	"value_outlier conversion ID 9012 1",
}

// Every kind of fraud that is planted is found, and who is busy is not; what is
// found can be voided by the ids that the report gives, and the ledger takes back
// exactly what they earned.
func TestPlantedFraudIsFoundAndVoided(t *testing.T) {
	p := plantedLake(t)
	p.run("close", "--now", plantedNow)
	if out := p.run("status", "--json", "--now", plantedNow); !strings.Contains(out, `"bot_list": "`+decode.BotList()+`"`) {
		t.Errorf("status does not name the list of robots %s:\n%s", decode.BotList(), out)
	}
	rows := p.table("report", "suspicious_traffic", "--format", "csv", "--now", plantedNow)
	var got []string
	for _, r := range rows {
		subject := r["subject"]
		if r["kind"] == "value_outlier" {
			subject = "ID"
			if r["observed"] != synth.PlantedValue+"0000" {
				t.Errorf("the outlier is %s, want %s", r["observed"], synth.PlantedValue)
			}
		}
		got = append(got, strings.Join([]string{r["kind"], r["subject_type"], subject, r["pixel_id"], r["conversions"]}, " "))
	}
	if !slices.Equal(got, planted) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(planted, "\n"))
	}

	// The conversions add up to their findings, and their money too.
	revenue, examples := map[string]schemas.Money{}, map[string]bool{}
	concerned := map[string]map[string]string{}
	for _, r := range p.table("report", "suspicious_traffic", "--conversions", "--format", "csv", "--now", plantedNow) {
		key := r["kind"] + " " + r["subject"] + " " + r["currency"]
		revenue[key] += amountOf(t, r["booked_revenue"])
		concerned[r["conversion_id"]] = r
		examples[r["kind"]+" "+r["subject"]+" "+r["conversion_id"]] = true
	}
	for _, r := range rows {
		key := r["kind"] + " " + r["subject"] + " " + r["currency"]
		if revenue[key] != amountOf(t, r["booked_revenue"]) {
			t.Errorf("%s: the conversions earned %s, the finding says %s", key, revenue[key], r["booked_revenue"])
		}
		for _, id := range strings.Fields(r["examples"]) {
			if !examples[r["kind"]+" "+r["subject"]+" "+id] {
				t.Errorf("%s: the example %s is none of its conversions", key, id)
			}
		}
	}
	first := strings.Fields(rows[0]["examples"])[0]
	if out := p.run("explain", first, "--now", plantedNow); !strings.Contains(out, "attributed") {
		t.Errorf("explain %s says %s", first, out)
	}

	pixelStatusShowsPlanted(t, p)

	// Each conversion once; and not where nobody asks.
	suspicious := 0
	for _, r := range p.table("report", "data_quality", "--suspicious", "--format", "csv", "--now", plantedNow) {
		n, err := strconv.Atoi(r["suspicious"])
		if err != nil || r["source"] != "edge-1" {
			t.Errorf("data_quality: %v %v", err, r)
		}
		suspicious += n
	}
	if suspicious != len(concerned) {
		t.Errorf("data_quality counts %d suspicious conversions, the report lists %d", suspicious, len(concerned))
	}
	if out := p.run("report", "data_quality", "--format", "csv", "--now", plantedNow); strings.Contains(out, "suspicious") {
		t.Errorf("data_quality counts what nobody asked for:\n%s", out)
	}

	// By the recipe of docs/invalid-traffic.md.
	linkProgram(t, filepath.Join(p.dir, "bin"))
	c := exec.Command("sh", "-c", `bin/pixledger report suspicious_traffic --conversions --columns conversion_id --format csv --now `+plantedNow+` |
		tail -n +2 | sort -u | tr '\n' '\0' | xargs -0 bin/pixledger void --reason "invalid traffic" --by "Ms Fine" --now `+plantedNow+` --`)
	c.Dir = p.dir
	if out, err := c.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("voided 126 conversions")) || len(concerned) != 126 {
		t.Fatalf("void of %d conversions: %v: %s", len(concerned), err, out)
	}
	const later = "2026-11-09T06:00:00Z"
	p.run("attribute", "--now", later)
	if out, errOut, code := p.try("close", "--now", later); code != 1 || !strings.Contains(errOut, "--accept-adjustments") {
		t.Errorf("a close that takes back so much: exit code %d\n%s%s", code, out, errOut)
	}
	p.run("close", "--now", later, "--accept-adjustments", "Ms Fine")
	p.run("verify", "--now", later)

	// Each voided conversion's entries add up to nothing, no other's changed.
	want, reversed := map[string]schemas.Money{}, map[string]schemas.Money{}
	for _, r := range concerned {
		want[r["currency"]] += amountOf(t, r["booked_revenue"])
	}
	for _, r := range p.table("query", "SELECT conversion_id, currency, kind, sum(amount) AS amount FROM ledger GROUP BY ALL", "--format", "csv", "--now", later) {
		if r["kind"] != "adjustment" {
			continue
		}
		of := concerned[r["conversion_id"]]
		if of == nil || amountOf(t, r["amount"]) != -amountOf(t, of["booked_revenue"]) {
			t.Errorf("%s is taken back by %s, it earned %v", r["conversion_id"], r["amount"], of)
		}
		reversed[r["currency"]] -= amountOf(t, r["amount"])
	}
	if !maps.Equal(reversed, want) || want["USD"] == 0 || want["EUR"] == 0 {
		t.Errorf("taken back %v, want %v", reversed, want)
	}
	// What is settled is found no more: of those who flooded, the clicks alone are left.
	for _, r := range p.table("report", "suspicious_traffic", "--format", "csv", "--now", later) {
		if r["conversions"] != "0" || r["booked_revenue"] != "0.000000" || r["pixel_id"] != "" {
			t.Errorf("still found: %v", r)
		}
	}
}

// The transcript of docs/invalid-traffic.md is what is printed, in a folder that
// has its configuration alone.
func TestInvalidTrafficByHand(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "try"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "try", "pixledger.yaml"), plantedConfig)
	showsTranscriptsIn(t, "docs/invalid-traffic.md", dir)
}

// pixelStatusShowsPlanted holds the pages of pixels against what is planted: a
// finding of each kind, with figures and an example.
func pixelStatusShowsPlanted(t *testing.T, p program) {
	t.Helper()
	out := p.run("pixel", "status", "9012", "--now", plantedNow)
	for _, want := range []string{
		"warning: click_flooding: publisher 33: 11 of 50 conversions came within 24 hours", "that earned 625.00 USD", "; 2 more of this kind",
		"warning: click_injection: publisher 34: 12 of 20", "warning: crowded_address: address 192.0.2.0: 300 users",
		"warning: heavy_user: user " + synth.PlantedReader + ": 2500 touches on 2026-11-06", "warning: value_outlier: conversion ", "the value is 99999",
		"report suspicious_traffic --filter pixel_id=9012",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("pixel status 9012 does not say %q:\n%s", want, out)
		}
	}
	if out := p.run("pixel", "status", "9015", "--now", plantedNow); !strings.Contains(out, "healthy") {
		t.Errorf("the pixel of the landing page is not healthy:\n%s", out)
	}
}

// amountOf reads an amount of a report.
func amountOf(t *testing.T, text string) schemas.Money {
	t.Helper()
	m, ok := schemas.ParseMoney(text)
	if !ok {
		t.Fatalf("%q is no amount", text)
	}
	return m
}
