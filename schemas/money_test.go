package schemas

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestParseMoney(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0.000000", "12.50": "12.500000", "-5": "-5.000000", "0012.5": "12.500000",
		"1.0000005": "1.000001", "1.0000004999": "1.000000", "-1.0000005": "-1.000001", "-0.0000004": "0.000000",
		"999999999999.999999": "999999999999.999999", "-999999999999.9999994": "-999999999999.999999",
	} {
		got, ok := ParseMoney(text)
		if !ok || got.String() != want {
			t.Errorf("%s: got %s %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "-", ".", ".5", "5.", "+5", "$10", "1e3", "1,5", " 1", "1 ", "0x1", "1_000", "NaN", "Inf", "１２", "--1", "1.2.3",
		"1000000000000", "999999999999.9999995", "99999999999999999999999999999999",
	} {
		if got, ok := ParseMoney(text); ok {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

// An independent decimal library reads every number the same way.
func TestParseMoneyAgainstDecimal(t *testing.T) {
	shape := regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	limit := decimal.RequireFromString("999999999999.999999")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`-?[0-9]{1,14}(\.[0-9]{1,9})?`),
			rapid.StringOfN(rapid.RuneFrom([]rune("0123456789.-+e ,")), 0, 8, -1),
		).Draw(t, "text")
		got, ok := ParseMoney(text)
		if !shape.MatchString(text) {
			if ok {
				t.Fatalf("%q is read as %s", text, got)
			}
			return
		}
		want := decimal.RequireFromString(text).Round(6)
		if fits := want.Abs().LessThanOrEqual(limit); fits != ok {
			t.Fatalf("%q: fits %v, read %v", text, fits, ok)
		}
		if ok && got.String() != want.StringFixed(6) && !want.IsZero() {
			t.Fatalf("%q is read as %s, want %s", text, got, want.StringFixed(6))
		}
		var back Money
		if b, err := json.Marshal(got); err != nil || json.Unmarshal(b, &back) != nil || back != got {
			t.Fatalf("%s does not survive JSON: %s %v", got, b, err)
		}
	})
}

func TestMoneyShort(t *testing.T) {
	for text, want := range map[string]string{"12.5": "12.50", "2": "2.00", "0.125": "0.125", "-3.000001": "-3.000001", "0": "0.00"} {
		m, _ := ParseMoney(text)
		if m.Short() != want {
			t.Errorf("%s: got %s, want %s", text, m.Short(), want)
		}
	}
}

// FuzzParseMoney: any text is read as an independent decimal library reads it,
// or not at all.
func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"0", "-12.5", "1.0000005", "-0.0000005", "999999999999.9999994", "999999999999.9999995", "1e3", "１２", "", "-", ".5", "5.", "00000000000000000000001"} {
		f.Add(s)
	}
	shape := regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	limit := decimal.RequireFromString("999999999999.999999")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseMoney(text)
		if again, okAgain := ParseMoney([]byte(text)); again != got || okAgain != ok {
			t.Fatalf("%q: as bytes %s %v, as text %s %v", text, again, okAgain, got, ok)
		}
		if len(text) > 1000 {
			return // the library is slow
		}
		if !shape.MatchString(text) {
			if ok {
				t.Fatalf("%q is read as %s", text, got)
			}
			return
		}
		want := decimal.RequireFromString(text).Round(6)
		if fits := want.Abs().LessThanOrEqual(limit); fits != ok {
			t.Fatalf("%q: fits %v, read %v", text, fits, ok)
		}
		if ok && !decimal.RequireFromString(got.String()).Equal(want) {
			t.Fatalf("%q is read as %s, want %s", text, got, want)
		}
	})
}
