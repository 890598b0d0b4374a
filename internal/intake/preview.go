package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/store"
)

// Declared is one row of a declaration file as a load would store it, in the
// county's plane.
type Declared struct {
	Direction, Number, Township, Village string
	BaseBSM, BaseDLBM, Target, Purpose   string
	Method, GDLX, Actor                  string
	Documents                            map[string]string
	Attrs                                map[string]any
	Area                                 land.Area
	Geometry                             orb.MultiPolygon
}

// Preview is what a load of a declaration would come to (试读), though nothing
// of it is kept.
type Preview struct {
	Rows   []Declared
	Issues []Issue
}

// Read reads a declaration as [Load] does, with all its checks, in a
// transaction that is rolled back. req.DatasetID is not used. A file that Load
// would refuse gives a *Problem, and the issues that say why.
func Read(ctx context.Context, db *store.DB, req Request) (Preview, error) {
	var out Preview
	if req.Kind != CandidateIn && req.Kind != CandidateOut {
		return out, fmt.Errorf("read %s: only declarations are read without being stored", req.Kind)
	}
	req.DatasetID = uuid.New()
	l := &load{db: db, req: req, tell: throttle(nil)}
	err := db.InTx(ctx, func(tx pgx.Tx) error {
		if err := l.pretend(ctx, tx); err != nil {
			return err
		}
		if err := l.findCounty(ctx, tx); err != nil {
			return err
		}
		if err := l.loadPolygons(ctx, tx); err != nil {
			return err
		}
		var err error
		if out.Rows, err = l.stored(ctx, tx); err != nil {
			return err
		}
		if p := l.report.verdict(l.req); p != nil {
			return p
		}
		return errNothingKept
	})
	out.Issues = l.report.kept
	var problem *Problem
	switch {
	case errors.Is(err, errNothingKept):
		return out, nil
	case errors.As(err, &problem):
		problem.fill(req)
		return out, problem
	}
	return out, fmt.Errorf("read %s %q: %w", req.Kind, req.FileName, err)
}

// errNothingKept rolls the transaction of Read back.
var errNothingKept = errors.New("nothing is kept")

// pretend makes the rows that staging refers to; they go with the transaction.
func (l *load) pretend(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		WITH u AS (INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, $3, 0, '') RETURNING upload_id)
		INSERT INTO dataset (county_code, dataset_id, kind, year, scope, status, upload_id, file_name, file_sha256)
		SELECT $1, $2, $4, $5, $6, 'loading', upload_id, $3, '' FROM u`,
		l.req.County, l.req.DatasetID, l.req.FileName, string(l.req.Kind), l.req.Year, l.req.Scope)
	if err != nil {
		return fmt.Errorf("prepare to read: %w", err)
	}
	return nil
}

// stored reads back what was staged.
func (l *load) stored(ctx context.Context, tx pgx.Tx) ([]Declared, error) {
	rows, err := tx.Query(ctx, `
		SELECT direction, number, township_code, village, base_bsm, base_dlbm, target_dlbm, purpose, method, gdlx, actor,
		       documents, attrs, area_m2::text, ST_AsBinary(geom)
		FROM candidate WHERE county_code = $1 AND dataset_id = $2 ORDER BY fid`, l.req.County, l.req.DatasetID)
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Declared, err error) {
		var shape []byte
		err = row.Scan(&d.Direction, &d.Number, &d.Township, &d.Village, &d.BaseBSM, &d.BaseDLBM, &d.Target, &d.Purpose, &d.Method,
			&d.GDLX, &d.Actor, &d.Documents, &d.Attrs, &d.Area, &shape)
		if err == nil {
			d.Geometry, err = decodeMultiPolygon(shape)
		}
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	return list, nil
}
