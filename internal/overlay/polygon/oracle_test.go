package polygon

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"github.com/paulmach/orb/encoding/wkt"

	"gengheng/internal/store/storetest"
)

// judged is what PostGIS says of a pair and of the geometry found for it.
type judged struct {
	// valid: both operands are; failed: PostGIS gave up.
	valid, failed bool
	area          float64
	// geometryValid says whether ours is.
	geometryValid bool
	reason        string
}

const judgeSQL = `
SELECT ST_IsValid(a) AND ST_IsValid(b), ST_IsValid(g), CASE WHEN ST_IsValid(g) THEN '' ELSE ST_IsValidReason(g) END,
       pg_temp.combined_area(a, b, $4)
FROM (SELECT ST_GeomFromWKB(a) a, ST_GeomFromWKB(b) b, ST_GeomFromWKB(g) g, n
      FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS t(a, b, g, n) OFFSET 0) t
ORDER BY n`

// combinedAreaSQL is NULL where GEOS gives up.
const combinedAreaSQL = `
CREATE OR REPLACE FUNCTION pg_temp.combined_area(a geometry, b geometry, operation text) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
  RETURN ST_Area(CASE operation WHEN 'intersection' THEN ST_Intersection(a, b) WHEN 'union' THEN ST_Union(a, b)
                 WHEN 'difference' THEN ST_Difference(a, b) END);
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$`

func wkbOf(t testing.TB, mp orb.MultiPolygon) []byte {
	t.Helper()
	if mp == nil {
		mp = orb.MultiPolygon{}
	}
	b, err := wkb.Marshal(mp)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func judge(t testing.TB, pool *pgxpool.Pool, operation string, pairs []pair, found []orb.MultiPolygon) []judged {
	t.Helper()
	var a, b, g [][]byte
	for i, p := range pairs {
		a, b, g = append(a, wkbOf(t, p.a)), append(b, wkbOf(t, p.b)), append(g, wkbOf(t, found[i]))
	}
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), combinedAreaSQL); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), judgeSQL, a, b, g, operation)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []judged
	for rows.Next() {
		var j judged
		var area *float64
		if err := rows.Scan(&j.valid, &j.geometryValid, &j.reason, &area); err != nil {
			t.Fatal(err)
		}
		if area == nil {
			j.failed = true
		} else {
			j.area = *area
		}
		out = append(out, j)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// tally counts the outcomes of one kind of pair.
type tally struct {
	pairs, invalid, doubtful, falseAlarms, failed, wrong, postgisOff, badGeometry int
	doubts                                                                        Doubt
}

// TestAgainstPostGIS compares areas with GEOS OverlayNG and has all geometries
// judged. A disagreement that no certificate caught fails the test.
func TestAgainstPostGIS(t *testing.T) {
	db := storetest.New(t)
	rng := rand.New(rand.NewPCG(*oracleSeed, 6))
	total := *oraclePairs
	if testing.Short() {
		total /= 10
	}
	tallies := map[string]*tally{}
	worst := 0.0
	for done := 0; done < total; {
		var pairs []pair
		var found []orb.MultiPolygon
		var overlaps []Overlap
		for range 2000 {
			p := randomPair(rng)
			if rng.IntN(4) == 0 {
				p = randomCellsPair(rng)
			}
			o := overlapOf(t, p.a, p.b)
			pairs, found, overlaps = append(pairs, p), append(found, o.Geometry), append(overlaps, o)
		}
		done += len(pairs)
		for i, j := range judge(t, db.Pool, "intersection", pairs, found) {
			p, o := pairs[i], overlaps[i]
			if tallies[p.kind] == nil {
				tallies[p.kind] = &tally{}
			}
			c := tallies[p.kind]
			c.pairs++
			tolerance := 1e-4
			diff := math.Abs(o.Planar - j.area)
			switch {
			case !j.valid:
				c.invalid++
			case o.Doubt != 0:
				c.doubtful++
				c.doubts |= o.Doubt
				if !j.failed && diff <= tolerance {
					c.falseAlarms++
				}
			case j.failed:
				c.failed++
			case diff > tolerance && math.Abs(o.Planar-exactArea(p.a, p.b)) < tolerance/10:
				c.postgisOff++ // it snaps where noding fails
			case diff > tolerance:
				c.wrong++
				t.Errorf("%s: planar %.9g, PostGIS %.9g\n%s", p.kind, o.Planar, j.area, describe(p))
			case !j.geometryValid:
				c.badGeometry++
				t.Errorf("%s: geometry not valid: %s\n%s\n%s", p.kind, j.reason, describe(p), wkt.MarshalString(o.Geometry))
			default:
				worst = max(worst, diff)
			}
		}
		if t.Failed() {
			break
		}
	}
	var kinds []string
	for k := range tallies {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	var report strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&report, "\n%-20s %+v", k, *tallies[k])
	}
	t.Logf("worst difference %.3g m²%s", worst, report.String())
}

