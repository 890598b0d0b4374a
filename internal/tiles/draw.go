package tiles

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"gengheng/internal/collection"
	"gengheng/internal/land"
)

// Bounds of what is read for a tile.
const (
	// few features are drawn as they are at any zoom.
	few = 300
	// most features are read for one tile; where there are more it is drawn from
	// the overview.
	most = 60_000
)

// shown are the fields that tiles carry, if a collection has them: what styles and
// labels need and people look at, of what never changes within a version. The
// others are a click away, under the feature's id.
var shown = []string{"BSM", "TBBH", "DLBM", "DLMC", "ZLDWDM", "ZLDWMC", "TBMJ", "code", "name", "level", "XZQDM", "XZQMC",
	"year", "SBBH", "XZDM", "XZMC", "SBMJ", "NZDL", "seq", "direction", "number", "township_code", "clause", "check_no", "severity", "outcome", "layer_kind",
	"verdict", "chosen", "state", "area_m2", "usable_m2", "net_m2", "slope_class", "quality"}

// fieldsOf are the fields of a collection's tiles.
func fieldsOf(col *collection.Collection) []collection.Field {
	var out []collection.Field
	for _, f := range col.Fields {
		if slices.Contains(shown, f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// plain is the expression of a field as the types of a tile have it.
func plain(f collection.Field) string {
	switch f.Kind {
	case collection.Integer:
		return "(" + f.SQL + ")::bigint"
	case collection.Number:
		return "(" + f.SQL + ")::float8"
	case collection.Boolean:
		return "(" + f.SQL + ")::boolean"
	}
	return "(" + f.SQL + ")::text"
}

func orderOf(col *collection.Collection) string {
	keys := make([]string, len(col.Keys))
	for i, k := range col.Keys {
		keys[i] = k.SQL
	}
	return strings.Join(keys, ", ")
}

// draw makes a tile of collections.
func (s *Service) draw(ctx context.Context, q collection.Querier, v *view, cols []*collection.Collection, scope string, at address) ([]byte, error) {
	var out []byte
	for _, col := range cols {
		bounds, err := s.registry.Extent(ctx, q, col, scope)
		if err != nil {
			return nil, err
		}
		if bounds == nil {
			continue
		}
		box, t := bounds.Degrees, at.box(margin)
		if box[0] > t[2] || box[2] < t[0] || box[1] > t[3] || box[3] < t[1] {
			continue
		}
		if out, err = s.drawOne(ctx, q, v, col, scope, at, box, out); err != nil {
			return nil, fmt.Errorf("tile %s of %s: %w", at, col.ID, err)
		}
	}
	return out, nil
}

func (s *Service) drawOne(ctx context.Context, q collection.Querier, v *view, col *collection.Collection, scope string, at address, box [4]float64, out []byte) ([]byte, error) {
	zone, ok := land.ByEPSG(col.County.SRID)
	if !ok {
		return nil, fmt.Errorf("county %s: srid %d is no zone", col.County.Code, col.County.SRID)
	}
	limit := most
	if at.z < detail {
		limit = few
	}
	f := newFrame(zone, at)
	whole, label, done, err := readFeatures(ctx, q, col, f, limit)
	if err != nil {
		return nil, err
	}
	if done {
		return label.append(whole.append(out)), nil
	}
	o, err := s.overview(ctx, q, v, col, scope, box)
	if err != nil {
		return nil, err
	}
	return o.draw(col, at).append(out), nil
}

// readFeatures draws the features of a tile; done is false if there are more than
// limit, of which nothing is drawn.
func readFeatures(ctx context.Context, q collection.Querier, col *collection.Collection, f *frame, limit int) (whole, label *layer, done bool, err error) {
	args := col.Args()
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	where := col.Where + " AND " + col.Geom + " IS NOT NULL"
	if f.bent != nil {
		where += fmt.Sprintf(" AND %s && ST_MakeEnvelope(%s, %s, %s, %s, %d)", col.Geom, arg(f.plane.Min[0]), arg(f.plane.Min[1]), arg(f.plane.Max[0]), arg(f.plane.Max[1]), col.County.SRID)
	}
	if f.bent == nil {
		// a county has no more than this, or it is drawn from the overview
		var n int
		if err := q.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %s WHERE %s LIMIT %d) n", col.From, where, limit+1), args...).Scan(&n); err != nil {
			return nil, nil, false, fmt.Errorf("count: %w", err)
		}
		if n > limit {
			return nil, nil, false, nil
		}
	}
	d := &drawing{frame: f, fields: fieldsOf(col), whole: newLayer(col.ID), label: newLayer(col.ID + "_label"), named: len(col.Keys) == 1 && col.Keys[0].Whole, least: labelArea}
	if col.Editable() {
		d.least = 0
	}
	id := "NULL::bigint"
	if d.named {
		id = col.Keys[0].SQL + "::bigint"
	}
	columns := []string{"ST_AsBinary(" + col.Geom + ")", id}
	for _, one := range d.fields {
		columns = append(columns, plain(one))
	}
	rows, err := q.Query(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d", strings.Join(columns, ", "), col.From, where, orderOf(col), limit+1), args...)
	if err != nil {
		return nil, nil, false, fmt.Errorf("read: %w", err)
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n == limit {
			return nil, nil, false, nil
		}
		values, err := rows.Values()
		if err != nil {
			return nil, nil, false, fmt.Errorf("read: %w", err)
		}
		if err := d.add(values); err != nil {
			return nil, nil, false, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, nil, false, fmt.Errorf("read: %w", err)
	}
	return d.whole, d.label, true, nil
}

// drawing is a tile's layer in the making.
type drawing struct {
	frame        *frame
	fields       []collection.Field
	whole, label *layer
	named        bool // features have whole numbers for ids
	geometry     []byte
	least        float64 // what is smaller is not labelled
}

// add draws one row: its geometry, its id, its fields.
func (d *drawing) add(values []any) error {
	raw, ok := values[0].([]byte)
	if !ok {
		return nil
	}
	mp, err := polygons(raw)
	if err != nil {
		return err
	}
	b := d.frame.project(mp)
	at, labelled := label(mp, d.least)
	d.geometry = drawn(d.geometry, mp, b)
	id, _ := values[1].(int64)
	put := func(l *layer, kind uint64, geometry []byte) {
		for i, f := range d.fields {
			l.tag(f.Name, values[2+i])
		}
		l.add(uint64(id), d.named && id >= 0, kind, geometry)
	}
	if len(d.geometry) > 0 {
		put(d.whole, kindPolygon, d.geometry)
	}
	if labelled {
		put(d.label, kindPoint, point(at))
	}
	return nil
}

// overview is the collection's, made if it is not kept.
func (s *Service) overview(ctx context.Context, q collection.Querier, v *view, col *collection.Collection, scope string, box [4]float64) (*overview, error) {
	key := "overview/" + col.County.Code + "/" + scope + "/" + col.ID + "/" + v.version(col)
	if o, ok := s.cache.get(key); ok {
		return o.(*overview), nil
	}
	// two tiles at once need it read once only
	o, err, _ := s.reading.Do(key, func() (any, error) {
		if o, ok := s.cache.get(key); ok {
			return o, nil
		}
		o, err := s.fromShelf(ctx, q, col, key, box)
		if err != nil {
			return nil, err
		}
		s.cache.put(key, o)
		return o, nil
	})
	if err != nil {
		return nil, err
	}
	return o.(*overview), nil
}

// fromShelf finds the overview of the survey or of a layer among those that are filed,
// else reads the collection, and files it.
func (s *Service) fromShelf(ctx context.Context, q collection.Querier, col *collection.Collection, key string, box [4]float64) (*overview, error) {
	if col.Total < 0 { // not a version as it was loaded
		return readOverview(ctx, q, col, box)
	}
	if o := s.shelf.get(key); o != nil {
		return o, nil
	}
	o, err := readOverview(ctx, q, col, box)
	if err != nil {
		return nil, err
	}
	if err := s.shelf.put(key, o); err != nil {
		slog.WarnContext(ctx, "an overview is not kept", "collection", col.ID, "err", err) // it is there all the same
	}
	return o, nil
}

// draw makes the layer of a tile: one feature for each group.
func (o *overview) draw(col *collection.Collection, at address) *layer {
	l := newLayer(col.ID)
	w := o.window(at)
	if !w.any {
		return l
	}
	parts := map[string][]byte{}
	pens := map[string]*cursor{}
	trace := func(w *window, group func(v uint16) string) {
		label, patches := w.patches()
		s := smoother{label: label, sampled: o.sampled}
		for _, p := range patches {
			name := group(p.value)
			if pens[name] == nil {
				pens[name] = &cursor{}
			}
			for _, ring := range p.rings {
				parts[name] = pens[name].ring(parts[name], s.ring(ring))
			}
		}
	}
	if o.sampled {
		trace(w, func(v uint16) string { return o.groups[v-1] })
	} else {
		for i, name := range o.groups {
			trace(w.only(1<<i), func(uint16) string { return name })
		}
	}
	names := slices.Clone(o.groups)
	slices.Sort(names)
	for _, name := range names {
		if parts[name] == nil {
			continue
		}
		l.tag("merged", true)
		for i, value := range strings.Split(name, groupMark) {
			if fields := groupsOf[col.ID]; i < len(fields) && value != "" {
				l.tag(fields[i], value)
			}
		}
		l.add(0, false, kindPolygon, parts[name])
	}
	return l
}
