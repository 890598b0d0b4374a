package tiles

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/collection"
	"gengheng/internal/land"
)

// Bounds of the pyramid. Beyond maxZoom clients stretch the deepest tile, in which
// a unit is 4 cm.
const (
	maxZoom = 18
	// detail is the zoom from which features are drawn as they are.
	detail = 12
	// Extent is a tile's width in units, as most clients expect.
	Extent = 4096
	// pixel is one of a tile's 256 pixels, in units.
	pixel = Extent / 256
	// margin is drawn beyond a tile's edges so that outlines meet, in units.
	margin = 4 * pixel
)

// address is a tile of WebMercatorQuad: zoom, column from 180° W, row from the north.
type address struct{ z, x, y int }

// parseAddress reads a tile's address; one that is no tile is a *collection.Problem.
func parseAddress(z, x, y string) (address, error) {
	var v [3]int
	for i, text := range []string{z, x, y} {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || text != strconv.FormatUint(n, 10) {
			return address{}, collection.Bad("tile-address", fmt.Sprintf("瓦片地址 %s/%s/%s 应为三个非负整数（级别、列、行）。 A tile's zoom, column and row are whole numbers.",
				collection.Excerpt(z), collection.Excerpt(x), collection.Excerpt(y)))
		}
		v[i] = int(n)
	}
	a := address{v[0], v[1], v[2]}
	if a.z > maxZoom {
		return a, collection.Missing("tile", fmt.Sprintf("没有第 %d 级，瓦片为 0 至 %d 级；更大的比例尺请放大第 %d 级。 Tiles are of zoom 0 to %d; stretch the deepest beyond that.", a.z, maxZoom, maxZoom, maxZoom))
	}
	if n := 1 << a.z; a.x >= n || a.y >= n {
		return a, collection.Missing("tile", fmt.Sprintf("第 %d 级的列、行为 0 至 %d，没有列 %d 行 %d。 No such tile: columns and rows of zoom %d end at %d.", a.z, n-1, a.x, a.y, a.z, n-1))
	}
	return a, nil
}

// box is the tile in degrees: west, south, east, north. by is a margin in units.
func (a address) box(by float64) [4]float64 {
	n := float64(int(1) << a.z)
	lon := func(x float64) float64 { return x/n*360 - 180 }
	lat := func(y float64) float64 { return math.Atan(math.Sinh(math.Pi*(1-2*y/n))) * 180 / math.Pi }
	x, y, m := float64(a.x), float64(a.y), by/Extent
	return [4]float64{lon(x - m), lat(y + 1 + m), lon(x + 1 + m), lat(y - m)}
}

func (a address) String() string { return fmt.Sprintf("%d/%d/%d", a.z, a.x, a.y) }

// world is a point of the plane in the square of WebMercatorQuad: 0 to 1 from the
// west and from the north.
func world(zone land.Zone, p orb.Point) (x, y float64) {
	lon, lat := zone.Geographic(p[0], p[1])
	s := math.Sin(lat * math.Pi / 180)
	return lon/360 + 0.5, 0.5 - math.Atanh(s)/(2*math.Pi)
}

// frame brings points of the county's plane to a tile's units.
type frame struct {
	zone    land.Zone
	at      address
	plane   orb.Bound // the tile with its margin, in the plane
	bent    *bend     // nil: the tile is too large for it
	degrees [4]float64
}

// newFrame makes the frame of a tile that lies near the zone. From zoom 12 on the
// way is a bend, which is off by less than a hundredth of a unit there.
func newFrame(zone land.Zone, at address) *frame {
	f := &frame{zone: zone, at: at, degrees: at.box(margin)}
	if at.z < detail {
		return f
	}
	f.plane = planeOf(zone, f.degrees).Pad(5) // its edges are bent by up to 2 m
	f.bent = newBend(f.plane, f.exact)
	return f
}

// planeOf is the part of the plane that a box in degrees takes.
func planeOf(zone land.Zone, b [4]float64) orb.Bound {
	out := orb.Bound{Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}
	for i := range 3 {
		for j := range 3 {
			x, y := zone.Project(b[0]+(b[2]-b[0])*float64(i)/2, b[1]+(b[3]-b[1])*float64(j)/2)
			out = out.Extend(orb.Point{x, y})
		}
	}
	return out
}

// bend stands for a projection over a small part of the plane: the biquadratic
// through nine of its points, some thirty times as fast. Its error grows with the
// cube of the part's size: 0.5 mm at 10 km, 0.1 m at 60 km.
type bend struct {
	e0, n0, size float64
	a, b         [9]float64
}

// newBend makes it: with u and v from -1 to 1 across the part, the values at the
// nine nodes give the coefficients of u^i·v^j.
func newBend(part orb.Bound, exact func(p orb.Point) (x, y float64)) *bend {
	c := part.Center()
	f := &bend{e0: c[0], n0: c[1], size: max(part.Max[0]-part.Min[0], part.Max[1]-part.Min[1]) / 2}
	var xs, ys [3][3]float64
	for i := range 3 {
		for j := range 3 {
			xs[i][j], ys[i][j] = exact(orb.Point{f.e0 + float64(i-1)*f.size, f.n0 + float64(j-1)*f.size})
		}
	}
	f.a, f.b = coefficients(xs), coefficients(ys)
	return f
}

func (f *bend) point(p orb.Point) orb.Point {
	u, v := (p[0]-f.e0)/f.size, (p[1]-f.n0)/f.size
	at := func(c *[9]float64) float64 {
		return c[0] + v*(c[1]+v*c[2]) + u*(c[3]+v*(c[4]+v*c[5])+u*(c[6]+v*(c[7]+v*c[8])))
	}
	return orb.Point{at(&f.a), at(&f.b)}
}

// coefficients of the biquadratic with the values v at -1, 0, 1.
func coefficients(v [3][3]float64) (out [9]float64) {
	parabola := func(a, b, c float64) [3]float64 { return [3]float64{b, (c - a) / 2, (a+c)/2 - b} }
	var rows [3][3]float64
	for i := range 3 {
		rows[i] = parabola(v[i][0], v[i][1], v[i][2])
	}
	for j := range 3 {
		col := parabola(rows[0][j], rows[1][j], rows[2][j])
		for i := range 3 {
			out[3*i+j] = col[i]
		}
	}
	return out
}

// exact is the point in units, by the projections themselves.
func (f *frame) exact(p orb.Point) (x, y float64) {
	x, y = world(f.zone, p)
	n := float64(int(1) << f.at.z)
	return (x*n - float64(f.at.x)) * Extent, (y*n - float64(f.at.y)) * Extent
}

// units is the point in the tile's units.
func (f *frame) units(p orb.Point) orb.Point {
	if f.bent == nil {
		x, y := f.exact(p)
		return orb.Point{x, y}
	}
	return f.bent.point(p)
}

// named takes what a file's name ends with off a row: 25.pbf.
func named(y string) string {
	for _, end := range []string{".pbf", ".mvt"} {
		y = strings.TrimSuffix(y, end)
	}
	return y
}
