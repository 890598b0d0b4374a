// Package storetest gives every test a PostGIS database of its own.
package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gengheng/internal/store"
	"gengheng/migrations"
)

// server is the one PostgreSQL that all tests of this process use.
type server struct {
	admin    *pgxpool.Pool
	template string
}

var (
	shared = sync.OnceValues(open)
	serial atomic.Int64
)

// New gives a database with today's schema that nobody else uses, and drops it
// when the test ends. It is a copy of a migrated template on a private cluster
// which all packages' tests share and which stops by itself a minute after the
// last; with TEST_DATABASE_URL (a superuser of a server with PostGIS) it is
// made there.
//
// Where PostgreSQL or PostGIS is missing the test fails: a test that is
// skipped in silence proves nothing.
func New(t testing.TB) *store.DB { return fresh(t, true) }

// Empty is New without any schema: an empty database, as before the first
// migration.
func Empty(t testing.TB) *store.DB { return fresh(t, false) }

// DataDir gives an empty data folder that also the unprivileged server of a
// root user can reach (t.TempDir is closed to it). It is removed when the test
// ends, after what was opened on it must have been closed.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gengheng-data-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the data folder: %v", err)
		}
	})
	return dir
}

func fresh(t testing.TB, migrated bool) *store.DB {
	t.Helper()
	ctx := t.Context()
	s, err := shared()
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
	name := fmt.Sprintf("t_%d_%d", os.Getpid(), serial.Add(1))
	template := "template0"
	if migrated {
		template = s.template
	}
	if err := s.create(ctx, name, template); err != nil {
		t.Fatalf("make a test database: %v", err)
	}
	db, err := store.Open(ctx, store.Config{DatabaseURL: s.url(name)})
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the test database: %v", err)
		}
		if _, err := s.admin.Exec(context.Background(), `DROP DATABASE IF EXISTS `+quote(name)+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	return db
}

func (s *server) url(database string) string {
	conf := s.admin.Config().ConnConfig
	parts := []string{"host=" + value(conf.Host), "port=" + strconv.Itoa(int(conf.Port)), "user=" + value(conf.User), "dbname=" + value(database)}
	if conf.Password != "" {
		parts = append(parts, "password="+value(conf.Password))
	}
	if conf.TLSConfig == nil {
		parts = append(parts, "sslmode=disable")
	}
	return strings.Join(parts, " ")
}

// value quotes a connection string's value.
func value(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func open() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	admin, err := openAdmin(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{admin: admin}
	if s.template, err = s.ensureTemplate(ctx); err != nil {
		admin.Close()
		return nil, fmt.Errorf("make the template database: %w", err)
	}
	return s, nil
}

func openAdmin(ctx context.Context) (*pgxpool.Pool, error) {
	if url := os.Getenv("TEST_DATABASE_URL"); url != "" {
		return pgxpool.New(ctx, url)
	}
	dir := os.Getenv("GENGHENG_TEST_DATA")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("gengheng-test-%d", os.Geteuid()))
	}
	if err := ownedByUs(dir); err != nil {
		return nil, err
	}
	// Nothing here outlives a power failure or needs to.
	cfg := store.Config{DataDir: dir, Linger: time.Minute, Settings: map[string]string{
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
		"max_connections": "200", "shared_buffers": "128MB", "max_wal_size": "1GB", "autovacuum": "on",
	}}
	// The cluster is left to the watchdog: a test process has no moment at
	// which all its tests are over.
	db, err := store.Open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w (if its files are damaged, remove %s)", err, dir)
	}
	admin, err := pgxpool.New(ctx, db.ConnString())
	if err != nil {
		return nil, err
	}
	return admin, sweep(ctx, admin)
}

// ownedByUs refuses a folder in /tmp that another user laid there.
func ownedByUs(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a folder of this user: set GENGHENG_TEST_DATA", dir)
	}
	return nil
}

// sweep drops the databases of test processes that were killed, and templates
// of schemas that nobody has tested for three days.
func sweep(ctx context.Context, admin *pgxpool.Pool) error {
	rows, err := admin.Query(ctx, `
		SELECT datname FROM pg_database
		WHERE datname LIKE 't\_%'
		   OR (datname LIKE 'tmpl\_%' AND (pg_stat_file('base/' || oid || '/PG_VERSION')).modification < now() - interval '3 days')`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if pid, ok := owner(name); ok && syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		// Another process may be sweeping too.
		_, _ = admin.Exec(ctx, `ALTER DATABASE `+quote(name)+` IS_TEMPLATE false`)
		_, _ = admin.Exec(ctx, `DROP DATABASE IF EXISTS `+quote(name)+` WITH (FORCE)`)
	}
	return nil
}

// owner is the process that made the test database of that name.
func owner(name string) (pid int, ok bool) {
	parts := strings.Split(name, "_")
	if len(parts) != 3 || parts[0] != "t" {
		return 0, false
	}
	pid, err := strconv.Atoi(parts[1])
	return pid, err == nil
}

// create copies the template, by files where the server has the choice: that costs a third
// less than block by block through its log, PostgreSQL's own way since 15. Copies of one
// template exclude each other for a moment (and a sweep may be looking), so it tries again.
func (s *server) create(ctx context.Context, name, template string) error {
	sql := `CREATE DATABASE ` + quote(name) + ` TEMPLATE ` + quote(template) + ` ENCODING 'UTF8'`
	var version int
	err := s.admin.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version)
	if err != nil {
		return err
	}
	if version >= 150000 {
		sql += ` STRATEGY file_copy`
	}
	for range 50 {
		_, err = s.admin.Exec(ctx, sql)
		if err == nil || !strings.Contains(err.Error(), "being accessed by other users") {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// ensureTemplate makes the migrated template once for every state of the
// migrations.
func (s *server) ensureTemplate(ctx context.Context) (string, error) {
	sum, err := schemaHash()
	if err != nil {
		return "", err
	}
	name := "tmpl_" + sum
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtextextended($1, 0))`, name); err != nil {
		return "", err
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock_all()`) }()
	var ready bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)`, name).Scan(&ready)
	if err != nil || ready {
		return name, err
	}
	// A killed process may have left half of it.
	if _, err := conn.Exec(ctx, `DROP DATABASE IF EXISTS `+quote(name)+` WITH (FORCE)`); err != nil {
		return "", err
	}
	if err := s.create(ctx, name, "template0"); err != nil {
		return "", err
	}
	db, err := store.Open(ctx, store.Config{DatabaseURL: s.url(name)})
	if err != nil {
		return "", err
	}
	if err := errors.Join(store.Migrate(ctx, db), db.Close()); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, `ALTER DATABASE `+quote(name)+` IS_TEMPLATE true ALLOW_CONNECTIONS false`)
	return name, err
}

// schemaHash names the schema: our migrations and the release of the job queue
// go.mod pins, which has migrations of its own.
func schemaHash() (string, error) {
	h := sha256.New()
	entries, err := fs.ReadDir(migrations.FS, ".")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		text, err := fs.ReadFile(migrations.FS, e.Name())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", e.Name(), len(text))
		h.Write(text)
	}
	fmt.Fprintln(h, store.QueueVersion())
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}
