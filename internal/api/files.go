package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maxUpload is the largest file a client may send, in bytes.
const maxUpload = 200 << 20

// Files keeps uploaded files under the SHA-256 of their content: the same file
// sent twice is kept once, and a file is there whole or not at all.
type Files struct{ dir string }

// NewFiles keeps files below dir, which it makes.
func NewFiles(dir string) (*Files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("upload folder: %w", err)
	}
	// what killed processes left; a living upload is never so old
	for pattern, age := range map[string]time.Duration{"incoming-*": 24 * time.Hour, partialPrefix + "*": unfinishedFor + time.Hour} {
		if err := removeOlder(filepath.Join(dir, pattern), age); err != nil {
			return nil, fmt.Errorf("upload folder: %w", err)
		}
	}
	return &Files{dir: dir}, nil
}

func removeOlder(pattern string, age time.Duration) error {
	left, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > age {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// Path is where the content with this SHA-256 (lower-case hex) lies.
func (f *Files) Path(sum string) string { return filepath.Join(f.dir, sum[:2], sum) }

// errEmpty says that there was no content.
var errEmpty = errors.New("upload empty")

// scratch writes what r gives into a file that the caller removes.
func (f *Files) scratch(r io.Reader) (path string, err error) {
	tmp, err := os.CreateTemp(f.dir, "incoming-*")
	if err != nil {
		return "", fmt.Errorf("store upload: %w", err)
	}
	defer func() {
		if cerr := tmp.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	size, err := io.Copy(tmp, io.LimitReader(r, maxUpload+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("store upload: %w", err)
	case size > maxUpload:
		return "", errTooLarge
	case size == 0:
		return "", errEmpty
	}
	return tmp.Name(), nil
}

// errTooLarge says that the content was over the limit.
var errTooLarge = errors.New("upload too large")

// put stores what r gives and returns its SHA-256 and size.
func (f *Files) put(r io.Reader) (sum string, size int64, err error) {
	tmp, err := os.CreateTemp(f.dir, "incoming-*")
	if err != nil {
		return "", 0, fmt.Errorf("store upload: %w", err)
	}
	defer func() {
		tmp.Close()
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(tmp, h), io.LimitReader(r, maxUpload+1))
	if err != nil {
		return "", 0, fmt.Errorf("store upload: %w", err)
	}
	if size > maxUpload {
		return "", 0, errTooLarge
	}
	sum = hex.EncodeToString(h.Sum(nil))
	if err = tmp.Sync(); err != nil {
		return "", 0, fmt.Errorf("store upload: %w", err)
	}
	if err = os.MkdirAll(filepath.Dir(f.Path(sum)), 0o700); err != nil {
		return "", 0, fmt.Errorf("store upload: %w", err)
	}
	if err = os.Rename(tmp.Name(), f.Path(sum)); err != nil {
		return "", 0, fmt.Errorf("store upload: %w", err)
	}
	return sum, size, nil
}
