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

// agree compares our results for one layer with a rival's geometry, whose area
// it computes anew: geometry is compared, not area rules.
func (s session) agree(ctx context.Context, ownTable string, layer int, rival string) (Agreement, error) {
	type key struct{ a, b int32 }
	areas := map[key]float64{}
	rows, err := s.Query(ctx, "SELECT a, b, area FROM "+ownTable+" WHERE layer = $1", layer)
	if err != nil {
		return Agreement{}, fmt.Errorf("read %s: %w", ownTable, err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var area float64
		if err := rows.Scan(&k.a, &k.b, &area); err != nil {
			return Agreement{}, fmt.Errorf("read %s: %w", ownTable, err)
		}
		areas[k] = area
	}
	if err := rows.Err(); err != nil {
		return Agreement{}, fmt.Errorf("read %s: %w", ownTable, err)
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
	z := synthetic.Zone()
	err = s.copyOut(ctx, "SELECT a, b, geom FROM "+rival, func(t tuple) error {
		k := key{t.a, t.b}
		compare(land.AdditiveArea(t.geom, z) - areas[k])
		delete(areas, k)
		return nil
	})
	for _, area := range areas {
		compare(area)
	}
	return out, err
}

func (a *Agreement) add(b Agreement) {
	a.Pairs, a.Beyond, a.Worst = a.Pairs+b.Pairs, a.Beyond+b.Beyond, max(a.Worst, b.Worst)
}

func (a Agreement) String() string {
	return fmt.Sprintf("%d 对 · pairs, %d 对相差超过 · differ by more than 1e-4 m², 最大 · worst %.2g m²", a.Pairs, a.Beyond, a.Worst)
}
