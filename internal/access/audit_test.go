package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

const (
	county   = "149901"
	township = "149901100"
)

func bureau() access.Actor {
	return access.Actor{ID: uuid.New(), Name: "合成经办", Role: access.Bureau, County: county, Via: "key"}
}

func clerk(of string) access.Actor {
	return access.Actor{ID: uuid.New(), Name: "合成乡镇", Role: access.TownshipClerk, County: of[:6], Township: of, Via: "key"}
}

func record(t *testing.T, db *store.DB, a access.Actor, e access.Entry) error {
	t.Helper()
	ctx := access.With(t.Context(), a)
	return access.InTx(ctx, db, func(tx pgx.Tx) error { return access.Record(ctx, tx, e) })
}

func chain(t *testing.T, db *store.DB, n int) {
	t.Helper()
	for i := range n {
		e := access.Entry{Action: "test.change", Kind: "test", ID: fmt.Sprint(i), Before: map[string]int{"n": i}, After: map[string]any{"n": i + 1, "名": "改后"}, Reason: "合成：测试"}
		if i == 0 {
			e.Before = nil
		}
		if err := record(t, db, bureau(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// tamper runs SQL as someone who has taken the triggers away.
func tamper(t *testing.T, db *store.DB, sql string, args ...any) {
	t.Helper()
	err := db.InTx(t.Context(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		tag, err := tx.Exec(t.Context(), sql, args...)
		if err == nil && tag.RowsAffected() == 0 {
			err = errors.New("touched nothing")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerifyAudit_FindsWhatWasDoneToTheChain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sql string
		bad int64 // 0: whole
	}{
		"Ensure an untouched chain holds.":           {"", 0},
		"Ensure a changed reason is found.":          {`UPDATE audit_log SET reason = '别的' WHERE seq = 3`, 3},
		"Ensure a changed name is found.":            {`UPDATE audit_log SET actor_name = '他人' WHERE seq = 1`, 1},
		"Ensure a changed actor is found.":           {`UPDATE audit_log SET actor_id = gen_random_uuid() WHERE seq = 2`, 2},
		"Ensure a changed value is found.":           {`UPDATE audit_log SET after = '{"n": 9}' WHERE seq = 4`, 4},
		"Ensure a value taken away is found.":        {`UPDATE audit_log SET before = NULL WHERE seq = 4`, 4},
		"Ensure a value put in is found.":            {`UPDATE audit_log SET before = '{}' WHERE seq = 1`, 1},
		"Ensure a changed time is found.":            {`UPDATE audit_log SET at = at + interval '1 microsecond' WHERE seq = 5`, 5},
		"Ensure text moved between fields is found.": {`UPDATE audit_log SET subject_kind = 'tes', subject_id = 't' || subject_id WHERE seq = 2`, 2},
		"Ensure a deleted row is found.":             {`DELETE FROM audit_log WHERE seq = 3`, 3},
		"Ensure a deleted first row is found.":       {`DELETE FROM audit_log WHERE seq = 1`, 1},
		"Ensure a cut-off tail is found.":            {`DELETE FROM audit_log WHERE seq >= 4`, 4},
		"Ensure an emptied log is found.":            {`DELETE FROM audit_log`, 1},
		"Ensure a lost head is found.":               {`DELETE FROM audit_head`, 1},
		"Ensure swapped rows are found.":             {"", 2},
		"Ensure a row written past the head is found.": {`INSERT INTO audit_log SELECT county_code, 6, at, actor_id, actor_name, actor_role, actor_township, via, action,
			subject_kind, subject_id, before, after, reason, hash, sha256('x') FROM audit_log WHERE seq = 5`, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t)
			chain(t, db, 5)
			if strings.HasPrefix(name, "Ensure swapped") {
				swap(t, db)
			} else if tc.sql != "" {
				tamper(t, db, tc.sql)
			}
			head, err := access.VerifyAudit(t.Context(), db, county)
			var bad *access.BadRowError
			switch {
			case tc.bad == 0 && (err != nil || head.Seq != 5 || len(head.Hash) != 64):
				t.Fatalf("%+v %v", head, err)
			case tc.bad != 0 && (!errors.As(err, &bad) || bad.Seq != tc.bad || bad.County != county):
				t.Fatalf("want row %d, got %v", tc.bad, err)
			}
		})
	}
}

// swap exchanges rows 2 and 3 whole, their numbers apart.
func swap(t *testing.T, db *store.DB) {
	t.Helper()
	tamper(t, db, `UPDATE audit_log SET seq = seq + 100 WHERE seq IN (2, 3)`)
	tamper(t, db, `UPDATE audit_log SET seq = 105 - seq WHERE seq IN (102, 103)`)
}

func TestAudit_RefusesChangeThroughSQL(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	chain(t, db, 2)
	for _, sql := range []string{
		`UPDATE audit_log SET reason = ''`, `DELETE FROM audit_log WHERE seq = 2`, `TRUNCATE audit_log`,
		`DELETE FROM audit_head`, `TRUNCATE audit_head`, `UPDATE audit_head SET seq = 1`, `UPDATE audit_head SET hash = '\x'`,
	} {
		if _, err := db.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("done: %s", sql)
		}
	}
	if _, err := access.VerifyAudit(t.Context(), db, county); err != nil {
		t.Fatal(err)
	}
}

func TestRecord_StandsAndFallsWithItsTransaction(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	chain(t, db, 1)
	ctx := access.With(t.Context(), bureau())
	stop := errors.New("stop")
	err := access.InTx(ctx, db, func(tx pgx.Tx) error {
		if err := access.Record(ctx, tx, access.Entry{Action: "test.undone", Kind: "test", ID: "1"}); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if head, err := access.VerifyAudit(t.Context(), db, county); err != nil || head.Seq != 1 {
		t.Fatalf("%+v %v", head, err)
	}
	if err := db.InTx(t.Context(), func(tx pgx.Tx) error {
		return access.Record(t.Context(), tx, access.Entry{Action: "test.nobody"})
	}); err == nil {
		t.Fatal("an entry in nobody's name")
	}
}

func TestRecord_ManyWritersKeepOneChain(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	const writers, each = 6, 15
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			a := bureau()
			if w%2 == 0 {
				a = clerk(township)
			}
			for i := range each {
				if err := record(t, db, a, access.Entry{Action: "test.race", Kind: "test", ID: fmt.Sprint(w, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if head, err := access.VerifyAudit(t.Context(), db, county); err != nil || head.Seq != writers*each {
		t.Fatalf("%+v %v", head, err)
	}
	if list, err := access.AuditCounties(t.Context(), db); err != nil || len(list) != 1 || list[0] != county {
		t.Fatalf("%v %v", list, err)
	}
}

func TestRecord_TownshipWritesInItsOwnNameOnly(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	if err := record(t, db, clerk(township), access.Entry{County: "149902", Action: "test.foreign"}); err == nil {
		t.Error("a township wrote into another county's log")
	}
	ctx := access.With(t.Context(), clerk(township))
	err := access.InTx(ctx, db, func(tx pgx.Tx) error {
		return access.Record(access.With(context.WithoutCancel(ctx), bureau()), tx, access.Entry{Action: "test.other"})
	})
	if err == nil {
		t.Error("a township wrote in the bureau's name")
	}
}
