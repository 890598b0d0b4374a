package store

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

//go:embed watchdog.sh
var watchdogScript string

// maxLog is the size at which the server's log is set aside at a start.
const maxLog = 8 << 20

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// clusterMajor is the major version that made the cluster in pgdata, 0 if
// there is none.
func clusterMajor(pgdata string) int {
	text, err := os.ReadFile(filepath.Join(pgdata, "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return major
}

// start starts the server; held is the server lock, which passes to it.
func (c *cluster) start(ctx context.Context, held *fileLock) error {
	defer held.unlock()
	if err := c.clearStale(); err != nil {
		return err
	}
	if err := c.initialise(ctx); err != nil {
		return err
	}
	if err := c.user.ownDir(c.socketDir); err != nil {
		return fmt.Errorf("folder of the database's socket: %w", err)
	}
	if err := replaceFile(filepath.Join(c.pgdata(), "gengheng.conf"), settingsFile(c.settings)); err != nil {
		return fmt.Errorf("write the database's settings: %w", err)
	}
	log, begin, err := c.openLog()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := c.user.command(filepath.Join(c.install.BinDir, "postgres"), "-D", c.pgdata(),
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+c.socketDir,
		"-c", "unix_socket_permissions=0700", "-p", clusterPort)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{held.file}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL as user %s: %w", c.user.name, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	for {
		// Asking before it is ready would only fill its log with refusals.
		if c.saysReady() && c.ping(ctx) == nil {
			return nil
		}
		select {
		case err := <-exited:
			return fmt.Errorf("PostgreSQL 未能启动 · PostgreSQL did not start (%w): %s", errors.Join(err), logTail(c.logFile(), begin))
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGINT)
			<-exited
			return fmt.Errorf("start PostgreSQL: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// clearStale removes the lock files of a server that was killed; PostgreSQL
// itself would take a process number in them that is alive again, or a zombie,
// for a running server. The caller holds the server lock, so none of ours is
// left: only someone who started PostgreSQL here by hand can be in the way.
func (c *cluster) clearStale() error {
	if pid := serverIn(c.pgdata()); pid != 0 {
		return fmt.Errorf("数据目录 %s 上已有他人启动的 PostgreSQL（进程 %d），请先停止它 · a PostgreSQL that this program did not start runs on %s (process %d): stop it first", c.dir, pid, c.pgdata(), pid)
	}
	socket := filepath.Join(c.socketDir, ".s.PGSQL."+clusterPort)
	for _, file := range []string{filepath.Join(c.pgdata(), "postmaster.pid"), socket, socket + ".lock"} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove what a killed server left: %w", err)
		}
	}
	return nil
}

// postmaster is the running server's process, checked to be one that works in
// our folder: process numbers are used again.
func (c *cluster) postmaster() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.pgdata(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("postmaster.pid does not begin with a process number: %q", first)
	}
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return 0, err
	}
	if dir != c.pgdata() {
		return 0, fmt.Errorf("process %d works in %s, not in %s", pid, dir, c.pgdata())
	}
	return pid, nil
}

// saysReady reads the last line that the server keeps in postmaster.pid.
func (c *cluster) saysReady() bool {
	text, err := os.ReadFile(filepath.Join(c.pgdata(), "postmaster.pid"))
	return err == nil && strings.HasSuffix(strings.TrimSpace(string(text)), "\nready")
}

// serverIn is a PostgreSQL process that works in pgdata, 0 if there is none.
func serverIn(pgdata string) int {
	entries, _ := filepath.Glob("/proc/[0-9]*/cwd") // the pattern is well formed
	for _, cwd := range entries {
		if dir, err := os.Readlink(cwd); err != nil || dir != pgdata {
			continue
		}
		name, err := os.ReadFile(filepath.Join(filepath.Dir(cwd), "comm"))
		if err != nil || !strings.HasPrefix(string(name), "postgres") {
			continue // a person's shell may stand there too
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(cwd))); err == nil {
			return pid
		}
	}
	return 0
}

// initialise makes the cluster's files if they are not there. They are made
// beside their place and moved there whole.
func (c *cluster) initialise(ctx context.Context) error {
	if clusterMajor(c.pgdata()) != 0 {
		return nil
	}
	if entries, err := os.ReadDir(c.pgdata()); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s 不是 PostgreSQL 数据目录且非空，请移走 · %s is not empty and no PostgreSQL cluster: move it away", c.pgdata(), c.pgdata())
	}
	fresh := c.pgdata() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove a half-made cluster: %w", err)
	}
	if err := c.user.ownDir(fresh); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	cmd := c.user.command(filepath.Join(c.install.BinDir, "initdb"), "-D", fresh, "-U", clusterUser,
		"--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject",
		"--data-checksums", "--no-instructions")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := runUntil(ctx, cmd); err != nil {
		return fmt.Errorf("建立数据库失败 · make the database cluster (initdb as user %s): %w: %s", c.user.name, err, lastLines(out.String(), 5))
	}
	conf, err := os.ReadFile(filepath.Join(fresh, "postgresql.conf"))
	if err != nil {
		return fmt.Errorf("read the new cluster's settings: %w", err)
	}
	// postgresql.conf itself only: what the operator adds below wins.
	conf = append(conf, "\n# The tuning for this machine, rewritten at every start.\ninclude = 'gengheng.conf'\n\n# Your own settings go here.\n"...)
	if err := os.WriteFile(filepath.Join(fresh, "postgresql.conf"), conf, 0o600); err != nil {
		return fmt.Errorf("write the new cluster's settings: %w", err)
	}
	if err := os.Remove(c.pgdata()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Rename(fresh, c.pgdata())
}

