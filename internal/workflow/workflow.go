// Package workflow (年度工作流程) is where each parcel of a county's year stands,
// from the township's declaration to the carry-over: who may take which step,
// what it needs, and everything that was done, kept for good. It knows no
// ledger and no plan: what a step means in the books is said in internal/year,
// which takes the step, posts it and records it in one transaction.
//
// The steps are data (steps.go). Every refusal is a *Refusal that names what is
// missing.
package workflow

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/land"
)

// Key names a record: a parcel by its number (申报编号) and direction, in or out,
// in a county's year.
type Key struct {
	County    string
	Year      int
	Direction string
	Number    string
}

func (k Key) String() string { return k.Direction + "/" + k.Number }

// State of a record (状态).
type State string

const (
	None            State = ""                 // not declared yet
	Draft           State = "draft"            // 草稿
	Submitted       State = "submitted"        // 乡镇提交
	Checked         State = "checked"          // 县级内业检查
	InReview        State = "in_review"        // 部门会审
	Planned         State = "planned"          // 纳入方案（草案）
	Approved        State = "approved"         // 方案批准
	Executing       State = "executing"        // 实施中
	TownshipChecked State = "township_checked" // 乡镇初验
	Accepted        State = "accepted"         // 县级验收合格
	Rectifying      State = "rectifying"       // 整改
	Failed          State = "failed"           // 验收不合格
	Evidenced       State = "evidenced"        // 举证上报
	ChangeApproved  State = "change_approved"  // 日常变更通过
	QuotaLocked     State = "quota_locked"     // 指标锁定
	Released        State = "released"         // 准予实施
	Executed        State = "executed"         // 已实施
	Recognised      State = "recognised"       // 年度变更认定
	Carried         State = "carried"          // 结转
	WrittenOff      State = "written_off"      // 核销
	Refused         State = "refused"          // 退回/不予
	Withdrawn       State = "withdrawn"        // 撤回
	Returned        State = "returned"         // 退回补正
)

var stateZH = map[State]string{
	None: "未申报", Draft: "草稿", Submitted: "乡镇提交", Checked: "县级内业检查", InReview: "部门会审", Planned: "纳入方案", Approved: "方案批准",
	Executing: "实施中", TownshipChecked: "乡镇初验", Accepted: "县级验收合格", Rectifying: "整改", Failed: "验收不合格", Evidenced: "举证上报",
	ChangeApproved: "日常变更通过", QuotaLocked: "指标锁定", Released: "准予实施", Executed: "已实施", Recognised: "年度变更认定",
	Carried: "结转", WrittenOff: "核销", Refused: "不予", Withdrawn: "撤回", Returned: "退回补正",
}

// Chinese is the state's name for people.
func (s State) Chinese() string { return stateZH[s] }

// Final tells whether no step leads on within the year.
func (s State) Final() bool {
	return s == Carried || s == WrittenOff || s == Refused || s == Withdrawn
}

// Exempt is why an outflow is not balanced (不计入平衡的流出); "" where it is.
type Exempt string

const (
	Balanced   Exempt = ""
	Ecological Exempt = "ecological" // 国家安排的生态退耕
	Disaster   Exempt = "disaster"   // 灾毁
	Flooding   Exempt = "flooding"   // 自然淹没
)

var exemptZH = map[Exempt]string{Ecological: "生态退耕", Disaster: "灾毁", Flooding: "自然淹没"}

// Chinese is the cause's name for people.
func (e Exempt) Chinese() string { return exemptZH[e] }

// Track is which way a record goes.
type Track string

const (
	TrackIn     Track = "in"     // 转进
	TrackOut    Track = "out"    // 转出
	TrackExempt Track = "exempt" // 不计入平衡的流出
)

// Facts is what other rooms know of a parcel when a step is taken.
type Facts struct {
	Township string
	Dataset  uuid.UUID
	// Declaration is the digest of boundary and statements as declared now.
	Declaration string
	// Purpose (用途) and Actor (主体类型) as declared.
	Purpose, Actor string
	// Run is the newest finished screening, if it read this declaration, and
	// Verdict what it says; Net and Paddy are m² of net area by it.
	Run        *uuid.UUID
	Verdict    string
	Net, Paddy land.Area
	// Grade is 等别 in thousandths, 1000 (best) to 15000; nil where it is not known.
	Grade *int64
	// Ecological: the screening finds it in the state's own task (生态退耕).
	Ecological bool
}

// Input is what comes with a step.
type Input struct {
	// Revision is the record's as the caller has seen it; 0 skips the check and
	// is for steps that follow from another (the plan's approval).
	Revision int
	Reason   string
	// Documents are of the record, attached to this step.
	Documents []uuid.UUID
	// Exempt is for declare.
	Exempt Exempt
	// Facts are needed by declare, submit and check.
	Facts *Facts
	// Rectify is what has to be put right, one by one: for rectify.
	Rectify []string
	// RectifyBy is the day by which that has to be done, 2027-09-30, the day itself
	// in time: for rectify.
	RectifyBy string
	// Data goes into the event: measured and recognised amounts, say.
	Data any
}

// Record is where a parcel stands.
type Record struct {
	Key
	Township    string
	Exempt      Exempt
	State       State
	Revision    int
	Round       int // of the department review
	ApplicantID uuid.UUID
	Applicant   string
	SubmittedBy *uuid.UUID
	Purpose     string
	Actor       string
	Dataset     uuid.UUID
	Declaration string
	Run         *uuid.UUID
	Verdict     string
	Net, Paddy  land.Area
	Grade       *int64 // 等别 in thousandths
	Late        bool
	// RectifyBy is the day by which what is being rectified has to be put right; ""
	// in other states, and for what was asked for without one.
	RectifyBy string
	CreatedAt time.Time
	ChangedAt time.Time
}

// Track is which way the record goes.
func (r *Record) Track() Track {
	switch {
	case r.Exempt != Balanced:
		return TrackExempt
	case r.Direction == "in":
		return TrackIn
	}
	return TrackOut
}

// Event is one step that was taken.
type Event struct {
	Seq       int
	ID        uuid.UUID
	Action    Action
	From, To  State
	ActorID   uuid.UUID
	ActorName string
	Role      access.Role
	Township  string // the actor's
	At        time.Time
	Reason    string
	Late      bool
	Documents []uuid.UUID
	Data      []byte // JSON; nil where there is none
}

// Workflow takes steps. The zero value is ready.
type Workflow struct {
	// Now is the time that deadlines are held against; nil is the clock.
	Now func() time.Time
}

func (w Workflow) now() time.Time {
	if w.Now == nil {
		return time.Now()
	}
	return w.Now()
}

// Querier reads: a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// signature is how a person's name and capacity will be read years later.
func signature(a access.Actor) string {
	s := a.Name + "（" + a.Role.Chinese()
	if a.Township != "" {
		s += " " + a.Township
	}
	return s + "）"
}
