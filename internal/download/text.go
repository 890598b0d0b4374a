package download

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"gengheng/internal/collection"
	"gengheng/internal/land"
)

// bounded is a file that grows to a bound only.
type bounded struct {
	w    io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errTooLarge
	}
	return b.w.Write(p)
}

// create makes a file, lets fill write into it, and closes it.
func (m *maker) create(path string, fill func(w *bufio.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make %s: %w", m.Format.Name, err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := bufio.NewWriterSize(&bounded{f, m.MaxBytes}, 1<<18)
	if err := fill(w); err != nil {
		return err
	}
	return w.Flush()
}

// csv writes the fields as text: UTF-8 with a mark, for Excel takes it for GBK
// otherwise.
func (m *maker) csv(ctx context.Context, path string) error {
	return m.create(path, func(b *bufio.Writer) error {
		if _, err := b.WriteString("\ufeff"); err != nil {
			return err
		}
		w := csv.NewWriter(b)
		w.UseCRLF = true
		cells := make([]string, len(m.columns))
		for i, c := range m.columns {
			cells[i] = harmless(c.name)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
		err := m.each(ctx, asText, nil, func(r *row) error {
			for i := range m.columns {
				cells[i] = string(r.values[i])
				if k := m.columns[i].kind; k != collection.Integer && k != collection.Number {
					cells[i] = harmless(cells[i])
				}
			}
			return w.Write(cells)
		})
		if err != nil {
			return err
		}
		w.Flush()
		return w.Error()
	})
}

// harmless puts an apostrophe before what Excel would run as a formula: it begins
// with = + - @, also in full width, or with a character that Excel skips before
// them. Numbers are not text and keep their sign.
func harmless(s string) string {
	if s == "" {
		return s
	}
	if strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}

// geoJSON writes a FeatureCollection (RFC 7946). Of another system than CRS84 it
// says so in the member crs of the older GeoJSON, which GDAL, QGIS and intake
// read. Features have no id: programs would make a column of it.
func (m *maker) geoJSON(ctx context.Context, path string) error {
	out := m.CRS
	out.Inverted, out.Digits = false, 4 // 0.1 mm, as stored
	if out.SRID == land.EPSGGeographic {
		out.Digits = 10 // 0.01 mm, so that areas are the same again
	}
	head := tree{{"type", "FeatureCollection"}, {"name", m.Collection.ID}, {"title", m.title()}}
	if m.CRS.URI != collection.CRS84.URI {
		head = append(head, member{"crs", map[string]any{"type": "name", "properties": map[string]string{"name": fmt.Sprintf("urn:ogc:def:crs:EPSG::%d", out.SRID)}}})
	}
	keys := make([][]byte, len(m.columns))
	for i, c := range m.columns {
		keys[i] = append(quoted(c.name), ':')
	}
	lead := []string{out.GeoJSON(m.Collection)}
	return m.create(path, func(w *bufio.Writer) error {
		w.Write(head.open())
		w.WriteString(`"features":[`)
		err := m.each(ctx, asText, lead, func(r *row) error {
			if m.features > 1 {
				w.WriteByte(',')
			}
			w.WriteString("\n{\"type\":\"Feature\",\"geometry\":")
			w.Write(r.values[0])
			w.WriteString(`,"properties":{`)
			for i := range m.columns {
				if i > 0 {
					w.WriteByte(',')
				}
				w.Write(keys[i])
				w.Write(jsonValue(m.columns[i].kind, r.values[len(lead)+i]))
			}
			_, err := w.WriteString("}}") // the writer keeps its first error
			return err
		})
		if err != nil {
			return err
		}
		_, err = w.WriteString("\n]}\n")
		return err
	})
}

// member and tree are an object whose members keep their order.
type member struct {
	name  string
	value any
}

type tree []member

// open is the object's text up to where a further member follows.
func (t tree) open() []byte {
	b := []byte{'{'}
	for _, m := range t {
		b = append(append(b, quoted(m.name)...), ':')
		b = append(append(b, quoted(m.value)...), ',')
	}
	return b
}

// quoted is a value as JSON; what is HTML in it is left alone.
func quoted(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte("null") // cannot be: text and maps of text only
	}
	return bytes.TrimSpace(b.Bytes())
}

// jsonValue is a value that was read as text.
func jsonValue(k collection.Kind, b []byte) []byte {
	switch {
	case b == nil:
		return []byte("null")
	case k == collection.Integer, k == collection.Object:
		return b
	case k == collection.Number:
		if v, err := strconv.ParseFloat(string(b), 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return []byte("null")
		}
		return b
	case k == collection.Boolean:
		return []byte(strconv.FormatBool(string(b) == "true"))
	}
	return quoted(string(b))
}
