package collection

import (
	"cmp"
	"fmt"
	"strings"

	"gengheng/internal/intake/fields"
	"gengheng/internal/rulebook"
)

// Kind is the type of a field.
type Kind int

// Kinds of fields.

const (
	Text Kind = iota + 1
	Integer
	Number
	Boolean
	Object // JSON; not queryable
)

// Field is a property of features: its standard name, Chinese title and the
// expression over t.
type Field struct {
	Name, Title, SQL string
	Kind             Kind
	// Unit is a code of UCUM; "" where there is none.
	Unit string
	// Declared is the name in a declaration that the field is written under; ""
	// where the program alone writes it.
	Declared string
	// Fixed: given when a feature is made, and never changed.
	Fixed bool
	// Words are those that the rulebook knows in the field; nil: any will do.
	Words []string
}

const squareMetres = "m2"

func f(name, title, column string, k Kind) Field {
	return Field{Name: name, Title: title, SQL: "t." + column, Kind: k}
}

func area(name, title, column string) Field {
	return Field{Name: name, Title: title, SQL: "t." + column, Kind: Number, Unit: squareMetres}
}

// standard are fields of a delivered table, under the survey's names.
func standard(table fields.Table, column func(name string) string) []Field {
	var out []Field
	for _, v := range table {
		c := column(v.Name)
		if c == "" {
			continue
		}
		k := Text
		switch v.Type {
		case fields.Integer:
			k = Integer
		case fields.Decimal:
			k = Number
		}
		one := f(v.Name, v.Chinese, c, k)
		if strings.HasSuffix(v.Name, "MJ") && k == Number {
			one.Unit = squareMetres
		}
		out = append(out, one)
	}
	return out
}

const ownRows = "t.county_code = $1 AND t."

// objectOf is the expression of a declared parcel's whole number, whose year the
// expression gives.
func objectOf(year string) string {
	return "(SELECT o.object_id FROM candidate_object o WHERE o.county_code = t.county_code AND o.year = " + year + " AND o.direction = t.direction AND o.number = t.number)"
}

// collectionsOf makes the collections that a source gives.
func collectionsOf(v Source, book *vocabulary) []*Collection {
	switch v.Kind {
	case kindSurvey:
		return []*Collection{{ID: "parcels", Title: "地类图斑 DLTB", Text: fmt.Sprintf("%d 年国土变更调查地类图斑，版本 %s。 Parcels of the land survey.", v.Year, v.Version),
			Pin: v.Version, From: "parcel t", Where: ownRows + "dataset_id = $2", Geom: "t.geom", Keys: []Key{{"t.fid", true}}, Object: "t.fid", Total: v.Features,
			Fields: append(standard(fields.DLTB, strings.ToLower), area("area_m2", "椭球面积", "area_m2"))}}
	case kindIn:
		return []*Collection{candidates(book, v.Kind, "candidates_in", "转进申报地块", "in", "Declared parcels to become cultivated land, versions in force.")}
	case kindOut:
		return []*Collection{candidates(book, v.Kind, "candidates_out", "转出申报地块", "out", "Declared parcels to leave cultivated land, versions in force.")}
	case kindRun:
		return ofRun(v)
	case kindPlan:
		return []*Collection{ofPlan(v)}
	}
	return []*Collection{layer(v, book.layers[v.Kind])}
}

// findingRows are the findings as the caller may see them: the database withholds
// from a township what a finding says of others' declarations.
const findingRows = `(SELECT f.county_code, f.run_id, f.seq, f.direction, f.number, f.township_code, f.clause, f.check_no, f.severity, f.outcome,
		f.layer_kind, f.layer_version, f.overlap_m2, f.share, finding_message_shown(f.layer_kind, f.outcome, f.message_zh) AS message_zh,
		finding_message_shown(f.layer_kind, f.outcome, f.message_en) AS message_en, finding_geom_shown(f.layer_kind, f.geom) AS geom
	FROM finding f) t`

