package esri_test

import (
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/api/countytest"
	"gengheng/internal/land"
)

// What a client finds out before it draws anything.
func TestDescribe(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	if v := s.ask(s.URL+"/arcgis/"+county+"/rest/info", nil, "f", "json"); v["currentVersion"] == nil || v.at("authInfo", "isTokenBasedSecurity") != false {
		t.Errorf("info: %v", v)
	}
	if v := s.must("", "f", "json"); v.at("services", 0, "name") != "gengheng" || v.at("services", 0, "type") != "FeatureServer" {
		t.Errorf("catalogue: %v", v)
	}
	root := s.must(server, "f", "pjson")
	if root.at("spatialReference", "wkid") != 4546.0 || root["capabilities"] != "Query,Create,Update,Delete,Editing" || root["copyrightText"] == "" || len(root.list("layers")) != 8 {
		t.Errorf("service: %v", root)
	}
	if n := len(s.must(server + "/layers").list("layers")); n != 8 {
		t.Errorf("%d layers", n)
	}
	v := s.must(server + survey)
	if v["objectIdField"] != "OBJECTID" || v.at("uniqueIdField", "name") != "OBJECTID" || v["geometryType"] != "esriGeometryPolygon" || v["maxRecordCount"] != 2000.0 ||
		v["capabilities"] != "Query" || v["hasAttachments"] != false || v.at("advancedQueryCapabilities", "supportsPagination") != true ||
		v.at("drawingInfo", "renderer", "type") == nil || v["supportedQueryFormats"] != "JSON, geoJSON" {
		t.Errorf("layer: %v", v)
	}
	if v.at("drawingInfo", "renderer", "type") != "uniqueValue" || v.at("drawingInfo", "renderer", "field1") != "DLBM" || len(v.list("drawingInfo", "renderer", "uniqueValueInfos")) < 56 ||
		len(v.list("drawingInfo", "renderer", "uniqueValueInfos", 0, "symbol", "color")) != 4 {
		t.Errorf("renderer: %v", v.at("drawingInfo", "renderer"))
	}
	if v.at("extent", "xmin") != x0 || v.at("extent", "ymax") != y0+5000 || v.at("extent", "spatialReference", "latestWkid") != 4546.0 {
		t.Errorf("extent: %v", v["extent"])
	}
	field := func(name string) map[string]any {
		for _, f := range v.list("fields") {
			if m, _ := f.(map[string]any); m["name"] == name {
				return m
			}
		}
		return nil
	}
	if f := field("OBJECTID"); f["type"] != "esriFieldTypeOID" {
		t.Errorf("%v", f)
	}
	f := field("DLBM")
	values, _ := f["domain"].(map[string]any)["codedValues"].([]any)
	if f["alias"] != "地类编码" || f["type"] != "esriFieldTypeString" || !slices.ContainsFunc(values, func(v any) bool {
		m, _ := v.(map[string]any)
		return m["code"] == "0101" && m["name"] == "0101 水田"
	}) {
		t.Errorf("%v", f)
	}
	if f := field("TBMJ"); f["type"] != "esriFieldTypeDouble" || f["alias"] != "图斑面积" || f["domain"] != nil {
		t.Errorf("%v", f)
	}
}

