package geodata

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gengheng/internal/land"
)

// datum is one of the four that Chinese survey data come in.
type datum int

const (
	datumUnknown datum = iota
	datumCGCS2000
	datumWGS84
	datumXian80
	datumBeijing54
)

var datums = map[datum]struct {
	name      string
	ellipsoid ellipsoid
}{
	datumCGCS2000:  {"CGCS2000", ellipsoidCGCS2000},
	datumWGS84:     {"WGS 84", ellipsoidWGS84},
	datumXian80:    {"Xi'an 1980", ellipsoidIAG75},
	datumBeijing54: {"Beijing 1954", ellipsoidKrassowsky},
}

// crs is a coordinate reference system that can be read: geographic degrees or
// a transverse Mercator in metres, on one of the datums.
type crs struct {
	name  string
	epsg  int // 0: not known by a code
	datum datum
	// plane is nil for geographic coordinates. Its false easting is without
	// zone prefix.
	plane *mercator
	// prefix is the zone number that the false easting declares (37500000),
	// or 0.
	prefix int
	// shift is what a TOWGS84 of the file says, or nil.
	shift *DatumShift
}

func (c *crs) ellipsoid() ellipsoid { return datums[c.datum].ellipsoid }

func (c *crs) String() string {
	if c.epsg != 0 {
		return fmt.Sprintf("%s (EPSG:%d)", c.name, c.epsg)
	}
	return c.name
}

// nameZH puts the datum's Chinese name before the CRS's own.
func (c *crs) nameZH() string {
	switch c.datum {
	case datumXian80:
		return "西安80（" + c.name + "）"
	case datumBeijing54:
		return "北京54（" + c.name + "）"
	}
	return c.name
}

// zones are the zone numbers that eastings may carry in this plane: of the
// 3-degree and of the 6-degree division, which share meridians.
func (c *crs) zones() []int {
	var zones []int
	cm := c.plane.meridian
	if c.prefix != 0 {
		zones = append(zones, c.prefix)
	}
	if z := cm / 3; z == math.Trunc(z) {
		zones = append(zones, int(z))
	}
	if z := (cm + 3) / 6; z == math.Trunc(z) {
		zones = append(zones, int(z))
	}
	return zones
}

// gaussKruger makes the plane of a meridian; prefix 0 means without.
func gaussKruger(d datum, meridian float64, prefix int, name string, epsg int) *crs {
	return &crs{name: name, epsg: epsg, datum: d, prefix: prefix,
		plane: newMercator(datums[d].ellipsoid, meridian, 1, 500000, 0)}
}

type epsgBlock struct {
	first    int
	datum    datum
	sixWide  bool
	prefixed bool
}

// zones is how many codes, one a zone, the block has.
func (b epsgBlock) zones() int {
	if b.sixWide {
		return 11
	}
	return 21
}

// epsgBlocks are the runs of consecutive EPSG codes, in zones from the west:
// 21 of 3 degrees (zones 25-45) or 11 of 6 degrees (zones 13-23), with and
// without zone prefix.
var epsgBlocks = []epsgBlock{
	{4513, datumCGCS2000, false, true}, {4534, datumCGCS2000, false, false},
	{4491, datumCGCS2000, true, true}, {4502, datumCGCS2000, true, false},
	{2349, datumXian80, false, true}, {2370, datumXian80, false, false},
	{2327, datumXian80, true, true}, {2338, datumXian80, true, false},
	{2401, datumBeijing54, false, true}, {2422, datumBeijing54, false, false},
	{21413, datumBeijing54, true, true}, {21453, datumBeijing54, true, false},
}

var epsgGeographic = map[int]datum{4490: datumCGCS2000, 4326: datumWGS84, 4610: datumXian80, 4214: datumBeijing54}

// crsByEPSG gives the CRS of a code, or nil for one that is not supported.
func crsByEPSG(code int) *crs {
	if d, ok := epsgGeographic[code]; ok {
		return &crs{name: datums[d].name, epsg: code, datum: d}
	}
	if code >= 32643 && code <= 32653 { // WGS 84 UTM north over China
		meridian := float64((code-32600)*6 - 183)
		return &crs{name: fmt.Sprintf("WGS 84 / UTM %dN", code-32600), epsg: code, datum: datumWGS84,
			plane: newMercator(ellipsoidWGS84, meridian, 0.9996, 500000, 0)}
	}
	for _, b := range epsgBlocks {
		number, width := 25, 3
		if b.sixWide {
			number, width = 13, 6
		}
		if code < b.first || code >= b.first+b.zones() {
			continue
		}
		number += code - b.first
		meridian := number * 3
		if b.sixWide {
			meridian = number*6 - 3
		}
		prefix, name := 0, fmt.Sprintf("%s / %d度带中央经线%d°", datums[b.datum].name, width, meridian)
		if b.prefixed {
			prefix, name = number, fmt.Sprintf("%s / %d度带第%d带", datums[b.datum].name, width, number)
		}
		return gaussKruger(b.datum, float64(meridian), prefix, name, code)
	}
	return nil
}

