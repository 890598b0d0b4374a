package access_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// A database user with no rights but to own a database and act as
// gengheng_township migrates it, and row security holds for it.
func TestInTx_WorksWithoutASuperuser(t *testing.T) {
	t.Parallel()
	root := storetest.Empty(t)
	user := fmt.Sprintf("plain_%d", os.Getpid())
	exec := func(sql string) {
		t.Helper()
		if _, err := root.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	conf := root.Pool.Config().ConnConfig
	exec(`CREATE EXTENSION postgis`)
	exec(`DO $$ BEGIN CREATE ROLE gengheng_township NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`)
	exec(`CREATE ROLE ` + user + ` LOGIN PASSWORD 'plain'`)
	exec(`GRANT gengheng_township TO ` + user)
	exec(`ALTER DATABASE ` + pgx.Identifier{conf.Database}.Sanitize() + ` OWNER TO ` + user)
	exec(`GRANT ALL ON SCHEMA public TO ` + user)
	t.Cleanup(func() { // what it owns goes first; the test's context is over by now
		_, err := root.Pool.Exec(context.Background(), `REASSIGN OWNED BY `+user+` TO CURRENT_USER; DROP OWNED BY `+user+`; DROP ROLE `+user)
		if err != nil {
			t.Errorf("drop the user: %v", err)
		}
	})
	db, err := store.Open(t.Context(), store.Config{DatabaseURL: root.ConnString() + " user=" + user + " password=plain"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var super bool
	if err := db.Pool.QueryRow(t.Context(), `SELECT rolsuper FROM pg_roles WHERE rolname = session_user`).Scan(&super); err != nil || super {
		t.Fatalf("the test would prove nothing: %v %v", super, err)
	}
	if err := store.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	seed(t, db)
	if got := visible(t.Context(), t, db, clerk(township), "verdict"); strings.Join(got, " ") != township {
		t.Errorf("a township sees %v", got)
	}
	if got := visible(t.Context(), t, db, bureau(), "verdict"); len(got) != 4 {
		t.Errorf("the county sees %v", got)
	}
	if err := record(t, db, clerk(township), access.Entry{Action: "test.plain"}); err != nil {
		t.Fatal(err)
	}
	if head, err := access.VerifyAudit(t.Context(), db, county); err != nil || head.Seq != 1 {
		t.Fatalf("%+v %v", head, err)
	}
}
