package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// serverUser is who the private server runs as: this user, or, since
// PostgreSQL refuses to run as root, an unprivileged one.
type serverUser struct {
	name     string
	uid, gid int
	switched bool // differs from this process's user
}

func findServerUser() (serverUser, error) {
	if uid := os.Geteuid(); uid != 0 {
		name := strconv.Itoa(uid) // a container's user may have no name
		if u, err := user.LookupId(name); err == nil {
			name = u.Username
		}
		return serverUser{name: name, uid: uid, gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return serverUser{name: name, uid: uid, gid: gid, switched: true}, nil
		}
	}
	return serverUser{}, errors.New("PostgreSQL 不能以 root 运行，且系统没有 postgres 或 nobody 用户 · PostgreSQL refuses to run as root and there is no user postgres or nobody: run as an ordinary user or set DATABASE_URL")
}

// command makes cmd run as the server's user, in a session of its own so that
// a Ctrl-C meant for the program does not reach the server first.
func (u serverUser) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if u.switched {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}
	}
	return cmd
}

// ownDir makes dir a folder of the server's user that nobody else may enter.
// A folder that someone else owns is refused, not taken over: in a shared place
// such as /tmp it may be a trap.
func (u serverUser) ownDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	switch {
	case err == nil && u.switched:
		if err := os.Chown(dir, u.uid, u.gid); err != nil {
			return fmt.Errorf("give %s to user %s: %w", dir, u.name, err)
		}
	case err != nil && !errors.Is(err, os.ErrExist):
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != u.uid {
		return fmt.Errorf("%s 不是用户 %s 的目录，请移走后再试 · %s is not a folder owned by user %s: move it away and try again", dir, u.name, dir, u.name)
	}
	if info.Mode().Perm() != 0o700 {
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// checkReach reports, with the command that mends it, a folder on the way to
// dir that the server's user may not pass.
func (u serverUser) checkReach(dir string) error {
	if !u.switched {
		return nil
	}
	enters := func(dir string) bool { return u.command("/bin/sh", "-c", `cd "$1"`, "sh", dir).Run() == nil }
	if enters(dir) {
		return nil
	}
	if !enters("/") {
		return fmt.Errorf("不能以用户 %s 启动进程；请以普通用户运行，或设 DATABASE_URL · may not start a process as user %s: run as an ordinary user, or set DATABASE_URL", u.name, u.name)
	}
	blocked := dir
	for !enters(filepath.Dir(blocked)) {
		blocked = filepath.Dir(blocked)
	}
	return fmt.Errorf("以 root 运行时数据库由用户 %s 运行，但它进不了 %s；请换数据目录（例如 GENGHENG_DATA=/var/lib/gengheng）或执行 chmod o+x %s · the server runs as user %s, who may not enter %s: choose another data folder (e.g. GENGHENG_DATA=/var/lib/gengheng) or run: chmod o+x %s",
		u.name, blocked, blocked, u.name, blocked, blocked)
}
