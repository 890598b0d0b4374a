package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// Enqueuer adds a job inside the transaction that causes it.
type Enqueuer interface {
	Enqueue(ctx context.Context, tx pgx.Tx, county string, kind Kind, subject uuid.UUID) (uuid.UUID, error)
}

// ScreenArrival (到件即筛) asks, in the transaction that changes a declaration,
// for a screening of the year by the county's rulebook. A run that still waits in
// the queue will read the change as well and is given back instead: a county that
// declares all morning is screened as often as it can be, not once for each
// parcel.
func ScreenArrival(ctx context.Context, tx pgx.Tx, q Enqueuer, county string, year int) (run uuid.UUID, err error) {
	// The lock holds the run in the queue until the change is there to be read:
	// whoever begins it must first change this row.
	err = tx.QueryRow(ctx, `
		SELECT r.run_id FROM screening_run r JOIN county c ON c.county_code = r.county_code AND c.rulebook = r.rulebook
		WHERE r.county_code = $1 AND r.year = $2 AND r.status = 'queued'
		ORDER BY r.created_at, r.run_id LIMIT 1 FOR UPDATE OF r`, county, year).Scan(&run)
	if err == nil || !errors.Is(err, pgx.ErrNoRows) {
		return run, err
	}
	run = uuid.New()
	_, err = tx.Exec(ctx, `
		INSERT INTO screening_run (county_code, run_id, year, status, rulebook)
		SELECT county_code, $2, $3, 'queued', rulebook FROM county WHERE county_code = $1`, county, run, year)
	if err != nil {
		return run, fmt.Errorf("record the screening: %w", err)
	}
	_, err = q.Enqueue(ctx, tx, county, Screen, run)
	return run, err
}

// working is the queue of the job that runs in this context.
type working struct{}

// Enqueue adds a job by the client that works this one.
func (working) Enqueue(ctx context.Context, tx pgx.Tx, county string, kind Kind, subject uuid.UUID) (uuid.UUID, error) {
	client, err := river.ClientFromContextSafely[pgx.Tx](ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("enqueue a %s job from a job: %w", kind, err)
	}
	return enqueue(ctx, tx, client, county, kind, subject)
}
