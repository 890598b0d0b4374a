package intake_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/intake"
	"gengheng/internal/land"
)

func floats(t *testing.T, packed []byte) []float32 {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, len(raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return values
}

// wiggle is a point of the shared lines of a big synthetic coverage: on a grid
// line, moved aside by a wave that is the same for both neighbours.
func wiggle(x, y float64) orb.Point {
	dx, dy := 6*math.Sin(y/17+x/900), 6*math.Sin(x/19+y/700)
	return orb.Point{math.Round((x+dx)*1e4) / 1e4, math.Round((y+dy)*1e4) / 1e4}
}

// bigSurvey writes a survey of n by n patches of about 42 vertices each as a
// zipped shapefile.
func bigSurvey(t testing.TB, n int) string {
	t.Helper()
	const side, steps = 120.0, 10
	var shp, shx, dbf bytes.Buffer
	columns := []struct {
		name  string
		kind  byte
		width int
		scale byte
	}{
		{"BSM", 'C', 18, 0}, {"TBBH", 'C', 8, 0}, {"DLBM", 'C', 5, 0}, {"DLMC", 'C', 60, 0}, {"QSXZ", 'C', 2, 0},
		{"QSDWDM", 'C', 19, 0}, {"QSDWMC", 'C', 60, 0}, {"ZLDWDM", 'C', 19, 0}, {"ZLDWMC", 'C', 60, 0},
		{"TBMJ", 'N', 18, 2}, {"KCDLBM", 'C', 5, 0}, {"KCXS", 'N', 6, 4}, {"KCMJ", 'N', 18, 2}, {"TBDLMJ", 'N', 18, 2},
		{"GDLX", 'C', 2, 0}, {"GDPDJB", 'C', 2, 0}, {"ZZSXDM", 'C', 6, 0}, {"SJNF", 'N', 4, 0},
	}
	size := 1
	for _, c := range columns {
		size += c.width
	}
	dbf.Write([]byte{3, 124, 12, 31})
	binary.Write(&dbf, binary.LittleEndian, uint32(n*n))
	binary.Write(&dbf, binary.LittleEndian, uint16(33+32*len(columns)))
	binary.Write(&dbf, binary.LittleEndian, uint16(size))
	dbf.Write(make([]byte, 20))
	for _, c := range columns {
		field := make([]byte, 32)
		copy(field, c.name)
		field[11], field[16], field[17] = c.kind, byte(c.width), c.scale
		dbf.Write(field)
	}
	dbf.WriteByte('\r')
	shp.Write(make([]byte, 100))
	shx.Write(make([]byte, 100))
	for k := range n * n {
		i, j := float64(k%n), float64(k/n)
		var ring orb.Ring
		for s := range steps {
			ring = append(ring, wiggle(i*side+float64(s)*side/steps, j*side))
		}
		for s := range steps {
			ring = append(ring, wiggle((i+1)*side, j*side+float64(s)*side/steps))
		}
		for s := range steps {
			ring = append(ring, wiggle((i+1)*side-float64(s)*side/steps, (j+1)*side))
		}
		for s := range steps {
			ring = append(ring, wiggle(i*side, (j+1)*side-float64(s)*side/steps))
		}
		for m := range ring {
			ring[m][0] += 37e6 + 520000
			ring[m][1] += 3990000
		}
		ring = append(ring, ring[0])
		plane := make(orb.Ring, len(ring))
		for m, p := range ring {
			plane[m] = orb.Point{math.Round((p[0]-37e6)*1e4) / 1e4, math.Round(p[1]*1e4) / 1e4}
		}
		area := land.OfficialArea(orb.MultiPolygon{{plane}}, zone)
		// clockwise, as a shapefile's exterior
		binary.Write(&shx, binary.BigEndian, [2]uint32{uint32(shp.Len() / 2), uint32(48+16*len(ring)) / 2})
		binary.Write(&shp, binary.BigEndian, [2]uint32{uint32(k + 1), uint32(48+16*len(ring)) / 2})
		b := ring.Bound()
		binary.Write(&shp, binary.LittleEndian, uint32(5))
		binary.Write(&shp, binary.LittleEndian, [4]float64{b.Min[0], b.Min[1], b.Max[0], b.Max[1]})
		binary.Write(&shp, binary.LittleEndian, [3]uint32{1, uint32(len(ring)), 0})
		for m := len(ring) - 1; m >= 0; m-- {
			binary.Write(&shp, binary.LittleEndian, ring[m])
		}
		values := []string{
			fmt.Sprintf("%s1000%08d", code, k+1), fmt.Sprint(k%100000 + 1), "0103", "旱地", "30", westTown + "2010000000", "示例村", westTown + "2010000000", "示例村",
			area.String(), "1203", "0.1250", land.Area((int64(area)*1250 + 5000) / 10000).String(), (area - land.Area((int64(area)*1250+5000)/10000)).String(),
			"TT", "3", "LS", "2024",
		}
		dbf.WriteByte(' ')
		for m, c := range columns {
			if c.kind == 'N' {
				fmt.Fprintf(&dbf, "%*s", c.width, values[m])
			} else {
				dbf.WriteString(values[m] + strings.Repeat(" ", c.width-len(values[m])))
			}
		}
	}
	dbf.WriteByte(0x1a)
	for _, file := range []*bytes.Buffer{&shp, &shx} {
		head := file.Bytes()
		binary.BigEndian.PutUint32(head[0:], 9994)
		binary.BigEndian.PutUint32(head[24:], uint32(file.Len()/2))
		binary.LittleEndian.PutUint32(head[28:], 1000)
		binary.LittleEndian.PutUint32(head[32:], 5)
		whole := []float64{37e6 + 519000, 3989000, 37e6 + 520000 + float64(n)*side + 1000, 3990000 + float64(n)*side + 1000}
		for m, v := range whole {
			binary.LittleEndian.PutUint64(head[36+8*m:], math.Float64bits(v))
		}
	}
	prj := unzip(t, shapefile(t, "DLTB", surveyOf(1)))["DLTB.prj"]
	return storeZip(t, map[string][]byte{"DLTB.shp": shp.Bytes(), "DLTB.shx": shx.Bytes(), "DLTB.dbf": dbf.Bytes(), "DLTB.cpg": []byte("UTF-8"), "DLTB.prj": prj})
}

func storeZip(t testing.TB, files map[string][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "DLTB.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriter(f)
	w := zip.NewWriter(buffered)
	for name, content := range files {
		entry, err := w.Create(name)
		if err == nil {
			_, err = entry.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), buffered.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// BenchmarkLoadSurvey loads a county's survey of 100,000 patches with all
// checks, and reports the stages.
func BenchmarkLoadSurvey(b *testing.B) {
	path := bigSurvey(b, 316)
	c := newCounty(b)
	for b.Loop() {
		req := c.request("DLTB", path)
		stages := stopwatch{}
		result, err := intake.Load(b.Context(), c.db, req, stages.tell)
		if err != nil {
			b.Fatal(err)
		}
		stages.report(b)
		if result.Features != 316*316 {
			b.Fatalf("result %+v", result)
		}
		if n := result.Summary.Issues["error"] + result.Summary.Issues["warning"]; n != 0 {
			b.Fatalf("issues %v", result.Summary.Codes)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-from-system")
	}
}
