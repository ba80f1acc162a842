//go:build testall

package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Everything that can be used is reached by the tabulator, in the order in which
// it stands, and is seen while it is; a tag is copied without a pointer.
func TestBrowserConsoleKeyboard(t *testing.T) {
	b := newConsoleBrowser(t, newConsoleWorld(t, ""))
	desk := consoleScreens[4]
	for _, p := range consolePages {
		b.open(p.path, desk)
		want := inPage[int](b, `(window.stops = [...document.querySelectorAll("a[href], input, select, textarea, button, summary, [tabindex='0']")]
			.filter(e => e.getClientRects().length && e.tabIndex >= 0 && e.type != "hidden" && e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true}))).length`)
		seen := -1
		for range 2*want + 20 { // a field for a date has several stops
			b.must(chromedp.Do(b.ctx, chromedp.KeyEvent(kb.Tab)))
			at := inPage[int](b, `stops.indexOf(document.activeElement)`)
			if at < seen { // the browser's own bar, and then from the beginning
				break
			}
			if at > seen+1 {
				t.Errorf("%s: the tabulator goes from the stop %d to %d of %d", p.name, seen, at, want)
			}
			seen = at
			if out := inPage[string](b, `(s => s.outlineStyle + " " + s.outlineWidth)(getComputedStyle(document.activeElement))`); !slices.Contains([]string{"solid 2px", "auto 1px"}, out) {
				t.Errorf("%s: at %s the outline is %q", p.name, inPage[string](b, `document.activeElement.outerHTML.slice(0, 100)`), out)
			}
		}
		if seen != want-1 {
			t.Errorf("%s: the tabulator reaches %d of %d stops; the next is %s", p.name, seen+1, want, inPage[string](b, fmt.Sprintf(`stops[%d].outerHTML.slice(0, 200)`, min(seen+1, want-1))))
		}
	}
	b.open("/pixels/9012", desk)
	inPage[bool](b, `document.querySelector("#tag-text").focus(), true`)
	b.must(chromedp.Do(b.ctx, chromedp.KeyEvent("a", chromedp.KeyModifiers(2)))) // Ctrl
	if copied := inPage[string](b, `(e => e.value.slice(e.selectionStart, e.selectionEnd))(document.querySelector("#tag-text"))`); copied !=
		`<img src="https://px.example.com/px?id=9012&order_id=[ORDER_ID]&value=[REVENUE]&t=2" width="1" height="1" />` {
		t.Errorf("what is copied is %q", copied)
	}
	// The first stop leads past the navigation.
	b.open("/revenue", desk)
	b.must(chromedp.Do(b.ctx, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)))
	if at := inPage[string](b, `location.hash + " " + document.activeElement.id`); at != "#main main" {
		t.Errorf("the skip link leads to %q", at)
	}
	b.w.stop()
}
