package planning

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gengheng/internal/land"
)

func TestMatchTakesTheNearestSurplusFirst(t *testing.T) {
	towns := []position{
		{code: "A", x: 0, balance: -1000},
		{code: "B", x: 10, balance: 600},
		{code: "C", x: 30, balance: 900},
		{code: "D", x: 40, balance: -300},
	}
	transfers, err := match(MeasureArea, towns)
	if err != nil {
		t.Fatal(err)
	}
	want := []Transfer{
		{From: "B", To: "A", Measure: MeasureArea, Amount: 600},
		{From: "C", To: "A", Measure: MeasureArea, Amount: 400},
		{From: "C", To: "D", Measure: MeasureArea, Amount: 300},
	}
	if len(transfers) != len(want) {
		t.Fatalf("transfers %v, want %v", transfers, want)
	}
	for i := range want {
		if transfers[i] != want[i] {
			t.Errorf("transfer %v, want %v", transfers[i], want[i])
		}
	}
}

func TestMatchRefusesACountyThatIsShort(t *testing.T) {
	_, err := match(MeasurePaddy, []position{{code: "A", balance: -101}, {code: "B", balance: 100}})
	if err == nil || !strings.Contains(err.Error(), "0.01") {
		t.Fatalf("error %v, want a shortage of 0.01 m²", err)
	}
}

// Whatever the balances: what is matched holds in every township to the last
// hundredth, nothing is passed on, and a county that is not short is covered.
func TestMatchedTransfersHoldExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "townships")
		towns := make([]position, n)
		own := map[string]land.Area{}
		var total land.Area
		for i := range towns {
			towns[i] = position{
				code:    string(rune('A' + i)),
				x:       float64(rapid.IntRange(0, 3).Draw(t, "x")),
				y:       float64(rapid.IntRange(0, 3).Draw(t, "y")),
				balance: land.Area(rapid.Int64Range(-1e12, 1e12).Draw(t, "balance")),
			}
			own[towns[i].code] = towns[i].balance
			total += towns[i].balance
		}
		transfers, err := match(MeasureArea, towns)
		if (err == nil) != (total >= 0) {
			t.Fatalf("total %v: %v", total, err)
		}
		if err != nil {
			return
		}
		if err := checkBalance(MeasureArea, own, transfers); err != nil {
			t.Fatal(err)
		}
		for _, x := range transfers {
			if own[x.From] <= 0 || own[x.To] >= 0 || x.Amount <= 0 {
				t.Fatalf("transfer %v between balances %v and %v", x, own[x.From], own[x.To])
			}
		}
	})
}

func TestCheckBalanceFindsAHundredth(t *testing.T) {
	own := map[string]land.Area{"A": -500, "B": 500}
	for name, c := range map[string]struct {
		transfers []Transfer
		ok        bool
	}{
		"covered":               {[]Transfer{{"B", "A", MeasureArea, 500}}, true},
		"short by 0.01":         {[]Transfer{{"B", "A", MeasureArea, 499}}, false},
		"gives what it has not": {[]Transfer{{"B", "A", MeasureArea, 501}}, false},
		"of another measure":    {[]Transfer{{"B", "A", MeasurePaddy, 500}}, false},
		"to nowhere":            {[]Transfer{{"B", "A", MeasureArea, 500}, {"B", "Z", MeasureArea, 1}}, false},
		"negative":              {[]Transfer{{"B", "A", MeasureArea, 600}, {"B", "A", MeasureArea, -100}}, false},
	} {
		if err := checkBalance(MeasureArea, own, c.transfers); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGradeArea(t *testing.T) {
	for _, c := range []struct {
		net  land.Area
		g    Grade
		want land.Area
	}{
		{150000, 1000, 150000},  // grade 1 counts in full
		{150000, 15000, 10000},  // grade 15 a fifteenth
		{150000, 8500, 75000},   // half-way
		{1, 1000, 1}, {0, 5, 0}, // nothing is nothing
		{1e16, 1000, 1e16}, // no overflow
	} {
		if got := gradeArea(c.net, c.g); got != c.want {
			t.Errorf("gradeArea(%v, %v) = %v, want %v", c.net, c.g, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		net := rapid.Int64Range(0, 1e15).Draw(t, "net")
		g := Grade(rapid.Int64Range(1000, 15000).Draw(t, "grade"))
		got, want := float64(gradeArea(land.Area(net), g)), float64(net)*float64(16000-g)/15000
		if math.Abs(got-want) > 0.5+want*1e-12 {
			t.Fatalf("gradeArea(%d, %d) = %v, want %v", net, g, got, want)
		}
	})
}
