package ogc_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gengheng/internal/access"
	"gengheng/internal/api/countytest"
)

// Of a synthetic finding that town A's parcel overlaps two of others': their
// numbers, of which one tries to look like the end of the list, the area that only
// they have, and where.
const (
	othersOne  = "乙N022"
	othersTwo  = "丙；依据《7"
	othersArea = "4711.07"
	othersZH   = "与本年度其他转进申报地块重叠；与转进申报地块重叠 6000.00 m²（9.00 亩），占地块 60.0%；涉及 2 个图斑：" + othersOne + "、" + othersTwo + "；在容差内；依据《甲》；《乙》"
	shownZH    = "与本年度其他转进申报地块重叠；与转进申报地块重叠 6000.00 m²（9.00 亩），占地块 60.0%；涉及 2 个图斑；在容差内；依据《甲》；《乙》"
	othersEN   = "overlaps another in parcel; features 2: " + othersOne + ", " + othersTwo + "; within the tolerance; by IN-09 of rulebook 合成"
	shownEN    = "overlaps another in parcel; features 2; within the tolerance; by IN-09 of rulebook 合成"
)

func (s *service) overlapOthers() {
	s.T.Helper()
	s.Exec(`INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, layer_kind, overlap_m2, share,
			features, message_zh, message_en, geom)
		VALUES ($1, $2, 77, 'in', $3, $4, 'IN-09', 2, 'warn', 'tolerated', 'CANDIDATE_IN', 6000, 0.6,
			jsonb_build_array(jsonb_build_object('bsm', $5::text, 'm2', $7::text), jsonb_build_object('bsm', $6::text)), $8, $9,
			ST_Multi(ST_MakeEnvelope(512011, 4002011, 512077, 4002077, 4546)))`,
		county, s.Run, "甲/"+townA, townA, othersOne, othersTwo, othersArea, othersZH, othersEN)
	// the newest screening has read the parcel as it is declared
	s.Exec(`UPDATE screening_run SET datasets = (SELECT jsonb_agg(jsonb_build_object('dataset_id', dataset_id, 'kind', kind, 'scope', scope))
		FROM dataset WHERE kind LIKE 'CANDIDATE%') WHERE county_code = $1`, county)
}

// opened is what an answer says: the texts in it if it is an archive.
func opened(t *testing.T, b []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return string(b)
	}
	var out strings.Builder
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(part)
	}
	return out.String()
}

// A township learns that its parcel overlaps others' declarations; whose they are
// and where goes through no door, and the county's own roles see it as it is.
func TestAccess_WhoseDeclarationsOverlapIsWithheld(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	s.overlapOthers()
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	bureau := s.key(access.Capacity{Role: access.Bureau, County: county})
	at := s.geographic("4546", [2]float64{4002044, 512044})
	box := fmt.Sprintf("%f,%f,%f,%f", at[0]-1e-4, at[1]-1e-4, at[0]+1e-4, at[1]+1e-4)
	column, row := int((at[0]+180)/360*(1<<16)), int((1-math.Asinh(math.Tan(at[1]*math.Pi/180))/math.Pi)/2*(1<<16))
	items, esri := "/ogc/"+county+"/collections/findings", "/arcgis/"+county+"/rest/services/gengheng/FeatureServer/4/query?where=1%3D1&outFields=*&f="
	api := "/api/v1/counties/" + county
	run := api + "/screenings/" + s.Run.String()
	// what every door gives to the county, and nobody else
	for path, gives := range map[string]string{
		items + "/items?limit=100":                                              othersOne,
		items + "/items/" + s.Run.String() + ".77":                              othersOne,
		items + "/items?filter=" + url.QueryEscape("message_zh LIKE '%乙N022%'"): `"numberMatched":1`,
		items + "/items?bbox=" + box:                                            `"numberMatched":1`,
		items + "/download?f=csv":                                               othersOne,
		items + "/download?f=xlsx":                                              othersOne,
		items + "/download?f=geojson":                                           othersOne,
		items + "/download?f=shp":                                               othersOne,
		fmt.Sprintf("%s/tiles/WebMercatorQuad/16/%d/%d", items, row, column):    "IN-09",
		esri + "json":    othersOne,
		esri + "geojson": othersOne,
		esri + "json&geometryType=esriGeometryEnvelope&inSR=4326&returnCountOnly=true&geometry=" + box: `"count":1`,
		api + "/candidates/in/" + url.PathEscape("甲/"+townA):                                           othersOne,
		run + "/findings?geometry=true":                                                                othersArea,
		run + "/findings":                                                                              othersTwo,
		run + "/findings.gpkg":                                                                         othersOne,
	} {
		whole, part := s.ask(path, bureau), s.ask(path, clerk)
		if !strings.Contains(whole, gives) {
			t.Errorf("%s: the bureau lacks %s: %.600s", path, gives, whole)
		}
		if strings.Contains(path, "filter=") || strings.Contains(path, box) { // the answer repeats what was asked
			part = strings.ReplaceAll(strings.ReplaceAll(part, url.QueryEscape(othersOne), ""), url.QueryEscape(box), "")
		}
		for _, secret := range []string{gives, "N022", "《7", othersArea, fmt.Sprintf("%.4f", at[0]), fmt.Sprintf("%.3f", at[1])} {
			if strings.Contains(part, secret) {
				t.Errorf("%s: the clerk sees %s: %.900s", path, secret, part)
			}
		}
	}
	for path, says := range map[string][]string{items + "/items?limit=100": {shownZH, shownEN, `"geometry":null`}, run + "/findings?geometry=true": {shownZH, shownEN, `"features":[]`},
		esri + "json": {shownZH, shownEN}} {
		for _, said := range says {
			if part := s.ask(path, clerk); !strings.Contains(part, said) {
				t.Errorf("%s: the clerk is not told %s: %.900s", path, said, part)
			}
		}
	}
	if resp, _ := s.raw(run+"/findings.jsonl", clerk); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the clerk gets the county's findings.jsonl: %d", resp.StatusCode)
	}
}

