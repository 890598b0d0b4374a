package access_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"gengheng/internal/access"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// owned are the tables whose rows belong to a township.
var owned = []string{"candidate", "verdict", "finding", "plan_parcel", "plan_township",
	"workflow_record", "workflow_event", "workflow_document", "workflow_opinion",
	"workflow_inspection", "workflow_signature", "workflow_photo", "workflow_rectification"}

// seed writes one row of every township-owned table for two townships of one
// county and one of another.
func seed(t *testing.T, db *store.DB) {
	t.Helper()
	ctx := t.Context()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Pool.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO rulebook VALUES ('v', 'r', 2025, 'd')`)
	for _, c := range []string{county, "149902"} {
		run, plan, set, up := uuid.New(), uuid.New(), uuid.New(), uuid.New()
		exec(`INSERT INTO county (county_code, name, srid, rulebook) VALUES ($1, '合成', 4546, 'v')`, c)
		exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'f', 1, 's')`, c, up)
		exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
			VALUES ($1, $2, 'CANDIDATE_IN', 2025, 'committed', 'v', 1, 2, $3, 'f', 's')`, c, set, up)
		exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook) VALUES ($1, $2, 2025, 'done', 'v')`, c, run)
		exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status) VALUES ($1, $2, $3, 2025, 'done')`, c, plan, run)
		exec(`INSERT INTO county_year (county_code, year, declare_by, plan_by, survey_date, reviewers, acceptors, approval_purposes, contract_actors)
			VALUES ($1, 2025, '2025-06-15', '2025-07-31', '2025-12-31', '{}', '{}', '{}', '{}')`, c)
		for i, town := range []string{c + "100", c + "101"} {
			n := fmt.Sprint(i)
			exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, area_m2, geom)
				VALUES ($1, $2, $3, 'in', $4, $5, 1, 'SRID=4546;MULTIPOLYGON EMPTY')`, c, set, i, n, town)
			exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2)
				VALUES ($1, $2, 'in', $3, $4, 'eligible', 1, 1, 1, 0)`, c, run, n, town)
			exec(`INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, message_zh, message_en)
				VALUES ($1, $2, $3, 'in', $4, $5, 'IN-01', 1, 'warn', 'note', '', '')`, c, run, i, n, town)
			exec(`INSERT INTO plan_parcel (county_code, plan_id, direction, number, township_code, chosen, net_m2, net_paddy_m2, reason_zh, geom)
				VALUES ($1, $2, 'in', $3, $4, true, 1, 0, '', 'SRID=4546;MULTIPOLYGON EMPTY')`, c, plan, n, town)
			exec(`INSERT INTO plan_township (county_code, plan_id, township_code, name, in_m2, out_m2, in_paddy_m2, out_paddy_m2, transfer_in_m2, transfer_out_m2)
				VALUES ($1, $2, $3, '', 0, 0, 0, 0, 0, 0)`, c, plan, town)
			exec(`WITH r AS (INSERT INTO workflow_record (county_code, year, direction, number, township_code, state, revision, applicant_id, applicant, dataset_id, declaration)
					VALUES ($1, 2025, 'in', $2, $3, 'draft', 1, gen_random_uuid(), '', $4, ''))
				INSERT INTO workflow_event (county_code, year, direction, number, seq, event_id, township_code, action, from_state, to_state, actor_id, actor_name, actor_role, actor_township, reason, late)
				VALUES ($1, 2025, 'in', $2, 1, gen_random_uuid(), $3, 'declare', '', 'draft', gen_random_uuid(), '', '', '', '', false)`, c, n, town, set)
			exec(`INSERT INTO workflow_document (county_code, year, direction, number, document_id, township_code, kind, file_name, size, sha256, by_id, by_as, revision)
				VALUES ($1, 2025, 'in', $2, gen_random_uuid(), $3, 'consent', 'f', 1, repeat('a', 64), gen_random_uuid(), '', 1)`, c, n, town)
			exec(`INSERT INTO workflow_opinion (county_code, year, direction, number, round, department, seq, township_code, opinion, by_id, by_as)
				VALUES ($1, 2025, 'in', $2, 1, 'water', 1, $3, 'agree', gen_random_uuid(), '')`, c, n, town)
			exec(`WITH i AS (INSERT INTO workflow_inspection (county_code, year, direction, number, inspection_id, township_code, kind, revision, gross_m2, net_m2,
					net_paddy_m2, planned_m2, outside_m2, rulebook, verdict, by_id, by_as, measured, credited, deviation)
				VALUES ($1, 2025, 'in', $2, gen_random_uuid(), $3, 'county', 1, 1, 1, 0, 1, 0, 'v', 'eligible', gen_random_uuid(), '',
					'SRID=4546;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))', 'SRID=4546;MULTIPOLYGON EMPTY', 500) RETURNING inspection_id),
				p AS (INSERT INTO workflow_photo (county_code, document_id, township_code)
					SELECT $1, document_id, $3 FROM workflow_document WHERE county_code = $1 AND number = $2),
				x AS (INSERT INTO workflow_rectification (county_code, year, direction, number, seq, item, township_code, what) VALUES ($1, 2025, 'in', $2, 1, 1, $3, 'x'))
				INSERT INTO workflow_signature (county_code, inspection_id, department, seq, township_code, answers, passed, by_id, by_as)
				SELECT $1, inspection_id, 'water', 1, $3, '{}', true, gen_random_uuid(), '' FROM i`, c, n, town)
		}
	}
}

func visible(ctx context.Context, t *testing.T, db *store.DB, a access.Actor, table string) []string {
	t.Helper()
	var list []string
	ctx = access.With(ctx, a)
	err := access.InTx(ctx, db, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT township_code FROM `+table+` ORDER BY 1`)
		if err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	return list
}

