package ogc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"gengheng/internal/api/countytest"
	"gengheng/internal/intake"
	"gengheng/internal/screening"
)

// send asks below the landing page with a body.
func (s *service) send(method, path, media, body string, edit ...func(*http.Request)) answer {
	s.T.Helper()
	at := path
	if !strings.HasPrefix(path, "http") {
		at = s.URL + "/ogc/" + county + path
	}
	req, err := http.NewRequestWithContext(s.T.Context(), method, at, strings.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	for _, f := range edit {
		f(req)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(b)}
	if len(bytes.TrimSpace(b)) > 0 {
		if err := json.Unmarshal(b, &a.json); err != nil {
			s.T.Fatalf("%s %s: no JSON: %v: %.300s", method, at, err, b)
		}
	}
	return a
}

const (
	geo   = "application/geo+json"
	patch = "application/merge-patch+json"
	in    = "/collections/candidates_in/items"
)

// plot is a square of the mesh as GeoJSON, easting and northing, in from its edges.
func plot(column, row int, inset float64) string {
	x, y := x0+float64(column)*side+inset, y0+float64(row)*side+inset
	d := side - 2*inset
	return fmt.Sprintf(`{"type":"Polygon","coordinates":[[[%[2]v,%[1]v],[%[2]v,%[3]v],[%[4]v,%[3]v],[%[4]v,%[1]v],[%[2]v,%[1]v]]]}`, x, y, x+d, y+d)
}

// zone says that a body is in the county's zone, northing first, as QGIS says it:
// without angle brackets.
func zone(r *http.Request) {
	r.Header.Set("Content-Crs", "http://www.opengis.net/def/crs/EPSG/0/4546")
}

func (a answer) property(name string) any {
	p, _ := a.json["properties"].(map[string]any)
	return p[name]
}

// rows is what an edit may leave behind, counted.
func (s *service) rows() string {
	s.T.Helper()
	var v string
	err := s.DB.Pool.QueryRow(s.T.Context(), `SELECT concat_ws(' ', (SELECT count(*) FROM dataset), (SELECT count(*) FROM upload), (SELECT count(*) FROM candidate),
		(SELECT count(*) FROM screening_run), (SELECT count(*) FROM audit_log), (SELECT count(*) FROM candidate_judgement))`).Scan(&v)
	if err != nil {
		s.T.Fatal(err)
	}
	return v
}

func (s *service) text(sql string, args ...any) string {
	s.T.Helper()
	var v string
	if err := s.DB.Pool.QueryRow(s.T.Context(), sql, args...).Scan(&v); err != nil {
		s.T.Fatalf("%s: %v", sql, err)
	}
	return v
}

// A parcel is drawn, moved, described, replaced and deleted as QGIS does it, and
// every answer has the verdict of what was sent.
func TestEdit_AsQGIS(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	if allow := s.send("OPTIONS", in, "", "").header.Get("Allow"); allow != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("items allow %s", allow)
	}
	if allow := s.send("OPTIONS", in+"/2025."+url.PathEscape("甲/"+townA), "", "").header.Get("Allow"); allow != "GET, HEAD, OPTIONS, PUT, PATCH, DELETE" {
		t.Errorf("a feature allows %s", allow)
	}
	// fields untouched come as null, those that the program writes too
	made := s.send("POST", in, geo, `{"type":"Feature","geometry":`+plot(10, 10, 5)+`,"properties":{"year":null,"SBBH":"乙 1","XZDM":"`+townA+`","NZDL":"0103","SBMJ":null,"verdict":null,"area_m2":null,"LYYJ":"林审1"}}`, zone)
	at := made.header.Get("Location")
	if made.status != 201 || !strings.HasSuffix(at, in+"/2025."+url.PathEscape("乙 1")) || made.json["id"] != "2025.乙 1" {
		t.Fatalf("%d %s %s", made.status, at, made.text)
	}
	// the test county has few layers: what cannot be judged is unknown, never eligible
	if made.property("verdict") != "unknown" || made.property("screening") != "edited" || !strings.Contains(fmt.Sprint(made.property("reasons")), "缺少图层") ||
		made.property("LYYJ") != "林审1" || made.property("SBMJ") != made.property("area_m2") {
		t.Errorf("made: %s", made.text)
	}
	if read := s.must(at); read.text != made.text || read.header.Get("ETag") != made.header.Get("ETag") {
		t.Errorf("what is read is not what was answered: %s", read.text)
	}
	moved := s.send("PATCH", at, patch, `{"geometry":`+plot(10, 10, 10)+`}`, zone)
	if moved.status != 200 || moved.property("area_m2") == made.property("area_m2") || moved.property("SBMJ") != moved.property("area_m2") || moved.property("LYYJ") != "林审1" || moved.property("screening") != "edited" {
		t.Errorf("moved: %d %s", moved.status, moved.text)
	}
	// the declared area stays what someone has said it is
	said := s.send("PATCH", at, patch, `{"properties":{"SBMJ":5000.5,"CUN":"合成村","LYYJ":null}}`)
	if said.status != 200 || said.property("SBMJ") != 5000.5 || said.property("LYYJ") != nil || said.property("CUN") != "合成村" || fmt.Sprint(said.json["geometry"]) != fmt.Sprint(moved.json["geometry"]) {
		t.Errorf("said: %d %s", said.status, said.text)
	}
	if again := s.send("PATCH", at, patch, `{"geometry":`+plot(10, 10, 20)+`}`, zone); again.property("SBMJ") != 5000.5 {
		t.Errorf("the declared area followed the boundary: %v", again.property("SBMJ"))
	}
	// what was read can be sent back whole: the vertices stay where they are, what
	// the program writes is left alone
	before := s.must(at)
	back := s.send("PUT", at, geo, before.text)
	if back.status != 200 || back.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("sent back: %d %s\nwas %s", back.status, back.text, before.text)
	}
	replaced := s.send("PUT", at, geo, `{"type":"Feature","geometry":`+plot(10, 10, 5)+`,"properties":{"NZDL":"0101","verdict":"eligible"}}`, zone)
	if replaced.status != 200 || replaced.property("CUN") != "" || replaced.property("NZDL") != "0101" || replaced.property("verdict") != "unknown" || replaced.property("SBBH") != "乙 1" || replaced.property("XZDM") != townA {
		t.Errorf("replaced: %d %s", replaced.status, replaced.text)
	}
	if gone := s.send("DELETE", at, "", ""); gone.status != 204 || s.get(at).status != 404 || s.send("DELETE", at, "", "").status != 404 {
		t.Errorf("deleted: %d %s", gone.status, gone.text)
	}
	// each edit is a version, is in the log, and a screening waits to read it
	if got := s.text(`SELECT concat_ws(' ', (SELECT count(*) FROM dataset WHERE kind = 'CANDIDATE_IN' AND scope = $1 AND commit_seq > 100),
		(SELECT count(*) FROM audit_log WHERE subject_kind = 'candidate'), (SELECT count(*) FROM screening_run WHERE status = 'queued'))`, townA); got != "7 7 1" {
		t.Errorf("versions, entries and screenings: %s", got)
	}
}

