package ogc_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/ogc"
)

// What is not registered is neither declared nor answered.
func TestConformance_IsOfWhatIsRegistered(t *testing.T) {
	t.Parallel()
	conforms, brings := ogc.New().Parts()
	for i, list := range conforms {
		without := ogc.New().Without(i)
		left, parts := without.Parts()
		for _, uri := range list {
			if slices.Contains(without.Conforms(), uri) || !slices.Contains(ogc.New().Conforms(), uri) {
				t.Errorf("%s is declared wrongly", uri)
			}
		}
		for _, name := range brings[i] {
			if slices.Contains(slices.Concat(parts...), name) {
				t.Errorf("%s is there without its class", name)
			}
		}
		if len(left) != len(conforms)-1 {
			t.Error("nothing was left out")
		}
	}
}

// The paths that QGIS and GDAL read literally.
func TestAPI_IsWhatClientsRead(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	a := s.must(s.must("").link("service-desc", "application/vnd.oai.openapi+json;version=3.0"),
		accept("application/vnd.oai.openapi+json;version=3.0"))
	if a.header.Get("Content-Type") != "application/vnd.oai.openapi+json;version=3.0" {
		t.Error(a.header.Get("Content-Type"))
	}
	var v struct {
		Components struct {
			Parameters map[string]struct {
				Name   string
				Schema struct{ Maximum, Default any }
			}
		}
	}
	if err := json.Unmarshal([]byte(a.text), &v); err != nil {
		t.Fatal(err)
	}
	if l := v.Components.Parameters["limit"].Schema; l.Maximum != 1000.0 || l.Default != 10.0 {
		t.Errorf("%+v", l)
	}
	spec, err := openapi3.NewLoader().LoadFromData([]byte(a.text))
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(t.Context()); err != nil {
		t.Errorf("the definition is not valid: %v", err)
	}
	op := spec.Paths.Value("/collections/parcels/items").Get
	for _, name := range []string{"DLBM", "TBMJ", "filter", "bbox", "crs", "limit"} {
		if op.Parameters.GetByInAndName("query", name) == nil {
			t.Errorf("items have no parameter %s", name)
		}
	}
	// every parameter that is described is taken, and the page says so
	for _, p := range op.Parameters {
		if msg := s.get("/collections/parcels/items?" + p.Value.Name + "=%25%25").text; strings.Contains(msg, "parameter-unknown") {
			t.Errorf("%s is described and refused", p.Value.Name)
		}
	}
}

func TestQueryables_SayWhatOldAndNewClientsNeed(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for id := range every {
		a := s.must(s.must("/collections/"+id).link("http://www.opengis.net/def/rel/ogc/1.0/queryables", "application/schema+json"))
		properties := a.json["properties"].(map[string]any)
		geom := properties["geom"].(map[string]any)
		if geom["$ref"] != "https://geojson.org/schema/MultiPolygon.json" || geom["format"] != "geometry-multipolygon" || geom["x-ogc-role"] != "primary-geometry" || geom["type"] != nil {
			t.Errorf("%s: %v", id, geom)
		}
		schema := s.must(s.must("/collections/"+id).link("http://www.opengis.net/def/rel/ogc/1.0/schema", "")).json["properties"].(map[string]any)
		if role := schema["id"].(map[string]any); role["x-ogc-role"] != "id" || role["readOnly"] != true {
			t.Errorf("%s: %v", id, role)
		}
		// the schema lists every property that features have, each with a Chinese title
		for name := range s.must("/collections/" + id + "/items").features()[0]["properties"].(map[string]any) {
			f, _ := schema[name].(map[string]any)
			if title, _ := f["title"].(string); title == "" || title == name {
				t.Errorf("%s.%s: %v", id, name, f)
			}
		}
	}
}

