package tiles

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// shelf keeps overviews of the survey and of constraint layers as files, so that a
// service that was started anew need not read every parcel before its first tile:
// their versions never change. A file is named by all that its overview depends on,
// and begins with the digest of the rest: what was cut short or altered is made again.
// "" is no shelf.
type shelf string

// shelfVersion is part of the names: another way of drawing overviews is another one.
const shelfVersion = "1 "

// maxShelf are how many overviews are kept; each has some hundred kilobytes.
const maxShelf = 512

// filed is an overview as it is written.
type filed struct {
	X, Y, W, H int
	Cells      []uint16
	Groups     []string
	Sampled    bool
}

func (s shelf) path(key string) string {
	sum := sha256.Sum256([]byte(shelfVersion + key))
	return filepath.Join(string(s), hex.EncodeToString(sum[:])+".overview")
}

// get finds an overview; nil: there is none that can be used.
func (s shelf) get(key string) *overview {
	if s == "" {
		return nil
	}
	path := s.path(key)
	raw, err := os.ReadFile(path)
	if err != nil || len(raw) < sha256.Size {
		return nil
	}
	if sum := sha256.Sum256(raw[sha256.Size:]); !bytes.Equal(sum[:], raw[:sha256.Size]) {
		return nil
	}
	z, err := gzip.NewReader(bytes.NewReader(raw[sha256.Size:]))
	if err != nil {
		return nil
	}
	var f filed
	if err := gob.NewDecoder(z).Decode(&f); err != nil || f.W <= 0 || f.H <= 0 || f.W*f.H > maxCells || len(f.Cells) != f.W*f.H {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // what is used stays
	return &overview{x: f.X, y: f.Y, w: f.W, h: f.H, cells: f.Cells, groups: f.Groups, sampled: f.Sampled}
}

// put files an overview, whole or not at all.
func (s shelf) put(key string, o *overview) error {
	if s == "" {
		return nil
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		err = gob.NewEncoder(z).Encode(filed{o.x, o.y, o.w, o.h, o.cells, o.groups, o.sampled})
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return fmt.Errorf("pack an overview: %w", err)
	}
	if err := os.MkdirAll(string(s), 0o700); err != nil {
		return fmt.Errorf("keep an overview: %w", err)
	}
	tmp, err := os.CreateTemp(string(s), "making-")
	if err != nil {
		return fmt.Errorf("keep an overview: %w", err)
	}
	defer os.Remove(tmp.Name())
	sum := sha256.Sum256(b.Bytes())
	_, err = io.Copy(tmp, io.MultiReader(bytes.NewReader(sum[:]), &b))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), s.path(key))
	}
	if err != nil {
		return fmt.Errorf("keep an overview: %w", err)
	}
	return s.sweep()
}

// sweep leaves the overviews that were used last.
func (s shelf) sweep() error {
	names, err := filepath.Glob(filepath.Join(string(s), "*.overview"))
	if err != nil || len(names) <= maxShelf {
		return err
	}
	used := map[string]time.Time{}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			used[name] = info.ModTime()
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(used[b].Compare(used[a]), cmp.Compare(a, b)) })
	for _, name := range names[maxShelf:] {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep overviews: %w", err)
		}
	}
	return nil
}
