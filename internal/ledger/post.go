package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

// movement is an amount on its way between two accounts of a book.
type movement struct {
	book          Book
	measure       Measure
	debit, credit Account
	amount        land.Area // greater than 0
}

// transaction is what is posted at once.
type transaction struct {
	county    string
	kind      Kind
	direction string
	number    string
	reverses  *uuid.UUID
	note      Note
	movements []movement
}

// move adds what is not zero.
func (t *transaction) move(b Book, m Measure, debit, credit Account, amount land.Area) {
	if amount > 0 {
		t.movements = append(t.movements, movement{b, m, debit, credit, amount})
	}
}

// moveAll moves every measure's amount.
func (t *transaction) moveAll(b Book, debit, credit Account, amounts Amounts) {
	for _, m := range measures {
		t.move(b, m, debit, credit, amounts.of(m))
	}
}

// sort puts the movements into the order of the books, so that no two who post
// wait for each other in a circle. Within a book the order stays.
func (t *transaction) sort() {
	slices.SortStableFunc(t.movements, func(a, b movement) int {
		return cmp.Or(cmp.Compare(a.book.Year, b.book.Year), cmp.Compare(a.book.Township, b.book.Township))
	})
}

func (t *transaction) content() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %q %v\n", t.kind, t.direction, t.number, t.reverses)
	for _, m := range t.movements {
		fmt.Fprintf(&b, "%d %s %s %s %s %d\n", m.book.Year, m.book.Township, m.measure, m.debit, m.credit, m.amount)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

const transactionSQL = `
INSERT INTO ledger_transaction (county_code, tx_id, key, kind, direction, number, reason, approval, reverses, by_id, by_as, content)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (county_code, key) WHERE key <> '' DO NOTHING`

const entriesSQL = `
INSERT INTO ledger_entry (county_code, year, township_code, tx_id, measure, debit, credit, amount)
SELECT t.county_code, u.year, u.township, t.tx_id, u.measure, u.debit, u.credit, u.amount
FROM ledger_transaction t,
     unnest($3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
         WITH ORDINALITY AS u (year, township, measure, debit, credit, amount, place)
WHERE t.county_code = $1 AND t.tx_id = $2
ORDER BY u.place`

const bookSQL = `
INSERT INTO ledger_book (county_code, year, township_code)
SELECT $1, u.year, u.township FROM unnest($2::integer[], $3::text[]) AS u (year, township) ON CONFLICT DO NOTHING`

// post writes a transaction, or finds that its key has been posted.
func (t *transaction) post(ctx context.Context, tx pgx.Tx) (Posted, error) {
	t.sort()
	id, content := uuid.New(), t.content()
	var (
		years                             []int32
		townships, which, debits, credits []string
		amounts                           []int64
	)
	for _, m := range t.movements {
		years, townships, which = append(years, int32(m.book.Year)), append(townships, m.book.Township), append(which, string(m.measure))
		debits, credits, amounts = append(debits, string(m.debit)), append(credits, string(m.credit)), append(amounts, int64(m.amount))
	}
	var found uuid.UUID
	var was string
	batch := &pgx.Batch{}
	batch.Queue(bookSQL, t.county, years, townships)
	batch.Queue(transactionSQL, t.county, id, t.note.Key, string(t.kind), t.direction, t.number, t.note.Reason, t.note.Approval,
		t.reverses, t.note.By.ID, t.note.By.As, content)
	batch.Queue(entriesSQL, t.county, id, years, townships, which, debits, credits, amounts)
	batch.Queue(`SELECT tx_id, content FROM ledger_transaction WHERE county_code = $1 AND key = $2 AND key <> ''`, t.county, t.note.Key).
		QueryRow(func(row pgx.Row) error { return row.Scan(&found, &was) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Posted{}, refusal(err, t)
	}
	if found != id && was != content {
		return Posted{}, keyReused(t.note.Key)
	}
	return Posted{ID: found, Again: found != id}, nil
}

func keyReused(key string) error {
	return &Error{Code: KeyReused, Detail: fmt.Sprintf("记账键 %s 已用于另一笔内容不同的交易。 Key %s was used for a different transaction.", key, key)}
}

// Reverse takes a transaction back (冲销) by moving everything the other way.
// It is refused where the books can no longer bear it, where the transaction is
// not there, is a reversal itself or has been reversed, or where a later step of
// the same parcel stands on it; and without a reason. A reversed acceptance
// gives its land back to be credited again.
func Reverse(ctx context.Context, tx pgx.Tx, county string, id uuid.UUID, note Note) (Posted, error) {
	if strings.TrimSpace(note.Reason) == "" {
		return Posted{}, &Error{Code: ReasonMissing, Detail: "冲销须说明理由。 A reversal needs a reason."}
	}
	if done, err := postedBefore(ctx, tx, county, note.Key); err != nil {
		return Posted{}, err
	} else if done.Again {
		return sameReversal(ctx, tx, county, id, done, note)
	}
	t := transaction{county: county, reverses: &id, note: note}
	var already *uuid.UUID
	rows, err := tx.Query(ctx, `
		SELECT x.kind, x.direction, x.number, x.reverses, e.year, e.township_code, e.measure, e.debit, e.credit, e.amount
		FROM ledger_transaction x JOIN ledger_entry e ON e.county_code = x.county_code AND e.tx_id = x.tx_id
		WHERE x.county_code = $1 AND x.tx_id = $2 ORDER BY e.year, e.township_code, e.seq DESC`, county, id)
	if err != nil {
		return Posted{}, fmt.Errorf("transaction %s: %w", id, err)
	}
	m := movement{book: Book{County: county}}
	var amount int64
	_, err = pgx.ForEachRow(rows, []any{&t.kind, &t.direction, &t.number, &already, &m.book.Year, &m.book.Township, &m.measure, &m.credit, &m.debit, &amount}, func() error {
		m.amount = land.Area(amount)
		t.movements = append(t.movements, m)
		return nil
	})
	switch {
	case err != nil:
		return Posted{}, fmt.Errorf("transaction %s: %w", id, err)
	case len(t.movements) == 0:
		return Posted{}, &Error{Code: NoTransaction, Detail: fmt.Sprintf("县 %s 的台账没有交易 %s。 The ledger of %s has no transaction %s.", county, id, county, id)}
	case already != nil:
		return Posted{}, &Error{Code: NotReversible, Detail: "冲销本身不能再冲销，请重新记一笔。 A reversal cannot be reversed; post anew."}
	}
	if err := t.last(ctx, tx, id); err != nil {
		return Posted{}, err
	}
	p, err := t.post(ctx, tx)
	if err != nil || p.Again {
		return p, err
	}
	if _, err := tx.Exec(ctx, `UPDATE ledger_credit SET withdrawn_by = $3 WHERE county_code = $1 AND tx_id = $2 AND withdrawn_by IS NULL`, county, id, p.ID); err != nil {
		return Posted{}, fmt.Errorf("withdraw the credit of %s: %w", id, err)
	}
	return p, nil
}

// sameReversal tells whether what a key was used for is the reversal asked for.
func sameReversal(ctx context.Context, tx pgx.Tx, county string, id uuid.UUID, done Posted, note Note) (Posted, error) {
	var same bool
	err := tx.QueryRow(ctx, `SELECT reverses IS NOT DISTINCT FROM $3 FROM ledger_transaction WHERE county_code = $1 AND tx_id = $2`,
		county, done.ID, id).Scan(&same)
	if err != nil {
		return Posted{}, fmt.Errorf("key %s: %w", note.Key, err)
	}
	if !same {
		return Posted{}, keyReused(note.Key)
	}
	return done, nil
}

// lastSQL finds a step of the same parcel that was posted after transaction $2
// in one of its books and still stands: neither a reversal nor reversed.
const lastSQL = `
SELECT l.kind FROM ledger_transaction x
JOIN ledger_entry e ON e.county_code = x.county_code AND e.tx_id = x.tx_id
JOIN ledger_transaction l ON l.county_code = x.county_code AND l.direction = x.direction AND l.number = x.number AND l.number <> ''
JOIN ledger_entry f ON f.county_code = l.county_code AND f.tx_id = l.tx_id AND f.year = e.year AND f.township_code = e.township_code AND f.seq > e.seq
WHERE x.county_code = $1 AND x.tx_id = $2 AND l.tx_id <> x.tx_id AND l.reverses IS NULL
  AND NOT EXISTS (SELECT FROM ledger_transaction r WHERE r.county_code = l.county_code AND r.reverses = l.tx_id)
ORDER BY f.seq DESC LIMIT 1`

// last refuses a reversal on which a later step of the parcel stands: the
// accounts are of a township, so another parcel's amounts would make up for
// what has moved on, and neither parcel could go further.
func (t *transaction) last(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	for _, m := range t.movements { // in the order of the books
		if err := m.book.lock(ctx, tx); err != nil {
			return err
		}
	}
	var later string
	err := tx.QueryRow(ctx, lastSQL, t.county, id).Scan(&later)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("what stands on transaction %s: %w", id, err)
	}
	return &Error{Code: NotReversible, Number: t.number,
		Detail: fmt.Sprintf("地块 %s 其后还有 %s 一笔；冲销须从后往前，请先冲销那一笔。 Parcel %s has a later %s; reverse the last step first.", t.number, later, t.number, later)}
}
