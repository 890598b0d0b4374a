package download

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/collection"
)

// column is one column of the file.
type column struct {
	name, title, unit string
	kind              collection.Kind
	sql               string
	// of what is to be written: the longest text in bytes of UTF-8, the most
	// digits and decimals
	bytes, digits, decimals int
}

// maxExpanded is how many members of an object get columns; an object with more
// stays one column of JSON.
const maxExpanded = 200

// maker writes one file.
type maker struct {
	Request
	q       collection.Querier
	dir     string
	columns []column
	args    []any
	// cut counts the texts of a column that a shapefile has no room for
	cut      map[string]int
	features int64
}

// arg adds a parameter and gives its name.
func (m *maker) arg(v any) string {
	m.args = append(m.args, v)
	return "$" + strconv.Itoa(len(m.args))
}

// from is the part of every statement that chooses the rows.
func (m *maker) from() string {
	return m.Collection.From + " WHERE " + strings.Join(append([]string{m.Collection.Where}, m.Where...), " AND ")
}

// choose finds the columns: the collection's fields under the names by which intake
// knows them, and of an object a column for every member.
func (m *maker) choose(ctx context.Context) error {
	for _, f := range m.Collection.Fields {
		if m.Only != nil && !slices.Contains(m.Only, f.Name) {
			continue
		}
		if f.Kind == collection.Object {
			if err := m.expand(ctx, f); err != nil {
				return err
			}
			continue
		}
		c := column{name: f.Name, title: f.Title, unit: f.Unit, kind: f.Kind, sql: f.SQL}
		if standard := m.Collection.Standard[f.Name]; standard != "" && !m.has(standard) {
			c.name = standard
		}
		m.columns = append(m.columns, c)
	}
	if len(m.columns) == 0 && m.Format.text {
		return collection.Bad("properties", "没有可写的字段；请在 properties 中至少选一个有值的字段。 There is no field to write.")
	}
	return nil
}

// has tells whether a name is taken, in any case.
func (m *maker) has(name string) bool {
	return slices.ContainsFunc(m.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
}

// expand makes columns of the members of an object, so that what a layer was
// delivered with is delivered again. A member that is named like a field of ours
// is an older copy of it.
func (m *maker) expand(ctx context.Context, f collection.Field) error {
	own := slices.Clone(m.columns)
	for _, g := range m.Collection.Fields {
		own = append(own, column{name: g.Name})
	}
	sql := fmt.Sprintf(`SELECT key, bool_and(jsonb_typeof(value) = 'number'), bool_and(value::text ~ '^-?[0-9]{1,15}$')
		FROM (SELECT %s AS o FROM %s) s, jsonb_each(CASE WHEN jsonb_typeof(s.o) = 'object' THEN s.o ELSE '{}' END)
		GROUP BY key ORDER BY key LIMIT %d`, f.SQL, m.from(), maxExpanded+1)
	rows, err := m.q.Query(ctx, sql, m.args...)
	if err != nil {
		return fmt.Errorf("members of %s: %w", f.Name, err)
	}
	type member struct {
		key             string
		number, integer bool
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v member, err error) {
		return v, row.Scan(&v.key, &v.number, &v.integer)
	})
	if err != nil {
		return fmt.Errorf("members of %s: %w", f.Name, err)
	}
	if len(list) > maxExpanded {
		m.columns = append(m.columns, column{name: f.Name, title: f.Title, kind: collection.Object, sql: f.SQL})
		return nil
	}
	for _, v := range list {
		if slices.ContainsFunc(own, func(c column) bool { return strings.EqualFold(c.name, v.key) }) || m.has(v.key) || strings.TrimSpace(v.key) == "" {
			continue
		}
		c := column{name: v.key, title: f.Title, kind: collection.Text, sql: fmt.Sprintf("(%s ->> %s::text)", f.SQL, m.arg(v.key))}
		switch {
		case v.number && v.integer:
			c.kind = collection.Integer
		case v.number:
			c.kind = collection.Number
		}
		m.columns = append(m.columns, c)
	}
	return nil
}

// measure finds how wide the columns have to be, which shapefiles and
// geodatabases fix when they are made, and whether there are rows without
// geometry.
func (m *maker) measure(ctx context.Context) (hollow bool, err error) {
	parts := []string{"coalesce(bool_or(" + m.Collection.Geom + " IS NULL), false)"}
	to := []any{&hollow}
	for i := range m.columns {
		c := &m.columns[i]
		switch c.kind {
		case collection.Number:
			parts = append(parts, fmt.Sprintf("coalesce(max(length(trunc(abs((%[1]s)::numeric))::text)), 1)::int, coalesce(max(scale((%[1]s)::numeric)), 0)::int", c.sql))
			to = append(to, &c.digits, &c.decimals)
		case collection.Integer:
			parts = append(parts, fmt.Sprintf("coalesce(max(length((%s)::text)), 1)::int", c.sql))
			to = append(to, &c.digits)
		default:
			parts = append(parts, fmt.Sprintf("coalesce(max(octet_length((%s)::text)), 1)::int", c.sql))
			to = append(to, &c.bytes)
		}
	}
	err = m.q.QueryRow(ctx, "SELECT "+strings.Join(parts, ", ")+" FROM "+m.from(), m.args...).Scan(to...)
	if err != nil {
		return false, fmt.Errorf("measure %s: %w", m.Collection.ID, err)
	}
	return hollow, nil
}
