package year

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/ledger"
)

// AddCredit registers land that another programme has credited; geom is in the
// county's plane. Our own programme's land comes by acceptance alone.
func (y Year) AddCredit(ctx context.Context, programme, number string, geom orb.MultiPolygon, reason string) (id uuid.UUID, err error) {
	if programme == ledger.Programme {
		return id, &ledger.Error{Code: ledger.NotReversible, Programme: programme,
			Detail: fmt.Sprintf("“%s”的土地由县级验收认定，不能登记。 Land of this programme is credited by its acceptance.", programme)}
	}
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		if id, err = ledger.AddCredit(ctx, tx, y.County, programme, y.Number, number, geom); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: y.County, Action: "ledger.credit", Kind: "ledger_credit", ID: id.String(), Reason: reason,
			After: map[string]any{"programme": programme, "year": y.Number, "number": number, "geometry": geom}})
	})
	return id, err
}

// CancelCredit takes back a registration that was a mistake.
func (y Year) CancelCredit(ctx context.Context, credit uuid.UUID, reason, approval string) error {
	a, err := actor(ctx)
	if err != nil {
		return err
	}
	id, as := by(a)
	return y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		err := ledger.CancelCredit(ctx, tx, y.County, credit, ledger.Note{By: ledger.By{ID: id, As: as}, Reason: reason, Approval: approval})
		if err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: y.County, Action: "ledger.credit_cancel", Kind: "ledger_credit", ID: credit.String(), Reason: reason,
			After: map[string]any{"approval": approval}})
	})
}

// Settle pays what a township owes out of its available quota (归还欠账), as far
// as that goes. key is the caller's name for it: the same is posted once.
func (y Year) Settle(ctx context.Context, key, township, reason string) (ledger.Posted, error) {
	a, err := actor(ctx)
	if err != nil {
		return ledger.Posted{}, err
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		return ledger.Posted{}, &ledger.Error{Code: ledger.ReasonMissing, Detail: "归还欠账须说明理由（reason）。 Say why (reason)."}
	}
	id, as := by(a)
	var out ledger.Posted
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		book := ledger.Book{County: y.County, Year: y.Number, Township: township}
		if err := ledger.KnowsTownship(ctx, tx, book); err != nil {
			return err
		}
		out, err = ledger.Settle(ctx, tx, book, ledger.Note{Key: "settle " + township + " " + key, By: ledger.By{ID: id, As: as}, Reason: reason})
		if err != nil || out.Again {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: y.County, Action: "ledger.settle", Kind: "ledger_transaction", ID: out.ID.String(), Reason: reason,
			After: map[string]any{"township": township, "year": y.Number}})
	})
	return out, err
}
