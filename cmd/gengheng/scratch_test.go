package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestScratch_SweepsOnlyWhatTheDeadLeft(t *testing.T) {
	t.Setenv("TMPDIR", os.TempDir()) // put back afterwards
	data := t.TempDir()
	living, err := newScratch(data)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(data, "tmp", "run-dead")
	if err := os.MkdirAll(filepath.Join(dead, "gengheng-job-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	second, err := newScratch(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("what a dead process left is still there (%v)", err)
	}
	if _, err := os.Stat(living.dir); err != nil {
		t.Errorf("a living process lost its folder: %v", err)
	}
	if os.TempDir() != second.dir {
		t.Errorf("temporary files go to %s", os.TempDir())
	}
	for _, s := range []*scratch{living, second} {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(data, "tmp", "run-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
