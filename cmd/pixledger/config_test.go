package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pixledger/report/deliver"
	"pixledger/schemas"
	"pixledger/schemas/yamlfile"
)

var updateWant = flag.Bool("update-want", false, "write the .want files of testdata/config anew")

func testEnv(name string) (string, bool) {
	v, ok := map[string]string{"TOKEN": "12345", "ROWS": "1000", "YES": "true", "SECRET_ZONE": "hunter2"}[name]
	return v, ok
}

// Each bad file has one sort of mistake, and beside it the messages that a
// user gets for it; each good file loads.
func TestConfigFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = parseConfig(filepath.Base(file), content, testEnv)
			if strings.HasSuffix(file, ".good.yaml") {
				if err != nil {
					t.Errorf("refused:\n%v", err)
				}
				return
			}
			compareWant(t, strings.TrimSuffix(file, ".yaml")+".want", err)
		})
	}
}

func compareWant(t *testing.T, file string, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("accepted")
	}
	got := err.Error() + "\n"
	if *updateWant {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, readErr := os.ReadFile(file)
	if readErr != nil {
		t.Fatal(readErr)
	}
	if got != string(want) {
		t.Errorf("messages\n%swant\n%s", got, want)
	}
}

const least = "lake: ./lake\ncatalog: ./catalog.yaml\nsources: []\n"

