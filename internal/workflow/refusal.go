package workflow

import (
	"fmt"
	"strings"

	"gengheng/internal/access"
)

// Code says why a step is refused.
type Code string

const (
	NotFound        Code = "record-not-found"
	YearNotSet      Code = "year-not-set"       // 年度未设置
	Exists          Code = "record-exists"      // 已申报
	IllegalStep     Code = "record-step"        // 该状态不能办理
	WrongRole       Code = "record-role"        // 角色不符
	Stale           Code = "record-stale"       // 已被他人改动
	OwnSignature    Code = "own-signature"      // 签字人不得为申请人
	ReasonMissing   Code = "record-reason"      // 未说明理由
	LateUnexplained Code = "record-late"        // 逾期未说明理由
	DocumentsShort  Code = "record-documents"   // 缺材料
	OpinionsShort   Code = "record-opinions"    // 缺部门意见
	VerdictForbids  Code = "record-verdict"     // 筛查结论不允许
	Replaced        Code = "record-declaration" // 申报已更换
	BadInput        Code = "record-input"       // 填写有误
	Unfinished      Code = "record-unfinished"  // 尚未办结
	InspectionOpen  Code = "record-inspection"  // 验收未完成
	Locked          Code = "record-locked"      // 申报已锁定
)

// Refusal is a step that is not taken; asking again changes nothing until
// something else does. The caller's transaction must be rolled back.
type Refusal struct {
	Code Code
	// Record is the parcel, "in/J1"; "" where it is about the year.
	Record string
	// Detail says what is wrong and what to do, Chinese first.
	Detail string
	// Missing lists what is needed, one by one: a document's kind, a department,
	// a role.
	Missing []string
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Detail }

func (r *Record) refuse(code Code, missing []string, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Record: r.Key.String(), Missing: missing,
		Detail: "地块 " + r.Key.String() + "：" + fmt.Sprintf(format, args...)}
}

// Unseen refuses a parcel that is another township's, as if it were not there.
func Unseen(k Key) *Refusal { return notFound(k) }

func notFound(k Key) *Refusal {
	return &Refusal{Code: NotFound, Record: k.String(),
		Detail: fmt.Sprintf("%d 年度没有地块 %s 的流程，或不属于您的乡镇；请先申报（declare）。 There is no record of parcel %s in %d for you to see; declare it first.", k.Year, k, k, k.Year)}
}

func roleNames(roles []access.Role) (zh string, codes []string) {
	var names []string
	for _, r := range roles {
		names = append(names, r.Chinese())
		codes = append(codes, string(r))
	}
	return strings.Join(names, "、"), codes
}
