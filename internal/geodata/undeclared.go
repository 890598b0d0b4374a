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
		b.WriteString("没有合适的坐标系；请查明后在导出时写入坐标系。")
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
		b.WriteString("。" + evidenceZH + " · the layer declares no CRS; " + evidenceEN)
		return b.String()
	}
	b.WriteString(" · the layer declares no CRS; declare it with the option crs or zone")
	return b.String()
}

// What tells the datums apart, if not coordinates.
const (
	evidenceZH = "西安80、北京54 与 CGCS2000 同一带的坐标只差几十至百余米，仅凭坐标分不出：请找依据（成果说明、元数据、移交清单、提供单位的证明，或与控制点、已知地物比对），确认后用选项 crs 声明（zone 表示 CGCS2000）；西安80、北京54 还须给出七参数 towgs84"
	evidenceEN = "coordinates cannot tell CGCS2000 from Xi'an 80 and Beijing 54, which lie some tens of metres to over a hundred apart: find evidence (report, metadata, the deliverer's word, known points), then declare crs (zone means CGCS2000); the old datums need towgs84 as well"
)

// undeclared builds the refusal. Each plane that fits is proposed on all three
// datums: the old ones cannot be told from CGCS2000 by coordinates.
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
		for _, same := range sameOnEveryDatum(code) {
			e.Candidates = append(e.Candidates, Candidate{EPSG: same.epsg, Name: same.nameZH(), Share: share})
		}
	}
	sort.SliceStable(e.Candidates, func(i, j int) bool { return e.Candidates[i].Share > e.Candidates[j].Share })
	if opts.County.IsZero() && len(e.Candidates) > 18 {
		// Six-digit eastings without a county fit every zone: show the range.
		e.Candidates = nil
		for _, same := range sameOnEveryDatum(4534) {
			e.Candidates = append(e.Candidates, Candidate{EPSG: same.epsg, Share: -1,
				Name: fmt.Sprintf("%s（至 EPSG:%d 中央经线135°，按本县所在的带选择）", same.nameZH(), same.epsg+20)})
		}
	}
	return e
}

// sameOnEveryDatum is a CRS of CGCS2000 and its like on Xi'an 80 and Beijing 54.
func sameOnEveryDatum(code int) []*crs {
	all := []*crs{crsByEPSG(code)}
	for _, old := range []datum{datumXian80, datumBeijing54} {
		for candidate, d := range epsgGeographic {
			if code == 4490 && d == old {
				all = append(all, crsByEPSG(candidate))
			}
		}
		for _, of := range epsgBlocks {
			for _, b := range epsgBlocks {
				if of.datum == datumCGCS2000 && b.datum == old && b.sixWide == of.sixWide && b.prefixed == of.prefixed &&
					code >= of.first && code < of.first+of.zones() {
					all = append(all, crsByEPSG(b.first+code-of.first))
				}
			}
		}
	}
	return all
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
