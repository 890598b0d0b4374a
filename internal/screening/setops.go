package screening

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/overlay"
)

// Order by ordinality keeps the result the same for the same parts.
const unionSQL = `
SELECT u.id, ST_AsBinary(ST_CollectionExtract(ST_UnaryUnion(ST_Collect(ST_GeomFromWKB(u.wkb) ORDER BY u.ord)), 3))
FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS u (id, wkb, ord)
GROUP BY u.id`

// Union leaves a set of one polygon as it is.
func (e *postgis) Union(ctx context.Context, sets [][]orb.MultiPolygon) ([]orb.MultiPolygon, error) {
	out := make([]orb.MultiPolygon, len(sets))
	b := e.batch(ctx, unionSQL, 1, out)
	for i, set := range sets {
		if len(set) == 1 {
			out[i] = overlay.Canonical(set[0])
			continue
		}
		for _, g := range set {
			if err := b.add(i, g); err != nil {
				return nil, err
			}
		}
		b.send(batchBytes)
	}
	if err := b.wait(); err != nil {
		return nil, fmt.Errorf("union: %w", err)
	}
	return out, nil
}

const differenceSQL = `
SELECT u.id, ST_AsBinary(ST_CollectionExtract(ST_Difference(ST_GeomFromWKB(u.a), ST_GeomFromWKB(u.b)), 3))
FROM unnest($1::integer[], $2::bytea[], $3::bytea[]) AS u (id, a, b)`

const intersectionSQL = `
SELECT u.id, ST_AsBinary(ST_CollectionExtract(ST_Intersection(ST_GeomFromWKB(u.a), ST_GeomFromWKB(u.b)), 3))
FROM unnest($1::integer[], $2::bytea[], $3::bytea[]) AS u (id, a, b)`

// Difference leaves a[i] as it is where b[i] is empty.
func (e *postgis) Difference(ctx context.Context, a, b []orb.MultiPolygon) ([]orb.MultiPolygon, error) {
	return e.pairs(ctx, "difference", differenceSQL, a, b, func(i int) (orb.MultiPolygon, bool) {
		return a[i], len(a[i]) == 0 || len(b[i]) == 0
	})
}

// Intersection is empty where either is.
func (e *postgis) Intersection(ctx context.Context, a, b []orb.MultiPolygon) ([]orb.MultiPolygon, error) {
	return e.pairs(ctx, "intersection", intersectionSQL, a, b, func(i int) (orb.MultiPolygon, bool) {
		return nil, len(a[i]) == 0 || len(b[i]) == 0
	})
}

func (e *postgis) pairs(ctx context.Context, what, sql string, a, b []orb.MultiPolygon, easy func(int) (orb.MultiPolygon, bool)) ([]orb.MultiPolygon, error) {
	if len(a) != len(b) {
		return nil, fmt.Errorf("%s of %d polygons with %d", what, len(a), len(b))
	}
	out := make([]orb.MultiPolygon, len(a))
	q := e.batch(ctx, sql, 2, out)
	for i := range a {
		if g, ok := easy(i); ok {
			out[i] = g
			continue
		}
		if err := q.add(i, a[i], b[i]); err != nil {
			return nil, err
		}
		q.send(batchBytes)
	}
	if err := q.wait(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}

// batch sends geometries to the server in statements of bounded size, as many
// at once as the engine has slots.
type batch struct {
	engine *postgis
	group  *errgroup.Group
	ctx    context.Context
	sql    string
	// out takes the answers by id; no two statements have an id in common.
	out   []orb.MultiPolygon
	ids   []int32
	wkb   [][][]byte
	bytes int
}

func (e *postgis) batch(ctx context.Context, sql string, columns int, out []orb.MultiPolygon) *batch {
	group, ctx := errgroup.WithContext(ctx)
	// Reading goes on while both slots compute, but not far ahead.
	group.SetLimit(2 * cap(e.slots))
	return &batch{engine: e, group: group, ctx: ctx, sql: sql, out: out, wkb: make([][][]byte, columns)}
}

func (b *batch) add(id int, geoms ...orb.MultiPolygon) error {
	b.ids = append(b.ids, int32(id))
	for c, g := range geoms {
		raw, err := wkb.Marshal(g)
		if err != nil {
			return err
		}
		b.wkb[c] = append(b.wkb[c], raw)
		b.bytes += len(raw)
	}
	return nil
}

// send sends what has gathered if it is more than limit.
func (b *batch) send(limit int) {
	if len(b.ids) == 0 || b.bytes <= limit {
		return
	}
	args := []any{b.ids}
	for _, column := range b.wkb {
		args = append(args, column)
	}
	b.ids, b.wkb, b.bytes = nil, make([][][]byte, len(b.wkb)), 0
	b.group.Go(func() error {
		return b.engine.session(b.ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(b.ctx, b.sql, args...)
			if err != nil {
				return err
			}
			var (
				id  int32
				raw []byte
			)
			_, err = pgx.ForEachRow(rows, []any{&id, &raw}, func() error {
				g, err := decode(raw)
				b.out[id] = overlay.Canonical(g)
				return err
			})
			return err
		})
	})
}

