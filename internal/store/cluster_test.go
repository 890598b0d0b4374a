package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// patience bounds waits for another process; it is never what a test is about.
const patience = time.Minute

// helperData makes this test binary play another program that uses the data
// folder: it says "ready" and stays until its standard input ends.
const helperData = "GENGHENG_STORE_TEST_HELPER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperData); dir != "" {
		os.Exit(helper(dir))
	}
	os.Exit(m.Run())
}

func helper(dir string) int {
	db, err := store.Open(context.Background(), store.Config{DataDir: dir})
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := db.Close(); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

// otherProgram is a helper process that has the data folder's database open.
type otherProgram struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin interface{ Close() error }
}

func startOther(t *testing.T, dir string) *otherProgram {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), helperData+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "ready\n" {
		t.Fatalf("the other program said %q, %v", line, err)
	}
	return &otherProgram{t, cmd, stdin}
}

func (p *otherProgram) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait() // reports the kill
}

func (p *otherProgram) end() {
	p.t.Helper()
	_ = p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("the other program: %v", err)
	}
}

func open(t *testing.T, dir string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func closeDB(t *testing.T, db *store.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// write and read check that what was committed outlives what follows.
func write(t *testing.T, db *store.DB, text string) {
	t.Helper()
	_, err := db.Pool.Exec(t.Context(), `CREATE TABLE IF NOT EXISTS kept (text text)`)
	if err == nil {
		_, err = db.Pool.Exec(t.Context(), `INSERT INTO kept VALUES ($1)`, text)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, db *store.DB) string {
	t.Helper()
	var text string
	if err := db.Pool.QueryRow(t.Context(), `SELECT string_agg(text, ',' ORDER BY text) FROM kept`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// postmaster is the process number in the server's own file.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pg", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// processesIn lists the living processes that work in folder dir or were
// started for it, found without the package's own means.
func processesIn(t *testing.T, dir string, command string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		cmdline, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		cwd, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		if strings.Contains(string(cmdline), command) && (cwd == filepath.Join(dir, "pg") || strings.Contains(string(cmdline), dir)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stopped waits until not one process of the server is left.
func stopped(t *testing.T, dir string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		left := processesIn(t, dir, "postgres")
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("processes %v of the server are still there", left)
		}
	}
}

// newCluster makes a data folder with a cluster that keeps "begin".
func newCluster(t *testing.T) string {
	t.Helper()
	dir := storetest.DataDir(t)
	db := open(t, dir)
	write(t, db, "begin")
	closeDB(t, db)
	return dir
}

func TestClusterStopsWithTheProgram(t *testing.T) {
	t.Parallel()
	dir := newCluster(t)
	stopped(t, dir)
	db := open(t, dir)
	if got := read(t, db); got != "begin" {
		t.Errorf("read %q after a restart", got)
	}
	closeDB(t, db)
	stopped(t, dir)
}

func TestClusterIsClosedAndDurable(t *testing.T) {
	t.Parallel()
	dir := storetest.DataDir(t)
	db := open(t, dir)
	defer closeDB(t, db)
	for setting, want := range map[string]string{
		"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"data_checksums": "on", "server_encoding": "UTF8", "jit": "off", "unix_socket_permissions": "0700",
	} {
		var got string
		if err := db.Pool.QueryRow(t.Context(), `SELECT current_setting($1)`, setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, want %q (err %v)", setting, got, want, err)
		}
	}
	pid := postmaster(t, dir)
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		t.Fatal(err)
	}
	uid := info.Sys().(*syscall.Stat_t).Uid
	if uid == 0 {
		t.Error("the server runs as root")
	}
	for _, folder := range []string{"pg", "run"} {
		info, err := os.Stat(filepath.Join(dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		if stat := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o700 || stat.Uid != uid {
			t.Errorf("%s: mode %v, owner %d; want 0700 and the server's user %d", folder, info.Mode(), stat.Uid, uid)
		}
	}
}

func TestClusterSurvivesKills(t *testing.T) {
	t.Parallel()
	dir := newCluster(t)

	t.Run("program killed: the watchdog stops the server", func(t *testing.T) {
		other := startOther(t, dir)
		other.kill()
		stopped(t, dir)
	})
	t.Run("program killed and started again at once", func(t *testing.T) {
		for i := range 3 {
			other := startOther(t, dir)
			other.kill()
			db := open(t, dir)
			write(t, db, fmt.Sprint("again", i))
			closeDB(t, db)
			stopped(t, dir)
		}
	})
	t.Run("program and watchdog killed: the server is taken over", func(t *testing.T) {
		other := startOther(t, dir)
		pid := postmaster(t, dir)
		for _, w := range processesIn(t, dir, "gengheng-watchdog") {
			_ = syscall.Kill(w, syscall.SIGKILL)
		}
		other.kill()
		db := open(t, dir)
		if now := postmaster(t, dir); now != pid {
			t.Errorf("server %d was replaced by %d, want it taken over", pid, now)
		}
		write(t, db, "taken over")
		closeDB(t, db)
		stopped(t, dir)
	})
	t.Run("postmaster killed under the program", func(t *testing.T) {
		db := open(t, dir)
		pid := postmaster(t, dir)
		write(t, db, "before")
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		err := errors.New("not asked yet")
		for end := time.Now().Add(patience); err != nil && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			_, err = db.Pool.Exec(t.Context(), `INSERT INTO kept VALUES ('same pool')`)
		}
		if err != nil {
			t.Fatalf("the server did not come back: %v", err)
		}
		closeDB(t, db)
		stopped(t, dir)
	})
	t.Run("everything killed, number of the postmaster taken by a stranger", func(t *testing.T) {
		other := startOther(t, dir)
		pidFile := filepath.Join(dir, "pg", "postmaster.pid")
		text, err := os.ReadFile(pidFile)
		if err != nil {
			t.Fatal(err)
		}
		pid := postmaster(t, dir)
		for _, w := range processesIn(t, dir, "gengheng-watchdog") {
			_ = syscall.Kill(w, syscall.SIGKILL)
		}
		other.kill()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		stopped(t, dir)
		_, rest, _ := strings.Cut(string(text), "\n")
		if err := os.WriteFile(pidFile, []byte(fmt.Sprintf("%d\n%s", os.Getpid(), rest)), 0o600); err != nil {
			t.Fatal(err)
		}
		db := open(t, dir)
		if got, want := read(t, db), "again0,again1,again2,before,begin,same pool,taken over"; got != want {
			t.Errorf("kept %q, want %q", got, want)
		}
		closeDB(t, db)
		stopped(t, dir)
	})
}

func TestClusterIsShared(t *testing.T) {
	t.Parallel()
	dir := newCluster(t)
	t.Run("two programs", func(t *testing.T) {
		other := startOther(t, dir)
		db := open(t, dir)
		pid := postmaster(t, dir)
		other.end()
		if got := read(t, db); got != "begin" || postmaster(t, dir) != pid {
			t.Errorf("the first program's end disturbed the second: read %q, server %d, then %d", got, pid, postmaster(t, dir))
		}
		closeDB(t, db)
		stopped(t, dir)
	})
	t.Run("the starter is killed, the other goes on", func(t *testing.T) {
		other := startOther(t, dir)
		db := open(t, dir)
		pid := postmaster(t, dir)
		other.kill()
		if got := read(t, db); got != "begin" || postmaster(t, dir) != pid {
			t.Errorf("read %q, server %d, then %d", got, pid, postmaster(t, dir))
		}
		closeDB(t, db)
		stopped(t, dir)
	})
	t.Run("many starts at once, one server", func(t *testing.T) {
		var wg sync.WaitGroup
		dbs := make([]*store.DB, 4)
		errs := make([]error, len(dbs))
		for i := range dbs {
			wg.Go(func() { dbs[i], errs[i] = store.Open(t.Context(), store.Config{DataDir: dir}) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		var starts int
		for i, db := range dbs {
			if got := read(t, db); got != "begin" {
				t.Errorf("read %q", got)
			}
			if i == 0 {
				starts = len(processesIn(t, dir, "gengheng-watchdog"))
			}
			closeDB(t, db)
		}
		if starts != 1 {
			t.Errorf("%d watchdogs, want 1", starts)
		}
		stopped(t, dir)
	})
}

func TestRenewedDatabase(t *testing.T) {
	t.Parallel()
	dir := newCluster(t)
	cfg := store.Config{DataDir: dir, Database: "gengheng_demo", Renew: true}
	var kept *store.DB
	for range 2 { // the second finds the first's table gone
		db, err := store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Pool.Exec(t.Context(), `CREATE TABLE plot (number int)`); err != nil {
			t.Error(err)
		}
		if kept == nil {
			closeDB(t, db)
		}
		kept = db
	}
	if db, err := store.Open(t.Context(), cfg); err == nil {
		closeDB(t, db)
		t.Error("a database in use was dropped")
	} else if !strings.Contains(err.Error(), "gengheng_demo") {
		t.Error(err)
	}
	// the county's own database is another and stays
	own := open(t, dir)
	if got := read(t, own); got != "begin" {
		t.Errorf("read %q", got)
	}
	closeDB(t, own)
	closeDB(t, kept)
	for _, bad := range []store.Config{{DataDir: dir, Renew: true}, {DatabaseURL: "host=/nonexistent", Database: "x", Renew: true}} {
		if db, err := store.Open(t.Context(), bad); err == nil {
			closeDB(t, db)
			t.Errorf("%+v was renewed", bad)
		}
	}
}

func TestClusterAfterHalfAnInitdb(t *testing.T) {
	t.Parallel()
	dir := storetest.DataDir(t)
	half := filepath.Join(dir, "pg.new", "base")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	db := open(t, dir)
	write(t, db, "x")
	closeDB(t, db)
	if _, err := os.Stat(filepath.Dir(half)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-made cluster is still there: %v", err)
	}
}

func TestClusterInALongFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(storetest.DataDir(t), strings.Repeat("长", 30)+"'quoted'")
	db := open(t, dir)
	write(t, db, "x")
	socket := db.Pool.Config().ConnConfig.Host
	closeDB(t, db)
	if strings.HasPrefix(socket, dir) {
		t.Errorf("socket folder %s: its path is too long for a socket", socket)
	}
	if err := os.Remove(socket); err != nil {
		t.Errorf("the socket folder was not left empty: %v", err)
	}
}

func TestClusterRefuses(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, dir string, want ...string) {
		t.Helper()
		db, err := store.Open(t.Context(), store.Config{DataDir: dir})
		if err == nil {
			_ = db.Close()
			t.Fatal("opened")
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q does not say %q", err, w)
			}
		}
	}
	t.Run("a cluster of another major version", func(t *testing.T) {
		dir := storetest.DataDir(t)
		pg := filepath.Join(dir, "pg")
		if err := errors.Join(os.Mkdir(pg, 0o700), os.WriteFile(filepath.Join(pg, "PG_VERSION"), []byte("9\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, "PostgreSQL 9", "postgresql-9-postgis-3")
	})
	t.Run("a folder with someone's files", func(t *testing.T) {
		dir := storetest.DataDir(t)
		file := filepath.Join(dir, "pg", "photo.jpg")
		if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, filepath.Join(dir, "pg"))
		if _, err := os.Stat(file); err != nil {
			t.Errorf("the file is gone: %v", err)
		}
	})
	t.Run("a folder the server's user cannot reach", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root's server runs as another user")
		}
		closed := t.TempDir() // 0700 above it
		refused(t, filepath.Join(closed, "data"), "chmod o+x", "GENGHENG_DATA")
	})
	t.Run("a server that someone started by hand", func(t *testing.T) {
		dir := newCluster(t)
		server := startByHand(t, dir)
		refused(t, dir, fmt.Sprint(server.Process.Pid))
		if err := server.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the stranger's server is gone: %v", err)
		}
	})
}

// startByHand runs postgres on the data folder as an administrator would.
func startByHand(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	pg := filepath.Join(dir, "pg")
	info, err := os.Stat(pg)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	cmd := exec.Command(filepath.Join(store.FindInstallations(t.Context())[0].BinDir, "postgres"),
		"-D", pg, "-c", "listen_addresses=", "-k", filepath.Join(dir, "run"))
	cmd.Dir = "/"
	var out bytes.Buffer
	cmd.Stderr = &out
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGINT)
		_ = cmd.Wait()
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(pg, "postmaster.pid")); err == nil && strings.Contains(string(text), "ready") {
			return cmd
		}
		if time.Now().After(end) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("PostgreSQL did not start by hand: %s", out.String())
		}
	}
}
