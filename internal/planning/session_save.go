package planning

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Save stores the session's plan as it is shown: its own solution is packed,
// verified, checked in whole hundredths and written with the reason of every
// parcel, as Run does with a solution of its own. Nothing is solved again, so
// that what is stored is what was seen. rev is the revision that is meant; 0 is
// the newest. record runs in the transaction that writes the plan.
func (s *Session) Save(ctx context.Context, rev int, name, note string, record func(tx pgx.Tx, plan uuid.UUID) error) (uuid.UUID, error) {
	r := s.now.Load()
	if rev != 0 && rev != r.number {
		return uuid.Nil, refuse("plan-session-revision", "方案已有更新的一版 · There is a newer revision",
			"要保存的是第 %d 版，现已是第 %d 版；请先读取现状再保存。 Revision %d was to be saved, the session is at %d; read it first.", rev, r.number, rev, r.number)
	}
	if r.solution.Selected == nil {
		return uuid.Nil, refuse("plan-session-no-plan", "没有可保存的方案 · There is no plan to save",
			"现状（%s）不是可行方案；请放宽约束或继续求解后再保存。 The session's state is %s; ease the rules or search on first.", r.solution.Status, r.solution.Status)
	}
	out, err := conclude(r.base.s, r.base.f, r.m, r.o, r.solution, nil)
	if err != nil {
		return uuid.Nil, err
	}
	artifacts, err := pack(r.m.problem, r.solution)
	if err != nil {
		return uuid.Nil, err
	}
	id := uuid.New()
	err = pgx.BeginFunc(ctx, s.db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO plan (county_code, plan_id, run_id, year, status, options, name, note, base_plan_id)
			SELECT $1, $2, run_id, year, 'running', $4, $5, $6, (SELECT plan_id FROM plan WHERE county_code = $1 AND plan_id = $7)
			FROM screening_run WHERE county_code = $1 AND run_id = $3`,
			s.County, id, s.RunID, r.given, name, note, s.PlanID)
		if err != nil {
			return fmt.Errorf("record plan: %w", err)
		}
		if err := fill(ctx, tx, s.County, id, out, r.solution.Certificate, artifacts); err != nil {
			return err
		}
		return record(tx, id)
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("save session %s: %w", s.ID, err)
	}
	return id, nil
}
