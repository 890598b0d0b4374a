package ogc_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"gengheng/internal/ogc/desktoptest"
)

// QGIS 3.40 draws, changes and deletes a declared parcel, and shows why it cannot
// change one that is locked.
func TestClient_QGISEdits(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("TestEdit_AsQGIS sends the same requests")
	}
	desktoptest.EachQGIS(t, func(t *testing.T, q desktoptest.QGIS) {
		if strings.HasPrefix(q.Version, "3.22") {
			t.Skip("3.22 cannot edit by OGC API – Features")
		}
		qgisEdits(t, q)
	})
}

func qgisEdits(t *testing.T, q desktoptest.QGIS) {
	t.Helper()
	s := newService(t, true)
	locked := "甲/" + townA
	s.stand(locked, "approved")
	out := q.Python(t, "testdata/qgis_edit.py", s.URL+"/ogc/"+county, locked, townA)
	var v struct {
		Version, CRS, Verdict, Village, Capabilities string
		Edits, Made, Changed, Deleted, Moved, Locked bool
		Before, Count, After, Filtered               int
		Area, Declared                               float64
		MadeErrors                                   []string `json:"made_errors"`
		ChangeErrors                                 []string `json:"change_errors"`
		DeleteErrors                                 []string `json:"delete_errors"`
		LockedErrors                                 []string `json:"locked_errors"`
		Log                                          []string
	}
	if err := json.Unmarshal(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:], &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if v.CRS != "EPSG:4546" || !v.Edits || !v.Made || !v.Changed || !v.Deleted || !v.Moved || v.Before != 2 || v.Count != 3 || v.After != 2 || v.Filtered != 1 ||
		v.Verdict == "" || v.Village != "合成村" || v.Area == 0 || math.Abs(v.Area-v.Declared) > 0.005 {
		t.Errorf("%s", out)
	}
	if said := strings.Join(v.Log, "; "); v.Locked || !strings.Contains(said, "its declaration is locked") {
		t.Errorf("a locked parcel was changed, or QGIS does not say why not: %s", out)
	}
}
