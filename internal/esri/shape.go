package esri

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/collection"
)

// quantization is how coordinates are written as whole steps of a grid.
type quantization struct {
	step, x, y float64
	upper      bool // y counts down from the grid's top
}

// pen writes polygons.
type pen struct {
	decimals int
	quantum  *quantization
	scale    float64 // 10^decimals
}

func newPen(decimals int, q *quantization) *pen {
	return &pen{decimals: decimals, quantum: q, scale: math.Pow10(decimals)}
}

// rings writes a polygon as Esri has it: one list of rings, of which those that run
// clockwise are outer ones and the others holes. What is left of a ring on a coarse
// grid is left out where it has no area.
func (p *pen) rings(b *bytes.Buffer, mp orb.MultiPolygon) {
	b.WriteString(`{"rings":[`)
	first := true
	for _, polygon := range mp {
		for i, ring := range polygon {
			text := p.ring(ring, i == 0)
			if text == nil {
				if i == 0 {
					break // without its outline a polygon has no holes
				}
				continue
			}
			if !first {
				b.WriteByte(',')
			}
			first = false
			b.Write(text)
		}
	}
	b.WriteString(`]}`)
}

// ring writes one ring, clockwise if it is an outer one.
func (p *pen) ring(ring orb.Ring, outer bool) []byte {
	if len(ring) > 0 && (ring.Orientation() == orb.CW) != outer {
		ring = slices.Clone(ring)
		slices.Reverse(ring)
	}
	if p.quantum != nil {
		return p.steps(ring)
	}
	b := append(make([]byte, 0, len(ring)*28), '[')
	for i, v := range ring {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.number(append(b, '['), v[0])
		b = p.number(append(b, ','), v[1])
		b = append(b, ']')
	}
	return append(b, ']')
}

func (p *pen) number(b []byte, v float64) []byte {
	return strconv.AppendFloat(b, math.Round(v*p.scale)/p.scale, 'f', -1, 64)
}

// steps writes a ring on the grid: the first vertex, then the way to each next one.
func (p *pen) steps(ring orb.Ring) []byte {
	var points [][2]int64
	for _, v := range ring {
		q := [2]int64{int64(math.Round((v[0] - p.quantum.x) / p.quantum.step)), int64(math.Round((v[1] - p.quantum.y) / p.quantum.step))}
		if p.quantum.upper {
			q[1] = int64(math.Round((p.quantum.y - v[1]) / p.quantum.step))
		}
		if n := len(points); n == 0 || points[n-1] != q {
			points = append(points, q)
		}
	}
	if len(points) < 4 {
		return nil
	}
	b := []byte{'['}
	last := [2]int64{}
	for i, q := range points {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '['), q[0]-last[0], 10)
		b = strconv.AppendInt(append(b, ','), q[1]-last[1], 10)
		b = append(b, ']')
		last = q
	}
	return append(b, ']')
}

// geoJSON writes a polygon by RFC 7946: polygons with their holes, outlines
// anticlockwise.
func (p *pen) geoJSON(b *bytes.Buffer, mp orb.MultiPolygon) {
	b.WriteString(`{"type":"MultiPolygon","coordinates":[`)
	for i, polygon := range mp {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('[')
		for k, ring := range polygon {
			if k > 0 {
				b.WriteByte(',')
			}
			b.Write(p.ring(ring, k > 0))
		}
		b.WriteByte(']')
	}
	b.WriteString(`]}`)
}

// polygonsOf reads Esri's polygon: rings that run clockwise are outlines, the
// others holes of the smallest outline that they lie in. A hole without an outline
// is an outline drawn the other way round, as some programs draw them. closed
// refuses a ring whose last vertex is not its first; a query's is closed here.
func polygonsOf(rings [][][]*float64, closed bool) (orb.MultiPolygon, error) {
	var outlines, holes []orb.Ring
	for _, list := range rings {
		ring := orb.Ring{}
		for _, v := range list {
			if len(v) < 2 || v[0] == nil || v[1] == nil || !finite(*v[0]) || !finite(*v[1]) {
				return nil, bad("geometry", "rings 的顶点应为 [x, y]，不能为 null。 A vertex of rings is [x, y].")
			}
			ring = append(ring, orb.Point{*v[0], *v[1]})
		}
		if fault := collection.Unclosed(ring); closed && fault != "" {
			return nil, bad("geometry", "rings："+fault)
		}
		if len(ring) > 2 && ring[0] != ring[len(ring)-1] {
			ring = append(ring, ring[0])
		}
		if len(ring) < 4 {
			return nil, bad("geometry", "rings 的环至少要有 3 个不同的顶点。 A ring has three vertices at least.")
		}
		if ring.Orientation() == orb.CW {
			outlines = append(outlines, ring)
		} else {
			holes = append(holes, ring)
		}
	}
	if len(outlines) == 0 {
		outlines, holes = holes, nil
	}
	mp := make(orb.MultiPolygon, len(outlines))
	for i, o := range outlines {
		mp[i] = orb.Polygon{o}
	}
	for _, h := range holes {
		at := home(outlines, h)
		if at < 0 {
			mp = append(mp, orb.Polygon{h})
			continue
		}
		mp[at] = append(mp[at], h)
	}
	if len(mp) == 0 {
		return nil, bad("geometry", "rings 中没有环。 There is no ring in rings.")
	}
	return mp, nil
}

