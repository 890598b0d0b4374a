package workflow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/workflow"
)

var (
	toReview = []workflow.Action{workflow.Declare, workflow.Submit, workflow.Check, workflow.Review}
	toPlan   = append(slices.Clone(toReview), workflow.Plan, workflow.Approve)
)

func TestApply_WholeYearOfBothDirections(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(in("J1"), toPlan...)
	b.do(in("J1"), workflow.Start, workflow.TownshipCheck, workflow.Rectify, workflow.Rework, workflow.TownshipCheck, workflow.Fail, workflow.Rectify,
		workflow.Rework, workflow.TownshipCheck, workflow.Accept, workflow.SendEvidence, workflow.EvidenceBack, workflow.SendEvidence,
		workflow.ApproveChange, workflow.Recognise, workflow.Carry)
	b.do(out("C1"), toPlan...)
	b.do(out("C1"), workflow.Lock, workflow.Unlock, workflow.Lock, workflow.Release, workflow.Recall, workflow.Release, workflow.Execute, workflow.Recognise, workflow.Carry)
	r := b.record(in("J1"))
	history, err := workflow.History(t.Context(), b.db.Pool, in("J1"))
	b.must(err)
	if r.State != workflow.Carried || r.Revision != len(history) || r.Late || len(history) != 22 {
		t.Errorf("%+v after %d events", r, len(history))
	}
	last := history[len(history)-1]
	if last.Role != access.BureauLead || last.Reason != "合成理由" || last.ActorName != "合成自然资源局负责人" || last.From != workflow.Recognised {
		t.Errorf("%+v", last)
	}
	if r.Net != 90000 || r.Verdict != "eligible" || r.Township != east || r.Applicant != "合成乡镇经办（乡镇经办 149901100）" {
		t.Errorf("%+v", r)
	}
	head, err := access.VerifyAudit(t.Context(), b.db, county)
	b.must(err)
	var logged int64
	b.must(b.db.Pool.QueryRow(t.Context(), `SELECT 1 + (SELECT count(*) FROM workflow_event) + (SELECT count(*) FROM workflow_document) + (SELECT count(*) FROM workflow_opinion)
		+ (SELECT count(*) FROM workflow_inspection) + (SELECT count(*) FROM workflow_signature) + (SELECT count(*) FROM workflow_rectification)`).Scan(&logged))
	if head.Seq != logged {
		t.Errorf("%d entries in the audit log, want one for each of %d writes", head.Seq, logged)
	}
}

func TestApply_ExemptOutflowGoesItsOwnWay(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key := out("T1")
	_, err := b.as(b.people[access.TownshipClerk], key, workflow.Declare, workflow.Input{Exempt: workflow.Ecological})
	b.must(err)
	b.do(key, workflow.Submit)
	if _, err := b.as(b.people[access.Bureau], key, workflow.Check, workflow.Input{}); code(err) != workflow.VerdictForbids || !strings.Contains(err.Error(), "退耕任务") {
		t.Errorf("what only the township calls 生态退耕: %v", err)
	}
	ordered := b.facts()
	ordered.Ecological = true
	_, err = b.as(b.people[access.Bureau], key, workflow.Check, workflow.Input{Facts: ordered})
	b.must(err)
	b.do(key, workflow.Review)
	b.agree(key)
	lead := b.people[access.BureauLead]
	if _, err := b.as(lead, key, workflow.Confirm, workflow.Input{}); code(err) != workflow.DocumentsShort || !strings.Contains(err.Error(), "approval/生态退耕") {
		t.Errorf("%v", err)
	}
	b.file(key, workflow.Approval, "设施农用地") // approves something else
	if _, err := b.as(lead, key, workflow.Confirm, workflow.Input{}); code(err) != workflow.DocumentsShort {
		t.Errorf("%v", err)
	}
	for _, a := range []workflow.Action{workflow.Plan, workflow.Lock} {
		if _, err := b.as(b.people[roleFor(a)], key, a, workflow.Input{}); code(err) != workflow.IllegalStep {
			t.Errorf("%s of an exempt outflow: %v", a, err)
		}
	}
	b.do(key, workflow.Confirm)
	if r := b.record(key); r.State != workflow.Recognised || r.Track() != workflow.TrackExempt {
		t.Errorf("%+v", r)
	}
	// and what the state has ordered is exempt, however it was declared
	b.do(out("T2"), workflow.Declare, workflow.Submit)
	if r, err := b.as(b.people[access.Bureau], out("T2"), workflow.Check, workflow.Input{Facts: ordered}); err != nil || r.Exempt != workflow.Ecological {
		t.Errorf("%+v %v", r, err)
	}
	for key, e := range map[workflow.Key]workflow.Exempt{in("J9"): workflow.Disaster, out("C9"): "whim"} {
		if _, err := b.as(b.people[access.TownshipClerk], key, workflow.Declare, workflow.Input{Exempt: e}); code(err) != workflow.BadInput {
			t.Errorf("%s exempt as %s: %v", key, e, err)
		}
	}
}

