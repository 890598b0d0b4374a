package ledger_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/paulmach/orb/encoding/ewkb"
	"github.com/pressly/goose/v3"

	"gengheng/internal/ledger"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
	"gengheng/migrations"
)

// Credits that were made before they stood in chains are put into them, those
// that were withdrawn too.
func TestOldCreditsComeIntoTheChains(t *testing.T) {
	b := &books{t: t, db: storetest.Empty(t)}
	conn := stdlib.OpenDBFromPool(b.db.Pool)
	defer func() { b.must(conn.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, conn, migrations.FS)
	b.must(err)
	_, err = provider.UpTo(t.Context(), 11)
	b.must(err)
	b.openYears(ledger.InOut, ledger.Area)
	first := b.oldAccept("J1", 1)
	b.oldPost("accept_in", "J1", &first, [2]string{"available", "origin"}, [2]string{"origin", "in_planned"})
	b.oldAccept("J2", 1)
	b.oldAccept("J3", 2)
	b.oldPost("plan_in", "J5", nil, [2]string{"origin", "in_planned"})
	b.oldPost("plan_in", "J6", nil, [2]string{"origin", "in_planned"})
	b.oldPost("unplan_in", "J6", nil, [2]string{"in_planned", "origin"})
	b.must(b.tx(func(tx pgx.Tx) error {
		return ledger.RegisterCredit(t.Context(), tx, county, "占补平衡", 2020, "Z1", plot(7))
	}))
	b.must(store.Migrate(t.Context(), b.db))
	b.sound()
	b.must(b.plan(parcel(east, "J4"), "in", m2(100)))
	_, err = b.accept(parcel(east, "J4"), m2(100), plot(4))
	b.must(err)
	// and the parcels go on from where they stood
	refused(t, b.plan(parcel(east, "J2"), "in", m2(100)), ledger.AlreadyBooked, "验收合格")
	refused(t, b.plan(parcel(east, "J1"), "in", m2(100)), ledger.AlreadyBooked, "纳入方案")
	_, err = b.accept(parcel(east, "J5"), ledger.Amounts{Area: 10000}, plot(5))
	b.must(err)
	b.must(b.plan(parcel(west, "J6"), "in", m2(100)))
	b.sound()
	var chained int
	b.must(b.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM ledger_credit WHERE chain = $1 AND seq BETWEEN 1 AND 4`, east).Scan(&chained))
	if chained != 4 {
		t.Errorf("%d credits of the township are in its chain, want 4", chained)
	}
	b.exec(`SET session_replication_role = replica; UPDATE ledger_credit SET geom = ST_Translate(geom, 1, 0) WHERE number = 'J2'; SET session_replication_role = origin`)
	if flaws, err := ledger.Verify(t.Context(), b.db.Pool, county); err != nil || len(flaws) == 0 {
		t.Errorf("an old credit was moved: flaws %v, err %v", flaws, err)
	}
}

// oldPost posts 100 m² as the program did before a parcel had a row of its own.
func (b *books) oldPost(kind, number string, reverses *uuid.UUID, moves ...[2]string) (id uuid.UUID) {
	b.t.Helper()
	id = uuid.New()
	b.must(b.tx(func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(`INSERT INTO ledger_book (county_code, year, township_code) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, county, year, east)
		batch.Queue(`INSERT INTO ledger_transaction (county_code, tx_id, key, kind, direction, number, reason, reverses, by_id, by_as, content)
			VALUES ($1, $2::uuid, $3, $4, 'in', $5, '合成', $6, $2::uuid, 'x', 'x')`, county, id, id.String(), kind, number, reverses)
		for _, m := range moves {
			batch.Queue(`INSERT INTO ledger_entry (county_code, year, township_code, tx_id, measure, debit, credit, amount)
				VALUES ($1, $2, $3, $4, 'area', $5, $6, 10000)`, county, year, east, id, m[0], m[1])
		}
		batch.Queue(`UPDATE ledger_credit SET withdrawn_by = $2 WHERE county_code = $1 AND tx_id = $3`, county, id, reverses)
		return tx.SendBatch(b.t.Context(), batch).Close()
	}))
	return id
}

func (b *books) oldAccept(number string, place int) uuid.UUID {
	b.t.Helper()
	b.oldPost("plan_in", number, nil, [2]string{"origin", "in_planned"})
	id := b.oldPost("accept_in", number, nil, [2]string{"in_planned", "origin"}, [2]string{"origin", "available"})
	shape, err := ewkb.Marshal(plot(place), 4546)
	b.must(err)
	b.exec(`INSERT INTO ledger_credit (county_code, credit_id, programme, year, number, tx_id, geom)
		VALUES ($1, gen_random_uuid(), '进出平衡', $2, $3, $4, ST_GeomFromEWKB($5))`, county, year, number, id, shape)
	return id
}
