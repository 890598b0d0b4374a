package geodata_test

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
)

// prj gives the ESRI definition of a code, as ArcGIS writes it.
func prj(t *testing.T, code string) string {
	t.Helper()
	out, err := exec.Command("gdalsrsinfo", "-o", "wkt_esri", "--single-line", code).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func noticeCodes(l *geodata.Layer) []string {
	var out []string
	for _, n := range l.Notices() {
		out = append(out, n.Code)
	}
	return out
}

// at moves the rings of a shapefile.
func moved(rings [][]orb.Ring, to func(orb.Point) orb.Point) [][]orb.Ring {
	var out [][]orb.Ring
	for _, record := range rings {
		var copied []orb.Ring
		for _, r := range record {
			ring := slices.Clone(r)
			for i := range ring {
				ring[i] = to(ring[i])
			}
			copied = append(copied, ring)
		}
		out = append(out, copied)
	}
	return out
}

func TestDeclaredCRSsComeToTheCountysPlane(t *testing.T) {
	rings := parcels(1)
	same := func(v orb.Point) orb.Point { return v }
	prefixed := func(v orb.Point) orb.Point { return orb.Point{v[0] + 37e6, v[1]} }
	// Positions in degrees by PROJ, so that the way back is checked by it too.
	toDegrees := func(v orb.Point) orb.Point { return transform(t, "EPSG:4546", "EPSG:4490", v) }
	toNeighbour := func(v orb.Point) orb.Point { return transform(t, "EPSG:4546", "EPSG:4526", v) }
	toUTM := func(v orb.Point) orb.Point {
		return transform(t, "EPSG:4326", "EPSG:32649", transform(t, "EPSG:4546", "EPSG:4490", v))
	}
	for _, c := range []struct {
		name    string
		prj     string
		opts    geodata.Options
		to      func(orb.Point) orb.Point
		notices []string
	}{
		{"4546", "EPSG:4546", geodata.Options{}, same, nil},
		{"4525", "EPSG:4525", geodata.Options{}, prefixed, nil},
		{"prefix although .prj has none", "EPSG:4546", geodata.Options{}, prefixed, []string{geodata.NoticeZonePrefix}},
		{"no prefix although .prj has one", "EPSG:4525", geodata.Options{}, same, []string{geodata.NoticeZonePrefix}},
		{"6-degree zone with the same meridian", "EPSG:4508", geodata.Options{}, same, nil},
		{"6-degree zone 19 with prefix", "EPSG:4497", geodata.Options{}, func(v orb.Point) orb.Point { return orb.Point{v[0] + 19e6, v[1]} }, nil},
		{"4490", "EPSG:4490", geodata.Options{}, toDegrees, []string{geodata.NoticeTransformed}},
		{"WGS 84", "EPSG:4326", geodata.Options{}, toDegrees, []string{geodata.NoticeWGS84, geodata.NoticeTransformed}},
		{"WGS 84 UTM", "EPSG:32649", geodata.Options{}, toUTM, []string{geodata.NoticeWGS84, geodata.NoticeTransformed}},
		{"neighbouring zone", "EPSG:4526", geodata.Options{}, toNeighbour, []string{geodata.NoticeTransformed}},
		{"declared by option", "", geodata.Options{CRS: "EPSG:4525"}, prefixed, nil},
		{"declared by zone", "", geodata.Options{Zone: 37}, prefixed, []string{geodata.NoticeZonePrefix}},
		{"declared by zone, without prefix", "", geodata.Options{Zone: 37}, same, nil},
		{"option over .prj", "EPSG:4490", geodata.Options{CRS: "4546"}, same, []string{geodata.NoticeCRSOverridden}},
		{"option that says what the .prj says", "EPSG:4525", geodata.Options{Zone: 37}, prefixed, []string{geodata.NoticeZonePrefix}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shape{rings: moved(rings, c.to)}
			if c.prj != "" {
				s.prj = prj(t, c.prj)
			}
			opts := options(t)
			opts.County, opts.CRS, opts.Zone = demoCounty, c.opts.CRS, c.opts.Zone
			l, got := read(t, s.write(t, "a"), opts)
			for i, f := range got {
				want := geodata.Canonical(orb.MultiPolygon{{square(560000+float64(i)*100, 4013000, 90)}})
				if len(f.Issues) > 0 || f.Geom == nil {
					t.Fatalf("issues %v", f.Issues)
				}
				for k, v := range f.Geom[0][0] {
					w := want[0][0][k]
					if math.Abs(v[0]-w[0]) > 1.5e-4 || math.Abs(v[1]-w[1]) > 1.5e-4 {
						t.Errorf("vertex %v, want %v", v, w)
					}
				}
			}
			if !slices.Equal(noticeCodes(l), c.notices) {
				t.Errorf("notices %v, want %v", noticeCodes(l), c.notices)
			}
			if l.SourceCRS == "" || l.SRID != 4546 {
				t.Errorf("source %q, SRID %d", l.SourceCRS, l.SRID)
			}
		})
	}
}

