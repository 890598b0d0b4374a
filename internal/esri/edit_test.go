package esri_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gengheng/internal/access"
)

// plot is a square of the mesh as Esri has it, clockwise, in from its edges.
func plot(column, row int, inset float64) string {
	x, y := x0+float64(column)*side+inset, y0+float64(row)*side+inset
	d := side - 2*inset
	return fmt.Sprintf(`{"rings":[[[%[1]v,%[2]v],[%[1]v,%[4]v],[%[3]v,%[4]v],[%[3]v,%[2]v],[%[1]v,%[2]v]]]}`, x, y, x+d, y+d)
}

// feature is a feature as clients send it.
func feature(geometry string, pairs ...any) string {
	attributes := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		attributes[pairs[i].(string)] = pairs[i+1]
	}
	text, _ := json.Marshal(attributes)
	if geometry == "" {
		return `{"attributes":` + string(text) + `}`
	}
	return `{"attributes":` + string(text) + `,"geometry":` + geometry + `}`
}

// rows is what an edit may leave behind, counted.
func (s *service) rows() string {
	s.T.Helper()
	var v string
	err := s.DB.Pool.QueryRow(s.T.Context(), `SELECT concat_ws(' ', (SELECT count(*) FROM dataset), (SELECT count(*) FROM upload), (SELECT count(*) FROM candidate),
		(SELECT count(*) FROM audit_log), (SELECT count(*) FROM candidate_judgement), (SELECT count(*) FROM candidate_object))`).Scan(&v)
	if err != nil {
		s.T.Fatal(err)
	}
	return v
}

// done is one result: whether it was done, and what else was said.
func (a answer) done(list string, i int) (ok bool, id float64, text string) {
	ok, _ = a.at(list, i, "success").(bool)
	id, _ = a.at(list, i, "objectId").(float64)
	text, _ = a.at(list, i, "error", "description").(string)
	return ok, id, text
}

// A parcel is drawn, moved, described and deleted; it keeps its number, and what is
// read back has the verdict.
func TestEdit_OneParcel(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	at := server + ins
	v := s.must("+"+at+"/addFeatures", "features", "["+feature(plot(10, 10, 5), "OBJECTID", 77, "SBBH", "乙 1", "xzdm", townA, "NZDL", "0103", "verdict", nil, "area_m2", 12.5, "SBMJ", nil)+"]")
	ok, id, text := v.done("addResults", 0)
	if !ok || id <= 0 {
		t.Fatalf("%v %s", v, text)
	}
	number := fmt.Sprint(int(id))
	read := func() answer {
		t.Helper()
		return s.must(at+"/query", "objectIds", number, "outFields", "*")
	}
	made := read()
	if made.attributes("verdict")[0] != "unknown" || made.attributes("screening")[0] != "edited" || made.attributes("SBMJ")[0] != made.attributes("area_m2")[0] || made.attributes("area_m2")[0] == 12.5 {
		t.Errorf("made: %v", made["features"])
	}
	// a program sends every field of what it has moved
	all, _ := made.at("features", 0, "attributes").(map[string]any)
	var pairs []any
	for name, value := range all {
		pairs = append(pairs, name, value)
	}
	v = s.must("+"+at+"/updateFeatures", "features", "["+feature(plot(10, 10, 20), pairs...)+"]", "rollbackOnFailure", "true")
	moved := read()
	if ok, again, text := v.done("updateResults", 0); !ok || again != id || moved.attributes("area_m2")[0] == made.attributes("area_m2")[0] || moved.attributes("SBMJ")[0] != moved.attributes("area_m2")[0] {
		t.Errorf("moved: %v %s", moved["features"], text)
	}
	v = s.must("+"+at+"/applyEdits", "updates", "["+feature("", "OBJECTID", int(id), "CUN", "合成村", "SBMJ", 3500.5)+"]", "adds", "", "deletes", "[]")
	said := read()
	if ok, _, text := v.done("updateResults", 0); !ok || said.attributes("CUN")[0] != "合成村" || said.attributes("SBMJ")[0] != 3500.5 || fmt.Sprint(said.at("features", 0, "geometry")) != fmt.Sprint(moved.at("features", 0, "geometry")) {
		t.Errorf("said: %v %s", said["features"], text)
	}
	// degrees, and a ring drawn the other way round and left open
	v = s.must("+"+at+"/updateFeatures", "features", `[{"attributes":{"OBJECTID":`+number+`},"geometry":{"rings":[[[111.2225,36.2205],[111.2230,36.2205],[111.2230,36.2200],[111.2225,36.2200],[111.2225,36.2205]]],"spatialReference":{"wkid":4326}}}]`)
	if ok, _, text := v.done("updateResults", 0); !ok || turn(read().list("features", 0, "geometry", "rings", 0)) >= 0 {
		t.Errorf("in degrees: %s", text)
	}
	v = s.must("+"+at+"/deleteFeatures", "objectIds", number)
	if ok, gone, text := v.done("deleteResults", 0); !ok || gone != id || len(read().list("features")) != 0 {
		t.Errorf("deleted: %s", text)
	}
	v = s.must("+"+at+"/updateFeatures", "features", "["+feature("", "OBJECTID", int(id), "CUN", "迟")+"]")
	if ok, _, text := v.done("updateResults", 0); ok || !strings.Contains(text, "已删除") {
		t.Errorf("a stale edit: %v", v)
	}
}

