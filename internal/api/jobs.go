package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
)

const jobColumns = `job_id, kind, subject, status, stage, done, total, attempt, problem, created_at, started_at, finished_at`

func scanJob(row pgx.CollectableRow) (Job, error) {
	var j Job
	return j, row.Scan(&j.JobId, &j.Kind, &j.Subject, &j.Status, &j.Stage, &j.Done, &j.Total, &j.Attempt,
		&j.Problem, &j.CreatedAt, &j.StartedAt, &j.FinishedAt)
}

func (s *server) job(ctx context.Context, county string, id uuid.UUID) (Job, error) {
	var j Job
	// a transaction of its own: a stream reads again and again
	err := access.InTx(ctx, s.db, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+jobColumns+` FROM job WHERE county_code = $1 AND job_id = $2`, county, id)
		if err == nil {
			j, err = pgx.CollectExactlyOneRow(rows, scanJob)
		}
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return j, notFound("job", fmt.Sprintf("县 %s 没有任务 %s。 No such job.", county, id))
	}
	if err != nil {
		return j, fmt.Errorf("job %s: %w", id, err)
	}
	return j, nil
}

// accepted points the client to the job that a 202 has started.
func (s *server) accepted(c echo.Context, county string, id uuid.UUID) (Job, error) {
	j, err := s.job(c.Request().Context(), county, id)
	if err != nil {
		return j, err
	}
	c.Response().Header().Set("Location", fmt.Sprintf("%s/counties/%s/jobs/%s", base, county, id))
	return j, nil
}

func (s *server) ListJobs(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	list, err := listJobs(ctx, s.rows(ctx), county)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, list)
}

// listJobs are the newest.
func listJobs(ctx context.Context, q querier, county string) ([]Job, error) {
	rows, err := q.Query(ctx, `SELECT `+jobColumns+` FROM job WHERE county_code = $1
		ORDER BY created_at DESC, job_id LIMIT 200`, county)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanJob)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return list, nil
}

func (s *server) GetJob(c echo.Context, county CountyPath, id JobID) error {
	j, err := s.job(c.Request().Context(), county, id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, j)
}

// StreamJob sends the job whenever it has changed. The row is read, not
// listened to: a notification can be lost with its connection, a row cannot. It is read
// often right after a change, since most jobs are short, and seldom where nothing happens.
func (s *server) StreamJob(c echo.Context, county CountyPath, id JobID) error {
	ctx := c.Request().Context()
	j, err := s.job(ctx, county, id)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	out := http.NewResponseController(c.Response())
	const often, seldom, comment = 20 * time.Millisecond, 250 * time.Millisecond, 15 * time.Second
	last, wait, quiet := "", often, time.Duration(0)
	for {
		b, err := json.Marshal(j)
		if err != nil {
			return fmt.Errorf("job event: %w", err)
		}
		switch {
		case string(b) != last:
			last, wait, quiet = string(b), often, 0
			_, err = fmt.Fprintf(c.Response(), "event: job\ndata: %s\n\n", b)
		case quiet >= comment: // a comment keeps proxies from closing a quiet stream
			quiet = 0
			_, err = fmt.Fprint(c.Response(), ": \n\n")
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil || j.Status == JobStatusDone || j.Status == JobStatusFailed {
			return nil // the client has gone, or the job has ended
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
			quiet += wait
			wait = min(wait*3/2, seldom)
		}
		if j, err = s.job(ctx, county, id); err != nil {
			return err
		}
	}
}
