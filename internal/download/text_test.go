package download

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"

	"gengheng/internal/collection"
	"gengheng/internal/geodata"
)

// Ensure that no text of a CSV begins as a formula does, and that what does not is
// left as it is.
func TestHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[=+\-@＝＋－＠\t\r\n].{0,5}`)).Draw(t, "text")
		got := harmless(s)
		if got != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(got)[0]) {
			t.Fatalf("%q would run", got)
		}
		if strings.TrimPrefix(got, "'") != strings.TrimPrefix(s, "'") {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

// Ensure that a shapefile's names have at most ten bytes of its encoding, are whole
// characters, and are all different whatever their case.
func TestShortNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zA-Z_地类图斑备注]{1,14}`), 1, 40, strings.ToUpper).Draw(t, "names")
		m := &maker{Request: Request{Format: Format{driver: geodata.ShapefileDriver}, Encoding: rapid.SampledFrom([]string{"UTF-8", "GBK"}).Draw(t, "encoding")}}
		for _, n := range names {
			m.columns = append(m.columns, column{name: n, kind: collection.Text})
		}
		seen := map[string]bool{}
		for i, short := range m.names() {
			size := len(short)
			if m.Encoding == "GBK" {
				b, err := simplifiedchinese.GBK.NewEncoder().String(short)
				if err != nil {
					t.Fatal(err)
				}
				size = len(b)
			}
			if size > 10 || size == 0 || !utf8.ValidString(short) || seen[strings.ToUpper(short)] {
				t.Fatalf("%q of %q: %d bytes, taken %v", short, names[i], size, seen[strings.ToUpper(short)])
			}
			if !strings.HasPrefix(names[i], strings.TrimRight(strings.TrimRight(short, "0123456789"), "_")) {
				t.Fatalf("%q does not begin as %q", short, names[i])
			}
			seen[strings.ToUpper(short)] = true
		}
	})
}

// Ensure that a text is cut between characters, as late as there is room.
func TestShorten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, size := rapid.String().Draw(t, "text"), rapid.IntRange(0, 40).Draw(t, "size")
		got := shorten(s, size, false)
		rest := strings.TrimPrefix(s, got)
		_, next := utf8.DecodeRuneInString(rest)
		if !strings.HasPrefix(s, got) || len(got) > size || got != s && len(got)+next <= size {
			t.Fatalf("%q cut to %d bytes is %q", s, size, got)
		}
	})
}

// Ensure that a file's name has nothing that a system reads as a path, and keeps
// its extension.
func TestFileName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		col := &collection.Collection{ID: rapid.String().Draw(t, "id"), Title: rapid.String().Draw(t, "title")}
		col.County = collection.County{Code: "149901", Name: rapid.String().Draw(t, "county"), Synthetic: rapid.Bool().Draw(t, "synthetic")}
		r := Request{Collection: col, Format: Formats()[rapid.IntRange(0, len(Formats())-1).Draw(t, "format")]}
		f := File{Name: r.fileName(), Plain: r.plainName()}
		for _, name := range []string{f.Name, f.Plain} {
			if strings.ContainsAny(name, "/\\:*?\"<>|\x00\r\n\t ") || !strings.HasSuffix(name, r.Format.Extension) || strings.HasPrefix(name, ".") && name != r.Format.Extension {
				t.Fatalf("%q", name)
			}
		}
		if !ascii(f.Plain) || !ascii(f.Disposition()) || strings.ContainsAny(f.Disposition(), "\r\n") {
			t.Fatalf("%q", f.Disposition())
		}
	})
}

// Ensure that every format is found by its name and no other is.
func TestFindFormat(t *testing.T) {
	for _, f := range Formats() {
		if got, err := FindFormat(f.Name); err != nil || got.Media != f.Media {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	for _, name := range []string{"", "GPKG", "shp ", "json", "dwg"} {
		if _, err := FindFormat(name); err == nil || slices.Contains(FormatNames(), name) {
			t.Errorf("%q is a format", name)
		}
	}
}

// Ensure that GBK takes the square metres of the program's own sentences, and
// refuses what it has no character for.
func TestFitter_GBK(t *testing.T) {
	m := &maker{Request: Request{Format: Format{driver: geodata.ShapefileDriver}, Encoding: "GBK"}, cut: map[string]int{}}
	fit := m.fitter()
	c := &column{name: "message_zh", kind: collection.Text}
	if got, err := fit(c, "重叠 738.02 m²（1.11 亩）"); err != nil || got != "重叠 738.02 ㎡（1.11 亩）" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := fit(c, "土²"); err == nil {
		t.Errorf("%q was taken", got)
	}
	m.Encoding = "UTF-8"
	if got, err := m.fitter()(c, "738.02 m²"); err != nil || got != "738.02 m²" {
		t.Errorf("%q, %v", got, err)
	}
}
