package geodata

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
)

// 坐标 TXT: the family "[属性描述] / [地块坐标]" that land bureaus
// exchange. A parcel line ends in "@", point lines follow it. The dialects
// differ in columns:
//
//	报批、供地  点数,面积(公顷),地块编号,地块名称,面,图幅号,用途,地类编码,@   J1,圈号,X,Y
//	增减挂钩    点数,面积,,名称,,,,用途,@                                  J1,X,Y,,圈号,
//	一张图      编号,名称,面,,@                                          J1,圈号,X,Y
//	卫片执法    点数,名称,面,用途,@                                       J1,圈号,X,Y
//	进出平衡    点数,地块名称,面,地块用途,@ (no [属性描述])                   J1,地块序号,X,Y
//
// X is the northing in all but 进出平衡, so the order is told by magnitude.

// coordinateText is a parsed file, coordinates as written.
type coordinateText struct {
	header  map[string]string // of [属性描述]
	parcels []textParcel
}

// textParcel is a parcel, of one parcel line or of several with one number.
type textParcel struct {
	line   int // of its first parcel line, 1-based
	number string
	id     string
	name   string
	kind   string // 面, 线, 点
	sheet  string
	use    string
	class  string
	area   string // hectares, as written
	rings  []orb.Ring
	// declared is the number of points that the parcel lines say, or -1.
	declared, points, closings int
}

// textFields are the columns of a coordinate TXT.
var textFields = []Field{
	{Name: "XH", Type: FieldString, Alias: "地块序号"},
	{Name: "DKBH", Type: FieldString, Alias: "地块编号"},
	{Name: "DKMC", Type: FieldString, Alias: "地块名称"},
	{Name: "DKYT", Type: FieldString, Alias: "地块用途"},
	{Name: "TFH", Type: FieldString, Alias: "图幅号"},
	{Name: "DLBM", Type: FieldString, Alias: "地类编码"},
	{Name: "DKMJ", Type: FieldFloat, Alias: "地块面积（公顷）"},
}

// IssuePointCount 点数不符: the parcel line's number of points is not met.
const IssuePointCount = "point_count"

var (
	sectionHeaderGBK = []byte("[\xca\xf4\xd0\xd4\xc3\xe8\xca\xf6]") // [属性描述]
	sectionPointsGBK = []byte("[\xb5\xd8\xbf\xe9\xd7\xf8\xb1\xea]") // [地块坐标]
)

// isCoordinateText looks for the family's section marks.
func isCoordinateText(head []byte) bool {
	for _, mark := range [][]byte{[]byte("[属性描述]"), []byte("[地块坐标]"), sectionHeaderGBK, sectionPointsGBK} {
		if bytes.Contains(head, mark) {
			return true
		}
	}
	return false
}

// textError is a fault of one line.
type textError struct {
	line   int
	zh, en string
}

func (e *textError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.en) }

// textParser goes through the lines.
type textParser struct {
	out     coordinateText
	section string
	block   *textBlock
}

// textBlock is what one parcel line and its points say.
type textBlock struct {
	parcel textParcel
	ring   orb.Ring
	number string
	rings  int // distinct ring numbers
}

// parseCoordinateText parses decoded text. The error is a *textError.
func parseCoordinateText(text string) (*coordinateText, error) {
	p := &textParser{out: coordinateText{header: map[string]string{}}}
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		if err := p.line(number, strings.Trim(line, " \t\x00\x1a\ufeff")); err != nil {
			return nil, err
		}
	}
	if err := p.endBlock(); err != nil {
		return nil, err
	}
	if len(p.out.parcels) == 0 {
		return nil, &textError{number, "没有地块：[地块坐标] 之后应有以 @ 结尾的地块行", "there is no parcel; lines ending in @ should follow [地块坐标]"}
	}
	return &p.out, nil
}

