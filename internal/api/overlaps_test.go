package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"gengheng/internal/client"
)

// overlapFilters holds each condition of the overlap queries, of several clauses and
// townships at a time, to the findings themselves: in the list, in its sums, and in the
// workbook, row by row.
func (k *clerk) overlapFilters(run uuid.UUID, byClause map[string]client.Overlap) {
	k.t.Helper()
	verdicts, findings := k.results(run)
	clauses := []string{}
	for c := range byClause {
		clauses = append(clauses, c)
	}
	slices.Sort(clauses)
	two := clauses[:2]
	towns := []string{}
	for _, v := range verdicts {
		if !slices.Contains(towns, v.TownshipCode) && len(towns) < 2 {
			towns = append(towns, v.TownshipCode)
		}
	}
	const least = "300.00"
	keep := map[string]func(key string, f client.Finding) bool{
		"clause=" + strings.Join(two, ","):     func(_ string, f client.Finding) bool { return slices.Contains(two, f.Clause) },
		"township=" + strings.Join(towns, ","): func(_ string, f client.Finding) bool { return slices.Contains(towns, f.TownshipCode) },
		"verdict=forbidden":                    func(key string, _ client.Finding) bool { return verdicts[key].Verdict == client.Forbidden },
		"min_m2=" + least: func(_ string, f client.Finding) bool {
			return f.OverlapM2 != nil && cents(k.t, *f.OverlapM2) >= cents(k.t, least)
		},
	}
	for query, is := range keep {
		want := 0
		for key, list := range findings {
			for _, f := range list {
				if is(key, f) {
					want++
				}
			}
		}
		page := get[client.FindingPage](k, run, "findings?limit=1&"+query)
		if page.Total != want || want == 0 {
			k.t.Errorf("%s: %d findings, want %d", query, page.Total, want)
		}
	}
	sums := get[[]client.Overlap](k, run, "overlaps?by=clause&outcome=hit&clause="+strings.Join(two, ","))
	if len(sums) != 2 || sums[0].OverlapM2 != byClause[two[0]].OverlapM2 || sums[1].OverlapM2 != byClause[two[1]].OverlapM2 {
		k.t.Errorf("the sums of two clauses are %v, of all %v", sums, byClause)
	}
	k.overlapWorkbook(run, findings, two, least)
	if resp, err := http.Get(k.overlapURL(run, "findings?min_m2=many")); err != nil || resp.StatusCode != http.StatusBadRequest {
		k.t.Errorf("an area that is none: %v, %v", resp, err)
	}
}

// overlapWorkbook reads the workbook back: what matches and nothing else, areas as they are.
func (k *clerk) overlapWorkbook(run uuid.UUID, findings map[string][]client.Finding, clauses []string, least string) {
	k.t.Helper()
	want := map[string]string{}
	for _, list := range findings {
		for _, f := range list {
			if slices.Contains(clauses, f.Clause) && f.OverlapM2 != nil && cents(k.t, *f.OverlapM2) >= cents(k.t, least) {
				want[fmt.Sprint(f.Seq)] = *f.OverlapM2 + " " + f.Number
			}
		}
	}
	query := url.Values{"clause": {strings.Join(clauses, ",")}, "min_m2": {least}}.Encode()
	k.overlapLayer(run, query, len(want))
	resp, err := http.Get(k.overlapURL(run, "findings.xlsx?"+query))
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		k.t.Fatalf("the workbook: %d %s", resp.StatusCode, b)
	}
	book, err := excelize.OpenReader(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows("占用清单", excelize.Options{RawCellValue: true})
	if err != nil || !strings.Contains(rows[0][0], "合成") {
		k.t.Fatalf("the sheet: %v, %v", err, rows)
	}
	got := map[string]string{}
	for _, row := range rows[2:] {
		var m2 float64
		if _, err := fmt.Sscan(row[9], &m2); err != nil {
			k.t.Fatalf("row %v: %v", row, err)
		}
		got[row[0]] = fmt.Sprintf("%.2f %s", m2, row[3])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(want) == 0 {
		k.t.Errorf("the workbook has %v, want %v", got, want)
	}
	if about, err := book.GetRows("说明"); err != nil || !strings.Contains(fmt.Sprint(about), "条款 "+strings.Join(clauses, "、")+"；重叠面积不小于（m²） "+least) {
		k.t.Errorf("its conditions: %v, %v", about, err)
	}
}

// overlapLayer counts what the GeoPackage of the same conditions has.
func (k *clerk) overlapLayer(run uuid.UUID, query string, want int) {
	k.t.Helper()
	path := filepath.Join(k.t.TempDir(), "findings.gpkg")
	resp, err := http.Get(k.overlapURL(run, "findings.gpkg?"+query))
	if err := client.Download(resp, err, path); err != nil {
		k.t.Fatal(err)
	}
	out, err := exec.CommandContext(k.t.Context(), "ogrinfo", "-ro", "-so", path, "findings").CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("Feature Count: %d\n", want)) {
		k.t.Errorf("the GeoPackage, of which %d findings were asked: %v\n%s", want, err, out)
	}
}

func (k *clerk) overlapURL(run uuid.UUID, path string) string {
	return fmt.Sprintf("%s/api/v1/counties/%s/screenings/%s/%s", k.svc.URL, k.County, run, path)
}

func get[T any](k *clerk, run uuid.UUID, path string) T {
	k.t.Helper()
	resp, err := http.Get(k.overlapURL(run, path))
	return must[T](k.t, resp, err, http.StatusOK)
}
