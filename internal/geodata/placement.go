package geodata

import (
	"fmt"
	"math"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// placement brings coordinates of a layer into the target plane.
type placement struct {
	source *crs
	shift  *DatumShift
	target land.Zone // without prefix
	plane  *mercator // of the target; nil if the source's plane is the same
	home   *mercator // of the target, always
	zones  []int     // prefixes that eastings may carry
	// near is where features are expected, in the target plane; the zero
	// value means anywhere in China.
	near orb.Bound
}

// countyMargin is how far from the county's extent a feature may lie before it
// is called a stranger, metres.
const countyMargin = 20000

// place gives a vertex in the target plane, not yet rounded. The code is "" or
// the issue that the vertex has.
func (p *placement) place(v orb.Point) (orb.Point, string) {
	x, y := v[0], v[1]
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return v, IssueCoordinateInvalid
	}
	plane := p.source.plane
	if plane == nil {
		if math.Abs(x) > 180 || math.Abs(y) > 90 {
			return v, IssueCoordinateInvalid
		}
		return p.project(x, y)
	}
	if zone := zoneOf(x, plane); zone != 0 {
		if !p.allowsZone(zone) {
			return v, IssueZoneMismatch
		}
		x -= float64(zone) * 1e6
	}
	if math.Abs(x-plane.falseEasting) > 3e6 || math.Abs(y-plane.falseNorthing) > 1e7 {
		return v, IssueCoordinateInvalid
	}
	if p.plane == nil {
		return orb.Point{x, y}, ""
	}
	return p.project(plane.inverse(x, y))
}

func (p *placement) project(lon, lat float64) (orb.Point, string) {
	if p.shift != nil {
		lon, lat = p.shift.apply(p.source.ellipsoid(), lon, lat)
	}
	plane := p.plane
	if math.Abs(lon-plane.meridian) > 30 || math.Abs(lat) > 85 {
		return orb.Point{lon, lat}, IssueOutsideZone
	}
	x, y := plane.forward(lon, lat)
	return orb.Point{x, y}, ""
}

// zoneOf gives the zone number that an easting carries, or 0. Only standard
// false eastings can carry one.
func zoneOf(easting float64, plane *mercator) int {
	if plane.falseEasting != 500000 || easting < 13e6 || easting >= 46e6 {
		return 0
	}
	return int(easting / 1e6)
}

func (p *placement) allowsZone(zone int) bool {
	for _, z := range p.zones {
		if z == zone {
			return true
		}
	}
	return false
}

// where judges a feature by its extent in the target plane: "" or an issue.
func (p *placement) where(b orb.Bound) string {
	if !p.near.IsZero() {
		if p.near.Intersects(b) {
			return ""
		}
		return IssueOutsideCounty
	}
	at := b.Center()
	if p.surelyInside(at) {
		return ""
	}
	lon, lat := p.home.inverse(at[0], at[1])
	switch {
	case lon < chinaBound.Min[0] || lon > chinaBound.Max[0] || lat < chinaBound.Min[1] || lat > chinaBound.Max[1]:
		return IssueOutsideChina
	case math.Abs(lon-p.target.CentralMeridian()) > 3:
		return IssueOutsideZone
	}
	return ""
}

// surelyInside spares nearly all features the inverse projection: up to the
// northing 5500 km (49.6°) 200 km from the central meridian are less than 2.8°,
// and from the meridian 78° to 132° that lies in chinaBound.
func (p *placement) surelyInside(at orb.Point) bool {
	m := p.target.CentralMeridian()
	return m >= 78 && m <= 132 && math.Abs(at[0]-500e3) <= 200e3 && at[1] >= 1e6 && at[1] <= 5.5e6
}

// chinaBound in degrees, with the seas.
var chinaBound = orb.Bound{Min: orb.Point{73, 3}, Max: orb.Point{136, 54}}

