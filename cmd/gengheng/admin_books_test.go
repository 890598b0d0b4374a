package main

import (
	"strings"
	"testing"

	"gengheng/internal/ledger"
	"gengheng/internal/store/storetest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func TestVerifyBooks_FindsAChangedEntry(t *testing.T) {
	db := storetest.New(t)
	for _, sql := range []string{
		`INSERT INTO rulebook (version, id, year, document) VALUES ('r', 'r', 2025, '')`,
		`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ('149901', '示例县（合成）', 4546, true, 'r')`,
	} {
		if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		if err := ledger.OpenYear(t.Context(), tx, "149901", 2025, ledger.InOut, []ledger.Measure{ledger.Area}); err != nil {
			return err
		}
		_, err := ledger.PlanParcel(t.Context(), tx, ledger.Parcel{Book: ledger.Book{County: "149901", Year: 2025, Township: "149901100"}, Number: "J1"}, "in",
			ledger.Amounts{Area: 100}, ledger.Note{Key: "k", By: ledger.By{ID: uuid.New(), As: "合成甲"}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyBooks(t.Context(), db, "149901"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool.Exec(t.Context(), `SET session_replication_role = replica; UPDATE ledger_entry SET amount = 101; SET session_replication_role = origin`); err != nil {
		t.Fatal(err)
	}
	if err := verifyBooks(t.Context(), db, "149901"); err == nil || !strings.Contains(err.Error(), "4 处") {
		t.Errorf("%v, want the entry, its two balances and its parcel named", err)
	}
}
