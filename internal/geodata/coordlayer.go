package geodata

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// maxTextBytes bounds a coordinate TXT, which is held in memory.
const maxTextBytes = 256 << 20

// textLayer makes a layer of a coordinate TXT.
func (s *Source) textLayer(at namedPath) *Layer {
	l := &Layer{File: at.name, Name: strings.TrimSuffix(path.Base(at.name), path.Ext(at.name)), Geometry: "Polygon", Count: -1}
	l.schema.Fields = textFields
	text, err := l.decodeText(s.opts, at)
	if err != nil {
		l.problem = err
		return l
	}
	t, err := parseCoordinateText(text)
	if err != nil {
		l.problem = textFileError(at.name, err)
		return l
	}
	l.Count = int64(len(t.parcels))
	kind, err := t.order()
	if err != nil {
		l.problem = textFileError(at.name, err)
		return l
	}
	source, notices, err := t.crs(kind)
	if err != nil {
		l.problem = locate(err, at.name, l.Name)
		return l
	}
	l.notices = append(l.notices, notices...)
	l.settle(declaration{file: at.name, layer: l.Name, crs: source, extent: t.extent()}, s.opts)
	l.read = func(_ context.Context, yield func(*raw) error) error { return t.read(yield) }
	return l
}

func textFileError(file string, err error) error {
	var at *textError
	if !errors.As(err, &at) {
		return err
	}
	return fileError(ErrText, file, fmt.Sprintf("第 %d 行：%s", at.line, at.zh), fmt.Sprintf("line %d: %s", at.line, at.en))
}

func (l *Layer) decodeText(opts Options, at namedPath) (string, error) {
	f, err := os.Open(at.path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTextBytes+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxTextBytes {
		return "", fileError(ErrText, at.name, fmt.Sprintf("超过 %d MB", maxTextBytes>>20), fmt.Sprintf("it has more than %d MB", maxTextBytes>>20))
	}
	var e evidence
	for line := range bytes.FieldsFuncSeq(b, func(r rune) bool { return r == '\n' || r == '\r' }) {
		e.add(line)
	}
	charset, notices, err := chooseCharset(opts.Encoding, "", 0, &e)
	if err != nil {
		return "", locate(err, at.name, l.Name)
	}
	// A TXT never declares its encoding; saying so would only be noise.
	for _, n := range notices {
		if n.Code != NoticeEncodingGuessed {
			l.notices = append(l.notices, n)
		}
	}
	l.Encoding = charset.name
	text, _, bad := charset.decode(b)
	if bad {
		return "", fileError(ErrEncoding, at.name, "不能按 "+charset.name+" 解读；请另存为 UTF-8 或 GBK", "it is not valid "+charset.name+"; save it as UTF-8 or GBK")
	}
	return text, nil
}

// textOrder is what the two coordinate columns are.
type textOrder int

const (
	orderNone textOrder = iota
	orderNorthEast
	orderEastNorth
	orderLatLon
	orderLonLat
)

func orderOf(v orb.Point) textOrder {
	a, b := v[0], v[1]
	switch {
	case isNorthing(a) && isEasting(b):
		return orderNorthEast
	case isEasting(a) && isNorthing(b):
		return orderEastNorth
	case a >= 3 && a <= 54 && b >= 73 && b <= 136:
		return orderLatLon
	case a >= 73 && a <= 136 && b >= 3 && b <= 54:
		return orderLonLat
	}
	return orderNone
}

// Northings of China from 14 degrees north have seven digits up to 6.1e6;
// eastings six, or eight with the zone. The ranges do not meet.
func isNorthing(v float64) bool { return v >= 1.5e6 && v < 6.1e6 }
func isEasting(v float64) bool  { return v >= 1e5 && v < 1e6 || v >= 13e6 && v < 46e6 }

// order tells the columns' order by magnitude, which all points must agree on,
// and turns all points to x = east, y = north.
func (t *coordinateText) order() (textOrder, error) {
	order := orderNone
	for i := range t.parcels {
		for _, ring := range t.parcels[i].rings {
			for _, v := range ring {
				o := orderOf(v)
				if o == orderNone || order != orderNone && o != order {
					return 0, &textError{t.parcels[i].line,
						fmt.Sprintf("地块 %s 的坐标 (%.10g, %.10g) 分不清哪个是北坐标（7 位）、哪个是东坐标（6 位，或带带号 8 位），或与其他地块次序不同", printable(t.parcels[i].name), v[0], v[1]),
						fmt.Sprintf("the point (%.10g, %.10g) does not show which is the northing, or contradicts the others", v[0], v[1])}
				}
				order = o
			}
		}
	}
	if order == orderNorthEast || order == orderLatLon {
		for i := range t.parcels {
			for _, ring := range t.parcels[i].rings {
				for k, v := range ring {
					ring[k] = orb.Point{v[1], v[0]}
				}
			}
		}
	}
	return order, nil
}

func (t *coordinateText) extent() orb.Bound {
	b := t.parcels[0].rings[0].Bound()
	for i := range t.parcels {
		for _, r := range t.parcels[i].rings {
			b = b.Union(r.Bound())
		}
	}
	return b
}

// crs reads the header; without one the zone number of the eastings must tell.
// nil means undeclared.
func (t *coordinateText) crs(order textOrder) (*crs, []Notice, error) {
	d := datumCGCS2000
	if name := t.header["坐标系"]; name != "" {
		if d = textDatum(name); d == datumUnknown {
			return nil, nil, fileError(ErrCRSUnknown, "", fmt.Sprintf("不认识 [属性描述] 中的 坐标系=%s；应为 2000国家大地坐标系", name), fmt.Sprintf("the header's CRS %q is unknown", name))
		}
	} else if len(t.header) > 0 {
		return nil, nil, nil
	}
	if order == orderLatLon || order == orderLonLat {
		if len(t.header) == 0 {
			return nil, nil, nil
		}
		return &crs{name: datums[d].name, datum: d}, nil, nil
	}
	if unit := t.header["计量单位"]; unit != "" && unit != "米" && !strings.EqualFold(unit, "m") {
		return nil, nil, fileError(ErrCRSUnknown, "", "[属性描述] 中的计量单位是 "+printable(unit)+"，应为米", "the header's unit is not the metre")
	}
	width, err := t.zoneWidth()
	if err != nil {
		return nil, nil, err
	}
	return t.zoneCRS(d, width)
}

func (t *coordinateText) zoneWidth() (int, error) {
	switch w := strings.TrimSuffix(strings.TrimSuffix(t.header["几度分带"], "带"), "度"); w {
	case "", "3":
		return 3, nil
	case "6":
		return 6, nil
	default:
		return 0, fileError(ErrCRSUnknown, "", "[属性描述] 中的 几度分带="+printable(w)+"，应为 3 或 6", "the header's zone width is neither 3 nor 6")
	}
}

// zoneCRS finds the zone in the header and in the eastings; they must agree.
func (t *coordinateText) zoneCRS(d datum, width int) (*crs, []Notice, error) {
	b := t.extent()
	carried := 0
	if b.Min[0] >= 13e6 {
		carried = int(math.Floor(b.Min[0] / 1e6))
	}
	zone := carried
	if text := t.header["带号"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, nil, fileError(ErrCRSUnknown, "", "[属性描述] 中的 带号="+printable(text)+" 不是数字", "the header's zone is not a number")
		}
		if carried != 0 && carried != n {
			return nil, nil, fileError(ErrCRSConflict, "",
				fmt.Sprintf("[属性描述] 中的带号是 %d，而坐标的带号是 %d；请核对", n, carried), fmt.Sprintf("the header's zone is %d but the eastings carry %d", n, carried))
		}
		zone = n
	}
	if zone == 0 {
		return nil, nil, nil
	}
	meridian := 3 * zone
	if width == 6 {
		meridian = 6*zone - 3
	}
	known := width == 3 && (land.Zone{Number: zone}).Valid() || width == 6 && zone >= 13 && zone <= 23
	if !known {
		return nil, nil, fileError(ErrCRSUnknown, "", fmt.Sprintf("%d度带没有第 %d 带", width, zone), fmt.Sprintf("there is no zone %d of %d degrees in China", zone, width))
	}
	prefix := 0
	if carried != 0 {
		prefix = zone
	}
	c := gaussKruger(d, float64(meridian), prefix, fmt.Sprintf("%s / %d度带第%d带", datums[d].name, width, zone), 0)
	if len(t.header) > 0 {
		return c, nil, nil
	}
	return c, []Notice{{NoticeZonePrefix,
		fmt.Sprintf("文件没有 [属性描述]；按本格式的规定取 CGCS2000，并按坐标的带号取 3度带第 %d 带", zone),
		fmt.Sprintf("without a header, read as the format prescribes: CGCS2000, 3-degree zone %d as the eastings carry", zone)}}, nil
}

