package cql

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
)

// geometryWord says whether the token begins a geometry literal.
func geometryWord(t token) bool {
	if t.kind != tokenName {
		return false
	}
	switch strings.ToUpper(t.text) {
	case "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION", "BBOX":
		return true
	}
	return false
}

// geometryLiteral reads WKT or BBOX(…) and brings it into the order east,
// north.
func (p *parser) geometryLiteral() (*geometryLiteral, error) {
	at := p.token.at
	srid := p.opt.FilterSRID
	if p.opt.StorageSRID == 0 {
		srid = 0
	}
	var shape orb.Geometry
	var err error
	box := p.token.is("BBOX")
	if box {
		shape, err = p.bbox()
	} else {
		shape, err = p.wkt()
	}
	if err != nil {
		return nil, err
	}
	if c, ok := shape.(orb.Collection); ok {
		shape = flatten(c)
	}
	if shape, err = p.place(shape, box, at); err != nil {
		return nil, err
	}
	_, mixed := shape.(orb.Collection)
	return &geometryLiteral{shape: shape, srid: srid, storage: p.opt.StorageSRID, polygonal: !mixed && shape.Dimensions() == 2, mixed: mixed}, nil
}

// wkt reads a tagged geometry. Heights are read and left out, for the fields
// have none.
func (p *parser) wkt() (orb.Geometry, error) {
	word := strings.ToUpper(p.token.text)
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.is("EMPTY") || p.token.is("M") || p.token.is("ZM") {
		return nil, p.fail(p.token.at, CodeGeometry, "不支持空几何和带 M 值的几何", "empty geometries and measures (M) are not offered")
	}
	if _, err := p.accept("Z"); err != nil {
		return nil, err
	}
	switch word {
	case "POINT":
		return p.pointText()
	case "LINESTRING":
		return p.lineText()
	case "POLYGON":
		return p.polygonText()
	case "MULTIPOINT":
		points, err := listOf(p, func() (orb.Point, error) {
			if p.token.is("(") {
				return p.pointText()
			}
			return p.vertex()
		})
		return orb.MultiPoint(points), err
	case "MULTILINESTRING":
		lines, err := listOf(p, p.lineText)
		return orb.MultiLineString(lines), err
	case "MULTIPOLYGON":
		polygons, err := listOf(p, p.polygonText)
		return orb.MultiPolygon(polygons), err
	}
	members, err := listOf(p, p.member)
	return orb.Collection(members), err
}