// All of a request is done or nothing, unless the caller wants each by itself.
func TestEdit_TogetherOrEach(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	at := "+" + server + ins
	good, wrong := feature(plot(12, 12, 5), "SBBH", "丁 1", "XZDM", townA, "NZDL", "0103"), feature(plot(13, 13, 5), "SBBH", "丁 2", "XZDM", "149902100", "NZDL", "0103")
	for _, list := range []string{"[" + good + "," + wrong + "]", "[" + good + "," + feature(plot(1, 1, 1), "NOSUCH", 1) + "]"} {
		before := s.rows()
		v := s.must(at+"/addFeatures", "features", list)
		first, _, _ := v.done("addResults", 0)
		second, _, text := v.done("addResults", 1)
		if first || second || text == "" || s.rows() != before {
			t.Errorf("together: %v, %s became %s", v, before, s.rows())
		}
	}
	v := s.must(at+"/addFeatures", "features", "["+good+","+wrong+"]", "rollbackOnFailure", "false")
	first, id, _ := v.done("addResults", 0)
	if second, _, text := v.done("addResults", 1); !first || id <= 0 || second || !strings.Contains(text, "149902100") {
		t.Errorf("each: %v", v)
	}
	// what no declaration can be is said of the one it is in
	for says, one := range map[string]string{
		"至多为当前工作年度的下一年 2026": feature(plot(15, 15, 5), "SBBH", "丁 3", "XZDM", townA, "year", 2052),
		"应为 2009 至 2100":     feature(plot(15, 15, 5), "SBBH", "丁 3", "XZDM", townA, "year", 0),
		"至少要有 3 个不同的顶点":      feature(fmt.Sprintf(`{"rings":[[[%[1]v,%[2]v],[%[3]v,%[2]v],[%[1]v,%[2]v],[%[3]v,%[2]v],[%[1]v,%[2]v]]]}`, x0+1500, y0+1500, x0+1590), "SBBH", "丁 3", "XZDM", townA),
		"不能为负":               feature(plot(15, 15, 5), "SBBH", "丁 3", "XZDM", townA, "SBMJ", -5),
	} {
		if ok, _, text := s.must(at+"/addFeatures", "features", "["+one+"]").done("addResults", 0); ok || !strings.Contains(text, says) {
			t.Errorf("%s: %s", says, text)
		}
	}
	// both directions at once, by the service
	var all []answer
	edits := `[{"id":2,"deletes":[` + fmt.Sprint(int(id)) + `]},{"id":3,"adds":[` + feature(plot(14, 14, 5), "SBBH", "戊 1", "XZDM", townB, "NZDL", "0301") + `]}]`
	raw := s.list("+"+server+"/applyEdits", "edits", edits)
	for _, one := range raw {
		m, _ := one.(map[string]any)
		all = append(all, m)
	}
	deleted, _, _ := all[0].done("deleteResults", 0)
	if made, _, text := all[1].done("addResults", 0); len(all) != 2 || !deleted || !made {
		t.Errorf("%v %s", raw, text)
	}
	// what is selected
	if v := s.must("+"+server+outs+"/deleteFeatures", "where", "SBBH LIKE '戊%'"); v.at("deleteResults", 0, "success") != true || len(v.list("deleteResults")) != 1 {
		t.Errorf("%v", v)
	}
}

// list is the answer of the service's applyEdits, which is no object.
func (s *service) list(path string, pairs ...string) []any {
	s.T.Helper()
	resp, err := s.Client().Do(s.form(path, pairs...))
	if err != nil {
		s.T.Fatal(err)
	}
	defer resp.Body.Close()
	var v []any
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		s.T.Fatal(err)
	}
	return v
}

