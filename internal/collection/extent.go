package collection

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Bounds is a bounding box: west, south, east, north in degrees, and minima and
// maxima in the county's plane.
type Bounds struct{ Degrees, Plane [4]float64 }

// Extent is the bounding box of what a caller whose sight ends at the township
// scope sees of a collection; nil if that is nothing. What belongs to a version is
// kept.
func (s *Registry) Extent(ctx context.Context, q Querier, col *Collection, scope string) (*Bounds, error) {
	key := fmt.Sprint("extent/", col.County.SRID, "/", col.County.Code, "/", col.ID, "/", scope, "/", col.Sources)
	var box *Bounds
	err := s.facts.find(ctx, key, &box, func() (err error) {
		box, err = readExtent(ctx, q, col)
		return err
	})
	return box, err
}

func readExtent(ctx context.Context, q Querier, col *Collection) (*Bounds, error) {
	// the box's edges are bent in degrees, so they get vertices every 2 km
	sql := fmt.Sprintf(`SELECT ST_XMin(d), ST_YMin(d), ST_XMax(d), ST_YMax(d), ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)
		FROM (SELECT b, ST_Transform(ST_Segmentize(b, 2000), 4490) AS d FROM (
			SELECT ST_SetSRID(ST_Extent(%s)::geometry, %d) AS b FROM %s WHERE %s) e WHERE b IS NOT NULL AND NOT ST_IsEmpty(b)) e`,
		col.Geom, col.County.SRID, col.From, col.Where)
	var v Bounds
	err := q.QueryRow(ctx, sql, col.Args()...).Scan(&v.Degrees[0], &v.Degrees[1], &v.Degrees[2], &v.Degrees[3],
		&v.Plane[0], &v.Plane[1], &v.Plane[2], &v.Plane[3])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("extent of %s: %w", col.ID, err)
	}
	return &v, nil
}
