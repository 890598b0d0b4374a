package geodata

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/geodata/frame"
)

// Driver names a format that Write can produce.
type Driver string

const (
	// ShapefileDriver writes one .shp set per layer into the folder Path.
	ShapefileDriver Driver = "ESRI Shapefile"
	// FileGDBDriver writes the file geodatabase folder Path (ending .gdb).
	FileGDBDriver Driver = "OpenFileGDB"
	// GPKGDriver writes the GeoPackage file Path.
	GPKGDriver Driver = "GPKG"
	// GeoJSONDriver writes the GeoJSON file Path (one layer).
	GeoJSONDriver Driver = "GeoJSON"
	// FlatGeobufDriver writes the FlatGeobuf file Path (one layer), in the order of
	// its spatial index. Rows without geometry are left out by libgdal in silence:
	// give it none.
	FlatGeobufDriver Driver = "FlatGeobuf"
)

// WriteRequest says what Write is to produce. The data are trusted: they come
// from this program, not from strangers.
type WriteRequest struct {
	// Path must not exist yet, except the folder of a shapefile request.
	Path   string
	Driver Driver
	// Encoding of names and text of a shapefile, "GBK" or "UTF-8" (default);
	// a .cpg states it. The other formats are UTF-8 by definition.
	Encoding string
	Layers   []WriteLayer
	// Child is the path of gengheng-gdal, as in Options.
	Child string
	// MaxBytes bounds every file that is written; 0: as the system has it.
	MaxBytes uint64
}

// WriteLayer is one layer to write.
type WriteLayer struct {
	Name string
	// Alias 别名 is kept by geodatabases and GeoPackage.
	Alias  string
	Fields []Field
	// EPSG is the CRS of the geometries, which are written as they are.
	EPSG int
	// Features are written in order; Row and Issues are ignored. Values are
	// aligned with Fields.
	Features iter.Seq2[Feature, error]
}

// Write produces a file in one of the formats. The same request makes the same
// bytes. On an error what was written is not usable and should be removed.
func Write(ctx context.Context, req WriteRequest) error {
	if req.Driver == ShapefileDriver {
		if err := os.MkdirAll(req.Path, 0o755); err != nil {
			return err
		}
	} else if _, err := os.Lstat(req.Path); err == nil {
		return fmt.Errorf("write %s: it exists already", req.Path)
	}
	if req.Encoding == "" {
		req.Encoding = "UTF-8"
	}
	if req.Encoding != "UTF-8" && req.Encoding != "GBK" {
		return fmt.Errorf("write %s: encoding %q is neither GBK nor UTF-8", req.Path, req.Encoding)
	}
	if err := writeFile(ctx, req); err != nil {
		return fmt.Errorf("write %s: %w", req.Path, err)
	}
	return nil
}

