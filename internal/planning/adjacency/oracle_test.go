package adjacency_test

import (
	"math"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/planning/adjacency"
	"gengheng/internal/store/storetest"
)

// PostGIS makes irregular cells without gaps, turns their rings our way round,
// and says how much boundary every two of them have in common.
func TestPostGISMeasuresTheSame(t *testing.T) {
	db := storetest.Empty(t)
	ctx := t.Context()
	if _, err := db.Pool.Exec(ctx, `
		CREATE EXTENSION IF NOT EXISTS postgis;
		CREATE TABLE cell AS
		SELECT row_number() OVER (ORDER BY d.path)::int - 1 AS id, ST_ForcePolygonCCW(ST_ReducePrecision(
			ST_Intersection(d.geom, ST_MakeEnvelope(560000, 4013000, 562000, 4015000)), 0.0001)) AS geom
		FROM ST_Dump(ST_VoronoiPolygons((
			SELECT ST_Collect(ST_MakePoint(560000 + 2000 * (i * 0.6180339887 - floor(i * 0.6180339887)), 4013000 + 2000 * (i * 0.7548776662 - floor(i * 0.7548776662))))
			FROM generate_series(1, 200) i))) d`); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Pool.Query(ctx, `SELECT ST_AsBinary(geom) FROM cell ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	units, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (orb.MultiPolygon, error) {
		var b []byte
		if err := row.Scan(&b); err != nil {
			return nil, err
		}
		g, err := wkb.Unmarshal(b)
		if err != nil {
			return nil, err
		}
		return orb.MultiPolygon{g.(orb.Polygon)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	border := box(560000, 4013000, 562000, 4015000)
	g := build(t, adjacency.Request{Units: units, Border: border, Width: 8})
	got := map[[2]int]float64{}
	for _, e := range g.Edges {
		got[[2]int{e.A, e.B}] = e.Length
	}
	rows, err = db.Pool.Query(ctx, `SELECT a.id, b.id, ST_Length(ST_Intersection(ST_Boundary(a.geom), ST_Boundary(b.geom)))
		FROM cell a JOIN cell b ON a.id < b.id AND a.geom && b.geom`)
	if err != nil {
		t.Fatal(err)
	}
	var a, b, compared int
	var want float64
	_, err = pgx.ForEachRow(rows, []any{&a, &b, &want}, func() error {
		// Within a centimetre of a corner two cells may see a third.
		if math.Abs(got[[2]int{a, b}]-want) > 0.1 {
			t.Errorf("cells %d and %d share %v m, PostGIS says %v", a, b, got[[2]int{a, b}], want)
		}
		if want > 1 {
			compared++
		}
		delete(got, [2]int{a, b})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pair, length := range got {
		if length > 0.1 {
			t.Errorf("cells %v share %v m, PostGIS says none", pair, length)
		}
	}
	if len(units) != 200 || compared < 400 {
		t.Errorf("compared %d boundaries of %d cells", compared, len(units))
	}
	total := 0.0
	for u := range units {
		total += g.Border[u]
		if g.Outside[u] > 0.1 {
			t.Errorf("cell %d: %v m outside, in a county without gaps", u, g.Outside[u])
		}
	}
	if math.Abs(total-8000) > 1 {
		t.Errorf("%v m on the border of 8000 m", total)
	}
}