// The forms of a query and what they give.
func TestQuery_Forms(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const box = `{"xmin":510110,"ymin":4000110,"xmax":510190,"ymax":4000190,"spatialReference":{"wkid":4546}}`
	for name, tc := range map[string]struct {
		pairs []string
		count int
	}{
		"everything":            {[]string{"where", "1=1"}, parcels},
		"nothing said":          {nil, parcels},
		"a field":               {[]string{"where", "DLBM = '0305'"}, parcels / 10},
		"its name in any case":  {[]string{"where", "dlbm='0305'"}, parcels / 10},
		"Chinese text":          {[]string{"where", "DLMC LIKE '灌木%'"}, parcels / 10},
		"numbers":               {[]string{"where", "OBJECTID BETWEEN 10 AND 19 AND GDDB <> 1"}, 9},
		"a list":                {[]string{"objectIds", "3, 5,7,99999"}, 3},
		"a list in the form":    {[]string{"objectIds", "[3,5]"}, 2},
		"an envelope":           {[]string{"geometry", box, "geometryType", "esriGeometryEnvelope"}, 1},
		"an envelope, short":    {[]string{"geometry", "510110,4000110,510190,4000190", "geometryType", "esriGeometryEnvelope"}, 1},
		"boxes that touch":      {[]string{"geometry", "510100,4000100,510200,4000200", "spatialRel", "esriSpatialRelEnvelopeIntersects"}, 9},
		"the zone with number":  {[]string{"geometry", "37510110,4000110,37510190,4000190", "inSR", "4525"}, 1},
		"another zone":          {[]string{"geometry", `{"xmin":239000,"ymin":4000000,"xmax":241500,"ymax":4012000}`, "inSR", "4547", "spatialRel", "esriSpatialRelEnvelopeIntersects"}, -1},
		"degrees":               {[]string{"geometry", "111.1115,36.1305,111.1116,36.1306", "inSR", "4326"}, 1},
		"degrees of CGCS2000":   {[]string{"geometry", "111.1115,36.1305,111.1116,36.1306", "inSR", `{"wkid":4490}`}, 1},
		"Web Mercator":          {[]string{"geometry", "12368000,4300000,12376000,4320000", "inSR", "102100"}, -1},
		"a point":               {[]string{"geometry", "510150,4000150", "geometryType", "esriGeometryPoint"}, 1},
		"a point in JSON":       {[]string{"geometry", `{"x":510150,"y":4000150}`, "geometryType", "esriGeometryPoint"}, 1},
		"points":                {[]string{"geometry", `{"points":[[510150,4000150],[510350,4000150]]}`, "geometryType", "esriGeometryMultipoint"}, 2},
		"a line":                {[]string{"geometry", `{"paths":[[[510050,4000150],[510450,4000150]]]}`, "geometryType", "esriGeometryPolyline"}, 5},
		"a line that crosses":   {[]string{"geometry", `{"paths":[[[510050,4000150],[510450,4000150]]]}`, "spatialRel", "esriSpatialRelCrosses"}, 5},
		"a polygon":             {[]string{"geometry", `{"rings":[[[510110,4000110],[510110,4000290],[510290,4000290],[510290,4000110],[510110,4000110]]]}`}, 4},
		"a polygon with a hole": {[]string{"geometry", `{"rings":[[[510010,4000010],[510010,4000290],[510290,4000290],[510290,4000010],[510010,4000010]],[[510090,4000090],[510210,4000090],[510210,4000210],[510090,4000210],[510090,4000090]]]}`}, 8},
		"it contains":           {[]string{"geometry", "510050,4000050,510350,4000250", "spatialRel", "esriSpatialRelContains"}, 2},
		"it lies within":        {[]string{"geometry", "510110,4000110,510190,4000190", "spatialRel", "esriSpatialRelWithin"}, 1},
		"it touches":            {[]string{"geometry", "510100,4000100,510200,4000200", "spatialRel", "esriSpatialRelTouches"}, 8},
		"it overlaps":           {[]string{"geometry", "510050,4000050,510150,4000150", "spatialRel", "esriSpatialRelOverlaps"}, 4},
		"place and field":       {[]string{"geometry", "510001,4000001,510999,4000099", "where", "DLBM='0101'"}, 9},
	} {
		for _, path := range []string{server + survey + "/query", "+" + server + survey + "/query"} {
			v := s.ask(path, nil, append([]string{"returnCountOnly", "true", "f", "json", "token", "", "_ts", "1"}, tc.pairs...)...)
			n, ok := v["count"].(float64)
			if !ok || tc.count >= 0 && int(n) != tc.count || tc.count < 0 && (n <= 0 || n >= parcels) {
				t.Errorf("%s: %v, want %d", name, v, tc.count)
			}
		}
	}
}

