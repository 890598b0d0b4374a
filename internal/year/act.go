package year

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/planning"
	"gengheng/internal/workflow"
)

// Item is a parcel that a step is taken for.
type Item struct {
	Direction, Number string
	// Revision is the record's as the caller has seen it; 0 only for what is not
	// declared yet.
	Revision  int
	Documents []uuid.UUID
	// Executed is what a 转出 really took; nil is all that was released. Its
	// quality is worked out.
	Executed *ledger.Amounts
	// Rectify is what has to be put right: for rectify.
	Rectify []string
	// RectifyBy is the day by which that has to be done, as 2027-09-30.
	RectifyBy string
}

// Act takes one step for one parcel or many: all or none. What the step means
// in the books is posted in the same transaction. Refusals are
// *workflow.Refusal, *Refusals for several parcels, or *ledger.Error.
func (y Year) Act(ctx context.Context, action workflow.Action, items []Item, reason string, exempt workflow.Exempt) ([]workflow.Record, error) {
	a, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.SortFunc(items, func(p, q Item) int { return workflow.Compare(y.key(p), y.key(q)) })
	var out []workflow.Record
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		var refused Refusals
		out = nil
		if err := y.running(ctx, tx); err != nil {
			return errors.Join(y.unseen(ctx, tx, a, items), err)
		}
		for _, item := range items {
			r, err := y.step(ctx, tx, a, action, item, reason, exempt)
			if err != nil {
				if refused.collect(err) {
					return errors.Join(refused.err(), err)
				}
				continue
			}
			out = append(out, *r)
		}
		return refused.err()
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// running refuses a year that has been closed: what comes later belongs to the
// next.
func (y Year) running(ctx context.Context, tx pgx.Tx) error {
	opened, err := ledger.YearOf(ctx, tx, y.County, y.Number)
	var l *ledger.Error
	switch {
	case errors.As(err, &l): // not open yet: before the plan's approval
		return nil
	case err != nil:
		return err
	case opened.Closed != nil:
		return &ledger.Error{Code: ledger.YearClosed, Year: y.Number,
			Detail: fmt.Sprintf("%d 年度已结转，不能再办；请在下一年度申报。 The year %d is closed; declare it in the next.", y.Number, y.Number)}
	}
	return nil
}

// unseen refuses the records among items that are not the actor's to see, as if
// they were not there: whose they are comes before how the year stands.
func (y Year) unseen(ctx context.Context, tx pgx.Tx, a access.Actor, items []Item) error {
	var refused Refusals
	for _, item := range items {
		r, err := workflow.Read(ctx, tx, y.key(item))
		var missing *workflow.Refusal
		switch {
		case errors.As(err, &missing): // none to see: the year's state says enough
			continue
		case err != nil:
			return err
		case !a.Sees(y.County, r.Township) && refused.collect(workflow.Unseen(r.Key)):
			return refused.err()
		}
	}
	return refused.err()
}

// Given is a department's opinion on a parcel.
type Given struct {
	Key     workflow.Key
	Opinion workflow.Opinion
}

// Give records one opinion of the actor's department on parcels in review: on
// all or on none.
func (y Year) Give(ctx context.Context, keys []workflow.Key, o workflow.Opinion) ([]Given, error) {
	a, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, workflow.Compare)
	var out []Given
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		var refused Refusals
		out = nil
		for _, key := range keys {
			given, err := y.Flow.Give(ctx, tx, a, key, o)
			if err != nil {
				if refused.collect(err) {
					return errors.Join(refused.err(), err)
				}
				continue
			}
			out = append(out, Given{key, given})
		}
		return refused.err()
	})
	return out, err
}

func (y Year) key(i Item) workflow.Key {
	return workflow.Key{County: y.County, Year: y.Number, Direction: i.Direction, Number: i.Number}
}

// direct tells whether an action may be taken by itself; the others follow from
// the plan's decision, the measured acceptance, the survey or the year's end.
func direct(a workflow.Action) bool {
	if a == workflow.Recognise {
		return false
	}
	return slices.ContainsFunc(workflow.Steps(), func(s workflow.Step) bool { return s.Action == a && !s.Composed })
}