func textDatum(name string) datum {
	if d := datumNamed(name); d != datumUnknown {
		return d
	}
	switch {
	case strings.Contains(name, "2000"):
		return datumCGCS2000
	case strings.Contains(name, "西安"), strings.Contains(name, "80"):
		return datumXian80
	case strings.Contains(name, "北京"), strings.Contains(name, "54"):
		return datumBeijing54
	}
	return datumUnknown
}

func (t *coordinateText) read(yield func(*raw) error) error {
	for i := range t.parcels {
		p := &t.parcels[i]
		r := &raw{row: int64(i + 1), loose: p.rings}
		area, issue := number(FieldFloat, []byte(p.area))
		if issue != nil {
			issue.Row, issue.Field = r.row, "DKMJ"
			r.issues = append(r.issues, *issue)
		}
		r.values = []any{nilIfEmpty(p.number), nilIfEmpty(p.id), nilIfEmpty(p.name), nilIfEmpty(p.use), nilIfEmpty(p.sheet), nilIfEmpty(p.class), area}
		if p.kind != "面" {
			r.issues = append(r.issues, r.issue(IssueGeometryType, SeverityError, "地块图形是“"+printable(p.kind)+"”，不是面", "the parcel is no polygon"))
		}
		if !p.countFits() {
			r.issues = append(r.issues, r.issue(IssuePointCount, SeverityWarning,
				fmt.Sprintf("第 %d 行声明 %d 个点，实有 %d 个；请核对是否漏点", p.line, p.declared, p.points),
				fmt.Sprintf("line %d says %d points, there are %d; check for lost points", p.line, p.declared, p.points)))
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}
