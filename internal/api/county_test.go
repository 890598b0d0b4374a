package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/client"
	"gengheng/internal/fixture"
	"gengheng/internal/geodata/geodatatest"
)

const year = 2025

// small is the small synthetic county, made once for all tests of the package.
var small struct {
	once  sync.Once
	dir   string
	child string
	err   error
}

// delivered is the county's folder; the first test that needs it pays for it.
func delivered(t *testing.T) string {
	t.Helper()
	small.once.Do(func() {
		small.child = geodatatest.Child(t)
		if small.dir, small.err = os.MkdirTemp("", "gengheng-county-"); small.err == nil {
			small.err = fixture.Write(context.Background(), fixture.Options{Parcels: 3000, Seed: 1, Dir: small.dir, Child: small.child})
		}
	})
	if small.err != nil {
		t.Fatal(small.err)
	}
	return small.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(small.dir)
	os.Exit(code)
}

// clerk is a client of a service with workers.
type clerk struct {
	*client.Client
	t   *testing.T
	dir string
	svc *service
}

func newClerk(t *testing.T) *clerk {
	t.Helper()
	dir := delivered(t)
	svc := newService(t, 2, small.child)
	c, err := client.New(svc.URL, fixture.County.Code)
	if err != nil {
		t.Fatal(err)
	}
	k := &clerk{Client: c, t: t, dir: dir, svc: svc}
	resp, err := c.Raw.PutCounty(t.Context(), c.County, client.CountyInput{Name: fixture.County.Name, Srid: fixture.County.SRID})
	must[client.County](t, resp, err, http.StatusOK)
	return k
}

