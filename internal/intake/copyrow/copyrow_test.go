package copyrow_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	"pgregory.net/rapid"

	"gengheng/internal/intake/copyrow"
	"gengheng/internal/store/storetest"
)

// decimal is the exact text of units / 10^scale, by another way.
func decimal(units int64, scale int) string {
	r := new(big.Rat).SetFrac(big.NewInt(units), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	return r.FloatString(scale)
}

// Ensure that PostgreSQL reads back every value that a row was built from.
func TestPostgresReadsWhatWasWritten(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	conn, err := db.Pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `CREATE TEMP TABLE r (i int, s text, n text, b bytea, j jsonb, u uuid, f float8,
		n0 numeric, n1 numeric, n2 numeric(18,2), n4 numeric, n8 numeric)`); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		type record struct {
			i       int32
			s       string
			b       []byte
			u       uuid.UUID
			f       float64
			numbers [5]int64
		}
		scales := [5]int{0, 1, 2, 4, 8}
		var records []record
		stream := bytes.NewBuffer(bytes.Clone(copyrow.Header))
		for i := range rapid.IntRange(1, 20).Draw(t, "rows") {
			r := record{
				i: int32(i), s: rapid.StringOf(rapid.RuneFrom([]rune("a耕“\"\\\t\n田"))).Draw(t, "s"),
				b: rapid.SliceOf(rapid.Byte()).Draw(t, "b"), f: rapid.Float64().Draw(t, "f"),
				u: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "u")),
			}
			row := copyrow.Begin(nil, 12).Int(r.i).TextOrNull(r.s).Text(r.s).Bytes(r.b).JSON([]byte(`{"i":` + fmt.Sprint(i) + `}`)).UUID(r.u).Float(r.f)
			for k, scale := range scales {
				r.numbers[k] = rapid.Int64().Draw(t, "n")
				if k == 2 {
					r.numbers[k] %= 1e17 // numeric(18,2)
				}
				row = row.Numeric(r.numbers[k], scale)
			}
			stream.Write(row)
			records = append(records, r)
		}
		stream.Write(copyrow.Trailer)
		if _, err := conn.Conn().PgConn().CopyFrom(ctx, stream, `COPY r FROM STDIN (FORMAT binary)`); err != nil {
			t.Fatal(err)
		}
		rows, err := conn.Query(ctx, `SELECT coalesce(s, ''), n, b, j->>'i', u, f, n0::text, n1::text, n2::text, n4::text, n8::text FROM r ORDER BY i`)
		if err != nil {
			t.Fatal(err)
		}
		k := 0
		for rows.Next() {
			var s, n, j string
			var b []byte
			var u uuid.UUID
			var f float64
			var numbers [5]string
			if err := rows.Scan(&s, &n, &b, &j, &u, &f, &numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4]); err != nil {
				t.Fatal(err)
			}
			r := records[k]
			if s != r.s || n != r.s || !bytes.Equal(b, r.b) || j != fmt.Sprint(k) || u != r.u || f != r.f {
				t.Fatalf("row %d: got %q %q %x %s %s %v, want %+v", k, s, n, b, j, u, f, r)
			}
			for m, scale := range scales {
				if want := decimal(r.numbers[m], scale); numbers[m] != want {
					t.Fatalf("row %d: numeric %s, want %s", k, numbers[m], want)
				}
			}
			k++
		}
		if rows.Err() != nil || k != len(records) {
			t.Fatalf("%d rows of %d, %v", k, len(records), rows.Err())
		}
		if _, err := conn.Exec(ctx, `TRUNCATE r`); err != nil {
			t.Fatal(err)
		}
	})
}

// Ensure that NULL is NULL and that a bad stream stores nothing.
func TestNullAndBrokenStream(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	err := db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TEMP TABLE r (a text, b int)`); err != nil {
			return err
		}
		stream := append(bytes.Clone(copyrow.Header), copyrow.Begin(nil, 2).TextOrNull("").Null()...)
		stream = append(stream, copyrow.Trailer...)
		if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(stream), `COPY r FROM STDIN (FORMAT binary)`); err != nil {
			return err
		}
		var nulls int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM r WHERE a IS NULL AND b IS NULL`).Scan(&nulls); err != nil {
			return err
		}
		if nulls != 1 {
			t.Errorf("%d rows of NULL, want 1", nulls)
		}
		_, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(stream[:len(stream)-5]), `COPY r FROM STDIN (FORMAT binary)`)
		return err
	})
	if err == nil {
		t.Error("a stream cut in the middle of a row was taken")
	}
}

// Ensure that a geometry is the EWKB that another encoder makes of it, after
// whatever stands in the buffer.
func TestMultiPolygonIsEWKB(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) orb.Point {
			return orb.Point{rapid.Float64().Draw(t, "x"), rapid.Float64().Draw(t, "y")}
		}), 0, 9)
		mp := orb.MultiPolygon{}
		for range rapid.IntRange(0, 3).Draw(t, "polygons") {
			polygon := orb.Polygon{}
			for range rapid.IntRange(0, 3).Draw(t, "rings") {
				polygon = append(polygon, ring.Draw(t, "ring"))
			}
			mp = append(mp, polygon)
		}
		want, err := ewkb.Marshal(mp, 4546, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		before := make([]byte, rapid.IntRange(0, 40).Draw(t, "before"), 40)
		row := copyrow.Row(before).MultiPolygon(mp, 4546)
		length := binary.BigEndian.AppendUint32(nil, uint32(len(want)))
		if !bytes.Equal(row, slices.Concat(before, length, want)) {
			t.Fatalf("%v is %x, want %x", mp, []byte(row[len(before):]), want)
		}
	})
}
