package workflow

import (
	"slices"

	"gengheng/internal/access"
)

// Action is a step's name (办理事项).
type Action string

const (
	Declare       Action = "declare"         // 申报
	Submit        Action = "submit"          // 提交
	Withdraw      Action = "withdraw"        // 撤回
	Return        Action = "return"          // 退回补正
	Check         Action = "check"           // 内业检查
	Review        Action = "review"          // 送会审
	Refuse        Action = "refuse"          // 不予
	Plan          Action = "plan"            // 纳入方案
	Unplan        Action = "unplan"          // 方案退回
	Approve       Action = "approve"         // 方案批准
	Drop          Action = "drop"            // 调出方案
	Start         Action = "start"           // 开始实施
	TownshipCheck Action = "township_check"  // 乡镇初验
	Rectify       Action = "rectify"         // 整改
	Rework        Action = "rework"          // 整改完成
	Accept        Action = "accept"          // 县级验收合格
	Fail          Action = "fail"            // 验收不合格
	SendEvidence  Action = "evidence"        // 举证上报
	EvidenceBack  Action = "evidence_return" // 举证退回
	ApproveChange Action = "change_approve"  // 日常变更通过
	Lock          Action = "lock"            // 指标锁定
	Unlock        Action = "unlock"          // 指标解锁
	Release       Action = "release"         // 准予实施
	Recall        Action = "recall"          // 收回准予
	Execute       Action = "execute"         // 已实施
	Confirm       Action = "confirm"         // 核定不计入平衡的流出
	Recognise     Action = "recognise"       // 年度变更认定
	Revoke        Action = "revoke"          // 撤销（冲销）
	Carry         Action = "carry"           // 结转
	WriteOff      Action = "write_off"       // 核销
)

var actionZH = map[Action]string{
	Declare: "申报", Submit: "提交", Withdraw: "撤回", Return: "退回补正", Check: "内业检查", Review: "送会审", Refuse: "不予", Plan: "纳入方案",
	Unplan: "方案退回", Approve: "方案批准", Drop: "调出方案", Start: "开始实施", TownshipCheck: "乡镇初验", Rectify: "整改", Rework: "整改完成",
	Accept: "县级验收合格", Fail: "验收不合格", SendEvidence: "举证上报", EvidenceBack: "举证退回", ApproveChange: "日常变更通过",
	Lock: "指标锁定", Unlock: "指标解锁", Release: "准予实施", Recall: "收回准予", Execute: "已实施", Confirm: "核定流出", Recognise: "年度变更认定",
	Revoke: "撤销", Carry: "结转", WriteOff: "核销",
}

// Chinese is the action's name for people.
func (a Action) Chinese() string { return actionZH[a] }

// Deadline that a step is held against, of the county-year unless it is said otherwise.
type Deadline string

const (
	Undated    Deadline = ""
	DeclareBy  Deadline = "declare_by"  // PRC-1
	PlanBy     Deadline = "plan_by"     // PRC-2
	SurveyDate Deadline = "survey_date" // PRC-6
	// RectifyBy is the record's own, not the year's: what it was sent back with.
	RectifyBy Deadline = "rectify_by"
)

// Need is a document that a step needs.
type Need struct {
	Kind DocumentKind
	// Fresh: it must have come since the record entered its state, as the
	// report of an earlier round proves nothing of this one.
	Fresh bool
}

// Step is one row of the table.
type Step struct {
	Action Action
	Tracks []Track
	From   []State
	To     State
	Roles  []access.Role
	Needs  []Need
	// Reason: it must be said why. ReasonFrom: only from these states.
	Reason     bool
	ReasonFrom []State
	// Signs: whoever takes it signs, and must not be the applicant (PRC-5).
	Signs    bool
	Deadline Deadline
	// Rights: consent of the rights holders (PRC-4), the contract and the
	// approval by purpose, as the county-year asks.
	Rights bool
	// Opinions: every required department has agreed.
	Opinions bool
	// Stands: the step takes the declaration as it is now (submit). Verdict: and
	// the newest screening must have judged that very declaration and allow it.
	Stands, Verdict bool
	// Inspected: the measured boundary, its signatures and photos are complete.
	Inspected InspectionKind
	// Lists: it comes with a list of what to put right (整改清单), and by when. Rectified: all of
	// that is done.
	Lists, Rectified bool
	// Composed: it follows from a decision on the plan or the year and is not
	// taken by itself.
	Composed bool
}

