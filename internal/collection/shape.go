package collection

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// PolygonsOf reads a GeoJSON Polygon or MultiPolygon (RFC 7946); heights are left
// out. system is what the request says that coordinates are in ("CRS84",
// "EPSG:4546", or names for the same, with 、 between them): a geometry that says otherwise of itself is refused. fault says what
// is wrong, if anything.
func PolygonsOf(raw []byte, system string) (mp orb.MultiPolygon, fault string) {
	var g struct {
		Type        string          `json:"type"`
		Coordinates json.RawMessage `json:"coordinates"`
		CRS         json.RawMessage `json:"crs"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return nil, "不是 GeoJSON 几何。 It is not a GeoJSON geometry."
	}
	if fault := OtherSystem(g.CRS, system); fault != "" {
		return nil, fault
	}
	// pointers, since null would be read as 0
	var polygons [][][][]*float64
	to := any(&polygons)
	switch g.Type {
	case "MultiPolygon":
	case "Polygon":
		polygons = make([][][][]*float64, 1)
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
				if len(p) < 2 || p[0] == nil || p[1] == nil {
					return nil, "顶点缺少坐标，或坐标为 null。 A vertex lacks a coordinate."
				}
				poly[r] = append(poly[r], orb.Point{*p[0], *p[1]})
			}
			if fault := Unclosed(poly[r]); fault != "" {
				return nil, fault
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

// Unclosed says so of a ring whose last vertex is not its first: where it was meant
// to end is not for us to say. One of fewer than three vertices is no ring anyhow,
// which Misplaced says.
func Unclosed(ring orb.Ring) string {
	if len(ring) < 3 || ring[0] == ring[len(ring)-1] || !three(ring) {
		return ""
	}
	return fmt.Sprintf("环没有闭合：最后一个顶点 (%.10g, %.10g) 应与第一个 (%.10g, %.10g) 相同，可能漏了顶点。 The ring is not closed: its last vertex is not its first.",
		ring[len(ring)-1][0], ring[len(ring)-1][1], ring[0][0], ring[0][1])
}

// systemName finds CRS84, or the authority and code, in what names a system: a URN,
// a URI or "EPSG:4490".
var systemName = regexp.MustCompile(`(?i)CRS84$|EPSG(?:/0/|/|:[^:]*:|:)(\d{4,6})$`)

// OtherSystem says so of a member "crs" (GeoJSON of before RFC 7946, which GDAL and
// QGIS still write) that names another system than the request's; there is none, or
// it says the same: "".
func OtherSystem(crs json.RawMessage, system string) string {
	if len(crs) == 0 || string(crs) == "null" {
		return ""
	}
	var c struct {
		Type       string `json:"type"`
		Properties struct {
			Name string `json:"name"`
		} `json:"properties"`
	}
	name := ""
	if json.Unmarshal(crs, &c) == nil && c.Type == "name" {
		if m := systemName.FindStringSubmatch(strings.TrimSuffix(c.Properties.Name, ">")); m != nil {
			name = "CRS84"
			if m[1] != "" {
				name = "EPSG:" + m[1]
			}
		}
	}
	if slices.Contains(strings.Split(system, "、"), name) {
		return ""
	}
	return fmt.Sprintf("crs 成员为 %s，而请求的坐标系是 %s。请去掉 crs 成员，坐标按请求的坐标系给出。 The member crs names another system than the request's; leave it out.", Excerpt(string(crs)), system)
}

// Misplaced closes the rings, brings them to the plane, and says what is wrong
// with where they lie, if anything; order is how the request has its coordinates.
func Misplaced(mp orb.MultiPolygon, project func(orb.Point) orb.Point, order string) string {
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
					return fmt.Sprintf("顶点 (%g, %g) 不在本县坐标系的范围内，请核对 crs 与坐标次序（%s）。 This vertex lies outside the county's zone; check crs and the order of coordinates.", p[0], p[1], order)
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

// three tells whether a ring has three different vertices, in any system.
func three(ring orb.Ring) bool {
	var seen []orb.Point
	for _, p := range ring {
		if !slices.Contains(seen, p) {
			if seen = append(seen, p); len(seen) == 3 {
				return true
			}
		}
	}
	return false
}

// spans tells whether a ring of the plane has three vertices that still differ on
// the grid of 0.0001 m, on which boundaries are stored; with fewer it is no ring.
func spans(ring orb.Ring) bool {
	grid := make(orb.Ring, len(ring))
	for i, p := range ring {
		grid[i] = orb.Point{math.Round(p[0] * 1e4), math.Round(p[1] * 1e4)}
	}
	return three(grid)
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