func TestNamesOfACRSMayBeChinese(t *testing.T) {
	chinese := strings.NewReplacer("D_China_2000", "2000国家大地坐标系", "GCS_China_Geodetic_Coordinate_System_2000", "大地").Replace(prj4546)
	for _, text := range []string{chinese, gbk(chinese), "\ufeff" + chinese} {
		if _, got := read(t, (shape{rings: parcels(1), prj: text}).write(t, "a"), options(t)); len(got) != 1 || got[0].Geom == nil {
			t.Errorf("%q: %v", text[:20], got)
		}
	}
}

func transform(t *testing.T, from, to string, v orb.Point) orb.Point {
	t.Helper()
	return transformAll(t, from, to, []orb.Point{v})[0]
}

func TestOldDatumsNeedTheirParameters(t *testing.T) {
	shift := geodata.DatumShift{DX: 10, DY: -20, DZ: 30, RX: 0.5, RY: -0.5, RZ: 1, DS: 2}
	for _, code := range []string{"EPSG:2361", "EPSG:2382", "EPSG:4610", "EPSG:2413", "EPSG:2434", "EPSG:4214"} {
		t.Run(code, func(t *testing.T) {
			place := orb.Point{560000, 4013000}
			if code == "EPSG:4610" || code == "EPSG:4214" {
				place = orb.Point{111.6, 36.2}
			} else if code == "EPSG:2361" || code == "EPSG:2413" {
				place[0] += 37e6
			}
			size := 90.0
			if place[0] < 180 {
				size = 0.001
			}
			s := shape{rings: [][]orb.Ring{{clockwise(place[0], place[1], size)}}, prj: prj(t, code)}
			opts := options(t)
			err := refused(t, zipped(t, s.write(t, "旧")), opts, geodata.ErrCRSShift)
			if !strings.Contains(err.MessageZH, "七参数") {
				t.Errorf("it says %q", err.MessageZH)
			}
			opts.TOWGS84 = &geodata.DatumShift{}
			refused(t, zipped(t, s.write(t, "旧")), opts, geodata.ErrCRSShift)
			opts.TOWGS84 = &geodata.DatumShift{DX: 1e7}
			refused(t, zipped(t, s.write(t, "旧")), opts, geodata.ErrCRSShift)
			opts.TOWGS84 = &shift
			_, got := read(t, zipped(t, s.write(t, "旧")), opts)
			if len(got) != 1 || got[0].Geom == nil {
				t.Fatalf("with parameters: %v", got)
			}
		})
	}
}

func TestParametersInThePrjAreUsed(t *testing.T) {
	wkt := strings.Replace(prj(t, "EPSG:2382"), `SPHEROID["Xian_1980",6378140.0,298.257]`, `SPHEROID["Xian_1980",6378140.0,298.257],TOWGS84[10,-20,30,0.5,-0.5,1,2]`, 1)
	s := shape{rings: parcels(1), prj: wkt}
	_, fromPrj := read(t, s.write(t, "a"), options(t))
	opts := options(t)
	opts.TOWGS84 = &geodata.DatumShift{DX: 10, DY: -20, DZ: 30, RX: 0.5, RY: -0.5, RZ: 1, DS: 2}
	s.prj = prj(t, "EPSG:2382")
	_, fromOption := read(t, s.write(t, "a"), opts)
	compare(t, fromPrj, fromOption)
	// The corner by PROJ.
	corner := transformAll(t, "+proj=tmerc +lon_0=111 +x_0=500000 +a=6378140 +rf=298.257 +towgs84=10,-20,30,0.5,-0.5,1,2 +no_defs",
		"+proj=tmerc +lon_0=111 +x_0=500000 +a=6378137 +rf=298.257222101 +towgs84=0,0,0,0,0,0,0 +no_defs", []orb.Point{{560000, 4013000}})[0]
	if !slices.ContainsFunc(fromPrj[0].Geom[0][0], func(v orb.Point) bool { return math.Hypot(v[0]-corner[0], v[1]-corner[1]) < 2e-4 }) {
		t.Errorf("no corner of %v is PROJ's %v", fromPrj[0].Geom, corner)
	}
}

