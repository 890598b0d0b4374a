package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/jobs"
	"gengheng/internal/report"
)

const planColumns = `plan_id, name, note, base_plan_id, run_id, year, status, options, certificate, summary, problem, created_at, finished_at`

func scanPlan(row pgx.CollectableRow) (Plan, error) {
	var p Plan
	return p, row.Scan(&p.PlanId, &p.Name, &p.Note, &p.BasePlanId, &p.RunId, &p.Year, &p.Status, &p.Options, &p.Certificate, &p.Summary, &p.Problem,
		&p.CreatedAt, &p.FinishedAt)
}

func (s *server) ListPlans(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	rows, err := s.rows(ctx).Query(ctx, `SELECT `+planColumns+` FROM plan WHERE county_code = $1
		ORDER BY created_at DESC, plan_id LIMIT 500`, county)
	if err != nil {
		return fmt.Errorf("list plans: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanPlan)
	if err != nil {
		return fmt.Errorf("list plans: %w", err)
	}
	if err := s.makers(ctx, county, list); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) AddPlan(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	var in PlanInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	id, jobID, err := s.beginPlan(ctx, county, in)
	if err != nil {
		return err
	}
	p, err := s.plan(ctx, county, id)
	if err != nil {
		return err
	}
	j, err := s.accepted(c, county, jobID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, PlanAccepted{Plan: p, Job: j})
}

// beginPlan enqueues a plan and names it and its job.
func (s *server) beginPlan(ctx context.Context, county string, in PlanInput) (id, jobID uuid.UUID, err error) {
	if err := s.finished(ctx, county, in.RunId); err != nil {
		return id, jobID, err
	}
	options, err := s.planOptions(ctx, county, &in)
	if err != nil {
		return id, jobID, err
	}
	id = uuid.New()
	err = pgx.BeginFunc(ctx, s.db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO plan (county_code, plan_id, run_id, year, status, options, name, note, base_plan_id)
			SELECT $1, $2, run_id, year, 'queued', $4, coalesce($5, ''), coalesce($6, ''), $7
			FROM screening_run WHERE county_code = $1 AND run_id = $3`,
			county, id, in.RunId, options, in.Name, in.Note, in.CopyOf)
		if err != nil {
			return fmt.Errorf("record plan: %w", err)
		}
		if jobID, err = s.queue.Enqueue(ctx, tx, county, jobs.Plan, id); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "plan.add", Kind: "plan", ID: id.String(), After: in})
	})
	return id, jobID, err
}

func (s *server) plan(ctx context.Context, county string, id uuid.UUID) (Plan, error) {
	rows, err := s.rows(ctx).Query(ctx, `SELECT `+planColumns+` FROM plan WHERE county_code = $1 AND plan_id = $2`, county, id)
	if err != nil {
		return Plan{}, fmt.Errorf("plan %s: %w", id, err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPlan)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, notFound("plan", fmt.Sprintf("县 %s 没有方案 %s。 No such plan.", county, id))
	}
	if err != nil {
		return p, fmt.Errorf("plan %s: %w", id, err)
	}
	return p, nil
}

func (s *server) GetPlan(c echo.Context, county CountyPath, id PlanID) error {
	ctx := c.Request().Context()
	p, err := s.plan(ctx, county, id)
	if err != nil {
		return err
	}
	rows, err := s.rows(ctx).Query(ctx, `
		SELECT township_code, name, in_m2::text, out_m2::text, in_paddy_m2::text, out_paddy_m2::text,
		       transfer_in_m2::text, transfer_out_m2::text, price, price_zh
		FROM plan_township WHERE county_code = $1 AND plan_id = $2 ORDER BY township_code`, county, id)
	if err != nil {
		return fmt.Errorf("plan townships: %w", err)
	}
	townships, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (PlanTownship, error) {
		var t PlanTownship
		return t, row.Scan(&t.Code, &t.Name, &t.InM2, &t.OutM2, &t.InPaddyM2, &t.OutPaddyM2, &t.TransferInM2, &t.TransferOutM2, &t.Price, &t.PriceZh)
	})
	if err != nil {
		return fmt.Errorf("plan townships: %w", err)
	}
	rows, err = s.rows(ctx).Query(ctx, `
		SELECT from_township, to_township, measure, amount_m2::text
		FROM plan_transfer WHERE county_code = $1 AND plan_id = $2 ORDER BY measure, from_township, to_township`, county, id)
	if err != nil {
		return fmt.Errorf("plan transfers: %w", err)
	}
	transfers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (PlanTransfer, error) {
		var t PlanTransfer
		return t, row.Scan(&t.From, &t.To, &t.Measure, &t.AmountM2)
	})
	if err != nil {
		return fmt.Errorf("plan transfers: %w", err)
	}
	p.Townships, p.Transfers = &townships, &transfers
	return c.JSON(http.StatusOK, p)
}

func (s *server) ListPlanParcels(c echo.Context, county CountyPath, id PlanID, params ListPlanParcelsParams) error {
	ctx := c.Request().Context()
	if _, err := s.plan(ctx, county, id); err != nil {
		return err
	}
	after, err := parcelKey(params.After)
	if err != nil {
		return err
	}
	limit := pageSize(params.Limit)
	rows, err := s.rows(ctx).Query(ctx, `
		SELECT direction, number, township_code, chosen, net_m2::text, net_paddy_m2::text, quality::text, reason_zh
		FROM plan_parcel WHERE county_code = $1 AND plan_id = $2
		AND ($3::text IS NULL OR direction = $3) AND ($4::text IS NULL OR township_code = $4)
		AND ($5::boolean IS NULL OR chosen = $5) AND (direction, number) > ($6, $7)
		ORDER BY direction, number LIMIT $8`,
		county, id, params.Direction, params.Township, params.Chosen, after.direction, after.number, limit)
	if err != nil {
		return fmt.Errorf("plan parcels: %w", err)
	}
	var page PlanParcelPage
	page.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (PlanParcel, error) {
		var v PlanParcel
		return v, row.Scan(&v.Direction, &v.Number, &v.TownshipCode, &v.Chosen, &v.NetM2, &v.NetPaddyM2, &v.Quality, &v.ReasonZh)
	})
	if err != nil {
		return fmt.Errorf("plan parcels: %w", err)
	}
	if n := len(page.Items); n == limit {
		page.Next = nextKey(page.Items[n-1].Direction, page.Items[n-1].Number)
	}
	return c.JSON(http.StatusOK, page)
}

func (s *server) GetPlanArtifact(c echo.Context, county CountyPath, id PlanID, artifact string) error {
	ctx := c.Request().Context()
	p, err := s.plan(ctx, county, id)
	if err != nil {
		return err
	}
	if p.Status != PlanStatusDone {
		return conflict("plan-not-done", fmt.Sprintf("方案尚未完成（状态 %s）。 The plan is not done.", p.Status))
	}
	switch artifact {
	case "plan.gpkg":
		return s.sendFile(c, artifact, "application/geopackage+sqlite3", func(path string) error {
			return report.PlanGPKG(ctx, s.db, county, id, path, s.child)
		})
	case "plan.xlsx":
		return s.sendFile(c, artifact, workbookType, func(path string) error {
			f, err := os.Create(path)
			if err != nil {
				return fmt.Errorf("plan workbook: %w", err)
			}
			if err := report.PlanWorkbook(ctx, s.db, county, id, f); err != nil {
				f.Close()
				return err
			}
			return f.Close()
		})
	}
	name := artifact[:len(artifact)-len(".tar.gz")]
	var content []byte
	err = s.rows(ctx).QueryRow(ctx, `
		SELECT content FROM plan_artifact WHERE county_code = $1 AND plan_id = $2 AND name = $3`, county, id, name).Scan(&content)
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound("artifact", "该方案没有这项成果。 The plan has no such artifact.")
	}
	if err != nil {
		return fmt.Errorf("plan artifact: %w", err)
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+artifact+`"`)
	return c.Blob(http.StatusOK, "application/gzip", content)
}
