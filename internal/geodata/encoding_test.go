package geodata_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"gengheng/internal/geodata"
)

// nameTable has a Chinese column name and Chinese text, all in one encoding.
func nameTable(encode func(string) string, texts ...string) shape {
	s := shape{rings: parcels(len(texts)), prj: prj4546, columns: []column{{encode("地名"), 'C', 40, 0}, {"BSM", 'C', 18, 0}}}
	for i, text := range texts {
		s.rows = append(s.rows, []string{encode(text), strings.Repeat("1", i+1)})
	}
	return s
}

func utf8Text(s string) string { return s }

func gb18030(s string) string {
	out, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

func big5(s string) string {
	out, err := traditionalchinese.Big5.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

func TestTextIsReadInEveryEncoding(t *testing.T) {
	// 㐀 has four bytes in GB18030 and none in GBK; 联通 is UTF-8 by accident.
	const rare = "㐀村〇一"
	for _, c := range []struct {
		name    string
		encode  func(string) string
		texts   []string
		cpg     string
		ldid    byte
		option  string
		charset string
		notices []string
	}{
		{"GBK with .cpg", gbk, []string{"大槐树镇"}, "GBK", 0, "", "GB18030", nil},
		{"GBK with .cpg 936", gbk, []string{"大槐树镇"}, "936\r\n", 0, "", "GB18030", nil},
		{"GBK with .cpg ANSI 936", gbk, []string{"大槐树镇"}, "ANSI 936", 0, "", "GB18030", nil},
		{"GBK with LDID", gbk, []string{"大槐树镇"}, "", 0x4d, "", "GB18030", nil},
		{"GBK undeclared", gbk, []string{"大槐树镇"}, "", 0, "", "GB18030", []string{geodata.NoticeEncodingGuessed}},
		{"GBK with the LDID of Windows ANSI", gbk, []string{"大槐树镇"}, "", 0x57, "", "GB18030", []string{geodata.NoticeEncodingGuessed}},
		{"GBK that is UTF-8 by accident", gbk, []string{"联通"}, "", 0, "", "GB18030", []string{geodata.NoticeEncodingGuessed}},
		{"GBK, .cpg says UTF-8", gbk, []string{"大槐树镇", "联通"}, "UTF-8", 0, "", "GB18030", []string{geodata.NoticeEncodingWrong}},
		{"GBK, .cpg says Latin-1", gbk, []string{"大槐树镇"}, "ISO-8859-1", 0, "", "GB18030", []string{geodata.NoticeEncodingWrong}},
		{"GBK, .cpg is nonsense", gbk, []string{"大槐树镇"}, "乱写", 0, "", "GB18030", []string{geodata.NoticeEncodingWrong}},
		{"GB18030 with four bytes", gb18030, []string{rare}, "GB18030", 0, "", "GB18030", nil},
		{"GB18030 undeclared", gb18030, []string{rare}, "", 0, "", "GB18030", []string{geodata.NoticeEncodingGuessed}},
		{"UTF-8 with .cpg", utf8Text, []string{"大槐树镇", rare}, "UTF-8", 0, "", "UTF-8", nil},
		{"UTF-8 with .cpg and BOM", utf8Text, []string{"大槐树镇"}, "\ufeffutf-8", 0, "", "UTF-8", nil},
		{"UTF-8 undeclared", utf8Text, []string{"大槐树镇"}, "", 0, "", "UTF-8", []string{geodata.NoticeEncodingGuessed}},
		{"UTF-8, .cpg says GBK", utf8Text, []string{"大槐树镇"}, "GBK", 0, "", "UTF-8", []string{geodata.NoticeEncodingWrong}},
		{"UTF-8, LDID says GBK", utf8Text, []string{"大槐树镇"}, "", 0x4d, "", "UTF-8", []string{geodata.NoticeEncodingWrong}},
		{"UTF-8, .cpg says Latin-1", utf8Text, []string{"大槐树镇"}, "88591", 0, "", "UTF-8", []string{geodata.NoticeEncodingWrong}},
		{"Big5 with .cpg", big5, []string{"大槐樹鎮"}, "BIG5", 0, "", "Big5", nil},
		{"option wins over .cpg", gbk, []string{"大槐树镇"}, "UTF-8", 0, "GBK", "GB18030", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := nameTable(c.encode, c.texts...)
			s.cpg, s.ldid = c.cpg, c.ldid
			opts := options(t)
			opts.Encoding = c.option
			l, got := read(t, zipShape(t, s, "a"), opts)
			if l.Encoding != c.charset {
				t.Errorf("read as %s", l.Encoding)
			}
			if name := l.Schema().Fields[0].Name; name != "地名" {
				t.Errorf("column %q", name)
			}
			for i, f := range got {
				if f.Values[0] != c.texts[i] || len(f.Issues) > 0 {
					t.Errorf("row %d: %q, issues %v", i+1, f.Values[0], f.Issues)
				}
			}
			if !slices.Equal(noticeCodes(l), c.notices) {
				t.Errorf("notices %v, want %v", noticeCodes(l), c.notices)
			}
		})
	}
}

// Ensure that an encoding which the user declares against the evidence is
// refused, with what fits and what the values are in either.
func TestDeclaredEncodingThatTheTextContradictsIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		encode func(string) string
		texts  []string
		option string
		fits   string // "" = taken
	}{
		{"GBK as UTF-8", gbk, []string{"一级", "二级", "准保护区"}, "UTF-8", "GB18030"},
		{"GBK as Big5", gbk, []string{"一级", "二级", "准保护区"}, "Big5", "GB18030"},
		{"GBK as Latin-1", gbk, []string{"一级", "二级"}, "ISO-8859-1", "GB18030"},
		{"GBK as UTF-8 that it is by accident", gbk, []string{"联通"}, "UTF-8", "GB18030"},
		{"UTF-8 as GBK", utf8Text, []string{"一级", "二级", "水源保护区"}, "GBK", "UTF-8"},
		{"UTF-8 as Big5", utf8Text, []string{"一级", "二级", "水源保护区"}, "BIG5", "UTF-8"},
		{"Big5 as GBK", big5, []string{"大槐樹鎮", "水源保護區", "永久基本農田"}, "GBK", "Big5"},
		{"GBK as GBK", gbk, []string{"一级", "二级", "准保护区"}, "GBK", ""},
		{"rare names", gbk, []string{"峪口", "圪垯", "堍崾"}, "GBK", ""},
		{"traditional characters in GBK", gbk, []string{"大槐樹鎮", "水源保護區"}, "GBK", ""},
		{"Big5 as Big5", big5, []string{"大槐樹鎮", "水源保護區"}, "Big5", ""},
		{"UTF-8 as UTF-8", utf8Text, []string{"㐀村〇一"}, "UTF-8", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := nameTable(c.encode, c.texts...)
			s.columns[0].name = "NAME"
			opts := options(t)
			opts.Encoding = c.option
			src, err := geodata.Open(t.Context(), zipShape(t, s, "a"), opts)
			if c.fits == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				src.Close()
				return
			}
			var bad *geodata.FileError
			if !errors.As(err, &bad) || bad.Code != geodata.ErrEncoding {
				t.Fatalf("not refused: %v", err)
			}
			for _, text := range append(c.texts, "按 "+c.fits+" 读是") {
				if !strings.Contains(bad.MessageZH, text) {
					t.Errorf("it does not say %s: %s", text, bad.MessageZH)
				}
			}
		})
	}
}

