package rivalry

import (
	"context"
	"fmt"
	"math"

	"gengheng/internal/land"
	"gengheng/internal/rivalry/synthetic"
)

// Agreement compares the areas of two tools pair by pair, both under the additive
// ellipsoidal rule.
type Agreement struct {
	// Pairs that at least one of them has.
	Pairs int
	// Beyond differ by more than 1e-4 m², or only one has them with more.
	Beyond int
	// Worst is the largest difference in m².
	Worst float64
}

// tolerance in m² to which the areas of a pair must agree.
const tolerance = 1e-4

// agree compares our results for one layer with a rival's table.
func (s session) agree(ctx context.Context, ownTable string, layer int, rival string) (Agreement, error) {
	return s.agreeWith(ctx, ownTable, layer, func(take func(tuple) error) error {
		return s.copyOut(ctx, "SELECT a, b, geom FROM "+rival, take)
	})
}

// agreeWith compares our results for one layer with a rival's geometry, which rows
// gives and whose area it computes anew: geometry is compared, not area rules.
func (s session) agreeWith(ctx context.Context, ownTable string, layer int, rows func(take func(tuple) error) error) (Agreement, error) {
	type key struct{ a, b int32 }
	theirs := map[key]float64{}
	z := synthetic.Zone()
	err := rows(func(t tuple) error {
		theirs[key{t.a, t.b}] += land.AdditiveArea(t.geom, z)
		return nil
	})
	if err != nil {
		return Agreement{}, err
	}
	var out Agreement
	compare := func(d float64) {
		out.Pairs++
		d = math.Abs(d)
		out.Worst = max(out.Worst, d)
		if d > tolerance {
			out.Beyond++
		}
	}
	own, err := s.Query(ctx, "SELECT a, b, area FROM "+ownTable+" WHERE layer = $1", layer)
	if err != nil {
		return Agreement{}, fmt.Errorf("read %s: %w", ownTable, err)
	}
	defer own.Close()
	for own.Next() {
		var k key
		var area float64
		if err := own.Scan(&k.a, &k.b, &area); err != nil {
			return Agreement{}, fmt.Errorf("read %s: %w", ownTable, err)
		}
		compare(theirs[k] - area)
		delete(theirs, k)
	}
	for _, area := range theirs {
		compare(area)
	}
	if err := own.Err(); err != nil {
		return Agreement{}, fmt.Errorf("read %s: %w", ownTable, err)
	}
	return out, nil
}

func (a *Agreement) add(b Agreement) {
	a.Pairs, a.Beyond, a.Worst = a.Pairs+b.Pairs, a.Beyond+b.Beyond, max(a.Worst, b.Worst)
}

func (a Agreement) String() string {
	return fmt.Sprintf("%d 对 · pairs, %d 对相差超过 · differ by more than 1e-4 m², 最大 · worst %.2g m²", a.Pairs, a.Beyond, a.Worst)
}