var (
	every      = []Track{TrackIn, TrackOut, TrackExempt}
	balanced   = []Track{TrackIn, TrackOut}
	inOnly     = []Track{TrackIn}
	outOnly    = []Track{TrackOut}
	exemptOnly = []Track{TrackExempt}

	townships = []access.Role{access.TownshipClerk, access.TownshipLead}
	bureaus   = []access.Role{access.Bureau, access.BureauLead}
	lead      = []access.Role{access.BureauLead}
	executors = []access.Role{access.TownshipClerk, access.TownshipLead, access.Bureau, access.BureauLead}
)

// steps is the table of transitions (状态流转表), domain rule by rule: 草稿 →
// 乡镇提交 → 县级内业检查 → 部门会审 → 纳入方案 → 方案批准 → 实施中 → 乡镇初验 →
// 县级验收（合格、整改、不合格）→ 举证上报 → 日常变更通过 → 年度变更认定 → 结转、核销;
// 转出: 方案批准 → 指标锁定 → 准予实施 → 已实施 → 年度变更认定.
var steps = []Step{
	{Action: Declare, Tracks: every, From: []State{None, Withdrawn}, To: Draft, Roles: executors, Deadline: DeclareBy, Stands: true},
	{Action: Submit, Tracks: every, From: []State{Draft, Returned, Submitted}, To: Submitted, Roles: townships, Deadline: DeclareBy, Stands: true},
	{Action: Withdraw, Tracks: every, From: []State{Draft, Submitted, Checked, InReview, Returned}, To: Withdrawn, Roles: townships, Reason: true},
	{Action: Return, Tracks: every, From: []State{Submitted, Checked, InReview}, To: Returned, Roles: bureaus, Reason: true},
	{Action: Check, Tracks: every, From: []State{Submitted}, To: Checked, Roles: bureaus, Signs: true, Verdict: true},
	{Action: Review, Tracks: every, From: []State{Checked}, To: InReview, Roles: bureaus},
	{Action: Refuse, Tracks: every, From: []State{Draft, Submitted, Checked, InReview, Returned}, To: Refused, Roles: lead, Reason: true},

	{Action: Plan, Tracks: balanced, From: []State{InReview}, To: Planned, Roles: bureaus, Deadline: PlanBy, Opinions: true, Composed: true},
	{Action: Unplan, Tracks: balanced, From: []State{Planned}, To: InReview, Roles: []access.Role{access.Government}, Reason: true, Composed: true},
	{Action: Approve, Tracks: balanced, From: []State{Planned}, To: Approved, Roles: []access.Role{access.Government}, Deadline: PlanBy, Composed: true},
	{Action: Drop, Tracks: inOnly, From: []State{Approved, Executing, TownshipChecked, Rectifying, Failed}, To: InReview, Roles: []access.Role{access.Government}, Reason: true, Composed: true},
	{Action: Drop, Tracks: outOnly, From: []State{Approved}, To: InReview, Roles: []access.Role{access.Government}, Reason: true, Composed: true},

	{Action: Start, Tracks: inOnly, From: []State{Approved}, To: Executing, Roles: executors, Rights: true},
	{Action: TownshipCheck, Tracks: inOnly, From: []State{Executing}, To: TownshipChecked, Roles: []access.Role{access.TownshipLead}, Signs: true,
		Needs: []Need{{AcceptanceForm, true}}, Inspected: TownshipInspection, Deadline: SurveyDate},
	{Action: Rectify, Tracks: inOnly, From: []State{Executing}, To: Rectifying, Roles: []access.Role{access.TownshipLead}, Reason: true, Lists: true},
	{Action: Rectify, Tracks: inOnly, From: []State{TownshipChecked, Failed}, To: Rectifying, Roles: bureaus, Reason: true, Lists: true},
	{Action: Rework, Tracks: inOnly, From: []State{Rectifying}, To: Executing, Roles: townships, Needs: []Need{{RectificationReport, true}}, Rectified: true, Deadline: RectifyBy},
	{Action: Accept, Tracks: inOnly, From: []State{TownshipChecked}, To: Accepted, Roles: lead, Signs: true,
		Needs: []Need{{AcceptanceForm, true}}, Inspected: CountyInspection, Deadline: SurveyDate},
	{Action: Fail, Tracks: inOnly, From: []State{TownshipChecked}, To: Failed, Roles: lead, Reason: true},
	{Action: SendEvidence, Tracks: inOnly, From: []State{Accepted}, To: Evidenced, Roles: bureaus, Needs: []Need{{Evidence, false}}},
	{Action: EvidenceBack, Tracks: inOnly, From: []State{Evidenced}, To: Accepted, Roles: bureaus, Reason: true},
	{Action: ApproveChange, Tracks: inOnly, From: []State{Evidenced}, To: ChangeApproved, Roles: bureaus, Needs: []Need{{ChangeBatch, true}}},

	{Action: Lock, Tracks: outOnly, From: []State{Approved}, To: QuotaLocked, Roles: lead},
	{Action: Unlock, Tracks: outOnly, From: []State{QuotaLocked}, To: Approved, Roles: lead, Reason: true},
	{Action: Release, Tracks: outOnly, From: []State{QuotaLocked}, To: Released, Roles: lead, Signs: true, Rights: true},
	{Action: Recall, Tracks: outOnly, From: []State{Released}, To: QuotaLocked, Roles: lead, Reason: true},
	{Action: Execute, Tracks: outOnly, From: []State{Released}, To: Executed, Roles: executors, Deadline: SurveyDate},

	{Action: Confirm, Tracks: exemptOnly, From: []State{InReview}, To: Recognised, Roles: lead, Signs: true, Opinions: true, Needs: []Need{{Approval, false}}},

	// the survey decides also of what did not get through the daily change; that needs a word
	{Action: Recognise, Tracks: inOnly, From: []State{Accepted, Evidenced, ChangeApproved}, To: Recognised, Roles: bureaus, Signs: true, ReasonFrom: []State{Accepted, Evidenced}},
	{Action: Recognise, Tracks: outOnly, From: []State{Executed}, To: Recognised, Roles: bureaus, Signs: true},
	// a mistake is taken back from the last step on, and the books reverse it
	{Action: Revoke, Tracks: inOnly, From: []State{Accepted}, To: TownshipChecked, Roles: lead, Reason: true},
	{Action: Revoke, Tracks: inOnly, From: []State{Recognised}, To: Accepted, Roles: lead, Reason: true},
	{Action: Revoke, Tracks: outOnly, From: []State{Executed}, To: Released, Roles: lead, Reason: true},
	{Action: Revoke, Tracks: outOnly, From: []State{Recognised}, To: Executed, Roles: lead, Reason: true},
	{Action: Revoke, Tracks: exemptOnly, From: []State{Recognised}, To: InReview, Roles: lead, Reason: true},
	{Action: Carry, Tracks: every, From: []State{Recognised}, To: Carried, Roles: []access.Role{access.BureauLead, access.Government}, Composed: true},
	{Action: WriteOff, Tracks: inOnly, From: []State{Approved, Executing, Rectifying, Failed}, To: WrittenOff, Roles: lead, Reason: true},
	{Action: WriteOff, Tracks: outOnly, From: []State{Approved}, To: WrittenOff, Roles: lead, Reason: true},
}