// What filters and parameters select, counted from the way the mesh is made.
func TestItems_Select(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const epsg = "http://www.opengis.net/def/crs/EPSG/0/"
	c := corner(s.must("/collections/parcels/items?limit=1"))
	for _, tc := range []struct {
		collection string
		query      url.Values
		want       int
	}{
		{"parcels", url.Values{"DLBM": {"0305"}}, 250},
		{"parcels", url.Values{"DLBM": {"0305"}, "GDDB": {"1"}}, 84},
		{"parcels", url.Values{"TBMJ": {"9999.50"}, "limit": {"1"}}, parcels},
		{"parcels", url.Values{"DLBM": {"' OR '1'='1"}}, 0},
		{"plan_parcels", url.Values{"chosen": {"true"}}, 4},
		{"candidates_in", url.Values{"year": {"2025"}}, 2},
		{"candidates_in", url.Values{"year": {"2024"}}, 0},
		{"parcels", url.Values{"filter": {`("DLBM" = '0305')`}}, 250},
		{"parcels", url.Values{"filter": {`((DLMC LIKE '灌%') AND ("GDDB" <= 2))`}}, 84},
		{"parcels", url.Values{"filter": {`("DLBM" NOT LIKE '03%') AND "TBMJ" BETWEEN 1 AND 10000`}}, 2250},
		{"parcels", url.Values{"filter": {`BSM IN ('000000000000000001','000000000000000002')`}}, 2},
		{"parcels", url.Values{"filter": {`BZ IS NULL`}, "DLBM": {"0305"}}, 250},
		{"parcels", url.Values{"filter": {fmt.Sprintf("S_INTERSECTS(geom,POINT(%f %f))", c[0]+1e-4, c[1]+1e-4)}}, 1},
		{"parcels", url.Values{"filter": {fmt.Sprintf("S_INTERSECTS(geometry,POINT(%f %f))", c[1]+1e-4, c[0]+1e-4)}, "filter-crs": {epsg + "4490"}, "filter-lang": {"cql2-text"}}, 1},
		{"parcels", url.Values{"filter": {"S_INTERSECTS(geom,BBOX(4000010,510010,4000090,510190))"}, "filter-crs": {epsg + "4546"}}, 2},
		{"parcels", url.Values{"filter": {"S_INTERSECTS(geom,BBOX(4000010,37510010,4000090,37510190))"}, "filter-crs": {epsg + "4525"}}, 2},
		{"findings", url.Values{"filter": {"clause = 'IN-01' AND direction = 'in'"}}, 2},
		{"findings", url.Values{"bbox": {fmt.Sprintf("%f,%f,%f,%f", c[0]-1, c[1]-1, c[0]+1, c[1]+1)}}, 2},
	} {
		a := s.must("/collections/" + tc.collection + "/items?" + tc.query.Encode())
		if got := a.number("numberMatched"); got != tc.want {
			t.Errorf("%s %v: %d, want %d", tc.collection, tc.query, got, tc.want)
		}
	}
	a := s.must("/collections/parcels/items?properties=DLBM,TBMJ")
	if got := fmt.Sprint(a.features()[0]["properties"]); got != "map[DLBM:0305 TBMJ:9999.5]" {
		t.Errorf("two properties: %s", got)
	}
}

func TestItems_RefuseWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const epsg = "http://www.opengis.net/def/crs/EPSG/0/"
	items := func(name, value string) string {
		return "/collections/parcels/items?" + url.Values{name: {value}}.Encode()
	}
	deep := strings.Repeat("(", 100_000) + "1=1" + strings.Repeat(")", 100_000)
	for name, tc := range map[string]struct {
		path   string
		status int
		says   string
	}{
		"unknown parameter":        {items("dlbm", "0101"), 400, "DLBM"},
		"unknown field in filter":  {items("filter", "nosuch = 1"), 400, "nosuch"},
		"unknown property":         {items("properties", "DLBM,x"), 400, "DLBM"},
		"not a number":             {items("TBMJ", "NaN"), 400, "TBMJ"},
		"a huge exponent":          {items("TBMJ", "1e999999"), 400, "TBMJ"},
		"not an integer":           {items("GDDB", "1.5"), 400, "GDDB"},
		"not a boolean":            {"/collections/plan_parcels/items?chosen=1", 400, "chosen"},
		"wrong type in filter":     {items("filter", "GDDB = 'a'"), 400, "过滤条件"},
		"broken filter":            {items("filter", "DLBM = "), 400, "过滤条件"},
		"filter of another tongue": {items("filter-lang", "ecql"), 400, "cql2-text"},
		"deep filter":              {items("filter", deep), 400, "过滤条件"},
		"injection in filter":      {items("filter", "DLBM = '1'; DROP TABLE parcel"), 400, "过滤条件"},
		"injection in a name":      {items(`DLBM" = '1' OR "x`, "1"), 400, "没有参数"},
		"injection in properties":  {items("properties", "DLBM') FROM parcel --"), 400, "没有字段"},
		"injection in a path":      {"/collections/parcels'%3B%20DROP%20TABLE%20parcel/items", 404, "parcels"},
		"injection in an id":       {"/collections/parcels/items/00000000000000aa.1%20OR%201=1", 404, ""},
		"injection in a version":   {"/collections/findings/items/x'.1", 404, ""},
		"zero byte":                {items("DLBM", "a\x00b"), 400, ""},
		"zero byte in an id":       {"/collections/parcels/items/a%00.1", 400, ""},
		"not UTF-8":                {items("DLBM", "\xff"), 400, ""},
		"broken escape":            {"/collections/parcels/items?DLBM=%zz", 400, ""},
		"twice":                    {"/collections/parcels/items?limit=1&limit=2", 400, "limit"},
		"bbox upside down":         {items("bbox", "111,37,112,36"), 400, "bbox"},
		"bbox of infinity":         {items("bbox", "-Inf,0,Inf,1"), 400, "bbox"},
		"bbox of five":             {items("bbox", "1,2,3,4,5"), 400, "bbox"},
		"plane bbox backwards":     {items("bbox", "4000000,520000,4000100,510000") + "&bbox-crs=" + url.QueryEscape(epsg+"4546"), 400, "bbox"},
		"wrong CRS":                {items("crs", epsg+"4547"), 400, "4546"},
		"wrong filter CRS":         {items("filter-crs", "x"), 400, "filter-crs"},
		"far offset":               {items("offset", "100001"), 400, "next"},
		"coarse by a negative":     {items("max-allowable-offset", "-1"), 400, "max-allowable-offset"},
		"coarse by nonsense":       {items("max-allowable-offset", "1,2"), 400, "max-allowable-offset"},
		"coarse, to be edited":     {"/collections/candidates_in/items?max-allowable-offset=5", 400, "可编辑"},
		"coarse in a file":         {"/collections/parcels/download?f=gpkg&max-allowable-offset=5", 400, "没有参数"},
		"cursor of nonsense":       {items("cursor", "%%%"), 400, "cursor"},
		"cursor of another layer":  {items("cursor", "eyJ2IjoiIiwiayI6WyIyMDI1IiwiYSJdfQ"), 400, "cursor"},
		"cursor of no version":     {items("cursor", "eyJ2IjoieCIsImsiOlsiMSJdfQ"), 400, "cursor"},
		"cursor and offset":        {items("cursor", "eyJ2IjoieCIsImsiOlsiMSJdfQ") + "&offset=5", 400, "offset"},
		"datetime backwards":       {items("datetime", "2026-01-01T00:00:00Z/2025-01-01T00:00:00Z"), 400, "datetime"},
		"datetime without ends":    {items("datetime", "/"), 400, "datetime"},
		"unknown format":           {items("f", "html"), 400, "json"},
		"limit of a feature":       {"/collections/parcels/items/00000000000000aa.1?limit=1", 400, "limit"},
		"wrong collection":         {"/collections/nosuch/items", 404, "parcels"},
		"lower case":               {"/collections/yjjbnttb", 404, "YJJBNTTB"},
		"no such feature":          {"/collections/parcels/items/00000000000000aa.99999", 404, ""},
		"id without a version":     {"/collections/parcels/items/1", 404, ""},
		"wrong county":             {s.URL + "/ogc/149999/collections", 404, "149999"},
		"no such address":          {"/nosuch", 404, ""},
	} {
		a := s.get(tc.path)
		if a.status != tc.status || !strings.Contains(a.text, tc.says) || a.header.Get("Content-Type") != "application/problem+json; charset=utf-8" {
			t.Errorf("%s: %d %.400s", name, a.status, a.text)
		}
		if strings.Contains(a.text, "SELECT") || strings.Contains(a.text, "SQLSTATE") {
			t.Errorf("%s tells of the database: %s", name, a.text)
		}
	}
	if a := s.get("/collections", accept("text/html")); a.status != 406 {
		t.Errorf("HTML: %d", a.status)
	}
	// coordinates beyond the projection are an answer or a refusal, never a failure
	for _, f := range []string{"S_INTERSECTS(geom,BBOX(-180,-90,180,90))", "S_INTERSECTS(geom,POINT(-69 0))", "S_INTERSECTS(geom,POINT(1e8 1e8))"} {
		if a := s.get(items("filter", f)); a.status >= 500 {
			t.Errorf("%s: %d %s", f, a.status, a.text)
		}
	}
	if a := s.must("/collections/parcels/items"); a.number("numberMatched") != parcels {
		t.Error("the parcels are no longer there")
	}
}

