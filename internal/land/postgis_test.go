package land_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/land"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// sample is a parcel in the plane of a zone.
type sample struct {
	zone land.Zone
	geom orb.MultiPolygon
}

// samples draws star-shaped parcels, some with a hole, some of two parts, of 5 m
// to 3 km radius, over China's latitudes and up to 1.7° off the central meridian.
func samples(n int) []sample {
	rng := rand.New(rand.NewPCG(2025, 615))
	list := make([]sample, n)
	for i := range list {
		zone := land.Zone{Number: 25 + rng.IntN(21), Prefixed: rng.IntN(2) == 0}
		lat := 18 + 35*rng.Float64()
		lon := zone.CentralMeridian() + 3.4*(rng.Float64()-0.5)
		e, north := zone.Project(lon, lat)
		radius := 5 * math.Pow(600, rng.Float64())
		polygon := orb.Polygon{star(rng, e, north, radius, 5+rng.IntN(10))}
		if rng.IntN(3) == 0 {
			hole := star(rng, e, north, radius*0.2, 4+rng.IntN(5))
			polygon = append(polygon, hole)
		}
		mp := orb.MultiPolygon{polygon}
		if rng.IntN(4) == 0 {
			mp = append(mp, orb.Polygon{star(rng, e+3*radius, north, radius*0.7, 7)})
		}
		list[i] = sample{zone, mp}
	}
	return list
}

func star(rng *rand.Rand, e, n, radius float64, count int) orb.Ring {
	ring := make(orb.Ring, 0, count+1)
	for i := range count {
		r := radius * (0.35 + 0.65*rng.Float64())
		s, c := math.Sincos(2 * math.Pi * float64(i) / float64(count))
		ring = append(ring, orb.Point{math.Round((e+r*c)*1e4) / 1e4, math.Round((n+r*s)*1e4) / 1e4})
	}
	return append(ring, ring[0])
}

// geodesicArea is PostGIS's answer: geodesic area of the boundary densified in
// the plane to edges of at most step metres.
func geodesicArea(t *testing.T, db *store.DB, s sample, step float64) float64 {
	t.Helper()
	data, err := wkb.Marshal(s.geom)
	if err != nil {
		t.Fatal(err)
	}
	var area float64
	err = db.Pool.QueryRow(context.Background(),
		`SELECT ST_Area(ST_Transform(ST_Segmentize(ST_SetSRID(ST_GeomFromWKB($1), $2::int), $3::float8), 4490)::geography)`,
		data, s.zone.EPSG(), step).Scan(&area)
	if err != nil {
		t.Fatal(err)
	}
	return area
}

// geodesicNoise is what PostGIS's geodesic routine itself is good to, in m²: it
// adds up areas against the equator in doubles. TestAdditiveAreaDense holds the
// additive area to 1e-5 where that is not in the way.
const geodesicNoise = 0.002

// TestAreaAgainstPostGIS compares both areas of parcels of all sizes with an
// implementation that shares nothing with them: the official one to 0.05 m² or
// a millionth, as two conforming programs may differ, the additive one as far as
// the oracle can tell.
func TestAreaAgainstPostGIS(t *testing.T) {
	db := storetest.New(t)
	var worstOfficial, worstAdditive float64
	for _, s := range samples(400) {
		geodesic := geodesicArea(t, db, s, 70)
		official := math.Abs(land.OfficialArea(s.geom, s.zone).Float64() - geodesic)
		if official > math.Max(0.05, 1e-6*geodesic) {
			t.Errorf("official area differs by %.4f of %.4f m²: %v %v", official, geodesic, s.zone, s.geom)
		}
		dense := geodesicArea(t, db, s, 2)
		additive := math.Abs(land.AdditiveArea(s.geom, s.zone) - dense)
		if additive > geodesicNoise {
			t.Errorf("additive area differs by %.7f of %.4f m²: %v %v", additive, dense, s.zone, s.geom)
		}
		worstOfficial, worstAdditive = math.Max(worstOfficial, official), math.Max(worstAdditive, additive)
	}
	t.Logf("greatest differences: official %.4f, additive %.7f m²", worstOfficial, worstAdditive)
}

// TestUnroundedSquaresAgainstPostGIS: on squares the chords' errors cancel, and
// the national rule without its roundings is the geodesic area of the densified
// boundary, up to 25 km².
func TestUnroundedSquaresAgainstPostGIS(t *testing.T) {
	db := storetest.New(t)
	zone := land.Zone{Number: 37}
	for _, side := range []float64{20, 63, 200, 1000, 5000} {
		const e, n = 560500, 4014000
		s := sample{zone, orb.MultiPolygon{{{{e, n}, {e + side, n}, {e + side, n + side}, {e, n + side}, {e, n}}}}}
		want := geodesicArea(t, db, s, 70)
		if got := land.OfficialAreaUnrounded(s.geom, zone); math.Abs(got-want) > geodesicNoise {
			t.Errorf("square of %v m: %.5f m², PostGIS %.5f", side, got, want)
		}
	}
}

// TestProjectAgainstPostGIS compares both directions of the projection with
// PROJ, to a thousandth of a millimetre.
func TestProjectAgainstPostGIS(t *testing.T) {
	db := storetest.New(t)
	rng := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		zone := land.Zone{Number: 25 + rng.IntN(21), Prefixed: rng.IntN(2) == 0}
		lon := zone.CentralMeridian() + 5*(rng.Float64()-0.5)
		lat := 3 + 51*rng.Float64()
		var e, n float64
		err := db.Pool.QueryRow(t.Context(), `SELECT ST_X(p), ST_Y(p)
			FROM ST_Transform(ST_SetSRID(ST_MakePoint($1, $2), 4490), $3::int) p`, lon, lat, zone.EPSG()).Scan(&e, &n)
		if err != nil {
			t.Fatal(err)
		}
		if x, y := zone.Project(lon, lat); math.Hypot(x-e, y-n) > 1e-6 {
			t.Errorf("%v (%v, %v): projected to %.7f, %.7f; PROJ says %.7f, %.7f", zone, lon, lat, x, y, e, n)
		}
		l, b := zone.Geographic(e, n)
		off := math.Hypot((l-lon)*math.Cos(lat*math.Pi/180), b-lat) * 111320
		if off > 1e-6 {
			t.Errorf("%v: the inverse of (%v, %v) is %.7f m off", zone, lon, lat, off)
		}
	}
}

// TestAreaInPostgres: an area goes to numeric(18,2) and back unchanged, alone
// and by COPY.
func TestAreaInPostgres(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	if _, err := db.Pool.Exec(ctx, `CREATE TABLE amount (i integer, m2 numeric(18,2))`); err != nil {
		t.Fatal(err)
	}
	amounts := []land.Area{0, 1, -1, 99, 100, 12345678901, -667, 100000000000}
	_, err := db.Pool.CopyFrom(ctx, pgx.Identifier{"amount"}, []string{"i", "m2"},
		pgx.CopyFromSlice(len(amounts), func(i int) ([]any, error) { return []any{i, amounts[i]}, nil }))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range amounts {
		var got land.Area
		if err := db.Pool.QueryRow(ctx, `SELECT m2 FROM amount WHERE i = $1 AND m2 = $2`, i, want).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("wrote %v, read %v", want, got)
		}
	}
	var absent *land.Area
	if err := db.Pool.QueryRow(ctx, `SELECT NULL::numeric`).Scan(&absent); err != nil || absent != nil {
		t.Errorf("NULL gives %v, %v", absent, err)
	}
}
