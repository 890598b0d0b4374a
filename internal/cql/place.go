package cql

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/project"

	"gengheng/internal/land"
)

const (
	epsgWGS84       = 4326
	epsgWebMercator = 3857
)

// geographic says whether coordinates of the CRS are known to be degrees.
func geographic(srid int) bool { return srid == land.EPSGGeographic || srid == epsgWGS84 }

// place makes a geometry fit to be brought into the columns' coordinates. A
// Gauss-Krüger zone has coordinates near its meridian only: what is wholly
// beyond becomes empty, for no feature is there, and a box is cut to it, which
// changes no relation with features inside. Other geometries that are partly
// beyond are refused. What is left gets more vertices, since straight lines
// of one CRS are curves in the other.
func (p *parser) place(shape orb.Geometry, box bool, at int) (orb.Geometry, error) {
	if p.opt.StorageSRID == 0 || p.opt.StorageSRID == p.opt.FilterSRID {
		return boxed(shape), nil
	}
	if domain, ok := domain(p.opt.FilterSRID, p.opt.StorageSRID); ok {
		bound := shape.Bound()
		switch {
		case !bound.Intersects(domain):
			return orb.MultiPolygon{}, nil
		case domain.Contains(bound.Min) && domain.Contains(bound.Max):
		default:
			if !box {
				return nil, p.fail(at, CodeGeometry, "几何有一部分离本县太远，无法换算坐标；请只保留本县附近的部分",
					"part of the geometry is too far from the county for its coordinates to be transformed; keep the part that is near")
			}
			shape = cutBoxes(shape, domain)
		}
	}
	step := 1000.0 // m
	if geographic(p.opt.FilterSRID) {
		step = 0.01 // degrees
	}
	return densify(boxed(shape), step), nil
}

// cutBoxes cuts what BBOX gave to the domain.
func cutBoxes(shape orb.Geometry, domain orb.Bound) orb.Geometry {
	if b, ok := shape.(orb.Bound); ok {
		return intersection(b, domain)
	}
	var boxes orb.MultiPolygon
	for _, polygon := range shape.(orb.MultiPolygon) { // across the antimeridian
		if b := polygon.Bound(); b.Intersects(domain) {
			boxes = append(boxes, intersection(b, domain).ToPolygon())
		}
	}
	return boxes
}

func intersection(a, b orb.Bound) orb.Bound {
	return orb.Bound{
		Min: orb.Point{math.Max(a.Min[0], b.Min[0]), math.Max(a.Min[1], b.Min[1])},
		Max: orb.Point{math.Min(a.Max[0], b.Max[0]), math.Min(a.Max[1], b.Max[1])},
	}
}

// boxed makes a box a polygon or, without width or height, a line or a point.
func boxed(shape orb.Geometry) orb.Geometry {
	b, ok := shape.(orb.Bound)
	switch {
	case !ok:
		return shape
	case b.Min == b.Max:
		return b.Min
	case b.Min[0] == b.Max[0] || b.Min[1] == b.Max[1]:
		return orb.LineString{b.Min, b.Max}
	}
	return b.ToPolygon()
}

// domain is where coordinates of the filter's CRS can be brought into a
// Gauss-Krüger zone without fail: fifteen degrees to both sides of its
// meridian, from the equator to 60° north, which has all of China that a
// county of the zone can be near. ok is false where nothing is known.
func domain(filter, storage int) (orb.Bound, bool) {
	zone, ok := land.ByEPSG(storage)
	if !ok {
		return orb.Bound{}, false
	}
	const width, north = 15, 60 // degrees
	meridian := float64(3 * zone.Number)
	degrees := orb.Bound{Min: orb.Point{meridian - width, 0}, Max: orb.Point{meridian + width, north}}
	if geographic(filter) {
		return degrees, true
	}
	if filter == epsgWebMercator {
		return project.Bound(degrees, project.WGS84.ToMercator), true
	}
	from, ok := land.ByEPSG(filter)
	if !ok {
		return orb.Bound{}, false
	}
	const falseEasting, prefix, halfWidth, farNorth = 500e3, 1e6, 1500e3, 6700e3 // m
	middle := falseEasting
	if from.Prefixed {
		middle += prefix * float64(from.Number)
	}
	return orb.Bound{Min: orb.Point{middle - halfWidth, 0}, Max: orb.Point{middle + halfWidth, farNorth}}, true
}

// densify gives every line vertices at most step apart, or 64 to a side.
func densify(shape orb.Geometry, step float64) orb.Geometry {
	switch s := shape.(type) {
	case orb.LineString:
		return orb.LineString(densifyLine(s, step))
	case orb.MultiLineString:
		for i := range s {
			s[i] = densifyLine(s[i], step)
		}
	case orb.Polygon:
		for i := range s {
			s[i] = densifyLine(s[i], step)
		}
	case orb.MultiPolygon:
		for i := range s {
			densify(s[i], step)
		}
	case orb.Collection:
		for i := range s {
			s[i] = densify(s[i], step)
		}
	}
	return shape
}

func densifyLine[L ~[]orb.Point](line L, step float64) L {
	const most = 64
	dense := L{line[0]}
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		parts := math.Min(most, math.Ceil(math.Hypot(b[0]-a[0], b[1]-a[1])/step))
		for k := 1.0; k < parts; k++ {
			dense = append(dense, orb.Point{a[0] + (b[0]-a[0])*k/parts, a[1] + (b[1]-a[1])*k/parts})
		}
		dense = append(dense, b)
	}
	return dense
}
