package rivalry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/intake/copyrow"
	"gengheng/internal/overlay"
	"gengheng/internal/rivalry/synthetic"
)

// storeRaster stores the slope classes as PostGIS raster in square tiles, class
// 0 as no data. The bytes are PostGIS raster's WKB: header, then band 8BUI.
func (s session) storeRaster(ctx context.Context, table string, m *overlay.SlopeMap, tile int) error {
	if err := s.exec(ctx, fmt.Sprintf("DROP TABLE IF EXISTS %[1]s; CREATE TABLE %[1]s (rast raster)", table)); err != nil {
		return err
	}
	f := m.Frame()
	float := func(b []byte, v float64) []byte { return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }
	pipe, sink := io.Pipe()
	go func() {
		var err error
		for y := 0; y < f.Height && err == nil; y += tile {
			for x := 0; x < f.Width && err == nil; x += tile {
				w, h := min(tile, f.Width-x), min(tile, f.Height-y)
				b := []byte{1, 0, 0, 1, 0}
				for _, v := range []float64{f.DX, -f.DY, f.X0 + f.DX*float64(x), f.Y0 - f.DY*float64(y), 0, 0} {
					b = float(b, v)
				}
				b = binary.LittleEndian.AppendUint32(b, synthetic.SRID)
				b = binary.LittleEndian.AppendUint16(b, uint16(w))
				b = binary.LittleEndian.AppendUint16(b, uint16(h))
				b = append(b, 0x40|4, 0) // has no-data, 8BUI; its value is 0
				for r := y; r < y+h; r++ {
					for c := x; c < x+w; c++ {
						b = append(b, byte(m.Class(c, r)))
					}
				}
				_, err = io.WriteString(sink, hex.EncodeToString(b)+"\n")
			}
		}
		sink.CloseWithError(err)
	}()
	if _, err := s.PgConn().CopyFrom(ctx, pipe, "COPY "+table+" (rast) FROM STDIN"); err != nil {
		pipe.CloseWithError(err)
		return fmt.Errorf("load %s: %w", table, err)
	}
	return s.exec(ctx, fmt.Sprintf("CREATE INDEX ON %[1]s USING gist (ST_ConvexHull(rast)); ANALYZE %[1]s", table))
}

// rasterSQL counts pixel centres by class with PostGIS raster.
const rasterSQL = `
CREATE UNLOGGED TABLE {{out}} AS
SELECT id, (v.vc).value::int AS class, sum((v.vc).count)::int8 AS cells FROM (
  SELECT c.id, ST_ValueCount(ST_Clip(r.rast, c.geom, true), 1) AS vc
  FROM {{layer}} c JOIN %s r ON ST_Intersects(ST_ConvexHull(r.rast), c.geom) OFFSET 0) v
WHERE (v.vc).value > 0 GROUP BY 1, 2`

// zonal is ours, end to end: polygons from PostGIS by binary COPY, shares by
// class exactly, rows back by binary COPY. The slope map is kept in memory with
// its dataset's version.
func zonal(ctx context.Context, pool *pgxpool.Pool, m *overlay.SlopeMap, table, out string, count int) (float64, error) {
	sessions, end, err := connect(ctx, pool, runtime.GOMAXPROCS(0))
	if err != nil {
		return 0, err
	}
	defer end()
	err = sessions[0].exec(ctx, fmt.Sprintf("DROP TABLE IF EXISTS %[1]s; CREATE UNLOGGED TABLE %[1]s (id int4, class smallint, share float8[])", out))
	if err != nil {
		return 0, err
	}
	// each connection reads and judges a part of the polygons
	rows := make([][]byte, len(sessions))
	begin := time.Now()
	var group errgroup.Group
	for i, s := range sessions {
		group.Go(func() error {
			from, to := count*i/len(sessions), count*(i+1)/len(sessions)
			var row copyrow.Row
			err := s.copyOut(ctx, fmt.Sprintf("SELECT id, geom FROM %s WHERE id >= %d AND id < %d", table, from, to), func(t tuple) error {
				c, err := m.Zonal(t.geom)
				row = appendShares(row, t.a, &c)
				return err
			})
			rows[i] = row
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	err = sessions[0].copyIn(ctx, "COPY "+out+" (id, class, share) FROM STDIN (FORMAT binary)", func(w io.Writer) error {
		for _, r := range rows {
			if _, err := w.Write(r); err != nil {
				return err
			}
		}
		return nil
	})
	return time.Since(begin).Seconds(), err
}

// appendShares appends a row (int4, smallint, float8[]).
func appendShares(row copyrow.Row, id int32, c *overlay.Coverage) copyrow.Row {
	row = copyrow.Begin(row, 3).Int(id)
	row = binary.BigEndian.AppendUint32(row, 2)
	row = binary.BigEndian.AppendUint16(row, uint16(c.Majority()))
	// an array: dimensions, flags, element type float8 (701), length, first index
	row = binary.BigEndian.AppendUint32(row, uint32(20+12*len(c.ByClass)))
	for _, v := range []uint32{1, 0, 701, uint32(len(c.ByClass)), 1} {
		row = binary.BigEndian.AppendUint32(row, v)
	}
	for _, v := range c.ByClass {
		share := 0.0
		if c.Total > 0 {
			share = v / c.Total
		}
		row = row.Float(share)
	}
	return row
}

// kernel times exact coverage of polygons in memory on all processors.
func kernel(m *overlay.SlopeMap, polygons []orb.MultiPolygon) (float64, error) {
	var group errgroup.Group
	var next atomic.Int64
	begin := time.Now()
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for {
				from := int(next.Add(128)) - 128
				if from >= len(polygons) {
					return nil
				}
				for _, p := range polygons[from:min(from+128, len(polygons))] {
					if _, err := m.Zonal(p); err != nil {
						return err
					}
				}
			}
		})
	}
	err := group.Wait()
	return time.Since(begin).Seconds(), err
}

