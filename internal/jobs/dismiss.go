package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// DismissedKind is the kind of problem that a dismissed job ends with.
const DismissedKind = "job-dismissed"

// Dismiss takes back a job that no worker has taken up (取消): it and its subject
// end as failed, and say why. A worker that comes to it later finds it ended. ok is
// false if it has begun, or ended.
func Dismiss(ctx context.Context, tx pgx.Tx, county string, id uuid.UUID) (ok bool, err error) {
	problem, err := json.Marshal(map[string]any{"type": "urn:gengheng:problem:" + DismissedKind, "title": "任务已取消 · The job was dismissed", "status": 409,
		"detail": "任务在开始前被取消，未写入任何数据。需要时请重新提交。 It was dismissed before it began; nothing was written. Submit it again if it is needed."})
	if err != nil {
		return false, fmt.Errorf("dismiss job: %w", err)
	}
	var kind Kind
	var subject uuid.UUID
	err = tx.QueryRow(ctx, `
		UPDATE job SET status = 'failed', finished_at = now(), problem = $3
		WHERE county_code = $1 AND job_id = $2 AND status = 'queued' RETURNING kind, subject`, county, id, problem).Scan(&kind, &subject)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("dismiss job: %w", err)
	}
	return true, failSubject(ctx, tx, county, kind, subject, problem)
}
