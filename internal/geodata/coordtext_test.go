package geodata_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
)

// header is the [属性描述] of the 报批 dialect.
const header = "[属性描述]\n格式版本号=1.01版本\n数据产生单位=合成\n数据产生日期=2025-6-15\n坐标系=2000国家大地坐标系\n几度分带=3\n投影类型=高斯克吕格\n计量单位=米\n带号=37\n精度=0.001\n转换参数=0,0,0,0,0,0,0\n"

func textFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "地块.txt")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// corner of the example of the 进出平衡 dialect.
const cornerE, cornerN = 560546.252, 4014130.668

func exampleSquare() orb.MultiPolygon {
	return geodata.Canonical(orb.MultiPolygon{{square(cornerE, cornerN, 100)}})
}

const inOut = `[地块坐标]
5,大槐树镇001,面,转进,@ 
J1,1,37560546.252,4014130.668
J2,1,37560646.252,4014130.668
J3,1,37560646.252,4014230.668
J4,1,37560546.252,4014230.668
J1,1,37560546.252,4014130.668
`

const reported = header + `[地块坐标]
4,1.0000,DK001,大槐树镇001,面,J49G001,转进,0204,@
J1,1,4014130.668,37560546.252
J2,1,4014130.668,37560646.252
J3,1,4014230.668,37560646.252
J4,1,4014230.668,37560546.252
J1,1,4014130.668,37560546.252
`

func TestEveryDialectGivesTheSameParcel(t *testing.T) {
	noPrefix := func(s string) string { return strings.ReplaceAll(s, "3756", "56") }
	noJ := strings.NewReplacer("\nJ", "\n")
	name := "大槐树镇001"
	for _, c := range []struct {
		name    string
		content string
		values  []any
		notice  bool
	}{
		{"进出平衡", inOut, []any{"1", nil, name, "转进", nil, nil, nil}, true},
		{"进出平衡, bare CR", strings.ReplaceAll(inOut, "\n", "\r"), []any{"1", nil, name, "转进", nil, nil, nil}, true},
		{"进出平衡, CRLF and GBK", gbk(strings.ReplaceAll(inOut, "\n", "\r\n")), []any{"1", nil, name, "转进", nil, nil, nil}, true},
		{"进出平衡, BOM", "\ufeff" + inOut, []any{"1", nil, name, "转进", nil, nil, nil}, true},
		{"进出平衡, without J", noJ.Replace(inOut), []any{"1", nil, name, "转进", nil, nil, nil}, true},
		{"进出平衡, without the closing point", strings.TrimSuffix(inOut, "J1,1,37560546.252,4014130.668\n"), []any{"1", nil, name, "转进", nil, nil, nil}, true},
		{"进出平衡, northing first", swapColumns(inOut), []any{"1", nil, name, "转进", nil, nil, nil}, true},
		{"进出平衡, wide commas", strings.ReplaceAll(inOut, ",", "，"), []any{"1", nil, name, "转进", nil, nil, nil}, true},
		{"报批", reported, []any{nil, "DK001", name, "转进", "J49G001", "0204", 1.0}, false},
		{"报批, GBK", gbk(reported), []any{nil, "DK001", name, "转进", "J49G001", "0204", 1.0}, false},
		{"报批, points counted with the closing one", strings.Replace(reported, "\n4,1.0000", "\n5,1.0000", 1), []any{nil, "DK001", name, "转进", "J49G001", "0204", 1.0}, false},
		{"报批, zone in the header only", noPrefix(reported), []any{nil, "DK001", name, "转进", "J49G001", "0204", 1.0}, false},
		{"报批, easting first", swapColumns(reported), []any{nil, "DK001", name, "转进", "J49G001", "0204", 1.0}, false},
		{"一张图", header + "[地块坐标]\nDK7,大槐树镇001,面,,@\n" + pointsOf(reported), []any{nil, "DK7", name, nil, nil, nil, nil}, false},
		{"卫片执法", header + "[地块坐标]\n4,大槐树镇001,面,种植,@\n" + pointsOf(reported), []any{nil, nil, name, "种植", nil, nil, nil}, false},
		{"增减挂钩", header + "[地块坐标]\n4,1.0000,,大槐树镇001,,,,复垦,@ \nJ1,4014130.668,37560546.252,,1,\nJ2,4014130.668,37560646.252,,1,\nJ3,4014230.668,37560646.252,,1,\nJ4,4014230.668,37560546.252,,1,\n",
			nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, got := read(t, textFile(t, c.content), options(t))
			if len(got) != 1 || len(got[0].Issues) > 0 {
				t.Fatalf("features %+v", got)
			}
			if !reflect.DeepEqual(got[0].Geom, exampleSquare()) {
				t.Errorf("geometry %v", got[0].Geom)
			}
			if c.values != nil && !reflect.DeepEqual(got[0].Values, c.values) {
				t.Errorf("values %#v, want %#v", got[0].Values, c.values)
			}
			if (len(l.Notices()) > 0) != c.notice {
				t.Errorf("notices %v", l.Notices())
			}
		})
	}
}

// pointsOf gives the point lines of a text.
func pointsOf(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "J") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// swapColumns exchanges X and Y of four-column point lines.
func swapColumns(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ",")
		if strings.HasPrefix(line, "J") {
			f[2], f[3] = f[3], f[2]
		}
		out.WriteString(strings.Join(f, ",") + "\n")
	}
	return out.String()
}

