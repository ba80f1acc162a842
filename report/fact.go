package report

import (
	"math/big"
	"time"

	"pixledger/schemas"
)

// Fact is something that holds of a whole result: its range, its totals, the
// hash of what came before it.
type Fact struct {
	Name  string
	Type  *Type
	Value any // as Type holds it; nil is null
}

// TextFact is a fact in words. An id is one too: no program rounds it.
func TextFact(name, value string) Fact {
	return Fact{name, &Type{Kind: KindText, Name: typeText}, value}
}

// IntegerFact is a number of things.
func IntegerFact(name string, value int64) Fact {
	return Fact{name, &Type{Kind: KindBigInt, Name: typeBigInt}, value}
}

// MoneyFact is an amount; its name says of which currency.
func MoneyFact(name string, value schemas.Money) Fact {
	return Fact{name, &Type{Kind: KindDecimal, Name: typeMoney, Width: schemas.MoneyPrecision, Scale: schemas.MoneyScale}, big.NewInt(int64(value))}
}

// DateFact is the date of an instant in its own zone.
func DateFact(name string, value time.Time) Fact {
	y, m, d := value.Date()
	return Fact{name, &Type{Kind: KindDate, Name: typeDate}, time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

// TimeFact is an instant.
func TimeFact(name string, value time.Time) Fact {
	return Fact{name, &Type{Kind: KindTime, Name: typeTime}, value}
}

// NullFact is a fact that is not: the hash before the first.
func NullFact(name string) Fact { return Fact{Name: name, Type: &Type{Kind: KindText, Name: typeText}} }
