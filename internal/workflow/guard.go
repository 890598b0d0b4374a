package workflow

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
)

// guard holds a step to its conditions.
type guard struct {
	w     Workflow
	tx    pgx.Tx
	actor access.Actor
	year  *CountyYear
	r     *Record
	in    *Input
}

// admit finds the step and checks everything it needs. late says that a
// deadline has passed.
func (g *guard) admit(ctx context.Context, action Action) (s Step, late bool, err error) {
	if err := g.fresh(action); err != nil {
		return s, false, err
	}
	s, ok := find(action, g.r.Track(), g.r.State)
	if !ok {
		return s, false, g.r.illegal(action)
	}
	// who is open, in no role of its own choosing, may do everything
	if !slices.Contains(s.Roles, g.actor.Role) && !open(g.actor) {
		zh, codes := roleNames(s.Roles)
		return s, false, g.r.refuse(WrongRole, codes, "%s不能办理“%s”；可办理的角色：%s。 This role may not do it.", g.actor.Role.Chinese(), action.Chinese(), zh)
	}
	if s.Signs && g.r.by(g.actor) {
		return s, false, g.r.ownSignature(g.actor)
	}
	g.in.Reason = strings.TrimSpace(g.in.Reason)
	if (s.Reason || slices.Contains(s.ReasonFrom, g.r.State)) && g.in.Reason == "" {
		return s, false, g.r.refuse(ReasonMissing, []string{"reason"}, "办理“%s”须说明理由（reason）。 Say why.", action.Chinese())
	}
	date, late := g.passed(s.Deadline)
	if late && g.in.Reason == "" {
		return s, false, g.r.refuse(LateUnexplained, []string{"reason"}, "已过期限 %s，逾期办理“%s”须说明理由（reason），并记为逾期。 The deadline %s has passed; say why it is late.", date, action.Chinese(), date)
	}
	for _, check := range []func(context.Context, *Step) error{g.stands, g.papers, g.opinions, g.field} {
		if err := check(ctx, &s); err != nil {
			return s, false, err
		}
	}
	return s, late, nil
}

// passed tells whether the deadline of a step has passed, and its date.
func (g *guard) passed(d Deadline) (date string, late bool) {
	if d == RectifyBy {
		date = g.r.RectifyBy
		return date, date != "" && today(g.w.now()) > date
	}
	return g.year.passed(d, g.w.now())
}

func (g *guard) fresh(action Action) error {
	switch {
	case g.in.Revision != 0 && g.in.Revision != g.r.Revision:
		return g.r.refuse(Stale, nil, "已被改动：您看到的是第 %d 版，现为第 %d 版（%s）；请刷新后再办。 The record has changed since you saw it (revision %d, now %d); look again.",
			g.in.Revision, g.r.Revision, g.r.State.Chinese(), g.in.Revision, g.r.Revision)
	case action == Declare && g.r.Revision > 0 && g.r.State != Withdrawn:
		return g.r.refuse(Exists, nil, "已申报，现为“%s”。 It is declared already.", g.r.State.Chinese())
	}
	return nil
}

// illegal says what stands in the way of an action, and what may be done.
func (r *Record) illegal(action Action) *Refusal {
	var from, missing, next []string
	for _, s := range steps {
		if s.Action == action && slices.Contains(s.Tracks, r.Track()) {
			for _, f := range s.From {
				from = append(from, f.Chinese())
				missing = append(missing, string(f))
			}
		}
	}
	for _, a := range r.Next() {
		next = append(next, a.Chinese())
	}
	if len(from) == 0 {
		return r.refuse(IllegalStep, nil, "这类地块没有“%s”一步。 There is no such step for such a parcel.", action.Chinese())
	}
	now := "没有可办理的事项"
	if len(next) > 0 {
		now = "现可办理：" + strings.Join(next, "、")
	}
	return r.refuse(IllegalStep, missing, "现为“%s”，不能办理“%s”；须先到：%s。%s。 It cannot be done in this state; it must first be %s.",
		r.State.Chinese(), action.Chinese(), strings.Join(from, "、"), now, strings.Join(missing, " or "))
}

// by tells whether the actor has declared or submitted the parcel.
func (r *Record) by(a access.Actor) bool {
	return r.Revision > 0 && (a.ID == r.ApplicantID || r.SubmittedBy != nil && a.ID == *r.SubmittedBy)
}

func (r *Record) ownSignature(a access.Actor) *Refusal {
	return r.refuse(OwnSignature, nil, "%s 申报或提交了该地块，不得在审查、验收中签字；请由他人办理。 Who declared or submitted a parcel cannot sign for it.", a.Name)
}

// stands checks what the record stands on: the declaration, and the verdict.
func (g *guard) stands(_ context.Context, s *Step) error {
	if !s.Stands && !s.Verdict {
		return nil
	}
	f := g.in.Facts
	switch {
	case f == nil || f.Township != g.r.Township:
		return g.r.refuse(Replaced, []string{"declaration"}, "%d 年度乡镇 %s 现行的申报中没有该地块；请先上传，或撤回。 The township's declaration in force does not have the parcel; upload it, or withdraw.", g.r.Year, g.r.Township)
	case s.Verdict && f.Declaration != g.r.Declaration:
		return g.r.refuse(Replaced, []string{"submit"}, "提交之后申报已经更换；请乡镇重新提交。 The declaration was replaced after it was submitted; let the township submit it again.")
	case s.Action == Declare || s.Action == Submit && f.Run == nil:
		return nil
	case s.Verdict && g.r.Exempt == Ecological && f.Run != nil && !f.Ecological:
		return g.r.refuse(VerdictForbids, nil, "申报为生态退耕，但筛查认定不在年度退耕任务内；请退回，按转出申报。 It is declared as ordered by the state, which the screening does not confirm; return it.")
	case f.Run == nil:
		return g.r.refuse(VerdictForbids, []string{"screening"}, "现行申报尚未筛查；请先筛查。 The declaration in force has not been screened.")
	}
	return g.verdict(s)
}

