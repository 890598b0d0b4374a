// Package year (年度工作) says what each step of a county's year means in its
// books: a step, the entries that follow from it and the line in the audit log
// stand or fall together, in one transaction.
package year

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/ledger"
	"gengheng/internal/planning"
	"gengheng/internal/store"
	"gengheng/internal/workflow"
)

// Year is a county's year. Its steps act in the name of the context's actor
// (access.With).
type Year struct {
	DB     *store.DB
	County string
	Number int
	// Flow takes the parcels' steps; the zero value is ready.
	Flow workflow.Workflow
}

// by is the actor as the books name it.
func by(a access.Actor) (id uuid.UUID, as string) {
	as = a.Name + "（" + a.Role.Chinese()
	if a.Township != "" {
		as += " " + a.Township
	}
	return a.ID, as + "）"
}

func actor(ctx context.Context) (access.Actor, error) {
	a, ok := access.From(ctx)
	if !ok {
		return a, fmt.Errorf("a step of the year has no actor")
	}
	return a, nil
}

// Propose hands a plan in for approval (报批), for the year that it was made for.
// Where the year goes by the workflow, what the plan has chosen is taken from
// the department review into the plan. Refusals are *planning.Refusal,
// *workflow.Refusal or *Refusals.
func (y Year) Propose(ctx context.Context, plan uuid.UUID, title, reason string) (*planning.Publication, error) {
	a, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	id, as := by(a)
	var out *planning.Publication
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		out, err = planning.Propose(ctx, tx, y.County, plan, title, reason, planning.By{ID: id, As: as})
		if err != nil {
			return err
		}
		of := y
		of.Number = out.Year
		flows, err := of.flows(ctx, tx)
		if err != nil {
			return err
		}
		if flows {
			if err := of.nominate(ctx, tx, a, out); err != nil {
				return err
			}
		}
		return access.Record(ctx, tx, access.Entry{County: y.County, Action: "plan.propose", Kind: "plan", ID: plan.String(), After: out, Reason: reason})
	})
	return out, err
}

// Decide approves the plan that is proposed for the year, or sends it back. On
// approval the year's ledger is opened, by the balances that the plan keeps, and
// what the plan chooses is booked as planned; an amendment books what it changes.
//
// Where the year goes by the workflow, the parcels follow.
//
// Refusals are *planning.Refusal, or *ledger.Error where an amendment drops a
// parcel that has gone further than the plan already.
func (y Year) Decide(ctx context.Context, approve bool, decision string) (*planning.Publication, error) {
	a, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	id, as := by(a)
	var out *planning.Publication
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		out, err = planning.Decide(ctx, tx, y.County, y.Number, approve, decision, planning.By{ID: id, As: as})
		if err != nil {
			return err
		}
		// read under the lock that Decide has taken: whoever decided before is seen
		before, err := y.before(ctx, tx, out.Number)
		if err != nil {
			return err
		}
		if approve {
			if err := y.book(ctx, tx, before, out, ledger.By{ID: id, As: as}); err != nil {
				return err
			}
		}
		flows, err := y.flows(ctx, tx)
		if err != nil {
			return err
		}
		if flows {
			if err := y.follow(ctx, tx, a, before, out, approve); err != nil {
				return err
			}
		}
		return access.Record(ctx, tx, access.Entry{County: y.County, Action: "plan.decide", Kind: "plan", ID: out.PlanID.String(), Before: before, After: out, Reason: decision})
	})
	return out, err
}

// before is the approved publication that a number amends; nil for the first.
func (y Year) before(ctx context.Context, tx pgx.Tx, number int) (*planning.Publication, error) {
	list, err := planning.Publications(ctx, tx, y.County, y.Number)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Backward(list) {
		if p.Status == "approved" && p.Number < number {
			return &p, nil
		}
	}
	return nil, nil
}

// book writes into the ledger what an approved plan changes against the one
// before.
func (y Year) book(ctx context.Context, tx pgx.Tx, before, now *planning.Publication, by ledger.By) error {
	if err := y.rules(ctx, tx, before, now, by); err != nil {
		return err
	}
	was := map[string]planning.Chosen{}
	if before != nil {
		list, err := planning.ChosenParcels(ctx, tx, y.County, before.PlanID)
		if err != nil {
			return err
		}
		for _, c := range list {
			was[c.Direction+"/"+c.Number] = c
		}
	}
	list, err := planning.ChosenParcels(ctx, tx, y.County, now.PlanID)
	if err != nil {
		return err
	}
	note := func(c planning.Chosen, what string) ledger.Note {
		return ledger.Note{Key: fmt.Sprintf("plan %d/%d %s %s/%s", y.Number, now.Number, what, c.Direction, c.Number), By: by, Reason: now.Reason, Approval: now.Decision}
	}
	var come []planning.Chosen
	for _, c := range list {
		key := c.Direction + "/" + c.Number
		if was[key] != c {
			come = append(come, c)
			continue
		}
		delete(was, key)
	}
	for _, c := range sorted(was) {
		if c.Net == 0 {
			continue // exempt: nothing was booked
		}
		if _, err := ledger.UnplanParcel(ctx, tx, y.parcel(c), c.Direction, note(c, "drop")); err != nil {
			return fmt.Errorf("调出方案的地块 %s 已经锁定、实施或验收，不能调出 · parcel %s has gone further than the plan: %w", c.Number, c.Number, err)
		}
	}
	for _, c := range come {
		if c.Net == 0 {
			continue
		}
		amounts := ledger.Amounts{Area: c.Net, Paddy: c.Paddy, Quality: c.Quality}
		if _, err := ledger.PlanParcel(ctx, tx, y.parcel(c), c.Direction, amounts, note(c, "plan")); err != nil {
			return err
		}
	}
	return nil
}

