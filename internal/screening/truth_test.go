package screening_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/fixture"
	"gengheng/internal/geodata"
	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/intake"
	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
	"gengheng/internal/store/storetest"
)

// delivered is a county's data as files, by kind; one format for the layers.
type delivery struct {
	name string
	file func(kind string) (path, layer string)
}

// load takes every file of the synthetic county in.
func (d delivery) load(t *testing.T, dir, child string, book *rulebook.Rulebook) *county {
	t.Helper()
	c := &county{t: t, db: storetest.New(t), year: fixture.County.Year}
	c.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4)`, book.Hash, book.ID, book.Year, string(book.Document))
	c.exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, $2, $3, true, $4)`, fixture.County.Code, fixture.County.Name, fixture.County.SRID, book.Hash)
	layers := map[intake.Kind]intake.LayerFields{}
	for _, l := range book.Layers {
		layers[intake.Kind(l.Kind)] = intake.LayerFields{Name: l.Name, Code: l.Code, NameFields: l.NameFields, Level: l.Level, LevelOptional: true}
	}
	take := func(kind, scope, path string, options intake.Options) {
		t.Helper()
		req := intake.Request{County: fixture.County.Code, DatasetID: uuid.New(), Kind: intake.Kind(kind), Year: c.year, Scope: scope,
			Path: path, FileName: filepath.Base(path), Options: options, Layers: layers}
		req.Options.Child = child
		upload := uuid.New()
		c.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, $3, 0, '')`, fixture.County.Code, upload, req.FileName)
		c.exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, scope, status, upload_id, file_name, file_sha256) VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, '')`,
			fixture.County.Code, req.DatasetID, kind, c.year, scope, upload, req.FileName)
		if _, err := intake.Load(t.Context(), c.db, req, nil); err != nil {
			t.Fatalf("load %s from %s: %v", kind, path, err)
		}
	}
	datum := readDatum(t, dir)
	for _, l := range book.Layers {
		if l.Form != rulebook.Polygons || strings.HasPrefix(l.Kind, "CANDIDATE") {
			continue
		}
		path, layer := d.file(l.Kind)
		options := intake.Options{Layer: layer}
		if l.Kind == "TGHL" {
			options.TOWGS84 = datum
		}
		take(l.Kind, "", path, options)
	}
	take("DEM", "", filepath.Join(dir, "dem", "DEM.tif"), intake.Options{})
	take("KCXS", "", filepath.Join(dir, "tables", "KCXS.csv"), intake.Options{})
	for direction, kind := range map[string]string{"in": "CANDIDATE_IN", "out": "CANDIDATE_OUT"} {
		files, err := filepath.Glob(filepath.Join(dir, "declarations", "*_"+direction+".zip"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no declarations: %v", err)
		}
		for _, f := range files {
			town, _, _ := strings.Cut(filepath.Base(f), "_")
			take(kind, town, f, intake.Options{})
		}
	}
	return c
}

func readDatum(t *testing.T, dir string) *geodata.DatumShift {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "datum.json"))
	if err != nil {
		t.Fatal(err)
	}
	var datum struct {
		TOWGS84 []float64 `json:"towgs84"`
	}
	if err := json.Unmarshal(text, &datum); err != nil || len(datum.TOWGS84) != 7 {
		t.Fatalf("datum.json: %v %s", err, text)
	}
	p := datum.TOWGS84
	return &geodata.DatumShift{DX: p[0], DY: p[1], DZ: p[2], RX: p[3], RY: p[4], RZ: p[5], DS: p[6]}
}

// TestFindsEveryPlantedConflict carries the synthetic county through in three
// formats: the planted conflicts are found, no others, and the format makes no
// difference to a single byte.
func TestFindsEveryPlantedConflict(t *testing.T) {
	if testing.Short() {
		t.Skip("loads a county three times")
	}
	book, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	child := geodatatest.Child(t)
	dir := filepath.Join(t.TempDir(), "county")
	if err := fixture.Write(t.Context(), fixture.Options{Parcels: 3000, Seed: 1, Dir: dir, Child: child}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var truth fixture.Truth
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	if len(truth.NotPlanted) > 0 {
		t.Errorf("not planted: %v", truth.NotPlanted)
	}
	var first []byte
	for _, d := range []delivery{
		{"shapefiles", func(kind string) (string, string) { return filepath.Join(dir, "zip", kind+".zip"), "" }},
		{"geodatabase", func(kind string) (string, string) { return filepath.Join(dir, "gdb", "county.gdb.zip"), kind }},
		{"GeoPackage", func(kind string) (string, string) { return filepath.Join(dir, "gpkg", "county.gpkg"), kind }},
	} {
		c := d.load(t, dir, child, book)
		a := c.screen()
		bytesOf := c.export(a.run)
		if first == nil {
			first = bytesOf
			a.compare(truth)
			agree(t, c, a.run, c.screenWith(screening.EnginePostGIS))
		} else if !bytes.Equal(first, bytesOf) {
			t.Errorf("the %s gives other findings than the shapefiles: %s", d.name, firstDifference(first, bytesOf))
		}
	}
}

func firstDifference(a, b []byte) string {
	x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d\n%.1500s\n%.1500s", i+1, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(y), len(x))
}

// compare holds the answers to the truth, candidate by candidate.
func (a *answers) compare(truth fixture.Truth) {
	a.t.Helper()
	if len(truth.Candidates) != len(a.verdicts) {
		a.t.Errorf("%d verdicts for %d candidates", len(a.verdicts), len(truth.Candidates))
	}
	planted := 0
	for _, want := range truth.Candidates {
		key := want.Number
		v := a.verdicts[key]
		if v.Verdict != want.Verdict {
			a.t.Errorf("%s (%s %s): verdict %s, want %s; findings %v", key, want.Direction, want.Plant, v.Verdict, want.Verdict, a.said(key))
		}
		if math.Abs(number(a.t, v.Area)-number(a.t, want.AreaM2)) > 0.05 {
			a.t.Errorf("%s: area %s, want %s", key, v.Area, want.AreaM2)
		}
		got := map[string]findingRow{}
		for _, f := range a.findings[key] {
			if f.Outcome != "note" {
				got[fmt.Sprintf("%s/%d %s %s", f.Clause, f.Check, f.Outcome, f.Layer)] = f
			}
		}
		for _, k := range want.Conflicts {
			planted++
			name := fmt.Sprintf("%s/%d %s %s", k.Clause, k.Check, k.Outcome, k.Layer)
			f, ok := got[name]
			if !ok {
				a.t.Errorf("%s (%s): %s not found among %v", key, want.Plant, name, a.said(key))
				continue
			}
			delete(got, name)
			if (k.AreaM2 == "") != (f.Overlap == nil) {
				a.t.Errorf("%s (%s): %s has area %v, want %q", key, want.Plant, name, f.Overlap, k.AreaM2)
				continue
			}
			if k.AreaM2 == "" {
				continue
			}
			if m2, exact := number(a.t, *f.Overlap), number(a.t, k.AreaM2); math.Abs(m2-exact) > max(0.05, 1e-6*exact) {
				a.t.Errorf("%s (%s): %s of %.2f m², by construction %.6f", key, want.Plant, name, m2, exact)
			}
		}
		if len(got) > 0 {
			a.t.Errorf("%s (%s %s): findings without a conflict: %v", key, want.Direction, want.Plant, slices.Sorted(maps.Keys(got)))
		}
	}
	a.t.Logf("%d candidates, %d planted findings", len(truth.Candidates), planted)
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
