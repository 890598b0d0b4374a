package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
)

// Programme is the name under which our own acceptances credit land.
const Programme = "进出平衡"

// RegisterCredit registers land that another programme has credited (占补平衡,
// 增减挂钩, 高标准农田新增耕地), so that it is not credited again.
func RegisterCredit(ctx context.Context, tx pgx.Tx, county, programme string, year int, number string, geom orb.MultiPolygon) error {
	_, err := AddCredit(ctx, tx, county, programme, year, number, geom)
	return err
}

// AddCredit is RegisterCredit, and names the credit.
func AddCredit(ctx context.Context, tx pgx.Tx, county, programme string, year int, number string, geom orb.MultiPolygon) (id uuid.UUID, err error) {
	shape, err := ewkb.Marshal(geom, 0)
	if err != nil {
		return id, fmt.Errorf("boundary of %s: %w", number, err)
	}
	err = tx.QueryRow(ctx, `INSERT INTO ledger_credit (county_code, credit_id, programme, year, number, geom)
		SELECT county_code, gen_random_uuid(), $2, $3, $4, ST_SetSRID(ST_GeomFromEWKB($5), srid) FROM county WHERE county_code = $1 RETURNING credit_id`,
		county, programme, year, number, shape).Scan(&id)
	if err != nil {
		return id, refusal(err, &transaction{kind: KindAcceptIn})
	}
	return id, nil
}

// CancelCredit takes back what another programme was registered to have credited
// by mistake; the land can be credited again. note says why and by whose approval.
// Our own acceptances are not cancelled but reversed ([Reverse]). Nothing is
// deleted: the cancellation is a link of its own in the programme's chain.
func CancelCredit(ctx context.Context, tx pgx.Tx, county string, credit uuid.UUID, note Note) error {
	if strings.TrimSpace(note.Reason) == "" || strings.TrimSpace(note.Approval) == "" {
		return &Error{Code: ReasonMissing, Detail: "撤销登记须说明理由并写明批准文号。 A cancellation needs its reason and its approval's number."}
	}
	var ours, cancelled bool
	rows, err := tx.Query(ctx, `
		SELECT c.tx_id IS NOT NULL, x.credit_id IS NOT NULL
		FROM ledger_credit c LEFT JOIN ledger_credit_cancellation x ON x.county_code = c.county_code AND x.credit_id = c.credit_id
		WHERE c.county_code = $1 AND c.credit_id = $2`, county, credit)
	if err != nil {
		return fmt.Errorf("credit %s: %w", credit, err)
	}
	known := false
	if _, err := pgx.ForEachRow(rows, []any{&ours, &cancelled}, func() error {
		known = true
		return nil
	}); err != nil {
		return fmt.Errorf("credit %s: %w", credit, err)
	}
	switch {
	case !known:
		return &Error{Code: NoTransaction, Detail: fmt.Sprintf("县 %s 没有登记过土地 %s。 %s has registered no land %s.", county, credit, county, credit)}
	case ours:
		return &Error{Code: NotReversible, Detail: "这是本县进出平衡验收的土地，请冲销其验收。 This land is credited by an acceptance; reverse that."}
	case cancelled:
		return &Error{Code: NotReversible, Detail: "该登记已经撤销过。 The registration has been cancelled already."}
	}
	_, err = tx.Exec(ctx, `INSERT INTO ledger_credit_cancellation (county_code, credit_id, reason, approval, by_id, by_as) VALUES ($1, $2, $3, $4, $5, $6)`,
		county, credit, note.Reason, note.Approval, note.By.ID, note.By.As)
	if err != nil {
		return refusal(err, &transaction{kind: "cancel"})
	}
	return nil
}

// Credit is land that has been credited (已认定土地).
type Credit struct {
	ID        uuid.UUID `json:"credit_id"`
	Programme string    `json:"programme"`
	Year      int       `json:"year"`
	Number    string    `json:"number"`
	At        time.Time `json:"at"`
	// Status is standing 有效, reversed 已冲销 or cancelled 已撤销; Reason,
	// Approval and By say of a cancellation why and by whom.
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"`
	Approval string `json:"approval,omitempty"`
	By       string `json:"by,omitempty"`
}

// CreditFilter chooses credits; what is empty chooses all. After is the last
// credit of the page before.
type CreditFilter struct {
	Programme string
	After     uuid.UUID
	Limit     int
}

// Credits lists credited land in the order of its identifiers.
func Credits(ctx context.Context, q Querier, county string, f CreditFilter) ([]Credit, error) {
	rows, err := q.Query(ctx, `
		SELECT c.credit_id, c.programme, c.year, c.number, c.at,
		       CASE WHEN x.credit_id IS NOT NULL THEN 'cancelled' WHEN c.withdrawn_by IS NOT NULL THEN 'reversed' ELSE 'standing' END,
		       coalesce(x.reason, ''), coalesce(x.approval, ''), coalesce(x.by_as, '')
		FROM ledger_credit c LEFT JOIN ledger_credit_cancellation x ON x.county_code = c.county_code AND x.credit_id = c.credit_id
		WHERE c.county_code = $1 AND ($2 = '' OR c.programme = $2) AND c.credit_id > $3
		ORDER BY c.credit_id LIMIT $4`, county, f.Programme, f.After, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("credits of %s: %w", county, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Credit])
	if err != nil {
		return nil, fmt.Errorf("credits of %s: %w", county, err)
	}
	return list, nil
}