// Ensure that a wrong .cpg yields to the text even where the text is valid in
// the encoding that it names.
func TestCPGYieldsToTheText(t *testing.T) {
	s := nameTable(gbk, "一级", "二级", "准保护区")
	s.cpg = "BIG5"
	l, got := read(t, zipShape(t, s, "a"), options(t))
	if l.Encoding != "GB18030" || got[0].Values[0] != "一级" || !slices.Equal(noticeCodes(l), []string{geodata.NoticeEncodingWrong}) {
		t.Errorf("read as %s, %v, notices %v", l.Encoding, got[0].Values, noticeCodes(l))
	}
}

func TestASCIITablesNeedNoNotice(t *testing.T) {
	for _, cpg := range []string{"", "UTF-8", "GBK", "ISO-8859-1", "乱写"} {
		s := nameTable(utf8Text, "A1")
		s.columns[0].name, s.cpg = "NAME", cpg
		if l, _ := read(t, zipShape(t, s, "a"), options(t)); len(l.Notices()) > 0 {
			t.Errorf("%q: %v", cpg, l.Notices())
		}
	}
}

func TestTextCutInTheMiddleOfACharacter(t *testing.T) {
	for _, c := range []struct {
		encode func(string) string
		cpg    string
		column string // raw, 10 bytes
		name   string
		width  byte
		want   string
	}{
		// 5 bytes hold two characters of GBK and half of the third.
		{gbk, "GBK", gbk("图斑面积亩") + "", "图斑面积亩", 5, "大槐"},
		{utf8Text, "UTF-8", "图斑面积"[:10], "图斑面", 7, "大槐"},
		{utf8Text, "", "图斑面积"[:10], "图斑面", 8, "大槐"},
		{gbk, "", "A" + gbk("图斑面积亩")[:9], "A图斑面积", 3, "大"},
	} {
		s := shape{rings: parcels(1), prj: prj4546, cpg: c.cpg, columns: []column{{c.column, 'C', c.width, 0}}, rows: [][]string{{c.encode("大槐树镇")}}}
		l, got := read(t, zipShape(t, s, "a"), options(t))
		if name := l.Schema().Fields[0].Name; name != c.name {
			t.Errorf("%s: column %q, want %q", c.cpg, name, c.name)
		}
		if got[0].Values[0] != c.want || !slices.Equal(codes(got[0]), []string{geodata.IssueTextTruncated}) {
			t.Errorf("%s: %q with %v", c.cpg, got[0].Values[0], got[0].Issues)
		}
	}
}

