package year

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/ledger"
	"gengheng/internal/workflow"
)

// Close ends the year (年度结转): every township's rest, or what it owes, goes to
// the next year's book, and every recognised parcel is carried. It is refused
// while any parcel is still on its way, and by the books where quota is locked
// or something was not recognised. The next year's books are opened as this
// year's were, unless they are open.
func (y Year) Close(ctx context.Context, reason string) (ledger.Posted, error) {
	a, err := actor(ctx)
	if err != nil {
		return ledger.Posted{}, err
	}
	// also where it is closed already: the same request is answered the same way
	if reason = strings.TrimSpace(reason); reason == "" {
		return ledger.Posted{}, &workflow.Refusal{Code: workflow.ReasonMissing, Missing: []string{"reason"},
			Detail: fmt.Sprintf("%d 年度结转须说明理由（reason）。 Say why the year %d is closed (reason).", y.Number, y.Number)}
	}
	id, as := by(a)
	var posted ledger.Posted
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		opened, err := ledger.YearOf(ctx, tx, y.County, y.Number)
		if err != nil {
			return err
		}
		if err := y.finished(ctx, tx); err != nil {
			return err
		}
		if err := y.openNext(ctx, tx, opened); err != nil {
			return err
		}
		posted, err = ledger.CloseYear(ctx, tx, y.County, y.Number, ledger.Note{Key: fmt.Sprintf("close %d", y.Number), By: ledger.By{ID: id, As: as}, Reason: reason})
		if err != nil || posted.Again {
			return err
		}
		if err := y.carry(ctx, tx, a, reason); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: y.County, Action: "year.close", Kind: "year", ID: fmt.Sprint(y.Number), Reason: reason,
			After: map[string]any{"tx_id": posted.ID}})
	})
	return posted, err
}

func (y Year) openNext(ctx context.Context, tx pgx.Tx, opened ledger.Opened) error {
	next, err := ledger.YearOf(ctx, tx, y.County, y.Number+1)
	if err == nil && next.Closed == nil {
		return nil
	}
	return ledger.OpenYear(ctx, tx, y.County, y.Number+1, opened.Mode, opened.Enforced)
}

// finished refuses while parcels are on their way.
func (y Year) finished(ctx context.Context, tx pgx.Tx) error {
	counts, err := workflow.Counts(ctx, tx, y.County, y.Number)
	if err != nil {
		return err
	}
	var missing, zh []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		direction, state, _ := strings.Cut(key, "/")
		if s := workflow.State(state); !s.Final() && s != workflow.Recognised {
			missing = append(missing, key)
			zh = append(zh, fmt.Sprintf("%s“%s” %d 个", map[string]string{"in": "转进", "out": "转出"}[direction], s.Chinese(), counts[key]))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &workflow.Refusal{Code: workflow.Unfinished, Missing: missing,
		Detail: fmt.Sprintf("%d 年度还有地块未办结，不能结转：%s；请先认定、核销、不予或撤回。 Parcels of %d are still on their way (%s); recognise, write off, refuse or withdraw them first.",
			y.Number, strings.Join(zh, "、"), y.Number, strings.Join(missing, ", "))}
}

// carry moves what is recognised into the past.
func (y Year) carry(ctx context.Context, tx pgx.Tx, a access.Actor, reason string) error {
	list, err := workflow.Records(ctx, tx, y.County, y.Number, workflow.Filter{State: workflow.Recognised, Limit: 1_000_000})
	if err != nil {
		return err
	}
	for _, r := range list { // by direction and number: the order of locking
		if _, err := y.Flow.Apply(ctx, tx, a, r.Key, workflow.Carry, workflow.Input{Reason: reason}); err != nil {
			return err
		}
	}
	return nil
}
