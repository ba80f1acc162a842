package console

import (
	"cmp"
	"fmt"
	"html/template"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timeOf is the time that a page was given; the zero time: none.
func timeOf(t any) time.Time {
	switch t := t.(type) {
	case *time.Time:
		if t != nil {
			return *t
		}
	case time.Time:
		return t
	}
	return time.Time{}
}

// stampIn is a time for people, or a dash.
func stampIn(t any, zone *time.Location) template.HTML {
	at := timeOf(t)
	if at.IsZero() {
		return "–"
	}
	// Nothing of it is from outside.
	return template.HTML(`<time datetime="` + at.UTC().Format(time.RFC3339) + `">` + template.HTMLEscapeString(at.In(zone).Format("2006-01-02 15:04:05 MST")) + `</time>`)
}

// ago says in words how long before now a time is, or how long after it.
func ago(t any, now time.Time) string {
	at := timeOf(t)
	if at.IsZero() {
		return ""
	}
	d := now.Sub(at)
	form := "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf(form, plural(int(d/time.Second), "second"))
	case d < time.Hour:
		return fmt.Sprintf(form, plural(int(d/time.Minute), "minute"))
	case d < 48*time.Hour:
		return fmt.Sprintf(form, plural(int(d/time.Hour), "hour"))
	}
	return fmt.Sprintf(form, plural(int(d/(24*time.Hour)), "day"))
}

// compareFold orders texts as people look them up.
func compareFold(a, b string) int {
	return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
}

// grouped writes a whole number with its thousands apart.
func grouped(n any) string {
	if p, ok := n.(*int64); ok {
		n = *p
	}
	return thousands(fmt.Sprint(n))
}

func thousands(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// plural counts things.
func plural[N int | int64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + one + "s"
}

func sizeText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// wordClass is the class that colours a word: of a severity, a status, an outcome.
func wordClass(word string) string {
	switch strings.ToLower(word) {
	case "alarm", "failed":
		return "bad"
	case "warning", "paused":
		return "warn"
	case "ok", "active", "attributed":
		return "good"
	}
	return "plain"
}

var backquoted = regexp.MustCompile("`([^`]+)`")

// marked is a text of the program in which commands stand in backquotes.
func marked(text string) template.HTML {
	return template.HTML(backquoted.ReplaceAllString(template.HTMLEscapeString(text), "<code>$1</code>")) // what is escaped has no tags
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// commandText is a command line to paste into a shell.
func commandText(args []string) string {
	words := []string{"pixledger"}
	for _, a := range args {
		if !plainWord.MatchString(a) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// sqlText is a text of DuckDB's SQL, in which nothing but a quote is special.
func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Amount is money in a currency, in millionths.
type Amount struct {
	Currency string
	Micros   *big.Int
}

// parseMicros reads a decimal number of up to six places.
func parseMicros(s string) (*big.Int, bool) {
	whole, part, _ := strings.Cut(s, ".")
	if len(part) > 6 {
		return nil, false
	}
	return new(big.Int).SetString(whole+part+strings.Repeat("0", 6-len(part)), 10)
}

// ParseAmounts reads sums by currency, in the currencies' order.
func ParseAmounts(sums map[string]string) ([]Amount, error) {
	var out []Amount
	for currency, text := range sums {
		m, ok := parseMicros(text)
		if !ok {
			return nil, fmt.Errorf("%q is no amount of %s", text, currency)
		}
		out = append(out, Amount{currency, m})
	}
	slices.SortFunc(out, func(a, b Amount) int { return strings.Compare(a.Currency, b.Currency) })
	return out, nil
}

// Figure writes the amount exactly, with two places at least.
func (a Amount) Figure() string {
	digits, sign := new(big.Int).Abs(a.Micros).String(), ""
	if a.Micros.Sign() < 0 {
		sign = "−"
	}
	digits = strings.Repeat("0", max(0, 7-len(digits))) + digits
	whole, part := digits[:len(digits)-6], digits[len(digits)-6:]
	for len(part) > 2 && strings.HasSuffix(part, "0") {
		part = part[:len(part)-1]
	}
	return sign + thousands(whole) + "." + part
}

func (a Amount) String() string { return a.Figure() + " " + a.Currency }