// home is the smallest outline that holds the hole; -1: none does.
func home(outlines []orb.Ring, hole orb.Ring) int {
	best, area := -1, math.Inf(1)
	for i, o := range outlines {
		if a := math.Abs(ringArea(o)); a < area && holds(o, hole) {
			best, area = i, a
		}
	}
	return best
}

// holds tells whether a ring lies in an outline: by its first vertex that is not on
// the outline.
func holds(outline, ring orb.Ring) bool {
	if !outline.Bound().Intersects(ring.Bound()) {
		return false
	}
	for _, v := range ring {
		if side := winding(outline, v); side != onEdge {
			return side == inside
		}
	}
	return true
}

const (
	outside = iota
	inside
	onEdge
)

// winding tells on which side of a closed ring a point lies.
func winding(ring orb.Ring, p orb.Point) int {
	in := outside
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		cross := (b[0]-a[0])*(p[1]-a[1]) - (b[1]-a[1])*(p[0]-a[0])
		if cross == 0 && min(a[0], b[0]) <= p[0] && p[0] <= max(a[0], b[0]) && min(a[1], b[1]) <= p[1] && p[1] <= max(a[1], b[1]) {
			return onEdge
		}
		if (a[1] > p[1]) != (b[1] > p[1]) && (cross > 0) == (b[1] > a[1]) {
			in = inside - in
		}
	}
	return in
}

// ringArea is twice the signed area, about the first vertex.
func ringArea(r orb.Ring) float64 {
	sum := 0.0
	for i := 1; i < len(r); i++ {
		sum += (r[i-1][0]-r[0][0])*(r[i][1]-r[0][1]) - (r[i][0]-r[0][0])*(r[i-1][1]-r[0][1])
	}
	return sum
}

func finite(v float64) bool { return !math.IsNaN(v) && math.Abs(v) <= farthest }

// farthest is more than any coordinate is, in metres.
const farthest = 1e9

// wkt writes a geometry for a filter, without exponents.
func wkt(kind string, parts ...[]orb.Point) string {
	var b strings.Builder
	b.WriteString(kind)
	b.WriteByte('(')
	for i, part := range parts {
		if i > 0 {
			b.WriteByte(',')
		}
		if kind != "MULTIPOINT" && kind != "POINT" && kind != "BBOX" {
			b.WriteByte('(')
		}
		for k, v := range part {
			if k > 0 {
				b.WriteByte(',')
			}
			separator := " "
			if kind == "BBOX" {
				separator = ","
			}
			b.WriteString(strconv.FormatFloat(v[0], 'f', -1, 64) + separator + strconv.FormatFloat(v[1], 'f', -1, 64))
		}
		if kind != "MULTIPOINT" && kind != "POINT" && kind != "BBOX" {
			b.WriteByte(')')
		}
	}
	b.WriteByte(')')
	return b.String()
}

// quantizationOf reads quantizationParameters; its extent's own system must be the
// answer's.
func quantizationOf(text string, out spatialReference, q *query) (*quantization, error) {
	var v struct {
		Mode      string  `json:"mode"`
		Origin    string  `json:"originPosition"`
		Tolerance float64 `json:"tolerance"`
		Extent    *struct {
			XMin, YMin, XMax, YMax float64
			SR                     json.RawMessage `json:"spatialReference"`
		} `json:"extent"`
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, bad("quantization", fmt.Sprintf("quantizationParameters=%s 不是 JSON 对象。 It is not a JSON object.", excerpt(text)))
	}
	if v.Tolerance == 0 {
		v.Tolerance = 1 / math.Pow10(out.decimals(q.col.Collection))
	}
	if v.Tolerance < 0 || !finite(v.Tolerance) || v.Tolerance < 1e-12 || v.Mode != "" && v.Mode != "view" && v.Mode != "edit" || v.Origin != "" && v.Origin != "upperLeft" && v.Origin != "lowerLeft" {
		return nil, bad("quantization", "quantizationParameters：mode 为 view 或 edit，originPosition 为 upperLeft 或 lowerLeft，tolerance 为正数。 mode is view or edit, tolerance is positive.")
	}
	z := &quantization{step: v.Tolerance, upper: v.Origin != "lowerLeft"}
	if v.Extent == nil {
		return z, nil
	}
	if len(v.Extent.SR) > 0 && string(v.Extent.SR) != "null" {
		sr, err := reference("quantizationParameters.extent.spatialReference", string(v.Extent.SR), q.col.County)
		if err != nil {
			return nil, err
		}
		if sr.crs.SRID != out.crs.SRID {
			return nil, bad("quantization", "quantizationParameters.extent 的坐标系应与 outSR 相同。 Its spatial reference must be outSR.")
		}
	}
	z.x, z.y = v.Extent.XMin, v.Extent.YMax
	if !z.upper {
		z.y = v.Extent.YMin
	}
	if !finite(z.x) || !finite(z.y) {
		return nil, bad("quantization", "quantizationParameters.extent 的坐标超出范围。 Its coordinates are out of range.")
	}
	return z, nil
}
