package esri

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/collection"
)

// query answers /query.
func (s *Service) query(c *Call) error {
	ctx := c.R.Context()
	p, err := parameters(c.Values, queryParameters...)
	if err != nil {
		return err
	}
	var q *query
	var body bytes.Buffer
	err = c.Read(ctx, func(db Querier) error {
		col, err := s.open(ctx, db, c)
		if err != nil {
			return err
		}
		if q, err = newQuery(col, p); err != nil {
			return err
		}
		return q.answer(ctx, db, c, &body)
	})
	if err != nil {
		return q.spoken(err)
	}
	// the connection is given back before a slow reader gets the answer
	if q.format == "geojson" {
		return sendBytes(c.W, "application/geo+json; charset=utf-8", body.Bytes())
	}
	if p["f"] == "pjson" {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body.Bytes(), "", "  "); err != nil {
			return fmt.Errorf("indent an answer: %w", err)
		}
		body = pretty
	}
	return sendBytes(c.W, "application/json; charset=utf-8", body.Bytes())
}

// spoken turns what the database refused for the caller's sake into a problem.
func (q *query) spoken(err error) error {
	if q != nil && q.placed && collection.Untransformable(err) {
		return bad("geometry", "geometry 的坐标无法换算到本县坐标系；请核对坐标范围与 inSR。 The geometry's coordinates cannot be brought to the county's plane; check inSR.")
	}
	if slow := collection.TooSlow(err); slow != nil {
		return slow
	}
	return err
}

// answer writes what is asked for.
func (q *query) answer(ctx context.Context, db Querier, c *Call, b *bytes.Buffer) error {
	switch {
	case q.box:
		return q.answerExtent(ctx, db, b)
	case q.count:
		return q.answerCount(ctx, db, c, b)
	case q.ids:
		return q.answerIDs(ctx, db, b)
	case q.table != nil:
		return q.answerTable(ctx, db, b)
	case q.format == "geojson":
		return q.answerGeoJSON(ctx, db, b)
	}
	return q.answerFeatures(ctx, db, c, b)
}

func (q *query) answerCount(ctx context.Context, db Querier, c *Call, b *bytes.Buffer) error {
	n := q.known(c.Scope)
	if n < 0 || q.table != nil {
		sql := fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", q.col.From, q.conditions())
		if q.table != nil {
			sql = "SELECT count(*) FROM (" + q.groupsSQL() + ") x"
		}
		if err := db.QueryRow(ctx, sql, q.args...).Scan(&n); err != nil {
			return fmt.Errorf("count %s: %w", q.col.ID, err)
		}
	}
	fmt.Fprintf(b, `{"count":%d}`, n)
	return nil
}

func (q *query) answerIDs(ctx context.Context, db Querier, b *bytes.Buffer) error {
	rows, err := db.Query(ctx, q.allIDs(), q.args...)
	if err != nil {
		return fmt.Errorf("numbers of %s: %w", q.col.ID, err)
	}
	b.WriteString(`{"objectIdFieldName":"` + objectID + `","objectIds":[`)
	var id int64
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		if n++; n > maxAllIDs {
			return bad("object-ids", fmt.Sprintf("要素超过 %d 个；请缩小范围，或用 resultOffset、resultRecordCount 翻页。 Too many features; ask for less.", maxAllIDs))
		}
		if n > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "%d", id)
		return nil
	})
	b.WriteString("]}")
	return err
}

func (q *query) answerExtent(ctx context.Context, db Querier, b *bytes.Buffer) error {
	var n int
	var v [4]*float64
	sql := fmt.Sprintf(`SELECT n, ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT count(*) AS n, ST_Extent(%s) AS e FROM %s WHERE %s) x`,
		q.shapeSQL(), q.col.From, q.conditions())
	if err := db.QueryRow(ctx, sql, q.args...).Scan(&n, &v[0], &v[1], &v[2], &v[3]); err != nil {
		return fmt.Errorf("extent of %s: %w", q.col.ID, err)
	}
	extent := map[string]any{"spatialReference": q.out}
	for i, name := range []string{"xmin", "ymin", "xmax", "ymax"} {
		extent[name] = "NaN" // as the clients know it where there is nothing
		if v[i] != nil {
			extent[name] = *v[i]
		}
	}
	out := map[string]any{"extent": extent}
	if q.count {
		out["count"] = n
	}
	return encode(b, out)
}

func encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	b.Truncate(b.Len() - 1) // the end of line
	return nil
}

