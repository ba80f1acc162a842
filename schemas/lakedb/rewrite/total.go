package rewrite

import (
	"fmt"
	"math/big"
)

// total adds up sums that are larger than any integer of the machine.
type total struct{ n *big.Int }

func newTotal() *total { return &total{new(big.Int)} }

func (t *total) add(sum string) error {
	n, ok := new(big.Int).SetString(sum, 10)
	if !ok {
		return fmt.Errorf("%q is no sum", sum)
	}
	t.n.Add(t.n, n)
	return nil
}

func (t *total) text() string { return t.n.String() }
