package ogc

import (
	"cmp"
	"fmt"
	"strings"

	"gengheng/internal/intake/fields"
)

// Kinds of fields.
type kind int

const (
	text kind = iota + 1
	integer
	number
	boolean
	object // JSON; not queryable
)

// field is a property of features: its standard name, Chinese title and the
// expression over t.
type field struct {
	name, title, sql string
	kind             kind
	unit             string
}

const squareMetres = "m2"

func f(name, title, column string, k kind) field { return field{name, title, "t." + column, k, ""} }

func area(name, title, column string) field {
	return field{name, title, "t." + column, number, squareMetres}
}

// standard are fields of a delivered table, under the survey's names.
func standard(table fields.Table, column func(name string) string) []field {
	var out []field
	for _, v := range table {
		c := column(v.Name)
		if c == "" {
			continue
		}
		k := text
		switch v.Type {
		case fields.Integer:
			k = integer
		case fields.Decimal:
			k = number
		}
		one := f(v.Name, v.Chinese, c, k)
		if strings.HasSuffix(v.Name, "MJ") && k == number {
			one.unit = squareMetres
		}
		out = append(out, one)
	}
	return out
}

// declared are the columns of a candidate by the declaration's standard names.
var declared = map[string]string{
	"SBBH": "number", "XZDM": "township_code", "XZMC": "township_name", "CUN": "village", "BSM": "base_bsm", "DLBM": "base_dlbm",
	"SBMJ": "declared_m2", "NZDL": "target_dlbm", "YT": "purpose", "HFFS": "method", "GDLX": "gdlx", "ZTLX": "actor",
}

const ownRows = "t.county_code = $1 AND t."

// collectionsOf makes the collections that a source gives.
func collectionsOf(v source, names map[string]string) []*collection {
	switch v.kind {
	case kindSurvey:
		return []*collection{{id: "parcels", title: "地类图斑 DLTB", text: fmt.Sprintf("%d 年国土变更调查地类图斑，版本 %s。 Parcels of the land survey.", v.year, v.version),
			pin: v.version, from: "parcel t", where: ownRows + "dataset_id = $2", geom: "t.geom", keys: []key{{"t.fid", true}}, total: v.features,
			fields: append(standard(fields.DLTB, strings.ToLower), area("area_m2", "椭球面积", "area_m2"))}}
	case kindIn:
		return []*collection{candidates("candidates_in", "转进申报地块", "in", "Declared parcels to become cultivated land, versions in force.")}
	case kindOut:
		return []*collection{candidates("candidates_out", "转出申报地块", "out", "Declared parcels to leave cultivated land, versions in force.")}
	case kindRun:
		return ofRun(v)
	case kindPlan:
		return []*collection{ofPlan(v)}
	}
	return []*collection{layer(v, names)}
}

func candidates(id, title, direction, english string) *collection {
	return &collection{id: id, title: title, text: title + "：各年度、各乡镇现行版本。 " + english,
		from: `(SELECT c.*, d.year FROM candidate c JOIN dataset d ON d.county_code = c.county_code AND d.dataset_id = c.dataset_id) t`,
		// the direction follows from the declaration's kind; it is said for the reader
		where: ownRows + "dataset_id = ANY ($2::uuid[]) AND t.direction = '" + direction + "'",
		geom:  "t.geom", keys: []key{{"t.year", true}, {"t.number", false}}, total: -1,
		fields: append(append([]field{f("year", "年度", "year", integer)}, standard(fields.Declaration, func(n string) string { return declared[n] })...),
			area("area_m2", "椭球面积", "area_m2"), f("documents", "附件文号", "documents", object))}
}

func ofRun(v source) []*collection {
	direction, no := f("direction", "方向（in 转进，out 转出）", "direction", text), f("number", "申报编号", "number", text)
	township := f("township_code", "乡镇代码", "township_code", text)
	where := ownRows + "run_id = $2"
	return []*collection{
		{id: "findings", title: "筛查发现", text: fmt.Sprintf("%d 年最近一次筛查的发现；没有图形的发现（缺图层、坡度等）几何为空。 Findings of the newest finished screening.", v.year),
			pin: v.version, from: "finding t", where: where, geom: "t.geom", keys: []key{{"t.seq", true}}, total: -1,
			fields: []field{f("seq", "序号", "seq", integer), direction, no, township, f("clause", "条款", "clause", text),
				f("check_no", "检查号", "check_no", integer), f("severity", "程度", "severity", text), f("outcome", "结果", "outcome", text),
				f("layer_kind", "图层代码", "layer_kind", text), f("layer_version", "图层版本", "layer_version", text),
				area("overlap_m2", "重叠面积", "overlap_m2"), f("share", "占比", "share", number),
				f("message_zh", "说明", "message_zh", text), f("message_en", "说明（英文）", "message_en", text)}},
		{id: "remainders", title: "可用部分", text: fmt.Sprintf("%d 年最近一次筛查中申报地块扣除禁止部分后的范围。 What of each candidate remains usable.", v.year),
			pin: v.version, from: "verdict t", where: where + " AND t.remainder IS NOT NULL", geom: "t.remainder",
			keys: []key{{"t.direction", false}, {"t.number", false}}, total: -1,
			fields: []field{direction, no, township, f("verdict", "结论", "verdict", text), area("area_m2", "申报面积（椭球）", "area_m2"),
				area("usable_m2", "可用面积", "usable_m2"), area("net_m2", "净面积", "net_m2"), area("net_paddy_m2", "其中水田净面积", "net_paddy_m2"),
				f("KCXS", "扣除地类系数", "kcxs", number), f("slope_class", "坡度级别", "slope_class", text), f("quality", "等别", "quality", number)}},
	}
}

func ofPlan(v source) *collection {
	return &collection{id: "plan_parcels", title: "年度方案地块", text: fmt.Sprintf("%d 年方案的地块：已批准的，否则报批中的，否则最近一个可行方案。 Parcels of the year's plan.", v.year),
		pin: v.version, from: "plan_parcel t", where: ownRows + "plan_id = $2", geom: "t.geom",
		keys: []key{{"t.direction", false}, {"t.number", false}}, total: -1,
		fields: []field{f("direction", "方向（in 转进，out 转出）", "direction", text), f("number", "申报编号", "number", text),
			f("township_code", "乡镇代码", "township_code", text), f("chosen", "是否选用", "chosen", boolean),
			area("net_m2", "净面积", "net_m2"), area("net_paddy_m2", "其中水田净面积", "net_paddy_m2"),
			f("quality", "等别", "quality", number), f("reason_zh", "理由", "reason_zh", text)}}
}

func layer(v source, names map[string]string) *collection {
	c := &collection{id: v.kind, title: strings.TrimSpace(names[v.kind] + " " + v.kind),
		text: fmt.Sprintf("%s，%d 年，版本 %s。 Constraint layer.", cmp.Or(names[v.kind], v.kind), v.year, v.version),
		pin:  v.version, from: "layer_feature t", where: ownRows + "dataset_id = $2", geom: "t.geom", keys: []key{{"t.fid", true}}, total: v.features,
		fields: []field{f("BSM", "标识码", "bsm", text), f("code", "代码", "code", text), f("name", "名称", "name", text), f("level", "级别", "level", text),
			area("area_m2", "椭球面积", "area_m2"), f("attrs", "其他属性", "attrs", object)}}
	if v.kind == kindTownships {
		c.id, c.title = "townships", "乡镇 "+kindTownships
		c.fields[1], c.fields[2] = f("XZQDM", "行政区代码", "code", text), f("XZQMC", "行政区名称", "name", text)
	}
	return c
}