// Every client pages in one of two ways: by offset while there is more, or by the
// numbers of all.
func TestQuery_Pages(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	seen := map[any]bool{}
	for offset, more := 0, true; more; {
		v := s.must(server+survey+"/query", "where", "1=1", "outFields", "BSM", "resultOffset", fmt.Sprint(offset), "returnGeometry", "false")
		for _, bsm := range v.attributes("BSM") {
			seen[bsm] = true
		}
		if v.at("features", 0, "geometry") != nil {
			t.Fatal("there is a geometry")
		}
		offset += len(v.list("features"))
		more = v["exceededTransferLimit"] == true
	}
	ids := s.must(server+survey+"/query", "where", "1=1", "returnIdsOnly", "true")
	if len(seen) != parcels || len(ids.list("objectIds")) != parcels || ids["objectIdFieldName"] != "OBJECTID" {
		t.Errorf("%d by offset, %d numbers", len(seen), len(ids.list("objectIds")))
	}
	if v := s.must(server+survey+"/query", "where", "1=1", "resultRecordCount", "3", "orderByFields", "TBMJ desc, OBJECTID DESC", "outFields", "*"); !reflect.DeepEqual(v.attributes("OBJECTID"), []any{2499.0, 2498.0, 2497.0}) || v["exceededTransferLimit"] != true || len(v.list("fields")) < 20 {
		t.Errorf("ordered: %v", v.attributes("OBJECTID"))
	}
	if v := s.must(server+survey+"/query", "where", "1=1", "returnExceededLimitFeatures", "false"); len(v.list("features")) != 0 || v["exceededTransferLimit"] != true {
		t.Errorf("too many: %d", len(v.list("features")))
	}
}

// Rings run as Esri has it: the outer one clockwise, holes the other way; and the
// coordinates are x, y in every system.
func TestQuery_Geometry(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	s.Exec(`UPDATE parcel SET geom = ST_Multi(ST_GeomFromText('POLYGON((510000 4000000,510100 4000000,510100 4000100,510000 4000100,510000 4000000),(510020 4000020,510020 4000040,510040 4000040,510040 4000020,510020 4000020))', 4546)) WHERE fid = 0`)
	one := func(pairs ...string) answer {
		return s.must(server+survey+"/query", append([]string{"objectIds", "0"}, pairs...)...)
	}
	v := one("f", "json")
	if v.at("spatialReference", "wkid") != 4546.0 || len(v.list("features", 0, "geometry", "rings")) != 2 || turn(v.list("features", 0, "geometry", "rings", 0)) >= 0 || turn(v.list("features", 0, "geometry", "rings", 1)) <= 0 {
		t.Errorf("rings: %v", v.at("features", 0, "geometry"))
	}
	home, _ := land.ByEPSG(4546)
	next, _ := land.ByEPSG(4547)
	east, north := next.Project(home.Geographic(x0, y0))
	for sr, want := range map[string][3]float64{"4490": {111.1110, 36.1301, 4490}, "4326": {111.1110, 36.1301, 4326}, "102100": {12368823, 4318480, 102100}, "3857": {12368823, 4318480, 102100},
		"4525": {37510000, 4000000, 4525}, `{"wkid":4546}`: {510000, 4000000, 4546}, "4547": {east, north, 4547}} {
		v := one("outSR", sr)
		p := corner(v)
		if math.Abs(p[0]-want[0])/want[0] > 1e-4 || math.Abs(p[1]-want[1])/want[1] > 1e-3 || v.at("spatialReference", "wkid") != want[2] {
			t.Errorf("outSR %s: %v %v, want %v", sr, p, v["spatialReference"], want)
		}
	}
	g := one("f", "geojson")
	if g["type"] != "FeatureCollection" || g.at("features", 0, "id") != 0.0 || turn(g.list("features", 0, "geometry", "coordinates", 0, 0)) <= 0 || turn(g.list("features", 0, "geometry", "coordinates", 0, 1)) >= 0 {
		t.Errorf("GeoJSON: %v", g)
	}
	q := one("quantizationParameters", `{"mode":"view","originPosition":"upperLeft","tolerance":10,"extent":{"xmin":510000,"ymin":4000000,"xmax":515000,"ymax":4005000}}`)
	if got := fmt.Sprint(q.at("features", 0, "geometry", "rings", 0)); got != "[[0 500] [0 -10] [10 0] [0 10] [-10 0]]" || fmt.Sprint(q.at("transform", "translate")) != "[510000 4.005e+06]" {
		t.Errorf("quantised: %s %v", got, q["transform"])
	}
	if v := one("outSR", "4326", "geometryPrecision", "2"); corner(v)[0] != 111.11 {
		t.Errorf("two decimals: %v", corner(v))
	}
	if v := one("maxAllowableOffset", "50"); len(v.list("features", 0, "geometry", "rings", 0)) < 4 {
		t.Errorf("generalised away: %v", v)
	}
	// a finding without a place
	if v := s.must(server+finding+"/query", "where", "direction = 'out'"); len(v.list("features")) != 2 || v.at("features", 0, "geometry") != nil {
		t.Errorf("%v", v)
	}
}

