package esri

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/collection"
	"gengheng/internal/cql"
)

// Bounds of a geometry to search by.
const (
	maxVertices     = 20_000
	maxGeometryText = 4 << 20
)

// relations are how a feature may lie to the geometry, as CQL2 has it; first is what
// stands first: the geometry or the feature. Esri's "contains" is said of the
// geometry, its "within" too.
var relations = map[string]string{"esriSpatialRelIntersects": "S_INTERSECTS(geom, %s)", "esriSpatialRelContains": "S_CONTAINS(%s, geom)",
	"esriSpatialRelWithin": "S_WITHIN(%s, geom)", "esriSpatialRelCrosses": "S_CROSSES(geom, %s)", "esriSpatialRelTouches": "S_TOUCHES(geom, %s)",
	"esriSpatialRelOverlaps": "S_OVERLAPS(geom, %s)"}

// boxRelations compare boxes only.
var boxRelations = map[string]bool{"esriSpatialRelEnvelopeIntersects": true, "esriSpatialRelIndexIntersects": true}

// esriGeometry is a geometry of any type.
type esriGeometry struct {
	XMin, YMin, XMax, YMax *float64
	X, Y                   *float64
	Points                 [][]float64     `json:"points"`
	Paths                  [][][]float64   `json:"paths"`
	Rings                  [][][]*float64  `json:"rings"`
	Curves                 json.RawMessage `json:"curveRings"`
	CurvePaths             json.RawMessage `json:"curvePaths"`
	SR                     json.RawMessage `json:"spatialReference"`
}

func (q *query) readGeometry(p map[string]string) error {
	relation := "esriSpatialRelIntersects"
	if v, ok := p["spatialrel"]; ok {
		relation = v
	}
	if relations[relation] == "" && !boxRelations[relation] {
		return bad("spatial-relation", fmt.Sprintf("spatialRel=%s 不支持；可用 esriSpatialRelIntersects、Contains、Within、Crosses、Touches、Overlaps、EnvelopeIntersects、IndexIntersects。 The relation is not supported.", excerpt(relation)))
	}
	text, ok := p["geometry"]
	if !ok {
		return nil
	}
	if len(text) > maxGeometryText {
		return bad("geometry", fmt.Sprintf("geometry 超过 %d MB；请简化。 The geometry is too large.", maxGeometryText>>20))
	}
	g, err := readGeometry(text)
	if err != nil {
		return err
	}
	sr, err := planeOf(q.col.County)
	if err != nil {
		return err
	}
	switch {
	case len(g.SR) > 0 && string(g.SR) != "null" && string(g.SR) != "{}":
		sr, err = reference("geometry.spatialReference", string(g.SR), q.col.County)
	case p["insr"] != "":
		sr, err = reference("inSR", p["insr"], q.col.County)
	}
	if err != nil {
		return err
	}
	q.selected, q.placed = true, true
	shape, bound, err := g.shape(p["geometrytype"])
	if err != nil {
		return err
	}
	if boxRelations[relation] || relation == "esriSpatialRelIntersects" && strings.HasPrefix(shape, "BBOX") && (!sr.crs.Flat || sr.home) {
		return q.inBox(sr, bound, boxRelations[relation])
	}
	return q.related(fmt.Sprintf(relations[relation], shape), sr)
}

// readGeometry reads JSON, or the short form of an envelope or a point.
func readGeometry(text string) (*esriGeometry, error) {
	g := &esriGeometry{}
	if !strings.HasPrefix(text, "{") {
		var v []float64
		for one := range strings.SplitSeq(text, ",") {
			x, err := strconv.ParseFloat(strings.TrimSpace(one), 64)
			if err != nil || len(v) == 4 {
				return nil, bad("geometry", fmt.Sprintf("geometry=%s 应为 JSON，或 x,y（点）、xmin,ymin,xmax,ymax（范围）。 It is JSON, or two or four numbers.", excerpt(text)))
			}
			v = append(v, x)
		}
		switch len(v) {
		case 2:
			g.X, g.Y = &v[0], &v[1]
		case 4:
			g.XMin, g.YMin, g.XMax, g.YMax = &v[0], &v[1], &v[2], &v[3]
		default:
			return nil, bad("geometry", fmt.Sprintf("geometry=%s 应有 2 个或 4 个数。 It is two or four numbers.", excerpt(text)))
		}
		return g, nil
	}
	if err := json.Unmarshal([]byte(text), g); err != nil {
		return nil, bad("geometry", fmt.Sprintf("geometry=%s 不是 Esri JSON 几何。 It is not a geometry of Esri's JSON.", excerpt(text)))
	}
	if len(g.Curves) > 0 || len(g.CurvePaths) > 0 {
		return nil, bad("geometry", "不支持曲线（curveRings、curvePaths）。 Curves are not supported.")
	}
	return g, nil
}

// kind is the type that the members show.
func (g *esriGeometry) kind() string {
	switch {
	case g.XMin != nil && g.YMin != nil && g.XMax != nil && g.YMax != nil:
		return "esriGeometryEnvelope"
	case g.X != nil && g.Y != nil:
		return "esriGeometryPoint"
	case g.Rings != nil:
		return polygonType
	case g.Paths != nil:
		return "esriGeometryPolyline"
	case g.Points != nil:
		return "esriGeometryMultipoint"
	}
	return ""
}

