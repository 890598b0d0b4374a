package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// stageOf is how far a parcel has come whose amounts stand in an account.
var stageOf = map[Account]string{InPlanned: "planned", OutPlanned: "planned", Available: "accepted", Locked: "locked", Released: "released",
	Used: "executed", RecognisedIn: "recognised", RecognisedOut: "recognised", ExemptOut: "exempt"}

// Standing is what a parcel holds in an account, if that is how far it has come.
func Standing(ctx context.Context, tx pgx.Tx, p Parcel, direction string, account Account) (Amounts, error) {
	stage, held, err := p.stands(ctx, tx, direction)
	if err != nil || stage != stageOf[account] {
		return Amounts{}, err
	}
	return held, nil
}

// Latest is the last transaction of a kind about a parcel that has not been
// reversed; *Error with NoTransaction where there is none.
func Latest(ctx context.Context, tx pgx.Tx, p Parcel, direction string, kind Kind) (uuid.UUID, error) {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `
		SELECT t.tx_id FROM ledger_transaction t JOIN ledger_entry e ON e.county_code = t.county_code AND e.tx_id = t.tx_id
		WHERE t.county_code = $1 AND t.direction = $2 AND t.number = $3 AND t.kind = $4 AND t.reverses IS NULL AND e.year = $5 AND e.township_code = $6
		  AND NOT EXISTS (SELECT FROM ledger_transaction r WHERE r.county_code = t.county_code AND r.reverses = t.tx_id)
		ORDER BY e.seq DESC LIMIT 1`, p.County, direction, p.Number, string(kind), p.Year, p.Township).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, &Error{Code: NoTransaction, Number: p.Number, Township: p.Township,
			Detail: fmt.Sprintf("地块 %s 没有可冲销的 %s。 Parcel %s has no %s to reverse.", p.Number, kind, p.Number, kind)}
	}
	if err != nil {
		return id, fmt.Errorf("last %s of %s: %w", kind, p.Number, err)
	}
	return id, nil
}

// Opened is how a year's ledger was opened, with the measures that it enforces now.
type Opened struct {
	Mode     Mode
	Enforced []Measure
	Closed   *time.Time
}

// YearOf is how a county's year is balanced; *Error with YearNotOpen where it was
// not.
func YearOf(ctx context.Context, tx pgx.Tx, county string, year int) (Opened, error) {
	return yearOf(ctx, tx, county, year)
}
