package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
	"gengheng/migrations"
)

// TestSchemaGoesForward restores databases as older programs left them and
// migrates them: afterwards they must be like a new one, their rows kept.
func TestSchemaGoesForward(t *testing.T) {
	ctx := t.Context()
	fresh := schema(ctx, t, storetest.New(t))
	if len(fresh) < 50 {
		t.Fatalf("a new database has only %d columns, constraints and indexes", len(fresh))
	}
	for name, dump := range dumps(t) {
		t.Run(name, func(t *testing.T) {
			db := storetest.Empty(t)
			client(t, dump, "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname="+db.ConnString())
			before := counties(ctx, t, db)
			if before == "" {
				t.Fatal("the dump has no county whose keeping could be checked")
			}
			if err := store.Migrate(ctx, db); err != nil {
				t.Fatal(err)
			}
			if after := counties(ctx, t, db); after != before {
				t.Errorf("counties before %q, after %q", before, after)
			}
			got := schema(ctx, t, db)
			for _, line := range got {
				if !slices.Contains(fresh, line) {
					t.Errorf("a new database does not have: %s", line)
				}
			}
			for _, line := range fresh {
				if !slices.Contains(got, line) {
					t.Errorf("missing after the migration: %s", line)
				}
			}
		})
	}
}

// The commands are those of docs/operating.md.
func TestRestoreOfABackup(t *testing.T) {
	ctx := t.Context()
	db := storetest.New(t)
	_, err := db.Pool.Exec(ctx, `
		INSERT INTO rulebook (version, id, year, document) VALUES ('v', 'x', 2025, '');
		INSERT INTO county (county_code, name, srid, rulebook) VALUES ('149901', '示例县（合成）', 4546, 'v')`)
	if err != nil {
		t.Fatal(err)
	}
	dump := client(t, nil, "pg_dump", "-Fc", "--dbname="+db.ConnString())
	restored := storetest.New(t)
	client(t, dump, "pg_restore", "--clean", "--if-exists", "--dbname="+restored.ConnString())
	if got, want := counties(ctx, t, restored), counties(ctx, t, db); got != want {
		t.Errorf("restored %q, want %q", got, want)
	}
	if got, want := schema(ctx, t, restored), schema(ctx, t, db); !slices.Equal(got, want) {
		t.Errorf("restored schema differs:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if err := store.Migrate(ctx, restored); err != nil {
		t.Error(err)
	}
}

// dumps are the released ones, and those taken now at the first version of the schema
// and the last five: each version's dump is tried while it is among them, and from
// there the way leads through the same migrations.
func dumps(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	files, err := filepath.Glob("testdata/released/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if all[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	db := storetest.Empty(t)
	provider, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(db.Pool), migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	sources := provider.ListSources()
	for i, source := range sources {
		if _, err := provider.UpTo(t.Context(), source.Version); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			_, err := db.Pool.Exec(t.Context(), `
				INSERT INTO rulebook (version, id, year, document) VALUES ('v', 'x', 2025, '');
				INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ('149901', '示例县（合成）', 4546, true, 'v')`)
			if err != nil {
				t.Fatal(err)
			}
		}
		if i > 0 && i < len(sources)-5 {
			continue
		}
		all[fmt.Sprintf("version %d", source.Version)] = client(t, nil, "pg_dump", "--no-owner", "--inserts", "--dbname="+db.ConnString())
	}
	return all
}

// client runs one of PostgreSQL's own programs and gives its output.
func client(t *testing.T, input []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(filepath.Join(store.FindInstallations(t.Context())[0].BinDir, program), args...)
	cmd.Stdin = bytes.NewReader(input)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", program, err, stderr.String())
	}
	return out
}

func counties(ctx context.Context, t *testing.T, db *store.DB) string {
	t.Helper()
	var text string
	err := db.Pool.QueryRow(ctx, `SELECT coalesce(string_agg(concat_ws(' ', county_code, name, srid), ',' ORDER BY county_code), '') FROM county`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// schema lists every column, constraint and index of our tables, one a line.
func schema(ctx context.Context, t *testing.T, db *store.DB) []string {
	t.Helper()
	rows, err := db.Pool.Query(ctx, `
		WITH ours AS (
			SELECT c.oid, c.relname FROM pg_class c
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
			  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))
		SELECT concat_ws(' ', relname, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid))
		FROM ours JOIN pg_attribute a ON attrelid = ours.oid LEFT JOIN pg_attrdef ON adrelid = ours.oid AND adnum = attnum
		WHERE attnum > 0 AND NOT attisdropped
		UNION ALL
		SELECT concat_ws(' ', relname, conname, pg_get_constraintdef(c.oid)) FROM ours JOIN pg_constraint c ON conrelid = ours.oid
		UNION ALL
		SELECT pg_get_indexdef(indexrelid) FROM ours JOIN pg_index ON indrelid = ours.oid
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
