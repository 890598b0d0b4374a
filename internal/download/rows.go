package download

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/collection"
)

// Values as they are read: text as it is written (a number with all its decimals),
// or as files have types for it.
const (
	asText = iota
	asTyped
)

// expression is a column in a statement.
func (c column) expression(form int) string {
	if form == asText {
		return "(" + c.sql + ")::text"
	}
	switch c.kind {
	case collection.Integer:
		return "(" + c.sql + ")::bigint"
	case collection.Number:
		return "(" + c.sql + ")::float8"
	case collection.Boolean:
		return "(" + c.sql + ")::int::bigint" // no format here has truth values of its own
	}
	return "(" + c.sql + ")::text"
}

// each reads the rows in the collection's order: first the lead expressions, then
// the columns. The bytes are valid until the next row.
func (m *maker) each(ctx context.Context, form int, lead []string, do func(row *row) error) error {
	parts := append([]string{}, lead...)
	for _, c := range m.columns {
		parts = append(parts, c.expression(form))
	}
	var order []string
	for _, k := range m.Collection.Keys {
		order = append(order, k.SQL)
	}
	rows, err := m.q.Query(ctx, "SELECT "+strings.Join(parts, ", ")+" FROM "+m.from()+" ORDER BY "+strings.Join(order, ", "), m.args...)
	if err != nil {
		return fmt.Errorf("read %s: %w", m.Collection.ID, err)
	}
	defer rows.Close()
	v := row{rows: rows}
	for rows.Next() {
		m.features++
		v.values = rows.RawValues()
		if err := do(&v); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", m.Collection.ID, err)
	}
	return nil
}

// row gives a row's values; nil is NULL.
type row struct {
	rows   pgx.Rows
	values [][]byte
}

func (r *row) binary(i int) bool { return r.rows.FieldDescriptions()[i].Format == 1 }

// integer and number read what was asked for as bigint and float8.
func (r *row) integer(i int) (any, error) {
	b := r.values[i]
	switch {
	case b == nil:
		return nil, nil
	case !r.binary(i):
		return strconv.ParseInt(string(b), 10, 64)
	case len(b) != 8:
		return nil, fmt.Errorf("column %d is no bigint", i+1)
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

func (r *row) number(i int) (any, error) {
	b := r.values[i]
	var v float64
	switch {
	case b == nil:
		return nil, nil
	case !r.binary(i):
		var err error
		if v, err = strconv.ParseFloat(string(b), 64); err != nil {
			return nil, err
		}
	case len(b) != 8:
		return nil, fmt.Errorf("column %d is no float8", i+1)
	default:
		v = math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, nil // no file has them
	}
	return v, nil
}

// typed gives a column's value: nil, string, int64 or float64; at is where the
// columns begin.
func (r *row) typed(c *column, i int) (any, error) {
	switch c.kind {
	case collection.Integer, collection.Boolean:
		return r.integer(i)
	case collection.Number:
		return r.number(i)
	}
	if r.values[i] == nil {
		return nil, nil
	}
	return string(r.values[i]), nil
}