// wait sends the rest and waits for all answers.
func (b *batch) wait() error {
	b.send(0)
	return b.group.Wait()
}

const nearSQL = `
SELECT s.idx FROM subject s
WHERE EXISTS (SELECT FROM {{layer}} f
    WHERE f.county_code = $1 AND f.dataset_id = $2 AND f.fid = ANY($3)
      AND f.geom && ST_Expand(s.geom, $4) AND ST_DWithin(s.geom, f.geom, $4))`

func (e *postgis) Near(ctx context.Context, subjects []*overlay.Shape, layer layerTable, fids []int32, d float64) ([]bool, error) {
	near := make([]bool, len(subjects))
	if len(fids) == 0 {
		return near, nil
	}
	sql, err := forTable(nearSQL, layer.table)
	if err != nil {
		return nil, err
	}
	err = e.session(ctx, func(tx pgx.Tx) error {
		shapes := make([]orb.MultiPolygon, len(subjects))
		for i, s := range subjects {
			if s != nil {
				shapes[i] = s.Polygons()
			}
		}
		if err := e.stage(ctx, tx, shapes, 0, len(shapes)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sql, e.county, layer.dataset, fids, d)
		if err != nil {
			return err
		}
		var idx int32
		_, err = pgx.ForEachRow(rows, []any{&idx}, func() error {
			near[idx] = true
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("what is near: %w", err)
	}
	return near, nil
}

// The features are cut to the subject's surroundings first: a road may be long.
// 64 segments a quarter circle keep the buffer within 0.1 mm of a 5 m belt.
const beyondSQL = `
WITH s AS (SELECT ST_GeomFromWKB($3, $4) AS geom),
near AS (
    SELECT ST_Collect(ST_Intersection(f.geom, ST_Expand(ST_Envelope(s.geom), $6::float8 + 1)) ORDER BY f.fid) AS geom
    FROM {{layer}} f, s WHERE f.county_code = $1 AND f.dataset_id = $2 AND f.fid = ANY($5))
SELECT ST_AsBinary(ST_CollectionExtract(ST_Difference(s.geom, ST_Buffer(near.geom, $6::float8, 'quad_segs=64')), 3)) FROM s, near`

func (e *postgis) Beyond(ctx context.Context, subject orb.MultiPolygon, layer layerTable, fids []int32, width float64) (orb.MultiPolygon, error) {
	sql, err := forTable(beyondSQL, layer.table)
	if err != nil {
		return nil, err
	}
	raw, err := wkb.Marshal(subject)
	if err != nil {
		return nil, err
	}
	var out []byte
	if err := e.pool.QueryRow(ctx, sql, e.county, layer.dataset, raw, e.srid, fids, width).Scan(&out); err != nil {
		return nil, fmt.Errorf("belt beyond %g m: %w", width, err)
	}
	g, err := decode(out)
	return overlay.Canonical(g), err
}
