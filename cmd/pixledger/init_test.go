package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"pixledger/schemas"
)

func TestInitWritesAWorkingSetup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	written, err := writeInit(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(dir, "catalog.yaml"), filepath.Join(dir, "pixledger.yaml")}; !reflect.DeepEqual(written, want) {
		t.Errorf("written: %v, want %v", written, want)
	}
	cfg, err := LoadConfig(filepath.Join(dir, "pixledger.yaml"))
	if err != nil {
		t.Fatalf("the configuration does not load:\n%v", err)
	}
	c, warnings, err := schemas.LoadCatalog(cfg.Catalog)
	if err != nil {
		t.Fatalf("the catalog does not load:\n%v", err)
	}
	if len(warnings) > 0 {
		t.Errorf("the catalog has warnings: %v", warnings)
	}
	if status, why := c.PixelStatusAt(c.Pixel(9012), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); status != schemas.PixelActive {
		t.Errorf("its pixel is %s: %s", status, why)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v (%v), want the two files alone", entries, err)
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "catalog.yaml")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := writeInit(dir); err == nil || !strings.Contains(err.Error(), mine) {
		t.Errorf("error %v, want one that names %s", err, mine)
	}
	if content, _ := os.ReadFile(mine); string(content) != "mine" {
		t.Errorf("the file was overwritten with %q", content)
	}
	if _, err := os.Stat(filepath.Join(dir, "pixledger.yaml")); err == nil {
		t.Error("a configuration was written beside a foreign catalog")
	}
}

// The template shows every key. Taken at its word, with every commented
// setting uncommented, it must give exactly what omitting them gives.
func TestTemplateShowsTheRealDefaults(t *testing.T) {
	content, err := templates.ReadFile("templates/pixledger.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^#([a-z_]+:|  )`).ReplaceAll(content, []byte("$1"))
	env := func(string) (string, bool) { return "", false }
	omitted, err := parseConfig("pixledger.yaml", content, env)
	if err != nil {
		t.Fatal(err)
	}
	given, err := parseConfig("pixledger.yaml", shown, env)
	if err != nil {
		t.Fatalf("uncommented, the template is refused:\n%v", err)
	}
	if !reflect.DeepEqual(omitted, given) {
		t.Errorf("the comments show\n%+v\nand the defaults are\n%+v", given, omitted)
	}
	for _, key := range configKeys(t) {
		if !regexp.MustCompile(`(?m)^#?\s*` + key + `:|[{ ]` + key + `:|# ` + key + `:`).Match(content) {
			t.Errorf("the template does not show %s", key)
		}
	}
}
