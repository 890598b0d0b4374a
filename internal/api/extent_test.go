package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"gengheng/internal/access"
	"gengheng/internal/api/countytest"
	"gengheng/internal/land"
)

type extentAnswer struct {
	LandClasses []struct {
		DLBM  string `json:"dlbm"`
		Count int    `json:"count"`
		Area  string `json:"area_m2"`
	} `json:"land_classes"`
	Declared []struct {
		Direction string `json:"direction"`
		Verdict   string `json:"verdict"`
		Count     int    `json:"count"`
		Area      string `json:"area_m2"`
		Net       string `json:"net_m2"`
	} `json:"declared"`
	Items []struct {
		Direction string     `json:"direction"`
		Number    string     `json:"number"`
		Box       [4]float64 `json:"bbox"`
	} `json:"items"`
	Total int `json:"total"`
}

// around is a box in degrees of so many metres about the centre of parcel i of the
// mesh.
func around(i int, metres float64) string {
	zone := land.Zone{Number: 37}
	x, y := countytest.X0+float64(i%50)*countytest.Side+50, countytest.Y0+float64(i/50)*countytest.Side+50
	west, south := zone.Geographic(x-metres, y-metres)
	east, north := zone.Geographic(x+metres, y+metres)
	return fmt.Sprintf("%.9f,%.9f,%.9f,%.9f", west, south, east, north)
}

func extentOf(t *testing.T, s *countytest.County, query, secret string) (int, extentAnswer) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/counties/149901/years/2025/extent?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v extentAnswer
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return resp.StatusCode, v
}

// The mesh's squares are of 100 m and 10,000 m²; every tenth is shrubland.
func TestExtent(t *testing.T) {
	t.Parallel()
	s := countytest.New(t, true)
	for _, one := range []struct {
		name, bbox string
		paddy, shr int
	}{
		{"within one square", around(1217, 20), 1, 0},
		{"across its neighbours", around(1217, 60), 9, 0},
		{"across a shrubland's", around(1220, 60), 6, 3}, // 1170, 1220 and 1270
		{"two rings", around(1220, 160), 20, 5},
		{"most of it", around(1224, 1480), 868, 93},
		{"the county", "111,36,112,37", 2250, 250},
		{"the world", "-180,-90,180,90", 2250, 250},
		{"elsewhere", "100,20,101,21", 0, 0},
	} {
		_, got := extentOf(t, s, "bbox="+one.bbox, "")
		counts, areas := map[string]int{}, map[string]string{}
		for _, c := range got.LandClasses {
			counts[c.DLBM], areas[c.DLBM] = c.Count, c.Area
		}
		if counts["0101"] != one.paddy || counts["0305"] != one.shr {
			t.Errorf("%s: %v", one.name, counts)
		}
		// what touches the extent counts whole, to the hundredth
		if want := fmt.Sprintf("%d.00", one.paddy*10000); one.paddy > 0 && areas["0101"] != want {
			t.Errorf("%s: %s, not %s", one.name, areas["0101"], want)
		}
	}

	// Each township has declared its square in both directions: 0 and 1 of the mesh.
	_, all := extentOf(t, s, "bbox="+around(0, 20), "")
	if all.Total != 2 || len(all.Items) != 2 || all.Items[0].Direction != "in" || all.Items[1].Direction != "out" {
		t.Errorf("%+v", all)
	}
	for _, d := range all.Declared {
		if d.Verdict != "" || d.Count != 1 || d.Area != "10000.00" {
			t.Errorf("%+v", d) // the run did not read these versions
		}
	}
	if _, few := extentOf(t, s, "bbox=111,36,112,37&limit=3", ""); few.Total != 4 || len(few.Items) != 3 {
		t.Errorf("%d of %d", len(few.Items), few.Total)
	}
	if _, none := extentOf(t, s, "bbox=111,36,112,37&verdict=forbidden", ""); none.Total != 0 || len(none.Items) != 0 || len(none.Declared) == 0 {
		t.Errorf("%+v", none)
	}
	if _, pending := extentOf(t, s, "bbox=111,36,112,37&verdict=forbidden,pending", ""); pending.Total != 4 {
		t.Errorf("%+v", pending)
	}
	// the box of a parcel leads back to it
	b := all.Items[0].Box
	_, again := extentOf(t, s, fmt.Sprintf("bbox=%.9f,%.9f,%.9f,%.9f", b[0]+1e-5, b[1]+1e-5, b[2]-1e-5, b[3]-1e-5), "")
	if len(again.Items) != 2 || again.LandClasses[0].Count+len(again.LandClasses) != 2 {
		t.Errorf("%+v", again)
	}
	for _, bad := range []string{"", "1,2,3", "111,36,112,37,5", "112,36,111,37", "111,37,112,36", "111,36,nan,37", "111,36,112,95"} {
		if status, _ := extentOf(t, s, "bbox="+bad, ""); status != http.StatusBadRequest {
			t.Errorf("bbox %q: %d", bad, status)
		}
	}
}

// A township sees its own declared parcels, and the survey of its own.
func TestExtent_Township(t *testing.T) {
	t.Parallel()
	s := countytest.New(t, false)
	secret := s.Secret(access.Capacity{County: countytest.Code, Role: access.TownshipClerk, Township: countytest.TownA})
	status, got := extentOf(t, s, "bbox=111,36,112,37", secret)
	if status != http.StatusOK || got.Total != 2 {
		t.Errorf("%d: %+v", status, got)
	}
	for _, i := range got.Items {
		if i.Number != "甲/"+countytest.TownA {
			t.Errorf("%+v", i)
		}
	}
	if status, _ := extentOf(t, s, "bbox=111,36,112,37", "gh_wrong"); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", status)
	}
}