// crsOfOption reads Options.CRS: "4525", "EPSG:4525".
func crsOfOption(text string) (*crs, error) {
	code := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "EPSG:")
	if n, err := strconv.Atoi(code); err == nil {
		if c := crsByEPSG(n); c != nil {
			return c, nil
		}
	}
	return nil, fileError(ErrCRSUnknown, "",
		fmt.Sprintf("不支持的坐标系 %q；可用 EPSG 4490、4491–4554、4326、32643–32653，以及西安80（4610、2327–2390）、北京54（4214、2401–2442、21413–21423、21453–21463）", text),
		fmt.Sprintf("CRS %q is not supported; use one of the EPSG codes listed", text))
}

// crsOfZone is CGCS2000 3-degree zone number.
func crsOfZone(number int) (*crs, error) {
	z := land.Zone{Number: number}
	if !z.Valid() {
		return nil, fileError(ErrCRSUnknown, "", fmt.Sprintf("带号 %d 不在 25–45", number), fmt.Sprintf("zone %d is not in 25 to 45", number))
	}
	return crsByEPSG(z.EPSG()), nil
}

// crsOfWKT reads the CRS of a .prj or of libgdal. The error says in both
// languages what is not understood.
func crsOfWKT(text string) (*crs, error) {
	root, err := parseWKT(text)
	if err != nil {
		return nil, unsupportedCRS("坐标系定义不能解读", "its definition cannot be parsed: "+err.Error())
	}
	switch root.keyword {
	case "COMPD_CS", "COMPOUNDCRS", "BOUNDCRS": // the horizontal part counts
		inner := root.find("PROJCS", "GEOGCS", "PROJCRS", "GEOGCRS", "GEODCRS", "SOURCECRS")
		if inner != nil && inner.keyword == "SOURCECRS" && len(inner.children) > 0 {
			inner = inner.children[0]
		}
		if inner != nil {
			root = inner
		}
	}
	c := &crs{name: root.name()}
	switch root.keyword {
	case "GEOGCS", "GEOGCRS", "GEODCRS":
		return c, c.readGeographic(root)
	case "PROJCS", "PROJCRS":
		if err := c.readGeographic(root.find("GEOGCS", "BASEGEOGCRS", "BASEGEODCRS")); err != nil {
			return nil, err
		}
		return c, c.readProjection(root)
	}
	return nil, unsupportedCRS("是 "+root.keyword+"，不是地理或投影坐标系", "it is a "+root.keyword)
}

func unsupportedCRS(zh, en string) *FileError {
	return fileError(ErrCRSUnknown, "", "坐标系不能用："+zh+"；请在 ArcGIS 或 QGIS 中投影到 CGCS2000 3度带后重新导出", "the CRS cannot be used: "+en+"; reproject to CGCS2000 3-degree Gauss-Kruger and export again")
}

func (c *crs) readGeographic(n *wktNode) error {
	if n == nil {
		return unsupportedCRS("没有基准面", "it has no datum")
	}
	d := n.find("DATUM", "GEODETICDATUM", "TRF", "ENSEMBLE")
	if c.datum = datumNamed(d.name()); c.datum == datumUnknown {
		c.datum = datumNamed(n.name())
	}
	if c.datum == datumUnknown {
		return unsupportedCRS(fmt.Sprintf("不认识基准面 %q", d.name()), fmt.Sprintf("datum %q is unknown", d.name()))
	}
	s := d.find("SPHEROID", "ELLIPSOID")
	a, okA := s.number(0)
	rf, okF := s.number(1)
	want := c.ellipsoid()
	// Some programs write WGS 84's flattening for CGCS2000: a tenth of a
	// millimetre, let pass.
	if okA && okF && (math.Abs(a-want.a) > 0.01 || math.Abs(rf-want.rf) > 1e-5) {
		return unsupportedCRS(fmt.Sprintf("基准面 %s 与椭球 a=%g, 1/f=%g 矛盾", datums[c.datum].name, a, rf),
			fmt.Sprintf("datum %s contradicts ellipsoid a=%g, 1/f=%g", datums[c.datum].name, a, rf))
	}
	if m, ok := n.find("PRIMEM", "PRIMEMERIDIAN").number(0); ok && m != 0 {
		return unsupportedCRS("本初子午线不是格林尼治", "the prime meridian is not Greenwich")
	}
	if u, ok := n.find("UNIT", "ANGLEUNIT").number(0); ok && math.Abs(u-math.Pi/180) > 1e-9 {
		return unsupportedCRS("角度单位不是度", "the angular unit is not the degree")
	}
	if t := d.find("TOWGS84"); t != nil && len(t.numbers) == 7 {
		v := t.numbers
		c.shift = &DatumShift{v[0], v[1], v[2], v[3], v[4], v[5], v[6]}
	}
	return nil
}