// declaration is what is known of a layer's CRS before anything is read.
type declaration struct {
	file, layer string
	wkt         string
	epsg        int
	crs         *crs      // known otherwise than by wkt; or nil
	extent      orb.Bound // in source coordinates; zero if unknown
}

// decideCRS settles how a layer's coordinates get into the target plane, or
// refuses.
func decideCRS(d declaration, opts Options) (*placement, []Notice, error) {
	source, err := sourceCRS(d, opts)
	if err != nil {
		return nil, nil, locate(err, d.file, d.layer)
	}
	if err := checkExtent(source, d); err != nil {
		return nil, nil, locate(err, d.file, d.layer)
	}
	p := &placement{source: source}
	notices := overrideNotice(source, d, opts)
	if p.shift, err = shiftFor(source, opts); err != nil {
		return nil, nil, locate(err, d.file, d.layer)
	}
	if source.datum == datumWGS84 {
		notices = append(notices, Notice{NoticeWGS84,
			"声明的坐标系是 " + source.String() + "，按 CGCS2000 处理（两者相差不到 0.1 m）",
			"declared CRS is " + source.String() + "; taken as CGCS2000 (they differ by less than 0.1 m)"})
	}
	if p.target, err = targetZone(source, d, opts); err != nil {
		return nil, nil, locate(err, d.file, d.layer)
	}
	p.setPlane()
	if source.plane != nil {
		p.zones = source.zones()
		notices = append(notices, prefixNotice(source, d)...)
	}
	if p.plane != nil {
		notices = append(notices, Notice{NoticeTransformed,
			fmt.Sprintf("坐标由 %s 转换到 %s", source, p.target), fmt.Sprintf("coordinates transformed from %s to %s", source, p.target)})
	}
	p.near = countyBound(opts.County, p.target)
	return p, notices, nil
}

// setPlane leaves plane nil when only a prefix separates source and target.
func (p *placement) setPlane() {
	cm := p.target.CentralMeridian()
	p.home = newMercator(ellipsoidCGCS2000, cm, 1, 500000, 0)
	s := p.source.plane
	if s != nil && p.source.datum == datumCGCS2000 && s.meridian == cm && s.scale == 1 && s.falseEasting == 500000 && s.falseNorthing == 0 {
		return
	}
	p.plane = p.home
}

func sourceCRS(d declaration, opts Options) (*crs, error) {
	if opts.CRS != "" {
		return crsOfOption(opts.CRS)
	}
	if opts.Zone != 0 {
		return crsOfZone(opts.Zone)
	}
	if d.crs != nil {
		return d.crs, nil
	}
	if strings.TrimSpace(d.wkt) == "" {
		return nil, undeclared(d, opts)
	}
	c, err := crsOfWKT(d.wkt)
	if err != nil {
		return nil, err
	}
	c.epsg = d.epsg
	return c, nil
}

// overrideNotice tells when an option stands for what the file declares.
func overrideNotice(c *crs, d declaration, opts Options) []Notice {
	if opts.CRS == "" && opts.Zone == 0 {
		return nil
	}
	declared := d.crs
	if declared == nil && strings.TrimSpace(d.wkt) != "" {
		var err error
		if declared, err = crsOfWKT(d.wkt); err != nil {
			declared = &crs{name: printable(d.wkt)}
		}
	}
	if declared == nil || declared.datum == c.datum && (declared.plane == nil) == (c.plane == nil) &&
		(c.plane == nil || declared.plane.meridian == c.plane.meridian && declared.plane.scale == c.plane.scale) {
		return nil
	}
	return []Notice{{NoticeCRSOverridden,
		fmt.Sprintf("文件声明的坐标系是 %s，按选项改用 %s", declared, c), fmt.Sprintf("the file declares %s; %s was taken as the option says", declared, c)}}
}