func TestUndeclaredCRSIsRefusedWithCandidates(t *testing.T) {
	shift := func(dx float64) func(orb.Point) orb.Point {
		return func(v orb.Point) orb.Point { return orb.Point{v[0] + dx, v[1]} }
	}
	for _, c := range []struct {
		name   string
		to     func(orb.Point) orb.Point
		county orb.Bound
		want   []int
		says   string
	}{
		{"six digits in the county", shift(0), demoCounty, []int{4546, 2382, 2434}, "EPSG:4546"},
		{"zone 37", shift(37e6), demoCounty, []int{4525, 2361, 2413}, "EPSG:4525"},
		{"zone 38 of another county", shift(38e6), demoCounty, nil, "没有合适的"},
		{"zone 19 of 6 degrees", shift(19e6), demoCounty, []int{4497, 2333, 21419}, "EPSG:4497"},
		{"zone 37 without a county", shift(37e6), orb.Bound{}, []int{4525, 2361, 2413}, "EPSG:4525"},
		{"six digits without a county", shift(0), orb.Bound{}, []int{4534, 2370, 2422}, "4554"},
		{"degrees", func(v orb.Point) orb.Point { return orb.Point{111.6 + v[0]*1e-9, 36.2 + v[1]*1e-9} }, demoCounty, []int{4490, 4610, 4214}, "EPSG:4490"},
		{"swapped", func(v orb.Point) orb.Point { return orb.Point{v[1], v[0]} }, demoCounty, nil, "纵横坐标似乎颠倒"},
		{"small numbers", func(v orb.Point) orb.Point { return orb.Point{v[0] - 559000, v[1] - 4012000} }, demoCounty, nil, "没有合适的"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := options(t)
			opts.County = c.county
			_, err := geodata.Open(t.Context(), shape{rings: moved(parcels(2), c.to)}.write(t, "无坐标系"), opts)
			var u *geodata.UndeclaredCRSError
			if !errors.As(err, &u) {
				t.Fatalf("not refused: %v", err)
			}
			var got []int
			for _, k := range u.Candidates {
				got = append(got, k.EPSG)
				if (k.Share > 0) != !c.county.IsZero() {
					t.Errorf("candidate %+v", k)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("candidates %v, want %v", got, c.want)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "无坐标系.shp") {
				t.Errorf("it says %q", err)
			}
			if len(c.want) > 0 {
				for _, word := range []string{"西安80", "北京54", "分不出", "依据", "Xi'an 80"} {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("it does not say %s: %q", word, err)
					}
				}
			}
		})
	}
}

func TestCoordinatesThatContradictTheCRSAreRefused(t *testing.T) {
	swap := func(v orb.Point) orb.Point { return orb.Point{v[1], v[0]} }
	for _, c := range []struct {
		name, prj string
		to        func(orb.Point) orb.Point
		code      string
	}{
		{"metres as degrees", "EPSG:4490", func(v orb.Point) orb.Point { return v }, geodata.ErrCRSConflict},
		{"degrees as metres", "EPSG:4546", func(v orb.Point) orb.Point { return orb.Point{111.6 + v[0]*1e-9, 36.2 + v[1]*1e-9} }, geodata.ErrCRSConflict},
		{"zone 38 in zone 37", "EPSG:4546", func(v orb.Point) orb.Point { return orb.Point{v[0] + 38e6, v[1]} }, geodata.ErrCRSConflict},
		{"swapped metres", "EPSG:4546", swap, geodata.ErrAxesSwapped},
		{"swapped metres with prefix", "EPSG:4525", func(v orb.Point) orb.Point { return orb.Point{v[1], v[0] + 37e6} }, geodata.ErrAxesSwapped},
		{"swapped degrees", "EPSG:4490", func(v orb.Point) orb.Point { return orb.Point{36.2 + v[1]*1e-9, 111.6 + v[0]*1e-9} }, geodata.ErrAxesSwapped},
		{"Albers", "ESRI:102025", func(v orb.Point) orb.Point { return v }, geodata.ErrCRSUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shape{rings: moved(parcels(2), c.to), prj: prj(t, c.prj)}
			refused(t, zipped(t, s.write(t, "a")), options(t), c.code)
		})
	}
}