// More pairs, and others, by hand: go test -run AgainstPostGIS -pairs 1000000 -seed 7.
var (
	oraclePairs = flag.Int("pairs", 20000, "pairs that PostGIS judges")
	gridPairs   = flag.Int("grid", 20000, "pairs of sets of squares whose overlap is counted")
	exactPairs  = flag.Int("exact", 1500, "pairs that are compared with rational numbers")
	oracleSeed  = flag.Uint64("seed", 5, "seed of the random pairs")
)

func describe(p pair) string { return wkt.MarshalString(p.a) + "\n" + wkt.MarshalString(p.b) }

// TestSetOperationsAgainstPostGIS does the same for unions and differences.
func TestSetOperationsAgainstPostGIS(t *testing.T) {
	db := storetest.New(t)
	rng := rand.New(rand.NewPCG(*oracleSeed, 8))
	for _, operation := range []string{"union", "difference", "intersection"} {
		doubtful, invalid, off := 0, 0, 0
		for done := 0; done < *oraclePairs/5; done += 2000 {
			var pairs []pair
			var found []orb.MultiPolygon
			var results []Result
			for range 2000 {
				p := randomPair(rng)
				if rng.IntN(4) == 0 {
					p = randomCellsPair(rng)
				}
				a, b := prepare(t, p.a), prepare(t, p.b)
				var r Result
				switch operation {
				case "union":
					r = Union([]*Candidate{a, b}, zone37)
				case "difference":
					r = Difference(a, b, zone37)
				default:
					r = Intersection(a, b, zone37)
				}
				pairs, found, results = append(pairs, p), append(found, r.Geometry), append(results, r)
			}
			for i, j := range judge(t, db.Pool, operation, pairs, found) {
				p, r := pairs[i], results[i]
				common := func() float64 {
					switch common := exactArea(p.a, p.b); operation {
					case "union":
						return planar(p.a) + planar(p.b) - common
					case "difference":
						return planar(p.a) - common
					default:
						return common
					}
				}
				switch {
				case !j.valid:
					invalid++
				case r.Doubt != 0:
					doubtful++
				case !j.geometryValid:
					t.Fatalf("%s of %s: geometry not valid: %s\n%s\n%s", operation, p.kind, j.reason, describe(p), wkt.MarshalString(r.Geometry))
				case math.Abs(planar(r.Geometry)-r.Planar) > 1e-6:
					t.Fatalf("%s of %s: geometry has %.9g, sum %.9g\n%s", operation, p.kind, planar(r.Geometry), r.Planar, describe(p))
				case math.Abs(r.Planar-j.area) > 1e-4:
					// Slivers thinner than rounding are left out.
					slivers := 2e-9 * (prepare(t, p.a).length() + prepare(t, p.b).length())
					if want := common(); math.Abs(r.Planar-want) > 1e-5+slivers {
						t.Fatalf("%s of %s: planar %.9g, PostGIS %.9g, exactly %.9g\n%s", operation, p.kind, r.Planar, j.area, want, describe(p))
					}
					off++
				}
			}
		}
		t.Logf("%s: %d invalid pairs, %d in doubt, PostGIS off in %d", operation, invalid, doubtful, off)
	}
}
