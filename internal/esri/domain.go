package esri

import (
	"gengheng/internal/collection"
	"gengheng/internal/land"
)

// domain is a list of coded values (编码域): what may stand in a field, and what it
// means.
type domain struct {
	Type   string       `json:"type"`
	Name   string       `json:"name"`
	Values []codedValue `json:"codedValues"`
	Merge  string       `json:"mergePolicy"`
	Split  string       `json:"splitPolicy"`
}

type codedValue struct {
	Name string `json:"name"`
	Code any    `json:"code"`
}

// words are fields whose values are the program's own.
var words = map[string][][2]string{
	"direction":   {{"in", "转进"}, {"out", "转出"}},
	"severity":    {{"block", "禁止"}, {"warn", "提示"}, {"manual", "人工核查"}, {"score", "评分"}},
	"outcome":     {{"hit", "超出容差"}, {"tolerated", "容差内"}, {"missing", "缺图层或材料"}, {"note", "说明"}},
	"verdict":     {{"eligible", "可行"}, {"eligible_after_clip", "扣除后可行"}, {"needs_review", "需人工核查"}, {"forbidden", "禁止"}, {"unknown", "不能判定"}},
	"screening":   {{"screened", "现行筛查"}, {"edited", "编辑时"}, {"earlier", "上次筛查"}, {"pending", "待筛查"}},
	"slope_class": slopes(),
	"GDPDJB":      slopes(),
}

// slopes are the five slope classes (坡度级).
func slopes() [][2]string {
	return [][2]string{{"1", "≤2°"}, {"2", "2°～6°"}, {"3", "6°～15°"}, {"4", "15°～25°"}, {"5", ">25°"}}
}

// domainOf is the domain of a field; nil if it has none.
func domainOf(f collection.Field) *domain {
	name, kind := f.Name, f.Kind
	d := &domain{Type: "codedValue", Name: name, Merge: "esriMPTDefaultValue", Split: "esriSPTDuplicate"}
	if kind == collection.Boolean {
		d.Name, d.Values = "是否", []codedValue{{"是", 1}, {"否", 0}}
		return d
	}
	for _, w := range words[name] {
		d.Values = append(d.Values, codedValue{w[1], w[0]})
	}
	for _, c := range land.CodesOf(name) {
		d.Values = append(d.Values, codedValue{c.Code + " " + c.Name, c.Code})
	}
	for _, word := range f.Words {
		d.Values = append(d.Values, codedValue{word, word})
	}
	if kind != collection.Text || d.Values == nil {
		return nil
	}
	return d
}
