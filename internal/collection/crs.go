package collection

import (
	"fmt"
	"math"
	"strings"

	"gengheng/internal/land"
)

// CRS is a coordinate system that features can be asked for in.
type CRS struct {
	URI  string
	SRID int
	// Inverted: the system's own axis order is latitude, longitude (or northing,
	// easting), and GeoJSON, bbox and filters are written so.
	Inverted bool
	// Digits are the decimals of coordinates: about a millimetre.
	Digits int
	// Shift is what the zone's number adds to eastings.
	Shift float64
	Flat  bool // a Gauss-Krüger plane
}

// Name is the system's in short, as GeoJSON is held to it.
func (c CRS) Name() string {
	if c.URI == CRS84.URI {
		return "CRS84"
	}
	return fmt.Sprint("EPSG:", c.SRID)
}

// How coordinates are ordered, for people.
const (
	EastFirst  = "经度在前"
	northFirst = "纬度或北坐标在前"
)

// Order is how the system has its coordinates.
func (c CRS) Order() string {
	if c.Inverted {
		return northFirst
	}
	return EastFirst
}

const epsg = "http://www.opengis.net/def/crs/EPSG/0/"

// Degrees of CGCS2000 (4490) stand for CRS84: the two agree to a few centimetres.
var (
	CRS84       = CRS{URI: "http://www.opengis.net/def/crs/OGC/1.3/CRS84", SRID: land.EPSGGeographic, Digits: 8}
	CGCS2000    = CRS{URI: epsg + "4490", SRID: land.EPSGGeographic, Inverted: true, Digits: 8}
	WebMercator = CRS{URI: epsg + "3857", SRID: 3857, Digits: 3}
)

// Systems are the coordinate systems of a county: its zone without and with the
// zone's number.
func Systems(c County) []CRS {
	list := []CRS{CRS84, CGCS2000}
	zone, ok := land.ByEPSG(c.SRID)
	if !ok {
		return append(list, WebMercator)
	}
	for _, z := range []land.Zone{zone.WithoutPrefix(), zone.WithPrefix()} {
		list = append(list, CRS{URI: fmt.Sprint(epsg, z.EPSG()), SRID: z.EPSG(), Inverted: true, Digits: 3, Shift: z.FalseEasting() - zone.FalseEasting(), Flat: true})
	}
	return append(list, WebMercator)
}

// GeoJSON is the expression of a feature's geometry as GeoJSON in a CRS.
func (c CRS) GeoJSON(col *Collection) string {
	g := "ST_ForcePolygonCCW(" + col.Geom + ")"
	if c.SRID != col.County.SRID {
		g = fmt.Sprintf("ST_Transform(%s, %d)", g, c.SRID)
	}
	if c.Inverted {
		g = "ST_FlipCoordinates(" + g + ")"
	}
	return fmt.Sprintf("coalesce(ST_AsGeoJSON(%s, %d, 0), 'null')", g, c.Decimals(col))
}

// Binary is the expression of a feature's boundary as WKB in a CRS: the easting or
// longitude first, and without the zone's number (Shift).
func (c CRS) Binary(col *Collection) string {
	if c.Flat {
		return "ST_AsBinary(" + col.Geom + ", 'NDR')"
	}
	return fmt.Sprintf("ST_AsBinary(ST_Transform(%s, %d), 'NDR')", col.Geom, c.SRID)
}

// Decimals are those of coordinates: about a millimetre, but of what is edited
// enough to come back to the very vertex on the grid of 0.0001 m, so that moving
// one leaves its neighbours where they are.
func (c CRS) Decimals(col *Collection) int {
	switch {
	case !col.Editable():
		return c.Digits
	case c.SRID == land.EPSGGeographic:
		return 10
	}
	return 5
}

// Box is a rectangle in the county's plane, or in degrees.
type Box struct {
	MinX, MinY, MaxX, MaxY float64
	Degrees                bool
}

// The part of a zone's neighbourhood where its projection is well-behaved:
// degrees from the central meridian, and of latitude. All of China's counties lie
// within 1.5 degrees of theirs.
const (
	aside            = 6.0
	southEnd, topEnd = 0.0, 60.0
)

