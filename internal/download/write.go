package download

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"gengheng/internal/collection"
	"gengheng/internal/geodata"
)

var errTooLarge = errors.New("the file grows beyond its bound")

func unprocessable(kind, detail string) *collection.Problem {
	return &collection.Problem{Status: http.StatusUnprocessableEntity, Kind: "download-" + kind, Title: "无法写成这种文件 · Cannot be written so", Detail: detail}
}

// Write makes the file in the folder dir, which is the request's own and empty.
// What the caller is meant to see is a *collection.Problem.
func (r Request) Write(ctx context.Context, q collection.Querier, dir string) (File, error) {
	if r.CRS.SRID == 0 {
		r.CRS = r.defaultCRS()
	}
	if r.Encoding == "" {
		r.Encoding = "UTF-8"
	}
	m := &maker{Request: r, q: q, dir: dir, args: append([]any{}, r.Args...), cut: map[string]int{}}
	if err := m.choose(ctx); err != nil {
		return File{}, err
	}
	path, err := m.write(ctx)
	if err != nil {
		return File{}, m.explain(err)
	}
	out := File{Path: path, Name: r.fileName(), Plain: r.plainName(), Media: r.Format.Media, Features: m.features}
	if !r.Format.text {
		out.EPSG = r.CRS.SRID
	}
	return out, nil
}

// defaultCRS is the plane in which everything is stored; GeoJSON is in CRS84 by
// its standard.
func (r *Request) defaultCRS() collection.CRS {
	if r.Format.Name == "geojson" {
		return collection.CRS84
	}
	return collection.CRS{SRID: r.Collection.County.SRID}
}

func (m *maker) write(ctx context.Context) (string, error) {
	path := filepath.Join(m.dir, "file"+m.Format.Extension)
	switch m.Format.Name {
	case "csv":
		return path, m.csv(ctx, path)
	case "xlsx":
		return path, m.workbook(ctx, path)
	case "geojson":
		return path, m.geoJSON(ctx, path)
	}
	if !m.Format.packed {
		return path, m.vector(ctx, path)
	}
	parts := filepath.Join(m.dir, "parts")
	if err := os.Mkdir(parts, 0o700); err != nil {
		return "", fmt.Errorf("make %s: %w", m.Format.Name, err)
	}
	to := parts
	if m.Format.driver == geodata.FileGDBDriver {
		to = filepath.Join(parts, m.Collection.ID+".gdb")
	}
	if err := m.vector(ctx, to); err != nil {
		return "", err
	}
	if m.Format.driver == geodata.ShapefileDriver {
		if err := m.fieldList(filepath.Join(parts, "字段说明.csv")); err != nil {
			return "", err
		}
	}
	return path, m.pack(path, parts)
}

// explain tells a file that grew too large from a fault of ours.
func (m *maker) explain(err error) error {
	var file *geodata.FileError
	if errors.As(err, &file) && file.Code == geodata.ErrChildMissing {
		return &collection.Problem{Status: http.StatusServiceUnavailable, Kind: "download-program", Title: "暂不能下载 · Try again later", Detail: file.MessageZH + "。 " + file.MessageEN + "."}
	}
	large := errors.Is(err, errTooLarge)
	_ = filepath.WalkDir(m.dir, func(_ string, d fs.DirEntry, werr error) error { // what cannot be looked at is not too large
		if werr == nil && d.Type().IsRegular() {
			if info, ierr := d.Info(); ierr == nil && info.Size() >= m.MaxBytes-1<<16 {
				large = true
			}
		}
		return nil
	})
	if !large {
		return err
	}
	return unprocessable("too-large", fmt.Sprintf("文件超过 %d MB，已停止，未生成文件。请用 bbox、filter 分几次下载，或用 properties 少要几个字段。 The file grows beyond its bound; ask for less.", m.MaxBytes>>20))
}

// fieldList says beside a shapefile, which has ten bytes for a field's name and no
// Chinese titles, what its fields are, and what had to be cut.
func (m *maker) fieldList(path string) error {
	names := m.names()
	return m.create(path, func(b *bufio.Writer) error {
		if _, err := b.WriteString("\ufeff"); err != nil {
			return err
		}
		w := csv.NewWriter(b)
		w.UseCRLF = true
		rows := [][]string{{"文件中的字段", "字段", "中文名", "单位", "截短的值的个数"}}
		for i, c := range m.columns {
			rows = append(rows, []string{harmless(names[i]), harmless(c.name), harmless(c.title), unitName(c), strconv.Itoa(m.cut[c.name])})
		}
		rows = append(rows, []string{m.title(), m.Collection.County.Name, "", "", ""})
		if err := w.WriteAll(rows); err != nil {
			return err
		}
		return w.Error()
	})
}

// pack puts the files below a folder into a zip and takes them away, one by one,
// so that both never stand on the disk as a whole. The same files make the same
// bytes.
func (m *maker) pack(path, folder string) error {
	return m.create(path, func(b *bufio.Writer) error {
		z := zip.NewWriter(b)
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
		err := filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(folder, p)
			if err != nil {
				return err
			}
			to, err := z.CreateHeader(&zip.FileHeader{Name: filepath.ToSlash(name), Method: zip.Deflate})
			if err != nil {
				return err
			}
			if err := copyFile(to, p); err != nil {
				return err
			}
			return os.Remove(p)
		})
		if err != nil {
			return fmt.Errorf("pack %s: %w", m.Format.Name, err)
		}
		return z.Close()
	})
}

func copyFile(to io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, f)
	return err
}
