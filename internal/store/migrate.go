package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"gengheng/migrations"
)

// migrateLock is the advisory lock that lets one process at a time migrate a
// database ("genghengm" cut to 64 bits).
const migrateLock int64 = 0x67656e6768656e67

// Migrate brings the database to this program's schema: our own migrations and
// those of the job queue (River). It only goes forward, may be called by any
// number of processes at once, and does nothing if nothing is to be done.
//
// A database that a newer program has migrated is refused: this program does
// not know what those tables mean.
func Migrate(ctx context.Context, db *DB) error {
	lock, err := pgx.ConnectConfig(ctx, db.Pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("migrate: connect: %w", err)
	}
	defer func() { _ = lock.Close(context.WithoutCancel(ctx)) }()
	if _, err := lock.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrateLock); err != nil {
		return fmt.Errorf("migrate: wait for another migration to end: %w", err)
	}
	if err := migrateSchema(ctx, db); err != nil {
		return err
	}
	river, err := rivermigrate.New(riverpgxv5.New(db.Pool), &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return fmt.Errorf("migrate: job queue: %w", err)
	}
	if _, err := river.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate: job queue: %w", err)
	}
	return nil
}

// SchemaVersion is the version of the database's schema (0: none yet) and the
// version this program has; they are equal after Migrate. It changes nothing.
func SchemaVersion(ctx context.Context, db *DB) (have, want int64, err error) {
	provider, done, err := newProvider(db)
	if err != nil {
		return 0, 0, err
	}
	defer done()
	for _, source := range provider.ListSources() {
		want = max(want, source.Version)
	}
	// goose itself would make its table to answer this.
	var there bool
	err = db.Pool.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&there)
	if err == nil && there {
		err = db.Pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the schema version: %w", err)
	}
	return have, want, nil
}

func migrateSchema(ctx context.Context, db *DB) error {
	have, want, err := SchemaVersion(ctx, db)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	provider, done, err := newProvider(db)
	if err != nil {
		return err
	}
	defer done()
	if have > want {
		return fmt.Errorf("数据库结构版本 %d 比本程序的 %d 新，请升级程序 · the database has schema version %d, this program knows only %d: use the newer program", have, want, have, want)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate (the database needs PostGIS 3: where the user may not create extensions, let an administrator run CREATE EXTENSION postgis): %w", err)
	}
	return nil
}

func newProvider(db *DB) (*goose.Provider, func(), error) {
	conn := stdlib.OpenDBFromPool(db.Pool)
	provider, err := goose.NewProvider(goose.DialectPostgres, conn, migrations.FS, goose.WithDisableGlobalRegistry(true), goose.WithSlog(quiet()))
	if err != nil {
		_ = conn.Close()
		return nil, nil, fmt.Errorf("read the built-in migrations: %w", err)
	}
	// The pool itself stays open: Close here ends only the database/sql wrapper.
	return provider, func() { _ = conn.Close() }, nil
}

// QueueVersion is the version of the job queue's own schema that Migrate
// brings; it changes only with the release of River.
func QueueVersion() int {
	river, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return 0
	}
	last := 0
	for _, m := range river.AllVersions() {
		last = max(last, m.Version)
	}
	return last
}