func TestTextThatNoEncodingExplainsIsReportedByRow(t *testing.T) {
	s := nameTable(utf8Text, "大槐树镇", "\xff\xfe\xff坏")
	s.cpg = "UTF-8"
	opts := options(t)
	opts.Encoding = "UTF-8"
	l, got := read(t, zipShape(t, s, "a"), opts)
	if len(got[0].Issues) != 0 || !slices.Equal(codes(got[1]), []string{geodata.IssueTextInvalid}) {
		t.Fatalf("issues %v, %v", got[0].Issues, got[1].Issues)
	}
	if i := got[1].Issues[0]; i.Field != "地名" || i.Row != 2 || i.Severity != geodata.SeverityError {
		t.Errorf("issue %+v", i)
	}
	if l.Encoding != "UTF-8" {
		t.Errorf("read as %s", l.Encoding)
	}
}

func TestRepeatedColumnNamesAreNumbered(t *testing.T) {
	s := shape{rings: parcels(1), prj: prj4546, columns: []column{{"NAME", 'C', 4, 0}, {"name", 'C', 4, 0}, {"", 'C', 4, 0}, {"NAME_2", 'C', 4, 0}}, rows: [][]string{{"a", "b", "c", "d"}}}
	l, got := read(t, zipShape(t, s, "a"), options(t))
	var names []string
	for _, f := range l.Schema().Fields {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"NAME", "name_2", "FIELD", "NAME_2_2"}) {
		t.Errorf("names %q", names)
	}
	if !slices.Equal(got[0].Values, []any{"a", "b", "c", "d"}) || len(l.Notices()) != 3 {
		t.Errorf("values %v, notices %v", got[0].Values, l.Notices())
	}
}
