package planning

import (
	"context"
	"strings"
	"testing"
	"time"

	"gengheng/internal/balance"
)

// TestWhyThereIsNoPlan: a plan that was not found is said to want more time only
// where time was what ended the search.
func TestWhyThereIsNoPlan(t *testing.T) {
	g := &grid{survey: &survey{}, options: Options{TimeLimit: 7}}
	ended := &balance.Solution{Certificate: balance.Certificate{Status: balance.Unknown}}
	cut := &balance.Solution{Certificate: balance.Certificate{Status: balance.Unknown}, OutOfTime: true}
	one := 1.0
	ruled := &balance.PatchReport{ObjectiveWithout: &one}
	contradictory := &model{problem: &balance.Problem{
		Units:       []balance.Unit{{ID: "in/A"}},
		Constraints: []balance.Constraint{{ID: "quota/1", Sense: balance.AtLeast, RHS: 5}},
		Terms:       []balance.Term{{Coefficient: 2}},
	}, rows: []row{{quota: "全县转进数量不少于 5.00 m²"}}}
	free := &model{problem: &balance.Problem{}}
	for _, c := range []struct {
		name          string
		m             *model
		s             *balance.Solution
		patches       *balance.PatchReport
		says, saysNot string
	}{
		{"time", free, cut, nil, "请加大限时", "搜索已尽"},
		{"the search's end", free, ended, nil, "搜索已尽", "限时内"},
		{"time, under the patch rule", free, cut, ruled, "不计连片规则的方案已经找到", "搜索已尽"},
		{"the search's end, under the patch rule", free, ended, ruled, "放宽最小连片面积", "加大限时，"},
		{"the patch rule, and no plan even without", free, cut, &balance.PatchReport{}, "请加大限时", "连片"},
		{"a contradiction", contradictory, ended, nil, "全县转进数量不少于", "限时内"},
	} {
		_, err := conclude(g.survey, &fields{}, c.m, g.options, c.s, c.patches)
		r, ok := err.(*Refusal)
		if !ok || r.Kind != "plan-not-found" {
			t.Fatalf("%s: %v, want a refusal of kind plan-not-found", c.name, err)
		}
		if !strings.Contains(r.Detail, c.says) || strings.Contains(r.Detail, c.saysNot) {
			t.Errorf("%s: %s", c.name, r.Detail)
		}
	}
}

// TestAShortfallIsCalledLeastOnlyWhereProved: the plan of an infeasible problem
// that was only named as an example is not said to miss least.
func TestAShortfallIsCalledLeastOnlyWhereProved(t *testing.T) {
	p := &balance.Problem{
		Units:       []balance.Unit{{ID: "a"}, {ID: "b"}},
		Constraints: []balance.Constraint{{ID: "k", Sense: balance.AtLeast, RHS: 10}},
		Terms:       []balance.Term{{Coefficient: 3}, {Unit: 1, Coefficient: 4}},
	}
	s, err := balance.Solve(context.Background(), p, balance.Options{TimeLimit: time.Minute})
	if err != nil || s.Status != balance.Infeasible {
		t.Fatal(err, s.Status)
	}
	if zh, _ := proof(s, nil); !strings.Contains(zh, "所示为缺口最小的安排") {
		t.Errorf("the search found that 3 are missing at least, and says: %s", zh)
	}
	some := *s.Infeasibility
	some.Shortfall = 10 // nothing chosen
	s.Infeasibility = &some
	if zh, _ := proof(s, nil); strings.Contains(zh, "所示为缺口最小的安排") {
		t.Errorf("10 are missing where 3 would do, and it says: %s", zh)
	}
	if zh := infeasibleZH([]Shortfall{{Message: "短缺"}}, &some); strings.Contains(zh, "缺口最小的安排仍有") {
		t.Errorf("10 are missing where 3 would do, and it says: %s", zh)
	}
}
