// Package geodatatest gives tests the reading child, built once.
package geodatatest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

var build = sync.OnceValues(buildChild)

// Child builds gengheng-gdal into the user's cache, sets GENGHENG_GDAL for the
// test's process unless it is set, and gives the path. The test fails if
// libgdal's headers are missing: reading files is tested with the real GDAL.
func Child(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("GENGHENG_GDAL"); path != "" {
		return path
	}
	path, err := build()
	if err != nil {
		t.Fatalf("build gengheng-gdal (needs libgdal-dev and a C compiler): %v", err)
	}
	return path
}

// buildChild leaves the work to go build, which does nothing when nothing has
// changed. A lock keeps test binaries that run side by side apart.
func buildChild() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "gengheng-test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gengheng-gdal")
	fresh := path + ".new"
	cmd := exec.Command("go", "build", "-o", fresh, "gengheng/cmd/gengheng-gdal")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", err
	}
	// By rename, for another test may be running the old one.
	if err := os.Rename(fresh, path); err != nil {
		return "", err
	}
	return path, os.Setenv("GENGHENG_GDAL", path)
}
