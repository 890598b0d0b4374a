package screening

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
	"gengheng/internal/overlay/polygon"
)

// loadedLayer is a dataset version of polygons in memory: what its features are
// called, and where they lie.
type loadedLayer struct {
	// features are in the order of their fid; parcel is not set.
	features []feature
	fids     []int32
	places   map[int32]int32
	index    *polygon.Layer
}

// featureSize is what a feature takes beside its coordinates, roughly.
const featureSize = 200

// loadLayer gives a dataset of layer_feature or candidate.
func (j *job) loadLayer(ctx context.Context, table string, dataset uuid.UUID) (*loadedLayer, error) {
	if table == "candidate" {
		d, err := j.loadDeclared(ctx, dataset)
		if err != nil {
			return nil, err
		}
		return &d.loadedLayer, nil
	}
	return hold(ctx, j, cacheKey{j.county, dataset, table}, func(ctx context.Context) (*loadedLayer, int64, error) {
		l := &loadedLayer{places: map[int32]int32{}}
		var shapes []orb.MultiPolygon
		rows, err := j.db.Pool.Query(ctx, `
			SELECT fid, bsm, code, name, level, ST_AsBinary(geom) FROM layer_feature
			WHERE county_code = $1 AND dataset_id = $2 ORDER BY fid`, j.county, dataset)
		if err != nil {
			return nil, 0, err
		}
		var (
			fid int32
			f   feature
			raw pgtype.DriverBytes
		)
		_, err = pgx.ForEachRow(rows, []any{&fid, &f.bsm, &f.code, &f.name, &f.level, &raw}, func() error {
			shape, err := decode(raw)
			l.places[fid] = int32(len(l.features))
			l.features, l.fids, shapes = append(l.features, f), append(l.fids, fid), append(shapes, shape)
			return err
		})
		if err != nil {
			return nil, 0, fmt.Errorf("read dataset %s: %w", dataset, err)
		}
		if l.index, err = polygon.Index(shapes, j.zone); err != nil {
			return nil, 0, fmt.Errorf("dataset %s: %w", dataset, err)
		}
		return l, l.index.Bytes() + int64(len(l.features))*featureSize, nil
	})
}

// declaredDataset is a version of a township's declarations in memory, as
// candidates and as land that others may overlap.
type declaredDataset struct {
	loadedLayer
	// candidates are in the order of fid; their index is not set.
	candidates []candidate
}

const candidatesSQL = `
SELECT fid, direction, number, township_code, base_dlbm, base_bsm, target_dlbm, purpose, method, gdlx, actor,
       nullif(documents, '{}'), nullif(attrs, '{}'), area_m2::text, ST_AsBinary(geom)
FROM candidate WHERE county_code = $1 AND dataset_id = $2 ORDER BY fid`

// candidateSize is what a candidate takes beside its coordinates, roughly.
const candidateSize = 800

func (j *job) loadDeclared(ctx context.Context, dataset uuid.UUID) (*declaredDataset, error) {
	return hold(ctx, j, cacheKey{j.county, dataset, "candidate"}, func(ctx context.Context) (*declaredDataset, int64, error) {
		l := &declaredDataset{loadedLayer: loadedLayer{places: map[int32]int32{}}}
		rows, err := j.db.Pool.Query(ctx, candidatesSQL, j.county, dataset)
		if err != nil {
			return nil, 0, err
		}
		var (
			shapes []orb.MultiPolygon
			bytes  int64
		)
		l.candidates, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (candidate, error) {
			c := candidate{dataset: dataset}
			var raw pgtype.DriverBytes
			err := row.Scan(&c.fid, &c.direction, &c.number, &c.township, &c.baseDLBM, &c.baseBSM, &c.target, &c.purpose,
				&c.method, &c.gdlx, &c.actor, &c.documents, &c.attrs, &c.area, &raw)
			if err != nil {
				return c, err
			}
			c.geom, err = decode(raw)
			c.m2 = land.AdditiveArea(c.geom, j.zone)
			l.places[c.fid] = int32(len(l.features))
			l.features, l.fids = append(l.features, feature{bsm: c.number, name: c.number}), append(l.fids, c.fid)
			shapes, bytes = append(shapes, c.geom), bytes+mosaicBytes(c.geom)
			return c, err
		})
		if err != nil {
			return nil, 0, fmt.Errorf("read the declarations %s: %w", dataset, err)
		}
		if l.index, err = polygon.Index(shapes, j.zone); err != nil {
			return nil, 0, fmt.Errorf("declarations %s: %w", dataset, err)
		}
		l.index.CompareAll()
		for i := range l.candidates {
			l.candidates[i].prepared = l.index.Candidate(i)
		}
		return l, bytes + l.index.Bytes() + int64(len(l.candidates))*candidateSize, nil
	})
}

// loadMosaic gives the features of a dataset for questions of distance.
func (j *job) loadMosaic(ctx context.Context, table string, dataset uuid.UUID) (*overlay.Mosaic, error) {
	return hold(ctx, j, cacheKey{j.county, dataset, table + " mosaic"}, func(ctx context.Context) (*overlay.Mosaic, int64, error) {
		sql, err := forTable(`SELECT ST_AsBinary(geom) FROM {{layer}} WHERE county_code = $1 AND dataset_id = $2 ORDER BY fid`, table)
		if err != nil {
			return nil, 0, err
		}
		rows, err := j.db.Pool.Query(ctx, sql, j.county, dataset)
		if err != nil {
			return nil, 0, err
		}
		var (
			raw    pgtype.DriverBytes
			mosaic overlay.MosaicBuilder
			bytes  int64
		)
		_, err = pgx.ForEachRow(rows, []any{&raw}, func() error {
			shape, err := decode(raw)
			mosaic.Add(shape)
			bytes += mosaicBytes(shape)
			return err
		})
		if err != nil {
			return nil, 0, fmt.Errorf("read dataset %s: %w", dataset, err)
		}
		return mosaic.Build(), bytes, nil
	})
}

// mosaicBytes is what a mosaic keeps of a polygon: 16 bytes a vertex and some 6
// of references to its edges.
func mosaicBytes(shape orb.MultiPolygon) int64 {
	n := int64(0)
	for _, polygon := range shape {
		for _, ring := range polygon {
			n += int64(len(ring))
		}
	}
	return 22*n + 160
}
