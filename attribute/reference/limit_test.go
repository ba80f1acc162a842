package reference

import (
	"fmt"
	"strings"
	"testing"

	"pixledger/schemas"
)

// The limit is for more than 20 conversions and more than so much of the money,
// both in one currency.
func TestLimitOfAdjustments(t *testing.T) {
	// crowd is n conversions of the 10th, booked at a rate each.
	crowd := func(n int, rate string) string {
		var b strings.Builder
		fmt.Fprintf(&b, `pixel 9012 min_minutes_per_conv=0
line_item 382 pixel=9012 post_click_revenue=%s
tracker 2 click line_item=382
2026-03-10 09:00 click t1 user=anna tracker=2
`, rate)
		for i := range n {
			fmt.Fprintf(&b, "2026-03-10 10:%02d conversion c%d user=anna pixel=9012\n", i, i)
		}
		return b.String()
	}
	const booked = "close 2026-03-11 04:00\n"
	rate := func(figure string) string {
		return "catalog changed\nline_item 382 pixel=9012 post_click_revenue=" + figure + "\n"
	}
	const again = "close 2026-03-12 04:00"
	for _, c := range []struct {
		name, text string
		refused    bool
	}{
		{"20 conversions, whatever their money", crowd(20, "10") + booked + rate("1000") + again, false},
		{"10 percent", crowd(21, "10") + booked + rate("11") + again, false},
		{"10 percent less", crowd(21, "10") + booked + rate("9") + again, false},
		{"a millionth more than 10 percent", crowd(21, "10") + booked + rate("11.000001") + again, true},
		{"a millionth less and as much", crowd(21, "10") + booked + rate("8.999999") + again, true},
		{"accepted", crowd(21, "10") + booked + rate("12") + again + " accept_adjustments=finance", false},
		{"no limit", "adjust_limit none\n" + crowd(21, "10") + booked + rate("12") + again, false},
		{"a limit of 20 percent", "adjust_limit 20%\n" + crowd(21, "10") + booked + rate("12") + again, false},
		{"a limit of 0", "adjust_limit 0%\n" + crowd(21, "10") + booked + rate("10.000001") + again, true},
		{"no difference at a limit of 0", "adjust_limit 0%\n" + crowd(21, "10") + booked + again, false},
		{"the largest amounts, which do not fit together", crowd(21, "999999999999.999999") + booked + rate("900000000000") + again, false},
		{"the largest amounts, a millionth more", crowd(21, "999999999999.999999") + booked + rate("899999999999.999999") + again, true},
		{"30 days before", crowd(21, "10") + booked + "close 2026-04-09 04:00\n" + rate("11") + "close 2026-04-10 04:00", false},
		{"31 days before", crowd(21, "10") + booked + "close 2026-04-10 04:00\n" + rate("11") + "close 2026-04-11 04:00", true},
		{"nothing booked before", strings.Replace(crowd(21, "10"), "2026-03-10 09:00 click", "2026-03-10 11:00 click", 1) + booked +
			"2026-03-10 09:00 click t2 user=anna tracker=2\n" + again, true},
		{"nothing booked before but credits", crowd(0, "10") + "credit line_item=382 amount=1000000\n" + booked + strings.SplitN(crowd(21, "10"), "\n", 5)[4] + again, true},
		{"nothing booked before, and nothing to book but entries of 0", strings.Replace(crowd(21, "0"), "2026-03-10 09:00 click", "2026-03-10 11:00 click", 1) +
			booked + "2026-03-10 09:00 click t2 user=anna tracker=2\n" + again, true},
		{"credits do not count", crowd(21, "10") + "credit line_item=382 amount=1000000\n" + booked + rate("12") + again, true},
		{"voids count", crowd(21, "10") + booked + voids(21) + again, true},
		{"20 voids", crowd(21, "10") + booked + voids(20) + again, false},
		{"moved to a currency that had nothing", crowd(21, "10") + booked +
			"catalog changed\nadvertiser 7 currency=EUR\n" + again, true},
		{"what adjustments booked counts as booked", crowd(21, "10") + booked + rate("100") + again + " accept_adjustments=finance\n" +
			rate("110") + "close 2026-03-13 04:00", false},
	} {
		h, err := ParseHistory(c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		closings := h.Run()
		last := closings[len(closings)-1]
		if refused := last.Refused == RefusedLimit; refused != c.refused || (len(last.Days) == 0) != c.refused {
			t.Errorf("%s: refused for %q, closed %v", c.name, last.Refused, last.Days)
		}
	}
}

func voids(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "void c%d\n", i)
	}
	return b.String()
}

// A refused close changes nothing: the next one finds all as it was.
func TestRefusedCloseLeavesAllAsItWas(t *testing.T) {
	h, err := ParseHistory(`pixel 9012
line_item 382 pixel=9012 post_click_revenue=10
tracker 2 click line_item=382
2026-03-01 09:00 click t1 user=anna tracker=2
2026-03-01 10:00 conversion c1 user=anna pixel=9012
credit line_item=382 amount=-1
close 2026-04-06 04:00
expect refused yes
2026-02-01 09:00 click t0 user=bert tracker=2
close 2026-04-06 04:00 yes
expect closed 2026-02-01 2026-04-05
expect ledger 2026-03-01 booking c1 10
expect ledger 2026-04-05 credit -1
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Check(h.Run()); err != nil {
		t.Error(err)
	}
}

func TestPercentIsReadBack(t *testing.T) {
	for _, limit := range []string{"10%", "0%", "100%", "2.5%", "0.000001%", "999999.999999%"} {
		h, err := ParseHistory("adjust_limit " + limit)
		if err != nil {
			t.Fatal(err)
		}
		if got := percent(*h.Config.AdjustLimit); got != limit {
			t.Errorf("%s is printed as %s", limit, got)
		}
	}
	if d := DefaultConfig(); *d.AdjustLimit != schemas.Money(10_000_000) {
		t.Errorf("the default limit is %s", percent(*d.AdjustLimit))
	}
}