// member reads a geometry of a collection.
func (p *parser) member() (orb.Geometry, error) {
	if !geometryWord(p.token) || p.token.is("BBOX") {
		return nil, p.unexpected("POINT、LINESTRING、POLYGON 等几何", "a geometry such as POINT, LINESTRING or POLYGON")
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.wkt()
}

// listOf reads one or more elements in parentheses.
func listOf[T any](p *parser, element func() (T, error)) ([]T, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var list []T
	for {
		x, err := element()
		if err != nil {
			return nil, err
		}
		list = append(list, x)
		more, err := p.accept(",")
		if err != nil {
			return nil, err
		}
		if !more {
			return list, p.expect(")")
		}
	}
}

func (p *parser) pointText() (orb.Point, error) {
	at := p.token.at
	points, err := listOf(p, p.vertex)
	if err != nil {
		return orb.Point{}, err
	}
	if len(points) != 1 {
		return orb.Point{}, p.fail(at, CodeGeometry, "POINT 只有一个点", "a POINT has one point")
	}
	return points[0], nil
}

func (p *parser) lineText() (orb.LineString, error) {
	at := p.token.at
	points, err := listOf(p, p.vertex)
	if err == nil && len(points) < 2 {
		err = p.fail(at, CodeGeometry, "线至少要有两个点", "a line has two points at least")
	}
	return points, err
}

func (p *parser) polygonText() (orb.Polygon, error) {
	rings, err := listOf(p, func() (orb.Ring, error) {
		at := p.token.at
		ring, err := listOf(p, p.vertex)
		if err != nil {
			return nil, err
		}
		if len(ring) < 4 {
			return nil, p.fail(at, CodeGeometry, "面的环至少要有四个点（首尾相同）", "a ring has four points at least, the last of which is the first")
		}
		if ring[0] != ring[len(ring)-1] {
			return nil, p.fail(at, CodeGeometry, "面的环没有闭合：最后一个点应与第一个点相同", "the ring is not closed: its last point must be its first")
		}
		return ring, nil
	})
	return rings, err
}

// vertex reads two or three coordinates.
func (p *parser) vertex() (orb.Point, error) {
	at := p.token.at
	if p.vertices++; p.vertices > p.opt.MaxVertices {
		return orb.Point{}, p.fail(at, CodeLimit, fmt.Sprintf("几何的顶点超过 %d 个；请简化", p.opt.MaxVertices), fmt.Sprintf("the geometries have more than %d vertices; simplify them", p.opt.MaxVertices))
	}
	x, err := p.coordinate()
	if err != nil {
		return orb.Point{}, err
	}
	y, err := p.coordinate()
	if err != nil {
		return orb.Point{}, err
	}
	if p.token.kind == tokenNumber || p.token.is("-") || p.token.is("+") {
		if _, err := p.coordinate(); err != nil {
			return orb.Point{}, err
		}
	}
	return p.eastNorth(x, y, at)
}

// coordinate reads a signed number.
func (p *parser) coordinate() (float64, error) {
	at := p.token.at
	sign := 1.0
	if p.token.is("-") || p.token.is("+") {
		if p.token.is("-") {
			sign = -1
		}
		if err := p.advance(); err != nil {
			return 0, err
		}
	}
	if p.token.kind != tokenNumber {
		return 0, p.unexpected("坐标数值", "a coordinate")
	}
	const farthest = 1e9 // m or degrees: more than any CRS has
	v, err := strconv.ParseFloat(p.token.text, 64)
	if err != nil || v > farthest {
		return 0, p.fail(at, CodeGeometry, "坐标 "+excerpt(p.token.text)+" 超出范围", "the coordinate "+excerpt(p.token.text)+" is out of range")
	}
	return sign * v, p.advance()
}

// eastNorth brings two coordinates of the filter's CRS into the order east,
// north and refuses degrees that there are not, which is how a wrong axis
// order shows.
func (p *parser) eastNorth(x, y float64, at int) (orb.Point, error) {
	point, order := orb.Point{x, y}, [2]string{"经度在前、纬度在后", "longitude, latitude"}
	if p.opt.FilterInverted {
		point, order = orb.Point{y, x}, [2]string{"纬度在前、经度在后", "latitude, longitude"}
	}
	if geographic(p.opt.FilterSRID) && (math.Abs(point[0]) > 180 || math.Abs(point[1]) > 90) {
		return point, p.fail(at, CodeGeometry, fmt.Sprintf("坐标 %g %g 不是有效的经纬度；此坐标系的顺序是%s", x, y, order[0]),
			fmt.Sprintf("%g %g are no degrees; the order of this CRS is %s", x, y, order[1]))
	}
	return point, nil
}

// bbox reads BBOX(w,s,e,n) or BBOX(w,s,low,e,n,high), in the axis order of the
// filter. A box in degrees whose west is greater than its east goes across the
// antimeridian.
func (p *parser) bbox() (orb.Geometry, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	at := p.token.at
	c, err := listOf(p, p.coordinate)
	if err != nil {
		return nil, err
	}
	switch len(c) {
	case 4:
	case 6:
		c = []float64{c[0], c[1], c[3], c[4]}
	default:
		return nil, p.fail(at, CodeGeometry, fmt.Sprintf("BBOX 应有 4 个或 6 个数，却有 %d 个", len(c)), fmt.Sprintf("BBOX takes 4 or 6 numbers, found %d", len(c)))
	}
	p.vertices += 4
	low, err := p.eastNorth(c[0], c[1], at)
	if err != nil {
		return nil, err
	}
	high, err := p.eastNorth(c[2], c[3], at)
	if err != nil {
		return nil, err
	}
	across := low[0] > high[0] && geographic(p.opt.FilterSRID)
	if low[1] > high[1] || low[0] > high[0] && !across {
		return nil, p.fail(at, CodeGeometry, "BBOX 的最小值大于最大值；顺序是 最小,最小,最大,最大", "the minimum of BBOX exceeds its maximum; the order is min,min,max,max")
	}
	if across {
		return orb.MultiPolygon{
			orb.Bound{Min: low, Max: orb.Point{180, high[1]}}.ToPolygon(),
			orb.Bound{Min: orb.Point{-180, low[1]}, Max: high}.ToPolygon(),
		}, nil
	}
	return orb.Bound{Min: low, Max: high}, nil
}

// flatten takes collections apart: members of one dimension become one
// geometry of theirs, others a collection without collections in it.
func flatten(c orb.Collection) orb.Geometry {
	var points orb.MultiPoint
	var lines orb.MultiLineString
	var polygons orb.MultiPolygon
	var add func(orb.Geometry)
	add = func(g orb.Geometry) {
		switch g := g.(type) {
		case orb.Point:
			points = append(points, g)
		case orb.MultiPoint:
			points = append(points, g...)
		case orb.LineString:
			lines = append(lines, g)
		case orb.MultiLineString:
			lines = append(lines, g...)
		case orb.Polygon:
			polygons = append(polygons, g)
		case orb.MultiPolygon:
			polygons = append(polygons, g...)
		case orb.Collection:
			for _, member := range g {
				add(member)
			}
		}
	}
	add(c)
	var parts orb.Collection
	if len(points) > 0 {
		parts = append(parts, points)
	}
	if len(lines) > 0 {
		parts = append(parts, lines)
	}
	if len(polygons) > 0 {
		parts = append(parts, polygons)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}
