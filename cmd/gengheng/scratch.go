package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// scratch is this process's folder for what it unpacks and makes on the way.
// Uploads hold people's land: what a killed process leaves must neither stay in
// the system's /tmp nor fill the disk.
type scratch struct {
	dir  string
	lock *os.File
}

// newScratch makes a folder below data, takes away those whose processes are
// gone, and makes it the place of temporary files.
func newScratch(data string) (*scratch, error) {
	base := filepath.Join(data, "tmp")
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	gate, err := os.OpenFile(filepath.Join(base, "gate"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	defer gate.Close()
	// held only here: nobody sweeps a folder that is made but not yet locked
	if err := unix.Flock(int(gate.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(base, "run-*"))
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	for _, dir := range old {
		if err := sweepScratch(dir); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	s := &scratch{dir: dir}
	if s.lock, err = lockScratch(dir); err != nil {
		return nil, err
	}
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return nil, errors.Join(fmt.Errorf("scratch folder: %w", err), s.close())
	}
	return s, nil
}

// lockScratch takes a folder's lock, which the kernel gives back with the
// process; unix.EWOULDBLOCK says that its process lives.
func lockScratch(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock scratch folder: %w", err)
	}
	return f, nil
}

func sweepScratch(dir string) error {
	lock, err := lockScratch(dir)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("sweep scratch folder: %w", err)
	}
	return nil
}

func (s *scratch) close() error {
	defer s.lock.Close()
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("scratch folder: %w", err)
	}
	return nil
}
