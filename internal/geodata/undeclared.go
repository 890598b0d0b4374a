package geodata

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/paulmach/orb"
)

// Candidate is a CRS that an undeclared file could be in.
type Candidate struct {
	EPSG int
	Name string
	// Share is the part of the data's extent that would lie in the county, 0
	// to 1; -1 if the county's extent is not known.
	Share float64
}

// UndeclaredCRSError refuses a layer without a CRS and says what would fit.
type UndeclaredCRSError struct {
	File, Layer string
	// Extent is in the file's own coordinates.
	Extent orb.Bound
	// Candidates are sorted by share, the likeliest first.
	Candidates []Candidate
	// Swapped: the axes look swapped.
	Swapped bool
}

// Error lists the candidates and says how to declare one.
func (e *UndeclaredCRSError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s（图层 %s）：没有声明坐标系（缺少 .prj 或坐标系未定义），坐标范围 %s；不能猜测。", e.File, e.Layer, boundText(e.Extent))
	switch {
	case e.Swapped:
		b.WriteString("纵横坐标似乎颠倒了，请先调换。")
	case len(e.Candidates) == 0:
		b.WriteString("没有合适的 CGCS2000 坐标系；请查明后在导出时写入坐标系。")
	default:
		b.WriteString("可能的坐标系：")
		for i, c := range e.Candidates {
			if i > 0 {
				b.WriteString("，")
			}
			fmt.Fprintf(&b, "EPSG:%d %s", c.EPSG, c.Name)
			if c.Share >= 0 {
				fmt.Fprintf(&b, "（%.0f%% 落在本县）", 100*c.Share)
			}
		}
		b.WriteString("。请确认后用选项 crs（或 zone）声明。")
	}
	b.WriteString(" · the layer declares no CRS; declare it with the option crs or zone")
	return b.String()
}

// undeclared builds the refusal. Only CGCS2000 is proposed: the old datums
// cannot be told from it by coordinates, and need parameters anyway.
func undeclared(d declaration, opts Options) error {
	e := &UndeclaredCRSError{File: d.file, Layer: d.layer, Extent: d.extent}
	e.Swapped = swappedDegrees(d.extent) || swappedMetres(d.extent)
	if d.extent.IsZero() || e.Swapped {
		return e
	}
	for _, code := range plausibleCodes(d.extent) {
		c := crsByEPSG(code)
		share := shareInCounty(c, d.extent, opts.County)
		if share == 0 {
			continue
		}
		e.Candidates = append(e.Candidates, Candidate{EPSG: code, Name: c.name, Share: share})
	}
	sort.SliceStable(e.Candidates, func(i, j int) bool { return e.Candidates[i].Share > e.Candidates[j].Share })
	if opts.County.IsZero() && len(e.Candidates) > 6 {
		// Six-digit eastings without a county fit every zone: show the range.
		e.Candidates = nil
		e.Candidates = append(e.Candidates, Candidate{EPSG: 4534, Name: "CGCS2000 / 3度带 中央经线 75°（至 EPSG:4554 中央经线 135°，按本县所在的带选择）", Share: -1})
	}
	return e
}

// plausibleCodes are the CGCS2000 codes that an extent's magnitudes allow.
func plausibleCodes(b orb.Bound) []int {
	if inDegrees(b) {
		if chinaBound.Intersects(b) {
			return []int{4490}
		}
		return nil
	}
	if !within(b.Min[1], b.Max[1], 3e5, 6.1e6) {
		return nil
	}
	low, high := math.Floor(b.Min[0]/1e6), math.Floor(b.Max[0]/1e6)
	switch {
	case low == high && low >= 25 && low <= 45:
		return []int{4513 + int(low) - 25}
	case low == high && low >= 13 && low <= 23:
		return []int{4491 + int(low) - 13}
	case within(b.Min[0], b.Max[0], -5e5, 1.5e6):
		codes := make([]int, 0, 21)
		for i := range 21 {
			codes = append(codes, 4534+i)
		}
		return codes
	}
	return nil
}

// shareInCounty is the share of an extent, read in a CRS, that lies in the
// county; of a point or line, whether its middle does. -1 without a county.
func shareInCounty(c *crs, extent, county orb.Bound) float64 {
	if county.IsZero() {
		return -1
	}
	b := extent
	if c.plane != nil {
		b = geographicBound(c.plane, extent)
	}
	both := orb.Bound{
		Min: orb.Point{math.Max(b.Min[0], county.Min[0]), math.Max(b.Min[1], county.Min[1])},
		Max: orb.Point{math.Min(b.Max[0], county.Max[0]), math.Min(b.Max[1], county.Max[1])},
	}
	area := (b.Max[0] - b.Min[0]) * (b.Max[1] - b.Min[1])
	switch {
	case both.Min[0] > both.Max[0] || both.Min[1] > both.Max[1]:
		return 0
	case area <= 0:
		return 1
	}
	return (both.Max[0] - both.Min[0]) * (both.Max[1] - both.Min[1]) / area
}

func geographicBound(plane *mercator, b orb.Bound) orb.Bound {
	var out orb.Bound
	for i, corner := range []orb.Point{b.Min, {b.Max[0], b.Min[1]}, b.Max, {b.Min[0], b.Max[1]}} {
		x, y := stripZone(corner, plane)
		lon, lat := plane.inverse(x, y)
		if i == 0 {
			out = orb.Bound{Min: orb.Point{lon, lat}, Max: orb.Point{lon, lat}}
		}
		out = out.Extend(orb.Point{lon, lat})
	}
	return out
}