// turn is twice the signed area of a ring: negative where it runs clockwise.
func turn(ring []any) float64 {
	sum := 0.0
	point := func(i int) (x, y float64) {
		p, _ := ring[i].([]any)
		x, _ = p[0].(float64)
		y, _ = p[1].(float64)
		return x, y
	}
	fx, fy := point(0)
	for i := 1; i < len(ring); i++ {
		ax, ay := point(i - 1)
		bx, by := point(i)
		sum += (ax-fx)*(by-fy) - (bx-fx)*(ay-fy)
	}
	return sum
}

// corner is the least x and y of the first feature.
func corner(a answer) [2]float64 {
	out := [2]float64{math.Inf(1), math.Inf(1)}
	for _, v := range a.list("features", 0, "geometry", "rings", 0) {
		p, _ := v.([]any)
		for i := range out {
			c, _ := p[i].(float64)
			out[i] = min(out[i], c)
		}
	}
	return out
}

func TestQuery_Statistics(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	at := server + survey + "/query"
	stats := `[{"statisticType":"sum","onStatisticField":"TBMJ","outStatisticFieldName":"面积"},{"statisticType":"count","onStatisticField":"OBJECTID","outStatisticFieldName":"n"},{"statisticType":"max","onStatisticField":"GDDB","outStatisticFieldName":"最大"}]`
	v := s.must(at, "where", "1=1", "outStatistics", stats, "groupByFieldsForStatistics", "DLBM", "orderByFields", "n desc")
	if fmt.Sprint(v.attributes("DLBM")) != "[0101 0305]" || fmt.Sprint(v.attributes("n")) != "[2250 250]" || v.attributes("面积")[1] != 250*9999.5 || v.attributes("最大")[0] != 15.0 {
		t.Errorf("%v", v["features"])
	}
	if v := s.must(at, "where", "DLBM='9999'", "outStatistics", stats); fmt.Sprint(v.attributes("n")) != "[0]" || v.attributes("面积")[0] != nil {
		t.Errorf("of nothing: %v", v["features"])
	}
	if v := s.must(at, "where", "1=1", "returnDistinctValues", "true", "outFields", "DLBM,DLMC", "returnGeometry", "false"); fmt.Sprint(v.attributes("DLMC")) != "[水田 灌木林地]" {
		t.Errorf("distinct: %v", v["features"])
	}
	if v := s.must(at, "returnDistinctValues", "true", "outFields", "GDDB", "returnCountOnly", "true"); v["count"] != 15.0 {
		t.Errorf("%v", v)
	}
	v = s.must(at, "where", "OBJECTID < 2", "returnExtentOnly", "true", "returnCountOnly", "true")
	if v["count"] != 2.0 || v.at("extent", "xmin") != x0 || v.at("extent", "xmax") != x0+200 || v.at("extent", "spatialReference", "wkid") != 4546.0 {
		t.Errorf("%v", v)
	}
	if v := s.must(at, "where", "OBJECTID < 0", "returnExtentOnly", "true"); v.at("extent", "xmin") != "NaN" {
		t.Errorf("%v", v)
	}
}

