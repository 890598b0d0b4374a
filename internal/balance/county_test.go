package balance

import (
	"fmt"
	"os"
	"testing"
)

// TestWriteCounty writes a synthetic county for other programs to look at, where
// BALANCE_COUNTY names a folder.
func TestWriteCounty(t *testing.T) {
	dir := os.Getenv("BALANCE_COUNTY")
	if dir == "" {
		t.Skip("BALANCE_COUNTY is not set")
	}
	for _, c := range []countySpec{
		{3000, 6, false, 0.01, 1}, {3000, 6, true, 0.01, 1}, {10000, 15, false, 0.01, 1}, {10000, 15, true, 0.01, 1}, {100000, 25, false, 0.01, 1}, {100000, 25, true, 0.01, 1},
	} {
		name := fmt.Sprintf("%s/%d-%v", dir, c.units, c.allFree)
		if err := WriteProblem(name, c.problem()); err != nil {
			t.Fatal(err)
		}
	}
}

// Ensure generated problems are valid, of the size asked for, and the same every
// time.
func TestSyntheticProblems(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() *Problem{
		"realistic": func() *Problem { return SyntheticCounty(900, 4, false, 0.01, 1) },
		"all-free":  func() *Problem { return SyntheticCounty(900, 4, true, 0.01, 1) },
		"reserve":   func() *Problem { return SyntheticReserve(900, 10, 200, 1) },
	} {
		p := make()
		if err := p.Validate(); err != nil || len(p.Units) != 900 {
			t.Errorf("%s: %d units, %v", name, len(p.Units), err)
		}
		if fmt.Sprint(p) != fmt.Sprint(make()) {
			t.Errorf("%s: another problem the second time", name)
		}
	}
}