// What cannot be carried out is refused with a sentence, and leaves nothing.
func TestEdit_Refused(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	id := s.objectID(townA)
	before := s.rows()
	for name, tc := range map[string]struct {
		operation, name, value, says string
		whole                        bool // the request, not one feature
	}{
		"no list":                   {"addFeatures", "features", "{}", "JSON", true},
		"no JSON":                   {"addFeatures", "features", "[{", "JSON", true},
		"nothing":                   {"addFeatures", "features", "[]", "没有编辑", true},
		"deep":                      {"addFeatures", "features", strings.Repeat("[", 100000), "JSON", true},
		"a field that is not":       {"addFeatures", "features", "[" + feature(plot(1, 1, 1), "SBBH", "x", "XZDM", townA, "'; DROP TABLE candidate; --", 1) + "]", "没有字段", false},
		"a wrong type":              {"addFeatures", "features", "[" + feature(plot(1, 1, 1), "SBBH", 12, "XZDM", townA) + "]", "SBBH", false},
		"no number":                 {"addFeatures", "features", "[" + feature(plot(1, 1, 1), "XZDM", townA) + "]", "SBBH", false},
		"no geometry":               {"addFeatures", "features", "[" + feature("", "SBBH", "x", "XZDM", townA) + "]", "图形", false},
		"a point":                   {"addFeatures", "features", "[" + feature(`{"x":1,"y":2}`, "SBBH", "x", "XZDM", townA) + "]", "多边形", false},
		"curves":                    {"addFeatures", "features", "[" + feature(`{"curveRings":[[[1,1]]]}`, "SBBH", "x", "XZDM", townA) + "]", "曲线", false},
		"far away":                  {"addFeatures", "features", "[" + feature(`{"rings":[[[10,10],[10,20],[20,20],[10,10]]]}`, "SBBH", "x", "XZDM", townA) + "]", "范围", false},
		"an unknown system":         {"addFeatures", "features", "[" + feature(`{"rings":[[[10,10],[10,20],[20,20],[10,10]]],"spatialReference":{"wkid":2435}}`, "SBBH", "x", "XZDM", townA) + "]", "坐标系", false},
		"a bow tie":                 {"addFeatures", "features", "[" + feature(`{"rings":[[[511000,4001000],[511100,4001100],[511100,4001000],[511000,4001100],[511000,4001000]]]}`, "SBBH", "x", "XZDM", townA) + "]", "", false},
		"the number is taken":       {"addFeatures", "features", "[" + feature(plot(20, 20, 5), "SBBH", "甲/"+townA, "XZDM", townA, "NZDL", "0103", "year", 2025) + "]", "已有", false},
		"no OBJECTID":               {"updateFeatures", "features", `[{"attributes":{"CUN":"村"}}]`, "第 1 个要素没有 OBJECTID", false},
		"OBJECTID null":             {"updateFeatures", "features", `[{"attributes":{"OBJECTID":null,"CUN":"村"}}]`, "没有 OBJECTID", false},
		"a null coordinate":         {"addFeatures", "features", "[" + feature(`{"rings":[[[null,1],[2,2],[3,3],[null,1]]]}`, "SBBH", "x", "XZDM", townA) + "]", "null", false},
		"a ring left open":          {"addFeatures", "features", "[" + feature(`{"rings":[[[510000,4000000],[510090,4000000],[510090,4000090]]]}`, "SBBH", "x", "XZDM", townA) + "]", "没有闭合", false},
		"a code that is not":        {"updateFeatures", "features", `[{"attributes":{"OBJECTID":` + id + `,"HFFS":"XX"}}]`, "JKHF", false},
		"the number changes":        {"updateFeatures", "features", `[{"attributes":{"OBJECTID":` + id + `,"SBBH":"另"}}]`, "不能由", false},
		"no such feature":           {"updateFeatures", "features", `[{"attributes":{"OBJECTID":999999,"CUN":"村"}}]`, "999999", false},
		"a number that is none":     {"updateFeatures", "features", `[{"attributes":{"OBJECTID":"一","CUN":"村"}}]`, "OBJECTID", false},
		"delete everything":         {"deleteFeatures", "f", "json", "指明", true},
		"delete by an unknown name": {"deleteFeatures", "where", "NOSUCH = 1", "NOSUCH", true},
		"delete what is not":        {"deleteFeatures", "objectIds", "999999", "999999", false},
		"global ids":                {"applyEdits", "useGlobalIds", "true", "useGlobalIds", true},
		"an unknown parameter":      {"applyEdits", "attachments", "{}", "attachments", true},
	} {
		v := s.ask("+"+server+ins+"/"+tc.operation, nil, tc.name, tc.value)
		_, message := v.failure()
		if !tc.whole {
			for _, list := range []string{"addResults", "updateResults", "deleteResults"} {
				if v[list] != nil {
					var ok bool
					if ok, _, message = v.done(list, 0); ok {
						message = ""
					}
				}
			}
		}
		if message == "" || !strings.Contains(message, tc.says) {
			t.Errorf("%s: %v", name, v)
		}
		if after := s.rows(); after != before {
			t.Errorf("%s: %s became %s", name, before, after)
			before = after
		}
	}
	for _, layer := range []string{survey, "/5", "/6"} {
		if code, message := s.ask("+"+server+layer+"/deleteFeatures", nil, "where", "1=1").failure(); code != 403 || !strings.Contains(message, "只读") {
			t.Errorf("layer %s: %d %s", layer, code, message)
		}
	}
	if code, _ := s.ask(server+ins+"/deleteFeatures", nil, "where", "1=1").failure(); code != 404 {
		t.Errorf("by GET: %d", code)
	}
	// what is under review is locked
	s.Exec(`INSERT INTO county_year (county_code, year, declare_by, plan_by, survey_date, reviewers, acceptors, approval_purposes, contract_actors)
		VALUES ($1, 2025, '2025-06-15', '2025-07-31', '2025-12-31', '{}', '{}', '{}', '{}')`, county)
	s.Exec(`WITH r AS (INSERT INTO workflow_record (county_code, year, direction, number, township_code, state, revision, applicant_id, applicant, dataset_id, declaration)
			SELECT county_code, 2025, direction, number, township_code, 'approved', 1, gen_random_uuid(), '合成', dataset_id, 'd' FROM candidate
			WHERE county_code = $1 AND number = $2 AND direction = 'in' LIMIT 1 RETURNING *)
		INSERT INTO workflow_event (county_code, year, direction, number, seq, event_id, township_code, action, from_state, to_state, actor_id, actor_name, actor_role, actor_township, reason, late)
		SELECT county_code, year, direction, number, 1, gen_random_uuid(), township_code, 'declare', '', state, gen_random_uuid(), '合成', 'bureau', '', '', false FROM r`, county, "甲/"+townA)
	if v := s.must("+"+server+ins+"/updateFeatures", "features", `[{"attributes":{"OBJECTID":`+id+`,"CUN":"村"}}]`); v.at("updateResults", 0, "success") != false || !strings.Contains(fmt.Sprint(v.at("updateResults", 0, "error", "description")), "方案批准") {
		t.Errorf("approved: %v", v)
	}
}

