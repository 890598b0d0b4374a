// Package store is the database room: the connection pool, the migrations, and
// the private PostGIS cluster that the program runs when it is given none.
//
// It knows no table of another room; SQL lives beside the Go that runs it.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says where the database is.
type Config struct {
	// DatabaseURL is a PostgreSQL connection string. If it is not empty, that
	// database is used and nothing else on the machine is touched.
	DatabaseURL string
	// DataDir is the data folder; the private cluster lives in DataDir/pg. It
	// is needed only without DatabaseURL; empty means DefaultDataDir.
	DataDir string
	// Database is the private cluster's database; empty means "gengheng".
	Database string
	// Renew drops Database first, with everything in it. It is refused with
	// DatabaseURL, without a Database of that name, and while somebody uses it.
	Renew bool
	// MaxConns bounds the pool; 0 leaves pgx's own default (4, or the number
	// of processors if that is more).
	MaxConns int32
	// Settings are extra settings of the private server, e.g. fsync=off for a
	// cluster that only tests use. They win over the tuning for the machine.
	Settings map[string]string
	// Linger keeps the private server up this long after its last user went,
	// so that short programs in a row do not each start it.
	Linger time.Duration
	// Log receives what the cluster does by itself (a restart after a crash);
	// nil means slog.Default.
	Log *slog.Logger
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	// Pool is the connection pool.
	Pool *pgxpool.Pool

	cluster *cluster // nil with DatabaseURL
}

// DefaultDataDir is the data folder when none is named: $GENGHENG_DATA, else
// /var/lib/gengheng for root (whose home the unprivileged server cannot
// reach), else $XDG_DATA_HOME/gengheng or ~/.local/share/gengheng.
func DefaultDataDir() (string, error) {
	if dir := os.Getenv("GENGHENG_DATA"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/gengheng", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gengheng"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("没有可用的数据目录，请用 GENGHENG_DATA 指定 · no data folder: set GENGHENG_DATA: %w", err)
	}
	return filepath.Join(home, ".local", "share", "gengheng"), nil
}

// Open connects to cfg.DatabaseURL, or starts (or joins) the private cluster
// under cfg.DataDir and connects to that. It does not migrate. Close must be
// called: it stops the private server once nobody uses it any more.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Renew && (cfg.DatabaseURL != "" || cfg.Database == "") {
		return nil, errors.New("only a named database of the private cluster can be renewed")
	}
	if cfg.DatabaseURL != "" {
		pool, err := newPool(ctx, cfg.DatabaseURL, cfg.MaxConns)
		if err != nil {
			return nil, err
		}
		return &DB{Pool: pool}, nil
	}
	c, err := joinCluster(ctx, cfg)
	if err != nil {
		return nil, err
	}
	pool, err := newPool(ctx, c.connString(cmp.Or(cfg.Database, clusterDatabase)), cfg.MaxConns)
	if err != nil {
		return nil, errors.Join(err, c.leave())
	}
	return &DB{Pool: pool, cluster: c}, nil
}

func newPool(ctx context.Context, url string, maxConns int32) (*pgxpool.Pool, error) {
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx leaves the password out of this error.
		return nil, fmt.Errorf("数据库连接串有误 · DATABASE_URL is not a PostgreSQL connection string: %w", err)
	}
	if maxConns > 0 {
		conf.MaxConns = maxConns
	}
	if conf.ConnConfig.RuntimeParams["application_name"] == "" {
		conf.ConnConfig.RuntimeParams["application_name"] = "gengheng"
	}
	// Results must not depend on the machine's clock setting.
	conf.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("open the connection pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("无法连接数据库 · cannot connect to the database (is it running, and may this user log in?): %w", err)
	}
	return pool, nil
}

// Close closes the pool and, if this was its last user, stops the private
// server. An error means that the server may still be running.
func (db *DB) Close() error {
	db.Pool.Close()
	if db.cluster == nil {
		return nil
	}
	return db.cluster.leave()
}

// ConnString is how another program of this user (psql, GDAL) reaches the same
// database. With DATABASE_URL it holds the password: do not log it.
func (db *DB) ConnString() string { return db.Pool.Config().ConnString() }

// InTx runs fn in one transaction: committed if fn returns nil, rolled back
// otherwise (and if fn panics).
func (db *DB) InTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, db.Pool, fn)
}

// InTxAgain is InTx, again where PostgreSQL ended the transaction so that others
// could go on (deadlock_detected), at most five times: fn must do the same each time.
func (db *DB) InTxAgain(ctx context.Context, fn func(tx pgx.Tx) error) error {
	for tries := 1; ; tries++ {
		err := db.InTx(ctx, fn)
		var pg *pgconn.PgError
		if err == nil || tries == 5 || !errors.As(err, &pg) || pg.Code != "40P01" {
			return err
		}
	}
}

// TryLock takes the advisory lock named key, for as long as one process must
// do a thing alone (a job, a load). ok is false if another holds it. The lock
// lives on a connection of its own outside the pool, so it falls when this
// process dies; release gives it back and may be called more than once.
func (db *DB) TryLock(ctx context.Context, key string) (release func(), ok bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, db.Pool.Config().ConnConfig)
	if err != nil {
		return nil, false, fmt.Errorf("lock %s: %w", key, err)
	}
	release = func() {
		// The lock must fall even when ctx is already cancelled.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, key).Scan(&ok)
	if err != nil || !ok {
		release()
		if err != nil {
			return nil, false, fmt.Errorf("lock %s: %w", key, err)
		}
		return nil, false, nil
	}
	return release, true, nil
}
