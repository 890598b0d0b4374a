package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Flag marks what the child saw of a feature's geometry.
type Flag byte

const (
	// FlagNull: no geometry.
	FlagNull Flag = 1 << iota
	// FlagCurve: arcs were replaced by chords.
	FlagCurve
	// FlagTooLarge: above MaxVertices, not sent.
	FlagTooLarge
	// FlagNotPolygon: another geometry type; WKB is left out.
	FlagNotPolygon
)

// MaxVertices bounds one feature.
const MaxVertices = 1_000_000

// Feature is one row of a batch. A batch is: number of features (uint32), then
// for each: fid (int64), flags (byte), length of WKB (uint32), WKB (2D, little
// endian, Polygon or MultiPolygon), one value per field. A value is a tag
// byte and its content: 0 null; 1 int64; 2 float64; 3 length (uint32) and
// UTF-8; 4 year (int16), month, day, hour, minute (bytes), second (float32).
// All numbers are little endian.
type Feature struct {
	FID    int64
	Flags  Flag
	WKB    []byte
	Values []Value
}

// Tag is the type of a Value.
type Tag byte

const (
	TagNull   Tag = 0
	TagInt    Tag = 1
	TagFloat  Tag = 2
	TagString Tag = 3
	TagDate   Tag = 4
)

// Value is an attribute; the member that Tag names holds it.
type Value struct {
	Tag   Tag
	Int   int64
	Float float64
	Bytes []byte
	Date  Date
}

// Date is a date and time as written, without a time zone.
type Date struct {
	Year                     int16
	Month, Day, Hour, Minute uint8
	Second                   float32
}

var errShort = errors.New("feature batch is cut off")

// AppendFeature appends one feature to a batch body; the caller puts the count
// in front (see BatchHeader).
func AppendFeature(b []byte, f *Feature) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, uint64(f.FID))
	b = append(b, byte(f.Flags))
	b = le.AppendUint32(b, uint32(len(f.WKB)))
	b = append(b, f.WKB...)
	for i := range f.Values {
		v := &f.Values[i]
		b = append(b, byte(v.Tag))
		switch v.Tag {
		case TagInt:
			b = le.AppendUint64(b, uint64(v.Int))
		case TagFloat:
			b = le.AppendUint64(b, math.Float64bits(v.Float))
		case TagString:
			b = le.AppendUint32(b, uint32(len(v.Bytes)))
			b = append(b, v.Bytes...)
		case TagDate:
			b = le.AppendUint16(b, uint16(v.Date.Year))
			b = append(b, v.Date.Month, v.Date.Day, v.Date.Hour, v.Date.Minute)
			b = le.AppendUint32(b, math.Float32bits(v.Date.Second))
		}
	}
	return b
}

// Batch decodes a batch of features.
type Batch struct {
	rest   []byte
	left   uint32
	fields int
}

// OpenBatch begins to decode a payload of KindFeatures whose layer has so many
// fields.
func OpenBatch(payload []byte, fields int) (*Batch, error) {
	b := &Batch{rest: payload, fields: fields}
	n, err := b.uint32()
	if err != nil {
		return nil, err
	}
	b.left = n
	return b, nil
}

// Next decodes the next feature into f, reusing f.Values; WKB and Bytes point
// into the payload. It returns false at the end.
func (b *Batch) Next(f *Feature) (bool, error) {
	if b.left == 0 {
		if len(b.rest) != 0 {
			return false, fmt.Errorf("feature batch has %d bytes too many", len(b.rest))
		}
		return false, nil
	}
	b.left--
	fid, err := b.uint64()
	if err != nil {
		return false, err
	}
	flags, err := b.take(1)
	if err != nil {
		return false, err
	}
	f.FID, f.Flags = int64(fid), Flag(flags[0])
	if f.WKB, err = b.counted(); err != nil {
		return false, err
	}
	f.Values = f.Values[:0]
	for range b.fields {
		v, err := b.value()
		if err != nil {
			return false, err
		}
		f.Values = append(f.Values, v)
	}
	return true, nil
}

func (b *Batch) value() (v Value, err error) {
	tag, err := b.take(1)
	if err != nil {
		return v, err
	}
	v.Tag = Tag(tag[0])
	switch v.Tag {
	case TagNull:
	case TagInt:
		n, err := b.uint64()
		v.Int = int64(n)
		return v, err
	case TagFloat:
		n, err := b.uint64()
		v.Float = math.Float64frombits(n)
		return v, err
	case TagString:
		v.Bytes, err = b.counted()
		return v, err
	case TagDate:
		p, err := b.take(10)
		if err != nil {
			return v, err
		}
		v.Date = Date{
			Year:  int16(binary.LittleEndian.Uint16(p)),
			Month: p[2], Day: p[3], Hour: p[4], Minute: p[5],
			Second: math.Float32frombits(binary.LittleEndian.Uint32(p[6:])),
		}
	default:
		return v, fmt.Errorf("feature batch has an unknown value type %d", tag[0])
	}
	return v, nil
}

func (b *Batch) counted() ([]byte, error) {
	n, err := b.uint32()
	if err != nil {
		return nil, err
	}
	return b.take(int(n))
}

func (b *Batch) take(n int) ([]byte, error) {
	if n > len(b.rest) {
		return nil, errShort
	}
	p := b.rest[:n:n]
	b.rest = b.rest[n:]
	return p, nil
}

func (b *Batch) uint32() (uint32, error) {
	p, err := b.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(p), nil
}

func (b *Batch) uint64() (uint64, error) {
	p, err := b.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(p), nil
}

// RasterRows encodes rows of a raster: first row (uint32), number of rows
// (uint32), then width·rows float32.
func RasterRows(row int, values []float32, rows int) []byte {
	b := make([]byte, 0, 8+4*len(values))
	b = binary.LittleEndian.AppendUint32(b, uint32(row))
	b = binary.LittleEndian.AppendUint32(b, uint32(rows))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// ParseRasterRows decodes RasterRows of a raster so many cells wide, appending
// to values.
func ParseRasterRows(payload []byte, width int, values []float32) (row, rows int, out []float32, err error) {
	if len(payload) < 8 {
		return 0, 0, nil, errors.New("raster rows are cut off")
	}
	row = int(binary.LittleEndian.Uint32(payload))
	rows = int(binary.LittleEndian.Uint32(payload[4:]))
	body := payload[8:]
	if width <= 0 || rows <= 0 || rows > len(body) || len(body) != 4*width*rows {
		return 0, 0, nil, fmt.Errorf("raster rows: %d rows of %d cells do not make %d bytes", rows, width, len(body))
	}
	for ; len(body) > 0; body = body[4:] {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(body)))
	}
	return row, rows, values, nil
}
