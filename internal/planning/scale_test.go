package planning_test

import (
	"testing"

	"gengheng/internal/planning"
)

// mosaic stretches the two townships over side by side parcels of 64 m by 64 m,
// two fifths of them fields. Three fifths of every twentieth field want to
// leave; every sixteenth orchard could come in.
func (f *fixture) mosaic(side int) {
	f.exec(`UPDATE layer_feature SET geom = ST_SetSRID(ST_Multi(ST_MakeEnvelope(
			560000 + (fid - 1) * 32.0 * $2, 4013000, 560000 + fid * 32.0 * $2, 4013000 + 64.0 * $2)), $1) WHERE kind = 'XZQ'`, srid, side)
	f.exec(`INSERT INTO parcel (county_code, dataset_id, fid, dlbm, area_m2, geom)
		SELECT $1, $2, y * $4 + x, CASE WHEN (x * 7 + y * 13 + x * y) % 5 < 2 THEN '0103' WHEN (x + y) % 9 = 0 THEN '1006' ELSE '0201' END, 0,
		       ST_SetSRID(ST_Multi(ST_Segmentize(ST_MakeEnvelope(560000 + 64.0 * x, 4013000 + 64.0 * y, 560064 + 64.0 * x, 4013064 + 64.0 * y), 10)), $3)
		FROM generate_series(0, $4 - 1) x, generate_series(0, $4 - 1) y`, county, f.dltb, srid, side)
	for _, c := range []struct{ direction, where, part string }{
		{"out", "dlbm = '0103' AND fid % 20 = 0", "0.6"}, {"in", "dlbm = '0201' AND fid % 16 = 0", "1"},
	} {
		dataset := f.in
		if c.direction == "out" {
			dataset = f.out
		}
		f.exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, area_m2, geom)
			SELECT county_code, $2, fid, $3, $3 || lpad(fid::text, 7, '0'), CASE WHEN ST_XMin(geom) < 560000 + 32.0 * $4 THEN '149901100' ELSE '149901101' END, 0,
			       ST_Multi(ST_SetSRID(ST_MakeEnvelope(ST_XMin(geom), ST_YMin(geom), ST_XMin(geom) + 64 * `+c.part+`, ST_YMax(geom)), $5))
			FROM parcel WHERE county_code = $1 AND dataset_id = $6 AND `+c.where, county, dataset, c.direction, side, srid, f.dltb)
	}
	f.exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, quality, scores)
		SELECT county_code, $2, direction, number, township_code, 'eligible', ST_Area(geom), ST_Area(geom), round(ST_Area(geom)::numeric * (0.8 + fid % 17 / 85.0), 2), 0,
		       8 + fid % 5, jsonb_build_object('IN-P1', fid % 11 / 10.0, 'IN-P4', fid % 3 / 2.0, 'OUT-P1', fid % 7 / 6.0)
		FROM candidate WHERE county_code = $1`, county, f.run)
	f.exec(`ANALYZE`)
}

func BenchmarkRun(b *testing.B) {
	f := newCounty(b)
	f.mosaic(316) // 99 856 parcels
	for i := range b.N {
		id := f.plan(string(rune('a'+i)), map[string]any{"time_limit_s": 20, "gap": 0.001})
		if err := planning.Run(b.Context(), f.db, county, id, func(stage string, _, _ int64) { b.Log(b.Elapsed(), stage) }); err != nil {
			b.Fatal(err)
		}
		s := f.summary(id)
		b.Log(s.Message, *s.Gap, *s.GapNet, s.In, s.Out)
	}
}
