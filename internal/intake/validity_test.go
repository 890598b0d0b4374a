package intake_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/geodata"
	"gengheng/internal/store/storetest"
)

// Ensure that geodata.Validate says of polygons what PostGIS says, on random
// rings of a coarse lattice, where touching, coinciding and crossing in a point
// are common.
func TestValidateAgreesWithPostGIS(t *testing.T) {
	db := storetest.New(t)
	random := rand.New(rand.NewPCG(1, 2))
	ring := func(size, n int) orb.Ring {
		var r orb.Ring
		for len(r) < n {
			p := orb.Point{560000 + float64(random.IntN(size)), 4013000 + float64(random.IntN(size))}
			if len(r) == 0 || r[len(r)-1] != p && (len(r) < n-1 || r[0] != p) {
				r = append(r, p)
			}
		}
		return append(r, r[0])
	}
	box := func(x0, y0, x1, y1 float64) orb.Ring {
		return orb.Ring{{560000 + x0, 4013000 + y0}, {560000 + x1, 4013000 + y0}, {560000 + x1, 4013000 + y1}, {560000 + x0, 4013000 + y1}, {560000 + x0, 4013000 + y0}}
	}
	var shapes []orb.MultiPolygon
	for range 4000 {
		shapes = append(shapes, orb.MultiPolygon{{ring(7, 3+random.IntN(5))}},
			orb.MultiPolygon{{box(0, 0, 6, 6), ring(7, 3)}},
			orb.MultiPolygon{{box(0, 0, 6, 6), ring(7, 3), ring(7, 3)}},
			orb.MultiPolygon{{ring(6, 3)}, {ring(6, 3)}},
			orb.MultiPolygon{{box(0, 0, 6, 6), box(1, 1, 5, 5)}, {ring(7, 3)}, {ring(7, 4)}},
			orb.MultiPolygon{{ring(8, 4), ring(8, 3)}, {ring(8, 3)}})
	}
	batch := make([][]byte, len(shapes))
	for i, mp := range shapes {
		raw, err := wkb.Marshal(mp)
		if err != nil {
			t.Fatal(err)
		}
		batch[i] = raw
	}
	rows, err := db.Pool.Query(t.Context(), `SELECT ST_IsValidReason(ST_GeomFromWKB(g)) FROM unnest($1::bytea[]) WITH ORDINALITY u (g, i) ORDER BY i`, batch)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	i, valid, wrong := 0, 0, 0
	reasons := map[string]int{}
	for ; rows.Next(); i++ {
		var reason string
		if err := rows.Scan(&reason); err != nil {
			t.Fatal(err)
		}
		fault := geodata.Validate(shapes[i])
		if fault == nil {
			valid++
		} else {
			reasons[fault.EN]++
		}
		if (fault == nil) != (reason == "Valid Geometry") && wrong < 10 {
			wrong++
			t.Errorf("%v: PostGIS says %q, Validate %s", shapes[i], reason, fmt.Sprint(fault))
		}
	}
	if rows.Err() != nil || i != len(shapes) || valid < 500 || len(reasons) < 8 {
		t.Errorf("%d of %d judged, %d valid, reasons %s; %v", i, len(shapes), valid, strings.ReplaceAll(fmt.Sprint(reasons), ":", " "), rows.Err())
	}
	t.Log(valid, "valid", reasons)
}