// refusals are steps that are not taken, each from a record that has come by the
// steps before it.
func TestApply_RefusesAndSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	clerk, head := b.people[access.TownshipClerk], b.people[access.TownshipLead]
	bureau, lead := b.people[access.Bureau], b.people[access.BureauLead]
	other := clerk
	other.ID, other.Township = uuid.New(), west
	neighbour := lead
	neighbour.County = "149902"
	facts := func(change func(f *workflow.Facts)) *workflow.Facts {
		f := b.facts()
		change(f)
		return f
	}
	verdict := func(v string) *workflow.Facts { return facts(func(f *workflow.Facts) { f.Verdict = v }) }
	toSubmit := []workflow.Action{workflow.Declare, workflow.Submit}
	after := func(list []workflow.Action, more ...workflow.Action) []workflow.Action {
		return append(slices.Clone(list), more...)
	}
	executing := after(toPlan, workflow.Start)
	for i, tc := range []struct {
		name    string
		steps   []workflow.Action
		prepare func(k workflow.Key)
		who     access.Actor
		action  workflow.Action
		in      workflow.Input
		code    workflow.Code
		says    string
		missing string
	}{
		{name: "too early", steps: toSubmit, who: lead, action: workflow.Accept, code: workflow.IllegalStep, says: "须先到：乡镇初验。现可办理：提交、撤回、退回补正、内业检查、不予", missing: "township_checked"},
		{name: "of the other direction", steps: toPlan, who: lead, action: workflow.Lock, code: workflow.IllegalStep, says: "没有“指标锁定”一步"},
		{name: "wrong role", steps: toSubmit, who: clerk, action: workflow.Check, code: workflow.WrongRole, says: "乡镇经办不能办理“内业检查”", missing: "bureau bureau_lead"},
		{name: "an auditor", steps: toSubmit, who: b.people[access.Auditor], action: workflow.Check, code: workflow.WrongRole},
		{name: "another township", steps: toSubmit[:1], who: other, action: workflow.Submit, code: workflow.NotFound},
		{name: "another township declares", who: other, action: workflow.Declare, code: workflow.NotFound},
		{name: "another county", steps: toSubmit, who: neighbour, action: workflow.Refuse, in: workflow.Input{Reason: "r"}, code: workflow.NotFound},
		{name: "not declared", who: clerk, action: workflow.Submit, code: workflow.NotFound, says: "请先申报"},
		{name: "declared twice", steps: toSubmit, who: clerk, action: workflow.Declare, code: workflow.Exists, says: "乡镇提交"},
		{name: "stale", steps: toSubmit, who: bureau, action: workflow.Check, in: workflow.Input{Revision: 1}, code: workflow.Stale, says: "现为第 2 版"},
		{name: "no reason", steps: toSubmit, who: bureau, action: workflow.Return, in: workflow.Input{Reason: "  "}, code: workflow.ReasonMissing, missing: "reason"},
		{name: "a forbidden parcel is submitted", steps: toSubmit[:1], who: head, action: workflow.Submit, in: workflow.Input{Facts: verdict("forbidden")}, code: workflow.VerdictForbids, says: "禁止"},
		{name: "a forbidden parcel is checked", steps: toSubmit, who: bureau, action: workflow.Check, in: workflow.Input{Facts: verdict("forbidden")}, code: workflow.VerdictForbids},
		{name: "an unknown verdict", steps: toSubmit, who: bureau, action: workflow.Check, in: workflow.Input{Facts: verdict("unknown"), Reason: "r"}, code: workflow.VerdictForbids, says: "不能当作没有冲突", missing: "screening"},
		{name: "a doubtful verdict", steps: toSubmit, who: bureau, action: workflow.Check, in: workflow.Input{Facts: verdict("needs_review")}, code: workflow.ReasonMissing},
		{name: "not screened", steps: toSubmit, who: bureau, action: workflow.Check, in: workflow.Input{Facts: facts(func(f *workflow.Facts) { f.Run, f.Verdict = nil, "" })}, code: workflow.VerdictForbids, says: "尚未筛查"},
		{name: "replaced meanwhile", steps: toSubmit, who: bureau, action: workflow.Check, in: workflow.Input{Facts: facts(func(f *workflow.Facts) { f.Declaration = "d2" })}, code: workflow.Replaced, missing: "submit"},
		{name: "moved to another township", steps: toSubmit, who: bureau, action: workflow.Check, in: workflow.Input{Facts: facts(func(f *workflow.Facts) { f.Township = west })}, code: workflow.Replaced},
		{name: "no opinions", steps: toReview, who: bureau, action: workflow.Plan, code: workflow.OpinionsShort, says: "自然资源、农业农村、林业、水利、生态环境", missing: "bureau agriculture forestry water environment"},
		{name: "an opinion short", steps: toReview, prepare: func(k workflow.Key) {
			for _, d := range workflow.Departments()[:4] {
				_, err := b.say(b.people[d], k, workflow.Opinion{Opinion: workflow.AgreeConditions, Conditions: "合成条件"})
				b.must(err)
			}
		}, who: bureau, action: workflow.Plan, code: workflow.OpinionsShort, missing: "environment"},
		{name: "a department is against", steps: toReview, prepare: func(k workflow.Key) {
			b.agree(k)
			_, err := b.say(b.people[access.Forestry], k, workflow.Opinion{Opinion: workflow.Disagree, Reasons: "公益林"})
			b.must(err)
		}, who: bureau, action: workflow.Plan, code: workflow.OpinionsShort, says: "林业：公益林"},
		{name: "no consent", steps: toPlan, who: clerk, action: workflow.Start, code: workflow.DocumentsShort, says: "权利人同意书", missing: "consent"},
		{name: "no township form", steps: executing, who: access.Actor{ID: uuid.New(), Role: access.TownshipLead, County: county, Township: east}, action: workflow.TownshipCheck, code: workflow.DocumentsShort, missing: "acceptance_form"},
		{name: "the form of another round", steps: after(executing, workflow.TownshipCheck, workflow.Rectify, workflow.Rework), who: access.Actor{ID: uuid.New(), Role: access.TownshipLead, County: county, Township: east}, action: workflow.TownshipCheck, code: workflow.DocumentsShort, says: "本次的"},
		{name: "someone else's document", steps: toSubmit, who: bureau, action: workflow.Check, in: workflow.Input{Documents: []uuid.UUID{uuid.New()}}, code: workflow.BadInput},
		{name: "recognised before the daily change", steps: after(executing, workflow.TownshipCheck, workflow.Accept), who: bureau, action: workflow.Recognise, code: workflow.ReasonMissing},
		{name: "a finished one", steps: after(toSubmit, workflow.Refuse), who: clerk, action: workflow.Submit, code: workflow.IllegalStep, says: "没有可办理的事项"},
	} {
		key := in("R" + string(rune('A'+i)))
		b.do(key, tc.steps...)
		if tc.prepare != nil {
			tc.prepare(key)
		}
		before, err := workflow.Read(t.Context(), b.db.Pool, key)
		_, err2 := b.as(tc.who, key, tc.action, tc.in)
		var refusal *workflow.Refusal
		if !asRefusal(err2, &refusal) || refusal.Code != tc.code || !strings.Contains(refusal.Detail, tc.says) ||
			tc.missing != "" && strings.Join(refusal.Missing, " ") != tc.missing {
			t.Errorf("%s: %+v (%v)", tc.name, refusal, err2)
		}
		if err == nil {
			if now := b.record(key); now.Revision != before.Revision || now.State != before.State {
				t.Errorf("%s: moved from %s to %s", tc.name, before.State, now.State)
			}
		}
	}
}

