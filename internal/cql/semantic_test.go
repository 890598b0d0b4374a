package cql_test

import (
	"fmt"
	"slices"
	"testing"

	"gengheng/internal/cql"
)

// TestMeaning runs filters on the synthetic candidates that QGIS does not send
// but other programs may.
func TestMeaning(t *testing.T) {
	db := candidates(t)
	for _, test := range []struct {
		filter string
		want   []int64
	}{
		// Precedence and three values.
		{`paddy`, []int64{1, 4}},
		{`NOT paddy`, []int64{2, 3}},
		{`paddy = false`, []int64{2, 3}},
		{`paddy <> (area_mu > 50)`, []int64{1}},
		{`id = 1 OR id = 2 AND paddy`, []int64{1}},
		{`(id = 1 OR id = 2) AND paddy`, []int64{1}},
		{`NOT id = 1 AND paddy`, []int64{4}},
		{`NOT (id = 1 AND paddy)`, []int64{2, 3, 4, 5}},
		{`area_mu > 1 OR id = 5`, []int64{1, 3, 4, 5}},
		{`(area_mu > 1) IS NULL`, []int64{5}},
		{`area_mu IS NULL`, []int64{5}},
		{`geom IS NULL and TRUE`, []int64{5}},
		{`false`, nil},
		{`zone_code NOT IN ('P1', 'P7')`, []int64{2, 4}},
		{`id IN (1, 2.5, 3)`, []int64{1, 3}},
		{`id in (id)`, []int64{1, 2, 3, 4, 5}},
		{`area_mu between area_mu-1 and area_mu`, []int64{1, 2, 3, 4}},
		{`zone_code between 'P1' and 'P6'`, []int64{1}},
		// Text.
		{`地类名称 LIKE '水_'`, []int64{1}},
		{`"地类名称" LIKE '%50\%'`, []int64{4}},
		{`地类名称 LIKE '%\'`, nil}, // refused below: the quote is escaped
		{`zone_code = 'a\b''c'`, []int64{4}},
		{`zone_code = 'a\\b''c'`, nil},
		{`CASEI(zone_code) = 'p1'`, []int64{1}},
		{`ACCENTI(zone_code) = ACCENTI('P̈1')`, []int64{1}},
		{`ACCENTI('débárquér') = 'debarquer' AND id = 1`, []int64{1}},
		// Arithmetic.
		{`area_mu = 0.5`, []int64{2}},
		{`slope = 0.1`, []int64{1}},
		{`slope + 0.2 = 0.3`, []int64{1}},
		{`slope - 6 > 0 AND slope < 7`, []int64{3}},
		{`area_mu / (id - 1) > 0`, []int64{2, 3, 4}},
		{`(area_mu % (id - 1)) IS NULL`, []int64{1, 5}},
		{`(area_mu DIV 0) IS NULL`, []int64{1, 2, 3, 4, 5}},
		{`area_mu div 2 = 1`, []int64{3}},
		{`-7 div 2 = -3 AND -7 % 2 = -1 AND id = 1`, []int64{1}},
		{`7 / 2 = 3.5 AND 2 + 3 * 4 = 14 AND (2 + 3) * 4 = 20 AND 10 - 3 - 2 = 5 AND id = 1`, []int64{1}},
		{`2 ^ 3 ^ 2 = 512 AND -2 ^ 2 = 4 AND 2 ^ -1 = 0.5 AND 0 ^ 0 = 1 AND 4 ^ 0.5 = 2 AND id = 1`, []int64{1}},
		{`(0 ^ -1) IS NULL AND (-8 ^ 0.5) IS NULL AND (9 ^ 1e6) IS NULL AND (1e38 ^ 1e38) IS NULL AND id = 1`, []int64{1}},
		{`-id = -1`, []int64{1}},
		{`+id - -1 = 2`, []int64{1}},
		{`slope < 1e38 * 1e38 * 1e38 * 1e38 * 1e38 * 1e38 * 1e38 * 1e38 * 1e38`, []int64{1, 2, 3, 4}},
		{`id < 9223372036854775808`, []int64{1, 2, 3, 4, 5}},
		{`id * 9223372036854775807 > 9223372036854775807`, []int64{2, 3, 4, 5}},
		// Times. Days are those of Beijing: candidate 1 was updated on 1 January there.
		{`updated_at = DATE('2026-01-01')`, []int64{1, 2}},
		{`updated_at > DATE('2026-01-01')`, []int64{3, 4}},
		{`updated_at < TIMESTAMP('2026-01-01T00:00:00+08:00')`, nil},
		{`updated_at < TIMESTAMP('2026-01-01T08:00:00+08:00')`, []int64{1}},
		{`surveyed IN (DATE('2026-03-01'), DATE('1999-12-31'))`, []int64{2, 4}},
		{`surveyed < updated_at`, []int64{4}},
		{`surveyed BETWEEN DATE('2026-01-01') AND DATE('2026-03-01')`, []int64{1, 2}},
		{`T_INTERSECTS(updated_at, INTERVAL('2026-01-01', '2026-02-01'))`, []int64{1, 2, 3}},
		{`T_DURING(updated_at, INTERVAL('2026-01-01T00:00:00Z', '..'))`, []int64{3, 4}},
		{`NOT T_DISJOINT(surveyed, INTERVAL('..', '2000-01-01'))`, []int64{4}},
		{`T_EQUALS(updated_at, TIMESTAMP('2026-02-01T12:00:00Z'))`, []int64{3}},
		{`T_BEFORE(surveyed, updated_at)`, []int64{4}},
		{`T_AFTER(surveyed, updated_at)`, []int64{2, 3}},
		{`T_MEETS(INTERVAL('..', surveyed), INTERVAL('2026-06-01', '..'))`, []int64{3}},
	} {
		f, err := cql.Parse(test.filter, fields, cql.Options{})
		if test.filter == `地类名称 LIKE '%\'` {
			if err == nil {
				t.Errorf("%s is understood", test.filter)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		if got := selected(t, db, f); !slices.Equal(got, test.want) {
			condition, _ := f.SQL(nil)
			t.Errorf("%s selects %v, want %v: %s", test.filter, got, test.want, condition)
		}
	}
}

// TestWhere runs what Esri's clients write.
func TestWhere(t *testing.T) {
	db := candidates(t)
	for _, test := range []struct {
		filter string
		want   []int64
	}{
		{`1=1`, []int64{1, 2, 3, 4, 5}},
		{`1=2`, nil},
		{`ID <> 1 AND Zone_Code != 'P7'`, []int64{2, 4}},
		{`UPPER(ZONE_CODE) LIKE 'P1%'`, []int64{1, 2}},
		{`LOWER(zone_code) = LOWER('P12')`, []int64{2}},
		{`updated_at > DATE '2026-01-01'`, []int64{3, 4}},
		{`updated_at > DATE '2026-01-01 12:00:00'`, []int64{3, 4}},
		{`updated_at >= TIMESTAMP '2026-01-01 00:00:00'`, []int64{2, 3, 4}},
		{`updated_at < timestamp '2026-01-01 00:00:00' OR id IN (5)`, []int64{1, 5}},
		{`zone_code = 'a\b''c'`, []int64{4}},
		{`zone_code <> 'a\'`, []int64{1, 2, 3, 4}},
		{`zone_code LIKE '%\'`, nil},
		{`地类名称 IS NOT NULL AND (AREA_MU * 666.67) > 1000`, []int64{1, 3, 4}},
	} {
		f, err := cql.ParseWhere(test.filter, fields, cql.Options{})
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		if got := selected(t, db, f); !slices.Equal(got, test.want) {
			condition, _ := f.SQL(nil)
			t.Errorf("%s selects %v, want %v: %s", test.filter, got, test.want, condition)
		}
	}
}

// TestSpatial compares all spatial functions with what PostGIS says of the
// same literal when the features, not the literal, are transformed.
func TestSpatial(t *testing.T) {
	db := candidates(t)
	opt := cql.Options{StorageSRID: zone35, FilterSRID: 4490}
	functions := map[string]string{
		"S_INTERSECTS": "ST_Intersects", "S_EQUALS": "ST_Equals", "S_DISJOINT": "ST_Disjoint", "S_TOUCHES": "ST_Touches",
		"S_WITHIN": "ST_Within", "S_OVERLAPS": "ST_Overlaps", "S_CROSSES": "ST_Crosses", "S_CONTAINS": "ST_Contains",
	}
	for _, wkt := range []string{
		"POINT(106.015 26.505)",
		"POINT Z (106.015 26.505 1200)",
		"LINESTRING(106 26.505, 106.035 26.504)",
		"LINESTRING(100 26.505, 112 26.505)",
		"LINESTRING(106.012 26.502, 106.018 26.504)",
		"POLYGON((106 26, 106.025 26, 106.025 27, 106 27, 106 26))",
		"POLYGON((106 26, 107 26, 107 27, 106 27, 106 26),(106.025 26.5,106.026 26.5,106.026 26.501,106.025 26.5))",
		"MULTIPOINT((106.015 26.505),(106.0151 26.5051))",
		"MULTIPOINT(106.015 26.505, 106.0351 26.5051)",
		"MULTILINESTRING((106 26.505, 106.035 26.504),(106.032 26.502, 106.034 26.503))",
		"MULTIPOLYGON(((106.011 26.501, 106.012 26.501, 106.012 26.502, 106.011 26.501)),((106.04 26.5,106.05 26.5,106.05 26.6,106.04 26.5)))",
	} {
		for function, reference := range functions {
			f, err := cql.Parse(fmt.Sprintf("%s(geom, %s)", function, wkt), fields, opt)
			if err != nil {
				t.Fatalf("%s %s: %v", function, wkt, err)
			}
			var want []int64
			if err := db.Pool.QueryRow(t.Context(), `SELECT array_agg(id ORDER BY id) FROM candidates WHERE `+reference+
				`(ST_Transform(geom, 4490), ST_Force2D(ST_GeomFromText($1, 4490)))`, wkt).Scan(&want); err != nil {
				t.Fatal(err)
			}
			if got := selected(t, db, f); !slices.Equal(got, want) {
				t.Errorf("%s of %s selects %v, want %v", function, wkt, got, want)
			}
		}
	}
}

// TestSpatialPlaces runs geometries that PostGIS could fail on: far away,
// across the antimeridian, without width, or crossing themselves.
func TestSpatialPlaces(t *testing.T) {
	db := candidates(t)
	all := []int64{1, 2, 3, 4}
	for _, test := range []struct {
		filter string
		srid   int
		want   []int64
	}{
		{`S_INTERSECTS(geom, BBOX(-180,-90,180,90))`, 4490, all},
		{`S_WITHIN(geom, BBOX(-180,-90,180,90))`, 4326, all},
		{`S_INTERSECTS(geom, BBOX(-180,-90,-1000,180,90,9000))`, 4490, all},
		{`S_INTERSECTS(geom, BBOX(100,20,-170,30))`, 4490, all},
		{`S_INTERSECTS(geom, BBOX(170,20,106.015,30))`, 4490, []int64{1}},
		{`S_DISJOINT(geom, BBOX(-10,40,10,50))`, 4490, all},
		{`S_INTERSECTS(geom, POINT(-75 40))`, 4490, nil},
		{`S_INTERSECTS(geom, BBOX(106.015,26.505,106.015,26.505))`, 4490, []int64{1}},
		{`S_INTERSECTS(geom, BBOX(106.015,26,106.015,27))`, 4490, []int64{1}},
		{`S_INTERSECTS(geom, POLYGON((106 26,106.025 27,106.025 26,106 27,106 26)))`, 4490, []int64{1, 2}},
		{`S_TOUCHES(geom, POLYGON((106 26,107 26,106 26,107 26,106 26)))`, 4490, nil},
		{`S_INTERSECTS(geom, GEOMETRYCOLLECTION(POINT(106.015 26.505),LINESTRING(106.035 26.5,106.035 26.6)))`, 4490, []int64{1, 3}},
		{`S_DISJOINT(geom, GEOMETRYCOLLECTION(POINT(106.015 26.505),LINESTRING(106.035 26.5,106.035 26.6)))`, 4490, []int64{2, 4}},
		{`S_CONTAINS(geom, GEOMETRYCOLLECTION(POINT(106.015 26.505),GEOMETRYCOLLECTION(MULTIPOINT(106.0151 26.5051))))`, 4490, []int64{1}},
		{`S_INTERSECTS(geom, BBOX(11800000,3050000,11810000,3070000))`, 3857, all},
		{`S_INTERSECTS(geom, BBOX(-20037508,-20037508,20037508,20037508))`, 3857, all},
		{`S_INTERSECTS(geom, BBOX(0,0,1e9,1e9))`, 4523, all},
		{`S_INTERSECTS(geom, BBOX(-1e9,-1e9,1e9,1e9))`, 4544, all},
		{`S_EQUALS(geom, geom)`, 4490, all},
		{`S_INTERSECTS(POINT(106 26), BBOX(106,26,107,27)) AND id = 5`, 4490, []int64{5}},
	} {
		f, err := cql.Parse(test.filter, fields, cql.Options{StorageSRID: zone35, FilterSRID: test.srid})
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		if got := selected(t, db, f); !slices.Equal(got, test.want) {
			condition, _ := f.SQL(nil)
			t.Errorf("%s in %d selects %v, want %v: %s", test.filter, test.srid, got, test.want, condition)
		}
	}
}