// shiftFor finds the seven parameters of the old datums. There is no
// nationwide set: each county has its own, and they are not published. Without
// them a transformation would be off by up to a hundred metres.
func shiftFor(c *crs, opts Options) (*DatumShift, error) {
	if c.datum != datumXian80 && c.datum != datumBeijing54 {
		return nil, nil
	}
	shift := opts.TOWGS84
	if shift == nil {
		shift = c.shift
	}
	name := datums[c.datum].name
	if shift == nil || *shift == (DatumShift{}) {
		return nil, fileError(ErrCRSShift, "",
			"坐标系是 "+c.String()+"，转换到 CGCS2000 需要本县的七参数（TOWGS84：dx,dy,dz 米，rx,ry,rz 秒，ds 百万分之一；位置矢量法）；请由测绘主管部门提供后用 towgs84 给出，或先转换成 CGCS2000 再上传",
			"the CRS is on "+name+"; going to CGCS2000 needs the county's seven parameters (TOWGS84 dx,dy,dz,rx,ry,rz,ds); give them as towgs84, or transform the file first")
	}
	for _, v := range []struct{ value, most float64 }{
		{shift.DX, 1000}, {shift.DY, 1000}, {shift.DZ, 1000}, {shift.RX, 60}, {shift.RY, 60}, {shift.RZ, 60}, {shift.DS, 100},
	} {
		if !(math.Abs(v.value) <= v.most) {
			return nil, fileError(ErrCRSShift, "",
				fmt.Sprintf("七参数中的 %g 超出合理范围 ±%g；单位应是米、秒和百万分之一", v.value, v.most),
				fmt.Sprintf("parameter %g is outside ±%g; the units are metres, arc seconds and parts per million", v.value, v.most))
		}
	}
	return shift, nil
}

func targetZone(c *crs, d declaration, opts Options) (land.Zone, error) {
	if opts.SRID != 0 {
		z, ok := land.ByEPSG(opts.SRID)
		if !ok || z.Prefixed {
			return z, fmt.Errorf("target EPSG:%d is not one of 4534 to 4554", opts.SRID)
		}
		return z, nil
	}
	if c.plane != nil {
		if n := c.plane.meridian / 3; n == math.Trunc(n) && (land.Zone{Number: int(n)}).Valid() {
			return land.Zone{Number: int(n)}, nil
		}
	}
	lon := d.extent.Center()[0]
	if c.plane != nil {
		x, y := stripZone(d.extent.Center(), c.plane)
		lon, _ = c.plane.inverse(x, y)
	}
	if z, ok := land.ForLongitude(lon); ok {
		return z, nil
	}
	return land.Zone{}, fileError(ErrCRSConflict, "",
		"坐标不在中国 3度带（25–45 带）范围内："+boundText(d.extent), "the coordinates are outside the 3-degree zones 25 to 45: "+boundText(d.extent))
}

func stripZone(v orb.Point, plane *mercator) (x, y float64) {
	return v[0] - float64(zoneOf(v[0], plane))*1e6, v[1]
}

// countyBound is the county's extent in the plane, with a margin.
func countyBound(county orb.Bound, zone land.Zone) orb.Bound {
	if county.IsZero() || county.IsEmpty() {
		return orb.Bound{}
	}
	var b orb.Bound
	first := true
	for i := range 5 {
		for j := range 5 {
			lon := county.Min[0] + (county.Max[0]-county.Min[0])*float64(i)/4
			lat := county.Min[1] + (county.Max[1]-county.Min[1])*float64(j)/4
			x, y := zone.Project(lon, lat)
			if first {
				b, first = orb.Bound{Min: orb.Point{x, y}, Max: orb.Point{x, y}}, false
			}
			b = b.Extend(orb.Point{x, y})
		}
	}
	return b.Pad(countyMargin)
}

