package tiles

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/collection"
	"gengheng/internal/land"
)

// gridZoom is the zoom whose pixels are an overview's cells: 76 m at the equator,
// 60 m in the middle of China.
const gridZoom = detail - 1

// overview is a collection below zoom 12 (概略图), where its features are smaller
// than pixels: a grid of the county from which tiles of any low zoom are drawn,
// in a time and of a size that do not depend on how many features there are.
//
// Of the survey, whose parcels cover the ground without gaps, a cell has the class
// of the parcel at its centre: classes keep their shares of the area, as a sample
// does, and small parcels are merged with their neighbours of the same class or
// left out. Of any other layer a cell is marked if a feature touches it, at all:
// nothing of a red line vanishes, and it never looks smaller than it is.
type overview struct {
	x, y, w, h int // the window, in cells of the world
	cells      []uint16
	way        *bend    // from the plane to cells
	groups     []string // parcels: the class of cell value i+1; else what bit i stands for
	sampled    bool
}

func (o *overview) bytes() int { return 2*len(o.cells) + 64 }

// maxCells bounds a window: some 240 km by 240 km.
const maxCells = 16 << 20

// newOverview makes the empty grid of a box in degrees.
func newOverview(zone land.Zone, box [4]float64, sampled bool) (*overview, error) {
	const n = 256 << gridZoom
	row := func(lat float64) int {
		return int(math.Floor((0.5 - math.Atanh(math.Sin(lat*math.Pi/180))/(2*math.Pi)) * n))
	}
	col := func(lon float64) int { return int(math.Floor((lon/360 + 0.5) * n)) }
	o := &overview{x: col(box[0]) - 1, y: row(box[3]) - 1, sampled: sampled}
	o.w, o.h = col(box[2])+2-o.x, row(box[1])+2-o.y
	if o.w*o.h > maxCells {
		return nil, fmt.Errorf("an overview of %d by %d cells", o.w, o.h)
	}
	o.cells = make([]uint16, o.w*o.h)
	o.way = newBend(planeOf(zone, box).Pad(1), func(p orb.Point) (float64, float64) {
		x, y := world(zone, p)
		return x*n - float64(o.x), y*n - float64(o.y)
	})
	return o, nil
}

// mark gives the value of a group. Layers have sixteen groups at most; what is
// beyond that shares the last one's.
func (o *overview) mark(group string) uint16 {
	i := slices.Index(o.groups, group)
	if i < 0 {
		if !o.sampled && len(o.groups) == 16 || len(o.groups) == math.MaxUint16 {
			i = len(o.groups) - 1
		} else {
			i = len(o.groups)
			o.groups = append(o.groups, group)
		}
	}
	if o.sampled {
		return uint16(i + 1)
	}
	return 1 << i
}

// paint adds polygons of the plane.
func (o *overview) paint(mp orb.MultiPolygon, value uint16) {
	for _, poly := range mp {
		for _, ring := range poly {
			for i, p := range ring {
				ring[i] = o.way.point(p)
			}
		}
		o.fill(poly, value)
		if !o.sampled {
			o.touch(poly, value)
		}
	}
}

func (o *overview) set(x, y int, value uint16) {
	if x < 0 || y < 0 || x >= o.w || y >= o.h {
		return
	}
	if o.sampled {
		o.cells[y*o.w+x] = value
	} else {
		o.cells[y*o.w+x] |= value
	}
}

// fill sets the cells whose centres lie inside.
func (o *overview) fill(poly orb.Polygon, value uint16) {
	b := poly.Bound()
	var xs []float64
	for y := max(0, int(math.Floor(b.Min[1]))); y <= min(o.h-1, int(math.Floor(b.Max[1]))); y++ {
		at := float64(y) + 0.5
		xs = xs[:0]
		for _, ring := range poly {
			for i := 1; i < len(ring); i++ {
				p, q := ring[i-1], ring[i]
				if p[1] > at != (q[1] > at) {
					xs = append(xs, p[0]+(at-p[1])/(q[1]-p[1])*(q[0]-p[0]))
				}
			}
		}
		slices.Sort(xs)
		for i := 0; i+1 < len(xs); i += 2 {
			for x := int(math.Ceil(xs[i] - 0.5)); float64(x)+0.5 < xs[i+1]; x++ {
				o.set(x, y, value)
			}
		}
	}
}

