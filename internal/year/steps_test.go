package year_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/access"
	"gengheng/internal/ledger"
	"gengheng/internal/workflow"
	"gengheng/internal/year"
)

func TestPlan_ParcelsFollowItsDecision(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.open()
	for i, k := range []string{"J1", "J2", "J3", "J4"} {
		b.declare("in", k, east, i, "9000.00", false)
	}
	b.declare("out", "C1", east, 4, "6000.00", false)
	b.reviewed("in/J1", "in/J2", "out/C1")
	all := []string{"in/J1", "in/J2", "in/J3", "in/J4", "out/C1"}

	// A parcel that nobody has declared for the year, or that has no opinions,
	// keeps the plan from being proposed, and nothing moves.
	b.must(b.act(access.TownshipClerk, workflow.Declare, "in/J3"))
	plan := b.plan(map[string]string{"in/J1": "9000.00", "in/J3": "9000.00", "in/J4": "9000.00", "out/C1": "6000.00"})
	_, err := b.y.Propose(b.as(access.Bureau), plan, "方案", "")
	if got := codes(err); got != "record-not-found in/J4, record-step in/J3" {
		t.Errorf("%s", got)
	}
	b.must(b.act(access.TownshipClerk, workflow.Submit, "in/J3"))
	b.must(b.act(access.Bureau, workflow.Check, "in/J3"))
	b.must(b.act(access.Bureau, workflow.Review, "in/J3"))
	_, err = b.y.Propose(b.as(access.Bureau), b.plan(map[string]string{"in/J1": "9000.00", "in/J3": "9000.00"}), "方案", "")
	if got := codes(err); got != "record-opinions in/J3" {
		t.Errorf("%s", got)
	}
	if got := b.states(all...); got != "in_review in_review in_review - in_review" {
		t.Errorf("%s", got)
	}

	// Sent back, proposed again, approved, amended.
	chosen := map[string]string{"in/J1": "9000.00", "out/C1": "6000.00"}
	_, err = b.y.Propose(b.as(access.Bureau), b.plan(chosen), "方案", "")
	b.must(err)
	if got := b.states(all...); got != "planned in_review in_review - planned" {
		t.Errorf("%s", got)
	}
	_, err = b.y.Decide(b.as(access.Government), false, "再议")
	b.must(err)
	if got := b.states(all...); got != "in_review in_review in_review - in_review" {
		t.Errorf("%s", got)
	}
	b.decided(chosen, "")
	if got := b.states(all...); got != "approved in_review in_review - approved" {
		t.Errorf("%s", got)
	}
	if got := b.balances(east); got != "in_planned 900000, out_planned 600000" {
		t.Errorf("%s", got)
	}
	b.decided(map[string]string{"in/J1": "9000.00", "in/J2": "9000.00"}, "C1 业主放弃")
	if got := b.states(all...); got != "approved approved in_review - in_review" {
		t.Errorf("%s", got)
	}
	if got := b.balances(east); got != "in_planned 1800000" {
		t.Errorf("%s", got)
	}
	b.sound()
}

// The plan must rest on what was reviewed, not on what was uploaded since.
func TestPlan_RestsOnTheDeclarationThatWasReviewed(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.open()
	b.declare("in", "J1", east, 0, "9000.00", false)
	b.declare("in", "J2", east, 1, "9000.00", false)
	b.reviewed("in/J1")
	b.must(b.act(access.TownshipClerk, workflow.Declare, "in/J2"))
	b.must(b.act(access.TownshipClerk, workflow.Submit, "in/J2"))
	b.exec(`UPDATE candidate SET geom = ST_Translate(geom, 0, 1)`)
	_, err := b.y.Propose(b.as(access.Bureau), b.plan(map[string]string{"in/J1": "9000.00"}), "方案", "")
	if got := codes(err); got != "record-declaration in/J1" {
		t.Errorf("%s", got)
	}
	if got := codes(b.act(access.Bureau, workflow.Check, "in/J2")); got != "record-declaration in/J2" {
		t.Errorf("%s", got)
	}
	// a new version of the file that was not screened
	later := uuid.New()
	b.dataset(later, "CANDIDATE_IN", 2025)
	b.exec(`INSERT INTO candidate SELECT (jsonb_populate_record(c, jsonb_build_object('dataset_id', $1::text))).* FROM candidate c`, later.String())
	b.must(b.act(access.TownshipClerk, workflow.Submit, "in/J2"))
	if got := codes(b.act(access.Bureau, workflow.Check, "in/J2")); got != "record-verdict in/J2" {
		t.Errorf("%s", got)
	}
	b.exec(`UPDATE dataset SET status = 'retired', retired_at = now(), retired_reason = 'r' WHERE dataset_id IN ($1, $2)`, later, b.set)
	if got := codes(b.act(access.TownshipClerk, workflow.Submit, "in/J2")); got != "record-declaration in/J2" {
		t.Errorf("%s", got)
	}
}

func TestYear_WithoutSettingsTheParcelsDoNotFollow(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.declare("in", "J1", east, 0, "9000.00", false)
	b.decided(map[string]string{"in/J1": "9000.00"}, "")
	if got := b.balances(east); got != "in_planned 900000" {
		t.Errorf("%s", got)
	}
	if got := codes(b.act(access.TownshipClerk, workflow.Declare, "in/J1")); got != "year-not-set " {
		t.Errorf("%s", got)
	}
}

