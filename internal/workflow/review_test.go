package workflow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"gengheng/internal/access"
	"gengheng/internal/workflow"
)

func (b *bed) queue(d access.Role) string {
	b.t.Helper()
	list, err := workflow.Records(b.t.Context(), b.db.Pool, county, year, workflow.Filter{Queue: d, Limit: 100})
	b.must(err)
	var names []string
	for _, r := range list {
		names = append(names, r.Key.String())
	}
	return strings.Join(names, " ")
}

func TestReview_QueuesAreParallel(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(in("J1"), toReview...)
	b.do(in("J2"), toReview[:3]...)
	b.do(out("C1"), toReview...)
	for _, d := range workflow.Departments() {
		if got := b.queue(d); got != "in/J1 out/C1" {
			t.Errorf("%s has %q to look at", d, got)
		}
	}
	// all at once, and the bureau's lead for the bureau
	people := []access.Role{access.BureauLead, access.Agriculture, access.Forestry, access.Water, access.Environment}
	errs := make([]error, len(people))
	var wg sync.WaitGroup
	for i, p := range people {
		wg.Go(func() {
			_, errs[i] = b.say(b.people[p], in("J1"), workflow.Opinion{Opinion: workflow.Agree})
		})
	}
	wg.Wait()
	b.must(errors.Join(errs...))
	for _, d := range workflow.Departments() {
		if got := b.queue(d); got != "out/C1" {
			t.Errorf("%s still has %q", d, got)
		}
	}
	// A second thought of the same round counts, and the first stays.
	forester := b.people[access.Forestry]
	_, err := b.say(forester, in("J1"), workflow.Opinion{Opinion: workflow.Disagree, Reasons: "公益林"})
	b.must(err)
	_, err = b.say(forester, in("J1"), workflow.Opinion{Opinion: workflow.AgreeConditions, Conditions: "避开公益林"})
	b.must(err)
	said, err := workflow.Opinions(t.Context(), b.db.Pool, in("J1"))
	b.must(err)
	if n := len(said); n != 7 {
		t.Errorf("%d opinions are kept, want 7", n)
	}
	b.do(in("J1"), workflow.Return, workflow.Submit, workflow.Check, workflow.Review)
	if got := b.queue(access.Forestry); got != "in/J1 out/C1" {
		t.Errorf("after another round the forester has %q", got)
	}
	if _, err := b.as(b.people[access.Bureau], in("J1"), workflow.Plan, workflow.Input{}); code(err) != workflow.OpinionsShort {
		t.Errorf("the opinions of an earlier round count: %v", err)
	}
}