func datumNamed(name string) datum {
	key := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127:
			return r
		}
		return -1
	}, name)
	for _, known := range []struct {
		part  string
		datum datum
	}{
		{"newbeijing", datumUnknown},
		{"cgcs2000", datumCGCS2000}, {"china2000", datumCGCS2000}, {"chinageodeticcoordinatesystem2000", datumCGCS2000}, {"2000国家大地坐标系", datumCGCS2000},
		{"wgs1984", datumWGS84}, {"wgs84", datumWGS84}, {"worldgeodeticsystem1984", datumWGS84},
		{"xian1980", datumXian80}, {"xian80", datumXian80}, {"西安1980", datumXian80}, {"西安80", datumXian80},
		{"beijing1954", datumBeijing54}, {"beijing54", datumBeijing54}, {"北京1954", datumBeijing54}, {"北京54", datumBeijing54},
	} {
		if strings.Contains(key, known.part) {
			return known.datum
		}
	}
	return datumUnknown
}

func (c *crs) readProjection(n *wktNode) error {
	conversion := n.find("CONVERSION")
	method := n.find("PROJECTION").name()
	if conversion != nil {
		method = conversion.find("METHOD", "PROJECTION").name()
	} else {
		conversion = n
	}
	switch key := letters(method); key {
	case "transversemercator", "gausskruger", "gausskrüger":
	default:
		return unsupportedCRS(fmt.Sprintf("投影方法 %q 不是高斯-克吕格", method), fmt.Sprintf("projection %q is not Gauss-Kruger", method))
	}
	p := map[string]float64{}
	for _, child := range conversion.children {
		if v, ok := child.number(0); ok && child.keyword == "PARAMETER" {
			p[letters(child.name())] = v
		}
	}
	value := func(otherwise float64, names ...string) float64 {
		for _, name := range names {
			if v, ok := p[name]; ok {
				return v
			}
		}
		return otherwise
	}
	meridian := value(math.NaN(), "centralmeridian", "longitudeofnaturalorigin", "longitudeoforigin")
	origin := value(0, "latitudeoforigin", "latitudeofnaturalorigin")
	scale := value(1, "scalefactor", "scalefactoratnaturalorigin")
	east := value(math.NaN(), "falseeasting")
	north := value(0, "falsenorthing")
	unit := 1.0
	if u, ok := n.find("UNIT", "LENGTHUNIT").number(0); ok {
		unit = u
	}
	switch {
	case math.IsNaN(meridian) || math.IsNaN(east):
		return unsupportedCRS("缺少中央经线或东偏", "central meridian or false easting is missing")
	case origin != 0 || unit != 1:
		return unsupportedCRS("起算纬度不是 0 或单位不是米", "the latitude of origin is not 0 or the unit is not the metre")
	case math.Abs(meridian) > 180 || !(scale > 0.9 && scale < 1.1):
		return unsupportedCRS("投影参数超出范围", "a projection parameter is out of range")
	}
	if z := math.Floor(east / 1e6); z >= 13 && z <= 45 && east == z*1e6+500000 {
		c.prefix, east = int(z), 500000
	}
	c.plane = newMercator(c.ellipsoid(), meridian, scale, east, north)
	if c.prefix != 0 {
		if zones := (&crs{plane: c.plane}).zones(); !slices.Contains(zones, c.prefix) {
			return unsupportedCRS(fmt.Sprintf("带号 %d 与中央经线 %g° 矛盾", c.prefix, meridian), fmt.Sprintf("zone %d contradicts the central meridian %g", c.prefix, meridian))
		}
	}
	return nil
}

// letters reduces a parameter's name to what the flavours of WKT have in
// common.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '_' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
