package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gengheng/internal/client"
	"gengheng/internal/geodata/geodatatest"
)

// declared is a file of squares: number → its corner's easting and the purpose.
func declared(parcels map[string][2]any) string {
	var list []string
	for number, p := range parcels {
		x := p[0].(int)
		list = append(list, fmt.Sprintf(`{"type":"Feature","properties":{"SBBH":%q,"XZDM":"149901100","NZDL":"0103","CUN":%q},"geometry":{"type":"Polygon","coordinates":[[[%[3]d,4014000],[%[4]d,4014000],[%[4]d,4014100],[%[3]d,4014100],[%[3]d,4014000]]]}}`,
			number, p[1], x, x+100))
	}
	return `{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4546"}},"features":[` + strings.Join(list, ",") + `]}`
}

// A whole file does not change what single edits could not: parcels under review or
// past it. What is as it was may be sent again, and everything else changed.
func TestUpload_KeepsLockedParcels(t *testing.T) {
	t.Parallel()
	s := newService(t, 1, geodatatest.Child(t))
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县（合成）","srid":4546,"synthetic":true}`)
	send := func(year int, content string) (client.Dataset, answer) {
		t.Helper()
		up := s.call(t, "POST", "/api/v1/counties/149901/uploads?file_name=a.geojson", "application/octet-stream", content)
		var upload client.Upload
		if err := json.Unmarshal(up.body, &upload); err != nil || up.status != 201 {
			t.Fatalf("%d %s", up.status, up.body)
		}
		a := s.call(t, "POST", "/api/v1/counties/149901/datasets", "application/json",
			fmt.Sprintf(`{"upload_id":%q,"kind":"CANDIDATE_IN","year":%d,"scope":"149901100"}`, upload.UploadId, year))
		if a.status != 202 {
			return client.Dataset{}, a
		}
		var begun client.DatasetAccepted
		if err := json.Unmarshal(a.body, &begun); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			a = s.call(t, "GET", "/api/v1/counties/149901/datasets/"+begun.Dataset.DatasetId.String(), "", "")
			var d client.Dataset
			if err := json.Unmarshal(a.body, &d); err != nil {
				t.Fatal(err)
			}
			if d.Status == client.DatasetStatusCommitted || d.Status == client.DatasetStatusRefused {
				return d, a
			}
		}
		t.Fatalf("the file is not loaded: %s", s.call(t, "GET", "/api/v1/counties/149901/jobs", "", "").body)
		return client.Dataset{}, a
	}
	first := map[string][2]any{"甲": {560000, "村"}, "乙": {560200, "村"}, "丙": {560400, "村"}}
	if d, a := send(2025, declared(first)); d.Status != client.DatasetStatusCommitted {
		t.Fatalf("%s", a.body)
	}
	_, err := s.db.Pool.Exec(t.Context(), `INSERT INTO county_year (county_code, year, declare_by, plan_by, survey_date, reviewers, acceptors, approval_purposes, contract_actors)
		VALUES ('149901', 2025, '2025-06-15', '2025-07-31', '2025-12-31', '{}', '{}', '{}', '{}')`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.db.Pool.Exec(t.Context(), `WITH r AS (INSERT INTO workflow_record (county_code, year, direction, number, township_code, state, revision, applicant_id, applicant, dataset_id, declaration)
			SELECT c.county_code, 2025, 'in', c.number, c.township_code, CASE c.number WHEN '甲' THEN 'approved' WHEN '乙' THEN 'checked' ELSE 'draft' END, 1, gen_random_uuid(), '合成', c.dataset_id, workflow_digest(c)
			FROM candidate c WHERE c.county_code = '149901' RETURNING *)
		INSERT INTO workflow_event (county_code, year, direction, number, seq, event_id, township_code, action, from_state, to_state, actor_id, actor_name, actor_role, actor_township, reason, late)
		SELECT county_code, year, direction, number, 1, gen_random_uuid(), township_code, 'declare', '', state, gen_random_uuid(), '合成', 'bureau', '', '', false FROM r`)
	if err != nil {
		t.Fatal(err)
	}
	shape := func() (text string) {
		if err := s.db.Pool.QueryRow(t.Context(), `SELECT string_agg(c.number || ST_AsText(c.geom), ' ' ORDER BY c.number) FROM candidate c
			WHERE c.dataset_id = (SELECT dataset_id FROM dataset WHERE kind = 'CANDIDATE_IN' AND status = 'committed' ORDER BY commit_seq DESC LIMIT 1)`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	with := func(changes map[string][2]any, without ...string) string {
		all := map[string][2]any{}
		for number, p := range first {
			all[number] = p
		}
		for number, p := range changes {
			all[number] = p
		}
		for _, number := range without {
			delete(all, number)
		}
		return declared(all)
	}
	before := shape()
	for name, tc := range map[string]struct{ content, says string }{
		"moved":    {with(map[string][2]any{"甲": {561000, "村"}}), "地块 甲（方案批准）：文件中改动了"},
		"left out": {with(nil, "乙"), "地块 乙（县级内业检查）：文件中没有了"},
	} {
		d, a := send(2025, tc.content)
		if d.Status != client.DatasetStatusRefused || !strings.Contains(string(a.body), "record-locked") || !strings.Contains(string(a.body), tc.says) {
			t.Errorf("%s: %s", name, a.body)
		}
		if now := shape(); now != before {
			t.Errorf("%s: %s, before %s", name, now, before)
		}
	}
	if d, a := send(2025, with(map[string][2]any{"丙": {561000, "村"}, "丁": {561200, "村"}})); d.Status != client.DatasetStatusCommitted {
		t.Errorf("others: %s", a.body)
	}
	if now := shape(); now == before || !strings.Contains(now, "丁") {
		t.Errorf("others: %s", now)
	}

	// nor are they taken out of force with the version that has them
	retire := func(id string) answer {
		return s.call(t, "POST", "/api/v1/counties/149901/datasets/"+id+"/retire", "application/json", `{"reason":"合成：误传"}`)
	}
	moved, a := send(2025, with(map[string][2]any{"丙": {561600, "村"}}))
	if moved.Status != client.DatasetStatusCommitted {
		t.Fatalf("%s", a.body)
	}
	if a := retire(moved.DatasetId.String()); a.status != 200 {
		t.Errorf("the version before says the same of what is locked: %d %s", a.status, a.body)
	}
	var versions []string
	if err := s.db.Pool.QueryRow(t.Context(), `SELECT array_agg(dataset_id::text ORDER BY commit_seq) FROM dataset WHERE kind = 'CANDIDATE_IN' AND status = 'committed'`).Scan(&versions); err != nil || len(versions) != 2 {
		t.Fatal(versions, err)
	}
	if a := retire(versions[0]); a.status != 200 {
		t.Errorf("a version that is not in force: %d %s", a.status, a.body)
	}
	held := shape()
	if a := retire(versions[1]); a.status != 409 || !strings.Contains(string(a.body), "record-locked") || !strings.Contains(string(a.body), "地块 甲") {
		t.Errorf("the last version with locked parcels: %d %s", a.status, a.body)
	}
	if now := shape(); now != held {
		t.Errorf("%s, before %s", now, held)
	}

	// the county works on 2025: so far ahead nobody declares
	if _, a := send(2027, declared(first)); a.status != 422 || !strings.Contains(string(a.body), "2026") {
		t.Errorf("a year too far: %d %s", a.status, a.body)
	}
	if d, a := send(2026, declared(first)); d.Status != client.DatasetStatusCommitted {
		t.Errorf("the next year: %s", a.body)
	}
	put := `{"township_code":"149901100","reason":"合成","geometry":{"type":"Polygon","coordinates":[[[560000,4014000],[560100,4014000],[560100,4014100],[560000,4014000]]]},"crs":"EPSG:4546"}`
	if a := s.call(t, "PUT", "/api/v1/counties/149901/years/2028/candidates/in/1", "application/json", put); a.status != 422 || !strings.Contains(a.problem.Detail, "2026") {
		t.Errorf("a drawn parcel of a year too far: %d %s", a.status, a.body)
	}
}
