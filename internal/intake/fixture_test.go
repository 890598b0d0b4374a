package intake_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/fixture"
	"gengheng/internal/geodata"
	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/intake"
	"gengheng/internal/rulebook"
)

// delivered makes the synthetic county's files, and a county to load them into
// with the layers of the rulebook.
func deliveredCounty(t *testing.T, parcels int) (*county, *rulebook.Rulebook, string) {
	t.Helper()
	book, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "county")
	if err := fixture.Write(t.Context(), fixture.Options{Parcels: parcels, Seed: 1, Dir: dir, Child: geodatatest.Child(t)}); err != nil {
		t.Fatal(err)
	}
	c := newCounty(t)
	c.purposes, c.actors = book.Purposes, book.Actors
	for _, l := range book.Layers {
		if l.Form == rulebook.Polygons {
			c.layers[intake.Kind(l.Kind)] = intake.LayerFields{Name: l.Name, Code: l.Code, NameFields: l.NameFields, Level: l.Level}
		}
	}
	return c, book, dir
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// faultCodes are the codes under which the synthetic county's faults must be
// reported, by their kind.
var faultCodes = map[string]string{
	"bow_tie": "geometry_invalid", "sliver": "S17a", "gap": "S17c", "overlap": "S17b",
	"duplicate_points": "duplicate_points", "nan_coordinate": "coordinate_invalid", "infinite_coordinate": "coordinate_invalid",
	"no_geometry": "geometry_null", "class_unknown": "S01b", "class_name": "S01c", "ownership_unknown": "S02",
	"location_code_short": "S03a", "deduction_class": "S04", "ridge_on_forest": "S05", "slope_on_other_land": "S06b",
	"slope_missing": "S06c", "planting_missing": "S06d", "slope_type_missing": "S07a", "refinement_unknown": "S09a",
	"area_plane": "S18b", "net_area": "S19b", "key_twice": "S20c", "width_on_area": "S08", "built_up_unknown": "S16a",
	"dlmc_mismatch": "S01c", "tbmj_off": "S18b",
}