func (q *query) answerTable(ctx context.Context, db Querier, b *bytes.Buffer) error {
	var fields []map[string]any
	for _, c := range q.table.columns {
		v := map[string]any{"name": c.name, "type": c.kind, "alias": c.alias}
		if c.kind == "esriFieldTypeString" {
			v["length"] = longText
		}
		fields = append(fields, v)
	}
	b.WriteString(`{"displayFieldName":"","fields":`)
	if err := encode(b, fields); err != nil {
		return err
	}
	b.WriteString(`,"features":[`)
	sql := q.table.rows(q)
	rows, err := db.Query(ctx, sql, q.args...)
	if err != nil {
		return fmt.Errorf("groups of %s: %w", q.col.ID, err)
	}
	defer rows.Close()
	var row []byte
	n := 0
	more := false
	for rows.Next() {
		if more = n == q.limit; more {
			break
		}
		if err := rows.Scan(&row); err != nil {
			return fmt.Errorf("groups of %s: %w", q.col.ID, err)
		}
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"attributes":`)
		b.Write(row)
		b.WriteByte('}')
		n++
	}
	rows.Close()
	b.WriteByte(']')
	if more {
		b.WriteString(`,"exceededTransferLimit":true`)
	}
	b.WriteByte('}')
	return rows.Err()
}

func (q *query) answerFeatures(ctx context.Context, db Querier, c *Call, b *bytes.Buffer) error {
	fields := []map[string]any{objectField()}
	for _, f := range q.fields {
		fields = append(fields, fieldOf(f, q.col.Editable() && c.Editor))
	}
	head := struct {
		ObjectID string            `json:"objectIdFieldName"`
		Unique   map[string]any    `json:"uniqueIdField"`
		Global   string            `json:"globalIdFieldName"`
		Geometry string            `json:"geometryType,omitempty"`
		SR       *spatialReference `json:"spatialReference,omitempty"`
		Change   map[string]any    `json:"transform,omitempty"`
		Fields   []map[string]any  `json:"fields"`
	}{ObjectID: objectID, Unique: map[string]any{"name": objectID, "isSystemMaintained": true}, Geometry: polygonType, SR: &q.out, Fields: fields}
	if z := q.quantum; z != nil && q.geometry {
		origin, step := "lowerLeft", z.step
		if z.upper {
			origin = "upperLeft"
		}
		head.Change = map[string]any{"originPosition": origin, "scale": []float64{step, step}, "translate": []float64{z.x, z.y}}
	}
	if err := encode(b, head); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the closing brace
	b.WriteString(`,"features":[`)
	pen := newPen(q.precision, q.quantum)
	more, err := q.each(ctx, db, b, func(_ int64, attributes []byte, shape orb.MultiPolygon) {
		b.WriteString(`{"attributes":`)
		b.Write(attributes)
		if q.geometry {
			b.WriteString(`,"geometry":`)
			if shape == nil {
				b.WriteString("null")
			} else {
				pen.rings(b, shape)
			}
		}
		b.WriteByte('}')
	})
	b.WriteByte(']')
	if more {
		b.WriteString(`,"exceededTransferLimit":true`)
	}
	b.WriteByte('}')
	return err
}

func (q *query) answerGeoJSON(ctx context.Context, db Querier, b *bytes.Buffer) error {
	b.WriteString(`{"type":"FeatureCollection",`)
	if q.out.Latest != wkidWGS84 {
		fmt.Fprintf(b, `"crs":{"type":"name","properties":{"name":"EPSG:%d"}},`, q.out.Latest)
	}
	b.WriteString(`"features":[`)
	pen := newPen(q.precision, nil)
	more, err := q.each(ctx, db, b, func(id int64, attributes []byte, shape orb.MultiPolygon) {
		fmt.Fprintf(b, `{"type":"Feature","id":%d,"geometry":`, id)
		if shape == nil {
			b.WriteString("null")
		} else {
			pen.geoJSON(b, shape)
		}
		b.WriteString(`,"properties":`)
		b.Write(attributes)
		b.WriteByte('}')
	})
	b.WriteByte(']')
	if more {
		b.WriteString(`,"exceededTransferLimit":true,"properties":{"exceededTransferLimit":true}`)
	}
	b.WriteByte('}')
	return err
}

// each reads a page and tells whether there is more. An answer that would be too
// large is refused where the caller counts on the number that it asked for, and
// cut short where it does not.
func (q *query) each(ctx context.Context, db Querier, b *bytes.Buffer, write func(id int64, attributes []byte, shape orb.MultiPolygon)) (more bool, err error) {
	sql := q.page()
	rows, err := db.Query(ctx, sql, q.args...)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", q.col.ID, err)
	}
	defer rows.Close()
	start, n := b.Len(), 0
	var id int64
	var attributes, raw []byte
	for rows.Next() {
		if n == q.limit {
			more = true
			break
		}
		if n > 0 && b.Len()-start > maxPage {
			if q.paged {
				return false, bad("too-large", fmt.Sprintf("答复超过 %d MB，只放得下 %d 个要素；请把 resultRecordCount（或 objectIds 的个数）减到 %d 以下，或给出 maxAllowableOffset。 The answer is too large; ask for fewer features.", maxPage>>20, n, n))
			}
			more = true
			break
		}
		if err := rows.Scan(&id, &attributes, &raw); err != nil {
			return false, fmt.Errorf("read %s: %w", q.col.ID, err)
		}
		shape, err := polygons(raw)
		if err != nil {
			return false, fmt.Errorf("feature %d of %s: %w", id, q.col.ID, err)
		}
		if n > 0 {
			b.WriteByte(',')
		}
		write(id, attributes, shape)
		n++
	}
	rows.Close() // what is left is not fetched
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("read %s: %w", q.col.ID, err)
	}
	if more && !q.excess {
		b.Truncate(start)
	}
	return more, nil
}

var errShape = errors.New("a geometry that is no polygon")

// polygons reads a geometry; nil if there is none.
func polygons(raw []byte) (orb.MultiPolygon, error) {
	if raw == nil {
		return nil, nil
	}
	g, err := wkb.Unmarshal(raw)
	if err != nil {
		return nil, fmt.Errorf("read a geometry: %w", err)
	}
	switch g := g.(type) {
	case orb.MultiPolygon:
		if len(g) == 0 {
			return nil, nil
		}
		return g, nil
	case orb.Polygon:
		return orb.MultiPolygon{g}, nil
	}
	return nil, errShape
}
