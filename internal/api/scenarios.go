package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/planning"
)

// planOptions is what a new plan's options say, over those of the plan that it
// is copied from.
func (s *server) planOptions(ctx context.Context, county string, in *PlanInput) (json.RawMessage, error) {
	options := map[string]json.RawMessage{}
	if in.CopyOf != nil {
		base, err := s.plan(ctx, county, *in.CopyOf)
		if err != nil {
			return nil, err
		}
		if err := remarshal(base.Options, &options); err != nil {
			return nil, err
		}
	}
	own := map[string]json.RawMessage{}
	if in.Options != nil {
		if err := remarshal(in.Options, &own); err != nil {
			return nil, err
		}
	}
	maps.Copy(options, own)
	b, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("plan options: %w", err)
	}
	return b, nil
}

func remarshal(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("plan options: %w", err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("plan options: %w", err)
	}
	return nil
}

func (s *server) NamePlan(c echo.Context, county CountyPath, id PlanID) error {
	ctx := c.Request().Context()
	var in NamePlanJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	was, err := s.plan(ctx, county, id)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE plan SET name = coalesce($3, name), note = coalesce($4, note)
			WHERE county_code = $1 AND plan_id = $2`, county, id, in.Name, in.Note)
		if err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "plan.name", Kind: "plan", ID: id.String(),
			Before: map[string]any{"name": was.Name, "note": was.Note}, After: in})
	})
	if isPublished(err) {
		return conflict("plan-published", "方案已报批或批准，不得更改；请复制为新方案。 The plan is proposed or approved and cannot change; copy it.")
	}
	if err != nil {
		return fmt.Errorf("name plan %s: %w", id, err)
	}
	p, err := s.plan(ctx, county, id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// isPublished tells whether the database refused to change a published plan.
func isPublished(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23001" // restrict_violation
}

func (s *server) ComparePlans(c echo.Context, county CountyPath, id PlanID, params ComparePlansParams) error {
	cmp, err := planning.Compare(c.Request().Context(), s.db, county, id, params.With)
	if err != nil {
		return planningProblem(err)
	}
	return c.JSON(http.StatusOK, cmp)
}

// planningProblem gives a refusal of the planning room its status.
func planningProblem(err error) error {
	var r *planning.Refusal
	if !errors.As(err, &r) {
		return err
	}
	p := conflict(r.Kind, r.Detail)
	p.Title = r.Title
	switch r.Kind {
	case "plan-not-found", "screening-not-found", "plan-session-not-found", "candidate-not-found", "frontier-not-found":
		p.Status = http.StatusNotFound
	case "plan-options", "session-patch-rule", "frontier":
		p.Status = http.StatusUnprocessableEntity
	case "too-many-plan-sessions":
		p.Status = http.StatusServiceUnavailable
	}
	return p
}