// runUntil runs cmd and ends it when ctx ends.
func runUntil(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	select {
	case err := <-exited:
		return err
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // its whole session
		<-exited
		return ctx.Err()
	}
}

func (c *cluster) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, c.connString(database))
}

func (c *cluster) ping(ctx context.Context) error {
	conn, err := c.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// ensureDatabase makes a database that is not there. With renew it drops the
// one that is; others who use it are a refusal. The caller holds the start lock.
func (c *cluster) ensureDatabase(ctx context.Context, name string, renew bool) error {
	conn, err := c.connect(ctx, "postgres")
	if err != nil {
		return fmt.Errorf("connect to the private cluster: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	quoted := pgx.Identifier{name}.Sanitize()
	if renew {
		_, err := conn.Exec(ctx, `DROP DATABASE IF EXISTS `+quoted)
		var used *pgconn.PgError
		if errors.As(err, &used) && used.Code == "55006" { // object_in_use
			return fmt.Errorf("数据库 %s 正由另一程序使用，请先结束它 · the database %s is used by another program; end that first", name, name)
		}
		if err != nil {
			return fmt.Errorf("renew the database %s: %w", name, err)
		}
	}
	var there bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&there)
	if err != nil || there {
		return err
	}
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+quoted); err != nil {
		return fmt.Errorf("make the database %s: %w", name, err)
	}
	return nil
}

// stop stops the server. The caller holds the start lock and is its only user.
func (c *cluster) stop(ctx context.Context) error {
	free, err := tryLockFile(c.lock("server"), unix.LOCK_EX)
	if err == nil {
		free.unlock()
		return nil
	}
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} { // fast, then immediate
		pid, err := c.postmaster()
		if err == nil {
			err = syscall.Kill(pid, how)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop PostgreSQL of %s: %w", c.dir, err)
		}
		wait, cancel := context.WithTimeout(ctx, time.Minute)
		free, err = lockFile(wait, c.lock("server"), unix.LOCK_EX)
		cancel()
		if err == nil {
			free.unlock()
			return nil
		}
	}
	return fmt.Errorf("PostgreSQL 未能停止，日志见 %s · PostgreSQL of %s did not stop, see %s: %w", c.logFile(), c.dir, c.logFile(), err)
}

// startWatchdog starts the watchdog unless one is there.
func (c *cluster) startWatchdog() {
	watch, err := tryLockFile(c.lock("watch"), unix.LOCK_EX)
	if errors.Is(err, errLocked) {
		return
	}
	if err == nil {
		defer watch.unlock()
		err = c.runWatchdog(watch)
	}
	if err != nil {
		// Only a killed program would be left with a running server, and the
		// next start takes that over.
		c.log.Warn("the database's watchdog did not start", "err", err)
	}
}

func (c *cluster) runWatchdog(watch *fileLock) error {
	if _, err := exec.LookPath("flock"); err != nil {
		return fmt.Errorf("flock (util-linux) is missing: %w", err)
	}
	cmd := c.user.command("/bin/sh", "-c", watchdogScript, "gengheng-watchdog", c.pgdata(), strconv.Itoa(int(c.linger.Seconds())))
	for _, path := range []string{c.lock("users"), "", c.lock("server")} {
		if path == "" {
			cmd.ExtraFiles = append(cmd.ExtraFiles, watch.file)
			continue
		}
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // an opening, and so a lock, of its own
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

func (c *cluster) openLog() (f *os.File, begin int64, err error) {
	if info, err := os.Stat(c.logFile()); err == nil && info.Size() > maxLog {
		_ = os.Rename(c.logFile(), c.logFile()+".1")
	}
	f, err = os.OpenFile(c.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the database's log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// logTail is what the server wrote since begin, its last lines.
func logTail(path string, begin int64) string {
	text, err := os.ReadFile(path)
	if err != nil || int64(len(text)) < begin {
		return "see " + path
	}
	return lastLines(string(text[begin:]), 8)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// replaceFile writes path whole or not at all, and never through a symbolic
// link: its folder belongs to a less trusted user.
func replaceFile(path, content string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
