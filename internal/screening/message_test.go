package screening_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gengheng/internal/screening"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMessages keeps the words of findings where a reader of Chinese can judge
// them: testdata/messages.golden.
func TestMessages(t *testing.T) {
	c := ordinary(t, "GBZNT")
	c.layer("STBHHX", shape{name: "合成红线甲", bsm: "HX1", geom: rect(150, 100, 250, 200)}, shape{name: "合成红线乙", bsm: "HX2", geom: rect(100, 190, 200, 250)})
	c.layer("TRHJ", shape{code: "S1", level: "安全利用类", geom: rect(100, 100, 103, 102)})
	c.layer("YJJBNTTB", shape{bsm: "JBNT1", geom: rect(600, 100, 650, 200)}, shape{bsm: "JBNT2", geom: rect(650, 100, 660, 200)},
		shape{bsm: "JBNT3", geom: rect(660, 100, 670, 200)}, shape{bsm: "JBNT4", geom: rect(670, 100, 680, 200)})
	c.layer("PDT", shape{level: "2", geom: rect(0, 0, 350, 1000)}, shape{level: "5", geom: rect(350, 0, 1000, 1000)})
	greening := field("O2", rect(700, 300, 800, 400))
	greening.purpose, greening.target = "国土绿化", "0301"
	approved := greening
	approved.number, approved.documents = "O3", map[string]string{"PZWH": "合成批〔2025〕1号"}
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)), orchard("I2", rect(330, 300, 480, 400)), orchard("I3", rect(495, 600, 510, 615)))
	c.declare("out", field("O1", rect(600, 100, 700, 200)), greening, approved)
	a := c.screen()
	var out strings.Builder
	for _, number := range []string{"I1", "I2", "I3", "O1", "O2", "O3"} {
		fmt.Fprintf(&out, "# %s %s\n", number, a.verdicts[number].Verdict)
		for _, f := range a.findings[number] {
			fmt.Fprintf(&out, "%s/%d %s %s\n  %s\n  %s\n", f.Clause, f.Check, f.Severity, f.Outcome, f.Zh, f.En)
		}
		for _, r := range a.verdicts[number].Reasons {
			fmt.Fprintf(&out, "- %s %s: %s | %s\n", r.Clause, r.Outcome, r.Zh, r.En)
		}
	}
	golden := filepath.Join("testdata", "messages.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("messages differ from %s (go test -update, then look at the difference):\n%s", golden, out.String())
	}
}

func TestDamagedElevationsAreRefused(t *testing.T) {
	short := func() []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(make([]byte, 12)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, damage := range map[string]func(c *county){
		"tile (1,1)": func(c *county) {
			c.exec(`UPDATE raster_tile SET cells = $1 WHERE tile_row = 1 AND tile_col = 1`, short())
		},
		"tile (0,2)": func(c *county) {
			c.exec(`UPDATE raster_tile SET cells = substr(cells, 1, length(cells) - 9) WHERE tile_row = 0 AND tile_col = 2`)
		},
		"row 2 has":               func(c *county) { c.exec(`DELETE FROM raster_tile WHERE tile_row = 2 AND tile_col = 0`) },
		"tiles of row 1":          func(c *county) { c.exec(`DELETE FROM raster_tile WHERE tile_row = 1`) },
		"DEM ends":                func(c *county) { c.exec(`DELETE FROM raster_tile WHERE tile_row = 7`) },
		"lies outside the raster": func(c *county) { c.exec(`UPDATE raster_tile SET tile_col = 8 WHERE tile_row = 3 AND tile_col = 7`) },
		"several DEMs": func(c *county) {
			c.exec(`ALTER TABLE dataset DROP CONSTRAINT dataset_scope_check`)
			c.dataset("DEM", "149901100")
		},
		"must be finite and positi": func(c *county) { c.exec(`UPDATE raster SET dx = 'Infinity'`) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounty(t, "DLTB", "PDT")
			c.survey(plot{dlbm: "0201", geom: rect(0, 0, 1000, 1000)})
			c.dem(120, 120, func(x, _ float64) float64 { return x / 10 })
			c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
			damage(c)
			run := c.queue()
			err := screening.Run(t.Context(), c.db, code, run, nil)
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v does not say %q", err, name)
			}
			var verdicts int
			if err := c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM verdict`).Scan(&verdicts); err != nil || verdicts != 0 {
				t.Errorf("%d verdicts were written (%v)", verdicts, err)
			}
		})
	}
}