// Boxes are the rectangles to search for a bbox of a CRS; none: nothing can be
// there. A box across the antimeridian has two halves, as Part 1 says.
func (c CRS) Boxes(v [4]float64, county County) ([]Box, error) {
	if c.Inverted {
		v[0], v[1], v[2], v[3] = v[1], v[0], v[3], v[2]
	}
	if v[1] > v[3] || v[0] > v[2] && (c.Flat || c.SRID == WebMercator.SRID) {
		return nil, Bad("bbox", "bbox 的下限大于上限；按坐标系的轴序依次给出两轴的最小值、最大值。 A lower bound of bbox exceeds its upper bound; mind the axis order.")
	}
	if c.Flat {
		return []Box{{MinX: v[0] - c.Shift, MinY: v[1], MaxX: v[2] - c.Shift, MaxY: v[3]}}, nil
	}
	if c.SRID == WebMercator.SRID {
		for i, x := range v {
			v[i] = x / earthRadius * 180 / math.Pi
			if i%2 == 1 {
				v[i] = math.Atan(math.Sinh(x/earthRadius)) * 180 / math.Pi
			}
		}
	}
	parts := [][2]float64{{v[0], v[2]}}
	if v[0] > v[2] {
		parts = [][2]float64{{v[0], 180}, {-180, v[2]}}
	}
	zone, _ := land.ByEPSG(county.SRID)
	var out []Box
	for _, p := range parts {
		b := Box{max(p[0], zone.CentralMeridian()-aside), max(v[1], southEnd), min(p[1], zone.CentralMeridian()+aside), min(v[3], topEnd), true}
		if b.MinX <= b.MaxX && b.MinY <= b.MaxY {
			out = append(out, b)
		}
	}
	return out, nil
}

// earthRadius is that of EPSG:3857, in metres.
const earthRadius = 6378137.0

// Within is the condition that a feature meets the box; arg adds a parameter and
// gives its name. The box is made once, not for every row.
func (c *Collection) Within(b Box, arg func(v any) string) string {
	return fmt.Sprintf("(%[1]s && (SELECT %[2]s) AND ST_Intersects(%[1]s, (SELECT %[2]s)))", c.Geom, c.envelope(b, arg))
}

// Near is the condition that a feature's own box meets the box.
func (c *Collection) Near(b Box, arg func(v any) string) string {
	return fmt.Sprintf("(%s && (SELECT %s))", c.Geom, c.envelope(b, arg))
}

// envelope is the expression of a box in the county's plane.
func (c *Collection) envelope(b Box, arg func(v any) string) string {
	srid := c.County.SRID
	low := fmt.Sprintf("ST_MakePoint(%s, %s)", arg(b.MinX), arg(b.MinY))
	shape := low
	if b.MinX < b.MaxX || b.MinY < b.MaxY {
		high := fmt.Sprintf("ST_MakePoint(%s, %s)", arg(b.MaxX), arg(b.MaxY))
		shape = fmt.Sprintf("ST_MakeLine(%s, %s)", low, high)
		if b.MinX < b.MaxX && b.MinY < b.MaxY { // else a rectangle would be no polygon
			shape = fmt.Sprintf("ST_Envelope(%s)", shape)
		}
	}
	if !b.Degrees {
		return fmt.Sprintf("ST_SetSRID(%s, %d)", shape, srid)
	}
	// its edges are bent in the plane
	step := max(b.MaxX-b.MinX, b.MaxY-b.MinY, 1e-6) / 32
	return fmt.Sprintf("ST_Transform(ST_SetSRID(ST_Segmentize(%s, %s), 4490), %d)", shape, arg(step), srid)
}

// System finds one of the county's systems by its URI; what names it in a message
// is the parameter. Angle brackets around it, as headers have them, are no part of
// it.
func (c County) System(what, uri string) (CRS, error) {
	uri = strings.TrimSuffix(strings.TrimPrefix(uri, "<"), ">")
	list := Systems(c)
	uris := make([]string, len(list))
	for i, v := range list {
		if uris[i] = v.URI; v.URI == uri {
			return v, nil
		}
	}
	return CRS{}, Bad("crs", fmt.Sprintf("%s 不支持坐标系 %s；可用：%s。 The CRS is not one of this collection.", what, Excerpt(uri), strings.Join(uris, "、")))
}