func (s *service) raw(path string, edit func(*http.Request)) (*http.Response, []byte) {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	edit(req)
	resp, err := s.Client().Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return resp, b
}

// ask is the text of an answer that must not be a refusal.
func (s *service) ask(path string, edit func(*http.Request)) string {
	s.T.Helper()
	resp, b := s.raw(path, edit)
	if resp.StatusCode >= 300 {
		s.T.Errorf("%s: %d %.300s", path, resp.StatusCode, b)
	}
	if t, ok := s.T.(*testing.T); ok {
		return opened(t, b)
	}
	return string(b)
}

// A what-if withholds what other reading does: a township that draws over what others
// declare learns that it does, and not whose it is, which or where.
func TestWhatIf_WithholdsOthersParcels(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	s.Exec(`UPDATE candidate SET geom = ` + countytest.Square + ` FROM generate_series(3, 3) i WHERE direction = 'in' AND township_code = '` + townB + `'`)
	body := func(more string) string {
		var ring string
		if err := s.DB.Pool.QueryRow(t.Context(), `SELECT ST_AsGeoJSON(ST_Transform(ST_Expand(ST_Centroid(geom), 30), 4490), 9) FROM candidate WHERE direction = 'in' AND township_code = '`+townB+`'`).Scan(&ring); err != nil {
			t.Fatal(err)
		}
		return `{"inputs":{"year":2025,"direction":"in","geometry":` + ring + more + `}}`
	}
	of := func(a answer) (text string, features, shapes int) {
		items, _ := a.json["items"].([]any)
		if a.status != http.StatusOK || len(items) != 1 {
			t.Fatalf("%d %s", a.status, a.text)
		}
		item, _ := items[0].(map[string]any)
		list, _ := item["findings"].([]any)
		for _, v := range list {
			f, _ := v.(map[string]any)
			if kind, _ := f["layer_kind"].(string); !strings.HasPrefix(kind, "CANDIDATE_") {
				continue
			}
			named, _ := f["features"].([]any)
			features += len(named)
			if f["geometry"] != nil {
				shapes++
			}
			zh, _ := f["message_zh"].(string)
			en, _ := f["message_en"].(string)
			text += zh + en
		}
		return text, features, shapes
	}
	bureau := s.key(access.Capacity{Role: access.Bureau, County: county})
	text, features, shapes := of(s.post("whatif", body(`,"township_code":"`+townA+`"`), bureau))
	other := "甲/" + townB
	if features == 0 || shapes == 0 || !strings.Contains(text, other) {
		t.Fatalf("the county sees whose it is: %q, %d features, %d shapes", text, features, shapes)
	}
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	text, features, shapes = of(s.post("whatif", body(""), clerk))
	if text == "" || features != 0 || shapes != 0 || strings.Contains(text, other) || strings.Contains(text, townB) {
		t.Errorf("a township learns %q, %d features, %d shapes", text, features, shapes)
	}
	if a := s.post("whatif", body(`,"township_code":"`+townB+`"`), clerk); a.status != http.StatusForbidden {
		t.Errorf("a township tries for another: %d %s", a.status, a.text)
	}
}