func (g *guard) verdict(s *Step) error {
	switch v := g.in.Facts.Verdict; {
	case v == "forbidden":
		return g.r.refuse(VerdictForbids, nil, "筛查结论为禁止，不能%s；请裁切或更换后重新申报，或撤回。 The screening forbids it; clip or replace it, or withdraw.", s.Action.Chinese())
	case s.Action == Submit, v == "eligible", v == "eligible_after_clip":
		return nil
	case v == "needs_review":
		if g.in.Reason == "" {
			return g.r.refuse(ReasonMissing, []string{"reason"}, "筛查结论为需核查，通过内业检查须说明核查情况（reason）。 The verdict asks for a review; say what was found.")
		}
		return nil
	}
	return g.r.refuse(VerdictForbids, []string{"screening"}, "筛查结论为待定（%s）：缺少约束图层或数据，不能当作没有冲突；请补齐后重新筛查。 The verdict is unknown: a layer is missing, which is not the same as no conflict.", g.in.Facts.Verdict)
}

// papers checks the documents that the step needs, and that those named with it
// are the record's.
func (g *guard) papers(ctx context.Context, s *Step) error {
	needs := s.needs(g.r, g.year)
	if len(needs) == 0 && len(g.in.Documents) == 0 {
		return nil
	}
	docs, err := Documents(ctx, g.tx, g.r.Key)
	if err != nil {
		return err
	}
	for _, id := range g.in.Documents {
		if !slices.ContainsFunc(docs, func(d Document) bool { return d.ID == id }) {
			return g.r.refuse(BadInput, []string{id.String()}, "没有材料 %s。 The record has no such document.", id)
		}
	}
	var missing, zh []string
	for _, n := range needs {
		if !n.by(docs, g.r.Revision) {
			missing, zh = append(missing, n.String()), append(zh, n.zh())
		}
	}
	if len(missing) > 0 {
		return g.r.refuse(DocumentsShort, missing, "办理“%s”缺少材料：%s。 Documents are missing: %s.", s.Action.Chinese(), strings.Join(zh, "、"), strings.Join(missing, ", "))
	}
	return nil
}

func (g *guard) opinions(ctx context.Context, s *Step) error {
	if !s.Opinions {
		return nil
	}
	return g.r.agreed(ctx, g.tx, g.year)
}

// field checks what was seen and measured on the ground.
func (g *guard) field(ctx context.Context, s *Step) error {
	if s.Lists && (len(g.in.Rectify) == 0 || slices.ContainsFunc(g.in.Rectify, func(what string) bool { return strings.TrimSpace(what) == "" })) {
		return g.r.refuse(ReasonMissing, []string{"rectify"}, "整改须逐项列明（rectify）。 List what has to be put right.")
	}
	if s.Lists {
		if err := g.due(); err != nil {
			return err
		}
	}
	if s.Rectified {
		if err := g.r.rectified(ctx, g.tx); err != nil {
			return err
		}
	}
	if s.Inspected == NoInspection {
		return nil
	}
	i, err := g.r.open(ctx, g.tx, s.Inspected)
	if err != nil {
		return err
	}
	if err := g.r.photographed(ctx, g.tx); err != nil {
		return err
	}
	return g.r.passed(&i, g.year, g.in.Reason)
}

// Compare is the order in which records are to be locked: by direction and
// number.
func Compare(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Number, b.Number))
}

// due checks the day by which a rectification is to be done: one that there is, not
// past, and not so far off that the year must be a slip.
func (g *guard) due() error {
	now := g.w.now().In(china)
	day, err := time.Parse(time.DateOnly, g.in.RectifyBy)
	first, last := today(now), now.AddDate(1, 0, 0).Format(time.DateOnly)
	bad := func(format string, args ...any) error {
		return g.r.refuse(BadInput, []string{"rectify_by"}, format, args...)
	}
	switch {
	case g.in.RectifyBy == "":
		return g.r.refuse(ReasonMissing, []string{"rectify_by"}, "要求整改须写明整改期限（rectify_by），如 %s。 Say by which day it has to be put right.", now.AddDate(0, 1, 0).Format(time.DateOnly))
	case err != nil:
		return bad("整改期限 %[1]q 不是日期；请按年-月-日填写实有的一天，如 %[2]s。 %[1]q is no date; give a day that there is, like %[2]s.", g.in.RectifyBy, now.AddDate(0, 1, 0).Format(time.DateOnly))
	case day.Format(time.DateOnly) < first:
		return bad("整改期限 %[1]s 已经过去（今天是 %[2]s）；请填今天或以后的日期。 %[1]s is past, today is %[2]s; give today or a later day.", g.in.RectifyBy, first)
	case day.Format(time.DateOnly) > last:
		return bad("整改期限 %[1]s 在一年以后，请核对年份；最晚 %[2]s。 %[1]s is more than a year away; look at the year, %[2]s is the last.", g.in.RectifyBy, last)
	}
	return nil
}