// Whatever cannot be answered as it is asked is refused with a sentence.
func TestQuery_Refused(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	deep := strings.Repeat("(", 4000) + "1=1" + strings.Repeat(")", 4000)
	for name, tc := range map[string]struct {
		pairs []string
		says  string
	}{
		"an unknown parameter":          {[]string{"time", "1,2"}, "time"},
		"an unknown field":              {[]string{"where", "NOSUCH = 1"}, "NOSUCH"},
		"an unknown field to show":      {[]string{"outFields", "BSM,NOSUCH"}, "NOSUCH"},
		"an unknown field to order by":  {[]string{"orderByFields", "NOSUCH"}, "NOSUCH"},
		"injection by order":            {[]string{"orderByFields", "BSM; DROP TABLE parcel"}, "DROP"},
		"injection by order, direction": {[]string{"orderByFields", "BSM DESC--"}, "DESC--"},
		"injection by a field":          {[]string{"outFields", `BSM",(SELECT 1)--`}, "没有字段"},
		"injection by where":            {[]string{"where", "1=1; DROP TABLE parcel"}, "过滤条件"},
		"injection by where, comment":   {[]string{"where", "BSM = '1' -- '"}, "过滤条件"},
		"injection by a function":       {[]string{"where", "pg_sleep(10) = 1"}, "pg_sleep"},
		"injection by a subquery":       {[]string{"where", "BSM IN (SELECT prefix FROM api_key)"}, "过滤条件"},
		"injection by a union":          {[]string{"where", "1=1 UNION SELECT 1"}, "过滤条件"},
		"injection by groups":           {[]string{"groupByFieldsForStatistics", "DLBM) x; --", "outStatistics", `[{"statisticType":"count","onStatisticField":"BSM","outStatisticFieldName":"n"}]`}, "没有字段"},
		"a wrong type":                  {[]string{"where", "TBMJ = '多'"}, "过滤条件"},
		"a wrong type, text":            {[]string{"where", "DLBM = 305"}, "过滤条件"},
		"a deep filter":                 {[]string{"where", deep}, "嵌套"},
		"a long filter":                 {[]string{"where", "BSM = '" + strings.Repeat("1", 9000) + "'"}, "字节"},
		"an unfinished filter":          {[]string{"where", "BSM = "}, "过滤条件"},
		"an unknown system":             {[]string{"outSR", "2435"}, "4546"},
		"an unknown system of a place":  {[]string{"geometry", "1,2,3,4", "inSR", `{"wkt":"GEOGCS[]"}`}, "wkid"},
		"degrees that are none":         {[]string{"geometry", `{"rings":[[[200,1],[200,2],[201,2],[200,1]]]}`, "inSR", "4326"}, "经纬度"},
		"a box the wrong way round":     {[]string{"geometry", "510190,4000190,510110,4000110"}, "下限大于上限"},
		"another type than it is":       {[]string{"geometry", "1,2", "geometryType", "esriGeometryPolygon"}, "esriGeometryPolygon"},
		"no geometry":                   {[]string{"geometry", "abc"}, "geometry"},
		"three numbers":                 {[]string{"geometry", "1,2,3"}, "2 个或 4 个"},
		"not a number":                  {[]string{"geometry", `{"x":"NaN","y":1}`}, "geometry"},
		"infinite":                      {[]string{"geometry", "NaN,NaN", "geometryType", "esriGeometryPoint"}, "坐标范围"},
		"curves":                        {[]string{"geometry", `{"curveRings":[[[1,1]]]}`}, "曲线"},
		"a ring of two":                 {[]string{"geometry", `{"rings":[[[510000,4000000],[510001,4000000]]]}`}, "顶点"},
		"an unknown relation":           {[]string{"geometry", "1,2,3,4", "spatialRel", "esriSpatialRelRelation"}, "esriSpatialRelRelation"},
		"a number that is none":         {[]string{"objectIds", "1,x"}, "x"},
		"a number too large":            {[]string{"objectIds", "99999999999"}, "99999999999"},
		"a negative page":               {[]string{"resultOffset", "-1"}, "resultOffset"},
		"a page that is no number":      {[]string{"resultRecordCount", "many"}, "many"},
		"no boolean":                    {[]string{"returnGeometry", "ja"}, "returnGeometry"},
		"pbf":                           {[]string{"f", "pbf"}, "pbf"},
		"html":                          {[]string{"f", "html"}, "html"},
		"centroids":                     {[]string{"returnCentroid", "true"}, "returnCentroid"},
		"a statistic of text":           {[]string{"outStatistics", `[{"statisticType":"sum","onStatisticField":"BSM","outStatisticFieldName":"n"}]`}, "BSM"},
		"an unknown statistic":          {[]string{"outStatistics", `[{"statisticType":"median","onStatisticField":"TBMJ","outStatisticFieldName":"n"}]`}, "median"},
		"statistics that are none":      {[]string{"outStatistics", "{"}, "outStatistics"},
		"groups of nothing":             {[]string{"groupByFieldsForStatistics", "DLBM"}, "outStatistics"},
		"distinct of what":              {[]string{"returnDistinctValues", "true"}, "outFields"},
		"a quantum of nothing":          {[]string{"quantizationParameters", `{"tolerance":-1}`}, "tolerance"},
		"another system's quantum":      {[]string{"quantizationParameters", `{"tolerance":1,"extent":{"xmin":0,"ymin":0,"xmax":1,"ymax":1,"spatialReference":{"wkid":4326}}}`}, "outSR"},
		"U+0000":                        {[]string{"where", "BSM = '\x00'"}, "空字符"},
		"twice":                         {[]string{"where", "1=1", "where", "2=2"}, "多次"},
	} {
		for _, way := range []string{"", "+"} {
			code, message := s.ask(way+server+survey+"/query", nil, tc.pairs...).failure()
			if code != 400 || !strings.Contains(message, tc.says) || strings.Contains(message, "SELECT t.") {
				t.Errorf("%s: %d %s", name, code, message)
			}
		}
	}
	for path, want := range map[string]int{server + "/77": 404, server + "/77/query": 404, server + "/x": 404, server + "/1/nosuch": 404, "/gengheng/MapServer": 404, "+" + server + "/1/nosuch/query": 404} {
		if code, message := s.ask(path, nil).failure(); code != want || message == "" {
			t.Errorf("%s: %d %s", path, code, message)
		}
	}
	var n int
	if err := s.DB.Pool.QueryRow(t.Context(), `SELECT count(*) FROM parcel`).Scan(&n); err != nil || n != parcels {
		t.Errorf("%d parcels left: %v", n, err)
	}
}