// Steps is the table, for documentation and for callers that offer choices.
func Steps() []Step { return slices.Clone(steps) }

// find is the row for an action on a track from a state.
func find(a Action, t Track, from State) (Step, bool) {
	for _, s := range steps {
		if s.Action == a && slices.Contains(s.Tracks, t) && slices.Contains(s.From, from) {
			return s, true
		}
	}
	return Step{}, false
}

// Next lists the actions that a record's state admits, in the order of the
// table.
func (r *Record) Next() []Action {
	var list []Action
	for _, s := range steps {
		if slices.Contains(s.Tracks, r.Track()) && slices.Contains(s.From, r.State) && !s.Composed {
			list = append(list, s.Action)
		}
	}
	return list
}

// open tells that nobody was asked who they are, nor named a role: it may do everything.
func open(a access.Actor) bool { return a.Via == "open" }

// Allowed lists what of Next the actor may do by role, less what whoever declared the
// parcel must not sign. What a step needs besides is said when it is taken.
func (r *Record) Allowed(a access.Actor) []Action {
	var list []Action
	for _, s := range steps {
		if slices.Contains(s.Tracks, r.Track()) && slices.Contains(s.From, r.State) && !s.Composed &&
			(slices.Contains(s.Roles, a.Role) || open(a)) && !(s.Signs && r.by(a)) {
			list = append(list, s.Action)
		}
	}
	return list
}

// Opines tells whether the actor's department may give its opinion on the record now.
func (r *Record) Opines(a access.Actor) bool {
	return r.State == InReview && Department(a.Role) != "" && !r.by(a)
}

// standing is where the actor's role may take a step: "in/submitted" and so on, by
// track and state.
func standing(a access.Actor) []string {
	list := []string{}
	for _, s := range steps {
		if s.Composed || !slices.Contains(s.Roles, a.Role) && !open(a) {
			continue
		}
		for _, t := range s.Tracks {
			for _, from := range s.From {
				list = append(list, string(t)+"/"+string(from))
			}
		}
	}
	return list
}
