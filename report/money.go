package report

import "slices"

// Money says which columns of a result are amounts of money, and which column
// holds each row's currency.
type Money struct {
	Currency string   // a column; "" where a result has no money
	Kind     string   // a column that tells what is estimated from what is booked; "" where there is none
	Sums     []string // amounts that may be added up over rows of one currency
	Prices   []string // amounts that may not: what one thing costs
}

// sums and prices are the reports' words for money. The same word is the same
// thing in every report.
var (
	sumColumns   = []string{"booked_revenue", "media_cost", "profit", "post_view_revenue", "post_click_revenue", "amount"}
	priceColumns = []string{"ecpm", "ecpc", "ecpa", "rate"}
)

// moneyOf gives the money among a report's columns. Rows of several models say
// the same money several times: it is not added up.
func moneyOf(names []string) Money {
	if !slices.Contains(names, "currency") {
		return Money{}
	}
	m := Money{Currency: "currency"}
	if slices.Contains(names, "kind") {
		m.Kind = "kind"
	}
	for _, n := range names {
		switch {
		case slices.Contains(sumColumns, n) && !slices.Contains(names, "model"):
			m.Sums = append(m.Sums, n)
		case slices.Contains(sumColumns, n), slices.Contains(priceColumns, n):
			m.Prices = append(m.Prices, n)
		}
	}
	return m
}

// holds tells that a column is an amount.
func (m Money) holds(c Column) bool {
	return m.Currency != "" && c.Type.Kind == KindDecimal && (slices.Contains(m.Sums, c.Name) || slices.Contains(m.Prices, c.Name))
}

// adds tells that a column is an amount that may be added up.
func (m Money) adds(c Column) bool { return m.holds(c) && slices.Contains(m.Sums, c.Name) }

// at gives the places of the currency and of the kind, or -1.
func (m Money) at(columns []Column) (p moneyPlaces) {
	place := func(name string) int {
		return slices.IndexFunc(columns, func(c Column) bool { return name != "" && c.Name == name && c.Type.Kind == KindText })
	}
	return moneyPlaces{currency: place(m.Currency), kind: place(m.Kind)}
}

type moneyPlaces struct{ currency, kind int }

// currencyOf gives a row's currency, "" where it has none.
func (p moneyPlaces) currencyOf(values []any) string {
	if p.currency < 0 {
		return ""
	}
	s, _ := values[p.currency].(string)
	return s
}

// groupOf gives what a row's amounts may be added up with: those of its currency,
// and what is estimated apart from what is booked.
func (p moneyPlaces) groupOf(values []any) string {
	currency := p.currencyOf(values)
	if p.kind >= 0 && currency != "" && values[p.kind] == "estimated" {
		return currency + " estimated"
	}
	return currency
}