func TestConfigDefaults(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pixledger.yaml")
	if err := os.WriteFile(file, []byte(least), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	limit, _ := schemas.ParseMoney("10")
	want := &Config{
		File:    file,
		Lake:    filepath.Join(dir, "lake"),
		Catalog: filepath.Join(dir, "catalog.yaml"),

		TimeZone:    time.UTC,
		Commit:      CommitConfig{Interval: 30 * time.Second, Rows: 500000},
		Limits:      LimitsConfig{Memory: 2_000_000_000, MaxLine: 1 << 20, TempSize: 50_000_000_000, JobTime: 6 * time.Hour},
		Schedule:    ScheduleConfig{"*/15 * * * *", "15 5 * * *", "30 5 * * *", "40 * * * *", "0 6 * * *", "50 3 * * *", "", ""},
		CloseAfter:  4 * time.Hour,
		AdjustDays:  90,
		AdjustLimit: &limit,
		Reports:     filepath.Join(dir, "reports"),
		Edge:        EdgeConfig{Listen: "80", Log: "/var/log/nginx/pixel.log", RealIPHeader: "X-Forwarded-For"},
		Console:     ConsoleConfig{Listen: "127.0.0.1:8420"},
		Privacy:     PrivacyConfig{IP: IPTruncate, HonorGPC: true, RetentionDays: 400, Params: map[string]ParamMode{}},
		Engine:      "duckdb",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestConfigValues(t *testing.T) {
	content, err := os.ReadFile("testdata/config/all.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := parseConfig("/etc/pixledger/pixledger.yaml", content, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := cfg.Sources[0]
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"lake", cfg.Lake, "/srv/lake"},
		{"relative catalog", cfg.Catalog, "/etc/pixledger/catalog.yaml"},
		{"zone", cfg.TimeZone.String(), "Europe/Berlin"},
		{"source path", s.Path, "/etc/pixledger/logs/pixel.log"},
		{"rotated", s.Rotated, "/etc/pixledger/logs/pixel.log.*"},
		{"from is midnight in the zone", s.From, time.Date(2026, 3, 1, 0, 0, 0, 0, berlin)},
		{"user id", s.UserID, UserIDSource{Cookie: "uid"}},
		{"silence", s.Silence, SilenceWarn},
		{"silence omitted", cfg.Sources[1].Silence, SilenceBlock},
		{"format omitted", cfg.Sources[1].Format, "pixledger"},
		{"rows from the environment", cfg.Commit.Rows, int64(1000)},
		{"boolean from the environment", cfg.Privacy.RequireConsent, true},
		{"digits from the environment are text", cfg.Console.Token, "12345"},
		{"binary size", cfg.Limits.Memory, int64(1536) << 20},
		{"size in bytes", cfg.Limits.MaxLine, int64(65536)},
		{"temp", cfg.Limits.Temp, "/etc/pixledger/tmp"},
		{"duration", cfg.CloseAfter, 90 * time.Minute},
		{"no limit", cfg.AdjustLimit, (*schemas.Money)(nil)},
		{"ledger from", cfg.LedgerFrom, "2026-01-01"},
		{"listen", cfg.Edge.Listen, "8080"},
		{"proxies", cfg.Edge.TrustedProxies, []string{"10.0.0.0/8", "2001:db8::7"}},
		{"the proxies' header", cfg.Edge.RealIPHeader, "X-Real-IP"},
		{"nginx's configuration", cfg.Edge.Conf, "/etc/pixledger/nginx.conf"},
		{"reload", cfg.Edge.Reload, "nginx -t && nginx -s reload"},
		{"params", cfg.Privacy.Params, map[string]ParamMode{"email": ParamDrop, "uid": ParamHash}},
		{"exports", cfg.Exports[0], Export{Report: "revenue", Formats: []string{"csv", "xlsx"}, To: targetOf(t, "file:/etc/pixledger/outbox")}},
		{"an export with no formats", cfg.Exports[1], Export{Report: "revenue", Formats: []string{"csv"}, To: targetOf(t, "file:/srv/outbox")}},
		{"to S3", cfg.Exports[2].To, targetOf(t, "s3://bucket/finance?region=eu-central-1")},
		{"to Google", cfg.Exports[3].To, targetOf(t, "gs://bucket/finance")},
		{"to Azure", cfg.Exports[4].To, targetOf(t, "azblob://box/finance?storage_account=acme")},
		{"engine", cfg.Engine, "spark"},
		{"spark", cfg.Spark, SparkConfig{
			Submit: []string{"spark-submit", "--master", "spark://12345@cluster:7077"}, Lake: "s3a://bucket/lake",
			Work: "/etc/pixledger/work", WorkURL: "s3a://bucket/work", Least: 50_000_000,
		}},
		{"over SFTP", cfg.Exports[5].To, targetOf(t, "sftp://finance@sftp.example.com:2222/in?key=/etc/pixledger/id_ed25519&known_hosts=/etc/pixledger/known_hosts")},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestConfigThatIsNotThere(t *testing.T) {
	_, err := LoadConfig(filepath.Join(t.TempDir(), "pixledger.yaml"))
	if err == nil || !strings.Contains(err.Error(), "pixledger init DIR") {
		t.Errorf("error %v, want one that says how to write a configuration", err)
	}
}

// configKeys gives the names of all keys that the schema knows.
func configKeys(t *testing.T) []string {
	t.Helper()
	var schema any
	if err := json.Unmarshal(schemas.ConfigSchema, &schema); err != nil {
		t.Fatal(err)
	}
	var keys []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if p, ok := v["properties"].(map[string]any); ok {
				for k := range p {
					keys = append(keys, k)
				}
			}
			for _, c := range v {
				walk(c)
			}
		case []any:
			for _, c := range v {
				walk(c)
			}
		}
	}
	walk(schema)
	if len(keys) < 40 {
		t.Fatalf("the schema has %d keys only", len(keys))
	}
	return keys
}

// FuzzLoadConfig: whatever the file holds, the answer is a configuration or
// mistakes with positions, one line each.
func FuzzLoadConfig(f *testing.F) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		cfg, err := parseConfig("c.yaml", content, testEnv)
		if err == nil {
			if cfg == nil || cfg.TimeZone == nil {
				t.Fatal("neither a configuration nor an error")
			}
			return
		}
		var mistakes yamlfile.Mistakes
		if !errors.As(err, &mistakes) || len(mistakes) == 0 {
			t.Fatalf("not mistakes: %v", err)
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != len(mistakes) {
			t.Fatalf("%d mistakes on %d lines:\n%v", len(mistakes), lines, err)
		}
	})
}

func targetOf(t *testing.T, spec string) deliver.Target {
	t.Helper()
	target, err := deliver.Parse(spec, "/")
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// The examples on the page of formats, and on those of the edges, are good.
func TestFormatExamples(t *testing.T) {
	pages, err := filepath.Glob("../../docs/edge/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, page := range append(pages, "../../docs/formats.md") {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(content), "```yaml\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			if !strings.HasPrefix(block, "sources:") {
				continue
			}
			examples++
			if _, err := parseConfig(fmt.Sprintf("%s: example %d", page, i+1), []byte("lake: ./lake\ncatalog: ./catalog.yaml\n"+block), testEnv); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
	if examples < 9 {
		t.Errorf("only %d examples", examples)
	}
}