func TestReview_RefusesWhatIsNoOpinion(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(in("J1"), toReview...)
	b.do(in("J2"), toReview[:2]...)
	forester := b.people[access.Forestry]
	for name, tc := range map[string]struct {
		who  access.Actor
		key  workflow.Key
		o    workflow.Opinion
		code workflow.Code
	}{
		"conditions unsaid":  {forester, in("J1"), workflow.Opinion{Opinion: workflow.AgreeConditions}, workflow.ReasonMissing},
		"reasons unsaid":     {forester, in("J1"), workflow.Opinion{Opinion: workflow.Disagree, Reasons: " "}, workflow.ReasonMissing},
		"no such opinion":    {forester, in("J1"), workflow.Opinion{Opinion: "maybe"}, workflow.BadInput},
		"not in review":      {forester, in("J2"), workflow.Opinion{Opinion: workflow.Agree}, workflow.IllegalStep},
		"no such record":     {forester, in("J3"), workflow.Opinion{Opinion: workflow.Agree}, workflow.NotFound},
		"not a department":   {b.people[access.Government], in("J1"), workflow.Opinion{Opinion: workflow.Agree}, workflow.WrongRole},
		"the township's own": {b.people[access.TownshipLead], in("J1"), workflow.Opinion{Opinion: workflow.Agree}, workflow.WrongRole},
	} {
		if _, err := b.say(tc.who, tc.key, tc.o); code(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The departments that must be heard are data of the county-year.
func TestYear_IsData(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	set := func(y workflow.CountyYear) error {
		return b.tx(func(ctx context.Context, tx pgx.Tx) error {
			return workflow.SetYear(access.With(ctx, b.people[access.BureauLead]), tx, y, "调整")
		})
	}
	y := workflow.DefaultYear(county, year)
	y.Reviewers, y.Acceptors = []access.Role{access.Forestry}, []access.Role{access.Bureau}
	b.must(set(y))
	b.do(in("J1"), toReview...)
	_, err := b.say(b.people[access.Forestry], in("J1"), workflow.Opinion{Opinion: workflow.Agree})
	b.must(err)
	if _, err := b.as(b.people[access.Bureau], in("J1"), workflow.Plan, workflow.Input{}); err != nil {
		t.Error(err)
	}
	got, err := workflow.ReadYear(t.Context(), b.db.Pool, county, year)
	if err != nil || !slices.Equal(got.Reviewers, y.Reviewers) || got.PlanBy != "2025-07-31" {
		t.Errorf("%+v %v", got, err)
	}
	for name, change := range map[string]func(y *workflow.CountyYear){
		"no date":            func(y *workflow.CountyYear) { y.PlanBy = "7月底" },
		"dates out of order": func(y *workflow.CountyYear) { y.DeclareBy = "2025-08-01" },
		"no such department": func(y *workflow.CountyYear) { y.Reviewers = []access.Role{access.Auditor} },
		"a department twice": func(y *workflow.CountyYear) { y.Acceptors = []access.Role{access.Water, access.Water} },
	} {
		y := workflow.DefaultYear(county, year)
		change(&y)
		if err := set(y); code(err) != workflow.BadInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := in("J1")
	other.Year = 2026
	if _, err := b.as(b.people[access.TownshipClerk], other, workflow.Declare, workflow.Input{}); code(err) != workflow.YearNotSet {
		t.Errorf("%v", err)
	}
}

// TestTheDatabaseHoldsTheHistory goes round the package, as another program with
// the same rights would.
func TestTheDatabaseHoldsTheHistory(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(in("J1"), toReview...)
	b.agree(in("J1"))
	b.file(in("J1"), workflow.Consent, "")
	event := `INSERT INTO workflow_event (county_code, year, direction, number, seq, event_id, township_code, action, from_state, to_state, actor_id, actor_name, actor_role, actor_township, reason, late)
		VALUES ('149901', 2025, 'in', 'J1', $seq, gen_random_uuid(), '149901100', 'approve', '$from', 'approved', gen_random_uuid(), 'x', 'x', '', '', false);`
	tell := func(seq, from string) string { return strings.NewReplacer("$seq", seq, "$from", from).Replace(event) }
	for name, sql := range map[string]string{
		"change an event":              `UPDATE workflow_event SET reason = 'x'`,
		"take an event out":            `DELETE FROM workflow_event WHERE seq = 4`,
		"empty the events":             `TRUNCATE workflow_event`,
		"change a document":            `UPDATE workflow_document SET sha256 = repeat('b', 64)`,
		"take a document out":          `DELETE FROM workflow_document`,
		"change an opinion":            `UPDATE workflow_opinion SET opinion = 'agree'`,
		"take an opinion out":          `DELETE FROM workflow_opinion`,
		"take a record out":            `DELETE FROM workflow_record`,
		"move a record untold":         `UPDATE workflow_record SET state = 'approved', revision = revision + 1`,
		"move a record, same revision": `UPDATE workflow_record SET state = 'approved'`,
		"give a record away":           `UPDATE workflow_record SET township_code = '149901101', revision = revision + 1`,
		"an event out of order":        tell("6", "in_review"),
		"an event from elsewhere":      tell("5", "planned"),
		"an event twice":               tell("4", "in_review"),
		"an event of another state":    tell("5", "in_review") + `UPDATE workflow_record SET state = 'carried', revision = 5`,
		"a record from nowhere":        `INSERT INTO workflow_record SELECT (jsonb_populate_record(r, '{"number": "J7"}')).* FROM workflow_record r`,
	} {
		_, err := b.db.Pool.Exec(t.Context(), sql)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "23001" && pg.Code != "23505" && pg.Code != "0A000" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r := b.record(in("J1")); r.State != workflow.InReview || r.Revision != 4 {
		t.Errorf("%+v", r)
	}
}
