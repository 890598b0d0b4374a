package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// What may stand in the way of going on with an upload.
var (
	errNoPartial = errors.New("no such partial upload")
	errBusy      = errors.New("partial upload is being written")
	errBeyond    = errors.New("more content than announced")
	errCut       = errors.New("content cut short")
)

// partial is an upload of which some has arrived, held by one writer at a time: the
// kernel gives the lock back however a process ends.
type partial struct {
	file *os.File
	// offset is how much has arrived, in bytes.
	offset int64
}

const partialPrefix = "partial-"

func (f *Files) partialPath(id uuid.UUID) string {
	return filepath.Join(f.dir, partialPrefix+id.String())
}

// beginPartial makes the empty file that content will go to.
func (f *Files) beginPartial(id uuid.UUID) error {
	file, err := os.OpenFile(f.partialPath(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return fmt.Errorf("begin upload: %w", err)
	}
	return nil
}

// dropPartial removes what has arrived. A writer that is still at it fails later.
func (f *Files) dropPartial(id uuid.UUID) error {
	if err := os.Remove(f.partialPath(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("drop upload: %w", err)
	}
	return nil
}

// arrived is how much of an upload is there, in bytes.
func (f *Files) arrived(id uuid.UUID) (int64, error) {
	info, err := os.Stat(f.partialPath(id))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return 0, errNoPartial
	case err != nil:
		return 0, fmt.Errorf("partial upload: %w", err)
	}
	return info.Size(), nil
}

// openPartial takes an upload for writing: errBusy while another has it. The caller
// closes it.
func (f *Files) openPartial(id uuid.UUID) (*partial, error) {
	file, err := os.OpenFile(f.partialPath(id), os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errNoPartial
	case err != nil:
		return nil, fmt.Errorf("partial upload: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	var info os.FileInfo
	if err == nil {
		info, err = file.Stat()
	} else if errors.Is(err, unix.EWOULDBLOCK) {
		err = errBusy
	}
	if err != nil {
		file.Close()
		if errors.Is(err, errBusy) {
			return nil, err
		}
		return nil, fmt.Errorf("partial upload: %w", err)
	}
	return &partial{file: file, offset: info.Size()}, nil
}

func (p *partial) close() { p.file.Close() }

// write appends what r gives, up to size bytes in all. What arrived before r failed
// is kept; content beyond size is errBeyond, and then nothing of it is.
func (p *partial) write(r io.Reader, size int64) error {
	began := p.offset
	n, err := io.Copy(io.NewOffsetWriter(p.file, began), io.LimitReader(r, size-began+1))
	p.offset = began + n
	if p.offset > size {
		p.offset = began
		if err := p.file.Truncate(began); err != nil {
			return fmt.Errorf("partial upload: %w", err)
		}
		return errBeyond
	}
	if serr := p.file.Sync(); serr != nil {
		return fmt.Errorf("partial upload: %w", serr)
	}
	if err != nil {
		return fmt.Errorf("partial upload: %w", err)
	}
	return nil
}

// sum is the SHA-256 of all that has arrived, in lower-case hex.
func (p *partial) sum() (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(p.file, 0, p.offset)); err != nil {
		return "", fmt.Errorf("partial upload: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// keepPartial puts a complete upload where its content is looked for. The partial
// file stays until the caller drops it, so that a failure in between loses nothing.
func (f *Files) keepPartial(p *partial, sum string) error {
	if err := os.MkdirAll(filepath.Dir(f.Path(sum)), 0o700); err != nil {
		return fmt.Errorf("store upload: %w", err)
	}
	err := os.Link(p.file.Name(), f.Path(sum))
	switch {
	case errors.Is(err, os.ErrNotExist): // dropped meanwhile
		return errNoPartial
	case err != nil && !errors.Is(err, os.ErrExist):
		return fmt.Errorf("store upload: %w", err)
	}
	return nil
}
