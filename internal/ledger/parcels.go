package ledger

import (
	"context"
	"errors"
	"fmt"

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

func checked(amounts Amounts) error {
	if amounts.negative() || amounts.Area == 0 || amounts.Paddy > amounts.Area {
		return &Error{Code: BadAmount, Detail: fmt.Sprintf("数额 %s / %s / %s m² 有误：净面积须大于 0，水田不超过净面积，均不得为负。 Amounts must be positive and paddy no more than the area.", amounts.Area, amounts.Paddy, amounts.Quality)}
	}
	return nil
}

// PlanParcel records that the approved plan has a parcel, with the net amounts
// planned: 转进 (in) or 转出 (out). A parcel that the plan has already, however far
// it has come, is refused.
func PlanParcel(ctx context.Context, tx pgx.Tx, p Parcel, direction string, planned Amounts, note Note) (Posted, error) {
	if err := checked(planned); err != nil {
		return Posted{}, err
	}
	return p.step(ctx, tx, either(direction, KindPlanIn, KindPlanOut), &planned, note)
}

// UnplanParcel takes what is planned of a parcel and not yet accepted or locked
// out of the plan (方案调整, 核销).
func UnplanParcel(ctx context.Context, tx pgx.Tx, p Parcel, direction string, note Note) (Posted, error) {
	return p.step(ctx, tx, either(direction, KindUnplanIn, KindUnplanOut), nil, note)
}

// LockOut reserves quota for a planned 转出 parcel (指标锁定): it moves from
// available to locked, and is refused where there is not enough (先进后出, BAL-4)
// or while the township owes.
func LockOut(ctx context.Context, tx pgx.Tx, p Parcel, note Note) (Posted, error) {
	return p.step(ctx, tx, KindLockOut, nil, note)
}

// UnlockOut gives locked quota back; the parcel is planned again.
func UnlockOut(ctx context.Context, tx pgx.Tx, p Parcel, note Note) (Posted, error) {
	return p.step(ctx, tx, KindUnlockOut, nil, note)
}

// ReleaseOut lets a parcel be carried out (准予实施).
func ReleaseOut(ctx context.Context, tx pgx.Tx, p Parcel, note Note) (Posted, error) {
	return p.step(ctx, tx, KindReleaseOut, nil, note)
}

// ExecuteOut records what a released parcel really took; what it did not take is
// available again. More than was released is refused: the plan has to be
// amended first.
func ExecuteOut(ctx context.Context, tx pgx.Tx, p Parcel, executed Amounts, note Note) (Posted, error) {
	if err := checked(executed); err != nil {
		return Posted{}, err
	}
	return p.step(ctx, tx, KindExecuteOut, &executed, note)
}

// AcceptIn credits a 转进 parcel that county acceptance found good (县级验收合格):
// what was planned of it leaves the plan, what was accepted becomes available.
// geom is the accepted boundary in the county's plane; land that has been
// credited before, in any year or programme, is refused (IN-09).
func AcceptIn(ctx context.Context, tx pgx.Tx, p Parcel, accepted Amounts, geom orb.MultiPolygon, note Note) (Posted, error) {
	if err := checked(accepted); err != nil {
		return Posted{}, err
	}
	shape, err := ewkb.Marshal(geom, 0)
	if err != nil {
		return Posted{}, fmt.Errorf("boundary of %s: %w", p.Number, err)
	}
	return p.stepWith(ctx, tx, KindAcceptIn, &accepted, shape, note)
}

func either[T any](direction string, in, out T) T {
	if direction == "in" {
		return in
	}
	return out
}

const stepSQL = `SELECT posted, again, same FROM ledger_post($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, ST_GeomFromEWKB($12))`

// step posts one step of the parcel in one call: the database knows how far the
// parcel has come, what it holds there and where that moves. given are the
// amounts of the steps that have any.
func (p Parcel) step(ctx context.Context, tx pgx.Tx, kind Kind, given *Amounts, note Note) (Posted, error) {
	return p.stepWith(ctx, tx, kind, given, nil, note)
}

func (p Parcel) stepWith(ctx context.Context, tx pgx.Tx, kind Kind, given *Amounts, shape []byte, note Note) (Posted, error) {
	var amounts []int64
	if given != nil {
		amounts = []int64{int64(given.Area), int64(given.Paddy), int64(given.Quality)}
	}
	var (
		done Posted
		same bool
	)
	err := tx.QueryRow(ctx, stepSQL, p.County, p.Year, p.Township, string(kind), p.Number, amounts,
		note.Key, note.Reason, note.Approval, note.By.ID, note.By.As, shape).Scan(&done.ID, &done.Again, &same)
	if err != nil {
		return Posted{}, refusal(err, &transaction{kind: kind, number: p.Number})
	}
	if !same {
		return Posted{}, keyReused(note.Key)
	}
	return done, nil
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
	batch.Queue(`SELECT tx_id FROM ledger_transaction WHERE county_code = $1 AND key = $2 AND key <> ''`, county, key).Query(func(rows pgx.Rows) error {
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

// stands is how far a parcel has come in its book, and what it holds there; ""
// where the plan does not have it.
func (p Parcel) stands(ctx context.Context, tx pgx.Tx, direction string) (stage string, held Amounts, err error) {
	var v []int64
	err = tx.QueryRow(ctx, `SELECT stage, held FROM ledger_parcel
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 AND township_code = $5`,
		p.County, p.Year, direction, p.Number, p.Township).Scan(&stage, &v)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", Amounts{}, nil
	}
	if err != nil {
		return "", Amounts{}, fmt.Errorf("what stands for %s: %w", p.Number, err)
	}
	return stage, Amounts{Area: land.Area(v[0]), Paddy: land.Area(v[1]), Quality: land.Area(v[2])}, nil
}
