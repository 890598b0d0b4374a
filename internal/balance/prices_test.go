package balance

import (
	"context"
	"math"
	"testing"
	"time"
)

// Ensure a township's price is the county's price and a premium that the cost of
// transfers bounds: all of it where the township imports, none where it exports.
func TestPricesFollowTransfers(t *testing.T) {
	t.Parallel()
	p := countySpec{2000, 5, true, 0.01, 6}.problem()
	s, err := Solve(context.Background(), p, Options{Gap: 2e-3, TimeLimit: 30 * time.Second})
	if err != nil || s.Selected == nil {
		t.Fatal(err)
	}
	imports, exports := 0, 0
	for _, x := range Prices(p, s) {
		if x.Pool == "" {
			continue
		}
		scale := 1e-6 * (math.Abs(x.Price) + *x.ImportCost)
		if x.Premium > *x.ImportCost+scale || x.Premium < -*x.ExportCost-scale || math.Abs(x.PoolPrice+x.Premium-x.Price) > scale {
			t.Errorf("%+v: the premium is not within the cost of transfers", x)
		}
		if x.Imported > 1 {
			imports++
		}
		if x.Exported > 1 {
			exports++
		}
	}
	if imports == 0 || exports == 0 {
		t.Errorf("%d imports, %d exports: the case shows nothing", imports, exports)
	}
}

// Ensure prices, pools and amounts are read off a case solved by hand: township
// 1 imports all of its 3, which township 2 has at 5 a piece, at 1 a piece on the way.
func TestPricesOfAKnownCase(t *testing.T) {
	t.Parallel()
	p := &Problem{
		Units:       []Unit{{ID: "a", Cost: 100}, {ID: "b", Cost: 5}, {ID: "c", Cost: 10}, {ID: "d", Cost: 40}},
		Constraints: []Constraint{{ID: "T1", RHS: 3}, {ID: "T2"}, {ID: "pool"}},
		Terms:       []Term{{0, 0, 3}, {1, 1, 1}, {1, 2, 2}, {1, 3, 4}},
		Flows:       []Flow{{ID: "in", Cost: 1, Upper: math.Inf(1)}, {ID: "out", Upper: math.Inf(1)}},
		FlowTerms:   []FlowTerm{{0, 0, 1}, {2, 0, -1}, {1, 1, -1}, {2, 1, 1}},
	}
	s, err := Solve(context.Background(), p, Options{Gap: -1})
	if err != nil || s.Status != Optimal || math.Abs(*s.Objective-18) > 1e-9 {
		t.Fatal(err, s.Status, s.Objective)
	}
	list := Prices(p, s)
	one, two := list[0], list[1]
	if one.Pool != "pool" || one.Imported != 3 || one.ExportCost != nil || *one.ImportCost != 1 || math.Abs(one.Premium-1) > 1e-9 {
		t.Errorf("T1: %+v", one)
	}
	if two.Exported < 3 || *two.ExportCost != 0 || two.ImportCost != nil || math.Abs(two.Premium) > 1e-9 {
		t.Errorf("T2: %+v", two)
	}
	if list[2].Pool != "" || Prices(p, &Solution{}) != nil {
		t.Errorf("pool: %+v", list[2])
	}
}