// touch sets the cells that the outline passes through: in each row it crosses,
// from its westernmost to its easternmost place.
func (o *overview) touch(poly orb.Polygon, value uint16) {
	for _, ring := range poly {
		for i := 1; i < len(ring); i++ {
			p, q := ring[i-1], ring[i]
			if p[1] > q[1] {
				p, q = q, p
			}
			for y := int(math.Floor(p[1])); y <= int(math.Floor(q[1])); y++ {
				from, to := p[0], q[0]
				if rise := q[1] - p[1]; rise > 0 {
					at := func(h float64) float64 { return p[0] + (min(max(h, p[1]), q[1])-p[1])/rise*(q[0]-p[0]) }
					from, to = at(float64(y)), at(float64(y+1))
				}
				for x := int(math.Floor(min(from, to))); x <= int(math.Floor(max(from, to))); x++ {
					o.set(x, y, value)
				}
			}
		}
	}
}

// groupsOf are the fields that an overview tells apart, by collection: no more values
// together than the sixteen that a cell has room for.
var groupsOf = map[string][]string{"parcels": {"DLBM"}, "findings": {"severity"}, "candidates_in": {"verdict"}, "candidates_out": {"verdict"},
	"remainders": {"verdict"}, "plan_parcels": {"state", "direction"}}

// groupMark parts the values of a group's fields.
const groupMark = "\x1f"

// readOverview reads a whole collection, as the caller may see it, into a grid.
func readOverview(ctx context.Context, q collection.Querier, col *collection.Collection, box [4]float64) (*overview, error) {
	zone, ok := land.ByEPSG(col.County.SRID)
	if !ok {
		return nil, fmt.Errorf("county %s: srid %d is no zone", col.County.Code, col.County.SRID)
	}
	o, err := newOverview(zone, box, col.ID == "parcels")
	if err != nil {
		return nil, err
	}
	values := []string{}
	for _, name := range groupsOf[col.ID] {
		value := "''"
		for _, f := range col.Fields {
			if f.Name == name {
				value = "coalesce((" + f.SQL + ")::text, '')"
			}
		}
		values = append(values, value)
	}
	group := "''"
	if len(values) > 0 {
		group = strings.Join(values, " || chr(31) || ")
	}
	// In the order of the keys, so that the same version gives the same bytes; by a
	// cursor, so that the bound on a statement's time is one on each portion's.
	sql := fmt.Sprintf(`DECLARE overview NO SCROLL CURSOR FOR SELECT ST_AsBinary(%s), %s FROM %s WHERE %s AND %s IS NOT NULL ORDER BY %s`,
		col.Geom, group, col.From, col.Where, col.Geom, orderOf(col))
	if err := exec(ctx, q, sql, col.Args()...); err != nil {
		return nil, fmt.Errorf("overview of %s: %w", col.ID, err)
	}
	for more := true; more; {
		if more, err = o.portion(ctx, q); err != nil {
			return nil, fmt.Errorf("overview of %s: %w", col.ID, err)
		}
	}
	if err := exec(ctx, q, `CLOSE overview`); err != nil {
		return nil, fmt.Errorf("overview of %s: %w", col.ID, err)
	}
	return o, nil
}

// exec runs a statement that gives no rows.
func exec(ctx context.Context, q collection.Querier, sql string, args ...any) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

// portion paints the cursor's next rows; false: there were no more.
func (o *overview) portion(ctx context.Context, q collection.Querier) (bool, error) {
	rows, err := q.Query(ctx, `FETCH 2000 FROM overview`)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var raw []byte
		var name string
		if err := rows.Scan(&raw, &name); err != nil {
			return false, err
		}
		mp, err := polygons(raw)
		if err != nil {
			return false, err
		}
		o.paint(mp, o.mark(name))
	}
	return n > 0, rows.Err()
}

// polygons reads a geometry as the database writes it; what has no area is left out.
func polygons(raw []byte) (orb.MultiPolygon, error) {
	g, err := wkb.Unmarshal(raw)
	if err != nil {
		return nil, fmt.Errorf("read a geometry: %w", err)
	}
	switch g := g.(type) {
	case orb.MultiPolygon:
		return g, nil
	case orb.Polygon:
		return orb.MultiPolygon{g}, nil
	case orb.Collection:
		var out orb.MultiPolygon
		for _, part := range g {
			switch part := part.(type) {
			case orb.MultiPolygon:
				out = append(out, part...)
			case orb.Polygon:
				out = append(out, part)
			}
		}
		return out, nil
	}
	return nil, nil
}