// sorted is by direction and number, so that books are written in one order.
func sorted(m map[string]planning.Chosen) []planning.Chosen {
	list := make([]planning.Chosen, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[key])
	}
	return list
}

func (y Year) parcel(c planning.Chosen) ledger.Parcel {
	return ledger.Parcel{Book: ledger.Book{County: y.County, Year: y.Number, Township: c.Township}, Number: c.Number}
}

// rules opens the year by the balances that an approved plan keeps. Where it is
// open, by the plan that this one amends or by the close of the year before, they
// change to this plan's, and the log says so.
func (y Year) rules(ctx context.Context, tx pgx.Tx, before, now *planning.Publication, by ledger.By) error {
	mode, enforced, err := y.balances(ctx, tx, now.PlanID)
	if err != nil {
		return err
	}
	if before == nil {
		_, err := ledger.YearOf(ctx, tx, y.County, y.Number)
		var l *ledger.Error
		if errors.As(err, &l) && l.Code == ledger.YearNotOpen {
			return ledger.OpenYear(ctx, tx, y.County, y.Number, mode, enforced)
		}
		if err != nil {
			return err
		}
	}
	change, err := ledger.SetRules(ctx, tx, y.County, y.Number, mode, enforced,
		ledger.Note{Key: fmt.Sprintf("plan %d/%d rules", y.Number, now.Number), By: by, Reason: now.Reason, Approval: now.Decision})
	if err != nil || change == nil {
		return err
	}
	return access.Record(ctx, tx, access.Entry{County: y.County, Action: "ledger.rules", Kind: "year", ID: fmt.Sprint(y.Number), Reason: now.Reason,
		Before: map[string]any{"mode": change.ModeWas, "enforced": change.Was},
		After:  map[string]any{"mode": change.Mode, "enforced": change.Enforced, "approval": now.Decision}})
}

// balances are how the plan's rulebook balances a year, and the measures that the
// plan was made to balance: area always, unless only the net change counts.
func (y Year) balances(ctx context.Context, tx pgx.Tx, plan uuid.UUID) (ledger.Mode, []ledger.Measure, error) {
	var paddy, quality, netIncrease bool
	err := tx.QueryRow(ctx, `
		SELECT coalesce((summary #>> '{options,enforce,paddy}')::boolean, false), coalesce((summary #>> '{options,enforce,quality}')::boolean, false),
		       coalesce(summary #>> '{options,balance}', '') = 'net_increase'
		FROM plan WHERE county_code = $1 AND plan_id = $2`, y.County, plan).Scan(&paddy, &quality, &netIncrease)
	if err != nil {
		return "", nil, fmt.Errorf("balances of plan %s: %w", plan, err)
	}
	if netIncrease {
		return ledger.NetIncrease, nil, nil
	}
	list := []ledger.Measure{ledger.Area}
	if paddy {
		list = append(list, ledger.Paddy)
	}
	if quality {
		list = append(list, ledger.Quality)
	}
	return ledger.InOut, list, nil
}

// Transfer moves available quota between townships (乡镇间调剂).
func (y Year) Transfer(ctx context.Context, key, from, to string, amounts ledger.Amounts, approval, reason string) (ledger.Posted, error) {
	a, err := actor(ctx)
	if err != nil {
		return ledger.Posted{}, err
	}
	id, as := by(a)
	var out ledger.Posted
	err = pgx.BeginFunc(ctx, y.DB.Pool, func(tx pgx.Tx) error {
		// a mistyped code must not open a book and take the quota with it
		for _, township := range []string{from, to} {
			if err := ledger.KnowsTownship(ctx, tx, ledger.Book{County: y.County, Year: y.Number, Township: township}); err != nil {
				return err
			}
		}
		out, err = ledger.TransferQuota(ctx, tx, y.County, y.Number, from, to, amounts,
			ledger.Note{Key: "transfer " + key, By: ledger.By{ID: id, As: as}, Approval: approval, Reason: reason})
		if err != nil || out.Again {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: y.County, Action: "ledger.transfer", Kind: "ledger_transaction", ID: out.ID.String(), Reason: reason,
			After: map[string]any{"from": from, "to": to, "amounts": amounts, "approval": approval}})
	})
	return out, err
}
