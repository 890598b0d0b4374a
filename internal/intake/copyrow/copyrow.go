// Package copyrow encodes rows for COPY … FROM STDIN (FORMAT binary), as the
// PostgreSQL manual describes it under "COPY, Binary Format". Rows are built by
// several goroutines at once and the same bytes are hashed into the dataset
// version, which pgx's own CopyFrom could not give us.
package copyrow

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// Header opens a binary COPY stream; Trailer ends it.
var (
	Header  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	Trailer = []byte{0xff, 0xff}
)

// Row is one row under construction: append the columns in order, then write
// the bytes to the stream.
type Row []byte

// Begin starts a row of n columns at the end of buffer.
func Begin(buffer []byte, n int) Row {
	return binary.BigEndian.AppendUint16(buffer, uint16(n))
}

func (r Row) field(n int) Row { return binary.BigEndian.AppendUint32(r, uint32(n)) }

// Null appends NULL.
func (r Row) Null() Row { return r.field(-1) }

// Text appends a text value.
func (r Row) Text(s string) Row { return append(r.field(len(s)), s...) }

// TextOrNull appends s, and NULL for the empty string.
func (r Row) TextOrNull(s string) Row {
	if s == "" {
		return r.Null()
	}
	return r.Text(s)
}

// Bytes appends a bytea or, as EWKB, a geometry.
func (r Row) Bytes(b []byte) Row { return append(r.field(len(b)), b...) }

// JSON appends a jsonb value from its text.
func (r Row) JSON(text []byte) Row {
	r = append(r.field(len(text)+1), 1)
	return append(r, text...)
}

// UUID appends a uuid.
func (r Row) UUID(id uuid.UUID) Row { return append(r.field(16), id[:]...) }

// Int appends an integer (int4).
func (r Row) Int(v int32) Row { return binary.BigEndian.AppendUint32(r.field(4), uint32(v)) }

// Float appends a double precision value (float8).
func (r Row) Float(v float64) Row {
	return binary.BigEndian.AppendUint64(r.field(8), math.Float64bits(v))
}

// Numeric appends the numeric value units / 10^scale with scale decimals.
// scale is 0 to 8.
func (r Row) Numeric(units int64, scale int) Row {
	negative := units < 0
	u := uint64(units)
	if negative {
		u = -u
	}
	pow := uint64(1)
	for range scale {
		pow *= 10
	}
	whole, fraction := u/pow, u%pow
	for range 8 - scale {
		fraction *= 10
	}
	// base-10000 digits: up to five before the point, two after it
	digits := [7]uint16{}
	for i := 4; i >= 0; i-- {
		digits[i] = uint16(whole % 10000)
		whole /= 10000
	}
	digits[5], digits[6] = uint16(fraction/10000), uint16(fraction%10000)
	first, end := 0, len(digits)
	for first < end && digits[first] == 0 {
		first++
	}
	for end > first && digits[end-1] == 0 {
		end--
	}
	weight := int16(4 - first)
	if first == end {
		weight = 0
	}
	r = r.field(8 + 2*(end-first))
	r = binary.BigEndian.AppendUint16(r, uint16(end-first))
	r = binary.BigEndian.AppendUint16(r, uint16(weight))
	sign := uint16(0)
	if negative {
		sign = 0x4000
	}
	r = binary.BigEndian.AppendUint16(r, sign)
	r = binary.BigEndian.AppendUint16(r, uint16(scale))
	for _, d := range digits[first:end] {
		r = binary.BigEndian.AppendUint16(r, d)
	}
	return r
}

// Types of EWKB, as PostGIS reads it: a polygon, a multipolygon, and the bit
// that says that the SRID follows.
const (
	ewkbPolygon      = 3
	ewkbMultiPolygon = 6
	ewkbSRID         = 0x20000000
)

// multiPolygonSize is how many bytes MultiPolygon appends.
func multiPolygonSize(mp orb.MultiPolygon) int {
	n := 4 + 13
	for _, polygon := range mp {
		n += 9
		for _, ring := range polygon {
			n += 4 + 16*len(ring)
		}
	}
	return n
}

// MultiPolygon appends a geometry as EWKB with an SRID.
func (r Row) MultiPolygon(mp orb.MultiPolygon, srid int) Row {
	at := len(r)
	r = slices.Grow(r, multiPolygonSize(mp)).field(0)
	r = append(r, 1) // little endian
	r = binary.LittleEndian.AppendUint32(r, ewkbMultiPolygon|ewkbSRID)
	r = binary.LittleEndian.AppendUint32(r, uint32(srid))
	r = binary.LittleEndian.AppendUint32(r, uint32(len(mp)))
	for _, polygon := range mp {
		r = append(r, 1)
		r = binary.LittleEndian.AppendUint32(r, ewkbPolygon)
		r = binary.LittleEndian.AppendUint32(r, uint32(len(polygon)))
		for _, ring := range polygon {
			r = binary.LittleEndian.AppendUint32(r, uint32(len(ring)))
			n := len(r)
			r = r[:n+16*len(ring)]
			for i, p := range ring {
				to := r[n+16*i : n+16*i+16]
				binary.LittleEndian.PutUint64(to, math.Float64bits(p[0]))
				binary.LittleEndian.PutUint64(to[8:], math.Float64bits(p[1]))
			}
		}
	}
	binary.BigEndian.PutUint32(r[at:], uint32(len(r)-at-4))
	return r
}
