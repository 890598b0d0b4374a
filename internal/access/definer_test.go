package access_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/store/storetest"
)

// A function that runs with its owner's rights must not find what its caller
// laid before it: its own schema first, where no township may create anything,
// and the caller's temporary one, said so, last.
func TestFunctionsOfTheOwnersRightsLookWhereNobodyElseWrites(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	rows, err := db.Pool.Query(t.Context(), `
		SELECT p.oid::regprocedure::text, n.nspname, coalesce((SELECT substr(c, 13) FROM unnest(p.proconfig) c WHERE starts_with(c, 'search_path=')), ''),
		       has_schema_privilege('gengheng_township', n.oid, 'CREATE')
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`)
	if err != nil {
		t.Fatal(err)
	}
	var (
		names              []string
		name, schema, path string
		writable           bool
	)
	_, err = pgx.ForEachRow(rows, []any{&name, &schema, &path, &writable}, func() error {
		names = append(names, name)
		if path != schema+", pg_temp" {
			t.Errorf("%s has search_path %q, want %q", name, path, schema+", pg_temp")
		}
		if writable {
			t.Errorf("%s looks in schema %s, where a township may create objects", name, schema)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(names, func(n string) bool { return n[:min(len(n), 13)] == "audit_append(" }) {
		t.Fatalf("the test would prove nothing: %v", names)
	}
}

// A township that lays temporary tables of the log's names before audit_append
// still writes to the log.
func TestRecord_IsNotDivertedByTemporaryTables(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	seed(t, db)
	ctx := access.With(t.Context(), clerk(township))
	err := access.InTx(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TEMP TABLE audit_log (county_code text, seq bigint, at timestamptz, actor_id uuid, actor_name text, actor_role text, actor_township text,
			via text, action text, subject_kind text, subject_id text, before jsonb, after jsonb, reason text, previous bytea, hash bytea); CREATE TEMP TABLE audit_head (county_code text PRIMARY KEY, seq bigint, hash bytea)`); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "test.write", Kind: "test", ID: "1"})
	})
	if err == nil {
		var n int
		err = db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM public.audit_log WHERE action = 'test.write'`).Scan(&n)
		if n != 1 {
			t.Errorf("%d lines in the log, want 1", n)
		}
	}
	if err != nil {
		t.Error(err)
	}
}
