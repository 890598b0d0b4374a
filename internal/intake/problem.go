package intake

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Codes of problems. They are stable; the type of the RFC 9457 document is
// "urn:gengheng:problem:" and the code. Problems found while reading the file
// carry the code that geodata gives them.
const (
	ProblemRows      = "rows-refused"       // 有不能接受的行
	ProblemEmpty     = "no-features"        // 没有要素
	ProblemLayer     = "layer-undetermined" // 不知道是哪个图层
	ProblemFields    = "fields-missing"     // 缺字段
	ProblemElsewhere = "outside-county"     // 不在本县
	ProblemKind      = "kind-unknown"       // 不认识的数据集种类
	ProblemTable     = "table-unreadable"   // 表格读不出
	ProblemBase      = "base-missing"       // 缺现行地类图斑
	ProblemFile      = "file-unreadable"    // 文件读不出
)

// Problem 拒收原因: why a file cannot be taken, where, and what to do. It is an
// error and, as JSON, an RFC 9457 problem document.
type Problem struct {
	Code               string
	TitleZH, TitleEN   string
	DetailZH, DetailEN string
	File, Layer        string
	Row                int64
	Field              string
	HintZH, HintEN     string
	// Errors are further lines, Chinese and English in one: layers to choose
	// from, fields found, the first rows that are wrong.
	Errors []string
	// Issues counts the issues in the dataset's report by severity.
	Issues map[string]int
	// cause is what made it, for logs.
	cause error
}

func (p *Problem) Error() string {
	parts := []string{p.TitleZH + " · " + p.TitleEN}
	if p.DetailZH != "" {
		parts = append(parts, p.DetailZH+" · "+p.DetailEN)
	}
	if p.HintZH != "" {
		parts = append(parts, p.HintZH+" · "+p.HintEN)
	}
	if p.File != "" {
		return p.File + ": " + strings.Join(parts, " ")
	}
	return strings.Join(parts, " ")
}

func (p *Problem) Unwrap() error { return p.cause }

// Status is the HTTP status that fits: the request was understood, its content
// cannot be processed.
func (p *Problem) Status() int { return 422 }

func (p *Problem) fill(req Request) {
	if p.File == "" {
		p.File = req.FileName
	}
}

// MarshalJSON gives the RFC 9457 document; Chinese stands in title, detail and
// hint, English beside them.
func (p *Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Type     string         `json:"type"`
		Title    string         `json:"title"`
		Status   int            `json:"status"`
		Detail   string         `json:"detail,omitempty"`
		TitleEN  string         `json:"title_en"`
		DetailEN string         `json:"detail_en,omitempty"`
		File     string         `json:"file,omitempty"`
		Layer    string         `json:"layer,omitempty"`
		Row      int64          `json:"row,omitempty"`
		Field    string         `json:"field,omitempty"`
		Hint     string         `json:"hint,omitempty"`
		HintEN   string         `json:"hint_en,omitempty"`
		Errors   []string       `json:"errors,omitempty"`
		Issues   map[string]int `json:"issues,omitempty"`
	}{"urn:gengheng:problem:" + p.Code, p.TitleZH, p.Status(), p.DetailZH, p.TitleEN, p.DetailEN,
		p.File, p.Layer, p.Row, p.Field, p.HintZH, p.HintEN, p.Errors, p.Issues})
}

// detail sets the detail in both languages from the same arguments.
func (p *Problem) detail(zh, en string, args ...any) *Problem {
	p.DetailZH, p.DetailEN = fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)
	return p
}

func (p *Problem) hint(zh, en string) *Problem {
	p.HintZH, p.HintEN = zh, en
	return p
}