// A verdict on the very declaration stays when another parcel of it is edited, and
// one on another boundary is never shown.
func TestEdit_KeepsWhatStillHolds(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	s.Exec(`UPDATE screening_run SET datasets = (SELECT jsonb_agg(jsonb_build_object('kind', kind, 'scope', scope, 'dataset_id', dataset_id)) FROM dataset)`)
	own := in + "/2025." + url.PathEscape("甲/"+townA)
	if a := s.must(own); a.property("verdict") != "eligible_after_clip" || a.property("screening") != "screened" || a.property("usable_m2") != 9000.0 {
		t.Errorf("%s", a.text)
	}
	if a := s.send("POST", in, geo, `{"type":"Feature","geometry":`+plot(10, 10, 5)+`,"properties":{"SBBH":"1","XZDM":"`+townA+`"}}`, zone); a.status != 201 {
		t.Fatal(a.text)
	}
	if a := s.must(own); a.property("verdict") != "eligible_after_clip" || a.property("screening") != "earlier" {
		t.Errorf("beside an edit: %s", a.text)
	}
	if a := s.must(in + "?filter=" + url.QueryEscape("verdict = 'eligible_after_clip'")); a.number("numberMatched") != 2 {
		t.Errorf("%s", a.text)
	}
	if a := s.send("PATCH", own, patch, `{"properties":{"CUN":"合成村"}}`); a.property("verdict") != "eligible_after_clip" {
		t.Errorf("no clause asks for the village: %s", a.text)
	}
	if a := s.send("PATCH", own, patch, `{"properties":{"NZDL":"0101"}}`); a.property("verdict") != "unknown" || a.property("screening") != "edited" {
		t.Errorf("edited: %s", a.text)
	}
	s.Exec(`DELETE FROM candidate_judgement`)
	if a := s.must(own); a.property("verdict") != nil || a.property("screening") != "pending" {
		t.Errorf("not judged: %s", a.text)
	}
}

