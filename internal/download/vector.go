package download

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"

	"gengheng/internal/collection"
	"gengheng/internal/geodata"
)

// dbfText is the most bytes that a text column of a shapefile holds.
const dbfText = 254

// vector writes by libgdal: GeoPackage, shapefile, geodatabase, FlatGeobuf.
func (m *maker) vector(ctx context.Context, path string) error {
	if m.Format.driver != geodata.GPKGDriver {
		hollow, err := m.measure(ctx)
		if err != nil {
			return err
		}
		if hollow && m.Format.driver == geodata.FlatGeobufDriver {
			return unprocessable("geometry", "其中有的行没有图形（如缺图层、坡度的发现），FlatGeobuf 放不下它们。请选 f=gpkg 或 f=geojson，或用 bbox 只取有图形的。 Some rows have no geometry, which a FlatGeobuf cannot hold.")
		}
	}
	layer := geodata.WriteLayer{Name: m.Collection.ID, Alias: m.title(), EPSG: m.CRS.SRID, Features: m.stream(ctx)}
	names := m.names()
	for i, c := range m.columns {
		layer.Fields = append(layer.Fields, m.field(c, names[i]))
	}
	return geodata.Write(ctx, geodata.WriteRequest{Path: path, Driver: m.Format.driver, Encoding: m.Encoding, Child: m.Child,
		MaxBytes: uint64(m.MaxBytes), Layers: []geodata.WriteLayer{layer}})
}

// field is a column as the format declares it.
func (m *maker) field(c column, name string) geodata.Field {
	f := geodata.Field{Name: name, Alias: c.title, Type: geodata.FieldString}
	narrow := m.Format.driver == geodata.ShapefileDriver
	switch c.kind {
	case collection.Integer, collection.Boolean:
		f.Type, f.Width = geodata.FieldInt, c.digits
		if c.kind == collection.Boolean {
			f.Width = 1
		}
	case collection.Number:
		f.Type = geodata.FieldFloat
		if narrow { // 15 significant digits are what a float64 has
			f.Precision = min(c.decimals, 15)
			f.Width = min(max(c.digits, 1)+1+f.Precision+1, 32)
		}
	default:
		if narrow {
			f.Width = max(1, min(c.bytes, dbfText))
		}
	}
	return f
}

// stream gives the rows as features. The values are used before the next row is
// read.
func (m *maker) stream(ctx context.Context) iter.Seq2[geodata.Feature, error] {
	geometry := m.Collection.Geom
	if m.CRS.SRID != m.Collection.County.SRID {
		geometry = fmt.Sprintf("ST_Transform(%s, %d)", geometry, m.CRS.SRID)
	}
	lead := []string{fmt.Sprintf("ST_AsBinary(%s, 'NDR')", geometry)}
	return func(yield func(geodata.Feature, error) bool) {
		stopped := errors.New("stopped")
		values := make([]any, len(m.columns))
		fit := m.fitter()
		err := m.each(ctx, asTyped, lead, func(r *row) error {
			for i := range m.columns {
				v, err := r.typed(&m.columns[i], i+1)
				if err != nil {
					return fmt.Errorf("read %s, field %s: %w", m.Collection.ID, m.columns[i].name, err)
				}
				if s, ok := v.(string); ok && fit != nil {
					if v, err = fit(&m.columns[i], s); err != nil {
						return err
					}
				}
				values[i] = v
			}
			if !yield(geodata.Feature{WKB: r.values[0], Values: values}, nil) {
				return stopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) {
			yield(geodata.Feature{}, err)
		}
	}
}

// fitter brings a text to what a shapefile holds; nil for the other formats. What
// is too long is cut and counted; what GBK has no character for is refused, for a
// question mark in its place would be another name.
func (m *maker) fitter() func(c *column, s string) (string, error) {
	if m.Format.driver != geodata.ShapefileDriver {
		return nil
	}
	var gbk *encoding.Encoder
	if m.Encoding == "GBK" {
		gbk = simplifiedchinese.GBK.NewEncoder()
	}
	return func(c *column, s string) (string, error) {
		size := len(s)
		if gbk != nil && !ascii(s) {
			// GBK has the sign of the square metre as one character only.
			s = strings.ReplaceAll(s, "m²", "㎡")
			encoded, err := gbk.String(s)
			if err != nil {
				return "", unprocessable("encoding", fmt.Sprintf("第 %d 行字段 %s 的“%s”含有 GBK 没有的字，写进去就成了别的字。请用 encoding=UTF-8，或选 GeoPackage（f=gpkg）。 Row %d holds a character that GBK lacks; use UTF-8.",
					m.features, c.name, collection.Excerpt(s), m.features))
			}
			size = len(encoded)
		}
		if size <= dbfText {
			return s, nil
		}
		m.cut[c.name]++
		return shorten(s, dbfText, gbk != nil), nil
	}
}

// shorten cuts a text to so many bytes of its encoding, between characters.
func shorten(s string, size int, gbk bool) string {
	n := 0
	for i, r := range s {
		w := utf8.RuneLen(r)
		if gbk && w > 1 {
			w = 2
		}
		if n += w; n > size {
			return s[:i]
		}
	}
	return s
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
