package screening

import "encoding/json"

// Codes of refusals; the type of the RFC 9457 document is
// "urn:gengheng:problem:" and the code.
const (
	refusedNumbers   = "number-declared-twice" // 申报编号重复
	refusedTerrain   = "dem-unusable"          // 高程模型不可用
	refusedRulebook  = "rulebook-invalid"      // 规则库无效
	refusedUndefined = "run-missing"           // 没有筛查任务
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

func unusableTerrain(cause error) error {
	return &Refusal{Code: refusedTerrain, TitleZH: "高程模型不可用", TitleEN: "the DEM cannot be used",
		DetailZH: cause.Error(), DetailEN: cause.Error(), HintZH: "请重新上传 DEM", HintEN: "upload the DEM again"}
}
