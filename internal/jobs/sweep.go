package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// lockKey names the advisory lock that a worker holds as long as it works a
// job. The lock goes with the worker's connection, so whoever can take it
// knows that the worker is gone.
func lockKey(id uuid.UUID) string { return "job:" + id.String() }

func (q *Queue) sweepEvery(ctx context.Context, every time.Duration) {
	defer close(q.swept)
	tick, tidy := time.NewTicker(every), time.NewTicker(15*time.Minute)
	defer tick.Stop()
	defer tidy.Stop()
	q.tidyUp(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tidy.C:
			q.tidyUp(ctx)
		case <-tick.C:
			// a job fetched this moment has not taken its lock yet
			if err := q.sweep(ctx, 15*time.Second); err != nil && ctx.Err() == nil {
				q.log.WarnContext(ctx, "sweep for dead workers", "err", err)
			}
		}
	}
}

func (q *Queue) tidyUp(ctx context.Context) {
	if q.tidy == nil {
		return
	}
	if err := q.tidy(ctx); err != nil && ctx.Err() == nil {
		q.log.WarnContext(ctx, "take away what has expired", "err", err)
	}
}

// sweep puts back every job that River believes running, was fetched longer
// than grace ago, and whose worker is gone.
func (q *Queue) sweep(ctx context.Context, grace time.Duration) error {
	rows, err := q.db.Pool.Query(ctx, `
		SELECT id, (args->>'job_id')::uuid FROM river_job
		WHERE kind = $1 AND state = 'running' AND attempted_at < now() - $2::interval
		ORDER BY id`, args{}.Kind(), grace)
	if err != nil {
		return fmt.Errorf("list running jobs: %w", err)
	}
	type running struct {
		river int64
		job   uuid.UUID
	}
	var list []running
	for rows.Next() {
		var r running
		if err := rows.Scan(&r.river, &r.job); err != nil {
			rows.Close()
			return fmt.Errorf("list running jobs: %w", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list running jobs: %w", err)
	}
	for _, r := range list {
		if err := q.putBack(ctx, r.river, r.job); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) putBack(ctx context.Context, riverID int64, job uuid.UUID) error {
	release, ok, err := q.db.TryLock(ctx, lockKey(job))
	if err != nil {
		return fmt.Errorf("job %s: %w", job, err)
	}
	if !ok {
		return nil
	}
	defer release()
	tag, err := q.db.Pool.Exec(ctx, `
		UPDATE river_job SET state = 'available', scheduled_at = now(), max_attempts = greatest(max_attempts, attempt + 1)
		WHERE id = $1 AND state = 'running'`, riverID)
	if err != nil {
		return fmt.Errorf("put job %s back: %w", job, err)
	}
	if tag.RowsAffected() > 0 {
		q.log.InfoContext(ctx, "took up a job whose worker died", "job", job)
	}
	return nil
}
