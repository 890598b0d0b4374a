package intake

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// Severity grades an issue: error, warning or notice.
type Severity = survey.Severity

// Codes of the issues that intake itself finds; codes of reading are
// geodata's, codes of the survey rules are survey's (S01a ...).
const (
	IssueInvalidGeometry = "geometry_invalid"   // 几何无效（自相交等）
	IssueRepaired        = "geometry_repaired"  // 已按提议修复
	IssueOutsideCounty   = "outside_county"     // 不在本县附近
	IssueNumber          = "number_unreadable"  // 数值读不出
	IssueTextTooLong     = "text_too_long"      // 文字超长
	IssueDuplicateKey    = "S20c"               // 标识码重复
	IssueEmpty           = "confirmed-empty"    // 确认为空
	IssueProjection      = "S15"                // 投影
	IssueBuiltUpHole     = "S16b"               // 城镇村等用地有洞
	IssueBuiltUpUnmarked = "S16c"               // 城镇村内图斑无属性码
	IssueBuiltUpCode     = "S16d"               // 城镇村代码与坐落单位不符
	IssueOverlap         = "S17b"               // 重叠
	IssueGap             = "S17c"               // 缝隙
	IssueBeyondCounty    = "S17d"               // 越出行政区
	IssueRagged          = "S17e"               // 边不重合
	IssueFieldRenamed    = "field_renamed"      // 字段按别名识别
	IssueFieldDuplicate  = "field_duplicate"    // 两列同义
	IssueCode            = "code_invalid"       // 代码不对
	IssueLevel           = "level_missing"      // 级别为空
	IssueNumberMissing   = "number_missing"     // 申报编号为空
	IssueDate            = "date_invalid"       // 不是日期
	IssueFormula         = "formula_no_value"   // 单元格是公式，没有保存计算结果
	IssueNumberTwice     = "number_duplicate"   // 申报编号重复
	IssueTownship        = "township_invalid"   // 乡镇代码不对
	IssueUnmatched       = "unmatched"          // 表与图对不上
	IssueBoundaryKept    = "boundary_kept"      // 沿用现行申报的边界
	IssueContradiction   = "table_contradicts"  // 表与图不一致
	IssueAreaDeclared    = "declared_area"      // 申报面积与图形不符
	IssueCandidateTwice  = "candidates_overlap" // 申报地块互相重叠
	IssueClassUnknown    = "class_unknown"      // 地类写法认不出
	IssueRidgeMissing    = "ridge_missing"      // 田坎系数不全
	IssueTarget          = "target_invalid"     // 拟转地类为空或不可能
	IssuePurpose         = "purpose_invalid"    // 用途为空或不在规则库中
	IssueActor           = "actor_invalid"      // 主体类型为空或不在规则库中
	IssueElsewhere       = "township_elsewhere" // 地块主要在别的乡镇
	IssueBasePatch       = "base_patch"         // 申报的标识码不是地块所在的图斑
	IssueBaseClass       = "base_class"         // 申报的现状地类与地类图斑不同
)

// keep is the most issues of one code that are stored; all are counted.
const keep = 10000

// Issue is one finding about a file, a row of dataset_issue.
type Issue struct {
	Severity Severity
	Code     string
	// Row is 1-based; 0 = the whole layer.
	Row   int64
	BSM   string
	Field string
	// ZH and EN say what is wrong and what to do.
	ZH, EN string
	// At is the place in the county plane.
	At *orb.Point
	// Repair is the proposed (or, on a notice, applied) repair.
	Repair *Repair
	// fatal: the file cannot be taken while this stands.
	fatal bool
}

// Repair 修复提议: a valid geometry in place of the one delivered, and what it
// does to the official area.
type Repair struct {
	Kind string `json:"kind"`
	// AreaBefore is by the same formula, which takes rings as they run; nil
	// where the delivered rings enclose nothing.
	AreaBefore *land.Area `json:"area_before_m2,omitempty"`
	AreaAfter  land.Area  `json:"area_after_m2"`
	// Change is after - before.
	Change *land.Area `json:"change_m2,omitempty"`
	// WKB of the repaired MultiPolygon in the county plane, hexadecimal.
	WKB hexBytes `json:"wkb"`
}

type hexBytes []byte

func (b hexBytes) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(b)) }

// report collects issues. It is used by one goroutine at a time.
type report struct {
	kept   []Issue
	counts map[issueKey]int
	fatal  int
}

type issueKey struct {
	Severity Severity
	Code     string
}

func (r *report) add(issue Issue) {
	if r.counts == nil {
		r.counts = map[issueKey]int{}
	}
	k := issueKey{issue.Severity, issue.Code}
	r.counts[k]++
	if issue.fatal {
		r.fatal++
	}
	if r.counts[k] <= keep {
		r.kept = append(r.kept, issue)
	}
}