func (p *textParser) line(number int, line string) error {
	if line == "" {
		return nil
	}
	if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
		p.section = line
		return nil
	}
	if p.section == "[属性描述]" {
		if key, value, ok := strings.Cut(line, "="); ok {
			p.out.header[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
		return nil
	}
	if p.section != "[地块坐标]" {
		return nil // other sections carry nothing that is needed
	}
	line = strings.ReplaceAll(line, "，", ",")
	if strings.HasSuffix(line, "@") {
		return p.parcelLine(number, line)
	}
	return p.pointLine(number, line)
}

func (p *textParser) parcelLine(number int, line string) error {
	if err := p.endBlock(); err != nil {
		return err
	}
	f := strings.Split(line, ",")
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	t := textParcel{line: number, declared: -1, kind: "面"}
	switch {
	case len(f) == 5 && isShapeWord(f[2]):
		t.name, t.kind, t.use = f[1], f[2], f[3]
		t.id = f[0] // of 一张图; taken back below where it is the number of points
	case len(f) == 9:
		t.area, t.id, t.name, t.sheet, t.use, t.class = f[1], f[2], f[3], f[5], f[6], f[7]
		if f[4] != "" {
			t.kind = f[4]
		}
	default:
		return &textError{number,
			fmt.Sprintf("地块行有 %d 列，应为 5 列（点数,地块名称,面,地块用途,@）或 9 列（点数,面积,地块编号,地块名称,面,图幅号,用途,地类编码,@）", len(f)),
			fmt.Sprintf("the parcel line has %d columns, 5 or 9 are expected", len(f))}
	}
	if n, err := strconv.Atoi(f[0]); err == nil && n >= 0 {
		t.declared = n
	}
	p.block = &textBlock{parcel: t}
	return nil
}

func isShapeWord(s string) bool { return s == "面" || s == "线" || s == "点" }

func (p *textParser) pointLine(number int, line string) error {
	if p.block == nil {
		return &textError{number, "坐标行之前没有地块行（以 @ 结尾）：" + printable(line), "a point line without a parcel line before it: " + printable(line)}
	}
	f := strings.Split(line, ",")
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	var ring, a, b string
	switch {
	case len(f) >= 5 && f[3] == "": // 增减挂钩
		a, b, ring = f[1], f[2], f[4]
	case len(f) == 4 || len(f) == 5 && f[4] == "":
		ring, a, b = f[1], f[2], f[3]
	case len(f) == 3:
		ring, a, b = "1", f[1], f[2]
	default:
		return &textError{number, "坐标行应为 点号,圈号,X,Y：" + printable(line), "a point line should be number,ring,X,Y: " + printable(line)}
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX != nil || errY != nil {
		return &textError{number, "坐标不是数字：" + printable(line), "a coordinate is not a number: " + printable(line)}
	}
	p.block.add(ring, orb.Point{x, y})
	return nil
}

// add takes in a point. A new ring begins with a new ring number, or when the
// last one has returned to its start.
func (b *textBlock) add(number string, v orb.Point) {
	if b.parcel.points == 0 || number != b.number {
		b.endRing()
		b.number = number
		b.rings++
	}
	b.parcel.points++
	b.ring = append(b.ring, v)
	if n := len(b.ring); n > 3 && b.ring[0] == v {
		b.parcel.closings++
		b.endRing()
	}
}

// endRing closes the ring; in these files the closing point is optional.
func (b *textBlock) endRing() {
	if len(b.ring) == 0 {
		return
	}
	if first := b.ring[0]; first != b.ring[len(b.ring)-1] {
		b.ring = append(b.ring, first)
	}
	b.parcel.rings = append(b.parcel.rings, b.ring)
	b.ring = nil
}

func (p *textParser) endBlock() error {
	b := p.block
	if b == nil {
		return nil
	}
	p.block = nil
	b.endRing()
	t := b.parcel
	if len(t.rings) == 0 {
		return &textError{t.line, "地块 " + printable(t.name) + " 没有坐标", "the parcel has no points"}
	}
	if t.declared >= 0 && t.id == strconv.Itoa(t.declared) {
		t.id = "" // a number of points, not the 编号 of 一张图
	}
	// Without [属性描述] the second column of points is the parcel's number,
	// and every ring of a parcel has a parcel line of its own.
	if len(p.out.header) == 0 && b.rings == 1 {
		t.number = b.number
		if n := len(p.out.parcels); n > 0 {
			last := &p.out.parcels[n-1]
			if last.number == t.number && last.name == t.name && last.use == t.use {
				last.merge(&t)
				return nil
			}
		}
	}
	p.out.parcels = append(p.out.parcels, t)
	return nil
}

func (t *textParcel) merge(more *textParcel) {
	t.rings = append(t.rings, more.rings...)
	t.points += more.points
	t.closings += more.closings
	if t.declared >= 0 && more.declared >= 0 {
		t.declared += more.declared
	} else {
		t.declared = -1
	}
}

// countFits: some programs count the closing points and some do not.
func (t *textParcel) countFits() bool {
	return t.declared < 0 || t.declared >= t.points-t.closings && t.declared <= t.points-t.closings+len(t.rings)
}
