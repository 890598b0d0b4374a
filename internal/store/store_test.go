package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

func TestMigrate(t *testing.T) {
	ctx := t.Context()
	db := storetest.Empty(t)
	if have, want, err := store.SchemaVersion(ctx, db); err != nil || have != 0 || want == 0 {
		t.Errorf("before: schema version %d of %d, err %v; want 0", have, want, err)
	}
	var tables int
	if err := db.Pool.QueryRow(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables); err != nil || tables != 0 {
		t.Errorf("asking for the version made %d tables, err %v", tables, err)
	}
	t.Run("from empty, by many at once", func(t *testing.T) {
		var wg sync.WaitGroup
		errs := make(chan error, 4)
		for range 4 {
			wg.Go(func() { errs <- store.Migrate(ctx, db) })
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
	})
	have, want, err := store.SchemaVersion(ctx, db)
	if err != nil || have != want || want == 0 {
		t.Errorf("schema version %d, want %d (not 0), err %v", have, want, err)
	}
	var postgis, river, parcel bool
	err = db.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'postgis'),
		to_regclass('river_job') IS NOT NULL, to_regclass('parcel') IS NOT NULL`).Scan(&postgis, &river, &parcel)
	if err != nil || !postgis || !river || !parcel {
		t.Errorf("postgis %v, river %v, parcel %v, err %v", postgis, river, parcel, err)
	}
	t.Run("a newer database is refused", func(t *testing.T) {
		if _, err := db.Pool.Exec(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`); err != nil {
			t.Fatal(err)
		}
		if err := store.Migrate(ctx, db); err == nil {
			t.Error("a program took a database that a newer one had migrated")
		}
	})
}

func TestInTx(t *testing.T) {
	ctx := t.Context()
	db := storetest.New(t)
	insert := func(tx pgx.Tx, version string) error {
		_, err := tx.Exec(ctx, `INSERT INTO rulebook (version, id, year, document) VALUES ($1, 'x', 2025, '')`, version)
		return err
	}
	broken := errors.New("broken")
	if err := db.InTx(ctx, func(tx pgx.Tx) error { return insert(tx, "kept") }); err != nil {
		t.Fatal(err)
	}
	err := db.InTx(ctx, func(tx pgx.Tx) error { return errors.Join(insert(tx, "lost"), broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the function's own error", err)
	}
	rows, _ := db.Pool.Query(ctx, `SELECT version FROM rulebook ORDER BY version`)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(got) != 1 || got[0] != "kept" {
		t.Errorf("rows %v, err %v; want [kept]", got, err)
	}
}

func TestTryLock(t *testing.T) {
	ctx := t.Context()
	db := storetest.New(t)
	release, ok, err := db.TryLock(ctx, "load 1")
	if err != nil || !ok {
		t.Fatalf("free lock: ok %v, err %v", ok, err)
	}
	if _, ok, err := db.TryLock(ctx, "load 1"); ok || err != nil {
		t.Errorf("held lock: ok %v, err %v", ok, err)
	}
	other, ok, err := db.TryLock(ctx, "load 2")
	if err != nil || !ok {
		t.Errorf("another key: ok %v, err %v", ok, err)
	} else {
		other()
	}
	release()
	release()
	again, ok, err := db.TryLock(ctx, "load 1")
	if err != nil || !ok {
		t.Fatalf("released lock: ok %v, err %v", ok, err)
	}
	again()
}

func TestOpenRefuses(t *testing.T) {
	for name, url := range map[string]string{
		"not a connection string": "postgres://[",
		"nobody there":            "host=/nonexistent dbname=x user=x",
	} {
		t.Run(name, func(t *testing.T) {
			if db, err := store.Open(context.Background(), store.Config{DatabaseURL: url}); err == nil {
				_ = db.Close()
				t.Error("opened")
			}
		})
	}
}

// What PostgreSQL ended for the sake of others is done again, a few times; any
// other error is the caller's at once.
func TestInTxAgain(t *testing.T) {
	t.Parallel()
	db := storetest.Empty(t)
	for name, tt := range map[string]struct {
		state       string
		fails, want int // of so many runs; runs
		ok          bool
	}{
		"one deadlock":     {"40P01", 1, 2, true},
		"deadlocks always": {"40P01", 99, 5, false},
		"another error":    {"23505", 1, 1, false},
		"none":             {"", 0, 1, true},
	} {
		runs := 0
		err := db.InTxAgain(t.Context(), func(tx pgx.Tx) error {
			if runs++; runs > tt.fails {
				return nil
			}
			_, err := tx.Exec(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '`+tt.state+`'; END $$`)
			return err
		})
		if runs != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s: %d runs, %v; want %d", name, runs, err, tt.want)
		}
	}
}
