package api_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"gengheng/internal/client"
	"gengheng/internal/rulebook"
)

// judgeByAnotherTolerance registers a rulebook that lets more of a red line pass,
// gives it to the county and screens again: only what lies on the red line is
// judged again, the answer is that of judging all, and what has changed is said.
func (k *clerk) judgeByAnotherTolerance(before client.Screening, findings map[string][]client.Finding) {
	k.t.Helper()
	ctx := k.t.Context()
	first, err := rulebook.Shanxi2025()
	if err != nil {
		k.t.Fatal(err)
	}
	text := string(first.Document)
	at := strings.Index(text, "- id: IN-03a")
	text = text[:at] + strings.Replace(text[at:], "tolerance: {abs_m2: 1}", "tolerance: {abs_m2: 1000000}", 1)
	resp, err := k.Raw.AddRulebookWithBody(ctx, "application/yaml", strings.NewReader(text))
	book := must[client.Rulebook](k.t, resp, err, http.StatusCreated)
	resp, err = k.Raw.PutCounty(ctx, k.County, client.CountyInput{Name: "合成示例县", Srid: 4546, Rulebook: &book.Version})
	must[client.County](k.t, resp, err, http.StatusOK)

	on := 0
	for _, list := range findings {
		if slices.ContainsFunc(list, func(f client.Finding) bool { return f.Clause == "IN-03a" }) {
			on++
		}
	}
	run := k.screen()
	if run.Rulebook != book.Version || run.BaseRunId == nil || *run.BaseRunId != before.RunId || run.Rejudged == nil || *run.Rejudged != on || on == 0 {
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