// Who may edit, and what: a township its own, a role that does not declare nothing.
func TestEdit_Permissions(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	idA, idB := s.objectID(townA), s.objectID(townB)
	update := func(id string) string { return `[{"attributes":{"OBJECTID":` + id + `,"CUN":"合成村"}}]` }
	for _, role := range access.Roles() {
		held := access.Capacity{Role: role, County: county}
		if role.OfTownship() {
			held.Township = townA
		}
		key := s.key(held)
		declares := role.OfTownship() || role == access.Bureau || role == access.BureauLead
		before := s.rows()
		for _, operation := range []string{ins + "/addFeatures", ins + "/updateFeatures", ins + "/deleteFeatures", ins + "/applyEdits", "/applyEdits"} {
			if code, message := s.ask("+"+server+operation, key, "features", "[").failure(); (code == 403) == declares {
				t.Errorf("%s %s: %d %s", role, operation, code, message)
			}
		}
		if v := s.ask("+"+server+ins+"/updateFeatures", key, "features", update(idB)); (v.at("updateResults", 0, "success") == true) != (declares && held.Township == "") {
			t.Errorf("%s changes another township's: %v", role, v)
		}
		if !declares && s.rows() != before {
			t.Errorf("%s left something", role)
		}
	}
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	v := s.ask("+"+server+ins+"/deleteFeatures", clerk, "objectIds", idB)
	if ok, _, text := v.done("deleteResults", 0); ok || !strings.Contains(text, "不属于您的乡镇") {
		t.Errorf("another township's: %v", v)
	}
	if v := s.ask("+"+server+ins+"/deleteFeatures", clerk, "where", "1=1"); len(v.list("deleteResults")) != 1 || fmt.Sprint(v.at("deleteResults", 0, "objectId")) != idA {
		t.Errorf("everything is not one's own: %v", v)
	}
	foreign := func(r *http.Request) { clerk(r); r.Header.Set("Sec-Fetch-Site", "cross-site") }
	if code, _ := s.ask("+"+server+ins+"/updateFeatures", foreign, "features", update(idA)).failure(); code != 403 {
		t.Errorf("from another site: %d", code)
	}
}
