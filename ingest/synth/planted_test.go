package synth

import (
	"bytes"
	"testing"
	"time"

	"pixledger/schemas"
)

// The planted log is the same bytes each time, adds up, and is of its catalog.
// That what is planted is found is tested with the program.
func TestPlanted(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var first, again bytes.Buffer
	sum, err := Planted(&first, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Planted(&again, start); err != nil || !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Errorf("two logs differ (%v)", err)
	}
	if n := int64(bytes.Count(first.Bytes(), []byte("\n"))); sum.Lines != n || sum.Events() != n || sum.Bytes != int64(first.Len()) {
		t.Errorf("%d lines, %d events and %d bytes; the summary is %+v", n, sum.Events(), first.Len(), sum)
	}
	if sum.First.Before(start) || !sum.Last.Before(start.AddDate(0, 0, plantedDays)) {
		t.Errorf("it is from %s to %s", sum.First, sum.Last)
	}
	cat, warnings, err := schemas.ParseCatalog("the planted catalog", PlantedCatalog())
	if err != nil || len(warnings) > 0 || cat.Pixel(9014) == nil {
		t.Errorf("the catalog: %v %v", warnings, err)
	}
}
