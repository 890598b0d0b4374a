package screening

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// Codes of refusals; the type of the RFC 9457 document is
// "urn:gengheng:problem:" and the code.
const (
	refusedNumbers   = "number-declared-twice" // 申报编号重复
	refusedTerrain   = "dem-unusable"          // 高程模型不可用
	refusedRulebook  = "rulebook-invalid"      // 规则库无效
	refusedEmpty     = "nothing-declared"      // 没有申报地块
	refusedUndefined = "run-missing"           // 没有筛查任务
	refusedState     = "state-missing"         // 没有这个县、规则库或数据集版本
	refusedGeometry  = "boundary-unusable"     // 申报图形不可用
)

// Refusal 不能筛查的原因: what is wrong with the data, and what to do. Trying
// again changes nothing. It is an error and, as JSON, an RFC 9457 problem.
type Refusal struct {
	Code               string
	TitleZH, TitleEN   string
	DetailZH, DetailEN string
	HintZH, HintEN     string
}

func (r *Refusal) Error() string {
	return r.TitleZH + "：" + r.DetailZH + "，" + r.HintZH + " · " + r.TitleEN + ": " + r.DetailEN + "; " + r.HintEN
}

// MarshalJSON gives the RFC 9457 object.
func (r *Refusal) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Type     string `json:"type"`
		Title    string `json:"title"`
		Status   int    `json:"status"`
		Detail   string `json:"detail"`
		TitleEN  string `json:"title_en"`
		DetailEN string `json:"detail_en"`
		Hint     string `json:"hint"`
		HintEN   string `json:"hint_en"`
	}{"urn:gengheng:problem:" + r.Code, r.TitleZH, 422, r.DetailZH, r.TitleEN, r.DetailEN, r.HintZH, r.HintEN})
}

// nothingDeclared: a screening of nothing would look like a county without
// conflicts. What else is missing is said at once.
func (j *job) nothingDeclared() error {
	r := &Refusal{Code: refusedEmpty, TitleZH: "没有申报地块", TitleEN: "nothing is declared",
		DetailZH: fmt.Sprintf("县 %s %d 年度没有转进或转出申报地块", j.county, j.year),
		DetailEN: fmt.Sprintf("county %s has no declared parcel for %d", j.county, j.year),
		HintZH:   "请先上传乡镇申报", HintEN: "upload the townships' declarations first"}
	if list := j.missing(); len(list) > 0 {
		names := make([]string, len(list))
		for i, kind := range list {
			info, _ := j.book.Layer(kind)
			names[i] = cmp.Or(info.Name, kind)
		}
		r.DetailZH += "；还缺少图层或表：" + strings.Join(names, "、")
		r.DetailEN += "; it also lacks " + strings.Join(list, ", ")
	}
	return r
}

func unusableTerrain(cause error) error {
	return &Refusal{Code: refusedTerrain, TitleZH: "高程模型不可用", TitleEN: "the DEM cannot be used",
		DetailZH: cause.Error(), DetailEN: cause.Error(), HintZH: "请重新上传 DEM", HintEN: "upload the DEM again"}
}