func ofRun(v Source) []*Collection {
	direction, no := f("direction", "方向（in 转进，out 转出）", "direction", Text), f("number", "申报编号", "number", Text)
	township := f("township_code", "乡镇代码", "township_code", Text)
	where := ownRows + "run_id = $2"
	return []*Collection{
		{ID: "findings", Title: fmt.Sprintf("筛查发现（%d 年度）", v.Year), Text: fmt.Sprintf("%d 年最近一次筛查的发现；没有图形的发现（缺图层、坡度等）几何为空。 Findings of the newest finished screening.", v.Year),
			Pin: v.Version, From: findingRows, Where: where, Geom: "t.geom", Keys: []Key{{"t.seq", true}}, Object: "t.seq", Total: -1,
			Fields: []Field{f("seq", "序号", "seq", Integer), direction, no, township, f("clause", "条款", "clause", Text),
				f("check_no", "检查号", "check_no", Integer), f("severity", "程度", "severity", Text), f("outcome", "结果", "outcome", Text),
				f("layer_kind", "图层代码", "layer_kind", Text), f("layer_version", "图层版本", "layer_version", Text),
				area("overlap_m2", "重叠面积", "overlap_m2"), f("share", "占比", "share", Number),
				f("message_zh", "说明", "message_zh", Text), f("message_en", "说明（英文）", "message_en", Text)}},
		{ID: "remainders", Title: fmt.Sprintf("可用部分（%d 年度）", v.Year), Text: fmt.Sprintf("%d 年最近一次筛查中申报地块扣除禁止部分后的范围。 What of each candidate remains usable.", v.Year),
			Pin: v.Version, From: "verdict t", Where: where + " AND t.remainder IS NOT NULL", Geom: "t.remainder",
			Keys: []Key{{"t.direction", false}, {"t.number", false}}, Object: objectOf("(SELECT year FROM screening_run r WHERE r.county_code = t.county_code AND r.run_id = t.run_id)"), Total: -1,
			Fields: []Field{direction, no, township, f("verdict", "结论", "verdict", Text), area("area_m2", "申报面积（椭球）", "area_m2"),
				area("usable_m2", "可用面积", "usable_m2"), area("net_m2", "净面积", "net_m2"), area("net_paddy_m2", "其中水田净面积", "net_paddy_m2"),
				f("KCXS", "扣除地类系数", "kcxs", Number), f("slope_class", "坡度级别", "slope_class", Text), f("quality", "等别", "quality", Number)}},
	}
}

// planRows are a plan's parcels with what the plan makes of each (状态): locked-in and
// locked-out where its options held it, else chosen, refused where the screening kept it
// out of the balance, or not.
const planRows = `(SELECT p.*, CASE WHEN held.key IS NOT NULL THEN 'locked-in' WHEN barred.key IS NOT NULL THEN 'locked-out'
		WHEN p.chosen THEN 'chosen' WHEN NOT p.takes_part THEN 'refused' ELSE 'not' END AS state
	FROM plan_parcel p
	LEFT JOIN (SELECT DISTINCT o.county_code, o.plan_id, jsonb_path_query(o.options, '$.chosen[*]') #>> '{}' AS key FROM plan o) held
		ON held.county_code = p.county_code AND held.plan_id = p.plan_id AND held.key = p.direction || '/' || p.number
	LEFT JOIN (SELECT DISTINCT o.county_code, o.plan_id, jsonb_path_query(o.options, '$.not_chosen[*]') #>> '{}' AS key FROM plan o) barred
		ON barred.county_code = p.county_code AND barred.plan_id = p.plan_id AND barred.key = p.direction || '/' || p.number) t`

func ofPlan(v Source) *Collection {
	return &Collection{ID: "plan_parcels", Title: fmt.Sprintf("方案地块（%d 年度）", v.Year), Text: fmt.Sprintf("%d 年方案的地块：已批准的，否则报批中的，否则最近一个可行方案。 Parcels of the year's plan.", v.Year),
		Pin: v.Version, From: planRows, Where: ownRows + "plan_id = $2", Geom: "t.geom",
		Keys: []Key{{"t.direction", false}, {"t.number", false}}, Object: objectOf("(SELECT year FROM plan p WHERE p.county_code = t.county_code AND p.plan_id = t.plan_id)"), Total: -1,
		Fields: []Field{f("direction", "方向（in 转进，out 转出）", "direction", Text), f("number", "申报编号", "number", Text),
			f("township_code", "乡镇代码", "township_code", Text), f("chosen", "是否选用", "chosen", Boolean),
			f("state", "状态（chosen 选用，not 未选，locked-in 锁定选用，locked-out 锁定不用，refused 未参与）", "state", Text),
			area("net_m2", "净面积", "net_m2"), area("net_paddy_m2", "其中水田净面积", "net_paddy_m2"),
			f("quality", "等别", "quality", Number), f("reason_zh", "理由", "reason_zh", Text)}}
}

func layer(v Source, is rulebook.Layer) *Collection {
	c := &Collection{ID: v.Kind, Title: strings.TrimSpace(is.Name + " " + v.Kind),
		Text: fmt.Sprintf("%s，%d 年，版本 %s。 Constraint layer.", cmp.Or(is.Name, v.Kind), v.Year, v.Version),
		Pin:  v.Version, From: "layer_feature t", Where: ownRows + "dataset_id = $2", Geom: "t.geom", Keys: []Key{{"t.fid", true}}, Object: "t.fid", Total: v.Features,
		Fields: []Field{f("BSM", "标识码", "bsm", Text), f("code", "代码", "code", Text), f("name", "名称", "name", Text), f("level", "级别", "level", Text),
			area("area_m2", "椭球面积", "area_m2"), f("attrs", "其他属性", "attrs", Object)},
		Standard: map[string]string{}}
	for name, list := range map[string][]string{"code": is.Code, "name": is.NameFields, "level": is.Level} {
		if len(list) > 0 {
			c.Standard[name] = list[0]
		}
	}
	if v.Kind == kindTownships {
		c.ID, c.Title = "townships", "乡镇 "+kindTownships
		c.Fields[1], c.Fields[2] = f("XZQDM", "行政区代码", "code", Text), f("XZQMC", "行政区名称", "name", Text)
	}
	return c
}
