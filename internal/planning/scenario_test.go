package planning_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/planning"
	"gengheng/internal/rulebook"
)

// threeWishes: two parcels want to leave in the east, one in the west; the west
// could bring in enough for all of them.
func threeWishes(f *fixture) {
	f.parcel("0103", box(100, 100, 200, 200))
	f.parcel("0103", box(600, 400, 700, 500))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "1000.00", quality: "10", geom: box(100, 100, 120, 150)})
	f.candidate(declared{direction: "out", number: "C2", township: east, net: "2000.00", quality: "10", geom: box(160, 100, 200, 150)})
	f.candidate(declared{direction: "out", number: "C3", township: west, net: "500.00", quality: "10", geom: box(600, 400, 610, 450)})
	f.candidate(declared{direction: "in", number: "J1", township: west, net: "4000.00", quality: "10", geom: box(700, 400, 740, 500)})
}

func TestQuotasBoundWhatTownshipsBringInAndLetGo(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	for _, c := range []struct {
		name   string
		quotas []map[string]any
		want   string // chosen, in order
	}{
		{"none", nil, "in/J1 out/C1 out/C2 out/C3"},
		{"east lets go 2000.00 at most", []map[string]any{{"township": east, "direction": "out", "max_m2": "2000.00"}}, "in/J1 out/C2 out/C3"},
		{"east lets go 1999.99 at most", []map[string]any{{"township": east, "direction": "out", "max_m2": "1999.99"}}, "in/J1 out/C1 out/C3"},
		{"the county lets go 500.00 at most", []map[string]any{{"direction": "out", "max_m2": "500.00"}}, "in/J1 out/C3"},
		{"nothing goes, yet the west brings in", []map[string]any{{"direction": "out", "max_m2": "0.00"}, {"township": west, "direction": "in", "min_m2": "4000.00"}}, "in/J1"},
	} {
		id, s := f.solve(c.name, map[string]any{"quotas": c.quotas, "gap": 0, "refusal_cost": 10000})
		var got []string
		for _, key := range []string{"in/J1", "out/C1", "out/C2", "out/C3"} {
			if f.chosen(id)[key] {
				got = append(got, key)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: chosen %v, want %s (%s)", c.name, got, c.want, s.Status)
		}
	}
}

func TestAQuotaThatCannotBeMetIsNamed(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	_, s := f.solve("too much", map[string]any{"quotas": []map[string]any{{"township": west, "direction": "in", "min_m2": "4000.01"}}})
	if s.Status != "infeasible" || len(s.Shortfalls) != 1 {
		t.Fatalf("%s with %d shortfalls, want infeasible with one", s.Status, len(s.Shortfalls))
	}
	if got, want := s.Shortfalls[0].Message, "西乡转进数量不少于 4000.01 m²（6.00 亩），差 0.01 m²"; !strings.HasPrefix(got, want) {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestOptionsOfScenariosAreChecked(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	for name, c := range map[string]struct {
		options map[string]any
		says    string
	}{
		"no direction":     {map[string]any{"quotas": []map[string]any{{"max_m2": "1.00"}}}, "direction"},
		"no bound":         {map[string]any{"quotas": []map[string]any{{"direction": "in"}}}, "min_m2"},
		"negative":         {map[string]any{"quotas": []map[string]any{{"direction": "in", "min_m2": "-1.00"}}}, "负"},
		"upside down":      {map[string]any{"quotas": []map[string]any{{"direction": "in", "min_m2": "2.00", "max_m2": "1.00"}}}, "大于"},
		"unknown township": {map[string]any{"quotas": []map[string]any{{"direction": "in", "township": "149901999", "min_m2": "2.00"}}}, "149901999"},
		"a number":         {map[string]any{"quotas": []map[string]any{{"direction": "in", "min_m2": 2}}}, "字符串"},
		"unknown rulebook": {map[string]any{"rulebook": "0123456789abcdef"}, "0123456789abcdef"},
	} {
		id := f.plan(name, c.options)
		err := planning.Run(t.Context(), f.db, county, id, nil)
		var refusal *planning.Refusal
		if !errors.As(err, &refusal) || refusal.Kind != "plan-options" || !strings.Contains(refusal.Detail, c.says) {
			t.Errorf("%s: %v, want a refusal that says %q", name, err, c.says)
		}
	}
}

func TestARulebookOfTheScenarioSetsItsWeights(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	standard, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	own, err := rulebook.Parse("own", []byte(strings.Replace(string(standard.Document), "refusal_per_mu: 1000", "refusal_per_mu: 1", 1)))
	if err != nil {
		t.Fatal(err)
	}
	f.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4)`, own.Hash, own.ID, own.Year, string(own.Document))
	id, s := f.solve("cheap refusals", map[string]any{"rulebook": own.Hash})
	for key, chosen := range f.chosen(id) {
		if chosen {
			t.Errorf("%s was chosen though refusing costs next to nothing", key)
		}
	}
	if s.Options.RefusalCost != 1 {
		t.Errorf("refusal cost %v, want the scenario's rulebook's", s.Options.RefusalCost)
	}
}

func TestPatchRuleKeepsSmallPatchesOut(t *testing.T) {
	f := newCounty(t)
	f.parcel("0103", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "800.00", quality: "10", geom: box(100, 100, 108, 200)})
	// cheap, but a patch only with the dear one next to it; beside the field
	f.candidate(declared{direction: "in", number: "alone", township: east, net: "800.00", quality: "10", scores: map[string]float64{"IN-P1": 1, "IN-P4": 1},
		geom: box(300, 300, 340, 320)})
	f.candidate(declared{direction: "in", number: "beside", township: east, net: "800.00", quality: "10", geom: box(200, 100, 208, 200)})
	f.candidate(declared{direction: "in", number: "more", township: east, net: "5000.00", quality: "10", geom: box(340, 300, 400, 320)})
	options := map[string]any{"lambda": 0, "gap": 0, "min_patch_m2": 1000, "enforce": map[string]any{"quality": false, "paddy": false}}
	id, _ := f.solve("without", options)
	if !f.chosen(id)["in/alone"] {
		t.Fatal("the cheap one is not chosen even without the rule; the test would prove nothing")
	}
	options["patch_rule"] = true
	id, s := f.solve("with", options)
	if c := f.chosen(id); c["in/alone"] || !c["in/beside"] {
		t.Errorf("chosen %v, want the parcel beside the field", c)
	}
	if s.Patches == nil || s.Patches.Loss == nil || *s.Patches.Loss <= 0 {
		t.Errorf("the rule's loss is not reported: %+v", s.Patches)
	}
	// A session begins with that plan, but neither keeps the rule nor claims the
	// bound that holds with it, and names what the rule would not let in.
	session := f.open(planning.NewSessions(f.db, planning.Limits{}), owner, planning.Opening{PlanID: &id, Options: raw(t, map[string]any{"patch_rule": false})})
	d := session.Draft()
	if !d.Timing.Resumed || len(d.SmallPatches) > 0 || d.Certificate.BoundStronger != nil || *d.Certificate.Objective != *s.Objective {
		t.Errorf("resumed %v with %v in small patches and the certificate %+v", d.Timing.Resumed, d.SmallPatches, d.Certificate)
	}
	if d = f.change(session, planning.Adjustment{}); *d.Certificate.Objective >= *s.Objective || !slices.Equal(d.SmallPatches, []string{"in/alone"}) {
		t.Errorf("without the rule it costs %v, and %v are in small patches", *d.Certificate.Objective, d.SmallPatches)
	}
	if d = f.change(session, planning.Adjustment{NotChosen: d.SmallPatches}); len(d.SmallPatches) > 0 || *d.Certificate.Objective > *s.Objective {
		t.Errorf("with that one held out it costs %v, the plan with the rule %v; %v are in small patches", *d.Certificate.Objective, *s.Objective, d.SmallPatches)
	}
}

// Ensure that a patch is as large as it is on the ellipsoid: 60 km from the
// central meridian 1000.05 m² of the plane are less than a thousand.
func TestPatchesAreMeasuredOnTheEllipsoid(t *testing.T) {
	f := newCounty(t)
	f.parcel("0103", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "900.00", quality: "10", geom: box(100, 100, 109, 200)})
	// far from any field, the cheapest; a patch only with its dear neighbour; beside the field
	f.candidate(declared{direction: "in", number: "far", township: east, net: "900.00", quality: "10", scores: map[string]float64{"IN-P1": 1, "IN-P4": 1}, geom: box(300, 100, 340, 125.00125)})
	f.candidate(declared{direction: "in", number: "edge", township: east, net: "900.00", quality: "10", scores: map[string]float64{"IN-P1": 1}, geom: box(300, 300, 340, 325.00125)})
	f.candidate(declared{direction: "in", number: "more", township: east, net: "5000.00", quality: "10", geom: box(340, 300, 400, 320)})
	f.candidate(declared{direction: "in", number: "beside", township: east, net: "900.00", quality: "10", geom: box(200, 100, 209, 200)})
	for _, c := range []struct {
		min  float64
		rule bool
		want string
	}{{999.9, false, "in/far"}, {1000, false, "in/edge"}, {999.9, true, "in/far"}, {1000, true, "in/beside"}} {
		name := fmt.Sprintf("at least %v m², rule %v", c.min, c.rule)
		id, _ := f.solve(name, map[string]any{"lambda": 0, "gap": 0, "min_patch_m2": c.min, "patch_rule": c.rule,
			"chosen": []string{"out/C1"}, "enforce": map[string]any{"quality": false, "paddy": false}})
		chosen := f.chosen(id)
		for _, number := range []string{"in/far", "in/edge", "in/more", "in/beside"} {
			if chosen[number] != (number == c.want) {
				t.Errorf("%s: chosen %v, want %s", name, chosen, c.want)
				break
			}
		}
	}
}

func TestTownshipPricesAreSaidInWords(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	id, _ := f.solve("prices", map[string]any{"quotas": []map[string]any{}, "enforce": map[string]any{"quality": false, "paddy": false}, "chosen": []string{"out/C1", "out/C2", "out/C3"}})
	for code, name := range map[string]string{east: "东乡", west: "西乡"} {
		got := f.text(`SELECT price_zh FROM plan_township WHERE plan_id = $1 AND township_code = $2`, id, code)
		if !strings.HasPrefix(got, name+"：数量") || !strings.HasSuffix(got, "。") {
			t.Errorf("price of %s: %q", name, got)
		}
	}
}

func TestCompareNamesWhatDiffers(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	a, _ := f.solve("a", map[string]any{})
	b, _ := f.solve("b", map[string]any{"lambda": 2, "quotas": []map[string]any{{"township": east, "direction": "out", "max_m2": "2000.00"}}})
	c, err := planning.Compare(t.Context(), f.db, county, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Parcels) != 1 || c.Parcels[0].Number != "C1" || !*c.Parcels[0].ChosenA || *c.Parcels[0].ChosenB || c.Parcels[0].ReasonB == "" {
		t.Errorf("parcels %+v, want C1 alone", c.Parcels)
	}
	if len(c.Townships) != 2 || c.Townships[0].OutA.String() != "3000.00" || c.Townships[0].OutB.String() != "2000.00" {
		t.Errorf("townships %+v", c.Townships)
	}
	var options []string
	for _, o := range c.Options {
		options = append(options, o.Option)
	}
	if strings.Join(options, " ") != "lambda quotas" {
		t.Errorf("options that differ: %v", options)
	}
	if !strings.Contains(c.Message, "少转出 1 块") {
		t.Errorf("message %q", c.Message)
	}
	var refusal *planning.Refusal
	if _, err := planning.Compare(t.Context(), f.db, county, a, uuid.New()); !errors.As(err, &refusal) || refusal.Kind != "plan-not-found" {
		t.Errorf("comparing with no plan: %v", err)
	}
}

var (
	clerk  = planning.By{ID: uuid.NewSHA1(uuid.Nil, []byte("clerk")), As: "合成甲（自然资源局）"}
	leader = planning.By{ID: uuid.NewSHA1(uuid.Nil, []byte("leader")), As: "合成乙（县政府）"}
)

func (f *fixture) propose(id uuid.UUID, reason string, by planning.By) (p *planning.Publication, err error) {
	f.t.Helper()
	err = pgx.BeginFunc(f.t.Context(), f.db.Pool, func(tx pgx.Tx) error {
		p, err = planning.Propose(f.t.Context(), tx, county, id, "2025 年度方案", reason, by)
		return err
	})
	return p, err
}

func (f *fixture) decide(approve bool, decision string, by planning.By) (p *planning.Publication, err error) {
	f.t.Helper()
	err = pgx.BeginFunc(f.t.Context(), f.db.Pool, func(tx pgx.Tx) error {
		p, err = planning.Decide(f.t.Context(), tx, county, 2025, approve, decision, by)
		return err
	})
	return p, err
}

func refusedAs(t *testing.T, err error, kind string) {
	t.Helper()
	var refusal *planning.Refusal
	if !errors.As(err, &refusal) || refusal.Kind != kind {
		t.Errorf("%v, want a refusal of kind %s", err, kind)
	}
}

func TestAPlanIsPublishedOnceAndAmendedByNumber(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	a, _ := f.solve("a", map[string]any{})
	b, _ := f.solve("b", map[string]any{"lambda": 2})
	_, err := f.decide(true, "县政发〔2025〕1号", leader)
	refusedAs(t, err, "nothing-proposed")
	_, err = f.propose(f.plan("queued", map[string]any{}), "", clerk)
	refusedAs(t, err, "plan-not-feasible")

	if _, err := f.propose(a, "", clerk); err != nil {
		t.Fatal(err)
	}
	_, err = f.propose(b, "", clerk)
	refusedAs(t, err, "publication-open")
	_, err = f.decide(true, "县政发〔2025〕1号", clerk)
	refusedAs(t, err, "own-signature")
	_, err = f.decide(true, "", leader)
	refusedAs(t, err, "decision-missing")
	if p, err := f.decide(false, "附图不全", leader); err != nil || p.Status != "rejected" {
		t.Fatal(p, err)
	}
	if p, err := f.propose(a, "", clerk); err != nil || p.Number != 0 || p.Attempt != 2 {
		t.Fatal(p, err)
	}
	if p, err := f.decide(true, "县政发〔2025〕1号", leader); err != nil || p.Status != "approved" {
		t.Fatal(p, err)
	}
	_, err = f.propose(a, "again", clerk)
	refusedAs(t, err, "plan-in-force")
	_, err = f.propose(b, "", clerk)
	refusedAs(t, err, "reason-missing")
	if p, err := f.propose(b, "实施条件变化", clerk); err != nil || p.Number != 1 || p.Attempt != 1 {
		t.Fatal(p, err)
	}
	inForce, err := planning.InForce(t.Context(), f.db.Pool, county, 2025)
	if err != nil || inForce == nil || inForce.PlanID != a {
		t.Fatalf("in force: %+v (%v), want the plan until the amendment is approved", inForce, err)
	}
	if _, err := f.decide(true, "县政发〔2025〕9号", leader); err != nil {
		t.Fatal(err)
	}
	if inForce, err = planning.InForce(t.Context(), f.db.Pool, county, 2025); err != nil || inForce.PlanID != b {
		t.Fatalf("in force: %+v (%v), want the amendment", inForce, err)
	}
}

func TestAnApprovedPlanCannotChange(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	id, _ := f.solve("a", map[string]any{})
	if _, err := f.propose(id, "", clerk); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`UPDATE plan SET summary = '{}'`,
		`DELETE FROM plan`,
		`UPDATE plan_parcel SET chosen = NOT chosen WHERE number = 'C1'`,
		`DELETE FROM plan_parcel`,
		`INSERT INTO plan_parcel SELECT county_code, plan_id, direction, 'new', township_code, chosen, net_m2, net_paddy_m2, quality, reason_zh, geom FROM plan_parcel LIMIT 1`,
		`TRUNCATE plan_parcel`,
		`UPDATE plan_township SET in_m2 = 0`,
		`DELETE FROM plan_transfer`,
		`UPDATE plan_artifact SET content = ''`,
		`UPDATE plan_publication SET sha256 = ''`,
		`UPDATE plan_publication SET title = 'x', status = 'approved', decided_as = 'x', decided_at = now(), decision = 'x'`,
		`DELETE FROM plan_publication`,
		`TRUNCATE plan_publication`,
	} {
		if _, err := f.db.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: the database let it happen", sql)
		}
	}
	// Whoever goes round the guard is found, and nothing of it is approved.
	f.exec(`ALTER TABLE plan_parcel DISABLE TRIGGER plan_keep_published`)
	f.exec(`UPDATE plan_parcel SET net_m2 = net_m2 + 0.01 WHERE number = 'C1'`)
	_, err := f.decide(true, "县政发〔2025〕1号", leader)
	refusedAs(t, err, "plan-changed")
	err = pgx.BeginFunc(t.Context(), f.db.Pool, func(tx pgx.Tx) error {
		altered, err := planning.Altered(t.Context(), tx, county)
		if err == nil && (len(altered) != 1 || altered[0].PlanID != id) {
			t.Errorf("altered: %+v", altered)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestARulebookCanBalanceTheCountysYearAsAWhole: no code says so, the rulebook
// does; then what it costs that one township makes up for another is nothing,
// and nothing is transferred.
func TestARulebookCanBalanceTheCountysYearAsAWhole(t *testing.T) {
	f := newCounty(t)
	f.parcel("0101", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "4999.99", paddy: "4999.99", quality: "10", geom: box(150, 100, 200, 200)})
	f.candidate(declared{direction: "in", number: "J1", township: west, net: "6000.01", paddy: "5000.01", quality: "9", geom: box(600, 100, 700, 160)})
	standard, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	rules := func(balance string) string {
		own, err := rulebook.Parse("own", []byte(strings.NewReplacer("transfer_per_mu: 50", "transfer_per_mu: 100000\n  balance: "+balance).Replace(string(standard.Document))))
		if err != nil {
			t.Fatal(err)
		}
		f.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4)`, own.Hash, own.ID, own.Year, string(own.Document))
		return own.Hash
	}
	id, s := f.solve("each township", map[string]any{"rulebook": rules("in_out")})
	if f.chosen(id)["out/C1"] || s.Options.Balance != "" {
		t.Errorf("a transfer dearer than a refusal was made; balance %q", s.Options.Balance)
	}
	id, s = f.solve("the county", map[string]any{"rulebook": rules("net_increase")})
	if chosen := f.chosen(id); !chosen["out/C1"] || !chosen["in/J1"] {
		t.Errorf("chosen %v", chosen)
	}
	if s.Transfers != 0 || s.Options.Balance != "net_increase" || !strings.Contains(strings.Join(s.Notes, ""), "净增加 1000.02 m²") {
		t.Errorf("%d transfers, balance %q, notes %v", s.Transfers, s.Options.Balance, s.Notes)
	}
	f.exec(`UPDATE verdict SET net_m2 = 4999.98, net_paddy_m2 = 4999.98 WHERE number = 'J1'`)
	if id, _ = f.solve("the county, short", map[string]any{"rulebook": s.Options.Rulebook}); f.chosen(id)["out/C1"] {
		t.Error("the county's year would end with less land")
	}
}