func writeFile(ctx context.Context, req WriteRequest) (err error) {
	path, err := filepath.Abs(req.Path)
	if err != nil {
		return err
	}
	c, err := startChild(ctx, Options{Child: req.Child}, req.Path, "", frame.Request{
		Op: frame.OpWrite, Driver: string(req.Driver), Path: path, Encoding: req.Encoding, FileSize: req.MaxBytes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return c.feed(func(w *frame.Writer) error {
		for _, l := range req.Layers {
			if err := writeLayer(w, l); err != nil {
				return fmt.Errorf("layer %s: %w", l.Name, err)
			}
		}
		return nil
	})
}

// feed sends what send produces and the end, and waits for the child's own
// end. If the child breaks off, its reason is the error, not the broken pipe.
func (c *child) feed(send func(w *frame.Writer) error) error {
	out := bufio.NewWriterSize(c.in, 1<<18)
	w := frame.ContinueWriter(out)
	err := send(w)
	var gone *brokenPipe
	if err == nil {
		err = asPipe(w.WriteJSON(frame.KindEnd, frame.Summary{}))
	}
	if err == nil {
		err = asPipe(out.Flush())
	}
	if err != nil && !errors.As(err, &gone) {
		return err // the data's own fault; close stops the child
	}
	_ = c.in.Close() // a child that has gone explains itself below
	for {
		kind, _, err := c.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if kind != frame.KindDescription {
			return fmt.Errorf("unexpected frame %q", kind)
		}
	}
}

// brokenPipe marks errors of writing to the child.
type brokenPipe struct{ err error }

func (e *brokenPipe) Error() string { return e.err.Error() }
func (e *brokenPipe) Unwrap() error { return e.err }

func asPipe(err error) error {
	if err == nil {
		return nil
	}
	return &brokenPipe{err}
}

var frameTypes = map[FieldType]string{
	FieldString: frame.TypeString, FieldInt: frame.TypeInt, FieldFloat: frame.TypeFloat, FieldDate: frame.TypeDate,
}

func writeLayer(w *frame.Writer, l WriteLayer) error {
	spec := frame.Layer{Name: l.Name, Alias: l.Alias, EPSG: l.EPSG}
	for _, f := range l.Fields {
		spec.Fields = append(spec.Fields, frame.Field{Name: f.Name, Type: frameTypes[f.Type], Width: f.Width, Precision: f.Precision, Alias: f.Alias})
	}
	if err := asPipe(w.WriteJSON(frame.KindLayer, spec)); err != nil {
		return err
	}
	b := batchWriter{w: w, fields: l.Fields}
	for f, err := range l.Features {
		if err != nil {
			return err
		}
		if err := b.add(f); err != nil {
			return err
		}
	}
	return b.flush()
}

// batchWriter collects features into frames.
type batchWriter struct {
	w      *frame.Writer
	fields []Field
	buf    []byte
	count  uint32
	row    int
	values []frame.Value // of the row at hand
}

func (b *batchWriter) add(f Feature) error {
	b.row++
	if len(f.Values) != len(b.fields) {
		return fmt.Errorf("row %d has %d values for %d fields", b.row, len(f.Values), len(b.fields))
	}
	if cap(b.values) < len(f.Values) {
		b.values = make([]frame.Value, len(f.Values))
	}
	out := frame.Feature{WKB: f.WKB, Values: b.values[:len(f.Values)]}
	if out.WKB == nil && len(f.Geom) > 0 {
		g, err := wkb.Marshal(f.Geom, binary.LittleEndian)
		if err != nil {
			return fmt.Errorf("row %d: %w", b.row, err)
		}
		out.WKB = g
	}
	for i, v := range f.Values {
		fv, err := frameValue(v)
		if err != nil {
			return fmt.Errorf("row %d, field %s: %w", b.row, b.fields[i].Name, err)
		}
		out.Values[i] = fv
	}
	b.buf = frame.AppendFeature(b.buf, &out)
	b.count++
	if len(b.buf) > 1<<20 {
		return b.flush()
	}
	return nil
}

func (b *batchWriter) flush() error {
	if b.count == 0 {
		return nil
	}
	var head [4]byte
	binary.LittleEndian.PutUint32(head[:], b.count)
	err := b.w.WriteParts(frame.KindFeatures, head[:], b.buf)
	b.buf, b.count = b.buf[:0], 0
	return asPipe(err)
}

func frameValue(v any) (frame.Value, error) {
	switch v := v.(type) {
	case nil:
		return frame.Value{}, nil
	case string:
		return frame.Value{Tag: frame.TagString, Bytes: []byte(v)}, nil
	case int:
		return frame.Value{Tag: frame.TagInt, Int: int64(v)}, nil
	case int64:
		return frame.Value{Tag: frame.TagInt, Int: v}, nil
	case float64:
		return frame.Value{Tag: frame.TagFloat, Float: v}, nil
	case time.Time:
		v = v.UTC()
		return frame.Value{Tag: frame.TagDate, Date: frame.Date{
			Year: int16(v.Year()), Month: uint8(v.Month()), Day: uint8(v.Day()),
			Hour: uint8(v.Hour()), Minute: uint8(v.Minute()), Second: float32(v.Second())}}, nil
	}
	return frame.Value{}, fmt.Errorf("a %T cannot be written", v)
}
