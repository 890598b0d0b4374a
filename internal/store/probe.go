package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// DataDirReport is what CheckDataDir found.
type DataDirReport struct {
	// Dir is the folder asked about, absolute.
	Dir string
	// Exists says whether it is there already; if not, Open would make it.
	Exists bool
	// FreeMiB is the room on its file system for this user.
	FreeMiB int64
	// ServerUser is who the private server would run as.
	ServerUser string
}

// CheckDataDir finds out, without changing anything, whether the private
// cluster could live in dir ("" means DefaultDataDir). The error says what
// stands in the way and what to do.
func CheckDataDir(dir string) (DataDirReport, error) {
	var err error
	if dir == "" {
		if dir, err = DefaultDataDir(); err != nil {
			return DataDirReport{}, err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return DataDirReport{}, err
	}
	r := DataDirReport{Dir: dir}
	user, err := findServerUser()
	if err != nil {
		return r, err
	}
	r.ServerUser = user.name
	at := dir
	info, err := os.Stat(at)
	for errors.Is(err, os.ErrNotExist) && at != "/" {
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	if err != nil {
		return r, fmt.Errorf("数据目录无法访问 · the data folder cannot be reached: %w", err)
	}
	r.Exists = at == dir
	if !info.IsDir() {
		return r, fmt.Errorf("%s 不是目录，请换一个数据目录（GENGHENG_DATA） · %s is not a folder: choose another data folder (GENGHENG_DATA)", at, at)
	}
	if unix.Access(at, unix.W_OK|unix.X_OK) != nil {
		return r, fmt.Errorf("%s 不可写，请换一个数据目录（GENGHENG_DATA）或更改权限 · %s is not writable: choose another data folder (GENGHENG_DATA) or change its permissions", at, at)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(at, &fs); err != nil {
		return r, fmt.Errorf("measure the room in %s: %w", at, err)
	}
	r.FreeMiB = int64(fs.Bavail) * fs.Bsize >> 20
	return r, user.checkReach(at)
}

// MemoryMiB is the memory of this machine, or of the container if that is
// smaller, by which the private server is tuned.
func MemoryMiB() int64 { return thisMachine().memory }
