package planning

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
)

// usable lives as long as the reading transaction; it has an index of its own.
const (
	createUsable = `CREATE TEMPORARY TABLE usable (
		county_code text NOT NULL, direction text NOT NULL, number text NOT NULL, geom geometry NOT NULL) ON COMMIT DROP`
	indexUsable = `CREATE INDEX ON usable USING gist (geom); ANALYZE usable`
)

// loadLand reads the cultivated parcels, less what the outgoing candidates
// would take, the tracks between them, and what candidates claim twice.
func (s *survey) loadLand(ctx context.Context, tx pgx.Tx, takesPart func(*candidate) bool, minOverlap float64) error {
	if err := s.collectUsable(ctx, tx, takesPart); err != nil {
		return fmt.Errorf("collect the candidates that take part: %w", err)
	}
	var err error
	s.overlaps, err = collect(ctx, tx, scanOverlap, sqlOverlaps, s.county, minOverlap)
	if err != nil {
		return fmt.Errorf("find overlapping candidates: %w", err)
	}
	s.parcels, err = collect(ctx, tx, scanParcel, sqlParcels, s.county, s.dataset("DLTB"), scrapWidth)
	if err != nil {
		return fmt.Errorf("read cultivated parcels: %w", err)
	}
	s.tracks, err = collect(ctx, tx, scanGeometry, sqlTracks, s.county, s.dataset("DLTB"))
	if err != nil {
		return fmt.Errorf("read farm tracks: %w", err)
	}
	return nil
}

func (s *survey) collectUsable(ctx context.Context, tx pgx.Tx, takesPart func(*candidate) bool) error {
	directions, numbers := []string{}, []string{}
	for _, c := range s.candidates {
		if takesPart(c) {
			directions = append(directions, c.direction)
			numbers = append(numbers, c.number)
		}
	}
	_, err := tx.Exec(ctx, createUsable)
	if err == nil {
		_, err = tx.Exec(ctx, sqlUsable, s.county, s.runID, s.dataset("CANDIDATE_IN", "CANDIDATE_OUT"), directions, numbers)
	}
	if err == nil {
		_, err = tx.Exec(ctx, indexUsable)
	}
	return err
}

func collect[T any](ctx context.Context, tx pgx.Tx, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

func scanOverlap(row pgx.CollectableRow) (o overlap, err error) {
	err = row.Scan(&o.a, &o.b)
	return o, err
}

func scanParcel(row pgx.CollectableRow) (p fixedParcel, err error) {
	var geom, scraps []byte
	if err = row.Scan(&p.fid, &geom, &p.cutBy, &scraps); err != nil {
		return p, err
	}
	if p.geom, err = multiPolygon(geom); err == nil {
		p.scraps, err = multiPolygon(scraps)
	}
	return p, err
}

func scanGeometry(row pgx.CollectableRow) (orb.MultiPolygon, error) {
	var geom []byte
	if err := row.Scan(&geom); err != nil {
		return nil, err
	}
	return multiPolygon(geom)
}