// addf adds an issue whose two messages have the same arguments.
func (r *report) addf(issue Issue, zh, en string, args ...any) {
	issue.ZH, issue.EN = fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)
	r.add(issue)
}

// ofGeodata is what reading found, in our form. An error means that the row has
// no geometry or value to go on with; a warning on a geometry names a repair
// that the reader had to make, which somebody has to agree to.
func ofGeodata(issue geodata.Issue) Issue {
	out := Issue{
		Severity: Severity(issue.Severity), Code: issue.Code, Row: issue.Row, Field: issue.Field,
		ZH: issue.MessageZH, EN: issue.MessageEN, fatal: issue.Severity == geodata.SeverityError,
	}
	if issue.HasXY {
		out.At = &orb.Point{issue.X, issue.Y}
	}
	return out
}

// sorted puts the issues in the order of the file, those of the whole layer
// first; ties by code, field and text, so that the order is the same each time.
func (r *report) sorted() []Issue {
	list := slices.Clone(r.kept)
	slices.SortStableFunc(list, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Field, b.Field), cmp.Compare(a.ZH, b.ZH))
	})
	return list
}

// bySeverity counts all issues, stored or not.
func (r *report) bySeverity() map[string]int {
	n := map[string]int{}
	for k, v := range r.counts {
		n[string(k.Severity)] += v
	}
	return n
}

// verdict is the problem of a file whose report has fatal issues.
func (r *report) verdict(req Request) *Problem {
	if r.fatal == 0 {
		return nil
	}
	p := &Problem{Code: ProblemRows, TitleZH: "文件中有不能接受的内容", TitleEN: "The file has rows that cannot be taken", Issues: r.bySeverity()}
	p.detail("共 %d 处必须先改正，没有写入任何数据。逐行清单见检查报告。", "%d faults must be corrected first; nothing was stored. The report lists them row by row.", r.fatal)
	repairable := 0
	for _, issue := range r.sorted() {
		if !issue.fatal {
			continue
		}
		if issue.Repair != nil {
			repairable++
		}
		if len(p.Errors) < 10 {
			p.Errors = append(p.Errors, issue.ZH+" · "+issue.EN)
		}
	}
	if repairable > 0 {
		p.hint(fmt.Sprintf("其中 %d 处几何错误有修复提议（见报告中的前后面积）：请在源文件中改正，或选择“接受修复”后重新载入。", repairable),
			fmt.Sprintf("%d geometries have a proposed repair (areas before and after are in the report): correct the source, or load again with accept_repairs.", repairable))
	} else {
		p.hint("请按报告改正源文件后重新上传。", "Correct the source by the report and upload it again.")
	}
	return p
}

// refusal is verdict for a change of single parcels: there is no file, and what is to
// be put right was drawn or typed just now.
func (r *report) refusal() *Problem {
	if r.fatal == 0 {
		return nil
	}
	p := &Problem{Code: ProblemRows, TitleZH: "修改不能接受", TitleEN: "The change cannot be taken", Issues: r.bySeverity()}
	p.detail("有 %d 处须先改正，没有保存任何内容。", "%d faults must be corrected first; nothing was saved.", r.fatal)
	for _, issue := range r.sorted() {
		if issue.fatal && len(p.Errors) < 10 {
			p.Errors = append(p.Errors, issue.ZH+" · "+issue.EN)
		}
	}
	return p.hint("请改正后重新保存。", "Correct it and save again.")
}

// write stores the issues of a dataset in place of earlier ones.
func (r *report) write(ctx context.Context, tx pgx.Tx, county string, dataset uuid.UUID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM dataset_issue WHERE county_code = $1 AND dataset_id = $2`, county, dataset); err != nil {
		return fmt.Errorf("clear the report: %w", err)
	}
	list := r.sorted()
	columns := []string{"county_code", "dataset_id", "seq", "severity", "code", "row_no", "bsm", "field", "message_zh", "message_en", "x", "y", "repair"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"dataset_issue"}, columns, pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
		issue := list[i]
		var row, bsm, field, x, y, repair any
		if issue.Row > 0 {
			row = issue.Row
		}
		if issue.BSM != "" {
			bsm = issue.BSM
		}
		if issue.Field != "" {
			field = issue.Field
		}
		if issue.At != nil {
			x, y = issue.At[0], issue.At[1]
		}
		if issue.Repair != nil {
			text, err := json.Marshal(issue.Repair)
			if err != nil {
				return nil, err
			}
			repair = json.RawMessage(text)
		}
		return []any{county, dataset, int32(i + 1), string(issue.Severity), issue.Code, row, bsm, field, issue.ZH, issue.EN, x, y, repair}, nil
	}))
	if err != nil {
		return fmt.Errorf("store the report: %w", err)
	}
	return nil
}
