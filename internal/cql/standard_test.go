package cql_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gengheng/internal/cql"
	"gengheng/internal/store/storetest"
)

// exampleFields are the properties that the standard's examples name, by kind.
var exampleFields = map[cql.Kind]string{
	cql.Text: `city name cityName road_class etat_vol landsat:scene_id eo:instrument beamMode swathDirection
		polarization owner material geophys:SURVEY_NAME id`,
	cql.Number: `balance depth category vehicle_height bridge_clearance eo:cloud_cover landsat:wrs_row landsat:wrs_path
		floors taxes value foo bar x`,
	cql.Boolean:   `swimming_pool`,
	cql.Date:      `built`,
	cql.Timestamp: `updated event_time touchdown liftOff starts_at ends_at updated_at`,
	cql.Geometry:  `geometry road footprint location`,
}

// refusedExamples are those of the standard that we refuse, and why.
var refusedExamples = map[string]struct {
	code cql.Code
	why  string
}{
	"clause6_01.txt":      {cql.CodeFunction, "avg is a function of the example's server, and no condition"},
	"clause6_02b.txt":     {cql.CodeFunction, "avg is a function of the example's server"},
	"clause7_18.txt":      {cql.CodeFunction, "Buffer is a function of the example's server"},
	"example68.txt":       {cql.CodeFunction, "Foo is a function of the example's server"},
	"example69.txt":       {cql.CodeFunction, "Bar is a function of the example's server"},
	"clause7_15.txt":      {cql.CodeFunction, "no field is an array"},
	"example79.txt":       {cql.CodeFunction, "no field is an array"},
	"example80.txt":       {cql.CodeFunction, "no field is an array"},
	"example81.txt":       {cql.CodeFunction, "no field is an array"},
	"example82.txt":       {cql.CodeFunction, "no field is an array"},
	"example03.txt":       {cql.CodeType, "the path is a number in other examples, here text"},
	"example40.txt":       {cql.CodeType, "value is a number in other examples, here text"},
	"example40-alt01.txt": {cql.CodeType, "value is a number in other examples, here text"},
	"example84.txt":       {cql.CodeGeometry, "PostGIS compares no collections of points, lines and polygons"},
}

// TestStandardExamples reads every text example of the standard, and runs on
// PostGIS what is accepted.
func TestStandardExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/ogc-21-065r2/*.txt")
	if err != nil || len(files) != 120 {
		t.Fatalf("found %d examples, want 120 (%v)", len(files), err)
	}
	db := storetest.Empty(t)
	if _, err := db.Pool.Exec(t.Context(), `CREATE EXTENSION IF NOT EXISTS postgis`); err != nil {
		t.Fatal(err)
	}
	// Values, not NULL: most functions of PostGIS give up on NULL at once.
	values := map[cql.Kind]string{
		cql.Text: "'brick'::text", cql.Number: "7.5::float8", cql.Boolean: "true", cql.Date: "'2016-02-29'::date",
		cql.Timestamp: "'2005-01-10T01:01:01.5Z'::timestamptz", cql.Geometry: "ST_GeomFromText('MULTIPOLYGON(((0 0,9 0,9 9,0 0)))')",
	}
	var queryables []cql.Queryable
	for kind, names := range exampleFields {
		for _, name := range strings.Fields(names) {
			queryables = append(queryables, cql.Queryable{Name: name, Kind: kind, Column: values[kind]})
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		f, err := cql.Parse(string(text), queryables, cql.Options{})
		if refused, ok := refusedExamples[name]; ok {
			var e *cql.Error
			if !errors.As(err, &e) || e.Code != refused.code {
				t.Errorf("%s: %v, want a refusal %s: %s", name, err, refused.code, refused.why)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %s: %v", name, text, err)
			continue
		}
		condition, args := f.SQL(nil)
		if _, err := db.Pool.Exec(t.Context(), `SELECT 1 WHERE `+condition, args...); err != nil {
			t.Errorf("%s: %s: %v", name, condition, err)
		}
	}
}
