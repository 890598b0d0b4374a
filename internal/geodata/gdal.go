package geodata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata/frame"
)

// askChild runs a describing request and gives its answer.
func askChild(ctx context.Context, opts Options, at namedPath, req frame.Request) (d frame.Description, warnings []string, err error) {
	c, err := startChild(ctx, opts, at.name, at.path, req)
	if err != nil {
		return d, nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for {
		kind, payload, err := c.next()
		if errors.Is(err, io.EOF) {
			return d, c.warnings, nil
		}
		if err != nil {
			return d, nil, err
		}
		if kind != frame.KindDescription {
			return d, nil, fmt.Errorf("%s: unexpected frame %q", at.name, kind)
		}
		if err := json.Unmarshal(payload, &d); err != nil {
			return d, nil, fmt.Errorf("%s: %w", at.name, err)
		}
	}
}

// gdalLayers describes a file that the child opens.
func (s *Source) gdalLayers(ctx context.Context, g gdalFile) ([]*Layer, error) {
	d, warnings, err := askChild(ctx, s.opts, g.namedPath, frame.Request{Op: frame.OpDescribe, Driver: g.driver})
	if err != nil {
		return nil, err
	}
	var layers []*Layer
	for i, info := range d.Layers {
		l := &Layer{File: g.name, Name: info.Name, Alias: info.Alias, Geometry: info.Geometry, Count: info.Count, Encoding: charsetUTF8.name}
		if g.driver == "GeoJSON" {
			// libgdal names it after the file it was given.
			l.Name = strings.TrimSuffix(path.Base(g.name), path.Ext(g.name))
		}
		for _, w := range warnings {
			l.notices = append(l.notices, driverNotice(w))
		}
		l.setSchema(info.Fields)
		if polygonal(info.Geometry) {
			l.settle(declaration{file: g.name, layer: l.Name, wkt: info.WKT, epsg: info.EPSG, extent: boundOf(info)}, s.opts)
		} else {
			l.problem = fileError(ErrGeometryType, g.name,
				fmt.Sprintf("图层 %s 的图形类型是 %s，需要面图层", l.Name, info.Geometry), fmt.Sprintf("layer %s is of type %s; polygons are needed", l.Name, info.Geometry))
		}
		request := frame.Request{Op: frame.OpRead, Driver: g.driver, Layer: i}
		l.read = func(ctx context.Context, yield func(*raw) error) error {
			return l.readChild(ctx, s.opts, g.namedPath, request, info.Fields, yield)
		}
		layers = append(layers, l)
	}
	return layers, nil
}

func driverNotice(text string) Notice {
	return Notice{NoticeDriver, "读取程序提示：" + text, "the reading program says: " + text}
}

// polygonal: a layer of unknown or mixed type may hold polygons; its rows are
// judged one by one.
func polygonal(geometry string) bool {
	for _, part := range []string{"Polygon", "Surface", "Unknown", "Collection"} {
		if strings.Contains(geometry, part) {
			return true
		}
	}
	return false
}

func boundOf(l frame.Layer) orb.Bound {
	b := orb.Bound{Min: orb.Point{l.Extent[0], l.Extent[1]}, Max: orb.Point{l.Extent[2], l.Extent[3]}}
	if !l.HasExtent || !finiteBox(b) {
		return orb.Bound{}
	}
	return b
}

func (l *Layer) setSchema(fields []frame.Field) {
	names := newNames()
	for _, f := range fields {
		field := Field{Alias: f.Alias, Width: max(f.Width, 0), Precision: max(f.Precision, 0)}
		var notices []Notice
		field.Name, notices = names.take(strings.ToValidUTF8(f.Name, "?"))
		l.notices = append(l.notices, notices...)
		switch f.Type {
		case frame.TypeInt:
			field.Type = FieldInt
		case frame.TypeFloat, frame.TypeFloat32:
			field.Type = FieldFloat
		case frame.TypeDate:
			field.Type = FieldDate
		}
		l.schema.Fields = append(l.schema.Fields, field)
	}
}

func (l *Layer) readChild(ctx context.Context, opts Options, at namedPath, req frame.Request, fields []frame.Field, yield func(*raw) error) (err error) {
	c, err := startChild(ctx, opts, at.name, at.path, req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	d := featureDecoder{fields: fields, names: l.schema.Fields}
	for {
		kind, payload, err := c.next()
		if errors.Is(err, io.EOF) {
			for _, w := range c.warnings {
				l.notices = append(l.notices, driverNotice(w))
			}
			return d.complete(at.name, payload)
		}
		if err != nil {
			return err
		}
		if kind != frame.KindFeatures {
			return fmt.Errorf("%s: unexpected frame %q", at.name, kind)
		}
		if err := d.batch(payload, yield); err != nil {
			return err
		}
	}
}

// featureDecoder turns batches of the child into raw features.
type featureDecoder struct {
	fields []frame.Field
	names  []Field
	row    int64
}

// complete checks that the child counted as many as arrived.
func (d *featureDecoder) complete(file string, payload []byte) error {
	var sum frame.Summary
	if err := json.Unmarshal(payload, &sum); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if sum.Features != d.row {
		return fmt.Errorf("%s: %d features arrived of %d", file, d.row, sum.Features)
	}
	return nil
}

func (d *featureDecoder) batch(payload []byte, yield func(*raw) error) error {
	b, err := frame.OpenBatch(payload, len(d.fields))
	if err != nil {
		return err
	}
	var f frame.Feature
	for {
		more, err := b.Next(&f)
		if err != nil || !more {
			return err
		}
		d.row++
		r, err := d.feature(&f)
		if err != nil {
			return fmt.Errorf("row %d: %w", d.row, err)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
}

func (d *featureDecoder) feature(f *frame.Feature) (*raw, error) {
	r := &raw{row: d.row, values: make([]any, len(d.fields))}
	for i := range f.Values {
		v, issue := plainValue(d.fields[i].Type, &f.Values[i])
		r.values[i] = v
		if issue != nil {
			issue.Row, issue.Field = d.row, d.names[i].Name
			r.issues = append(r.issues, *issue)
		}
	}
	switch {
	case f.Flags&frame.FlagTooLarge != 0:
		r.issues = append(r.issues, r.tooManyVertices())
		return r, nil
	case f.Flags&frame.FlagNotPolygon != 0:
		r.issues = append(r.issues, r.issue(IssueGeometryType, SeverityError, "图形不是面；请删除或改为面", "the geometry is no polygon"))
		return r, nil
	case f.Flags&frame.FlagNull != 0:
		return r, nil
	}
	if f.Flags&frame.FlagCurve != 0 {
		r.issues = append(r.issues, r.issue(IssueCurve, SeverityWarning, "图形含圆弧，已按 0.5° 折线化；面积会有微小差别", "the feature has arcs; they were replaced by chords of half a degree"))
	}
	var err error
	r.shape, err = polygonsOfWKB(f.WKB)
	return r, err
}

// plainValue gives a value as Feature.Values promises it.
func plainValue(kind string, v *frame.Value) (any, *Issue) {
	switch v.Tag {
	case frame.TagInt:
		return v.Int, nil
	case frame.TagFloat:
		if math.IsNaN(v.Float) || math.IsInf(v.Float, 0) {
			return nil, &Issue{Code: IssueNumberInvalid, Severity: SeverityWarning, MessageZH: "不是有效数字（NaN 或无穷大）", MessageEN: "not a number"}
		}
		if kind == frame.TypeFloat32 {
			// 0.1 in a single-precision column means 0.1, not 0.100000001.
			short, err := strconv.ParseFloat(strconv.FormatFloat(v.Float, 'g', -1, 32), 64)
			if err == nil {
				return short, nil
			}
		}
		return v.Float, nil
	case frame.TagString:
		return nilIfEmpty(strings.TrimRight(strings.ToValidUTF8(string(v.Bytes), "\ufffd"), " \x00")), nil
	case frame.TagDate:
		d := v.Date
		second := int(d.Second)
		t := time.Date(int(d.Year), time.Month(d.Month), int(d.Day), int(d.Hour), int(d.Minute), second, 0, time.UTC)
		if t.Month() != time.Month(d.Month) || t.Day() != int(d.Day) {
			return nil, &Issue{Code: IssueDateInvalid, Severity: SeverityWarning, MessageZH: "不是有效日期", MessageEN: "not a date"}
		}
		return t, nil
	}
	return nil, nil
}
