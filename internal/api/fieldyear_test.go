package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/client"
	"gengheng/internal/fixture"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/workflow"
	"gengheng/internal/workflow/photo"
)

// role sends a request in one of the roles of an open service.
func (k *clerk) role(who, method, path string, in any, status int, out any) string {
	k.t.Helper()
	var b []byte
	contentType := "application/json"
	switch v := in.(type) {
	case []byte:
		b, contentType = v, "application/octet-stream"
	case nil:
	default:
		var err error
		if b, err = json.Marshal(v); err != nil {
			k.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.svc.URL+"/api/v1/counties/"+k.County+path, bytes.NewReader(b))
	if err != nil {
		k.t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Gengheng-Role", who)
	resp, err := k.svc.Client().Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		k.t.Fatal(err)
	}
	if resp.StatusCode != status {
		k.t.Fatalf("%s %s by %s: %d %.1500s", method, path, who, resp.StatusCode, text.String())
	}
	if out != nil {
		if err := json.Unmarshal(text.Bytes(), out); err != nil {
			k.t.Fatal(err)
		}
	}
	return text.String()
}

type record struct {
	Direction, Number string
	TownshipCode      string `json:"township_code"`
	State             string
	Revision          int
	Net               string `json:"net_m2"`
	Purpose           string
}

// act takes a step for records and gives them as they are then.
func (k *clerk) act(who, action string, list []record, more map[string]any) (out []record) {
	k.t.Helper()
	var items []map[string]any
	for _, r := range list {
		item := map[string]any{"direction": r.Direction, "number": r.Number}
		if r.Revision > 0 {
			item["revision"] = r.Revision
		}
		for name, v := range more {
			item[name] = v
		}
		items = append(items, item)
	}
	k.role(who, "POST", fmt.Sprintf("/years/%d/actions", year), map[string]any{"action": action, "reason": "合成", "items": items}, 200, &out)
	return out
}

func path(r record, what string) string {
	return fmt.Sprintf("/years/%d/records/%s/%s%s", year, r.Direction, r.Number, what)
}

func (k *clerk) file(r record, kind, purpose string) {
	k.t.Helper()
	k.role("bureau", "POST", path(r, "/documents?kind="+kind+"&purpose="+purpose+"&file_name=a.pdf"), []byte("合成"+kind), 201, nil)
}

// TestCounty_ParcelsGoThroughTheYear takes what a plan of the synthetic county
// chooses through the whole year, judged by the real screening and recognised
// by a survey of the next year.
func TestCounty_ParcelsGoThroughTheYear(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.loadLayers(k.zips)
	k.loadDeclarations()
	run := k.screen()
	var plan struct {
		Plan struct {
			PlanID string `json:"plan_id"`
		}
		Job struct {
			JobID string `json:"job_id"`
		}
	}
	k.role("bureau", "POST", "/plans", map[string]any{"run_id": run.RunId}, 202, &plan)
	if _, err := k.Wait(t.Context(), uuid.MustParse(plan.Job.JobID), nil); err != nil {
		t.Fatal(err)
	}
	var page struct{ Items []record }
	k.role("bureau", "GET", "/plans/"+plan.Plan.PlanID+"/parcels?chosen=true&limit=1000", nil, 200, &page)
	chosen := page.Items
	far := map[string]any{"declare_by": "2099-06-15", "plan_by": "2099-07-31", "survey_date": "2099-12-31", "reviewers": []string{"forestry"}}
	k.role("bureau_lead", "PUT", fmt.Sprintf("/years/%d", year), far, 200, nil)
	k.toReview(chosen)
	k.role("bureau", "POST", "/plans/"+plan.Plan.PlanID+"/propose", map[string]any{"title": "合成年度方案"}, 201, nil)
	k.role("government", "POST", fmt.Sprintf("/years/%d/decision", year), map[string]any{"approve": true, "decision": "合成〔2025〕1号"}, 200, nil)

	in, out := k.pair()
	k.refusedBeforeIn(out)
	in = k.accepted(in)
	out = k.executed(out)

	// The next survey is this one again: nothing has come, nothing has gone.
	path, layer := k.zips("DLTB")
	a, err := k.Load(t.Context(), path, client.DatasetInput{Kind: "DLTB", Year: year + 1, Layer: &layer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Wait(t.Context(), a.Job.JobId, nil); err != nil {
		t.Fatal(err)
	}
	var found []struct {
		Record             record
		Recognised, Booked struct {
			Area string `json:"area_m2"`
		}
	}
	k.role("bureau", "POST", fmt.Sprintf("/years/%d/recognition", year), map[string]any{"reason": "合成", "items": []map[string]any{
		{"direction": "in", "number": in.Number, "revision": in.Revision}, {"direction": "out", "number": out.Number, "revision": out.Revision}}}, 200, &found)
	if found[0].Recognised.Area != "0.00" || found[1].Recognised.Area != "0.00" || found[0].Record.State != "recognised" {
		t.Errorf("%+v", found)
	}
	flaws, err := ledger.Verify(t.Context(), k.svc.db.Pool, k.County)
	if err != nil || len(flaws) > 0 {
		t.Errorf("%+v %v", flaws, err)
	}
}

// toReview declares what a plan has chosen and takes it through the review.
func (k *clerk) toReview(list []record) {
	k.t.Helper()
	towns := map[string][]record{}
	for _, r := range list {
		towns[r.TownshipCode] = append(towns[r.TownshipCode], r)
	}
	for town, own := range towns {
		who := "township_clerk/" + town
		own = k.act(who, "declare", own, nil)
		own = k.act(who, "submit", own, nil)
		own = k.act("bureau", "check", own, nil)
		own = k.act("bureau", "review", own, nil)
		var items []map[string]any
		for _, r := range own {
			items = append(items, map[string]any{"direction": r.Direction, "number": r.Number})
		}
		k.role("forestry", "POST", fmt.Sprintf("/years/%d/opinions", year), map[string]any{"opinion": "agree", "items": items}, 201, nil)
	}
}

// pair is an approved parcel that comes and a smaller one that goes, of one
// township.
func (k *clerk) pair() (in, out record) {
	k.t.Helper()
	var page struct{ Items []record }
	k.role("bureau", "GET", fmt.Sprintf("/years/%d/records?state=approved&limit=1000", year), nil, 200, &page)
	area := func(r record) land.Area {
		v, err := land.ParseArea(r.Net)
		if err != nil {
			k.t.Fatal(err)
		}
		return v
	}
	for _, in := range page.Items {
		for _, out := range page.Items {
			if in.Direction == "in" && out.Direction == "out" && in.TownshipCode == out.TownshipCode && area(out) < area(in)/2 {
				return in, out
			}
		}
	}
	k.t.Fatalf("no pair among %d", len(page.Items))
	return in, out
}

// refusedBeforeIn: what goes waits for what comes (先进后出).
func (k *clerk) refusedBeforeIn(out record) {
	k.t.Helper()
	text := k.role("bureau_lead", "POST", fmt.Sprintf("/years/%d/actions", year), map[string]any{"action": "lock",
		"items": []map[string]any{{"direction": "out", "number": out.Number, "revision": out.Revision}}}, 409, nil)
	if !strings.Contains(text, "先进后出") {
		k.t.Errorf("%s", text)
	}
}

// refusedInTheField: what is sent from the field is refused by its own name,
// with what to do.
func (k *clerk) refusedInTheField(clerk, head string, r record, photo []byte) {
	k.t.Helper()
	damaged := photo[:bytes.Index(photo, []byte("Exif"))+30] // cut in the middle of the directory
	for _, tc := range []struct {
		who, path string
		in        any
		status    int
		says      []string
		not       string
	}{
		{clerk, "/photos?file_name=b.jpg", damaged, 400, []string{"b.jpg", "重新导出", "重拍"}, "nil"},
		{clerk, "/photos", photo, 400, []string{"file_name", ".jpg"}, "DLTB"},
		{clerk, "/documents?kind=consent", []byte("合成"), 400, []string{"file_name", ".pdf"}, "DLTB"},
		{head, "/inspections", map[string]any{"kind": "township", "geometry": map[string]any{"type": "Point", "coordinates": []float64{1, 2}}},
			422, []string{"geometry：", "Point"}, "declarations"},
	} {
		text := k.role(tc.who, "POST", path(r, tc.path), tc.in, tc.status, nil)
		for _, says := range tc.says {
			if !strings.Contains(text, says) {
				k.t.Errorf("%s: %s does not say %q", tc.path, text, says)
			}
		}
		if strings.Contains(text, tc.not) {
			k.t.Errorf("%s: %s says %q", tc.path, text, tc.not)
		}
	}
}

// accepted works on a parcel until the county has accepted it.
func (k *clerk) accepted(r record) record {
	k.t.Helper()
	clerk, head := "township_clerk/"+r.TownshipCode, "township_lead/"+r.TownshipCode
	k.file(r, "consent", "")
	r = k.act(clerk, "start", []record{r}, nil)[0]
	var c struct {
		Geometry struct{ Coordinates [][][][2]float64 }
		Verdict  struct {
			Remainder *struct{ Coordinates [][][][2]float64 }
		}
	}
	k.role("bureau", "GET", "/candidates/in/"+r.Number, nil, 200, &c)
	shape := c.Geometry.Coordinates
	if c.Verdict.Remainder != nil {
		shape = c.Verdict.Remainder.Coordinates
	}
	var detail struct {
		Planned *struct{ Coordinates [][][][2]float64 }
	}
	k.role(clerk, "GET", path(r, ""), nil, 200, &detail)
	if detail.Planned == nil || len(detail.Planned.Coordinates) != len(shape) || len(detail.Planned.Coordinates[0][0]) != len(shape[0][0]) {
		k.t.Errorf("the planned boundary is %+v, what was declared and left %v", detail.Planned, shape)
	}
	measured := map[string]any{"kind": "township", "geometry": map[string]any{"type": "MultiPolygon", "coordinates": shape}}
	corner := orb.Point(shape[0][0][0])
	now, north := time.Now(), 0.0
	raw, err := photo.Synthetic(photo.Meta{Position: &corner, Direction: &north, Taken: &now})
	if err != nil {
		k.t.Fatal(err)
	}
	var filed struct{ Rulebook string }
	k.role(clerk, "POST", path(r, "/photos?file_name=a.jpg"), raw, 201, &filed)
	if filed.Rulebook == "" || filed.Rulebook != k.rulebook() {
		k.t.Errorf("the photo was judged by rulebook %q, the county's is %q", filed.Rulebook, k.rulebook())
	}
	k.refusedInTheField(clerk, head, r, raw)
	k.file(r, "acceptance_form", "")
	var inspected struct {
		Rulebook  string
		Deviation *float64 `json:"deviation_percent"`
	}
	k.role(head, "POST", path(r, "/inspections"), measured, 201, &inspected)
	if inspected.Deviation == nil || *inspected.Deviation != 5 || inspected.Rulebook != k.rulebook() {
		k.t.Errorf("the measurement is held to %+v", inspected)
	}
	k.sign(r, head, "township")
	r = k.act(head, "township_check", []record{r}, nil)[0]
	k.file(r, "acceptance_form", "")
	measured["kind"] = "county"
	k.role("bureau", "POST", path(r, "/inspections"), measured, 201, nil)
	for _, d := range []string{"bureau", "agriculture", "forestry", "water"} {
		k.sign(r, d, d)
	}
	return k.act("bureau_lead", "accept", []record{r}, nil)[0]
}

// rulebook is the version of the county's rulebook.
func (k *clerk) rulebook() (version string) {
	k.t.Helper()
	if err := k.svc.db.Pool.QueryRow(k.t.Context(), "SELECT rulebook FROM county WHERE county_code = $1", fixture.County.Code).Scan(&version); err != nil {
		k.t.Fatal(err)
	}
	return version
}

func (k *clerk) sign(r record, who, department string) {
	k.t.Helper()
	answers := map[string]bool{}
	for _, i := range workflow.Checklist(access.Role(department)) {
		answers[i.Item] = true
	}
	k.role(who, "POST", path(r, "/signatures"), map[string]any{"answers": answers}, 201, nil)
}

// executed lets a parcel go.
func (k *clerk) executed(r record) record {
	k.t.Helper()
	r = k.act("bureau_lead", "lock", []record{r}, nil)[0]
	k.file(r, "consent", "")
	k.file(r, "contract", "")
	if r.Purpose != "" {
		k.file(r, "approval", url.QueryEscape(r.Purpose))
	}
	r = k.act("bureau_lead", "release", []record{r}, nil)[0]
	return k.act("township_clerk/"+r.TownshipCode, "execute", []record{r}, nil)[0]
}