func TestInTx_DatabaseItselfHidesOtherTownships(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	seed(t, db)
	for _, table := range owned {
		if got := visible(t.Context(), t, db, bureau(), table); len(got) != 4 {
			t.Errorf("%s: row security touches who acts for the county: %v", table, got)
		}
		if got := visible(t.Context(), t, db, clerk(township), table); len(got) != 1 || got[0] != township {
			t.Errorf("%s: a township sees %v", table, got)
		}
		nowhere := clerk("149901999")
		if got := visible(t.Context(), t, db, nowhere, table); len(got) != 0 {
			t.Errorf("%s: a township without rows sees %v", table, got)
		}
	}
	if err := access.InTx(t.Context(), db, func(pgx.Tx) error { return nil }); err == nil {
		t.Error("a transaction of nobody")
	}
}

func TestInTx_TownshipIsHeldByTheDatabase(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	seed(t, db)
	ctx := access.With(t.Context(), clerk(township))
	for _, sql := range []string{
		`UPDATE verdict SET verdict = 'eligible'`, `DELETE FROM finding`, `SELECT * FROM api_key`, `SELECT * FROM identity`,
		`SELECT * FROM session`, `SELECT * FROM audit_log`, `UPDATE audit_head SET seq = 0`, `INSERT INTO audit_log SELECT * FROM audit_log`,
		`ALTER TABLE verdict DISABLE ROW LEVEL SECURITY`, `DROP TABLE finding`,
	} {
		err := access.InTx(ctx, db, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, sql)
			return err
		})
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "42501" { // insufficient_privilege
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// A connection that served a township must not stay narrowed for the next.
func TestInTx_LeavesNothingOnTheConnection(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	var who string
	ctx := access.With(t.Context(), clerk(township))
	for range 8 {
		if err := access.InTx(ctx, db, func(pgx.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	err := db.Pool.QueryRow(ctx, `SELECT current_user || coalesce(current_setting('gengheng.township', true), '')`).Scan(&who)
	if err != nil || who == "" || who[0:1] == "g" && who != db.Pool.Config().ConnConfig.User {
		t.Fatalf("%q %v", who, err)
	}
}

func TestActor_Sees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := func(n int, label string) string {
			return rapid.StringOfN(rapid.RuneFrom([]rune("12")), n, n, n).Draw(t, label)
		}
		a := access.Actor{County: digits(6, "county"), Role: access.TownshipClerk}
		a.Township = a.County + digits(3, "own")
		c := digits(6, "other county")
		town := c + digits(3, "other township")
		if got, want := a.Sees(c, town), town == a.Township; got != want {
			t.Fatalf("%+v sees %s: %v", a, town, got)
		}
		if a.Sees(c, "") {
			t.Fatal("a township sees what is the county's own")
		}
		whole := access.Actor{County: a.County}
		if got, want := whole.Sees(c, town), c == a.County; got != want {
			t.Fatalf("%+v sees %s: %v", whole, town, got)
		}
		if (access.Actor{}).Sees("", "") {
			t.Fatal("an actor of no county sees")
		}
	})
}

func TestCapacity_Check(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		c  access.Capacity
		ok bool
	}{
		{access.Capacity{Role: access.Bureau, County: county}, true},
		{access.Capacity{Role: access.Forestry, County: county, Township: township}, true},
		{access.Capacity{Role: access.TownshipClerk, County: county, Township: township}, true},
		{access.Capacity{Role: access.TownshipClerk, County: county}, false},
		{access.Capacity{Role: access.TownshipLead, County: county, Township: "149902100"}, false},
		{access.Capacity{Role: access.Bureau, County: county, Township: "149901"}, false},
		{access.Capacity{Role: access.Bureau, County: county, Township: "149901%%%"}, false},
		{access.Capacity{Role: access.Admin, County: county, Township: township}, false},
		{access.Capacity{Role: "root", County: county}, false},
		{access.Capacity{County: county}, false},
	} {
		if err := tc.c.Check(); (err == nil) != tc.ok {
			t.Errorf("%+v: %v", tc.c, err)
		}
	}
	for _, r := range access.Roles() {
		if r.Chinese() == string(r) {
			t.Errorf("%s has no name", r)
		}
	}
}
