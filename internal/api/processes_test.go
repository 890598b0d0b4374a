package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/client"
)

// ranAs begins a process and waits for its job; it gives the results.
func (k *clerk) ranAs(process, inputs string) map[string]any {
	k.t.Helper()
	root := "/ogc/" + k.County
	a := k.svc.call(k.t, "POST", root+"/processes/"+process+"/execution", "application/json", `{"inputs":`+inputs+`}`)
	at := a.header.Get("Location")
	id, err := uuid.Parse(filepath.Base(at))
	if a.status != http.StatusCreated || err != nil {
		k.t.Fatalf("%s: %d %s, at %s", process, a.status, a.body, at)
	}
	if _, err := k.Wait(k.t.Context(), id, nil); err != nil {
		k.t.Fatal(err)
	}
	if a := k.svc.call(k.t, "GET", root+"/jobs/"+id.String(), "", ""); a.status != http.StatusOK || decoded(k.t, a.body)["status"] != "successful" {
		k.t.Fatalf("%s: %d %s", process, a.status, a.body)
	}
	a = k.svc.call(k.t, "GET", root+"/jobs/"+id.String()+"/results", "", "")
	result, _ := decoded(k.t, a.body)["result"].(map[string]any)
	if a.status != http.StatusOK || result == nil {
		k.t.Fatalf("results of %s: %d %s", process, a.status, a.body)
	}
	return result
}

func decoded(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %.300s", err, b)
	}
	return v
}

// A process does what the operation does: the screening and the plan that it makes
// are those of the JSON API, and a what-if says what the operation's says.
func TestProcesses_AreTheOperations(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.loadLayers(k.zips)
	k.loadDeclarations()
	run := k.ranAs("screening", fmt.Sprintf(`{"year":%d}`, year))
	resp, err := k.Raw.GetScreening(t.Context(), k.County, uuid.MustParse(run["run_id"].(string)))
	if v := must[client.Screening](t, resp, err, http.StatusOK); v.Status != "done" || fmt.Sprint(v.RunId) != run["run_id"] {
		t.Errorf("screening %v, result %v", v, run)
	}
	plan := k.ranAs("balancing", `{"name":"合成"}`)
	if plan["run_id"] != run["run_id"] || plan["status"] != "done" || plan["certificate"] == nil || plan["name"] != "合成" {
		t.Errorf("plan %v", plan)
	}
	truth := k.truth().Candidates[0]
	resp, err = k.Raw.GetCandidate(t.Context(), k.County, client.Direction(truth.Direction), truth.Number, nil)
	d := must[client.CandidateDetail](t, resp, err, http.StatusOK)
	one := map[string]any{"direction": truth.Direction, "geometry": d.Geometry, "township_code": d.Candidate.TownshipCode, "target_dlbm": d.Candidate.TargetDlbm}
	operation, err := json.Marshal(map[string]any{"year": year, "declarations": []any{one}})
	if err != nil {
		t.Fatal(err)
	}
	one["year"] = year
	process, err := json.Marshal(map[string]any{"inputs": one})
	if err != nil {
		t.Fatal(err)
	}
	want := k.svc.call(t, "POST", "/api/v1/counties/"+k.County+"/whatif", "application/json", string(operation))
	got := k.svc.call(t, "POST", "/ogc/"+k.County+"/processes/whatif/execution", "application/json", string(process))
	if want.status != http.StatusOK || got.status != http.StatusOK || fmt.Sprint(decoded(t, want.body)) != fmt.Sprint(decoded(t, got.body)) {
		t.Errorf("operation %d %.500s\nprocess %d %.500s", want.status, want.body, got.status, got.body)
	}
}
