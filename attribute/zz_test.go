package attribute_test

import (
	"testing"
	"time"

	"pixledger/attribute"
)

func TestZZ(t *testing.T) {
	attribute.Trace = func(name string, d time.Duration) { t.Logf("%-24s %v", name, d) }
	l, _ := threeDayLake(t)
	s := time.Now()
	l.run(2)
	t.Log("total", time.Since(s))
	l.commit(nil, []string{"c1"})
	s = time.Now()
	l.run(2)
	t.Log("total", time.Since(s))
}
