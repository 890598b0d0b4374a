package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/jobs"
	"gengheng/internal/screening"
)

const runColumns = `run_id, year, status, rulebook, engine, base_run_id, rejudged, datasets, missing, summary, problem, created_at, finished_at`

func scanRun(row pgx.CollectableRow) (Screening, error) {
	var v Screening
	return v, row.Scan(&v.RunId, &v.Year, &v.Status, &v.Rulebook, &v.Engine, &v.BaseRunId, &v.Rejudged, &v.Datasets, &v.Missing, &v.Summary,
		&v.Problem, &v.CreatedAt, &v.FinishedAt)
}

func (s *server) ListScreenings(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	rows, err := s.rows(ctx).Query(ctx, `SELECT `+runColumns+` FROM screening_run WHERE county_code = $1
		ORDER BY created_at DESC, run_id LIMIT 500`, county)
	if err != nil {
		return fmt.Errorf("list screenings: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return fmt.Errorf("list screenings: %w", err)
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) AddScreening(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	var in ScreeningInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	id, jobID, err := s.beginScreening(ctx, county, in)
	if err != nil {
		return err
	}
	run, err := s.run(ctx, county, id)
	if err != nil {
		return err
	}
	j, err := s.accepted(c, county, jobID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, ScreeningAccepted{Screening: run, Job: j})
}

// beginScreening enqueues a screening and names it and its job.
func (s *server) beginScreening(ctx context.Context, county string, in ScreeningInput) (id, jobID uuid.UUID, err error) {
	row, err := s.county(ctx, county)
	if err != nil {
		return id, jobID, err
	}
	id = uuid.New()
	err = pgx.BeginFunc(ctx, s.db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO screening_run (county_code, run_id, year, status, rulebook, full_run) VALUES ($1, $2, $3, 'queued', $4, coalesce($5, false))`,
			county, id, in.Year, row.rulebook, in.Full)
		if err != nil {
			return fmt.Errorf("record screening: %w", err)
		}
		if jobID, err = s.queue.Enqueue(ctx, tx, county, jobs.Screen, id); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "screening.add", Kind: "screening", ID: id.String(), After: in})
	})
	return id, jobID, err
}

func (s *server) run(ctx context.Context, county string, id uuid.UUID) (Screening, error) {
	rows, err := s.rows(ctx).Query(ctx, `SELECT `+runColumns+` FROM screening_run WHERE county_code = $1 AND run_id = $2`, county, id)
	if err != nil {
		return Screening{}, fmt.Errorf("screening %s: %w", id, err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if errors.Is(err, pgx.ErrNoRows) {
		return v, notFound("screening", fmt.Sprintf("县 %s 没有筛查 %s。 No such run.", county, id))
	}
	if err != nil {
		return v, fmt.Errorf("screening %s: %w", id, err)
	}
	return v, nil
}

// finished refuses to show results of a run that has none yet.
func (s *server) finished(ctx context.Context, county string, id uuid.UUID) error {
	v, err := s.run(ctx, county, id)
	if err != nil {
		return err
	}
	if v.Status != ScreeningStatusDone {
		return conflict("screening-not-done", fmt.Sprintf("筛查尚无结果（状态 %s）。请等任务结束，或查看其 problem。 The run has no results yet.", v.Status))
	}
	return nil
}

func (s *server) GetScreening(c echo.Context, county CountyPath, id RunID) error {
	v, err := s.run(c.Request().Context(), county, id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, v)
}

type verdictFilter struct {
	direction        *Direction
	township, number *string
	verdict          *VerdictName
	after            key
	geometry         bool
	limit            int
}

const verdictWhere = ` FROM verdict WHERE county_code = $1 AND run_id = $2
	AND ($3::text IS NULL OR direction = $3) AND ($4::text IS NULL OR township_code = $4)
	AND ($5::text IS NULL OR number = $5) AND ($6::text IS NULL OR verdict = $6)`

func (s *server) verdicts(ctx context.Context, county string, run uuid.UUID, f verdictFilter) ([]Verdict, error) {
	rows, err := s.rows(ctx).Query(ctx, `
		SELECT direction, number, township_code, verdict, area_m2::text, usable_m2::text, net_m2::text, net_paddy_m2::text,
		       kcxs::text, slope_class, slope_source, quality::text, scores, reasons,
		       CASE WHEN $9 THEN ST_AsGeoJSON(ST_Transform(remainder, 4490), 9)::jsonb END`+verdictWhere+`
		AND (direction, number) > ($7, $8) ORDER BY direction, number LIMIT $10`,
		county, run, f.direction, f.township, f.number, f.verdict, f.after.direction, f.after.number, f.geometry, f.limit)
	if err != nil {
		return nil, fmt.Errorf("list verdicts: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Verdict, error) {
		var v Verdict
		return v, row.Scan(&v.Direction, &v.Number, &v.TownshipCode, &v.Verdict, &v.AreaM2, &v.UsableM2, &v.NetM2, &v.NetPaddyM2,
			&v.Kcxs, &v.SlopeClass, &v.SlopeSource, &v.Quality, &v.Scores, &v.Reasons, &v.Remainder)
	})
	if err != nil {
		return nil, fmt.Errorf("list verdicts: %w", err)
	}
	return list, nil
}

func (s *server) ListVerdicts(c echo.Context, county CountyPath, id RunID, params ListVerdictsParams) error {
	ctx := c.Request().Context()
	if err := s.finished(ctx, county, id); err != nil {
		return err
	}
	after, err := parcelKey(params.After)
	if err != nil {
		return err
	}
	f := verdictFilter{direction: params.Direction, township: params.Township, verdict: params.Verdict, after: after,
		geometry: params.Geometry != nil && *params.Geometry, limit: pageSize(params.Limit)}
	var page VerdictPage
	err = s.rows(ctx).QueryRow(ctx, `SELECT count(*)`+verdictWhere,
		county, id, f.direction, f.township, f.number, f.verdict).Scan(&page.Total)
	if err != nil {
		return fmt.Errorf("count verdicts: %w", err)
	}
	if page.Items, err = s.verdicts(ctx, county, id, f); err != nil {
		return err
	}
	if n := len(page.Items); n == f.limit {
		page.Next = nextKey(page.Items[n-1].Direction, page.Items[n-1].Number)
	}
	return c.JSON(http.StatusOK, page)
}

func (s *server) GetFindingsLines(c echo.Context, county CountyPath, id RunID) error {
	ctx := c.Request().Context()
	if err := s.finished(ctx, county, id); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/x-ndjson; charset=utf-8")
	w := bufio.NewWriterSize(c.Response(), 1<<16)
	if err := screening.ExportFindings(ctx, s.db, county, id, w); err != nil {
		return err
	}
	return w.Flush()
}

// sendFile makes a file in a folder of its own, sends it and takes it away.
func (s *server) sendFile(c echo.Context, name, mime string, write func(path string) error) error {
	dir, err := os.MkdirTemp("", "gengheng-download-")
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	if err := write(path); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentType, mime)
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	return c.File(path)
}
