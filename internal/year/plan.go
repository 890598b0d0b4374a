package year

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/planning"
	"gengheng/internal/workflow"
)

// flows tells whether the year's parcels go through the workflow: its deadlines
// and departments have been set.
func (y Year) flows(ctx context.Context, tx pgx.Tx) (bool, error) {
	_, err := workflow.ReadYear(ctx, tx, y.County, y.Number)
	var refusal *workflow.Refusal
	if errors.As(err, &refusal) && refusal.Code == workflow.YearNotSet {
		return false, nil
	}
	return err == nil, err
}

// advance takes a step for every parcel of a list whose record is in one of the
// states, in one order. Others are handed to otherwise.
func (y Year) advance(ctx context.Context, tx pgx.Tx, a access.Actor, list []planning.Chosen, action workflow.Action, from []workflow.State, in workflow.Input,
	otherwise func(c planning.Chosen, r *workflow.Record) error) error {
	list = slices.Clone(list)
	slices.SortFunc(list, func(c, d planning.Chosen) int { return workflow.Compare(y.keyOf(c), y.keyOf(d)) })
	var refused Refusals
	for _, c := range list {
		if c.Net == 0 {
			continue // exempt: it goes its own way
		}
		r, err := workflow.Read(ctx, tx, y.keyOf(c))
		switch {
		case err != nil:
		case slices.Contains(from, r.State):
			_, err = y.Flow.Apply(ctx, tx, a, r.Key, action, in)
		case otherwise != nil:
			err = otherwise(c, &r)
		}
		if err != nil && refused.collect(err) {
			return errors.Join(refused.err(), err)
		}
	}
	return refused.err()
}

// nominate moves what a proposed plan has chosen from the department review into
// the plan. It is refused where a chosen parcel has not come so far, where a
// required opinion is missing, and where the plan's screening read another
// declaration than the one that was reviewed.
func (y Year) nominate(ctx context.Context, tx pgx.Tx, a access.Actor, p *planning.Publication) error {
	list, err := planning.ChosenParcels(ctx, tx, y.County, p.PlanID)
	if err != nil {
		return err
	}
	digests, err := y.declaredIn(ctx, tx, p.PlanID)
	if err != nil {
		return err
	}
	in := workflow.Input{Reason: p.Reason, Data: map[string]any{"plan_id": p.PlanID, "number": p.Number}}
	if err := y.advance(ctx, tx, a, list, workflow.Plan, []workflow.State{workflow.InReview}, in, func(_ planning.Chosen, r *workflow.Record) error {
		return unreviewed(r)
	}); err != nil {
		return err
	}
	return y.sameDeclarations(ctx, tx, list, digests)
}

// unreviewed refuses a parcel that the plan has chosen and that has not passed
// the review, or has left the year.
func unreviewed(r *workflow.Record) error {
	switch r.State {
	case workflow.Draft, workflow.Submitted, workflow.Checked, workflow.Returned, workflow.Refused, workflow.Withdrawn, workflow.WrittenOff:
		return &workflow.Refusal{Code: workflow.IllegalStep, Record: r.Key.String(), Missing: []string{string(workflow.InReview)},
			Detail: fmt.Sprintf("方案选中的地块 %s 现为“%s”，未经部门会审，不能报批；请先办完会审，或从方案中去掉。 The plan has chosen %s, which has not passed the review.", r.Key, r.State.Chinese(), r.Key)}
	}
	return nil
}

func (y Year) sameDeclarations(ctx context.Context, tx pgx.Tx, list []planning.Chosen, digests map[string]string) error {
	var refused Refusals
	for _, c := range list {
		if c.Net == 0 {
			continue
		}
		r, err := workflow.Read(ctx, tx, y.keyOf(c))
		if err != nil {
			return err
		}
		if r.Declaration == digests[r.Key.String()] {
			continue
		}
		done := refused.collect(&workflow.Refusal{Code: workflow.Replaced, Record: r.Key.String(), Missing: []string{"plan"},
			Detail: fmt.Sprintf("地块 %s：方案所依据的筛查读的不是会审通过的申报；请重新筛查并编制方案。 The plan's screening read another declaration of %s than the one that was reviewed; screen and plan again.", r.Key, r.Key)})
		if done {
			break
		}
	}
	return refused.err()
}

// follow moves the parcels after the plan's decision: what it has chosen is
// approved, what an amendment drops goes back to the review; a plan that is sent
// back leaves its parcels in the review.
func (y Year) follow(ctx context.Context, tx pgx.Tx, a access.Actor, before, p *planning.Publication, approve bool) error {
	list, err := planning.ChosenParcels(ctx, tx, y.County, p.PlanID)
	if err != nil {
		return err
	}
	in := workflow.Input{Reason: p.Decision, Data: map[string]any{"plan_id": p.PlanID, "number": p.Number}}
	planned := []workflow.State{workflow.Planned}
	if !approve {
		return y.advance(ctx, tx, a, list, workflow.Unplan, planned, in, nil)
	}
	if err := y.advance(ctx, tx, a, list, workflow.Approve, planned, in, nil); err != nil || before == nil {
		return err
	}
	was, err := planning.ChosenParcels(ctx, tx, y.County, before.PlanID)
	if err != nil {
		return err
	}
	dropped := slices.DeleteFunc(was, func(c planning.Chosen) bool {
		return slices.ContainsFunc(list, func(d planning.Chosen) bool { return d.Direction == c.Direction && d.Number == c.Number })
	})
	return y.advance(ctx, tx, a, dropped, workflow.Drop, droppable, in, nil)
}

// droppable are the states from which an amendment takes a parcel out; one that
// has gone further is refused by the books.
var droppable = []workflow.State{workflow.Approved, workflow.Executing, workflow.TownshipChecked, workflow.Rectifying, workflow.Failed}
