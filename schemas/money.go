package schemas

import (
	"fmt"
	"strconv"
	"strings"
)

// Money is an amount in millionths of a currency unit: the exact value of a
// DECIMAL(18,6). It is never converted to or from a float.
type Money int64

// MoneyScale is the number of decimals that a Money holds.
const MoneyScale = 6

// MoneyPrecision is the number of decimal digits that a DECIMAL(18,6) holds.
const MoneyPrecision = 18

const (
	moneyUnit = 1_000_000
	moneyMax  = 999_999_999_999_999_999
)

// ParseMoney reads a plain decimal number: ^-?[0-9]+(\.[0-9]+)?$. More than six
// decimals are rounded half away from zero. It reports false for any other
// text ("$10", "1e3", "1,5", " 1") and for a number that does not fit a
// DECIMAL(18,6).
func ParseMoney[T ~string | ~[]byte](text T) (Money, bool) {
	i, n := 0, len(text)
	negative := n > 0 && text[0] == '-'
	if negative {
		i = 1
	}
	whole := i
	var v int64
	for ; i < n && text[i] >= '0' && text[i] <= '9'; i++ {
		v = v*10 + int64(text[i]-'0')
		if v > moneyMax/moneyUnit+1 {
			return 0, false
		}
	}
	if i == whole {
		return 0, false
	}
	v *= moneyUnit
	if i < n {
		if text[i] != '.' || i+1 == n {
			return 0, false
		}
		i++
		for place := int64(moneyUnit / 10); i < n; i++ {
			d := text[i]
			if d < '0' || d > '9' {
				return 0, false
			}
			switch {
			case place > 0:
				v += int64(d-'0') * place
				place /= 10
				if place == 0 {
					place = -1 // the next digit rounds
				}
			case place == -1:
				if d >= '5' {
					v++
				}
				place = -2 // later digits no longer matter
			}
		}
	}
	if v > moneyMax {
		return 0, false
	}
	if negative {
		v = -v
	}
	return Money(v), true
}

// String gives the amount with its six decimals, as it stands in CSV: -12.500000.
func (m Money) String() string {
	sign := ""
	u := uint64(m)
	if m < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%06d", sign, u/moneyUnit, u%moneyUnit)
}

// Short gives the amount without trailing zeros beyond the second decimal, as
// people write prices: 12.50, 0.125.
func (m Money) Short() string { return ShortMoney(m.String()) }

// ShortMoney is Short of an amount's text with six decimals, which may be more than
// Money can hold, as a sum is. A text without decimals stays as it is.
func ShortMoney(text string) string {
	i := strings.IndexByte(text, '.')
	if i < 0 || len(text) < i+3 {
		return text
	}
	return text[:i+3] + strings.TrimRight(text[i+3:], "0")
}

// UnmarshalJSON reads the decimal text that MarshalJSON wrote.
func (m *Money) UnmarshalJSON(b []byte) error {
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return fmt.Errorf("money is a quoted decimal, not %s", b)
	}
	v, ok := ParseMoney(s)
	if !ok {
		return fmt.Errorf("%q is no decimal number of at most 12 digits before the point", s)
	}
	*m = v
	return nil
}

// MarshalJSON writes the amount as quoted decimal text, so that no reader
// turns it into a float.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(`"` + m.String() + `"`), nil }
