package intake

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// layerMaker makes rows of layer_feature from any other polygon layer.
type layerMaker struct {
	kind              Kind
	county            string
	bsm               int // columns, -1 = none
	code, name, level int
	columns           []string
	others            []attribute
}

// attribute is a column that is kept under its own name, in upper case.
type attribute struct {
	key    string
	column int
}

var layerColumns = []string{"kind", "bsm", "code", "name", "level", "attrs"}

func (m *layerMaker) target() (table string, columns []string) { return "layer_feature", layerColumns }

// newLayerMaker finds the layer's columns. Those which a check will ask for
// must be there.
func newLayerMaker(req Request, layer LayerFields, columns []string) (*layerMaker, *Problem) {
	m := &layerMaker{kind: req.Kind, county: req.County, columns: columns}
	m.bsm = fields.Layer.Bind(columns).Column[0]
	m.code, m.name, m.level = firstColumn(layer.Code, columns), firstColumn(layer.NameFields, columns), firstColumn(layer.Level, columns)
	var missing []fields.Field
	if m.level < 0 && len(layer.Level) > 0 && !layer.LevelOptional {
		missing = append(missing, fields.Field{Name: layer.Level[0], Chinese: "级别", Aliases: layer.Level[1:]})
	}
	if m.code < 0 && req.Kind == XZQ {
		missing = append(missing, fields.Field{Name: "XZQDM", Chinese: "行政区代码", Aliases: layer.Code})
	}
	if len(missing) > 0 {
		return nil, missingFields(missing, columns)
	}
	m.others = otherColumns(columns, []int{m.bsm, m.code, m.name, m.level})
	return m, nil
}

// otherColumns are the columns that are not taken and say something.
func otherColumns(columns []string, taken []int) []attribute {
	var others []attribute
	for c, column := range columns {
		if !slices.Contains(taken, c) && !fields.Bookkeeping(column) {
			others = append(others, attribute{strings.ToUpper(strings.TrimSpace(column)), c})
		}
	}
	return others
}

func firstColumn(names, columns []string) int {
	for _, name := range names {
		want, _ := fields.Normalize(name)
		for c, column := range columns {
			if got, _ := fields.Normalize(column); got == want {
				return c
			}
		}
	}
	return -1
}

func (m *layerMaker) make(f *geodata.Feature, out *made) {
	at := func(c int) string {
		if c < 0 {
			return ""
		}
		s, ok := textOf(f.Values[c])
		if !ok {
			out.say(Issue{Severity: survey.Error, Code: IssueCode, Field: m.columns[c]}, "%s 的值 %v 不能作代码或名称。请将该字段改为文本。",
				"%s holds %v, which cannot be a code or a name; make the field text.", m.columns[c], f.Values[c])
		}
		return s
	}
	bsm, code, name, level := at(m.bsm), at(m.code), at(m.name), at(m.level)
	out.bsm, out.label = bsm, cmp.Or(bsm, code, name)
	out.class = level
	m.check(code, level, f, out)
	out.content = out.content.Text(string(m.kind)).Text(bsm).Text(code).Text(name).Text(level).JSON(encode(attributes(m.others, f.Values)))
}

// check applies what a layer's own standard says of its codes.
func (m *layerMaker) check(code, level string, f *geodata.Feature, out *made) {
	switch m.kind {
	case XZQ:
		out.township = code
		if _, err := land.ParseAdminCodeAt(code, land.Township); err != nil || code[:6] != m.county {
			out.say(Issue{Severity: survey.Error, Code: IssueCode, Field: m.columns[m.code], fatal: true},
				"行政区代码 “%s” 应为 9 位乡镇代码并以 %s 开头。请提供乡镇级行政区图层并改正代码。",
				"code %q must be a township's 9 digits beginning with %s; deliver the township layer with its codes.", code, m.county)
		}
	case PDT:
		if _, err := land.ParseSlopeClass(level); err != nil {
			out.say(Issue{Severity: survey.Error, Code: IssueLevel, Field: m.columns[m.level], fatal: true},
				"坡度级别 “%s” 应为 1 至 5。请补填。", "slope class %q must be 1 to 5; fill it in.", level)
		}
		return
	case CZCDYD:
		m.checkTown(code, level, f, out)
	}
	if m.level >= 0 && level == "" {
		out.say(Issue{Severity: survey.Warning, Code: IssueLevel, Field: m.columns[m.level]},
			"%s 为空：筛查无法判断这一要素的级别。请补填。", "%s is empty: screening cannot tell this feature's level; fill it in.", m.columns[m.level])
	}
}

// checkTown is rule S16 for the polygons of 城镇村等用地 themselves.
func (m *layerMaker) checkTown(code, level string, f *geodata.Feature, out *made) {
	for _, polygon := range f.Geom {
		if len(polygon) > 1 {
			at := polygon[1][0]
			out.say(Issue{Severity: survey.Warning, Code: IssueBuiltUpHole, At: &at},
				"城镇村等用地图斑有 %d 个洞。城镇村内部图斑应全部包含在内，请核对。", "the built-up polygon has %d holes; what lies inside a town belongs to it: check.", len(polygon)-1)
		}
	}
	if _, ok := land.BuiltUpName(level); !ok && level != "" {
		out.say(Issue{Severity: survey.Error, Code: IssueCode, Field: m.columns[m.level]}, "城镇村类型 “%s” 不在码表中（201–205，可带 A）。", "%q is not a built-up code (201-205, some with A).", level)
	}
	if code != "" && !strings.HasPrefix(code, m.county) {
		out.say(Issue{Severity: survey.Warning, Code: IssueCode, Field: m.columns[m.code]}, "城镇村代码 “%s” 不以本县代码 %s 开头。请核对。", "code %q does not begin with county %s: check.", code, m.county)
	}
}

// attributes are the other columns of a row. What is empty is left out, so that
// formats which know no NULL give the same.
func attributes(columns []attribute, values []any) map[string]any {
	object := make(map[string]any, len(columns))
	for _, a := range columns {
		switch v := values[a.column].(type) {
		case string:
			if v = cleanText(v); v != "" {
				object[a.key] = v
			}
		case int64:
			object[a.key] = v
		case float64:
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				object[a.key] = v
			}
		case time.Time:
			object[a.key] = dateText(v)
		}
	}
	return object
}

// encode gives a map as JSON, its keys sorted.
func encode[V any](object map[string]V) []byte {
	text, err := json.Marshal(object)
	if err != nil {
		return []byte("{}") // cannot be: text and finite numbers only
	}
	return text
}
