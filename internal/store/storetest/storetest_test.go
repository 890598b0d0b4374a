package storetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/store"
)

const addRulebook = `INSERT INTO rulebook (version, id, year, document) VALUES ('v', 'x', 2025, '')`

// Every test has a database of its own, also when many are made at once.
func TestNewIsAlone(t *testing.T) {
	dbs := make([]*store.DB, 6)
	var wg sync.WaitGroup
	for i := range dbs {
		wg.Go(func() { dbs[i] = New(t) })
	}
	wg.Wait()
	for i, db := range dbs {
		if _, err := db.Pool.Exec(t.Context(), addRulebook); err != nil {
			t.Errorf("database %d: %v", i, err)
		}
	}
}

func TestNewIsMigrated(t *testing.T) {
	have, want, err := store.SchemaVersion(t.Context(), New(t))
	if err != nil || have != want {
		t.Errorf("schema version %d of %d, err %v", have, want, err)
	}
	have, _, err = store.SchemaVersion(t.Context(), Empty(t))
	if err != nil || have != 0 {
		t.Errorf("schema version %d of an empty database, err %v", have, err)
	}
}

func TestDatabaseIsDroppedAtTheEnd(t *testing.T) {
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	var name string
	t.Run("inner", func(t *testing.T) {
		name = New(t).Pool.Config().ConnConfig.Database
	})
	if databases(t, s)[name] {
		t.Errorf("%s is still there", name)
	}
}

// What a killed test process left is dropped by the next, what a living one
// uses is not.
func TestSweep(t *testing.T) {
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	left := fmt.Sprintf("t_%d_1", gone.Process.Pid)
	if err := s.create(t.Context(), left, "template0"); err != nil {
		t.Fatal(err)
	}
	living := New(t).Pool.Config().ConnConfig.Database
	if err := sweep(t.Context(), s.admin); err != nil {
		t.Fatal(err)
	}
	now := databases(t, s)
	if now[left] {
		t.Errorf("%s of a dead process is still there", left)
	}
	if !now[living] || !now[s.template] {
		t.Errorf("%s or %s, which are in use, were dropped", living, s.template)
	}
}

// TEST_DATABASE_URL leads to another server: here the same one, by its URL.
func TestAnotherServer(t *testing.T) {
	const inner = "GENGHENG_STORETEST_INNER"
	if os.Getenv(inner) != "" {
		if _, err := New(t).Pool.Exec(t.Context(), addRulebook); err != nil {
			t.Fatal(err)
		}
		return
	}
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAnotherServer$")
	cmd.Env = append(os.Environ(), inner+"=1", "GENGHENG_TEST_DATA=/nonexistent", "TEST_DATABASE_URL="+s.url("postgres"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func databases(t *testing.T, s *server) map[string]bool {
	t.Helper()
	rows, err := s.admin.Query(context.Background(), `SELECT datname FROM pg_database`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}