// A township sees its own rows whatever it asks for; a stranger sees nothing.
func TestAccess_RowsOfTheTownship(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	if code, _ := s.ask(server, nil).failure(); code != 499 {
		t.Errorf("a stranger: %d", code)
	}
	if code, _ := s.ask(server, func(r *http.Request) { r.Header.Set("Authorization", "Bearer gh_no") }).failure(); code != 498 {
		t.Errorf("a wrong key: %d", code)
	}
	every := map[string][2]float64{"/0": {2, 2}, "/1": {1250, parcels}, "/2": {1, 2}, "/3": {1, 2}, "/4": {2, 4}, "/5": {2, 4}, "/6": {2, 4}}
	for i, held := range []access.Capacity{{Role: access.TownshipClerk, County: county, Township: townA}, {Role: access.Auditor, County: county}} {
		key := s.key(held)
		for layer, want := range every {
			at := server + layer + "/query"
			if v := s.ask(at, key, "returnCountOnly", "true"); v["count"] != want[i] {
				t.Errorf("%s counts %v of layer %s, want %v", held, v, layer, want[i])
			}
			if n := len(s.ask(at, key, "returnIdsOnly", "true").list("objectIds")); float64(n) != want[i] {
				t.Errorf("%s: %d numbers of layer %s", held, n, layer)
			}
			if v := s.ask(at, key, "outStatistics", `[{"statisticType":"count","onStatisticField":"OBJECTID","outStatisticFieldName":"n"}]`); v.at("features", 0, "attributes", "n") != want[i] {
				t.Errorf("%s: statistics of layer %s: %v", held, layer, v)
			}
		}
		box := s.ask(server+survey, key)
		wide := []float64{y0 + 2500, y0 + 5000}[i]
		if box.at("extent", "ymax") != wide || box["capabilities"] != "Query" {
			t.Errorf("%s: extent %v", held, box["extent"])
		}
		if got := s.ask(server+ins, key)["capabilities"]; (got == "Query") != (held.Role == access.Auditor) {
			t.Errorf("%s may %v", held, got)
		}
	}
	// the number of another township's parcel gives nothing
	other := s.objectID(townB)
	if v := s.ask(server+ins+"/query", s.key(access.Capacity{Role: access.TownshipLead, County: county, Township: townA}), "objectIds", other); len(v.list("features")) != 0 || v["error"] != nil {
		t.Errorf("another township's: %v", v)
	}
	if code, _ := s.ask(server, s.key(access.Capacity{Role: access.Auditor, County: "149902"})).failure(); code != 403 {
		t.Errorf("another county's: %d", code)
	}
}