func TestOut_StepsAreBookedOrNotTaken(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.open()
	b.declare("out", "C1", east, 0, "6000.00", false)
	b.declare("in", "J9", east, 9, "9000.00", false)
	b.reviewed("out/C1", "in/J9")
	b.decided(map[string]string{"out/C1": "6000.00", "in/J9": "9000.00"}, "")

	// 先进后出: nothing has been accepted yet, and the record stays where it is.
	if got := codes(b.act(access.BureauLead, workflow.Lock, "out/C1")); got != "ledger-insufficient" {
		t.Errorf("%s", got)
	}
	if got := b.states("out/C1"); got != "approved" {
		t.Errorf("%s", got)
	}
	b.credit("J9", "9000.00", 9)
	b.must(b.act(access.BureauLead, workflow.Lock, "out/C1"))
	b.must(b.act(access.BureauLead, workflow.Unlock, "out/C1"))
	if got := b.balances(east); got != "available 900000, out_planned 600000" {
		t.Errorf("%s", got)
	}
	b.must(b.act(access.BureauLead, workflow.Lock, "out/C1"))
	if got := codes(b.act(access.BureauLead, workflow.Release, "out/C1")); got != "record-documents out/C1" {
		t.Errorf("%s", got)
	}
	b.file("out/C1", workflow.Consent, "")
	b.must(b.act(access.BureauLead, workflow.Release, "out/C1"))
	b.must(b.act(access.BureauLead, workflow.Recall, "out/C1"))
	if got := b.balances(east); got != "available 300000, locked 600000" {
		t.Errorf("%s", got)
	}
	b.must(b.act(access.BureauLead, workflow.Release, "out/C1"))
	item := b.items("out/C1")
	item[0].Executed = &ledger.Amounts{Area: 600001}
	if _, err := b.y.Act(b.as(access.TownshipClerk), workflow.Execute, item, "", workflow.Balanced); codes(err) != "ledger-amount" {
		t.Errorf("%v", err)
	}
	item[0].Executed = &ledger.Amounts{Area: 590000}
	_, err := b.y.Act(b.as(access.TownshipClerk), workflow.Execute, item, "", workflow.Balanced)
	b.must(err)
	if got := b.balances(east); got != "available 310000, used 590000" {
		t.Errorf("%s", got)
	}
	var quality int64
	b.must(b.db.Pool.QueryRow(t.Context(), `SELECT amount FROM ledger_balance WHERE township_code = $1 AND measure = 'quality' AND account = 'used'`, east).Scan(&quality))
	if quality != 393333 { // 5900.00 · (16 − 6)/15
		t.Errorf("quality used %d", quality)
	}
	b.sound()
}

func TestExempt_IsBookedApart(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.open()
	b.declare("out", "T1", east, 0, "700.00", true)
	b.declare("in", "J1", east, 1, "9000.00", false)
	b.reviewed("out/T1", "in/J1")
	b.file("out/T1", workflow.Approval, "生态退耕")
	if got := codes(b.act(access.BureauLead, workflow.Confirm, "out/T1")); got != "ledger-not-open" {
		t.Errorf("%s", got)
	}
	b.decided(map[string]string{"in/J1": "9000.00", "out/T1": "0.00"}, "") // the plan weighs it as nothing
	b.must(b.act(access.BureauLead, workflow.Confirm, "out/T1"))
	if got := b.balances(east); got != "exempt_out 70000, in_planned 900000" {
		t.Errorf("%s", got)
	}
	if got := b.states("out/T1"); got != "recognised" {
		t.Errorf("%s", got)
	}
	b.must(b.act(access.BureauLead, workflow.Revoke, "out/T1"))
	if got := b.balances(east); got != "in_planned 900000" || b.states("out/T1") != "in_review" {
		t.Errorf("%s", got)
	}
	b.must(b.act(access.BureauLead, workflow.Confirm, "out/T1"))
	b.sound()
}

func TestAct_AllOrNone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.open()
	for i, k := range []string{"J1", "J2", "J3"} {
		b.declare("in", k, east, i, "9000.00", false)
	}
	b.declare("in", "W1", west, 5, "9000.00", false)
	if got := codes(b.act(access.TownshipClerk, workflow.Declare, "in/J1", "in/J2", "in/W1", "in/X1")); got != "record-not-found in/W1, record-not-found in/X1" {
		t.Errorf("%s", got)
	}
	if got := b.states("in/J1", "in/J2", "in/W1"); got != "- - -" {
		t.Errorf("%s", got)
	}
	for _, a := range []workflow.Action{workflow.Plan, workflow.Approve, workflow.Recognise, workflow.Carry, "no such"} {
		if got := codes(b.act(access.BureauLead, a, "in/J1")); got != "record-step in/J1" {
			t.Errorf("%s by itself: %s", a, got)
		}
	}
	if _, err := b.y.Act(t.Context(), workflow.Declare, nil, "", workflow.Balanced); err == nil {
		t.Error("a step of nobody")
	}
	// Two who work on the same parcels in opposite orders do not end each other.
	b.must(b.act(access.TownshipClerk, workflow.Declare, "in/J1", "in/J2", "in/J3"))
	var wg sync.WaitGroup
	for i := range 8 {
		keys := []string{"in/J1", "in/J2", "in/J3"}
		if i%2 == 1 {
			keys = []string{"in/J3", "in/J2", "in/J1"}
		}
		wg.Go(func() {
			items := make([]year.Item, len(keys))
			for k := range keys {
				items[k] = year.Item{Direction: "in", Number: keys[k][3:]}
			}
			if _, err := b.y.Act(b.as(access.TownshipClerk), workflow.Submit, items, "", workflow.Balanced); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.sound()
}
