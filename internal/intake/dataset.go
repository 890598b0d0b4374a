package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

// States of a dataset that intake reads and writes.
const (
	statusLoading   = "loading"
	statusCommitted = "committed"
)

// announce shows that the load has begun, where people look. A refused or
// failed dataset may be loaded again.
func (l *load) announce(ctx context.Context) error {
	tag, err := l.db.Pool.Exec(ctx, `
		UPDATE dataset SET status = 'loading', problem = NULL
		WHERE county_code = $1 AND dataset_id = $2 AND status <> 'committed'`, l.req.County, l.req.DatasetID)
	if err != nil {
		return fmt.Errorf("announce the load: %w", err)
	}
	if tag.RowsAffected() > 0 {
		return nil
	}
	var exists bool
	err = l.db.Pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM dataset WHERE county_code = $1 AND dataset_id = $2)`, l.req.County, l.req.DatasetID).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for the dataset: %w", err)
	}
	if !exists {
		return fmt.Errorf("数据集 %s 不存在 · dataset %s of county %s does not exist", l.req.DatasetID, l.req.DatasetID, l.req.County)
	}
	return nil
}

// lock takes the dataset for this transaction alone and clears what an earlier
// refusal reported. done: it is committed, and l.result is what it holds.
func (l *load) lock(ctx context.Context, tx pgx.Tx) (done bool, err error) {
	var status, kind, scope string
	var year int
	var version *string
	var features *int
	var area *land.Area
	var summary []byte
	err = tx.QueryRow(ctx, `
		SELECT status, kind, year, scope, version, features, area_m2::text, summary
		FROM dataset WHERE county_code = $1 AND dataset_id = $2 FOR UPDATE`,
		l.req.County, l.req.DatasetID).Scan(&status, &kind, &year, &scope, &version, &features, &area, &summary)
	if err != nil {
		return false, fmt.Errorf("lock the dataset: %w", err)
	}
	if Kind(kind) != l.req.Kind || year != l.req.Year || scope != l.req.Scope {
		return false, fmt.Errorf("dataset %s is %s of %d for %q, not %s of %d for %q",
			l.req.DatasetID, kind, year, scope, l.req.Kind, l.req.Year, l.req.Scope)
	}
	if status != statusCommitted {
		_, err := tx.Exec(ctx, `DELETE FROM dataset_issue WHERE county_code = $1 AND dataset_id = $2`, l.req.County, l.req.DatasetID)
		return false, err
	}
	l.result = Result{DatasetID: l.req.DatasetID, Version: *version, Features: *features, Repeated: true}
	if area != nil {
		l.result.Area = *area
	}
	if err := json.Unmarshal(summary, &l.result.Summary); err != nil {
		return false, fmt.Errorf("read the summary: %w", err)
	}
	return true, nil
}

// commit makes the rows a version.
func (l *load) commit(ctx context.Context, tx pgx.Tx) error {
	l.result.DatasetID = l.req.DatasetID
	l.result.Summary.finish(l)
	summary, err := json.Marshal(l.result.Summary)
	if err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	if err := l.report.write(ctx, tx, l.req.County, l.req.DatasetID); err != nil {
		return err
	}
	if l.req.Kind == CandidateIn || l.req.Kind == CandidateOut {
		if err := oneAtATime(ctx, tx, &l.req); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `
		UPDATE dataset SET status = 'committed', version = $3, commit_seq = nextval('dataset_commit_seq'),
		       layer_name = $4, source_crs = $5, encoding = $6, features = $7, area_m2 = $8, summary = $9,
		       problem = NULL, committed_at = now()
		WHERE county_code = $1 AND dataset_id = $2`,
		l.req.County, l.req.DatasetID, l.result.Version, l.layerName, l.sourceCRS, l.encoding,
		l.result.Features, l.result.Area.String(), json.RawMessage(summary))
	if err != nil {
		return fmt.Errorf("commit the version: %w", err)
	}
	if l.req.Committing != nil {
		return l.req.Committing(ctx, tx)
	}
	return nil
}

// refuse records why a file was not taken, with the report of its rows.
func (l *load) refuse(ctx context.Context, problem *Problem) error {
	l.result.Summary.finish(l)
	text, err := json.Marshal(problem)
	if err != nil {
		return err
	}
	summary, err := json.Marshal(l.result.Summary)
	if err != nil {
		return err
	}
	return l.db.InTx(ctx, func(tx pgx.Tx) error {
		var status string
		err := tx.QueryRow(ctx, `SELECT status FROM dataset WHERE county_code = $1 AND dataset_id = $2 FOR UPDATE`,
			l.req.County, l.req.DatasetID).Scan(&status)
		if err != nil || status == statusCommitted {
			return err // another worker took the same file meanwhile
		}
		if err := l.report.write(ctx, tx, l.req.County, l.req.DatasetID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE dataset SET status = 'refused', problem = $3, layer_name = $4, source_crs = $5, encoding = $6, summary = $7
			WHERE county_code = $1 AND dataset_id = $2`,
			l.req.County, l.req.DatasetID, json.RawMessage(text), l.layerName, l.sourceCRS, l.encoding, json.RawMessage(summary))
		return err
	})
}

// tableOf is where the rows of a kind lie.
func tableOf(kind Kind) string {
	switch kind {
	case DLTB:
		return "parcel"
	case CandidateIn, CandidateOut:
		return "candidate"
	case DEM:
		return "raster_tile"
	case KCXS:
		return "kcxs"
	}
	return "layer_feature"
}

// analyze gives the planner fresh statistics. It waits for nobody and its
// failure harms nothing but speed.
func (l *load) analyze(ctx context.Context) {
	_, err := l.db.Pool.Exec(ctx, `ANALYZE `+pgx.Identifier{tableOf(l.req.Kind)}.Sanitize())
	if err != nil {
		slog.WarnContext(ctx, "analyze after a load", "kind", l.req.Kind, "err", err)
	}
}

// findCounty reads the county's plane and, if they are loaded, its townships.
func (l *load) findCounty(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, `SELECT srid FROM county WHERE county_code = $1`, l.req.County).Scan(&l.county.srid)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("县 %s 未登记 · county %s is not registered", l.req.County, l.req.County)
	}
	if err != nil {
		return fmt.Errorf("read the county: %w", err)
	}
	zone, ok := land.ByEPSG(l.county.srid)
	if !ok {
		return fmt.Errorf("county %s has srid %d, which is no CGCS2000 3-degree zone", l.req.County, l.county.srid)
	}
	l.county.zone = zone
	l.county.townships, err = readTownships(ctx, tx, l.req.County, l.req.Year)
	return err
}