// objectID is the whole number of a township's candidate that goes in.
func (s *service) objectID(town string) string {
	s.T.Helper()
	var id string
	err := s.DB.Pool.QueryRow(s.T.Context(), `SELECT object_id::text FROM candidate_object WHERE county_code = $1 AND year = 2025 AND direction = 'in' AND number = $2`, county, "甲/"+town).Scan(&id)
	if err != nil {
		s.T.Fatal(err)
	}
	return id
}

// A declared parcel keeps its number in every version, and so does what is judged
// and planned of it.
func TestObjectID_StaysWithTheParcel(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	id := s.objectID(townA)
	dataset := s.Dataset("CANDIDATE_IN", townA, "later", 2025, 50, 2)
	s.Exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, purpose, area_m2, geom)
		SELECT $1, $2, i, 'in', CASE i WHEN 0 THEN '新' ELSE $3 END, $4, '种粮', 10000, `+countytest.Square+` FROM generate_series(0, 1) i`, county, dataset, "甲/"+townA, townA)
	v := s.must(server+ins+"/query", "where", "SBBH = '甲/"+townA+"'", "outFields", "SBBH")
	if fmt.Sprint(v.attributes("OBJECTID")) != "["+id+"]" {
		t.Errorf("%v, want %s", v.attributes("OBJECTID"), id)
	}
	if v := s.must(server+ins+"/query", "where", "OBJECTID = "+id, "outFields", "SBBH"); fmt.Sprint(v.attributes("SBBH")) != "[甲/"+townA+"]" {
		t.Errorf("by its number: %v", v["features"])
	}
	for _, layer := range []string{"/5", "/6"} {
		if v := s.must(server+layer+"/query", "objectIds", id, "outFields", "number,direction"); fmt.Sprint(v.attributes("number")) != "[甲/"+townA+"]" || v.attributes("direction")[0] != "in" {
			t.Errorf("layer %s: %v", layer, v["features"])
		}
	}
	ids := map[any]bool{}
	for _, layer := range []string{ins, outs} {
		for _, v := range s.must(server+layer+"/query", "returnIdsOnly", "true").list("objectIds") {
			ids[v] = true
		}
	}
	if len(ids) != 5 {
		t.Errorf("%d numbers of 5 parcels", len(ids))
	}
	var burnt, given int
	if err := pgx.BeginFunc(t.Context(), s.DB.Pool, func(tx pgx.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT last_value, (SELECT count(*) FROM candidate_object) FROM candidate_object_seq`).Scan(&burnt, &given)
	}); err != nil || burnt != given {
		t.Errorf("%d numbers taken for %d parcels: %v", burnt, given, err)
	}
}
