package collection

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// PolygonsOf reads a GeoJSON Polygon or MultiPolygon (RFC 7946); heights are left
// out. fault says what is wrong, if anything.
func PolygonsOf(raw []byte) (mp orb.MultiPolygon, fault string) {
	var g struct {
		Type        string          `json:"type"`
		Coordinates json.RawMessage `json:"coordinates"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return nil, "不是 GeoJSON 几何。 It is not a GeoJSON geometry."
	}
	var polygons [][][][]float64
	to := any(&polygons)
	switch g.Type {
	case "MultiPolygon":
	case "Polygon":
		polygons = make([][][][]float64, 1)
		to = &polygons[0]
	default:
		return nil, fmt.Sprintf("几何类型 %q 应为 Polygon 或 MultiPolygon。 The geometry must be a Polygon or MultiPolygon.", g.Type)
	}
	if err := json.Unmarshal(g.Coordinates, to); err != nil {
		return nil, "coordinates 不是多边形的坐标数组。 coordinates is not that of a polygon."
	}
	var out orb.MultiPolygon
	for _, rings := range polygons {
		poly := make(orb.Polygon, len(rings))
		for r, ring := range rings {
			for _, p := range ring {
				if len(p) < 2 {
					return nil, "顶点缺少坐标。 A vertex lacks a coordinate."
				}
				poly[r] = append(poly[r], orb.Point{p[0], p[1]})
			}
		}
		if len(poly) > 0 {
			out = append(out, poly)
		}
	}
	if len(out) == 0 {
		return nil, "没有多边形。 There is no polygon."
	}
	return out, ""
}

// Misplaced closes the rings, brings them to the plane, and says what is wrong
// with where they lie, if anything.
func Misplaced(mp orb.MultiPolygon, project func(orb.Point) orb.Point) string {
	for _, poly := range mp {
		for r := range poly {
			ring := poly[r]
			if len(ring) == 0 {
				return tooFew
			}
			if ring[0] != ring[len(ring)-1] {
				ring = append(ring, ring[0])
			}
			for k, p := range ring {
				q := project(p)
				if !(math.Abs(q[0]-500e3) < 300e3 && q[1] > 1.6e6 && q[1] < 6.2e6) { // as a file's rows
					return fmt.Sprintf("顶点 (%g, %g) 不在本县坐标系的范围内，请核对 crs 与坐标次序（经度在前）。 This vertex lies outside the county's zone; check crs and the order of coordinates.", p[0], p[1])
				}
				ring[k] = q
			}
			if !spans(ring) {
				return tooFew
			}
			poly[r] = ring
		}
	}
	return ""
}

const tooFew = "环至少要有 3 个不同的顶点。 A ring has three different vertices at least."

// spans tells whether a ring of the plane has three vertices that still differ on
// the grid of 0.0001 m, on which boundaries are stored; with fewer it is no ring.
func spans(ring orb.Ring) bool {
	var seen []orb.Point
	for _, p := range ring {
		p = orb.Point{math.Round(p[0] * 1e4), math.Round(p[1] * 1e4)}
		if !slices.Contains(seen, p) {
			if seen = append(seen, p); len(seen) == 3 {
				return true
			}
		}
	}
	return false
}

// Plane gives the way from the system to the county's plane.
func (c CRS) Plane(county County) (func(orb.Point) orb.Point, error) {
	zone, ok := land.ByEPSG(county.SRID)
	if !ok {
		return nil, fmt.Errorf("county %s has srid %d, which is no CGCS2000 3-degree zone", county.Code, county.SRID)
	}
	return func(p orb.Point) orb.Point {
		if c.Inverted {
			p[0], p[1] = p[1], p[0]
		}
		switch {
		case c.Flat:
			return orb.Point{p[0] - c.Shift, p[1]}
		case c.SRID == WebMercator.SRID:
			p = orb.Point{p[0] / earthRadius * 180 / math.Pi, math.Atan(math.Sinh(p[1]/earthRadius)) * 180 / math.Pi}
		}
		x, y := zone.Project(p[0], p[1])
		return orb.Point{x, y}
	}, nil
}
