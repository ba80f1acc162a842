//go:build testall

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A real browser shows the console: on a phone, a tablet and a desk, light and
// dark, no page is wider than its screen, and the accessibility checker axe-core
// finds nothing. With PIXLEDGER_SCREENSHOTS, a folder, it leaves the pictures of
// docs/images there.
func TestBrowserConsole(t *testing.T) {
	w := newConsoleWorld(t, "")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	axe, err := os.ReadFile(filepath.Join(cache, "pixledger", "tools", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v\nthis test needs axe-core: .ci/tools-all installs it", err)
	}
	pictures := os.Getenv("PIXLEDGER_SCREENSHOTS")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU)...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\nthis test needs Chromium: .ci/tools-office installs it", err)
		}
	}
	must(chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	for _, p := range []struct{ name, path string }{
		{"overview", "/"}, {"pixels", "/pixels"}, {"pixel", "/pixels/9012"}, {"revenue", "/revenue"}, {"conversions", "/conversions"},
		{"conversion", "/conversions/dc1e573f27c5e13894df3ffa85e42498"}, {"sources", "/sources"}, {"jobs", "/jobs"}, {"exports", "/exports"},
		{"reports", "/reports"}, {"report", "/reports/advertiser_analytics?interval=daily&by=line_item_id"}, {"statement", "/reports/statement"},
		{"problem", "/nosuch"},
	} {
		for _, screen := range []struct {
			name          string
			width, height int64
			scheme        string
		}{{"phone", 390, 844, "dark"}, {"tablet", 820, 1180, "light"}, {"desk", 1280, 900, "light"}, {"desk-dark", 1280, 900, "dark"}} {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}},
			})
			must(err)
			must(chromedp.Do(ctx, chromedp.EmulateViewport(screen.width, screen.height), chromedp.Navigate("http://"+w.address+p.path)))
			wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
			must(err)
			if wide > screen.width {
				t.Errorf("%s on the %s is %d wide, of %d", p.name, screen.name, wide, screen.width)
			}
			_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](string(axe)+";true"))
			must(err)
			found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](
				`axe.run().then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`, chromedp.EvalAwaitPromise))
			must(err)
			if len(found) > 0 {
				t.Errorf("%s on the %s:\n%s", p.name, screen.name, strings.Join(found, "\n"))
			}
			if pictures != "" && slices.Contains([]string{"overview", "pixel", "revenue"}, p.name) {
				picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
				must(err)
				must(os.WriteFile(filepath.Join(pictures, fmt.Sprintf("console-%s-%s.png", p.name, screen.name)), picture, 0o644))
			}
		}
	}
	w.stop()
}
