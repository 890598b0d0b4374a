package rivalry

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/intake/copyrow"
	"gengheng/internal/rivalry/synthetic"
)

// session is one connection to the measurements' database.
type session struct{ *pgx.Conn }

func (s session) exec(ctx context.Context, sql string) error {
	if _, err := s.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%.80s: %w", sql, err)
	}
	return nil
}

// store makes a table (id, geom) of features, with GiST and ANALYZE.
func (s session) store(ctx context.Context, table string, features []orb.MultiPolygon) error {
	err := s.exec(ctx, fmt.Sprintf("DROP TABLE IF EXISTS %[1]s; CREATE TABLE %[1]s (id int4 PRIMARY KEY, geom geometry(MultiPolygon, %[2]d))", table, synthetic.SRID))
	if err != nil {
		return err
	}
	err = s.copyIn(ctx, "COPY "+table+" (id, geom) FROM STDIN (FORMAT binary)", func(w io.Writer) error {
		var row copyrow.Row
		for i, f := range features {
			row = copyrow.Begin(row[:0], 2).Int(int32(i)).MultiPolygon(f, synthetic.SRID)
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	return s.exec(ctx, fmt.Sprintf("CREATE INDEX ON %[1]s USING gist (geom); ANALYZE %[1]s", table))
}

// copyIn streams what write writes, header and trailer added, into a COPY.
func (s session) copyIn(ctx context.Context, sql string, write func(io.Writer) error) error {
	pipe, sink := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := s.PgConn().CopyFrom(ctx, pipe, sql)
		pipe.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		done <- err
	}()
	w := bufio.NewWriterSize(sink, 1<<18)
	w.Write(copyrow.Header)
	err := write(w)
	if err == nil {
		w.Write(copyrow.Trailer)
		err = w.Flush()
	}
	sink.CloseWithError(err)
	if copied := <-done; copied != nil {
		return copied
	}
	return err
}

// tuple is a row of a result: one or two integers and a geometry.
type tuple struct {
	a, b int32
	geom orb.MultiPolygon
}

// copyOut reads the rows of a query of one or two integers and a geometry by
// binary COPY. The geometry's memory is the caller's.
func (s session) copyOut(ctx context.Context, query string, take func(tuple) error) error {
	r := &tupleReader{take: take}
	if _, err := s.PgConn().CopyTo(ctx, r, "COPY ("+query+") TO STDOUT (FORMAT binary)"); err != nil {
		return fmt.Errorf("read %.60s: %w", query, err)
	}
	return nil
}

// tupleReader takes a binary COPY stream. PostgreSQL sends a row in a piece,
// the header before the first.
type tupleReader struct {
	begun bool
	take  func(tuple) error
}

var errRow = errors.New("not a row of integers and a geometry")

func (r *tupleReader) Write(b []byte) (int, error) {
	n := len(b)
	if !r.begun {
		if len(b) < len(copyrow.Header) {
			return 0, errRow
		}
		r.begun, b = true, b[len(copyrow.Header):]
	}
	for len(b) >= 2 {
		fields := int16(binary.BigEndian.Uint16(b))
		b = b[2:]
		if fields < 0 {
			break
		}
		var t tuple
		for f := range fields {
			if len(b) < 4 {
				return 0, errRow
			}
			size := int(int32(binary.BigEndian.Uint32(b)))
			if b = b[4:]; size < 0 || size > len(b) {
				return 0, errRow
			}
			var err error
			switch value := b[:size]; {
			case f == fields-1:
				t.geom, err = parseEWKB(value)
			case f == 0 && size == 4:
				t.a = int32(binary.BigEndian.Uint32(value))
			case f == 1 && size == 4:
				t.b = int32(binary.BigEndian.Uint32(value))
			default:
				err = errRow
			}
			if err != nil {
				return 0, err
			}
			b = b[size:]
		}
		if err := r.take(t); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// ewkb reads little-endian (E)WKB as PostGIS sends it.
type ewkb struct {
	b   []byte
	bad bool
}

func (w *ewkb) uint32() uint32 {
	if len(w.b) < 4 {
		w.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint32(w.b)
	w.b = w.b[4:]
	return v
}

// head reads the byte order and the type, and skips the SRID.
func (w *ewkb) head() uint32 {
	if len(w.b) < 5 || w.b[0] != 1 {
		w.bad = true
		return 0
	}
	w.b = w.b[1:]
	kind := w.uint32()
	if kind&0x20000000 != 0 {
		w.uint32()
	}
	return kind & 0xff
}

func (w *ewkb) polygon() orb.Polygon {
	n := int(w.uint32())
	if w.bad || n > len(w.b)/4 {
		w.bad = true
		return nil
	}
	p := make(orb.Polygon, n)
	for i := range p {
		points := int(w.uint32())
		if w.bad || points > len(w.b)/16 {
			w.bad = true
			return nil
		}
		ring := make(orb.Ring, points)
		for k := range ring {
			ring[k] = orb.Point{math.Float64frombits(binary.LittleEndian.Uint64(w.b[16*k:])), math.Float64frombits(binary.LittleEndian.Uint64(w.b[16*k+8:]))}
		}
		p[i], w.b = ring, w.b[16*points:]
	}
	return p
}

// areal reads polygons, also those in collections; points and lines count for
// nothing.
func (w *ewkb) areal(out orb.MultiPolygon) orb.MultiPolygon {
	switch w.head() {
	case 1:
		w.skip(16)
	case 2:
		w.skip(16 * int(w.uint32()))
	case 3:
		out = append(out, w.polygon())
	case 4, 5, 6, 7:
		for n := w.uint32(); n > 0 && !w.bad; n-- {
			out = w.areal(out)
		}
	default:
		w.bad = true
	}
	return out
}

func (w *ewkb) skip(n int) {
	if n < 0 || n > len(w.b) {
		w.bad = true
		return
	}
	w.b = w.b[n:]
}

func parseEWKB(b []byte) (orb.MultiPolygon, error) {
	w := ewkb{b: b}
	mp := w.areal(nil)
	if w.bad || len(w.b) > 0 {
		return nil, errRow
	}
	return mp, nil
}