func TestEdit_Conditions(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	at := in + "/2025." + url.PathEscape("甲/"+townA)
	first := s.must(at).header.Get("ETag")
	with := func(tag string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("If-Match", tag) } }
	village := func(name string) string { return `{"properties":{"CUN":"` + name + `"}}` }
	if a := s.send("PATCH", at, patch, village("一村"), with(first)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	before := s.rows()
	for name, tag := range map[string]string{"stale": first, "weak": "W/" + s.must(at).header.Get("ETag"), "foreign": `"xyz"`, "nothing": ""} {
		for _, method := range []string{"PATCH", "PUT", "DELETE"} {
			media := map[string]string{"PATCH": patch, "PUT": geo}[method]
			a := s.send(method, at, media, `{"type":"Feature","geometry":`+plot(0, 0, 5)+`,"properties":{"CUN":"二村"}}`, with(tag), zone)
			if a.status != 412 || !strings.Contains(a.text, "重新读取") {
				t.Errorf("%s %s: %d %s", name, method, a.status, a.text)
			}
		}
	}
	if after := s.rows(); after != before {
		t.Errorf("refused edits left rows: %s, before %s", after, before)
	}
	// a verdict that comes meanwhile is no lost update
	tag := s.must(at).header.Get("ETag")
	s.Exec(`UPDATE candidate_judgement SET verdict = 'forbidden'`)
	if now := s.must(at); now.header.Get("ETag") == tag || now.property("verdict") != "forbidden" {
		t.Errorf("the representation has changed and its tag has not")
	}
	if a := s.send("PATCH", at, patch, village("三村"), with(`"other.tag", `+tag)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.text)
	}
	// of many who saw one version, one changes it
	tag = s.must(at).header.Get("ETag")
	done := make(chan int)
	for i := range 6 {
		go func() {
			req, err := http.NewRequestWithContext(t.Context(), "PATCH", s.URL+"/ogc/"+county+at, strings.NewReader(village(fmt.Sprint("村", i))))
			if err != nil {
				done <- 0
				return
			}
			req.Header.Set("Content-Type", patch)
			req.Header.Set("If-Match", tag)
			resp, err := s.Client().Do(req)
			if err != nil {
				done <- 0
				return
			}
			resp.Body.Close()
			done <- resp.StatusCode
		}()
	}
	count := map[int]int{}
	for range 6 {
		count[<-done]++
	}
	if count[200] != 1 || count[412] != 5 {
		t.Errorf("%v", count)
	}
}

