package ogc

import (
	"fmt"
	"math"
	"strings"

	"gengheng/internal/land"
)

// crs is a coordinate system that features can be asked for in.
type crs struct {
	uri  string
	srid int
	// inverted: the system's own axis order is latitude, longitude (or northing,
	// easting), and GeoJSON, bbox and filters are written so.
	inverted bool
	// digits are the decimals of coordinates: about a millimetre.
	digits int
	// shift is what the zone's number adds to eastings.
	shift float64
	plane bool // a Gauss-Krüger plane
}

const epsg = "http://www.opengis.net/def/crs/EPSG/0/"

// Degrees of CGCS2000 (4490) stand for CRS84: the two agree to a few centimetres.
var (
	crs84  = crs{uri: "http://www.opengis.net/def/crs/OGC/1.3/CRS84", srid: land.EPSGGeographic, digits: 8}
	cgcs   = crs{uri: epsg + "4490", srid: land.EPSGGeographic, inverted: true, digits: 8}
	webMap = crs{uri: epsg + "3857", srid: 3857, digits: 3}
)

// systems are the coordinate systems of a county: its zone without and with the
// zone's number.
func systems(c countyRow) []crs {
	list := []crs{crs84, cgcs}
	zone, ok := land.ByEPSG(c.srid)
	if !ok {
		return append(list, webMap)
	}
	for _, z := range []land.Zone{zone.WithoutPrefix(), zone.WithPrefix()} {
		list = append(list, crs{uri: fmt.Sprint(epsg, z.EPSG()), srid: z.EPSG(), inverted: true, digits: 3, shift: z.FalseEasting() - zone.FalseEasting(), plane: true})
	}
	return append(list, webMap)
}

// crsClass is OGC 18-058r1, "Coordinate Reference Systems by Reference". The axis
// order of answers is that of the system's definition, as QGIS and GDAL expect.
func crsClass() class {
	take := func(name string, at func(q *query) *crs) func(q *query, value string) error {
		return func(q *query, value string) error {
			v, err := q.system(name, value)
			if err == nil {
				*at(q) = v
			}
			return err
		}
	}
	uri := map[string]any{"type": "string", "format": "uri"}
	return class{
		conforms: []string{"http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs"},
		params: []param{
			{name: "crs", text: "答复的坐标系，按该坐标系定义的轴序 · the answer's CRS, in its own axis order", schema: uri, feature: true,
				set: take("crs", func(q *query) *crs { return &q.out })},
			{name: "bbox-crs", text: "bbox 的坐标系与轴序 · the CRS and axis order of bbox", schema: uri,
				set: take("bbox-crs", func(q *query) *crs { return &q.boxCRS })},
		},
		describe: func(col *collection, v *description) {
			v.CRS = nil
			for _, c := range systems(col.county) {
				v.CRS = append(v.CRS, c.uri)
				if c.srid == col.county.srid {
					v.StorageCRS = c.uri
				}
			}
		},
	}
}

// system finds a CRS by its URI. Angle brackets around it, as headers have them,
// are no part of it.
func (q *query) system(name, value string) (crs, error) {
	value = strings.TrimSuffix(strings.TrimPrefix(value, "<"), ">")
	list := systems(q.col.county)
	uris := make([]string, len(list))
	for i, c := range list {
		if uris[i] = c.uri; c.uri == value {
			return c, nil
		}
	}
	return crs{}, bad("crs", fmt.Sprintf("%s 不支持坐标系 %s；可用：%s。 The CRS is not one of this collection.", name, excerpt(value), strings.Join(uris, "、")))
}

// geometry is the expression of a feature's geometry as GeoJSON in a CRS.
func (c crs) geometry(col *collection) string {
	g := "ST_ForcePolygonCCW(" + col.geom + ")"
	if c.srid != col.county.srid {
		g = fmt.Sprintf("ST_Transform(%s, %d)", g, c.srid)
	}
	if c.inverted {
		g = "ST_FlipCoordinates(" + g + ")"
	}
	return fmt.Sprintf("coalesce(ST_AsGeoJSON(%s, %d, 0), 'null')", g, c.digits)
}

// box is a rectangle in the county's plane, or in degrees.
type box struct {
	minX, minY, maxX, maxY float64
	degrees                bool
}

// The part of a zone's neighbourhood where its projection is well-behaved:
// degrees from the central meridian, and of latitude. All of China's counties lie
// within 1.5 degrees of theirs.
const (
	aside            = 6.0
	southEnd, topEnd = 0.0, 60.0
)

// boxes are the rectangles to search for a bbox of a CRS; none: nothing can be
// there. A box across the antimeridian has two halves, as Part 1 says.
func (c crs) boxes(v [4]float64, county countyRow) ([]box, error) {
	if c.inverted {
		v[0], v[1], v[2], v[3] = v[1], v[0], v[3], v[2]
	}
	if v[1] > v[3] || v[0] > v[2] && (c.plane || c.srid == webMap.srid) {
		return nil, bad("bbox", "bbox 的下限大于上限；按坐标系的轴序依次给出两轴的最小值、最大值。 A lower bound of bbox exceeds its upper bound; mind the axis order.")
	}
	if c.plane {
		return []box{{minX: v[0] - c.shift, minY: v[1], maxX: v[2] - c.shift, maxY: v[3]}}, nil
	}
	if c.srid == webMap.srid {
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
	zone, _ := land.ByEPSG(county.srid)
	var out []box
	for _, p := range parts {
		b := box{max(p[0], zone.CentralMeridian()-aside), max(v[1], southEnd), min(p[1], zone.CentralMeridian()+aside), min(v[3], topEnd), true}
		if b.minX <= b.maxX && b.minY <= b.maxY {
			out = append(out, b)
		}
	}
	return out, nil
}

// earthRadius is that of EPSG:3857, in metres.
const earthRadius = 6378137.0
