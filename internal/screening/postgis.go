package screening

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	"github.com/paulmach/orb/encoding/wkb"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/land"
)

// postgis overlays with GEOS OverlayNG inside the database.
type postgis struct {
	pool   *pgxpool.Pool
	county string
	srid   int
	zone   land.Zone
	// slots bounds how many connections compute at once.
	slots chan struct{}
}

var _ engine = (*postgis)(nil)

const (
	// bigFeature is the size in bytes from which a feature is cut up before it
	// is compared, some 500 vertices: PostGIS reads a feature whole for every
	// pair it is in.
	bigFeature = 8192
	// pieceVertices is the size of the pieces; the optimum is flat around it.
	pieceVertices = 128
	// chunk is how many subjects one query takes.
	chunk = 250
	// batchBytes is how much geometry goes to the server in one statement.
	batchBytes = 1 << 20
)

//go:embed pieces.sql
var piecesSQL string

//go:embed overlaps.sql
var overlapsSQL string

// The temporary tables live as long as their transaction, so a killed run
// leaves nothing.
const stageSQL = `
CREATE TEMP TABLE subject (idx integer NOT NULL, geom geometry NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE piece (fid integer NOT NULL, no integer GENERATED ALWAYS AS IDENTITY, geom geometry NOT NULL) ON COMMIT DROP;`

const indexSQL = `
CREATE INDEX ON piece USING gist (geom);
CREATE INDEX ON subject (idx);
ANALYZE piece, subject;`

func newPostGIS(pool *pgxpool.Pool, county string, srid int, zone land.Zone) *postgis {
	return &postgis{pool: pool, county: county, srid: srid, zone: zone, slots: make(chan struct{}, 2)}
}

// Overlaps cuts big features up for speed only: the pieces of a feature do not
// overlap and the areas are additive, so that their sum is the area of the
// uncut intersection.
func (e *postgis) Overlaps(ctx context.Context, subjects []orb.MultiPolygon, layer layerTable, _ func(int, int32) bool, emit func(int, part)) error {
	// Parcels are many and small: no time is lost when two connections stage
	// their few big ones both. Other layers run beside each other anyway.
	ranges := 1
	if layer.table == "parcel" && len(subjects) > chunk {
		ranges = cap(e.slots)
	}
	group, ctx := errgroup.WithContext(ctx)
	for r := range ranges {
		from, to := len(subjects)*r/ranges, len(subjects)*(r+1)/ranges
		group.Go(func() error {
			return e.session(ctx, func(tx pgx.Tx) error { return e.overlapRange(ctx, tx, subjects, from, to, layer, emit) })
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("overlay with dataset %s of table %s: %w", layer.dataset, layer.table, err)
	}
	return nil
}

// session runs fn in a transaction of a connection of its own.
func (e *postgis) session(ctx context.Context, fn func(pgx.Tx) error) error {
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.slots }()
	return pgx.BeginFunc(ctx, e.pool, fn)
}

func (e *postgis) overlapRange(ctx context.Context, tx pgx.Tx, subjects []orb.MultiPolygon, from, to int, layer layerTable, emit func(int, part)) error {
	if err := e.stage(ctx, tx, subjects, from, to); err != nil {
		return err
	}
	pieces, err := forTable(piecesSQL, layer.table)
	if err != nil {
		return err
	}
	overlaps, err := forTable(overlapsSQL, layer.table)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, pieces, e.county, layer.dataset, bigFeature, pieceVertices); err != nil {
		return fmt.Errorf("stage the big features: %w", err)
	}
	if _, err := tx.Exec(ctx, indexSQL); err != nil {
		return err
	}
	for ; from < to; from += chunk {
		if err := e.stream(ctx, tx, overlaps, layer, from, min(from+chunk, to), emit); err != nil {
			return err
		}
	}
	return nil
}