// A statement that takes too long is 503 and says when to come again.
func TestItems_TooSlowIs503(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	// what PostgreSQL says at the end of a statement's time, without the wait for it
	s.Exec(`ALTER TABLE parcel RENAME TO parcel_kept`)
	s.Exec(`CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57014', MESSAGE = 'canceling statement due to statement timeout'; END $$`)
	s.Exec(`CREATE VIEW parcel AS SELECT * FROM parcel_kept WHERE slow()`)
	a := s.get("/collections/parcels/items")
	if a.status != 503 || a.header.Get("Retry-After") == "" || !strings.Contains(a.text, "超时") {
		t.Errorf("%d %v %s", a.status, a.header, a.text)
	}
}

// Pages are read from an index: in order of the key without sorting, and by place.
func TestPlans_UseTheIndexes(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	gis := ogc.New()
	for name, tc := range map[string]struct {
		query url.Values
		index string
	}{
		"the first page": {url.Values{"limit": {"10"}}, "parcel_pkey"},
		"a later page":   {url.Values{"limit": {"10"}, "cursor": {cursorOf(s)}}, "parcel_pkey"},
		"a small bbox":   {url.Values{"bbox": {"111.11,36.13,111.112,36.131"}}, "parcel_geom"},
	} {
		sql, args, err := gis.PageSQL(t.Context(), s.DB.Pool, county, "parcels", tc.query)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.DB.Pool.Query(t.Context(), "EXPLAIN "+sql, args...)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan := strings.Join(lines, "\n")
		if err != nil || !strings.Contains(plan, tc.index) || name != "a small bbox" && strings.Contains(plan, "Sort") {
			t.Errorf("%s: %v\n%s", name, err, plan)
		}
	}
}

func cursorOf(s *service) string {
	s.T.Helper()
	u, err := url.Parse(s.must("/collections/parcels/items?limit=10").link("next", ""))
	if err != nil {
		s.T.Fatal(err)
	}
	return u.Query().Get("cursor")
}
