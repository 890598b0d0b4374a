package rivalry

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// naiveSQL is what one finds in every tutorial. OFFSET 0 keeps PostgreSQL from
// evaluating the intersection twice.
const naiveSQL = `
CREATE UNLOGGED TABLE {{out}} AS
SELECT a, b, ST_Area(geom) AS area, geom FROM (
  SELECT c.id AS a, l.id AS b, ST_Intersection(c.geom, l.geom) AS geom
  FROM cand c JOIN {{layer}} l ON ST_Intersects(c.geom, l.geom) OFFSET 0) x
WHERE ST_Dimension(geom) = 2`

// subdividedSQL is the best that we know: pieces of at most 128 vertices, put
// together again so that areas are those of the whole, candidates dealt to two
// workers.
const subdividedSQL = `
CREATE UNLOGGED TABLE {{out}} AS
SELECT a, b, ST_Area(geom) AS area, geom FROM (
  SELECT c.id AS a, x.b, x.geom FROM cand c CROSS JOIN LATERAL (
    SELECT l.id AS b, ST_UnaryUnion(ST_Collect(ST_CollectionExtract(ST_Intersection(c.geom, l.geom), 3))) AS geom
    FROM {{layer}}_128 l WHERE ST_Intersects(c.geom, l.geom) GROUP BY l.id) x OFFSET 0) y
WHERE NOT ST_IsEmpty(geom)`

// parcelsSQL is naiveSQL in a form that is dealt to two workers.
const parcelsSQL = `
CREATE UNLOGGED TABLE {{out}} AS
SELECT a, b, ST_Area(geom) AS area, geom FROM (
  SELECT c.id AS a, x.b, x.geom FROM cand c CROSS JOIN LATERAL (
    SELECT l.id AS b, ST_Intersection(c.geom, l.geom) AS geom
    FROM {{layer}} l WHERE ST_Intersects(c.geom, l.geom) OFFSET 0) x) y
WHERE ST_Dimension(geom) = 2`

const subdivideSQL = `
CREATE TABLE {{layer}}_128 AS SELECT id, ST_Subdivide(geom, 128) AS geom FROM {{layer}};
CREATE INDEX ON {{layer}}_128 USING gist (geom);
ANALYZE {{layer}}_128`

// workers lets PostgreSQL deal a query to n workers, or forbids it.
func (s session) workers(ctx context.Context, n int) error {
	if n == 0 {
		return s.exec(ctx, "SET max_parallel_workers_per_gather = 0")
	}
	return s.exec(ctx, fmt.Sprintf(`SET max_parallel_workers_per_gather = %d; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
		SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off; ALTER TABLE cand SET (parallel_workers = %d)`, n, n))
}

// statement runs one of the statements above for a layer and gives its seconds.
func (s session) statement(ctx context.Context, sql, layer, out string) (float64, error) {
	if out != "" {
		if err := s.exec(ctx, "DROP TABLE IF EXISTS "+out); err != nil {
			return 0, err
		}
	}
	sql = strings.NewReplacer("{{layer}}", layer, "{{out}}", out).Replace(sql)
	begin := time.Now()
	err := s.exec(ctx, sql)
	return time.Since(begin).Seconds(), err
}
