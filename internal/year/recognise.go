package year

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/workflow"
)

// Recognition is what the yearly survey (年度国土变更调查) finds of a parcel.
type Recognition struct {
	Record workflow.Record
	// Survey is the version of DLTB that was read.
	Survey  uuid.UUID
	Version string
	// Booked is what stands in the books before: accepted or executed.
	Booked, Recognised ledger.Amounts
}

// Recognise holds parcels against the survey of the next year (BAL-7), or of the
// version named, and posts what it finds: of 转进 the cultivated land inside the
// accepted boundary, of 转出 what the boundary has lost of it since this year's
// survey. trial only works it out. All or none.
func (y Year) Recognise(ctx context.Context, items []Item, survey *uuid.UUID, reason string, trial bool) ([]Recognition, error) {
	a, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.SortFunc(items, func(p, q Item) int { return workflow.Compare(y.key(p), y.key(q)) })
	var out []Recognition
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		var refused Refusals
		out = nil
		id, version, err := y.survey(ctx, tx, y.Number+1, survey)
		if err != nil {
			return err
		}
		for _, item := range items {
			found := Recognition{Survey: id, Version: version}
			if err := y.recognise(ctx, tx, a, item, &found, reason, trial); err != nil {
				if refused.collect(err) {
					return errors.Join(refused.err(), err)
				}
				continue
			}
			out = append(out, found)
		}
		return refused.err()
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (y Year) recognise(ctx context.Context, tx pgx.Tx, a access.Actor, item Item, found *Recognition, reason string, trial bool) error {
	r, err := workflow.Read(ctx, tx, y.key(item))
	if err != nil {
		return err
	}
	account := ledger.Available
	if r.Direction == "out" {
		account = ledger.Used
	}
	if found.Booked, err = ledger.Standing(ctx, tx, y.booked(&r), r.Direction, account); err != nil {
		return err
	}
	found.Record = r
	if found.Recognised, err = y.found(ctx, tx, &r, found.Survey); err != nil || trial {
		return err
	}
	after, err := y.Flow.Apply(ctx, tx, a, r.Key, workflow.Recognise, workflow.Input{Revision: item.Revision, Reason: reason, Documents: item.Documents,
		Data: map[string]any{"survey": found.Survey, "version": found.Version, "booked": found.Booked, "recognised": found.Recognised}})
	if err != nil {
		return err
	}
	found.Record = *after
	_, err = ledger.Recognise(ctx, tx, y.booked(after), r.Direction, found.Recognised, y.note(a, after, reason))
	return err
}

// found is the amount that a survey has of a parcel.
func (y Year) found(ctx context.Context, tx pgx.Tx, r *workflow.Record, survey uuid.UUID) (ledger.Amounts, error) {
	g, srid, err := y.boundary(ctx, tx, r)
	if err != nil {
		return ledger.Amounts{}, err
	}
	after, err := y.cultivated(ctx, tx, r.Key, survey, g, srid)
	if err != nil || r.Direction == "in" {
		return after, err
	}
	base, _, err := y.survey(ctx, tx, y.Number, nil)
	if err != nil {
		return ledger.Amounts{}, err
	}
	before, err := y.cultivated(ctx, tx, r.Key, base, g, srid)
	if err != nil {
		return ledger.Amounts{}, err
	}
	gone := func(before, after land.Area) land.Area { return max(before-after, 0) }
	area := gone(before.Area, after.Area)
	return ledger.Amounts{Area: area, Paddy: min(area, gone(before.Paddy, after.Paddy)), Quality: gone(before.Quality, after.Quality)}, nil
}