func TestRingsOfAParcelFindTheirRoles(t *testing.T) {
	hole := "J1,1,37560556.252,4014140.668\nJ2,1,37560566.252,4014140.668\nJ3,1,37560566.252,4014150.668\nJ4,1,37560556.252,4014150.668\nJ1,1,37560556.252,4014140.668\n"
	want := geodata.Canonical(orb.MultiPolygon{{square(cornerE, cornerN, 100), reversed(square(cornerE+10, cornerN+10, 10))}})
	for name, content := range map[string]string{
		"进出平衡: a parcel line for the hole":          inOut + "5,大槐树镇001,面,转进,@ \n" + hole,
		"报批: ring number 2":                         swapColumns(reported) + strings.NewReplacer(",1,", ",2,").Replace(hole),
		"same ring number, after the closing point": swapColumns(reported) + hole,
	} {
		_, got := read(t, textFile(t, content), options(t))
		if len(got) != 1 || !reflect.DeepEqual(got[0].Geom, geodata.Canonical(want)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// Another number, or another name, is another parcel.
	for _, content := range []string{
		inOut + "5,大槐树镇002,面,转进,@ \n" + hole,
		inOut + "5,大槐树镇001,面,转进,@ \n" + strings.ReplaceAll(hole, ",1,", ",2,"),
	} {
		if _, got := read(t, textFile(t, content), options(t)); len(got) != 2 || got[1].Row != 2 {
			t.Errorf("%+v", got)
		}
	}
}

func TestFaultsOfATextAreNamedByLine(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(inOut, old, new, 1) }
	for _, c := range []struct {
		name, content, code, says string
	}{
		{"no parcels", "[地块坐标]\n", geodata.ErrText, "没有地块"},
		{"points before a parcel", "[地块坐标]\nJ1,1,37560546.252,4014130.668\n", geodata.ErrText, "第 2 行"},
		{"parcel without points", inOut + "5,空,面,转进,@\n", geodata.ErrText, "第 8 行"},
		{"letters for a coordinate", edit("37560646.252", "abc"), geodata.ErrText, "第 4 行"},
		{"too few columns", edit("J2,1,37560646.252,4014130.668", "J2,1"), geodata.ErrText, "第 4 行"},
		{"wrong parcel line", edit("5,大槐树镇001,面,转进,@", "5,大槐树镇001,@"), geodata.ErrText, "第 2 行"},
		{"NaN", edit("37560646.252", "NaN"), geodata.ErrText, "分不清"},
		{"Inf", edit("37560646.252", "Inf"), geodata.ErrText, "分不清"},
		{"both like northings", edit("37560646.252", "4014130.668"), geodata.ErrText, "分不清"},
		{"order changes", edit("37560646.252,4014130.668", "4014130.668,37560646.252"), geodata.ErrText, "次序不同"},
		{"header's zone contradicts", strings.Replace(reported, "带号=37", "带号=38", 1), geodata.ErrCRSConflict, "38"},
		{"header's zone is a word", strings.Replace(reported, "带号=37", "带号=三十七", 1), geodata.ErrCRSUnknown, "带号"},
		{"zone that does not exist", strings.ReplaceAll(strings.Replace(reported, "带号=37", "带号=24", 1), "37560", "24560"), geodata.ErrCRSUnknown, "24"},
		{"unknown datum", strings.Replace(reported, "2000国家大地坐标系", "火星坐标系", 1), geodata.ErrCRSUnknown, "火星"},
		{"unit", strings.Replace(reported, "计量单位=米", "计量单位=英尺", 1), geodata.ErrCRSUnknown, "计量单位"},
		{"zone width", strings.Replace(reported, "几度分带=3", "几度分带=1.5", 1), geodata.ErrCRSUnknown, "几度分带"},
		{"Xi'an 80 without parameters", strings.Replace(reported, "2000国家大地坐标系", "1980西安坐标系", 1), geodata.ErrCRSShift, "七参数"},
		{"mixed zones", inOut + strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(inOut, "[地块坐标]\n"), "37560", "38560"), "001", "002"), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.code == "" {
				_, got := read(t, textFile(t, c.content), options(t))
				if len(got[0].Issues) != 0 || len(got[1].Issues) != 1 || got[1].Issues[0].Code != geodata.IssueZoneMismatch {
					t.Errorf("%+v", got)
				}
				return
			}
			err := refused(t, textFile(t, c.content), options(t), c.code)
			if !strings.Contains(err.MessageZH, c.says) {
				t.Errorf("it says %q, not %q", err.MessageZH, c.says)
			}
		})
	}
}

func TestLostPointsAndOtherShapesAreReported(t *testing.T) {
	lost := strings.Replace(inOut, "5,大槐", "9,大槐", 1)
	if _, got := read(t, textFile(t, lost), options(t)); len(got[0].Issues) != 1 || got[0].Issues[0].Code != geodata.IssuePointCount || got[0].Geom == nil {
		t.Errorf("lost points: %+v", got)
	}
	line := strings.Replace(inOut, "面", "线", 1)
	if _, got := read(t, textFile(t, line), options(t)); len(got[0].Issues) != 1 || got[0].Issues[0].Code != geodata.IssueGeometryType || got[0].Geom != nil {
		t.Errorf("a line: %+v", got)
	}
}

func TestTextInAZipAndReadmesBesideIt(t *testing.T) {
	path := makeZip(t, []zipEntry{{name: gbk("说明.txt"), data: []byte(gbk("请看附件"))}, {name: gbk("坐标/地块.TXT"), data: []byte(gbk(inOut))}})
	l, got := read(t, path, options(t))
	if len(got) != 1 || l.Name != "地块" || l.Encoding != "GB18030" {
		t.Errorf("layer %+v with %d features", l, len(got))
	}
}
