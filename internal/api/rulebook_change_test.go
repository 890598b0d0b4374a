package api_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"gengheng/internal/client"
)

// judgeByAnotherTolerance lets more of a red line pass, tried first, and screens
// again: only what lies on the red line is
// judged again, the answer is that of judging all, and what has changed is said.
func (k *clerk) judgeByAnotherTolerance(before client.Screening, findings map[string][]client.Finding) {
	k.t.Helper()
	ctx := k.t.Context()
	resp, err := k.Raw.GetRulebookClauses(ctx, before.Rulebook)
	contents := must[client.RulebookContents](k.t, resp, err, http.StatusOK)
	clause := contents.Clauses[slices.IndexFunc(contents.Clauses, func(c client.RulebookClause) bool { return c.Clause == "IN-03a" })]
	if clause.Citation == "" || len(clause.Checks) != 1 || clause.Checks[0].Tolerance.AbsM2 != 1 || !clause.Checks[0].Tolerates || *clause.Checks[0].LayerName != "生态保护红线" {
		k.t.Errorf("%+v", clause)
	}
	change := client.ToleranceChanges{Version: before.Rulebook, Reason: "合成", Trial: ptr(true)}
	change.Changes = append(change.Changes, struct {
		CheckNo   int              `json:"check_no"`
		Clause    string           `json:"clause"`
		Tolerance client.Tolerance `json:"tolerance"`
	}{1, "IN-03a", client.Tolerance{AbsM2: 1000000}})
	ask := func(status int) client.TolerancesChanged {
		k.t.Helper()
		resp, err := k.Raw.ChangeTolerances(ctx, k.County, change)
		return must[client.TolerancesChanged](k.t, resp, err, status)
	}
	tried := ask(http.StatusOK)
	resp, err = k.Raw.GetCounty(ctx, k.County)
	if c := must[client.County](k.t, resp, err, http.StatusOK); c.Rulebook != before.Rulebook {
		k.t.Error("a trial has changed the county's rulebook")
	}
	change.Trial = nil
	done := ask(http.StatusOK)
	book := done.Comparison.After
	if tried.Comparison.After != book || len(done.Comparison.Clauses) != 1 || len(done.Concerned) != 1 || !slices.Equal(tried.Concerned, done.Concerned) {
		k.t.Errorf("%+v\n%+v", tried, done)
	}
	if c := done.Comparison.Clauses[0]; c.Clause != "IN-03a" || len(c.What) != 0 || len(c.Checks) != 1 || !slices.Equal(c.Checks[0].What, []string{"tolerance"}) ||
		c.Checks[0].Before.Tolerance.AbsM2 != 1 || c.Checks[0].After.Tolerance.AbsM2 != 1000000 {
		k.t.Errorf("%+v", c)
	}
	var p *client.ProblemError
	resp, err = k.Raw.ChangeTolerances(ctx, k.County, change) // who has not seen the new version
	if _, err := client.Decode[client.TolerancesChanged](resp, err, http.StatusOK); !errors.As(err, &p) || p.Status != http.StatusConflict {
		k.t.Errorf("%v", err)
	}
	resp, err = k.Raw.CompareRulebooks(ctx, book.Version, &client.CompareRulebooksParams{With: before.Rulebook})
	if back := must[client.RulebookComparison](k.t, resp, err, http.StatusOK); len(back.Clauses) != 1 || back.After.Version != before.Rulebook {
		k.t.Errorf("%+v", back)
	}
	resp, err = k.Raw.ListAudit(ctx, k.County, &client.ListAuditParams{Action: ptr("rulebook.tolerances")})
	if log := must[client.AuditPage](k.t, resp, err, http.StatusOK); len(log.Items) != 1 || log.Items[0].Reason != "合成" {
		k.t.Errorf("%+v", log.Items)
	}

	on := 0
	for _, list := range findings {
		if slices.ContainsFunc(list, func(f client.Finding) bool { return f.Clause == "IN-03a" }) {
			on++
		}
	}
	run := k.screen()
	if run.Rulebook != book.Version || run.BaseRunId == nil || *run.BaseRunId != before.RunId || run.Rejudged == nil || *run.Rejudged != on || on == 0 || done.Concerned[0].Candidates != on {
		k.t.Errorf("%d lie on the red line; the run: %+v", on, run)
	}
	full := true
	resp, err = k.Raw.AddScreening(ctx, k.County, client.ScreeningInput{Year: year, Full: &full})
	all := must[client.ScreeningAccepted](k.t, resp, err, http.StatusAccepted)
	if _, err := k.Wait(ctx, all.Job.JobId, nil); err != nil {
		k.t.Fatal(err)
	}
	if !bytes.Equal(k.lines(run.RunId), k.lines(all.Screening.RunId)) {
		k.t.Error("the findings differ from those of judging all")
	}

	resp, err = k.Raw.ListScreeningChanges(ctx, k.County, run.RunId, &client.ListScreeningChangesParams{Since: &before.RunId})
	changes := must[client.ScreeningChanges](k.t, resp, err, http.StatusOK)
	if r := changes.Rulebook; r == nil || r.Before != before.Rulebook || r.After != book.Version || len(r.Settings) != 0 || len(r.Clauses) != 1 ||
		r.Clauses[0].Clause != "IN-03a" || !slices.Equal(r.Clauses[0].What, []string{"tolerance"}) {
		k.t.Errorf("the rulebook: %+v", r)
	}
	if changes.NewlyPassing == 0 || changes.NewlyFailing != 0 || changes.Total > on {
		k.t.Errorf("%d newly passing, %d newly failing, %d changes of %d", changes.NewlyPassing, changes.NewlyFailing, changes.Total, on)
	}
	resp, err = k.Raw.ListScreeningChanges(ctx, k.County, all.Screening.RunId, &client.ListScreeningChangesParams{Since: &run.RunId})
	if again := must[client.ScreeningChanges](k.t, resp, err, http.StatusOK); again.Rulebook != nil || again.Total != 0 {
		k.t.Errorf("nothing has changed: %+v", again)
	}
}
