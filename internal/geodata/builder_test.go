package geodata_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"golang.org/x/text/encoding/simplifiedchinese"

	"gengheng/internal/geodata/frame"
	"gengheng/internal/geodata/geodatatest"
)

// shape is a shapefile made byte by byte, so that it can be wrong in any way.
type shape struct {
	rings   [][]orb.Ring // one list of rings a record; nil is a null shape
	columns []column
	rows    [][]string // raw text of the columns
	ldid    byte
	cpg     string
	prj     string
	edit    func(files map[string][]byte) // spoils the files
}

type column struct {
	name   string // raw bytes
	kind   byte
	width  byte
	digits byte
}

func gbk(s string) string {
	out, err := simplifiedchinese.GBK.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

// files gives the parts by extension.
func (s shape) files() map[string][]byte {
	shp, shx := s.geometry()
	files := map[string][]byte{".shp": shp, ".shx": shx, ".dbf": s.table()}
	if s.cpg != "" {
		files[".cpg"] = []byte(s.cpg)
	}
	if s.prj != "" {
		files[".prj"] = []byte(s.prj)
	}
	if s.edit != nil {
		s.edit(files)
	}
	return files
}

// write puts the parts beside each other and gives the folder.
func (s shape) write(t testing.TB, stem string) string {
	t.Helper()
	dir := t.TempDir()
	for ext, b := range s.files() {
		if err := os.WriteFile(filepath.Join(dir, stem+ext), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (s shape) geometry() (shp, shx []byte) {
	box := orb.Bound{Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}
	var body, index []byte
	for i, rings := range s.rings {
		content := record(rings)
		for _, r := range rings {
			for _, v := range r {
				if !math.IsNaN(v[0]+v[1]) && !math.IsInf(v[0]+v[1], 0) {
					box = orb.Bound{
						Min: orb.Point{min(box.Min[0], v[0]), min(box.Min[1], v[1])},
						Max: orb.Point{max(box.Max[0], v[0]), max(box.Max[1], v[1])}}
				}
			}
		}
		index = binary.BigEndian.AppendUint32(index, uint32(100+len(body))/2)
		index = binary.BigEndian.AppendUint32(index, uint32(len(content))/2)
		body = binary.BigEndian.AppendUint32(body, uint32(i+1))
		body = binary.BigEndian.AppendUint32(body, uint32(len(content))/2)
		body = append(body, content...)
	}
	if box.Min[0] > box.Max[0] {
		box = orb.Bound{}
	}
	return append(shapeHeader(len(body), box), body...), append(shapeHeader(len(index), box), index...)
}

func shapeHeader(body int, box orb.Bound) []byte {
	h := make([]byte, 100)
	binary.BigEndian.PutUint32(h, 9994)
	binary.BigEndian.PutUint32(h[24:], uint32(100+body)/2)
	binary.LittleEndian.PutUint32(h[28:], 1000)
	binary.LittleEndian.PutUint32(h[32:], 5)
	for i, v := range []float64{box.Min[0], box.Min[1], box.Max[0], box.Max[1]} {
		binary.LittleEndian.PutUint64(h[36+8*i:], math.Float64bits(v))
	}
	return h
}

func record(rings []orb.Ring) []byte {
	if rings == nil {
		return make([]byte, 4)
	}
	b := make([]byte, 36)
	binary.LittleEndian.PutUint32(b, 5)
	points := 0
	for _, r := range rings {
		points += len(r)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rings)))
	b = binary.LittleEndian.AppendUint32(b, uint32(points))
	at := 0
	for _, r := range rings {
		b = binary.LittleEndian.AppendUint32(b, uint32(at))
		at += len(r)
	}
	for _, r := range rings {
		for _, v := range r {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v[0]))
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v[1]))
		}
	}
	return b
}

func (s shape) table() []byte {
	columns := s.columns
	if columns == nil {
		columns = []column{{"BSM", 'C', 18, 0}}
	}
	size := 1
	for _, c := range columns {
		size += int(c.width)
	}
	b := make([]byte, 32)
	b[0], b[1], b[2], b[3], b[29] = 3, 120, 1, 1, s.ldid
	binary.LittleEndian.PutUint32(b[4:], uint32(len(s.rings)))
	binary.LittleEndian.PutUint16(b[8:], uint16(33+32*len(columns)))
	binary.LittleEndian.PutUint16(b[10:], uint16(size))
	for _, c := range columns {
		d := make([]byte, 32)
		copy(d[:11], c.name)
		d[11], d[16], d[17] = c.kind, c.width, c.digits
		b = append(b, d...)
	}
	b = append(b, 0x0d)
	for i := range s.rings {
		b = append(b, ' ')
		for k, c := range columns {
			value := fmt.Sprint(i + 1)
			if i < len(s.rows) {
				value = s.rows[i][k]
			} else if c.kind == 'C' {
				value = fmt.Sprintf("1499010%011d", i+1)[:min(18, int(c.width))]
			}
			cell := bytes.Repeat([]byte{' '}, int(c.width))
			copy(cell, value)
			b = append(b, cell...)
		}
	}
	return append(b, 0x1a)
}

const prj4546 = `PROJCS["CGCS2000_3_Degree_GK_CM_111E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",111.0],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]`

// clockwise is a square as a shapefile wants its exterior.
func clockwise(x, y, size float64) orb.Ring { return reversed(square(x, y, size)) }

// parcels are n squares near the demo county's middle.
func parcels(n int) [][]orb.Ring {
	var out [][]orb.Ring
	for i := range n {
		out = append(out, []orb.Ring{clockwise(560000+float64(i)*100, 4013000, 90)})
	}
	return out
}

// zipEntry is a file of an archive under its raw name.
type zipEntry struct {
	name   string
	utf8   bool // flag bit 11
	mode   os.FileMode
	method uint16
	data   []byte
}

func makeZip(t testing.TB, entries []zipEntry) string {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: e.method, NonUTF8: !e.utf8}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "上传.zip")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// zipShape packs a shapefile's parts under raw names.
func zipShape(t testing.TB, s shape, rawStem string) string {
	t.Helper()
	var entries []zipEntry
	files := s.files()
	for _, ext := range []string{".shp", ".shx", ".dbf", ".cpg", ".prj"} {
		if b, ok := files[ext]; ok {
			entries = append(entries, zipEntry{name: rawStem + ext, method: zip.Deflate, data: b})
		}
	}
	return makeZip(t, entries)
}

func num(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func parsePoints(t testing.TB, text string) []orb.Point {
	t.Helper()
	var out []orb.Point
	for line := range strings.Lines(text) {
		var v orb.Point
		if _, err := fmt.Sscan(line, &v[0], &v[1]); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, v)
	}
	return out
}

// askRaw sends the child one request as text and gives its last frame.
func askRaw(t testing.TB, request string) (kind byte, text string) {
	t.Helper()
	var in bytes.Buffer
	if err := frame.NewWriter(&in).Write(frame.KindRequest, []byte(request)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(geodatatest.Child(t))
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	r := frame.NewReader(bytes.NewReader(out))
	for {
		k, payload, err := r.Next()
		if err != nil {
			return kind, text
		}
		kind, text = byte(k), string(payload)
	}
}

// sincos of a share of the full turn.
func sincos(turn float64) (sin, cos float64) { return math.Sincos(2 * math.Pi * turn) }
