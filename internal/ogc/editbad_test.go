package ogc_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gengheng/internal/access"
	"gengheng/internal/api/countytest"
)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// What cannot be taken is refused with a sentence that says what is wrong, and
// leaves nothing.
func TestEdit_BadInput(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	own := in + "/2025." + url.PathEscape("甲/"+townA)
	feature := func(geometry, properties string) string {
		return `{"type":"Feature","geometry":` + geometry + `,"properties":{` + properties + `}}`
	}
	const named = `"SBBH":"1","XZDM":"` + townA + `"`
	bow := fmt.Sprintf(`{"type":"Polygon","coordinates":[[[%[1]v,%[2]v],[%[3]v,%[4]v],[%[3]v,%[2]v],[%[1]v,%[4]v],[%[1]v,%[2]v]]]}`, y0, x0, y0+90, x0+90)
	// rings northing first, from the corner of the mesh
	const ringStart, fewVertices = `{"type":"Polygon","coordinates":[`, "至少要有 3 个不同的顶点"
	ring := func(vertices ...[2]float64) string {
		var list []string
		for _, v := range vertices {
			list = append(list, fmt.Sprintf("[%v,%v]", y0+v[1], x0+v[0]))
		}
		return ringStart + "[" + strings.Join(list, ",") + "]]}"
	}
	before := s.rows()
	for name, tc := range map[string]struct {
		method, path, media, body string
		status                    int
		says                      string
		edit                      func(*http.Request)
	}{
		"unknown field":             {"POST", in, geo, feature(plot(10, 10, 5), named+`,"DLMB":"1"`), 422, "没有字段 DLMB", zone},
		"text for a number":         {"POST", in, geo, feature(plot(10, 10, 5), named+`,"SBMJ":"五亩"`), 422, "SBMJ（申报面积）", zone},
		"a number for text":         {"POST", in, geo, feature(plot(10, 10, 5), named+`,"CUN":5`), 422, "应为文字", zone},
		"an object for text":        {"POST", in, geo, feature(plot(10, 10, 5), named+`,"CUN":{"a":1}`), 422, "应为文字", zone},
		"a year in words":           {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":"2025"`), 422, "整数", zone},
		"half a year":               {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":2025.5`), 422, "整数", zone},
		"U+0000":                    {"POST", in, geo, feature(plot(10, 10, 5), named+`,"CUN":"a\u0000b"`), 422, "空字符", zone},
		"U+0000 in the number":      {"POST", in, geo, feature(plot(10, 10, 5), `"SBBH":"a\u0000","XZDM":"`+townA+`"`), 422, "空字符", zone},
		"no number":                 {"POST", in, geo, feature(plot(10, 10, 5), `"XZDM":"`+townA+`"`), 422, "申报编号（SBBH）", zone},
		"no township":               {"POST", in, geo, feature(plot(10, 10, 5), `"SBBH":"1"`), 422, "乡镇代码（XZDM", zone},
		"another county's township": {"POST", in, geo, feature(plot(10, 10, 5), `"SBBH":"1","XZDM":"149902100"`), 422, "149901", zone},
		"a number that is taken":    {"POST", in, geo, feature(plot(10, 10, 5), `"SBBH":"甲/`+townA+`","XZDM":"`+townA+`"`), 409, "已有编号", zone},
		"no geometry":               {"POST", in, geo, feature("null", named), 422, "Polygon", nil},
		"geometry left out":         {"POST", in, geo, `{"type":"Feature","properties":{` + named + `}}`, 422, "缺少图形", nil},
		"a point":                   {"POST", in, geo, feature(`{"type":"Point","coordinates":[111.1,36.1]}`, named), 422, "Polygon", nil},
		"a bow tie":                 {"POST", in, geo, feature(bow, named), 422, "自相交", zone},
		"two vertices":              {"POST", in, geo, feature(`{"type":"Polygon","coordinates":[[[111.1,36.1],[111.2,36.1]]]}`, named), 422, fewVertices, nil},
		"two vertices by turns":     {"POST", in, geo, feature(ring([2]float64{0, 0}, [2]float64{90, 0}, [2]float64{0, 0}, [2]float64{90, 0}), named), 422, fewVertices, zone},
		"two vertices, one twice":   {"POST", in, geo, feature(ring([2]float64{0, 0}, [2]float64{90, 0}, [2]float64{90, 0}), named), 422, fewVertices, zone},
		"two on the grid":           {"POST", in, geo, feature(ring([2]float64{0, 0}, [2]float64{90, 0}, [2]float64{90, 0.00001}, [2]float64{0, 0}), named), 422, fewVertices, zone},
		"one vertex":                {"POST", in, geo, feature(ring([2]float64{0, 0}), named), 422, fewVertices, zone},
		"no vertex":                 {"POST", in, geo, feature(ring(), named), 422, fewVertices, zone},
		"a hole of two":             {"POST", in, geo, feature(strings.TrimSuffix(plot(10, 10, 5), "]}")+","+strings.TrimPrefix(ring([2]float64{1030, 1030}, [2]float64{1040, 1030}, [2]float64{1030, 1030}), ringStart), named), 422, fewVertices, zone},
		"a patch to two vertices":   {"PATCH", own, patch, `{"geometry":` + ring([2]float64{0, 0}, [2]float64{90, 0}, [2]float64{0, 0}) + `}`, 422, fewVertices, zone},
		"no area":                   {"POST", in, geo, feature(ring([2]float64{0, 0}, [2]float64{90, 0}, [2]float64{40, 0}), named), 422, "", zone},
		"the easting first":         {"POST", in, geo, feature(fmt.Sprintf(`{"type":"Polygon","coordinates":[[[%[1]v,%[2]v],[%[3]v,%[2]v],[%[3]v,%[4]v],[%[1]v,%[2]v]]]}`, x0, y0, x0+90, y0+90), named), 422, "北坐标在前", zone},
		"a null coordinate":         {"POST", in, geo, feature(strings.Replace(plot(10, 10, 5), "[[[", "[[[null,", 1), named), 422, "null", zone},
		"a ring left open":          {"POST", in, geo, feature(ring([2]float64{0, 0}, [2]float64{90, 0}, [2]float64{90, 90}), named), 422, "没有闭合", zone},
		"a patch left open":         {"PATCH", own, patch, `{"geometry":` + ring([2]float64{0, 0}, [2]float64{90, 0}, [2]float64{90, 90}) + `}`, 422, "没有闭合", zone},
		"another system's feature":  {"POST", in, geo, strings.Replace(feature(plot(10, 10, 5), named), "{", `{"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4547"}},`, 1), 422, "crs 成员", zone},
		"another system's geometry": {"POST", in, geo, feature(strings.Replace(plot(10, 10, 5), "{", `{"crs":{"type":"name","properties":{"name":"EPSG:4547"}},`, 1), named), 422, "crs 成员", zone},
		"CRS84 for the plane":       {"POST", in, geo, strings.Replace(feature(plot(10, 10, 5), named), "{", `{"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},`, 1), 422, "EPSG:4546", zone},
		"a linked system":           {"POST", in, geo, strings.Replace(feature(plot(10, 10, 5), named), "{", `{"crs":{"type":"link","properties":{"href":"http://example.com/crs"}},`, 1), 422, "crs 成员", zone},
		"in another county":         {"POST", in, geo, feature(`{"type":"Polygon","coordinates":[[[110.5,30.1],[110.51,30.1],[110.51,30.11],[110.5,30.1]]]}`, named), 422, "不在本县附近", nil},
		"a class that is not":       {"POST", in, geo, feature(plot(10, 10, 5), named+`,"DLBM":"9999"`), 422, "DLBM（", zone},
		"a target that is not":      {"PATCH", own, patch, `{"properties":{"NZDL":"0199"}}`, 422, "代码表", nil},
		"an actor of another book":  {"PATCH", own, patch, `{"properties":{"ZTLX":"企业"}}`, 422, "农户、村集体、工商企业", nil},
		"a purpose of another book": {"POST", strings.Replace(in, "candidates_in", "candidates_out", 1), geo, feature(plot(10, 10, 5), named+`,"YT":"种粮"`), 422, "规则库", zone},
		"a recovery that is not":    {"PATCH", own, patch, `{"properties":{"HFFS":"XXXX"}}`, 422, "JKHF 即可恢复", nil},
		"a terrace that is not":     {"PATCH", own, patch, `{"properties":{"GDLX":"ZZ"}}`, 422, "TT ", nil},
		"a day that is not":         {"PATCH", own, patch, `{"properties":{"KSSJ":"2026-13-45"}}`, 422, "不是日期", nil},
		"longer than a cell":        {"PATCH", own, patch, `{"properties":{"BZ":"` + strings.Repeat("注", 32768) + `"}}`, 422, "至多 4000", nil},
		"null for a feature":        {"PATCH", own, patch, `null`, 400, "null", nil},
		"null for a new one":        {"POST", in, geo, `null`, 400, "null", nil},
		"a member misspelt":         {"PATCH", own, patch, `{"propertys":{"CUN":"村"}}`, 400, "没有成员 propertys", nil},
		"a place of JSON-FG":        {"POST", in, geo, strings.Replace(feature("null", named), "{", `{"place":null,`, 1), 400, "没有成员 place", nil},
		"no properties left":        {"PATCH", own, patch, `{"properties":null}`, 422, "properties 为 null", nil},
		"no type left":              {"PATCH", own, patch, `{"type":null}`, 422, "type 为 null", nil},
		"half a m²":                 {"POST", in, geo, feature(plot(10, 10, side/2-0.35), named), 422, "不足 1 m²", zone},
		"a patch to half a m²":      {"PATCH", own, patch, `{"geometry":` + plot(0, 0, side/2-0.35) + `}`, 422, "不足 1 m²", zone},
		"year 0":                    {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":0`), 422, "2009", zone},
		"a year below zero":         {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":-5`), 422, "2009", zone},
		"a year long ago":           {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":1900`), 422, "2009", zone},
		"a year too far ahead":      {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":2052`), 422, "2026", zone},
		"the year after the next":   {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":2027`), 422, "2026", zone},
		"a year of eleven digits":   {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":99999999999`), 422, "2100", zone},
		"a year of thirty digits":   {"POST", in, geo, feature(plot(10, 10, 5), named+`,"year":999999999999999999999999999999`), 422, "2100", zone},
		"a negative area":           {"POST", in, geo, feature(plot(10, 10, 5), named+`,"SBMJ":-5`), 422, "不能为负", zone},
		"a patch to a negative":     {"PATCH", own, patch, `{"properties":{"SBMJ":-0.01}}`, 422, "不能为负", nil},
		"a number too long":         {"POST", in, geo, feature(plot(10, 10, 5), `"XZDM":"`+townA+`","SBBH":"`+strings.Repeat("号", 81)+`"`), 422, "至多 80", zone},
		"a text too long":           {"PATCH", own, patch, `{"properties":{"CUN":"` + strings.Repeat("村", 4001) + `"}}`, 422, "至多 4000", nil},
		"far away":                  {"POST", in, geo, feature(`{"type":"Polygon","coordinates":[[[11.1,36.1],[11.2,36.1],[11.2,36.2],[11.1,36.1]]]}`, named), 422, "坐标", nil},
		"axes swapped":              {"POST", in, geo, feature(`{"type":"Polygon","coordinates":[[[36.13,111.11],[36.14,111.11],[36.14,111.12],[36.13,111.11]]]}`, named), 422, "坐标次序", nil},
		"a CRS that is not":         {"POST", in, geo, feature(plot(10, 10, 5), named), 400, "4546", header("Content-Crs", "http://www.opengis.net/def/crs/EPSG/0/4612")},
		"another zone's CRS":        {"POST", in, geo, feature(plot(10, 10, 5), named), 400, "4546", header("Content-Crs", "<http://www.opengis.net/def/crs/EPSG/0/4547>")},
		"no JSON":                   {"POST", in, geo, `type=Feature`, 400, "JSON", nil},
		"two features":              {"POST", in, geo, feature(plot(10, 10, 5), named) + feature(plot(11, 11, 5), named), 400, "JSON", zone},
		"a collection":              {"POST", in, geo, `{"type":"FeatureCollection","features":[]}`, 422, "一次一个", nil},
		"a list":                    {"POST", in, geo, `[]`, 400, "JSON", nil},
		"deep nesting":              {"POST", in, geo, `{"type":"Feature","properties":{"CUN":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}}`, 400, "JSON", nil},
		"too many bytes":            {"POST", in, geo, feature("null", `"CUN":"`+strings.Repeat("村", 3<<20)+`"`), 413, "上传", nil},
		"form fields":               {"POST", in, "application/x-www-form-urlencoded", "a=b", 415, "application/geo+json", nil},
		"a patch by JSON":           {"PATCH", own, "application/json", `{"properties":{"CUN":"村"}}`, 415, "merge-patch", nil},
		"a verdict by hand":         {"PATCH", own, patch, `{"properties":{"verdict":"eligible"}}`, 422, "由系统计算", nil},
		"an area by hand":           {"PATCH", own, patch, `{"properties":{"area_m2":1}}`, 422, "由系统计算", nil},
		"another number":            {"PATCH", own, patch, `{"properties":{"SBBH":"9"}}`, 422, "不能由", nil},
		"another year":              {"PATCH", own, patch, `{"properties":{"year":2024}}`, 422, "2024", nil},
		"another township":          {"PATCH", own, patch, `{"properties":{"XZDM":"` + townB + `"}}`, 422, "乡镇", nil},
		"no boundary left":          {"PATCH", own, patch, `{"geometry":null}`, 422, "Polygon", nil},
		"a year that is not":        {"PATCH", in + "/2024.1", patch, `{"properties":{"CUN":"村"}}`, 404, "2024", nil},
		"an id that is none":        {"DELETE", in + "/x", "", "", 404, "没有要素", nil},
		"SQL in an id":              {"DELETE", in + "/" + url.PathEscape("2025.1' OR '1'='1"), "", "", 404, "feature-not-found", nil},
		"SQL in a field":            {"PATCH", own, patch, `{"properties":{"CUN'; DROP TABLE candidate; --":"1"}}`, 422, "没有字段", nil},
		"a parameter":               {"PATCH", own + "?limit=1", patch, `{"properties":{}}`, 400, "limit", nil},
		"a parcel of the survey":    {"PATCH", "/collections/parcels/items/00000000000000aa.1", patch, `{"properties":{}}`, 405, "只读", nil},
		"a new finding":             {"POST", "/collections/findings/items", geo, feature("null", ""), 405, "只读", nil},
		"a layer that is not":       {"POST", "/collections/nosuch/items", geo, feature("null", ""), 404, "nosuch", nil},
	} {
		edit := tc.edit
		if edit == nil {
			edit = func(*http.Request) {}
		}
		a := s.send(tc.method, tc.path, tc.media, tc.body, edit)
		if a.status != tc.status || !strings.Contains(a.text, tc.says) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d, want %d and %q: %.600s", name, a.status, tc.status, tc.says, a.text)
		}
		for _, of := range []string{"文件", "第 1 行", "第 2 行", "接受修复", "accept", ".json"} {
			if tc.status != 413 && strings.Contains(a.text, of) {
				t.Errorf("%s speaks of a file where there is none (%s): %.600s", name, of, a.text)
			}
		}
		if tc.status == 405 && a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: Allow is %q", name, a.header.Get("Allow"))
		}
	}
	if after := s.rows(); after != before {
		t.Errorf("refused edits left rows: %s, before %s", after, before)
	}
}

// Who may declare may edit; a township what is its own, and of others it learns
// nothing.
func TestEdit_Permissions(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	whole := s.Dataset("CANDIDATE_IN", "", "whole", 2024, 50, 1)
	s.Exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, area_m2, geom)
		SELECT $1, $2, 0, 'in', 'W', $3, 10000, `+countytest.Square+` FROM generate_series(70, 70) i`, county, whole, townA)
	other := in + "/2025." + url.PathEscape("甲/"+townB)
	body := func(number, township string, row int) string {
		return `{"type":"Feature","geometry":` + plot(10, row, 5) + `,"properties":{"SBBH":"` + number + `","XZDM":"` + township + `"}}`
	}
	for i, role := range access.Roles() {
		held := access.Capacity{Role: role, County: county}
		if role.OfTownship() {
			held.Township = townA
		}
		key := s.key(held)
		declares := role.OfTownship() || role == access.Bureau || role == access.BureauLead
		number := fmt.Sprint("权", i)
		made, allow := s.send("POST", in, geo, body(number, townA, 2*i), zone, key), s.send("OPTIONS", in, "", "", key).header.Get("Allow")
		if declares != (made.status == 201) || !declares && made.status != 403 || declares != strings.Contains(allow, "POST") {
			t.Errorf("%s: %d, Allow %s: %s", role, made.status, allow, made.text)
		}
		at := in + "/2025." + url.PathEscape(number)
		if !declares {
			at = in + "/2025." + url.PathEscape("甲/"+townA)
		}
		village := `{"properties":{"CUN":"村"}}`
		want := map[string]int{"PATCH " + other: 200, "PATCH " + in + "/2024.W": 200, "PATCH " + at: 200, "DELETE " + at: 204}
		switch {
		case !declares:
			want = map[string]int{"PATCH " + other: 403, "PATCH " + in + "/2024.W": 403, "PATCH " + at: 403, "PUT " + at: 403, "DELETE " + at: 403}
		case role.OfTownship():
			// another's is not there; the county's own is there to see
			want["PATCH "+other], want["PATCH "+in+"/2024.W"] = 404, 403
		}
		for what, status := range want {
			method, path, _ := strings.Cut(what, " ")
			if method == "DELETE" {
				continue
			}
			if a := s.send(method, path, patch, village, key); a.status != status {
				t.Errorf("%s %s: %d, want %d: %s", role, what, a.status, status, a.text)
			}
		}
		if a := s.send("DELETE", at, "", "", key); a.status != want["DELETE "+at] {
			t.Errorf("%s: delete: %d %s", role, a.status, a.text)
		}
	}
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	for name, a := range map[string]answer{
		"another's declaration": s.send("POST", in, geo, body("x", townB, 40), zone, clerk),
		"another county":        s.send("POST", s.URL+"/ogc/149902"+in, geo, body("x", townA, 40), zone, clerk),
	} {
		if a.status != 403 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	if a := s.send("POST", in, geo, strings.Replace(body("own", townA, 44), `,"XZDM":"`+townA+`"`, "", 1), zone, clerk); a.status != 201 || a.property("XZDM") != townA {
		t.Errorf("a township need not say which it is: %d %s", a.status, a.text)
	}
	if a := s.send("POST", in, geo, body("x", townA, 40), zone); a.status != 401 {
		t.Errorf("without a key: %d", a.status)
	}
}

// What lies at the very bounds is taken, and a declared area that is left out or
// cleared is that of the boundary, however it is sent.
func TestEdit_AtTheBounds(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	long := strings.Repeat("号", 80)
	made := s.send("POST", in, geo, `{"type":"Feature","geometry":`+plot(10, 10, 5)+`,"properties":{"year":2026,"SBBH":"`+long+`","XZDM":"`+townA+`","CUN":"`+strings.Repeat("村", 4000)+`","SBMJ":5000}}`, zone)
	if made.status != 201 || made.json["id"] != "2026."+long || made.property("SBMJ") != 5000.0 {
		t.Fatalf("%d %.600s", made.status, made.text)
	}
	at := made.header.Get("Location")
	for _, tc := range []struct{ name, method, media, body string }{
		{"replaced without", "PUT", geo, `{"type":"Feature","geometry":` + plot(10, 10, 6) + `,"properties":{"CUN":"合成村"}}`},
		{"cleared by a patch", "PATCH", patch, `{"properties":{"SBMJ":null}}`},
		{"cleared with a boundary", "PATCH", patch, `{"geometry":` + plot(10, 10, 7) + `,"properties":{"SBMJ":null}}`},
	} {
		if said := s.send("PATCH", at, patch, `{"properties":{"SBMJ":5000}}`); said.property("SBMJ") != 5000.0 {
			t.Fatalf("%d %s", said.status, said.text)
		}
		if a := s.send(tc.method, at, tc.media, tc.body, zone); a.status != 200 || a.property("SBMJ") == nil || a.property("SBMJ") != a.property("area_m2") {
			t.Errorf("%s: %d %s", tc.name, a.status, a.text)
		}
	}
	// a parcel that stands under a wrong year can still be taken away
	s.Exec(`UPDATE dataset SET year = 2052 WHERE kind = 'CANDIDATE_IN' AND year = 2026`)
	s.Exec(`DELETE FROM candidate_judgement WHERE year = 2026`)
	if a := s.send("DELETE", in+"/2052."+url.PathEscape(long), "", ""); a.status != 204 {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// What says the same of itself as the request is taken, and names for codes.
func TestEdit_SaysTheSameOfItself(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	body := func(number, crs, properties string, row int) string {
		return `{"type":"Feature",` + crs + `"geometry":` + plot(10, row, 5) + `,"properties":{"SBBH":"` + number + `","XZDM":"` + townA + `"` + properties + `}}`
	}
	for i, crs := range []string{"", `"crs":null,`, `"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4546"}},`, `"crs":{"type":"name","properties":{"name":"http://www.opengis.net/def/crs/EPSG/0/4546"}},`} {
		if a := s.send("POST", in, geo, body(fmt.Sprint("同", i), crs, `,"DLBM":"旱地","HFFS":"jkhf","GDLX":"TT","KSSJ":"2026年3月","WCSJ":"秋收后"`, 2*i), zone); a.status != 201 || a.property("HFFS") != "JKHF" || a.property("DLBM") != "0103" {
			t.Errorf("%s: %d %s", crs, a.status, a.text)
		}
	}
	degrees := s.must(in + "/2025." + url.PathEscape("甲/"+townA))
	same := strings.Replace(degrees.text, `"type"`, `"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},"type"`, 1)
	for _, f := range []string{"verdict", "reasons"} { // what the program writes is left out of what is sent back
		if !strings.Contains(same, f) {
			t.Fatalf("%s", same)
		}
	}
	if a := s.send("PUT", in+"/2025."+url.PathEscape("甲/"+townA), geo, same); a.status != 200 {
		t.Errorf("what was given, sent back: %d %s", a.status, a.text)
	}
}