func TestApply_SignerIsNotTheApplicant(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	bureau := b.people[access.Bureau]
	key := in("J1")
	_, err := b.as(bureau, key, workflow.Declare, workflow.Input{}) // the bureau declares for a township
	b.must(err)
	_, err = b.as(b.people[access.TownshipLead], key, workflow.Submit, workflow.Input{})
	b.must(err)
	if _, err := b.as(bureau, key, workflow.Check, workflow.Input{}); code(err) != workflow.OwnSignature {
		t.Errorf("%v", err)
	}
	colleague := bureau
	colleague.ID = uuid.New()
	_, err = b.as(colleague, key, workflow.Check, workflow.Input{})
	b.must(err)
	b.do(key, workflow.Review)
	if _, err := b.say(bureau, key, workflow.Opinion{Opinion: workflow.Agree}); code(err) != workflow.OwnSignature {
		t.Errorf("%v", err)
	}
	// who submitted is an applicant too: the township's lead cannot check in the field
	_, err = b.say(colleague, key, workflow.Opinion{Opinion: workflow.Agree})
	b.must(err)
	for _, d := range workflow.Departments()[1:] {
		_, err := b.say(b.people[d], key, workflow.Opinion{Opinion: workflow.Agree})
		b.must(err)
	}
	_, err = b.as(colleague, key, workflow.Plan, workflow.Input{})
	b.must(err)
	b.do(key, workflow.Approve, workflow.Start)
	b.file(key, workflow.AcceptanceForm, "")
	if _, err := b.as(b.people[access.TownshipLead], key, workflow.TownshipCheck, workflow.Input{}); code(err) != workflow.OwnSignature {
		t.Errorf("%v", err)
	}
}

