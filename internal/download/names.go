package download

import (
	"mime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gengheng/internal/geodata"
)

// dbfName is the most bytes that a column's name has in a shapefile.
const dbfName = 10

// names are the columns' names in the file. A shapefile's are cut to ten bytes;
// two that are the same then are told apart by a number.
func (m *maker) names() []string {
	out := make([]string, len(m.columns))
	taken := map[string]bool{}
	for i, c := range m.columns {
		out[i] = c.name
		if m.Format.driver != geodata.ShapefileDriver {
			continue
		}
		gbk := m.Encoding == "GBK"
		out[i] = shorten(c.name, dbfName, gbk)
		for n := 2; taken[strings.ToUpper(out[i])]; n++ {
			tail := "_" + strconv.Itoa(n)
			out[i] = shorten(c.name, dbfName-len(tail), gbk) + tail
		}
		taken[strings.ToUpper(out[i])] = true
	}
	return out
}

// synthetic is said of made-up data wherever there is room for it.
const synthetic = "合成数据"

// title is the collection's title, with what has to be said of made-up data.
func (m *maker) title() string {
	if m.Collection.County.Synthetic {
		return m.Collection.Title + "（" + synthetic + "）"
	}
	return m.Collection.Title
}

// fileName is the file's name for people: the county's and the layer's.
func (r *Request) fileName() string {
	name := r.Collection.County.Name + "_" + r.Collection.Title
	if r.Collection.County.Synthetic && !strings.Contains(name, "合成") {
		name += "_" + synthetic
	}
	name = strings.Map(func(c rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|`, c), unicode.IsControl(c), !utf8.ValidRune(c):
			return '_'
		case unicode.IsSpace(c):
			return '_'
		}
		return c
	}, name)
	if list := []rune(name); len(list) > 60 {
		name = string(list[:60])
	}
	return strings.Trim(name, ".") + r.Format.Extension
}

// plainName is the same for programs that know ASCII only.
func (r *Request) plainName() string {
	return r.Collection.County.Code + "_" + strings.Map(func(c rune) rune {
		if c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' || c == '-') {
			return c
		}
		return '_'
	}, r.Collection.ID) + r.Format.Extension
}

// Disposition is the header that names the file (RFC 6266): by its own name where
// the program understands it, else by the plain one.
func (f File) Disposition() string {
	own := strings.TrimPrefix(mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}), "attachment; ")
	plain := `filename="` + f.Plain + `"`
	if !strings.HasPrefix(own, "filename*=") {
		return "attachment; " + plain
	}
	return "attachment; " + plain + "; " + own
}
