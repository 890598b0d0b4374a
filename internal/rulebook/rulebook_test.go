package rulebook_test

import (
	"math"
	"testing"

	"gengheng/internal/rulebook"
)

func TestConditionMatch(t *testing.T) {
	for _, c := range []struct {
		condition rulebook.Condition
		value     string
		want      bool
	}{
		{rulebook.Condition{In: []string{"一级", "二级"}}, "二级", true},
		{rulebook.Condition{In: []string{"一级", "二级"}}, "准保护区", false},
		{rulebook.Condition{In: []string{"一级"}}, "", false},
		{rulebook.Condition{In: []string{"一级"}}, "一级保护区", false},
		{rulebook.Condition{NotIn: []string{"一级"}}, "二级", true},
		{rulebook.Condition{NotIn: []string{"一级"}}, "一级", false},
		{rulebook.Condition{NotIn: []string{"一级"}}, "", true}, // level not known: any other level
		{rulebook.Condition{In: []string{"*公益林"}}, "国家级公益林", true},
		{rulebook.Condition{In: []string{"*公益林"}}, "公益林地", false},
		{rulebook.Condition{In: []string{"国有林*"}}, "国有林场", true},
		{rulebook.Condition{In: []string{"*建设*"}}, "城镇集中建设区", true},
		{rulebook.Condition{In: []string{"*建设*"}}, "农田保护区", false},
		{rulebook.Condition{NotIn: []string{"*建设*"}}, "村庄建设区", false},
		{rulebook.Condition{In: []string{"*"}}, "", true},
	} {
		if got := c.condition.Match(c.value); got != c.want {
			t.Errorf("%+v matches %q: %v", c.condition, c.value, got)
		}
	}
}

func TestCheckConditions(t *testing.T) {
	k := rulebook.Check{
		When:  []rulebook.Condition{{Field: "target_dlbm", In: []string{"1104"}}, {Field: "purpose", NotIn: []string{"养殖坑塘"}}},
		Where: []rulebook.Condition{{Field: "level", In: []string{"一级"}}, {Field: "name", NotIn: []string{"甲"}}},
	}
	for _, c := range []struct {
		target, purpose string
		want            bool
	}{{"1104", "景观", true}, {"1104", "养殖坑塘", false}, {"0201", "景观", false}, {"1104", "", true}} {
		got := k.AppliesTo(func(field string) []string {
			return []string{map[string]string{"target_dlbm": c.target, "purpose": c.purpose}[field]}
		})
		if got != c.want {
			t.Errorf("applies to %+v: %v", c, got)
		}
	}
	for _, c := range []struct {
		level, name string
		want        bool
	}{{"一级", "乙", true}, {"一级", "甲", false}, {"二级", "乙", false}} {
		got := k.Selects(func(field string) string { return map[string]string{"level": c.level, "name": c.name}[field] })
		if got != c.want {
			t.Errorf("selects %+v: %v", c, got)
		}
	}
	documents := rulebook.Check{When: []rulebook.Condition{{Field: "documents", In: []string{"TCXY"}}}}
	without := rulebook.Check{When: []rulebook.Condition{{Field: "documents", NotIn: []string{"TCXY"}}}}
	for _, c := range []struct {
		held []string
		want bool
	}{{nil, false}, {[]string{"PZWH"}, false}, {[]string{"PZWH", "TCXY"}, true}} {
		held := func(string) []string { return c.held }
		if documents.AppliesTo(held) != c.want || without.AppliesTo(held) == c.want {
			t.Errorf("documents %v: in %v, not in %v", c.held, documents.AppliesTo(held), without.AppliesTo(held))
		}
	}
	if !(&rulebook.Check{}).AppliesTo(nil) || !(&rulebook.Check{}).Selects(nil) {
		t.Error("a check without conditions must apply always")
	}
}

func TestTolerance(t *testing.T) {
	strict := rulebook.Tolerance{AbsM2: 1}
	soft := rulebook.Tolerance{AbsM2: 10, Ratio: 0.01}
	patch := rulebook.Tolerance{MinPatchM2: 400}
	for _, c := range []struct {
		tolerance                rulebook.Tolerance
		hit, candidate, greatest float64
		want                     bool
	}{
		{strict, 1, 1000, 1, false}, {strict, 1.001, 1000, 1, true},
		{soft, 11, 1000, 11, true}, {soft, 11, 1100, 11, false}, {soft, 9, 100, 9, false},
		{patch, 399.99, 1000, 399.99, false}, {patch, 400, 1000, 400, true}, {patch, 700, 1000, 350, false},
		{rulebook.Tolerance{}, 0, 1000, 0, false}, {rulebook.Tolerance{}, 0.01, 1000, 0.01, true},
		{strict, math.NaN(), 1000, 1, false},
	} {
		if got := c.tolerance.Exceeded(c.hit, c.candidate, c.greatest); got != c.want {
			t.Errorf("%+v: hit %v of %v, greatest piece %v: exceeded %v", c.tolerance, c.hit, c.candidate, c.greatest, got)
		}
	}
}

func TestSeverityOrder(t *testing.T) {
	order := []rulebook.Severity{rulebook.Score, rulebook.Manual, rulebook.Warn, rulebook.Block}
	for i, a := range order {
		for j, b := range order {
			if a.AtLeast(b) != (i >= j) {
				t.Errorf("%s at least %s: %v", a, b, a.AtLeast(b))
			}
		}
	}
}