func TestApply_LateNeedsAReasonAndIsMarked(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key, clerk := in("J1"), b.people[access.TownshipClerk]
	b.at("2025-06-15") // the day itself is in time
	_, err := b.as(clerk, key, workflow.Declare, workflow.Input{})
	b.must(err)
	b.at("2025-06-16")
	if _, err := b.as(clerk, key, workflow.Submit, workflow.Input{}); code(err) != workflow.LateUnexplained || !strings.Contains(err.Error(), "2025-06-15") {
		t.Errorf("%v", err)
	}
	r, err := b.as(clerk, key, workflow.Submit, workflow.Input{Reason: "汛期道路中断"})
	if err != nil || !r.Late {
		t.Errorf("%+v %v", r, err)
	}
	history, err := workflow.History(t.Context(), b.db.Pool, key)
	if err != nil || history[0].Late || !history[1].Late || history[1].Reason != "汛期道路中断" {
		t.Errorf("%+v %v", history, err)
	}
	// the deadline is data of the year
	err = b.tx(func(ctx context.Context, tx pgx.Tx) error {
		y := workflow.DefaultYear(county, year)
		y.DeclareBy = "2025-06-30"
		return workflow.SetYear(access.With(ctx, b.people[access.BureauLead]), tx, y, "延期")
	})
	b.must(err)
	r, err = b.as(clerk, in("J2"), workflow.Declare, workflow.Input{})
	if err != nil || r.Late {
		t.Errorf("%+v %v", r, err)
	}
}

func TestApply_RightsDependOnUseAndApplicant(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	lead := b.people[access.BureauLead]
	for number, tc := range map[string]struct{ purpose, actor, missing string }{
		"C1": {"设施农用地", "工商企业", "consent contract approval/设施农用地"},
		"C2": {"园地", "工商企业", "consent contract"},
		"C3": {"国土绿化", "村集体", "consent approval/国土绿化"},
	} {
		key, f := out(number), b.facts()
		f.Purpose, f.Actor = tc.purpose, tc.actor
		for _, a := range append(slices.Clone(toPlan), workflow.Lock) {
			if a == workflow.Plan {
				b.agree(key)
			}
			_, err := b.as(b.people[roleFor(a)], key, a, workflow.Input{Reason: "r", Facts: f})
			b.must(err)
		}
		var refusal *workflow.Refusal
		if _, err := b.as(lead, key, workflow.Release, workflow.Input{}); !asRefusal(err, &refusal) || strings.Join(refusal.Missing, " ") != tc.missing {
			t.Errorf("%s: %v", number, err)
		}
		for _, m := range refusal.Missing {
			kind, purpose, _ := strings.Cut(m, "/")
			b.file(key, workflow.DocumentKind(kind), purpose)
		}
		if _, err := b.as(lead, key, workflow.Release, workflow.Input{}); err != nil {
			t.Errorf("%s: %v", number, err)
		}
	}
}

func TestDocuments_AreHeldToTheirRecord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	clerk := b.people[access.TownshipClerk]
	b.do(in("J1"), workflow.Declare)
	other := clerk
	other.Township = west
	for name, tc := range map[string]struct {
		who  access.Actor
		key  workflow.Key
		doc  workflow.Document
		code workflow.Code
	}{
		"another township":            {other, in("J1"), workflow.Document{Kind: workflow.Consent}, workflow.NotFound},
		"no record":                   {clerk, in("J2"), workflow.Document{Kind: workflow.Consent}, workflow.NotFound},
		"no such kind":                {clerk, in("J1"), workflow.Document{Kind: "letter"}, workflow.BadInput},
		"an approval without its use": {clerk, in("J1"), workflow.Document{Kind: workflow.Approval}, workflow.BadInput},
		"an auditor":                  {b.people[access.Auditor], in("J1"), workflow.Document{Kind: workflow.Consent}, workflow.WrongRole},
	} {
		if _, err := b.fileAs(tc.who, tc.key, tc.doc); code(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.file(in("J1"), workflow.Consent, "")
	b.do(in("J1"), workflow.Withdraw)
	if _, err := b.fileAs(clerk, in("J1"), workflow.Document{Kind: workflow.Consent}); code(err) != workflow.IllegalStep {
		t.Errorf("a finished record: %v", err)
	}
}

func asRefusal(err error, r **workflow.Refusal) bool {
	*r = &workflow.Refusal{}
	return errors.As(err, r)
}
