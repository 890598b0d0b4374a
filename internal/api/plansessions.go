package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/planning"
)

// planSession is a draft as the contract has it.
type planSession struct {
	*planning.Draft
	ExpiresAt time.Time `json:"expires_at"`
}

// owner is whose a planning session is: of an identity in one capacity.
func owner(ctx context.Context) string {
	a, _ := access.From(ctx)
	return a.ID.String() + " " + a.Capacity().String() + " " + a.County
}

// planningSession finds the caller's session.
func (s *server) planningSession(c echo.Context, county string, id uuid.UUID) (*planning.Session, error) {
	session, err := s.drafts.Get(owner(c.Request().Context()), county, id)
	return session, planningProblem(err)
}

func (s *server) drafted(session *planning.Session, d *planning.Draft) planSession {
	return planSession{Draft: d, ExpiresAt: s.drafts.Expires(session)}
}

func (s *server) OpenPlanSession(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	var in PlanSessionInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	if (in.RunId == nil) == (in.PlanId == nil) {
		return badRequest("plan-session", "run_id 与 plan_id 须给且只给一个。 Give exactly one of run_id and plan_id.")
	}
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	opening := planning.Opening{County: county, PlanID: in.PlanId, Limit: milliseconds(in.LimitMs, 5000)}
	if in.RunId != nil {
		opening.RunID = *in.RunId
	}
	var err error
	if opening.Options, err = optionsOf(in.Options); err != nil {
		return err
	}
	session, err := s.drafts.Open(ctx, owner(ctx), opening)
	if err != nil {
		return planningProblem(err)
	}
	c.Response().Header().Set("Location", fmt.Sprintf("%s/counties/%s/plan-sessions/%s", base, county, session.ID))
	return c.JSON(http.StatusCreated, s.drafted(session, session.Draft()))
}

// optionsOf gives the options that a request names as the planning room reads them.
func optionsOf(in *PlanOptions) (json.RawMessage, error) {
	if in == nil {
		return nil, nil
	}
	b, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("plan options: %w", err)
	}
	return b, nil
}

// milliseconds is a time limit; the contract bounds it.
func milliseconds(ms *int, otherwise int) time.Duration {
	if ms != nil {
		otherwise = *ms
	}
	return time.Duration(otherwise) * time.Millisecond
}

func (s *server) GetPlanSession(c echo.Context, county CountyPath, id SessionID) error {
	session, err := s.planningSession(c, county, id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.drafted(session, session.Draft()))
}

func (s *server) ChangePlanSession(c echo.Context, county CountyPath, id SessionID) error {
	var in PlanSessionChange
	if err := c.Bind(&in); err != nil {
		return err
	}
	session, err := s.planningSession(c, county, id)
	if err != nil {
		return err
	}
	change := planning.Adjustment{Limit: milliseconds(in.LimitMs, 200)}
	if in.Revision != nil {
		change.Revision = *in.Revision
	}
	if change.Options, err = optionsOf(in.Options); err != nil {
		return err
	}
	if l := in.Locks; l != nil {
		change.Chosen, change.NotChosen, change.Free = list(l.Chosen), list(l.NotChosen), list(l.Free)
	}
	d, err := session.Change(c.Request().Context(), change)
	if err != nil {
		return planningProblem(err)
	}
	return c.JSON(http.StatusOK, s.drafted(session, d))
}

func list(keys *[]ParcelKey) []string {
	if keys == nil {
		return nil
	}
	return *keys
}

func (s *server) ClosePlanSession(c echo.Context, county CountyPath, id SessionID) error {
	if err := s.drafts.Close(owner(c.Request().Context()), county, id); err != nil {
		return planningProblem(err)
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *server) SavePlanSession(c echo.Context, county CountyPath, id SessionID) error {
	ctx := c.Request().Context()
	var in SavePlanSessionJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	session, err := s.planningSession(c, county, id)
	if err != nil {
		return err
	}
	revision := 0
	if in.Revision != nil {
		revision = *in.Revision
	}
	plan, err := session.Save(ctx, revision, in.Name, value(in.Note), func(tx pgx.Tx, plan uuid.UUID) error {
		after := map[string]any{"name": in.Name, "note": value(in.Note), "run_id": session.RunID, "copy_of": session.PlanID, "session_id": session.ID}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "plan.save", Kind: "plan", ID: plan.String(), After: after})
	})
	if err != nil {
		return planningProblem(err)
	}
	p, err := s.plan(ctx, county, plan)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, p)
}

func (s *server) ExplainPlanParcel(c echo.Context, county CountyPath, id SessionID, direction DirectionPath, number NumberPath, params ExplainPlanParcelParams) error {
	session, err := s.planningSession(c, county, id)
	if err != nil {
		return err
	}
	var limit time.Duration
	if params.Replacement != nil && *params.Replacement {
		limit = milliseconds(params.LimitMs, 2000)
	}
	reason, err := session.Explain(c.Request().Context(), string(direction), number, limit)
	if err != nil {
		return planningProblem(err)
	}
	return c.JSON(http.StatusOK, reason)
}

func (s *server) StartFrontier(c echo.Context, county CountyPath, id SessionID) error {
	var in FrontierInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	session, err := s.planningSession(c, county, id)
	if err != nil {
		return err
	}
	sweep := planning.Sweep{Limit: milliseconds(in.LimitMs, 2000)}
	ranged := in.From != nil && in.To != nil && in.Points != nil
	switch {
	case in.Lambdas != nil && in.From == nil && in.To == nil && in.Points == nil:
		sweep.Lambdas = *in.Lambdas
	case in.Lambdas == nil && ranged:
		sweep.Lambdas, err = planning.Lambdas(*in.From, *in.To, *in.Points, in.Spacing != nil && *in.Spacing == "log")
	default:
		return badRequest("frontier", "给出 lambdas，或给出 from、to、points。 Give lambdas, or from, to and points.")
	}
	if err != nil {
		return planningProblem(err)
	}
	f, err := session.StartFrontier(sweep)
	if err != nil {
		return planningProblem(err)
	}
	return c.JSON(http.StatusAccepted, f)
}

func (s *server) GetFrontier(c echo.Context, county CountyPath, id SessionID) error {
	session, err := s.planningSession(c, county, id)
	if err != nil {
		return err
	}
	f, err := session.Frontier()
	if err != nil {
		return planningProblem(err)
	}
	return c.JSON(http.StatusOK, f)
}

func (s *server) StopFrontier(c echo.Context, county CountyPath, id SessionID) error {
	session, err := s.planningSession(c, county, id)
	if err != nil {
		return err
	}
	session.StopFrontier()
	return c.NoContent(http.StatusNoContent)
}
