package year

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/planning"
	"gengheng/internal/workflow"
)

//go:embed sql/facts.sql
var sqlFacts string

// facts is what is declared and found of a parcel now; nil where no declaration
// in force has it.
func (y Year) facts(ctx context.Context, tx pgx.Tx, key workflow.Key) (*workflow.Facts, error) {
	var f workflow.Facts
	err := tx.QueryRow(ctx, sqlFacts, key.County, key.Year, key.Direction, key.Number).
		Scan(&f.Township, &f.Dataset, &f.Purpose, &f.Actor, &f.Declaration, &f.Run, &f.Verdict, &f.Net, &f.Paddy, &f.Grade, &f.Ecological)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("declaration of %s: %w", key, err)
	}
	return &f, nil
}

// declaredIn gives the digests of what a plan's screening read, by direction
// and number.
func (y Year) declaredIn(ctx context.Context, tx pgx.Tx, plan uuid.UUID) (map[string]string, error) {
	rows, err := tx.Query(ctx, `SELECT c.direction || '/' || c.number, workflow_digest(c)
		FROM plan p JOIN screening_run r ON r.county_code = p.county_code AND r.run_id = p.run_id
		CROSS JOIN LATERAL jsonb_array_elements(r.datasets) AS read
		JOIN plan_parcel x ON x.county_code = p.county_code AND x.plan_id = p.plan_id AND x.chosen
		JOIN candidate c ON c.county_code = p.county_code AND c.dataset_id = (read ->> 'dataset_id')::uuid AND c.direction = x.direction AND c.number = x.number
		WHERE p.county_code = $1 AND p.plan_id = $2 AND read ->> 'kind' IN ('CANDIDATE_IN', 'CANDIDATE_OUT')`, y.County, plan)
	if err != nil {
		return nil, fmt.Errorf("declarations of plan %s: %w", plan, err)
	}
	digests := map[string]string{}
	var key, digest string
	if _, err := pgx.ForEachRow(rows, []any{&key, &digest}, func() error { digests[key] = digest; return nil }); err != nil {
		return nil, fmt.Errorf("declarations of plan %s: %w", plan, err)
	}
	return digests, nil
}

// keyOf names the record of a parcel that a plan has chosen.
func (y Year) keyOf(c planning.Chosen) workflow.Key {
	return workflow.Key{County: y.County, Year: y.Number, Direction: c.Direction, Number: c.Number}
}
