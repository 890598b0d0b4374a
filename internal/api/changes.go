package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/planning"
	"gengheng/internal/rulebook"
)

func (s *server) ListScreeningChanges(c echo.Context, county CountyPath, id RunID, params ListScreeningChangesParams) error {
	ctx := c.Request().Context()
	if err := s.finished(ctx, county, id); err != nil {
		return err
	}
	run, err := s.run(ctx, county, id)
	if err != nil {
		return err
	}
	since, err := s.since(ctx, county, run, params.Since)
	if err != nil {
		return err
	}
	after, err := parcelKey(params.After)
	if err != nil {
		return err
	}
	plan, _, standing, err := planning.Standing(ctx, s.rows(ctx), county, run.Year)
	if err != nil {
		return err
	}
	var chosen *uuid.UUID
	if standing {
		chosen = &plan
	}
	list, err := planning.Changes(ctx, s.rows(ctx), county, since, id, chosen)
	if err != nil {
		return err
	}
	out := ScreeningChanges{Since: since, Total: len(list), Items: []ScreeningChange{}}
	if out.Rulebook, err = s.rulebookChange(ctx, county, since, run.Rulebook); err != nil {
		return err
	}
	limit := pageSize(params.Limit)
	for _, ch := range list {
		switch ch.Kind {
		case "newly_failing":
			out.NewlyFailing++
		case "newly_passing":
			out.NewlyPassing++
		}
		if ch.Direction < after.direction || ch.Direction == after.direction && ch.Number <= after.number || len(out.Items) == limit {
			continue
		}
		out.Items = append(out.Items, changeOf(ch))
	}
	if n := len(out.Items); n == limit {
		out.Next = nextKey(out.Items[n-1].Direction, out.Items[n-1].Number)
	}
	return c.JSON(http.StatusOK, out)
}

// since is the run to compare with: the one asked for, which must be finished,
// or the one that was finished before.
func (s *server) since(ctx context.Context, county string, run Screening, asked *uuid.UUID) (uuid.UUID, error) {
	if asked != nil {
		return *asked, s.finished(ctx, county, *asked)
	}
	var id uuid.UUID
	err := s.rows(ctx).QueryRow(ctx, `
		SELECT run_id FROM screening_run WHERE county_code = $1 AND year = $2 AND status = 'done' AND finished_at < $3
		ORDER BY finished_at DESC, run_id LIMIT 1`, county, run.Year, run.FinishedAt).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, notFound("screening", "此前没有完成的筛查可供对比；请在 since 中指明一次。 No earlier run is finished; name one in since.")
	}
	if err != nil {
		return id, fmt.Errorf("earlier screening: %w", err)
	}
	return id, nil
}

// rulebookChange says how the rulebook of an earlier run differs from another
// version; nil where it is the same.
func (s *server) rulebookChange(ctx context.Context, county string, since uuid.UUID, after string) (*RulebookChange, error) {
	var before string
	err := s.rows(ctx).QueryRow(ctx, `SELECT rulebook FROM screening_run WHERE county_code = $1 AND run_id = $2`, county, since).Scan(&before)
	if err != nil {
		return nil, fmt.Errorf("rulebook of screening %s: %w", since, err)
	}
	if before == after {
		return nil, nil
	}
	old, err := s.rulebookOf(ctx, before)
	if err != nil {
		return nil, err
	}
	now, err := s.rulebookOf(ctx, after)
	if err != nil {
		return nil, err
	}
	changes := rulebook.Compare(old, now)
	out := &RulebookChange{Before: before, After: after, Clauses: []ClauseChange{}, Settings: []string{}}
	for i := range changes.Clauses {
		c := &changes.Clauses[i]
		item := ClauseChange{Clause: c.ID, Title: c.Title(), What: []string{}}
		for _, a := range c.Aspects() {
			item.What = append(item.What, string(a))
		}
		out.Clauses = append(out.Clauses, item)
	}
	for _, setting := range changes.Settings {
		out.Settings = append(out.Settings, string(setting))
	}
	return out, nil
}

func changeOf(ch planning.Change) ScreeningChange {
	out := ScreeningChange{Direction: Direction(ch.Direction), Number: ch.Number, TownshipCode: ch.Township, Kind: ScreeningChangeKind(ch.Kind),
		Approved: ch.Approved, UsableBeforeM2: ch.UsableBefore, UsableAfterM2: ch.UsableAfter, NetBeforeM2: ch.NetBefore, NetAfterM2: ch.NetAfter,
		ClausesGone: ch.Gone, ClausesCome: ch.Come}
	if ch.VerdictBefore != nil {
		v := VerdictName(*ch.VerdictBefore)
		out.VerdictBefore = &v
	}
	if ch.VerdictAfter != nil {
		v := VerdictName(*ch.VerdictAfter)
		out.VerdictAfter = &v
	}
	return out
}

func (s *server) ListAlerts(c echo.Context, county CountyPath, params ListAlertsParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	plan, madeFrom, standing, err := planning.Standing(ctx, s.rows(ctx), county, params.Year)
	if err != nil {
		return err
	}
	out := []Alert{}
	if !standing {
		return c.JSON(http.StatusOK, out)
	}
	var latest uuid.UUID
	err = s.rows(ctx).QueryRow(ctx, `
		SELECT run_id FROM screening_run WHERE county_code = $1 AND year = $2 AND status = 'done'
		ORDER BY finished_at DESC, run_id LIMIT 1`, county, params.Year).Scan(&latest)
	if err != nil {
		return fmt.Errorf("latest screening: %w", err)
	}
	list, err := planning.Alerts(ctx, s.rows(ctx), county, plan, madeFrom, latest)
	if err != nil {
		return err
	}
	for _, a := range list {
		zh, en := a.Message()
		alert := Alert{PlanId: plan, RunId: latest, Direction: Direction(a.Direction), Number: a.Number, TownshipCode: a.Township,
			Kind: AlertKind(a.Kind), OverlapM2: a.Overlap, Clauses: a.Clauses, MessageZh: zh, MessageEn: en}
		if a.Verdict != nil {
			v := VerdictName(*a.Verdict)
			alert.Verdict = &v
		}
		out = append(out, alert)
	}
	return c.JSON(http.StatusOK, out)
}