// Ensure that a whole synthetic county, made by another hand, loads in every
// format with the same versions, and that the report complains of what was
// planted in it and of nothing else.
func TestSyntheticCounty(t *testing.T) {
	c, book, dir := deliveredCounty(t, 3000)
	var datum struct {
		TOWGS84 [7]float64 `json:"towgs84"`
	}
	readJSON(t, filepath.Join(dir, "datum.json"), &datum)
	p := datum.TOWGS84
	shift := &geodata.DatumShift{DX: p[0], DY: p[1], DZ: p[2], RX: p[3], RY: p[4], RZ: p[5], DS: p[6]}
	kinds := []intake.Kind{intake.XZQ}
	for _, l := range book.Layers {
		if kind := intake.Kind(l.Kind); l.Form == rulebook.Polygons && kind != intake.XZQ && !strings.HasPrefix(l.Kind, "CANDIDATE") {
			kinds = append(kinds, kind)
		}
	}
	var truth fixture.Truth
	readJSON(t, filepath.Join(dir, "truth.json"), &truth)
	planted := map[string]bool{}
	for _, w := range truth.Warnings {
		for _, file := range []string{"DLTB.zip", "county.gdb.zip", "county.gpkg"} {
			planted[fmt.Sprintf("%s %s %s %s", file, intake.DLTB, faultCodes[w.Kind], w.BSM)] = false
		}
	}
	for _, candidate := range truth.Candidates {
		if candidate.Plant == "IN-09 declared twice, the other" {
			planted[fmt.Sprintf("%s_in.zip CANDIDATE_IN candidates_overlap %s", candidate.Township, candidate.BaseBSM)] = false
		}
		if candidate.Plant == "OUT-02 lake" || candidate.Plant == "OUT-06 construction" {
			planted[fmt.Sprintf("%s_out.zip CANDIDATE_OUT target_invalid %s", candidate.Township, candidate.BaseBSM)] = false
		}
	}
	take := func(req intake.Request) string {
		version := c.load(req).Version
		for _, issue := range c.rows(`SELECT concat_ws(' ', code, bsm) FROM dataset_issue WHERE dataset_id = $1 AND severity <> 'notice' ORDER BY seq`, req.DatasetID) {
			key := fmt.Sprintf("%s %s %s", req.FileName, req.Kind, issue)
			if bsm, ok := strings.CutPrefix(issue, "base_class "); ok {
				// parcels of several patches declare the class of one
				var others int
				c.scan(`SELECT count(*) FROM candidate c JOIN parcel p ON p.dlbm <> c.base_dlbm AND ST_Area(ST_Intersection(p.geom, c.geom)) > 10
					AND p.dataset_id = (SELECT dataset_id FROM dataset WHERE kind = 'DLTB' ORDER BY commit_seq DESC LIMIT 1)
					WHERE c.dataset_id = $1 AND c.base_bsm = $2`, []any{req.DatasetID, bsm}, &others)
				if others == 0 {
					t.Errorf("%s is reported, but its land is of the class declared", key)
				}
				continue
			}
			if _, ok := planted[key]; !ok {
				t.Errorf("nobody planted %s", key)
			}
			planted[key] = true
		}
		return version
	}
	for _, kind := range kinds {
		var versions []string
		for _, file := range []string{filepath.Join("zip", string(kind)+".zip"), filepath.Join("gdb", "county.gdb.zip"), filepath.Join("gpkg", "county.gpkg")} {
			req := c.request(kind, filepath.Join(dir, file))
			if kind == "TGHL" {
				req.Options.TOWGS84 = shift
			}
			versions = append(versions, take(req))
		}
		if len(slices.Compact(versions)) != 1 {
			t.Errorf("%s has versions %v in shapefile, geodatabase and GeoPackage", kind, versions)
		}
	}
	take(c.request("DEM", filepath.Join(dir, "dem", "DEM.tif")))
	if a, b := take(c.request("KCXS", filepath.Join(dir, "tables", "KCXS.csv"))), take(c.request("KCXS", filepath.Join(dir, "tables", "KCXS.xlsx"))); a != b {
		t.Errorf("the ridge table has version %s as CSV and %s as workbook", a, b)
	}
	for direction, kind := range map[string]intake.Kind{"in": intake.CandidateIn, "out": intake.CandidateOut} {
		files, err := filepath.Glob(filepath.Join(dir, "declarations", "*_"+direction+".zip"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no declarations: %v", err)
		}
		for _, file := range files {
			town, _, _ := strings.Cut(filepath.Base(file), "_")
			req := c.request(kind, file)
			c.setScope(&req, town)
			alone := take(req)
			req = c.request(kind, file)
			c.setScope(&req, town)
			req.Options.Workbook = strings.TrimSuffix(file, ".zip") + ".xlsx"
			if both := take(req); both != alone {
				t.Logf("%s: version %s without the workbook, %s with it", filepath.Base(file), alone, both)
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(planted)) {
		if !planted[k] {
			t.Errorf("%s is not reported", k)
		}
	}
}

// Ensure that each planted defect of the synthetic survey is found on its row,
// under the code of its kind.
func TestPlantedDefects(t *testing.T) {
	c, _, dir := deliveredCounty(t, 3000)
	var planted struct {
		Faults []fixture.Fault `json:"faults"`
	}
	readJSON(t, filepath.Join(dir, "defects", "defects.json"), &planted)
	req := c.request("DLTB", filepath.Join(dir, "defects", "DLTB_defects.zip"))
	req.Options.Layer = "DLTB_defects"
	c.refuse(req)
	report := c.issues(req)
	for _, f := range planted.Faults {
		code, known := faultCodes[f.Kind]
		if !known {
			t.Errorf("nobody knows how %s is to be reported", f.Kind)
			continue
		}
		found := slices.ContainsFunc(report, func(line string) bool {
			parts := strings.Fields(line)
			return parts[1] == code && (parts[2] == fmt.Sprint(f.Row) || f.Kind == "key_twice") // either row may be named
		})
		if f.Kind == "gap" || f.Kind == "overlap" {
			c.scan(`SELECT count(*) > 0 FROM dataset_issue WHERE dataset_id = $1 AND code = $2 AND (x - $3) ^ 2 + (y - $4) ^ 2 < 40000
				AND abs(substring(message_zh from '([0-9.]+) m²')::numeric - $5::text::numeric) <= 0.05`,
				[]any{req.DatasetID, code, f.X, f.Y, fmt.Sprint(f.AreaM2)}, &found)
		}
		if !found {
			t.Errorf("%s of row %d is not reported as %s", f.Kind, f.Row, code)
		}
	}
}