func prefixNotice(c *crs, d declaration) []Notice {
	if d.extent.IsZero() {
		return nil
	}
	zone := zoneOf(d.extent.Min[0], c.plane)
	switch {
	case zone != 0 && c.prefix == 0:
		return []Notice{{NoticeZonePrefix,
			fmt.Sprintf("东坐标带有带号 %d，而声明的坐标系 %s 不带；已去掉带号", zone, c),
			fmt.Sprintf("eastings carry zone %d although %s has none; the prefix was taken off", zone, c)}}
	case zone == 0 && c.prefix != 0:
		return []Notice{{NoticeZonePrefix,
			fmt.Sprintf("声明的坐标系 %s 带带号 %d，而东坐标没有；按不带带号读取", c, c.prefix),
			fmt.Sprintf("%s has zone %d but the eastings carry none; read without prefix", c, c.prefix)}}
	}
	return nil
}

// checkExtent finds layers whose coordinates cannot be what they are declared
// to be.
func checkExtent(c *crs, d declaration) error {
	b := d.extent
	if b.IsZero() {
		return nil
	}
	degrees := inDegrees(b)
	switch {
	case c.plane == nil && !degrees:
		return conflict(d, c, "坐标是投影坐标（米），不是经纬度", "the coordinates are metres, not degrees")
	case c.plane == nil && swappedDegrees(b), c.plane != nil && swappedMetres(b):
		return fileError(ErrAxesSwapped, "",
			"纵横坐标颠倒了（x 应是东坐标或经度，y 应是北坐标或纬度）："+boundText(b)+"；请调换后重新导出",
			"x and y are swapped (x must be easting or longitude): "+boundText(b)+"; swap them and export again")
	case c.plane != nil && degrees:
		return conflict(d, c, "坐标像经纬度（度），不是投影坐标", "the coordinates look like degrees, not metres")
	}
	if c.plane == nil {
		return nil
	}
	low, high := zoneOf(b.Min[0], c.plane), zoneOf(b.Max[0], c.plane)
	if low != 0 && low == high && !(&placement{zones: c.zones()}).allowsZone(low) {
		return conflict(d, c,
			fmt.Sprintf("东坐标的带号是 %d，而坐标系的中央经线是 %g°", low, c.plane.meridian),
			fmt.Sprintf("eastings carry zone %d but the central meridian is %g", low, c.plane.meridian))
	}
	return nil
}

func conflict(d declaration, c *crs, zh, en string) error {
	return fileError(ErrCRSConflict, "",
		fmt.Sprintf("与声明的坐标系 %s 矛盾：%s（%s）；请核对坐标系定义（.prj）", c, zh, boundText(d.extent)),
		fmt.Sprintf("contradicts the declared %s: %s (%s); check the .prj", c, en, boundText(d.extent)))
}

// locate fills in the file and layer of an error that was made without.
func locate(err error, file, layer string) error {
	if e, ok := err.(*FileError); ok && e.File == "" {
		e.File, e.Layer = file, layer
	}
	return err
}

func inDegrees(b orb.Bound) bool {
	return b.Min[0] >= -180 && b.Max[0] <= 180 && b.Min[1] >= -180 && b.Max[1] <= 180
}

// swappedDegrees: latitudes of China where longitudes should be.
func swappedDegrees(b orb.Bound) bool {
	return inDegrees(b) && within(b.Min[0], b.Max[0], 3, 54) && within(b.Min[1], b.Max[1], 73, 136)
}

// swappedMetres: northings of China (latitude 14 to 54) where eastings should
// be, and eastings where northings should be.
func swappedMetres(b orb.Bound) bool {
	return within(b.Min[0], b.Max[0], 1.5e6, 6.1e6) &&
		(within(b.Min[1], b.Max[1], 1e5, 1e6) || within(b.Min[1], b.Max[1], 13e6, 46e6))
}

func within(low, high, from, to float64) bool { return low >= from && high <= to }

func boundText(b orb.Bound) string {
	format := "x %.0f–%.0f, y %.0f–%.0f"
	if inDegrees(b) {
		format = "x %.4f–%.4f, y %.4f–%.4f"
	}
	return fmt.Sprintf(format, b.Min[0], b.Max[0], b.Min[1], b.Max[1])
}
