package year

import (
	"context"
	"fmt"

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
	err = y.inTx(ctx, func(tx pgx.Tx) error {
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
	return y.inTx(ctx, func(tx pgx.Tx) error {
		err := ledger.CancelCredit(ctx, tx, y.County, credit, ledger.Note{By: ledger.By{ID: id, As: as}, Reason: reason, Approval: approval})
		if err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: y.County, Action: "ledger.credit_cancel", Kind: "ledger_credit", ID: credit.String(), Reason: reason,
			After: map[string]any{"approval": approval}})
	})
}
