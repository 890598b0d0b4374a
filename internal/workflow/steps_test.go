package workflow_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/workflow"
)

// lawful is the state machine of the county's plan, written down a second time:
// track, from, action, to.
const lawful = `
in/out/exempt - declare draft
in/out/exempt withdrawn declare draft
in/out/exempt draft submit submitted
in/out/exempt returned submit submitted
in/out/exempt submitted submit submitted
in/out/exempt draft,submitted,checked,in_review,returned withdraw withdrawn
in/out/exempt submitted,checked,in_review return returned
in/out/exempt draft,submitted,checked,in_review,returned refuse refused
in/out/exempt submitted check checked
in/out/exempt checked review in_review
in/out in_review plan planned
in/out planned unplan in_review
in/out planned approve approved
in approved,executing,township_checked,rectifying,failed drop in_review
out approved drop in_review
in approved start executing
in executing township_check township_checked
in executing,township_checked,failed rectify rectifying
in rectifying rework executing
in township_checked accept accepted
in township_checked fail failed
in accepted evidence evidenced
in evidenced evidence_return accepted
in evidenced change_approve change_approved
in accepted,evidenced,change_approved recognise recognised
out approved lock quota_locked
out quota_locked unlock approved
out quota_locked release released
out released recall quota_locked
out released execute executed
out executed recognise recognised
exempt in_review confirm recognised
in accepted revoke township_checked
in recognised revoke accepted
out executed revoke released
out recognised revoke executed
exempt recognised revoke in_review
in/out/exempt recognised carry carried
in approved,executing,rectifying,failed write_off written_off
out approved write_off written_off`

func transitions() []string {
	var list []string
	for _, s := range workflow.Steps() {
		for _, t := range s.Tracks {
			for _, f := range s.From {
				from := string(f)
				if from == "" {
					from = "-"
				}
				list = append(list, strings.Join([]string{string(t), from, string(s.Action), string(s.To)}, " "))
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestSteps_AreThoseOfTheCountysPlan(t *testing.T) {
	t.Parallel()
	var want []string
	for line := range strings.Lines(strings.TrimSpace(lawful)) {
		f := strings.Fields(line)
		for _, track := range strings.Split(f[0], "/") {
			for _, from := range strings.Split(f[1], ",") {
				want = append(want, strings.Join([]string{track, from, f[2], f[3]}, " "))
			}
		}
	}
	slices.Sort(want)
	if got := transitions(); !slices.Equal(got, want) {
		for _, g := range got {
			if !slices.Contains(want, g) {
				t.Errorf("not lawful: %s", g)
			}
		}
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("missing: %s", w)
			}
		}
	}
}

// An action from a state leads to one state only; every state can be reached and
// leads on to an end; everything has a name for people.
func TestSteps_HaveNoDeadState(t *testing.T) {
	t.Parallel()
	next := map[string][]string{} // "in draft" → "in submitted"
	seen := map[string]bool{}
	for _, line := range transitions() {
		f := strings.Fields(line)
		if k := strings.Join(f[:3], " "); seen[k] {
			t.Errorf("%s leads to two states", k)
		} else {
			seen[k] = true
		}
		next[f[0]+" "+f[1]] = append(next[f[0]+" "+f[1]], f[0]+" "+f[3])
	}
	ends := func(s string) bool { return workflow.State(strings.Fields(s)[1]).Final() }
	reach := func(from string) map[string]bool {
		got := map[string]bool{from: true}
		for todo := []string{from}; len(todo) > 0; todo = todo[1:] {
			for _, n := range next[todo[0]] {
				if !got[n] {
					got[n] = true
					todo = append(todo, n)
				}
			}
		}
		return got
	}
	for _, track := range []string{"in", "out", "exempt"} {
		reached := reach(track + " -")
		for s := range next {
			if strings.HasPrefix(s, track+" ") && !reached[s] {
				t.Errorf("%s cannot be reached", s)
			}
		}
		for s := range reached {
			if !ends(s) && !slices.ContainsFunc(slices.Collect(maps.Keys(reach(s))), ends) {
				t.Errorf("%s leads nowhere", s)
			}
		}
	}
	for _, s := range workflow.Steps() {
		if s.Action.Chinese() == "" || s.To.Chinese() == "" || len(s.Roles) == 0 {
			t.Errorf("%+v lacks a name or roles", s)
		}
		for _, n := range s.Needs {
			if n.Kind.Chinese() == "" {
				t.Errorf("%s needs a nameless %s", s.Action, n.Kind)
			}
		}
	}
}
