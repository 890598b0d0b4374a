package planning

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gengheng/internal/land"
)

// Transfer 调剂: what one township's surplus covers of another's deficit.
type Transfer struct {
	From, To string // township codes
	Measure  Measure
	Amount   land.Area // > 0
}

// position is a township's own balance of one measure: in − out.
type position struct {
	code    string
	x, y    float64 // a point of the township, metres
	balance land.Area
}

// match covers every deficit from the surpluses, nearest townships first, in
// whole hundredths. The order is fixed: by distance (to the millimetre), then
// by the codes. It fails if the surpluses are not enough.
func match(m Measure, towns []position) ([]Transfer, error) {
	var total land.Area
	for _, t := range towns {
		total += t.balance
	}
	if total < 0 {
		return nil, fmt.Errorf("全县%s转进少于转出，差 %s m² · the county's %s balance is short by %s m²", m.zh(), -total, m, -total)
	}
	return pairUp(m, towns), nil
}

// pairUp covers what the surpluses suffice for, as match does.
func pairUp(m Measure, towns []position) []Transfer {
	type pair struct {
		from, to int
		distance int64 // mm
	}
	left := make([]land.Area, len(towns))
	var pairs []pair
	for i, t := range towns {
		left[i] = t.balance
		for j, f := range towns {
			if t.balance < 0 && f.balance > 0 {
				d := int64(math.Round(1000 * math.Hypot(t.x-f.x, t.y-f.y)))
				pairs = append(pairs, pair{from: j, to: i, distance: d})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance),
			cmp.Compare(towns[a.to].code, towns[b.to].code),
			cmp.Compare(towns[a.from].code, towns[b.from].code))
	})
	var transfers []Transfer
	for _, p := range pairs {
		amount := min(left[p.from], -left[p.to])
		if amount <= 0 {
			continue
		}
		left[p.from] -= amount
		left[p.to] += amount
		transfers = append(transfers, Transfer{From: towns[p.from].code, To: towns[p.to].code, Measure: m, Amount: amount})
	}
	slices.SortFunc(transfers, func(a, b Transfer) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return transfers
}

// checkBalance is the last word on a plan, on nothing but the numbers that
// will be stored: in every township, in + transfers in − out − transfers out
// must not be negative, by not even a hundredth, and no township may give away
// what it does not have.
func checkBalance(m Measure, own map[string]land.Area, transfers []Transfer) error {
	after := make(map[string]land.Area, len(own))
	for code, balance := range own {
		after[code] = balance
	}
	for _, t := range transfers {
		if t.Measure != m {
			continue
		}
		if _, ok := own[t.From]; !ok || t.Amount <= 0 || t.From == t.To {
			return fmt.Errorf("调剂记录无效 · invalid transfer %+v", t)
		}
		if _, ok := own[t.To]; !ok {
			return fmt.Errorf("调剂记录无效 · invalid transfer %+v", t)
		}
		after[t.From] -= t.Amount
		after[t.To] += t.Amount
	}
	codes := make([]string, 0, len(after))
	for code := range after {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		if after[code] < 0 {
			return fmt.Errorf("乡镇 %s 的%s不平衡，差 %s m² · township %s: the %s balance is short by %s m²",
				code, m.zh(), -after[code], code, m, -after[code])
		}
	}
	return nil
}

// checkTotal is the last word on a plan that balances the county's year as a
// whole: what comes in everywhere is no less than what leaves anywhere.
func checkTotal(m Measure, own map[string]land.Area) error {
	var total land.Area
	for _, balance := range own {
		total += balance
	}
	if total < 0 {
		return fmt.Errorf("全县%s净减少 %s m² · the county's net change of %s is −%s m²", m.zh(), -total, m, -total)
	}
	return nil
}
