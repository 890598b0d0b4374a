package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

// TransferQuota moves available quota from one township's book to another's
// (乡镇间调剂, BAL-5), as entries of both. note.Approval names the approval.
func TransferQuota(ctx context.Context, tx pgx.Tx, county string, year int, from, to string, amounts Amounts, note Note) (Posted, error) {
	if amounts.negative() || amounts == (Amounts{}) || from == to {
		return Posted{}, &Error{Code: BadAmount, Detail: "调剂数额须大于 0，且两个乡镇不同。 A transfer has an amount above 0 and two townships."}
	}
	if strings.TrimSpace(note.Approval) == "" {
		return Posted{}, &Error{Code: ReasonMissing, Detail: "调剂须有批准文号。 A transfer needs its approval's number."}
	}
	t := &transaction{county: county, kind: KindTransfer, note: note}
	t.moveAll(Book{county, year, from}, Available, TransferredOut, amounts)
	t.moveAll(Book{county, year, to}, TransferredIn, Available, amounts)
	return t.post(ctx, tx)
}

// KnowsTownship refuses a township that has no book in a year that is open: the
// approved plan gives it nothing to do, or its code is mistyped.
func KnowsTownship(ctx context.Context, tx pgx.Tx, b Book) error {
	var open, known bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM ledger_year WHERE county_code = $1 AND year = $2),
		       EXISTS (SELECT FROM ledger_book WHERE county_code = $1 AND year = $2 AND township_code = $3)`,
		b.County, b.Year, b.Township).Scan(&open, &known)
	if err != nil {
		return fmt.Errorf("book of %s in %d: %w", b.Township, b.Year, err)
	}
	if !open {
		return notOpen(b.Year)
	}
	if !known {
		return &Error{Code: NoBook, Township: b.Township, Detail: fmt.Sprintf("乡镇 %s 在 %d 年度没有账簿：方案里没有它的地块，或代码有误，请核对。 Township %s has no book in %d: the plan has no parcel of it, or the code is mistyped.",
			b.Township, b.Year, b.Township, b.Year)}
	}
	return nil
}

// ExemptOutflow records outflow that is not balanced (国家安排的生态退耕, 灾毁,
// 自然淹没), apart from everything else.
func ExemptOutflow(ctx context.Context, tx pgx.Tx, p Parcel, amounts Amounts, note Note) (Posted, error) {
	if err := checked(amounts); err != nil {
		return Posted{}, err
	}
	return p.step(ctx, tx, KindExempt, &amounts, note)
}

// Recognise records what the yearly land survey (年度国土变更调查) found of a
// parcel. The survey is the authority (BAL-7): what it finds less of a 转进
// parcel than was accepted is taken from the township's quota, and what it finds
// more of a 转出 parcel than was executed too; where the quota does not suffice
// the rest is owed (欠账), and the township can lock nothing until it is settled.
func Recognise(ctx context.Context, tx pgx.Tx, p Parcel, direction string, recognised Amounts, note Note) (Posted, error) {
	if recognised.negative() || recognised.Paddy > recognised.Area {
		return Posted{}, &Error{Code: BadAmount, Number: p.Number, Detail: fmt.Sprintf("地块 %s 的认定数额 %s / %s / %s m² 有误：不得为负，水田不超过净面积。 Recognised amounts of %s are not negative and paddy no more than the area.",
			p.Number, recognised.Area, recognised.Paddy, recognised.Quality, p.Number)}
	}
	if err := p.lock(ctx, tx); err != nil {
		return Posted{}, err
	}
	if done, err := postedBefore(ctx, tx, p.County, note.Key); err != nil || done.Again {
		return done, err
	}
	stage, before, err := p.stands(ctx, tx, direction)
	if err != nil {
		return Posted{}, err
	}
	if stage != either(direction, "accepted", "executed") {
		return Posted{}, &Error{Code: NotInPlan, Number: p.Number, Detail: fmt.Sprintf("地块 %s 尚未验收（转出为实施），或已经认定过；更正请先冲销原认定。 Parcel %s has not been accepted or executed, or is recognised already; reverse that first.", p.Number, p.Number)}
	}
	available, err := p.balances(ctx, tx, Available)
	if err != nil {
		return Posted{}, err
	}
	t := &transaction{county: p.County, kind: either(direction, KindRecogniseIn, KindRecogniseOut), direction: direction, number: p.Number, note: note}
	for _, m := range measures {
		if direction == "in" {
			t.move(p.Book, m, surveyed, RecognisedIn, recognised.of(m))
			t.settle(p.Book, m, recognised.of(m)-before.of(m), available.of(m), origin)
			continue
		}
		t.move(p.Book, m, surveyed, RecognisedOut, recognised.of(m))
		t.settle(p.Book, m, before.of(m)-recognised.of(m), available.of(m), Used)
	}
	return t.post(ctx, tx)
}

// settle adds a difference to the quota, or takes it from there and, beyond
// what is there, from what is owed.
func (t *transaction) settle(b Book, m Measure, difference, available land.Area, other Account) {
	t.move(b, m, other, Available, difference)
	short := -difference
	fromQuota := min(short, max(available, 0))
	t.move(b, m, Available, other, fromQuota)
	t.move(b, m, Owed, other, short-fromQuota)
}

// Settle pays what a township owes out of its quota, as far as that goes.
func Settle(ctx context.Context, tx pgx.Tx, b Book, note Note) (Posted, error) {
	if err := b.lock(ctx, tx); err != nil {
		return Posted{}, err
	}
	if done, err := postedBefore(ctx, tx, b.County, note.Key); err != nil || done.Again {
		return done, err
	}
	available, err := b.balances(ctx, tx, Available)
	if err != nil {
		return Posted{}, err
	}
	owed, err := b.balances(ctx, tx, Owed)
	if err != nil {
		return Posted{}, err
	}
	t := &transaction{county: b.County, kind: KindSettleOwed, note: note}
	for _, m := range measures {
		t.move(b, m, Available, Owed, min(-owed.of(m), max(available.of(m), 0)))
	}
	if len(t.movements) == 0 {
		return Posted{}, &Error{Code: BadAmount, Township: b.Township, Detail: fmt.Sprintf("乡镇 %s 没有欠账，或没有可用指标归还。 Township %s owes nothing, or has nothing to settle with.", b.Township, b.Township)}
	}
	return t.post(ctx, tx)
}

// balances is what an account of the book holds.
func (b Book) balances(ctx context.Context, tx pgx.Tx, account Account) (Amounts, error) {
	rows, err := tx.Query(ctx, `SELECT measure, amount FROM ledger_balance
		WHERE county_code = $1 AND year = $2 AND township_code = $3 AND account = $4`, b.County, b.Year, b.Township, string(account))
	if err != nil {
		return Amounts{}, fmt.Errorf("balances of %s: %w", b.Township, err)
	}
	var (
		a Amounts
		m Measure
		v int64
	)
	_, err = pgx.ForEachRow(rows, []any{&m, &v}, func() error {
		a.set(m, land.Area(v))
		return nil
	})
	if err != nil {
		return Amounts{}, fmt.Errorf("balances of %s: %w", b.Township, err)
	}
	return a, nil
}

// CloseYear carries every township's rest, or what it owes, into the next year
// (结转, BAL-6) and closes the year. It is refused while quota is locked or
// released, and where accepted or executed parcels have not been recognised.
// next must be open. Closing again does nothing.
func CloseYear(ctx context.Context, tx pgx.Tx, county string, year int, note Note) (Posted, error) {
	if done, err := postedBefore(ctx, tx, county, note.Key); err != nil || done.Again {
		return done, err
	}
	books, err := lockBooks(ctx, tx, county, year)
	if err != nil {
		// who closed it while this call waited may have been the same caller
		if done, again := postedBefore(ctx, tx, county, note.Key); again == nil && done.Again {
			return done, nil
		}
		return Posted{}, err
	}
	if err := unfinished(ctx, tx, county, year); err != nil {
		return Posted{}, err
	}
	t := &transaction{county: county, kind: KindCarryOver, note: note}
	for _, b := range books {
		available, err := b.balances(ctx, tx, Available)
		if err != nil {
			return Posted{}, err
		}
		owed, err := b.balances(ctx, tx, Owed)
		if err != nil {
			return Posted{}, err
		}
		next := Book{county, year + 1, b.Township}
		for _, m := range measures {
			t.move(b, m, Available, CarriedOut, available.of(m))
			t.move(next, m, CarriedIn, Available, available.of(m))
			t.move(b, m, CarriedOut, Available, -available.of(m))
			t.move(next, m, Available, CarriedIn, -available.of(m))
			t.move(b, m, CarriedOut, Owed, -owed.of(m))
			t.move(next, m, Owed, CarriedIn, -owed.of(m))
		}
	}
	p, err := t.post(ctx, tx)
	if err != nil {
		return Posted{}, err
	}
	if _, err := tx.Exec(ctx, `UPDATE ledger_year SET closed_at = clock_timestamp() WHERE county_code = $1 AND year = $2 AND closed_at IS NULL`, county, year); err != nil {
		return Posted{}, fmt.Errorf("close %d: %w", year, err)
	}
	return p, nil
}

// lockBooks locks all books of a year, in order.
func lockBooks(ctx context.Context, tx pgx.Tx, county string, year int) ([]Book, error) {
	var closed bool
	err := tx.QueryRow(ctx, `SELECT closed_at IS NOT NULL FROM ledger_year WHERE county_code = $1 AND year = $2 FOR UPDATE`, county, year).Scan(&closed)
	if err == pgx.ErrNoRows || closed {
		return nil, &Error{Code: YearNotOpen, Year: year, Detail: fmt.Sprintf("%d 年度台账没有开账，或已经结转。 The ledger of %d is not open, or closed already.", year, year)}
	}
	if err != nil {
		return nil, fmt.Errorf("ledger of %d: %w", year, err)
	}
	rows, err := tx.Query(ctx, `SELECT township_code FROM ledger_book WHERE county_code = $1 AND year = $2 ORDER BY township_code FOR UPDATE`, county, year)
	if err != nil {
		return nil, fmt.Errorf("books of %d: %w", year, err)
	}
	codes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("books of %d: %w", year, err)
	}
	slices.Sort(codes)
	books := make([]Book, len(codes))
	for i, code := range codes {
		books[i] = Book{county, year, code}
	}
	return books, nil
}

// unfinished names what stands in the way of closing a year.
func unfinished(ctx context.Context, tx pgx.Tx, county string, year int) error {
	rows, err := tx.Query(ctx, `
		SELECT direction || '/' || number FROM ledger_parcel
		WHERE county_code = $1 AND year = $2 AND stage IN ('accepted', 'locked', 'released', 'executed') ORDER BY 1`, county, year)
	if err != nil {
		return fmt.Errorf("what is unfinished in %d: %w", year, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("what is unfinished in %d: %w", year, err)
	}
	if len(list) == 0 {
		return nil
	}
	shown := strings.Join(list[:min(len(list), 5)], "、")
	return &Error{Code: Unfinished, Year: year, Detail: fmt.Sprintf("%d 年度还有 %d 个地块已锁定未实施，或已验收、实施而未认定（%s…），不能结转；请先认定或解锁。 %d parcels of %d are locked, or accepted or executed and not recognised (%s); finish them first.",
		year, len(list), shown, len(list), year, shown)}
}