// stage makes the temporary tables and fills in the subjects.
func (e *postgis) stage(ctx context.Context, tx pgx.Tx, subjects []orb.MultiPolygon, from, to int) error {
	if _, err := tx.Exec(ctx, stageSQL); err != nil {
		return err
	}
	i := from
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"subject"}, []string{"idx", "geom"}, pgx.CopyFromFunc(func() ([]any, error) {
		for ; i < to; i++ {
			if len(subjects[i]) == 0 {
				continue
			}
			b, err := ewkb.Marshal(subjects[i], e.srid)
			i++
			return []any{int32(i - 1), b}, err
		}
		return nil, nil
	}))
	if err != nil {
		return fmt.Errorf("stage the subjects: %w", err)
	}
	return nil
}

// forTable names the table of a layer in a statement.
func forTable(sql, table string) (string, error) {
	switch table {
	case "parcel", "layer_feature", "candidate":
		return strings.ReplaceAll(sql, "{{layer}}", table), nil
	}
	return "", fmt.Errorf("no overlay with table %q", table)
}

func (e *postgis) stream(ctx context.Context, tx pgx.Tx, sql string, layer layerTable, from, to int, emit func(int, part)) error {
	rows, err := tx.Query(ctx, sql, e.county, layer.dataset, bigFeature, from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	var (
		idx, fid, no int32
		raw          pgtype.DriverBytes
	)
	for rows.Next() {
		if err := rows.Scan(&idx, &fid, &no, &raw); err != nil {
			return err
		}
		geom, err := decode(raw)
		if err != nil {
			return err
		}
		if m2 := land.AdditiveArea(geom, e.zone); m2 > 0 {
			emit(int(idx), part{fid: fid, order: no, geom: geom, m2: m2})
		}
	}
	return rows.Err()
}

// pair is a subject and a feature.
type pair struct {
	subject int
	fid     int32
}

const pairsSQL = `
SELECT u.id, u.fid, ST_AsBinary(ST_CollectionExtract(ST_Intersection(ST_GeomFromWKB(u.wkb, $3), f.geom), 3))
FROM unnest($4::integer[], $5::integer[], $6::bytea[]) AS u (id, fid, wkb)
JOIN {{layer}} f ON f.county_code = $1 AND f.dataset_id = $2 AND f.fid = u.fid`

// overlapPairs computes single pairs.
func (e *postgis) overlapPairs(ctx context.Context, subjects []orb.MultiPolygon, layer layerTable, pairs []pair, emit func(int, part)) error {
	sql, err := forTable(pairsSQL, layer.table)
	if err != nil {
		return err
	}
	for len(pairs) > 0 {
		n := min(len(pairs), chunk)
		ids, fids, shapes := make([]int32, n), make([]int32, n), make([][]byte, n)
		for k, p := range pairs[:n] {
			ids[k], fids[k] = int32(p.subject), p.fid
			if shapes[k], err = wkb.Marshal(subjects[p.subject]); err != nil {
				return err
			}
		}
		pairs = pairs[n:]
		err := e.session(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sql, e.county, layer.dataset, e.srid, ids, fids, shapes)
			if err != nil {
				return err
			}
			var (
				id, fid int32
				raw     []byte
			)
			_, err = pgx.ForEachRow(rows, []any{&id, &fid, &raw}, func() error {
				geom, err := decode(raw)
				if m2 := land.AdditiveArea(geom, e.zone); err == nil && m2 > 0 {
					emit(int(id), part{fid: fid, geom: geom, m2: m2})
				}
				return err
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("overlay pairs in doubt: %w", err)
		}
	}
	return nil
}

// decode reads WKB of a polygon or multipolygon.
func decode(b []byte) (orb.MultiPolygon, error) {
	g, err := wkb.Unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("geometry from PostGIS: %w", err)
	}
	switch g := g.(type) {
	case orb.Polygon:
		return orb.MultiPolygon{g}, nil
	case orb.MultiPolygon:
		return g, nil
	}
	return nil, fmt.Errorf("geometry from PostGIS is a %s, want polygons", g.GeoJSONType())
}
