package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	clusterDatabase = "gengheng"
	clusterUser     = "gengheng"
	clusterPort     = "5432" // only part of the socket's name
	// maxSocketPath is sun_path's 108 bytes less the closing zero.
	maxSocketPath = 107
)

// cluster is this process's share in the private PostgreSQL server of one data
// folder.
//
// Four file locks in DataDir/lock keep it right through kill -9 of anything:
//
//	start   exclusive while a process starts or stops the server
//	users   shared by every process that uses the server
//	server  exclusive, inherited by postgres and all its children: it is free
//	        only when not one process of the old server is left, whatever
//	        postmaster.pid says
//	watch   exclusive, inherited by the watchdog
//
// The watchdog is a shell that waits for users to fall free and then stops the
// server, so that it goes even when the last user was killed.
type cluster struct {
	dir       string // DataDir, absolute, without symbolic links
	socketDir string
	user      serverUser
	install   Installation
	settings  map[string]string
	linger    time.Duration
	log       *slog.Logger

	users      *fileLock
	stopWatch  context.CancelFunc
	watchEnded chan struct{}
}

func (c *cluster) pgdata() string          { return filepath.Join(c.dir, "pg") }
func (c *cluster) lock(name string) string { return filepath.Join(c.dir, "lock", name) }
func (c *cluster) logFile() string         { return filepath.Join(c.dir, "postgres.log") }
func (c *cluster) connString(db string) string {
	host := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(c.socketDir)
	return fmt.Sprintf("host='%s' port=%s user=%s dbname=%s sslmode=disable", host, clusterPort, clusterUser, db)
}

// joinCluster makes the server of cfg's data folder run, if it does not yet,
// and enters this process among its users.
func joinCluster(ctx context.Context, cfg Config) (*cluster, error) {
	c, err := newCluster(ctx, cfg)
	if err != nil {
		return nil, err
	}
	start, err := lockFile(ctx, c.lock("start"), unix.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("数据目录 %s 正被另一程序启动或停止 · another program is starting or stopping the database of %s: %w", c.dir, c.dir, err)
	}
	defer start.unlock()
	c.users, err = lockFile(ctx, c.lock("users"), unix.LOCK_SH)
	if err != nil {
		return nil, fmt.Errorf("the database of %s is being stopped: %w", c.dir, err)
	}
	err = c.ensureRunning(ctx)
	if err == nil {
		err = c.ensureDatabase(ctx, cmp.Or(cfg.Database, clusterDatabase), cfg.Renew)
	}
	if err != nil {
		c.users.unlock()
		return nil, err
	}
	watch, cancel := context.WithCancel(context.Background())
	c.stopWatch, c.watchEnded = cancel, make(chan struct{})
	go c.keepRunning(watch)
	return c, nil
}

func newCluster(ctx context.Context, cfg Config) (*cluster, error) {
	dir := cfg.DataDir
	if dir == "" {
		var err error
		if dir, err = DefaultDataDir(); err != nil {
			return nil, err
		}
	}
	user, err := findServerUser()
	if err != nil {
		return nil, err
	}
	if dir, err = makeDataDir(dir, user); err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, user: user, linger: cfg.Linger, log: cfg.Log}
	if c.install, err = chooseInstallation(ctx, clusterMajor(c.pgdata())); err != nil {
		return nil, err
	}
	c.settings = thisMachine().settings()
	for name, value := range cfg.Settings {
		c.settings[name] = value
	}
	c.socketDir = socketDir(dir, user)
	return c, nil
}

// makeDataDir makes the data folder, which also holds uploads: closed to
// others, except that the server's user passes through it to its own folder.
func makeDataDir(dir string, user serverUser) (string, error) {
	perm := os.FileMode(0o700)
	if user.switched {
		perm = 0o711
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("数据目录无法建立 · make the data folder: %w", err)
	}
	if err := os.Mkdir(dir, perm); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("数据目录无法建立 · make the data folder: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "lock"), 0o700); err != nil {
		return "", fmt.Errorf("数据目录不可写 · the data folder is not writable: %w", err)
	}
	return dir, user.checkReach(dir)
}

// socketDir is where the server's socket lies: in the data folder, or, since
// such a path has at most 107 bytes, under the folder for temporary files.
func socketDir(dir string, user serverUser) string {
	inside := filepath.Join(dir, "run")
	if len(filepath.Join(inside, ".s.PGSQL."+clusterPort)) <= maxSocketPath {
		return inside
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join("/tmp", fmt.Sprintf("gengheng-%d-%x", user.uid, sum[:6]))
}

// ensureRunning starts the server, or waits for the one that runs already. The
// caller holds the start lock.
func (c *cluster) ensureRunning(ctx context.Context) error {
	deadline, cancel := context.WithTimeout(ctx, 10*time.Minute) // crash recovery may be long
	defer cancel()
	for {
		held, err := tryLockFile(c.lock("server"), unix.LOCK_EX)
		switch {
		case err == nil:
			if err := c.start(deadline, held); err != nil {
				return err
			}
		case !errors.Is(err, errLocked):
			return err
		}
		if err = c.ping(deadline); err == nil {
			break
		}
		// Either it is still recovering, or its postmaster died and the last
		// of its children have yet to go and free the lock.
		select {
		case <-deadline.Done():
			return fmt.Errorf("数据库没有应答，日志见 %s · the database of %s is running but does not answer, see %s: %w", c.logFile(), c.dir, c.logFile(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	c.startWatchdog()
	return nil
}

// keepRunning starts the server again when it died without our doing.
func (c *cluster) keepRunning(ctx context.Context) {
	defer close(c.watchEnded)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		start, err := tryLockFile(c.lock("start"), unix.LOCK_EX)
		if err != nil {
			continue // someone is at it already
		}
		held, err := tryLockFile(c.lock("server"), unix.LOCK_EX)
		held.unlock()
		if err == nil {
			c.log.Warn("数据库进程已中断，正在重新启动 · the database server is gone, starting it again", "data", c.dir)
			if err := c.ensureRunning(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("数据库重新启动失败 · the database server did not start again", "err", err)
			}
		}
		start.unlock()
	}
}

// leave gives up this process's share; the last one stops the server (with
// Linger, the watchdog does it later).
func (c *cluster) leave() error {
	c.stopWatch()
	<-c.watchEnded
	defer c.users.unlock()
	if c.linger > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	start, err := lockFile(ctx, c.lock("start"), unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("stop the database: %w", err)
	}
	defer start.unlock()
	c.users.unlock()
	last, err := lockIfLast(ctx, c.lock("users"))
	if err != nil {
		return fmt.Errorf("stop the database: %w", err)
	}
	if last == nil {
		return nil
	}
	defer last.unlock()
	return c.stop(ctx)
}

// lockIfLast takes the users lock for itself; nil if other users have it. An
// exclusive holder is not a user but the watchdog, quicker than we, and is
// waited for: when leave returns, the server is gone.
func lockIfLast(ctx context.Context, path string) (*fileLock, error) {
	// What is left of a killed watchdog may take the lock and let go of it
	// between the two questions and so look like a user. It does so once; a
	// user stays.
	for seen := 0; ; {
		last, err := tryLockFile(path, unix.LOCK_EX)
		if !errors.Is(err, errLocked) {
			return last, err
		}
		among, err := tryLockFile(path, unix.LOCK_SH)
		among.unlock()
		switch {
		case err == nil:
			seen++
		case !errors.Is(err, errLocked):
			return nil, err
		}
		if seen == 5 {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
