package screening_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"gengheng/internal/screening"
)

// BenchmarkCountyEdit screens 5,000 candidates of a county of 100,000 parcels
// again after a stretch of some 300 m of a red line has been drawn straight.
func BenchmarkCountyEdit(b *testing.B) {
	c := large(b, 316, 5000)
	s := screener(b, c, screening.Config{})
	c.lap(b, s)
	i := 0
	for b.Loop() {
		b.StopTimer()
		c.editRedLine(i)
		i++
		run := c.queue()
		b.StartTimer()
		begin, spent := time.Now(), processorTime()
		if err := s.Run(b.Context(), code, run, nil); err != nil {
			b.Fatal(err)
		}
		var again *int
		if err := c.db.Pool.QueryRow(b.Context(), `SELECT rejudged FROM screening_run WHERE run_id = $1`, run).Scan(&again); err != nil {
			b.Fatal(err)
		}
		if again == nil {
			b.Fatal("all was judged again")
		}
		b.Logf("%6.2f s in all (processor %.2f s), %d judged again", time.Since(begin).Seconds(), processorTime()-spent, *again)
	}
}

// editRedLine commits a version of STBHHX of which one feature has fewer
// vertices than in the version before.
func (c *county) editRedLine(i int) {
	c.t.Helper()
	var old uuid.UUID
	if err := c.db.Pool.QueryRow(c.t.Context(), `SELECT dataset_id FROM dataset WHERE kind = 'STBHHX' ORDER BY commit_seq DESC LIMIT 1`).Scan(&old); err != nil {
		c.t.Fatal(err)
	}
	id := c.dataset("STBHHX", "")
	c.exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, bsm, code, name, level, area_m2, geom)
		SELECT county_code, $2, fid, kind, bsm, code, name, level, area_m2, CASE fid WHEN 1 THEN (
			SELECT ST_Multi(ST_MakePolygon(ST_MakeLine(p.geom ORDER BY p.path[1]))) FROM ST_DumpPoints(ST_ExteriorRing(ST_GeometryN(f.geom, 1))) p
			WHERE p.path[1] NOT BETWEEN $3 AND $4) ELSE geom END
		FROM layer_feature f WHERE dataset_id = $1`, old, id, 100+i, 400+i)
}
