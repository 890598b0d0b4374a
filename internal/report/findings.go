package report

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

// finding is a row of table finding.
type finding struct {
	seq                                 int
	direction, number, township, clause string
	checkNo                             int
	severity, outcome                   string
	layerKind, layerVersion             string
	overlap                             *land.Area
	share                               *float64
	features                            string
	messageZH, messageEN                string
	geom                                []byte
}

func eachFinding(ctx context.Context, tx pgx.Tx, county string, run uuid.UUID, only OverlapFilter, do func(finding) error) error {
	rows, err := tx.Query(ctx, sqlFindings, county, run, only.Clauses, only.Townships, only.Direction, only.Number, only.Outcome, only.Verdict, only.Least)
	if err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var f finding
		err := rows.Scan(&f.seq, &f.direction, &f.number, &f.township, &f.clause, &f.checkNo, &f.severity, &f.outcome,
			&f.layerKind, &f.layerVersion, &f.overlap, &f.share, &f.features, &f.messageZH, &f.messageEN, &f.geom)
		if err != nil {
			return fmt.Errorf("read findings: %w", err)
		}
		if err := do(f); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	return nil
}
