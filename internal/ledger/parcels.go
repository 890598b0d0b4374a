package ledger

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/land"
)

// OpenYear opens a county's ledger of a year. enforced are the measures whose
// quota may not fall below zero: of in_out always area; of net_increase none.
// A year that is open already must be open the same way.
func OpenYear(ctx context.Context, tx pgx.Tx, county string, year int, mode Mode, enforced []Measure) error {
	list := make([]string, len(enforced))
	for i, m := range enforced {
		list[i] = string(m)
	}
	if mode == NetIncrease {
		list = []string{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO ledger_year (county_code, year, mode, enforced) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		county, year, string(mode), list)
	if err != nil {
		return fmt.Errorf("open the ledger of %s in %d: %w", county, year, err)
	}
	var same bool
	err = tx.QueryRow(ctx, `SELECT mode = $3 AND enforced @> $4 AND enforced <@ $4 FROM ledger_year WHERE county_code = $1 AND year = $2`,
		county, year, string(mode), list).Scan(&same)
	if err != nil {
		return fmt.Errorf("open the ledger of %s in %d: %w", county, year, err)
	}
	if !same {
		return &Error{Code: YearClosed, Year: year, Detail: fmt.Sprintf("%d 年度台账已按另一种平衡方式开账，不能更改。 The ledger of %d is open with another mode, which cannot change.", year, year)}
	}
	return nil
}

func forParcel(p Parcel, kind Kind, direction string, note Note) *transaction {
	return &transaction{county: p.County, kind: kind, direction: direction, number: p.Number, note: note}
}

func checked(amounts Amounts) error {
	if amounts.negative() || amounts.Area == 0 || amounts.Paddy > amounts.Area {
		return &Error{Code: BadAmount, Detail: fmt.Sprintf("数额 %s / %s / %s m² 有误：净面积须大于 0，水田不超过净面积，均不得为负。 Amounts must be positive and paddy no more than the area.", amounts.Area, amounts.Paddy, amounts.Quality)}
	}
	return nil
}

// PlanParcel records that the approved plan has a parcel, with the net amounts
// planned: 转进 (in) or 转出 (out).
func PlanParcel(ctx context.Context, tx pgx.Tx, p Parcel, direction string, planned Amounts, note Note) (Posted, error) {
	if err := checked(planned); err != nil {
		return Posted{}, err
	}
	if direction == "in" {
		t := forParcel(p, KindPlanIn, direction, note)
		t.moveAll(p.Book, origin, InPlanned, planned)
		return t.post(ctx, tx)
	}
	t := forParcel(p, KindPlanOut, direction, note)
	t.moveAll(p.Book, demand, OutPlanned, planned)
	return t.post(ctx, tx)
}

// UnplanParcel takes what is planned of a parcel and not yet accepted or locked
// out of the plan (方案调整, 核销).
func UnplanParcel(ctx context.Context, tx pgx.Tx, p Parcel, direction string, note Note) (Posted, error) {
	kind, account, back := KindUnplanIn, InPlanned, origin
	if direction == "out" {
		kind, account, back = KindUnplanOut, OutPlanned, demand
	}
	return p.all(ctx, tx, direction, account, note, func(planned Amounts) *transaction {
		t := forParcel(p, kind, direction, note)
		t.moveAll(p.Book, account, back, planned)
		return t
	})
}

// LockOut reserves quota for a planned 转出 parcel (指标锁定): it moves from
// available to locked, and is refused where there is not enough (先进后出, BAL-4)
// or while the township owes.
func LockOut(ctx context.Context, tx pgx.Tx, p Parcel, note Note) (Posted, error) {
	return p.all(ctx, tx, "out", OutPlanned, note, func(planned Amounts) *transaction {
		t := forParcel(p, KindLockOut, "out", note)
		t.moveAll(p.Book, OutPlanned, demand, planned)
		t.moveAll(p.Book, Available, Locked, planned)
		return t
	})
}

// UnlockOut gives locked quota back; the parcel is planned again.
func UnlockOut(ctx context.Context, tx pgx.Tx, p Parcel, note Note) (Posted, error) {
	return p.all(ctx, tx, "out", Locked, note, func(locked Amounts) *transaction {
		t := forParcel(p, KindUnlockOut, "out", note)
		t.moveAll(p.Book, Locked, Available, locked)
		t.moveAll(p.Book, demand, OutPlanned, locked)
		return t
	})
}

// ReleaseOut lets a parcel be carried out (准予实施).
func ReleaseOut(ctx context.Context, tx pgx.Tx, p Parcel, note Note) (Posted, error) {
	return p.all(ctx, tx, "out", Locked, note, func(locked Amounts) *transaction {
		t := forParcel(p, KindReleaseOut, "out", note)
		t.moveAll(p.Book, Locked, Released, locked)
		return t
	})
}

// ExecuteOut records what a released parcel really took; what it did not take is
// available again. More than was released is refused: the plan has to be
// amended first.
func ExecuteOut(ctx context.Context, tx pgx.Tx, p Parcel, executed Amounts, note Note) (Posted, error) {
	if err := checked(executed); err != nil {
		return Posted{}, err
	}
	var over error
	posted, err := p.all(ctx, tx, "out", Released, note, func(released Amounts) *transaction {
		t := forParcel(p, KindExecuteOut, "out", note)
		for _, m := range measures {
			rest := released.of(m) - executed.of(m)
			if rest < 0 {
				over = &Error{Code: BadAmount, Township: p.Township, Measure: m, Have: released.of(m), Need: executed.of(m),
					Detail: fmt.Sprintf("地块 %s 实际转出%s %s m²，多于准予的 %s m²；请先调整方案。 Parcel %s took %s m² of %s, more than the %s m² released; amend the plan first.",
						p.Number, measureZH[m], executed.of(m), released.of(m), p.Number, executed.of(m), m, released.of(m))}
			}
			t.move(p.Book, m, Released, Used, executed.of(m))
			t.move(p.Book, m, Released, Available, rest)
		}
		return t
	}, func() error { return over })
	return posted, err
}

// AcceptIn credits a 转进 parcel that county acceptance found good (县级验收合格):
// what was planned of it leaves the plan, what was accepted becomes available.
// geom is the accepted boundary in the county's plane; land that has been
// credited before, in any year or programme, is refused (IN-09).
func AcceptIn(ctx context.Context, tx pgx.Tx, p Parcel, accepted Amounts, geom orb.MultiPolygon, note Note) (Posted, error) {
	if err := checked(accepted); err != nil {
		return Posted{}, err
	}
	posted, err := p.all(ctx, tx, "in", InPlanned, note, func(planned Amounts) *transaction {
		t := forParcel(p, KindAcceptIn, "in", note)
		t.moveAll(p.Book, InPlanned, origin, planned)
		t.moveAll(p.Book, origin, Available, accepted)
		return t
	})
	if err != nil || posted.Again {
		return posted, err
	}
	return posted, credit(ctx, tx, p.County, "进出平衡", p.Year, p.Number, &posted.ID, geom)
}

// RegisterCredit registers land that another programme has credited (占补平衡,
// 增减挂钩, 高标准农田新增耕地), so that it is not credited again.
func RegisterCredit(ctx context.Context, tx pgx.Tx, county, programme string, year int, number string, geom orb.MultiPolygon) error {
	return credit(ctx, tx, county, programme, year, number, nil, geom)
}

func credit(ctx context.Context, tx pgx.Tx, county, programme string, year int, number string, id *uuid.UUID, geom orb.MultiPolygon) error {
	shape, err := ewkb.Marshal(geom, 0)
	if err != nil {
		return fmt.Errorf("boundary of %s: %w", number, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO ledger_credit (county_code, credit_id, programme, year, number, tx_id, geom)
		SELECT county_code, gen_random_uuid(), $2, $3, $4, $5, ST_SetSRID(ST_GeomFromEWKB($6), srid) FROM county WHERE county_code = $1`,
		county, programme, year, number, id, shape)
	if err != nil {
		return refusal(err, &transaction{kind: KindAcceptIn})
	}
	return nil
}

// all posts what build makes of the amounts that stand for the parcel in an
// account. A key that has been posted is found again whatever stands there now.
func (p Parcel) all(ctx context.Context, tx pgx.Tx, direction string, account Account, note Note, build func(Amounts) *transaction, checks ...func() error) (Posted, error) {
	var (
		done    Posted
		amounts Amounts
	)
	batch := &pgx.Batch{}
	p.queueLock(batch)
	queueKey(batch, p.County, note.Key, &done)
	p.queueStanding(batch, direction, account, &amounts)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Posted{}, fmt.Errorf("what stands for %s: %w", p.Number, err)
	}
	if done.Again {
		return done, nil
	}
	if amounts.Area <= 0 {
		return Posted{}, &Error{Code: NotInPlan, Number: p.Number, Township: p.Township,
			Detail: fmt.Sprintf("地块 %s 在科目 %s 没有余额：尚未走到这一步，或已经办过。 Parcel %s has nothing in account %s: it has not come so far, or this has been done.", p.Number, account, p.Number, account)}
	}
	t := build(amounts)
	for _, check := range checks {
		if err := check(); err != nil {
			return Posted{}, err
		}
	}
	return t.post(ctx, tx)
}

// postedBefore tells whether a key has been posted.
func postedBefore(ctx context.Context, tx pgx.Tx, county, key string) (done Posted, err error) {
	batch := &pgx.Batch{}
	queueKey(batch, county, key, &done)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Posted{}, fmt.Errorf("key %s: %w", key, err)
	}
	return done, nil
}

func queueKey(batch *pgx.Batch, county, key string, done *Posted) {
	batch.Queue(`SELECT tx_id FROM ledger_transaction WHERE county_code = $1 AND key = $2`, county, key).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&done.ID}, func() error {
			done.Again = true
			return nil
		})
		return err
	})
}

// lock makes all who post in the book wait for this transaction.
func (b Book) lock(ctx context.Context, tx pgx.Tx) error {
	batch := &pgx.Batch{}
	b.queueLock(batch)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("lock the book of %s in %d: %w", b.Township, b.Year, err)
	}
	return nil
}

func (b Book) queueLock(batch *pgx.Batch) {
	batch.Queue(`SELECT FROM ledger_book WHERE county_code = $1 AND year = $2 AND township_code = $3 FOR UPDATE`, b.County, b.Year, b.Township)
}

// standing is what an account holds for one parcel, by what was posted of it.
func (p Parcel) standing(ctx context.Context, tx pgx.Tx, direction string, account Account) (a Amounts, err error) {
	batch := &pgx.Batch{}
	p.queueStanding(batch, direction, account, &a)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Amounts{}, fmt.Errorf("what stands for %s: %w", p.Number, err)
	}
	return a, nil
}

const standingSQL = `
SELECT e.measure, sum(CASE WHEN e.credit = $6 THEN e.amount ELSE -e.amount END)::bigint
FROM ledger_transaction t JOIN ledger_entry e ON e.county_code = t.county_code AND e.tx_id = t.tx_id
WHERE t.county_code = $1 AND t.direction = $2 AND t.number = $3 AND t.number <> '' AND e.year = $4 AND e.township_code = $5 AND $6 IN (e.debit, e.credit)
GROUP BY e.measure`

func (p Parcel) queueStanding(batch *pgx.Batch, direction string, account Account, a *Amounts) {
	batch.Queue(standingSQL, p.County, direction, p.Number, p.Year, p.Township, string(account)).Query(func(rows pgx.Rows) error {
		var (
			m Measure
			v int64
		)
		_, err := pgx.ForEachRow(rows, []any{&m, &v}, func() error {
			a.set(m, land.Area(v))
			return nil
		})
		return err
	})
}