func must[T any](t *testing.T, resp *http.Response, err error, status int) T {
	t.Helper()
	v, err := client.Decode[T](resp, err, status)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// send loads a file and returns the dataset and why it was refused, if it was.
func (k *clerk) send(path string, in client.DatasetInput) (client.Dataset, error) {
	k.t.Helper()
	in.Year = year
	a, err := k.Load(k.t.Context(), path, in)
	if err != nil {
		k.t.Fatal(err)
	}
	_, refusal := k.Wait(k.t.Context(), a.Job.JobId, nil)
	d, err := k.Dataset(k.t.Context(), a.Dataset.DatasetId)
	if err != nil {
		k.t.Fatal(err)
	}
	return d, refusal
}

func (k *clerk) must(path string, in client.DatasetInput) client.Dataset {
	k.t.Helper()
	d, err := k.send(path, in)
	if err != nil {
		k.t.Fatalf("%s: %v", filepath.Base(path), err)
	}
	return d
}

// layers lists the kinds of the delivered zips, the townships first.
func (k *clerk) layers() []string {
	k.t.Helper()
	zips, err := filepath.Glob(filepath.Join(k.dir, "zip", "*.zip"))
	if err != nil || len(zips) == 0 {
		k.t.Fatalf("no zips in %s (%v)", k.dir, err)
	}
	kinds := []string{"XZQ"}
	for _, z := range zips {
		if kind := strings.TrimSuffix(filepath.Base(z), ".zip"); kind != "XZQ" {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// loadLayers loads every layer but those left out, from the file that source
// names for a kind, and what is not a vector layer.
func (k *clerk) loadLayers(source func(kind string) (path, layer string), leaveOut ...string) map[string]client.Dataset {
	k.t.Helper()
	out := map[string]client.Dataset{}
	for _, kind := range k.layers() {
		if slices.Contains(leaveOut, kind) {
			continue
		}
		path, layer := source(kind)
		in := client.DatasetInput{Kind: kind}
		if layer != "" {
			in.Layer = &layer
		}
		out[kind] = k.must(path, in)
	}
	out["DEM"] = k.must(filepath.Join(k.dir, "dem", "DEM.tif"), client.DatasetInput{Kind: "DEM"})
	out["KCXS"] = k.must(filepath.Join(k.dir, "tables", "KCXS.csv"), client.DatasetInput{Kind: "KCXS"})
	return out
}

func (k *clerk) zips(kind string) (string, string) {
	return filepath.Join(k.dir, "zip", kind+".zip"), ""
}

func (k *clerk) loadDeclarations() {
	k.t.Helper()
	files, err := filepath.Glob(filepath.Join(k.dir, "declarations", "*.zip"))
	if err != nil || len(files) == 0 {
		k.t.Fatalf("no declarations in %s (%v)", k.dir, err)
	}
	for _, f := range files {
		township, direction, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".zip"), "_")
		k.must(f, client.DatasetInput{Kind: "CANDIDATE_" + strings.ToUpper(direction), Scope: &township})
	}
}

func (k *clerk) screen() client.Screening {
	k.t.Helper()
	resp, err := k.Raw.AddScreening(k.t.Context(), k.County, client.ScreeningInput{Year: year})
	a := must[client.ScreeningAccepted](k.t, resp, err, http.StatusAccepted)
	if _, err := k.Wait(k.t.Context(), a.Job.JobId, nil); err != nil {
		k.t.Fatal(err)
	}
	resp, err = k.Raw.GetScreening(k.t.Context(), k.County, a.Screening.RunId)
	return must[client.Screening](k.t, resp, err, http.StatusOK)
}

func (k *clerk) lines(run uuid.UUID) []byte {
	k.t.Helper()
	resp, err := k.Raw.GetFindingsLines(k.t.Context(), k.County, run)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		k.t.Fatalf("%s: %.200s (%v)", resp.Status, b, err)
	}
	return b
}

// truth is what the county's maker knows of a candidate by construction.
type truth struct {
	Candidates []struct {
		Number    string `json:"number"`
		Direction string `json:"direction"`
		Verdict   string `json:"verdict"`
		Conflicts []struct {
			Clause  string `json:"clause"`
			AreaM2  string `json:"area_m2"`
			Outcome string `json:"outcome"`
		} `json:"conflicts"`
	} `json:"candidates"`
}

func (k *clerk) truth() truth {
	k.t.Helper()
	b, err := os.ReadFile(filepath.Join(k.dir, "truth.json"))
	if err != nil {
		k.t.Fatal(err)
	}
	var v truth
	if err := json.Unmarshal(b, &v); err != nil {
		k.t.Fatal(err)
	}
	if len(v.Candidates) < 500 {
		k.t.Fatalf("truth.json knows %d candidates only", len(v.Candidates))
	}
	return v
}

// results reads every verdict and finding of a run through the API, page by
// page.
func (k *clerk) results(run uuid.UUID) (map[string]client.Verdict, map[string][]client.Finding) {
	k.t.Helper()
	verdicts, findings := map[string]client.Verdict{}, map[string][]client.Finding{}
	limit := 500
	for next := (*string)(nil); ; {
		resp, err := k.Raw.ListVerdicts(k.t.Context(), k.County, run, &client.ListVerdictsParams{Limit: &limit, After: next})
		page := must[client.VerdictPage](k.t, resp, err, http.StatusOK)
		for _, v := range page.Items {
			verdicts[string(v.Direction)+"/"+v.Number] = v
		}
		if next = page.Next; next == nil {
			if len(verdicts) != page.Total {
				k.t.Fatalf("%d verdicts in pages, %d in all", len(verdicts), page.Total)
			}
			break
		}
	}
	n := 0
	for next := (*int)(nil); ; {
		resp, err := k.Raw.ListFindings(k.t.Context(), k.County, run, &client.ListFindingsParams{Limit: &limit, After: next})
		page := must[client.FindingPage](k.t, resp, err, http.StatusOK)
		for _, f := range page.Items {
			key := string(f.Direction) + "/" + f.Number
			findings[key] = append(findings[key], f)
		}
		n += len(page.Items)
		if next = page.Next; next == nil {
			if n != page.Total {
				k.t.Fatalf("%d findings in pages, %d in all", n, page.Total)
			}
			return verdicts, findings
		}
	}
}

func TestCounty_EveryPlantedConflictIsFound(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.loadLayers(k.zips)
	k.loadDeclarations()
	run := k.screen()
	verdicts, findings := k.results(run.RunId)
	planted, clauses := 0, map[string]bool{}
	for _, c := range k.truth().Candidates {
		key := c.Direction + "/" + c.Number
		if got := string(verdicts[key].Verdict); got != c.Verdict {
			t.Errorf("%s: verdict %s, want %s (%v)", key, got, c.Verdict, verdicts[key].Reasons)
		}
		var want, got []string
		for _, x := range c.Conflicts {
			want = append(want, x.Clause+" "+x.Outcome)
			clauses[x.Clause] = true
			planted++
		}
		for _, f := range findings[key] {
			if f.Outcome == client.Note {
				continue
			}
			got = append(got, f.Clause+" "+string(f.Outcome))
		}
		slices.Sort(want)
		slices.Sort(got)
		if want, got = slices.Compact(want), slices.Compact(got); !slices.Equal(want, got) {
			t.Errorf("%s: findings %v, want %v", key, got, want)
			continue
		}
		for _, x := range c.Conflicts {
			if err := sameArea(x.AreaM2, x.Clause, x.Outcome, findings[key]); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	if len(verdicts) != len(k.truth().Candidates) || planted < 100 || len(clauses) < 20 {
		t.Errorf("%d verdicts for %d candidates, %d planted conflicts on %d clauses", len(verdicts), len(k.truth().Candidates), planted, len(clauses))
	}
	k.judgeByAnotherTolerance(run, findings)
	k.readMetrics(len(verdicts), run)
}

// sameArea compares the area by construction with a finding's, to 0.05 m² or
// 1e-6 of it. A conflict without an area (a missing document) has none.
func sameArea(area, clause, outcome string, findings []client.Finding) error {
	if area == "" {
		return nil
	}
	want, err := strconv.ParseFloat(area, 64)
	if err != nil {
		return err
	}
	var seen []float64
	for _, f := range findings {
		if f.Clause != clause || string(f.Outcome) != outcome || f.OverlapM2 == nil {
			continue
		}
		got, err := strconv.ParseFloat(*f.OverlapM2, 64)
		if err != nil {
			return err
		}
		if math.Abs(got-want) <= math.Max(0.05, 1e-6*want) {
			return nil
		}
		seen = append(seen, got)
	}
	return fmt.Errorf("%s %s: areas %v, want %s m²", clause, outcome, seen, area)
}

func TestCounty_SameFindingsFromEveryFormat(t *testing.T) {
	t.Parallel()
	var first []byte
	var versions map[string]client.Dataset
	for _, format := range []string{"shp", "gdb", "gpkg"} {
		k := newClerk(t)
		got := k.loadLayers(map[string]func(string) (string, string){
			"shp":  k.zips,
			"gdb":  func(kind string) (string, string) { return filepath.Join(k.dir, "gdb", "county.gdb.zip"), kind },
			"gpkg": func(kind string) (string, string) { return filepath.Join(k.dir, "gpkg", "county.gpkg"), kind },
		}[format])
		k.loadDeclarations()
		lines := k.lines(k.screen().RunId)
		if first == nil {
			first, versions = lines, got
			if n := bytes.Count(first, []byte("\n")); n < 500 {
				t.Fatalf("only %d lines", n)
			}
			continue
		}
		for kind, d := range got {
			if *d.Version != *versions[kind].Version {
				t.Errorf("%s: %s has version %s, shp %s", format, kind, *d.Version, *versions[kind].Version)
			}
		}
		if !bytes.Equal(lines, first) {
			t.Errorf("%s: the findings differ from those of the shapefiles", format)
		}
	}
}

func TestCounty_MissingLayerIsUnknownNeverSilence(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.loadLayers(k.zips, "STBHHX")
	k.loadDeclarations()
	run := k.screen()
	if !slices.Contains(run.Missing, "STBHHX") {
		t.Errorf("missing layers %v do not name STBHHX", run.Missing)
	}
	verdicts, findings := k.results(run.RunId)
	for key, v := range verdicts {
		if v.Direction != client.In {
			continue
		}
		if v.Verdict != client.Unknown && v.Verdict != client.Forbidden {
			t.Errorf("%s: verdict %s without the red line", key, v.Verdict)
		}
		if !slices.ContainsFunc(findings[key], func(f client.Finding) bool {
			return f.Clause == "IN-03a" && f.Outcome == client.Missing && strings.Contains(f.MessageZh, "生态保护红线")
		}) {
			t.Errorf("%s: no finding says that the red line is missing", key)
		}
	}
}

func TestCounty_OverlapQueriesAgree(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.loadLayers(k.zips)
	k.loadDeclarations()
	screened := k.screen()
	run := screened.RunId
	_, findings := k.results(run)
	rows := int64(0)
	for _, list := range findings {
		for _, f := range list {
			if f.OverlapM2 != nil && f.Outcome == client.Hit {
				rows += cents(t, *f.OverlapM2)
			}
		}
	}
	hit := client.Hit
	sums, byClause := map[client.ListOverlapsParamsBy]int64{}, map[string]client.Overlap{}
	for _, by := range []client.ListOverlapsParamsBy{"clause", "township", "candidate"} {
		resp, err := k.Raw.ListOverlaps(t.Context(), k.County, run, &client.ListOverlapsParams{By: by, Outcome: &hit})
		for _, o := range must[[]client.Overlap](t, resp, err, http.StatusOK) {
			sums[by] += cents(t, o.OverlapM2)
			if by == "clause" {
				byClause[o.Key] = o
			}
		}
	}
	// Land that several checks, or several clauses, hit is one area.
	if sums["township"] != sums["candidate"] || sums["candidate"] >= sums["clause"] || sums["clause"] >= rows || sums["candidate"] == 0 {
		t.Errorf("hundredths of m² by %v, the findings sum to %d", sums, rows)
	}
	for _, s := range screened.Summary["clauses"].([]any) {
		clause := s.(map[string]any)
		o := byClause[clause["clause"].(string)]
		if m2 := fmt.Sprint(clause["overlap_m2"]); o.Key != "" && math.Abs(float64(cents(t, m2)-cents(t, o.OverlapM2))) > float64(o.Candidates) {
			t.Errorf("%s: the summary has %s m², the query %s", o.Key, m2, o.OverlapM2)
		}
	}
	k.overlapFilters(run, byClause)
	for key, list := range findings {
		direction, number, _ := strings.Cut(key, "/")
		resp, err := k.Raw.GetCandidate(t.Context(), k.County, client.Direction(direction), number, nil)
		d := must[client.CandidateDetail](t, resp, err, http.StatusOK)
		if len(d.Findings) != len(list) || d.Verdict == nil || d.Geometry["type"] != "MultiPolygon" {
			t.Errorf("%s: the candidate shows %d findings of %d", key, len(d.Findings), len(list))
		}
		break
	}
}

func cents(t *testing.T, m2 string) int64 {
	t.Helper()
	v, err := strconv.ParseInt(strings.Replace(m2, ".", "", 1), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBadUpload_IsRefusedWholeAndTheServerLivesOn(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.must(filepath.Join(k.dir, "zip", "XZQ.zip"), client.DatasetInput{Kind: "XZQ"})
	for name, bad := range badUploads(t, k.dir) {
		content, says := bad.content, bad.says
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		before := k.rows()
		d, err := k.send(path, client.DatasetInput{Kind: "DLTB"})
		var p *client.ProblemError
		if !errors.As(err, &p) || d.Status != client.DatasetStatusRefused || d.Problem == nil {
			t.Errorf("%s: status %s, error %v; want a refusal that says why", name, d.Status, err)
			continue
		}
		if p.File == nil || *p.File == "" || p.Detail == nil || p.DetailEn == nil || !strings.Contains(*p.Detail, says) {
			t.Errorf("%s: %v\nshould name a file and say %q, in two languages", name, p, says)
		}
		if after := k.rows(); after != before {
			t.Errorf("%s: %d rows stored", name, after-before)
		}
	}
	k.must(filepath.Join(k.dir, "zip", "DLTB.zip"), client.DatasetInput{Kind: "DLTB"})
}

// rows counts everything that a load can write.
func (k *clerk) rows() (n int) {
	k.t.Helper()
	err := k.svc.db.Pool.QueryRow(k.t.Context(), `
		SELECT (SELECT count(*) FROM parcel) + (SELECT count(*) FROM layer_feature) + (SELECT count(*) FROM candidate)
		     + (SELECT count(*) FROM raster_tile) + (SELECT count(*) FROM kcxs)`).Scan(&n)
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

func TestRetire_TakesAVersionOutOfForce(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.must(filepath.Join(k.dir, "zip", "XZQ.zip"), client.DatasetInput{Kind: "XZQ"})
	path := filepath.Join(k.dir, "zip", "STBHHX.zip")
	first := k.must(path, client.DatasetInput{Kind: "STBHHX"})
	second := k.must(path, client.DatasetInput{Kind: "STBHHX"})
	current := func() (list []uuid.UUID) {
		yes, kind := true, "STBHHX"
		resp, err := k.Raw.ListDatasets(t.Context(), k.County, &client.ListDatasetsParams{Current: &yes, Kind: &kind})
		for _, d := range must[[]client.Dataset](t, resp, err, http.StatusOK) {
			list = append(list, d.DatasetId)
		}
		return list
	}
	retire := func(d client.Dataset, status int) {
		t.Helper()
		resp, err := k.Raw.RetireDataset(t.Context(), k.County, d.DatasetId, client.RetireDatasetJSONRequestBody{Reason: "误传"})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Fatalf("retire: %s", resp.Status)
		}
	}
	if got := current(); !slices.Equal(got, []uuid.UUID{second.DatasetId}) {
		t.Fatalf("in force: %v, want the second version", got)
	}
	before := k.rows()
	retire(second, http.StatusOK)
	retire(second, http.StatusConflict)
	if got := current(); !slices.Equal(got, []uuid.UUID{first.DatasetId}) {
		t.Fatalf("in force: %v, want the first version again", got)
	}
	retire(first, http.StatusOK)
	if got := current(); len(got) != 0 || k.rows() != before {
		t.Fatalf("in force: %v, %d rows of %d; want none in force and every row kept", got, k.rows(), before)
	}
}

func TestCandidate_OldVerdictIsNotShownForANewBoundary(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.loadLayers(k.zips)
	k.loadDeclarations()
	run := k.screen()
	verdicts, _ := k.results(run.RunId)
	var v client.Verdict
	for _, v = range verdicts {
		break
	}
	show := func() client.CandidateDetail {
		resp, err := k.Raw.GetCandidate(t.Context(), k.County, v.Direction, v.Number, nil)
		return must[client.CandidateDetail](t, resp, err, http.StatusOK)
	}
	if d := show(); d.Verdict == nil || d.Stale != nil {
		t.Fatalf("%+v", d)
	}
	k.loadDeclarations() // once more: other datasets
	if d := show(); d.Verdict != nil || d.Stale == nil || !*d.Stale {
		t.Fatalf("a verdict on an earlier declaration is shown: %+v", d)
	}
}

func TestEmptyLayer_MustBeConfirmed(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.must(filepath.Join(k.dir, "zip", "XZQ.zip"), client.DatasetInput{Kind: "XZQ"})
	path := filepath.Join(t.TempDir(), "ZRBHD.zip")
	if err := os.WriteFile(path, emptied(t, filepath.Join(k.dir, "zip", "ZRBHD.zip")), 0o600); err != nil {
		t.Fatal(err)
	}
	yes := true
	d, err := k.send(path, client.DatasetInput{Kind: "ZRBHD"})
	var p *client.ProblemError
	if !errors.As(err, &p) || d.Status != client.DatasetStatusRefused || p.Hint == nil || !strings.Contains(*p.Hint, "confirm_empty") {
		t.Fatalf("an empty layer is %s: %v", d.Status, err)
	}
	if d := k.must(path, client.DatasetInput{Kind: "ZRBHD", ConfirmEmpty: &yes}); *d.Features != 0 || d.Version == nil {
		t.Fatalf("%+v", d)
	}
	if _, err := k.send(path, client.DatasetInput{Kind: "XZQ", Layer: ptr("ZRBHD"), ConfirmEmpty: &yes}); err == nil {
		t.Fatal("a county without townships was taken")
	}
}

func ptr[T any](v T) *T { return &v }