// shape is the geometry as CQL2 writes it, and its box.
func (g *esriGeometry) shape(said string) (text string, bound orb.Bound, err error) {
	kind := g.kind()
	if kind == "" || said != "" && said != kind {
		return "", bound, bad("geometry", fmt.Sprintf("geometry 的内容（%s）与 geometryType=%s 不符。 The geometry is not of this type.", kind, excerpt(said)))
	}
	var parts [][]orb.Point
	add := func(list [][]float64, least int) {
		part := make([]orb.Point, 0, len(list))
		for _, v := range list {
			if len(v) < 2 || !finite(v[0]) || !finite(v[1]) {
				err = bad("geometry", "geometry 的顶点应为 [x, y]，且在坐标范围内。 A vertex is [x, y], within range.")
				return
			}
			part = append(part, orb.Point{v[0], v[1]})
		}
		if len(part) < least {
			err = bad("geometry", fmt.Sprintf("geometry 的一部分只有 %d 个顶点，至少要有 %d 个。 A part has too few vertices.", len(part), least))
		}
		parts = append(parts, part)
	}
	word := "POINT"
	switch kind {
	case "esriGeometryEnvelope":
		word = "BBOX"
		add([][]float64{{*g.XMin, *g.YMin}, {*g.XMax, *g.YMax}}, 2)
	case "esriGeometryPoint":
		add([][]float64{{*g.X, *g.Y}}, 1)
	case "esriGeometryMultipoint":
		word = "MULTIPOINT"
		add(g.Points, 1)
	case "esriGeometryPolyline":
		word = "MULTILINESTRING"
		for _, path := range g.Paths {
			add(path, 2)
		}
	default:
		return g.polygon()
	}
	if err != nil {
		return "", bound, err
	}
	if word == "BBOX" { // its corners may be the wrong way round, which is told
		return wkt(word, parts...), orb.Bound{Min: parts[0][0], Max: parts[0][1]}, nil
	}
	return wkt(word, parts...), boundOf(parts), nil
}

// polygon writes rings as polygons with their holes.
func (g *esriGeometry) polygon() (string, orb.Bound, error) {
	mp, err := polygonsOf(g.Rings, false)
	if err != nil {
		return "", orb.Bound{}, err
	}
	texts := make([]string, len(mp))
	for i, polygon := range mp {
		parts := make([][]orb.Point, len(polygon))
		for k, ring := range polygon {
			parts[k] = ring
		}
		texts[i] = wkt("", parts...)
	}
	return "MULTIPOLYGON(" + strings.Join(texts, ",") + ")", mp.Bound(), nil
}

func boundOf(parts [][]orb.Point) orb.Bound {
	b := orb.Bound{Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}
	for _, part := range parts {
		for _, v := range part {
			b.Min = orb.Point{min(b.Min[0], v[0]), min(b.Min[1], v[1])}
			b.Max = orb.Point{max(b.Max[0], v[0]), max(b.Max[1], v[1])}
		}
	}
	return b
}

// related adds a relation with a geometry: parsed, typed, bounded and brought to the
// county's plane by the reader of filters.
func (q *query) related(text string, sr spatialReference) error {
	filter, err := cql.Parse(text, []cql.Queryable{{Name: "geom", Kind: cql.Geometry, Column: q.col.Geom}},
		cql.Options{StorageSRID: q.col.County.SRID, FilterSRID: sr.crs.SRID, MaxBytes: 2 * maxGeometryText, MaxVertices: maxVertices})
	if err != nil {
		return filterProblem(err)
	}
	condition, args := filter.SQL(q.args)
	q.where, q.args = append(q.where, condition), args
	return nil
}

// inBox adds that a feature meets a box, or that its own box does.
func (q *query) inBox(sr spatialReference, b orb.Bound, boxes bool) error {
	crs, v := sr.crs, [4]float64{b.Min[0], b.Min[1], b.Max[0], b.Max[1]}
	if crs.Flat && !sr.home {
		crs, v = collection.CRS84, sr.degrees(v)
	}
	list, err := crs.Boxes(v, q.col.County)
	if err != nil {
		return err
	}
	any := []string{"false"}
	for _, one := range list {
		if boxes {
			any = append(any, q.col.Near(one, q.arg))
		} else {
			any = append(any, q.col.Within(one, q.arg))
		}
	}
	q.where = append(q.where, "("+strings.Join(any, " OR ")+")")
	return nil
}

// degrees is the box in degrees about a box of another zone.
func (sr spatialReference) degrees(v [4]float64) [4]float64 {
	const steps = 16
	out := [4]float64{180, 90, -180, -90}
	for i := 0; i <= steps; i++ {
		f := float64(i) / steps
		x, y := v[0]+(v[2]-v[0])*f, v[1]+(v[3]-v[1])*f
		for _, p := range [][2]float64{{x, v[1]}, {x, v[3]}, {v[0], y}, {v[2], y}} {
			lon, lat := sr.zone.Geographic(p[0], p[1])
			if math.IsNaN(lon) || math.IsNaN(lat) {
				continue
			}
			out = [4]float64{min(out[0], lon), min(out[1], lat), max(out[2], lon), max(out[3], lat)}
		}
	}
	return out
}
