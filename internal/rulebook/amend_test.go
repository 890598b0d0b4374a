package rulebook_test

import (
	"strings"
	"testing"

	"gengheng/internal/rulebook"
)

func TestWithTolerances_ChangesNothingElse(t *testing.T) {
	t.Parallel()
	old := shanxi(t)
	// one that the document writes out, and one that it leaves to the default of its severity
	now, err := old.WithTolerances("x.yaml", []rulebook.ToleranceChange{
		{Clause: "OUT-01", Check: 1, Tolerance: rulebook.Tolerance{AbsM2: 2.5, Ratio: 0.001, MinPatchM2: 30}},
		{Clause: "OUT-00", Check: 5, Tolerance: rulebook.Tolerance{AbsM2: 40}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if now.Hash == old.Hash {
		t.Error("another text has the same version")
	}
	c, _ := now.Clause("OUT-01")
	if got := c.Checks[0].Tolerance; got != (rulebook.Tolerance{AbsM2: 2.5, Ratio: 0.001, MinPatchM2: 30}) {
		t.Errorf("%+v", got)
	}
	changes := rulebook.Compare(old, now)
	if got := strings.Join(changes.IDs(), " "); got != "OUT-00 OUT-01" || len(changes.Settings) != 0 {
		t.Errorf("%s %v", got, changes.Settings)
	}
	// what people wrote into the document for people is still there
	if comments := strings.Count(string(old.Document), "#"); strings.Count(string(now.Document), "#") != comments {
		t.Errorf("%d comments of %d are left", strings.Count(string(now.Document), "#"), comments)
	}
	// back again it says what it said
	back, err := now.WithTolerances("x.yaml", []rulebook.ToleranceChange{
		{Clause: "OUT-01", Check: 1, Tolerance: rulebook.Tolerance{AbsM2: 1}}, {Clause: "OUT-00", Check: 5, Tolerance: rulebook.Tolerance{AbsM2: 10}}})
	if err != nil {
		t.Fatal(err)
	}
	if changes := rulebook.Compare(old, back); len(changes.Clauses)+len(changes.Settings) != 0 {
		t.Errorf("%+v", changes)
	}
}

func TestWithTolerances_Refusals(t *testing.T) {
	t.Parallel()
	for name, ch := range map[string]rulebook.ToleranceChange{
		"没有条款 OUT-99":      {Clause: "OUT-99", Check: 1, Tolerance: rulebook.Tolerance{AbsM2: 2}},
		"没有条款 OUT-01 的第 2": {Clause: "OUT-01", Check: 2, Tolerance: rulebook.Tolerance{AbsM2: 2}},
		"不用容差":             {Clause: "OUT-00", Check: 2, Tolerance: rulebook.Tolerance{AbsM2: 2}},
		"没有变":              {Clause: "OUT-01", Check: 1, Tolerance: rulebook.Tolerance{AbsM2: 1}},
		"ratio":            {Clause: "OUT-01", Check: 1, Tolerance: rulebook.Tolerance{AbsM2: 1, Ratio: 2}},
		"abs_m2":           {Clause: "OUT-01", Check: 1, Tolerance: rulebook.Tolerance{AbsM2: -1}},
	} {
		if _, err := shanxi(t).WithTolerances("x.yaml", []rulebook.ToleranceChange{ch}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