// approve lets a parcel's record stand where the plan is approved.
func (s *service) stand(number, state string) {
	s.T.Helper()
	s.Exec(`INSERT INTO county_year (county_code, year, declare_by, plan_by, survey_date, reviewers, acceptors, approval_purposes, contract_actors)
		VALUES ($1, 2025, '2025-06-15', '2025-07-15', '2025-12-31', '{}', '{}', '{}', '{}') ON CONFLICT DO NOTHING`, county)
	s.Exec(`WITH r AS (INSERT INTO workflow_record (county_code, year, direction, number, township_code, state, revision, applicant_id, applicant, dataset_id, declaration)
			SELECT c.county_code, 2025, 'in', c.number, c.township_code, $3, 1, gen_random_uuid(), '合成', c.dataset_id, 'd' FROM candidate c
			WHERE c.county_code = $1 AND c.number = $2 AND c.direction = 'in' LIMIT 1 RETURNING *)
		INSERT INTO workflow_event (county_code, year, direction, number, seq, event_id, township_code, action, from_state, to_state, actor_id, actor_name, actor_role, actor_township, reason, late)
		SELECT county_code, year, direction, number, 1, gen_random_uuid(), township_code, 'declare', '', state, gen_random_uuid(), '合成', 'bureau', '', '', false FROM r`, county, number, state)
}

// Who decides by a declaration must find it as it was: from the check on it is
// locked, and the answer says so.
func TestEdit_Locked(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for i, tc := range []struct {
		state, says string
	}{{"approved", "方案批准"}, {"checked", "退回补正"}, {"refused", "新的编号"}, {"draft", ""}, {"submitted", ""}, {"returned", ""}, {"withdrawn", ""}} {
		number := fmt.Sprint("锁", i)
		if a := s.send("POST", in, geo, `{"type":"Feature","geometry":`+plot(10, 2*i, 5)+`,"properties":{"SBBH":"`+number+`","XZDM":"`+townA+`"}}`, zone); a.status != 201 {
			t.Fatal(a.text)
		}
		s.stand(number, tc.state)
		at, before := in+"/2025."+url.PathEscape(number), s.rows()
		if a := s.must(at); a.property("state") != tc.state {
			t.Errorf("%s: %v", tc.state, a.property("state"))
		}
		for _, method := range []string{"PATCH", "PUT", "DELETE"} {
			media := map[string]string{"PATCH": patch, "PUT": geo}[method]
			a := s.send(method, at, media, `{"type":"Feature","geometry":`+plot(10, 2*i, 7)+`,"properties":{"CUN":"二村"}}`, zone)
			switch {
			case tc.says == "" && a.status >= 300:
				t.Errorf("%s %s: %d %s", tc.state, method, a.status, a.text)
			case tc.says != "" && (a.status != 409 || !strings.Contains(a.text, tc.says) || a.header.Get("Content-Type") != "application/problem+json; charset=utf-8"):
				t.Errorf("%s %s: %d %s", tc.state, method, a.status, a.text)
			}
		}
		if after := s.rows(); tc.says != "" && after != before {
			t.Errorf("%s: refused edits left rows: %s, before %s", tc.state, after, before)
		}
	}
}

// What an edit's answer says is what the screening that follows finds.
func TestEdit_IsJudgedAsTheScreeningDoes(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	at := []string{in + "/2025." + url.PathEscape("甲/"+townA), "/collections/candidates_out/items/2025.1", in + "/2025.2"}
	for i, path := range []string{"/collections/candidates_out/items", in} {
		// one over four parcels of the mesh, one beside other declarations
		body := `{"type":"Feature","geometry":` + plot(10, 10*i, -30) + `,"properties":{"SBBH":"` + fmt.Sprint(i+1) + `","XZDM":"` + townA + `","NZDL":"` + []string{"0305", "0101"}[i] + `","year":2025}}`
		if a := s.send("POST", path, geo, body, zone); a.status != 201 {
			t.Fatal(a.text)
		}
	}
	if a := s.send("PATCH", at[0], patch, `{"geometry":`+plot(1, 0, -20)+`,"properties":{"NZDL":"0103"}}`, zone); a.status != 200 {
		t.Fatal(a.text)
	}
	before := make([]answer, len(at))
	for i, path := range at {
		if before[i] = s.must(path); before[i].property("screening") != "edited" {
			t.Errorf("%s", before[i].text)
		}
	}
	run, err := uuid.Parse(s.text(`SELECT run_id::text FROM screening_run WHERE status = 'queued'`))
	if err != nil {
		t.Fatal(err)
	}
	if err := screening.Run(t.Context(), s.DB, county, run, nil); err != nil {
		t.Fatal(err)
	}
	for i, path := range at {
		after := s.must(path)
		if after.property("screening") != "screened" {
			t.Errorf("%s", after.text)
		}
		for _, name := range []string{"verdict", "reasons", "usable_m2", "net_m2", "net_paddy_m2", "slope_class", "quality"} {
			if got, want := after.property(name), before[i].property(name); got != want || name == "verdict" && got == nil {
				t.Errorf("%s: %s is %v by the screening, %v by the edit", path, name, got, want)
			}
		}
	}
}

