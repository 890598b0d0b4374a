package planning

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// packDir makes a gzipped tar of the plain files of a folder. The bytes depend
// on the files' names and contents alone: names in order, no times, no owners.
func packDir(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir) // in order of names
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	var buf bytes.Buffer
	zip, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	w := tar.NewWriter(zip)
	for _, e := range entries {
		if e.Type() != fs.FileMode(0) {
			return nil, fmt.Errorf("pack %s: %s is not a plain file", dir, e.Name())
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", dir, err)
		}
		err = w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: e.Name(), Mode: 0o644,
			Size: int64(len(data)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", e.Name(), err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	return buf.Bytes(), nil
}