// Zonal compares slope classes by polygon with PostGIS raster.
func (b *Bench) Zonal(ctx context.Context) error {
	sessions, end, err := connect(ctx, b.Pool, 1)
	if err != nil {
		return err
	}
	defer end()
	s := sessions[0]
	if err := s.exec(ctx, "CREATE EXTENSION IF NOT EXISTS postgis_raster"); err != nil {
		return fmt.Errorf("postgis_raster: %w", err)
	}
	begin := time.Now()
	m, err := b.county.Terrain()
	if err != nil {
		return err
	}
	b.say("　坡度图 · slope map: %d × %d 像元 · cells, %.2f s（含生成高程 · with making the DEM）, %.0f MiB", m.Frame().Width, m.Frame().Height, time.Since(begin).Seconds(), float64(m.Bytes())/(1<<20))
	for _, tile := range []int{128, 256} {
		if err := s.storeRaster(ctx, fmt.Sprintf("slope_%d", tile), m, tile); err != nil {
			return err
		}
	}
	if err := b.zonalOf(ctx, s, m, "cand", b.county.Candidates, "slope_256", 10); err != nil {
		return err
	}
	return b.zonalOf(ctx, s, m, "parcels", b.county.Parcels, "slope_128", 20)
}

func (b *Bench) zonalOf(ctx context.Context, s session, m *overlay.SlopeMap, table string, polygons []orb.MultiPolygon, raster string, target float64) error {
	job := fmt.Sprintf("坡度分级 · slope classes, %d", len(polygons))
	var sql, ours, kernels []float64
	var sqlPeak, ownPeak float64
	for i := range b.Repeats {
		w := s.watchServer()
		took, err := s.statement(ctx, fmt.Sprintf(rasterSQL, raster), table, "raster_"+table)
		if peak := w.end(); i == 0 {
			sqlPeak = peak
		}
		if err != nil {
			return err
		}
		w = watchSelf()
		own, err := zonal(ctx, b.Pool, m, table, "own_slope_"+table, len(polygons))
		ownPeak = max(ownPeak, w.end())
		if err != nil {
			return err
		}
		k, err := kernel(m, polygons)
		if err != nil {
			return err
		}
		sql, ours, kernels = append(sql, took), append(ours, own), append(kernels, k)
	}
	differ, cells, err := s.sameCentres(ctx, m, "raster_"+table, polygons)
	if err != nil {
		return err
	}
	b.own(job, "自有，精确，全程 · ours, exact, end to end", ours, ownPeak, "坡度图随版本留在内存 · the slope map is kept in memory with its version")
	b.own(job, "自有，只算 · ours, compute only", kernels, 0, "")
	b.rival(job, "PostGIS ST_Clip + ST_ValueCount", sql, sqlPeak, median(ours), target,
		fmt.Sprintf("只算 · compute only %.0f×; 像元中心 · pixel centres: %d 个像元 · cells, %d 个图斑不同 · polygons differ", median(sql)/median(kernels), cells, differ))
	return nil
}

// sameCentres compares PostGIS' counts of pixel centres with ours.
func (s session) sameCentres(ctx context.Context, m *overlay.SlopeMap, table string, polygons []orb.MultiPolygon) (differ int, cells int64, err error) {
	want := make([]overlay.Counts, len(polygons))
	rows, err := s.Query(ctx, "SELECT id, class, cells FROM "+table)
	if err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", table, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, class int
		var n int64
		if err := rows.Scan(&id, &class, &n); err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", table, err)
		}
		want[id].ByClass[class-1] = n
		cells += n
	}
	if err := rows.Err(); err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", table, err)
	}
	for i, p := range polygons {
		got, err := m.Centres(p)
		if err != nil {
			return 0, 0, err
		}
		if !slices.Equal(got.ByClass[:], want[i].ByClass[:]) {
			differ++
		}
	}
	return differ, cells, nil
}