// Every door takes the declaration before the records of its parcels: one that
// waits for the declaration holds no record, or two would wait for each other.
func TestEdit_HoldsTheDeclarationFirst(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	if a := s.send("POST", in, geo, `{"type":"Feature","geometry":`+plot(10, 0, 5)+`,"properties":{"SBBH":"先后","XZDM":"`+townA+`"}}`, zone); a.status != 201 {
		t.Fatal(a.text)
	}
	s.stand("先后", "draft")
	item, at := in+"/2025."+url.PathEscape("先后"), s.URL+"/api/v1/counties/"+county+"/years/2025/candidates/in/"+url.PathEscape("先后")
	version := func() string {
		return s.text(`SELECT dataset_id::text FROM dataset WHERE county_code = $1 AND kind = 'CANDIDATE_IN' AND year = 2025 AND scope = $2 AND status = 'committed'
			ORDER BY commit_seq DESC LIMIT 1`, county, townA)
	}
	for name, change := range map[string]func() answer{
		"a desktop GIS": func() answer { return s.send("PATCH", item, patch, `{"properties":{"CUN":"二村"}}`) },
		"the contract": func() answer {
			return s.send("PUT", at, "application/json", `{"dataset_id":"`+version()+`","village":"三村","reason":"合成"}`)
		},
	} {
		tx, err := s.DB.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // only if the test fails
		if _, err := intake.InForce(t.Context(), tx, &intake.Request{County: county, Kind: "CANDIDATE_IN", Year: 2025, Scope: townA}); err != nil {
			t.Fatal(err)
		}
		done := make(chan answer, 1)
		go func() { done <- change() }()
		for waits := false; !waits; {
			select {
			case a := <-done:
				t.Fatalf("%s did not wait for the declaration: %d %s", name, a.status, a.text)
			case <-time.After(5 * time.Millisecond):
			}
			waits = s.text(`SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
				WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)::text`) == "true"
		}
		if _, err := tx.Exec(t.Context(), `SELECT FROM workflow_record WHERE county_code = $1 AND number = '先后' FOR UPDATE NOWAIT`, county); err != nil {
			t.Errorf("%s holds the record while it waits for the declaration: %v", name, err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a := <-done; a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
}

// What cannot be judged in time stands as not judged yet: an edit does not wait for
// ever, and is not undone.
func TestEdit_StandsUnjudged(t *testing.T) {
	t.Parallel()
	s := &service{countytest.NewHasty(t, true, time.Nanosecond)}
	made := s.send("POST", in, geo, `{"type":"Feature","geometry":`+plot(10, 10, 5)+`,"properties":{"SBBH":"急","XZDM":"`+townA+`"}}`, zone)
	if made.status != 201 || made.property("screening") != "pending" || made.property("verdict") != nil {
		t.Errorf("%d %s", made.status, made.text)
	}
	changed := s.send("PATCH", in+"/2025."+url.PathEscape("急"), patch, `{"properties":{"CUN":"村"}}`)
	if changed.status != 200 || changed.property("CUN") != "村" {
		t.Errorf("%d %s", changed.status, changed.text)
	}
}