func TestFeaturesFarAwayAreReportedEachForItself(t *testing.T) {
	beijing := transform(t, "EPSG:4490", "EPSG:4546", orb.Point{116.4, 39.9})
	ocean := transform(t, "EPSG:4490", "EPSG:4546", orb.Point{112, -10})
	s := shape{rings: append(parcels(1), []orb.Ring{clockwise(beijing[0], beijing[1], 90)}, []orb.Ring{clockwise(ocean[0], ocean[1], 90)}), prj: prj4546}
	for _, c := range []struct {
		county orb.Bound
		want   []string
	}{
		{demoCounty, []string{"", geodata.IssueOutsideCounty, geodata.IssueOutsideCounty}},
		{orb.Bound{}, []string{"", geodata.IssueOutsideZone, geodata.IssueOutsideChina}},
	} {
		opts := options(t)
		opts.County = c.county
		_, got := read(t, s.write(t, "a"), opts)
		for i, f := range got {
			if have := strings.Join(codes(f), " "); have != c.want[i] {
				t.Errorf("row %d: %q, want %q", i+1, have, c.want[i])
			}
			if c.want[i] != "" && (f.Geom != nil || !f.Issues[0].HasXY || !strings.Contains(f.Issues[0].MessageZH, "东经")) {
				t.Errorf("row %d: %+v", i+1, f)
			}
		}
	}
}

func TestWithoutATargetTheFilesOwnZoneIsTaken(t *testing.T) {
	for code, want := range map[string]int{"EPSG:4525": 4546, "EPSG:4546": 4546, "EPSG:4490": 4546} {
		s := shape{rings: parcels(1), prj: prj(t, code)}
		if code == "EPSG:4490" {
			s.rings = [][]orb.Ring{{clockwise(111.6, 36.2, 0.001)}}
		}
		opts := options(t)
		opts.SRID = 0
		l, _ := read(t, s.write(t, "a"), opts)
		if l.SRID != want {
			t.Errorf("%s: SRID %d", code, l.SRID)
		}
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	dir := shape{rings: parcels(1), prj: prj4546}.write(t, "a")
	for _, edit := range []func(*geodata.Options){
		func(o *geodata.Options) { o.CRS = "EPSG:3857" },
		func(o *geodata.Options) { o.CRS = "乱写" },
		func(o *geodata.Options) { o.Zone = 12 },
		func(o *geodata.Options) { o.Encoding = "EBCDIC" },
		func(o *geodata.Options) { o.SRID = 4490 },
	} {
		opts := options(t)
		edit(&opts)
		if s, err := geodata.Open(t.Context(), dir, opts); err == nil {
			t.Errorf("%+v was taken", opts)
			_ = s.Close()
		}
	}
}

// transformAll asks PROJ, through gdaltransform.
func transformAll(t *testing.T, from, to string, points []orb.Point) []orb.Point {
	t.Helper()
	var in strings.Builder
	for _, v := range points {
		in.WriteString(num(v[0]) + " " + num(v[1]) + "\n")
	}
	cmd := exec.Command("gdaltransform", "-s_srs", from, "-t_srs", to, "-output_xy")
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return parsePoints(t, string(out))
}

func TestArchiveOfSeveralShapefilesInFolders(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"甲乡/DLTB", "乙乡/DLTB", "乙乡/深/XZQ"} {
		for ext, b := range (shape{rings: parcels(2), prj: prj4546}).files() {
			path := filepath.Join(dir, filepath.FromSlash(name)+ext)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := open(t, zipped(t, dir), options(t))
	var names []string
	for _, l := range s.Layers() {
		names = append(names, l.Name+" "+l.File)
	}
	want := []string{"DLTB 乙乡/DLTB.shp", "XZQ 乙乡/深/XZQ.shp", "甲乡/DLTB/DLTB 甲乡/DLTB.shp"}
	if !slices.Equal(names, want) {
		t.Errorf("layers %q, want %q", names, want)
	}
	if _, err := s.Layer(""); err == nil || !strings.Contains(err.Error(), "3 个矢量图层") {
		t.Errorf("which one? %v", err)
	}
	if _, err := s.Layer("没有"); err == nil || !strings.Contains(err.Error(), "XZQ") {
		t.Errorf("no such layer: %v", err)
	}
	l, err := s.Layer("xzq")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(t.Context(), l); err != nil || len(got) != 2 {
		t.Errorf("%d features, %v", len(got), err)
	}
}
