package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errLocked says that another process holds a file lock.
var errLocked = errors.New("locked by another process")

// fileLock is a lock on an open file. The kernel gives it back when the last
// process that has this very opening of the file is gone, even by kill -9; a
// child that inherits the opening holds the lock too.
type fileLock struct{ file *os.File }

// tryLockFile locks path (made if need be) for how = unix.LOCK_SH or LOCK_EX,
// or fails with errLocked at once.
func tryLockFile(path string, how int) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &fileLock{f}, nil
}

// lockFile waits for the lock until ctx ends. It asks again and again because
// flock(2) itself cannot be cancelled.
func lockFile(ctx context.Context, path string, how int) (*fileLock, error) {
	for {
		l, err := tryLockFile(path, how)
		if !errors.Is(err, errLocked) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", path, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *fileLock) unlock() {
	if l != nil {
		_ = l.file.Close()
	}
}
