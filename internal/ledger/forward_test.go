package ledger_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
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
	first, err := b.acceptPlanned("J1", 1)
	b.must(err)
	b.must(b.tx(func(tx pgx.Tx) error {
		note := b.note()
		note.Reason = "合成：量错了"
		_, err := ledger.Reverse(t.Context(), tx, county, first, note)
		return err
	}))
	for n, number := range []string{"J2", "J3"} {
		_, err = b.acceptPlanned(number, n+1)
		b.must(err)
	}
	b.must(b.tx(func(tx pgx.Tx) error {
		return ledger.RegisterCredit(t.Context(), tx, county, "占补平衡", 2020, "Z1", plot(7))
	}))
	b.must(store.Migrate(t.Context(), b.db))
	b.sound()
	_, err = b.acceptPlanned("J4", 4)
	b.must(err)
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

func (b *books) acceptPlanned(number string, place int) (id uuid.UUID, err error) {
	if err := b.plan(parcel(east, number), "in", m2(100)); err != nil {
		return id, err
	}
	return b.accept(parcel(east, number), m2(100), plot(place))
}