func (y Year) step(ctx context.Context, tx pgx.Tx, a access.Actor, action workflow.Action, item Item, reason string, exempt workflow.Exempt) (*workflow.Record, error) {
	key := y.key(item)
	if !direct(action) {
		return nil, &workflow.Refusal{Code: workflow.IllegalStep, Record: key.String(),
			Detail: fmt.Sprintf("“%s”不能单独办理：它随方案报批与决定、年度变更认定或年度结转而来。 This step follows from the plan's decision, the survey or the year's end.", action.Chinese())}
	}
	in := workflow.Input{Revision: item.Revision, Reason: reason, Documents: item.Documents, Exempt: exempt, Rectify: item.Rectify, RectifyBy: item.RectifyBy}
	var err error
	switch action {
	case workflow.Declare, workflow.Submit, workflow.Check:
		if in.Facts, err = y.facts(ctx, tx, key); err != nil {
			return nil, err
		}
	case workflow.Execute:
		if item.Executed != nil {
			in.Data = map[string]any{"executed": item.Executed}
		}
	}
	r, err := y.Flow.Apply(ctx, tx, a, key, action, in)
	if err != nil {
		return nil, err
	}
	return r, y.post(ctx, tx, a, action, r, item, reason)
}

// post books what a step means, if anything.
func (y Year) post(ctx context.Context, tx pgx.Tx, a access.Actor, action workflow.Action, r *workflow.Record, item Item, reason string) (err error) {
	p, note := y.booked(r), y.note(a, r, reason)
	switch action {
	case workflow.Lock:
		_, err = ledger.LockOut(ctx, tx, p, note)
	case workflow.Unlock:
		_, err = ledger.UnlockOut(ctx, tx, p, note)
	case workflow.Release:
		_, err = ledger.ReleaseOut(ctx, tx, p, note)
	case workflow.Recall:
		var released uuid.UUID
		if released, err = ledger.Latest(ctx, tx, p, "out", ledger.KindReleaseOut); err == nil {
			_, err = ledger.Reverse(ctx, tx, y.County, released, note)
		}
	case workflow.Revoke:
		var last uuid.UUID
		if last, err = ledger.Latest(ctx, tx, p, r.Direction, revoked(r)); err == nil {
			_, err = ledger.Reverse(ctx, tx, y.County, last, note)
		}
	case workflow.Execute:
		err = y.execute(ctx, tx, p, item.Executed, note)
	case workflow.Accept:
		err = y.credit(ctx, tx, r, note)
	case workflow.WriteOff:
		_, err = ledger.UnplanParcel(ctx, tx, p, r.Direction, note)
	case workflow.Confirm:
		amounts := ledger.Amounts{Area: r.Net, Paddy: r.Paddy, Quality: planning.QualityArea(r.Net, r.Grade, r.Direction)}
		_, err = ledger.ExemptOutflow(ctx, tx, p, amounts, note)
	}
	return err
}

// revoked is the kind of entry that is reversed when a record has gone back to
// its state.
func revoked(r *workflow.Record) ledger.Kind {
	switch {
	case r.Exempt != workflow.Balanced:
		return ledger.KindExempt
	case r.State == workflow.TownshipChecked:
		return ledger.KindAcceptIn
	case r.State == workflow.Accepted:
		return ledger.KindRecogniseIn
	case r.State == workflow.Released:
		return ledger.KindExecuteOut
	}
	return ledger.KindRecogniseOut
}

func (y Year) execute(ctx context.Context, tx pgx.Tx, p ledger.Parcel, took *ledger.Amounts, note ledger.Note) error {
	released, err := ledger.Standing(ctx, tx, p, "out", ledger.Released)
	if err != nil {
		return err
	}
	if took == nil {
		took = &released
	} else if released.Area > 0 {
		// what was taken is as good as the whole was; too much is refused below
		took.Quality = land.Share(released.Quality, min(max(took.Area, 0), released.Area), released.Area)
	}
	_, err = ledger.ExecuteOut(ctx, tx, p, *took, note)
	return err
}

// booked is the parcel as the books name it.
func (y Year) booked(r *workflow.Record) ledger.Parcel {
	return ledger.Parcel{Book: ledger.Book{County: y.County, Year: y.Number, Township: r.Township}, Number: r.Number}
}

// note says of a posting which step it follows from: the same step posts once.
func (y Year) note(a access.Actor, r *workflow.Record, reason string) ledger.Note {
	id, as := by(a)
	return ledger.Note{Key: fmt.Sprintf("record %d/%s %d", y.Number, r.Key, r.Revision), By: ledger.By{ID: id, As: as}, Reason: reason}
}
