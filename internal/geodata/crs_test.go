package geodata

import (
	"bufio"
	"fmt"
	"gengheng/internal/land"
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// projected asks PROJ, through gdaltransform, for many points at once.
func projected(t *testing.T, from, to string, points []orb.Point) []orb.Point {
	t.Helper()
	cmd := exec.Command("gdaltransform", "-s_srs", from, "-t_srs", to, "-output_xy")
	var in strings.Builder
	for _, p := range points {
		fmt.Fprintf(&in, "%.17g %.17g\n", p[0], p[1])
	}
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gdaltransform: %v", err)
	}
	var got []orb.Point
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		var p orb.Point
		if _, err := fmt.Sscan(s.Text(), &p[0], &p[1]); err != nil {
			t.Fatalf("gdaltransform says %q", s.Text())
		}
		got = append(got, p)
	}
	if len(got) != len(points) {
		t.Fatalf("%d points of %d", len(got), len(points))
	}
	return got
}

func near(t *testing.T, what string, got, want orb.Point, tolerance float64) {
	t.Helper()
	if math.Hypot(got[0]-want[0], got[1]-want[1]) > tolerance {
		t.Errorf("%s: got %.6f %.6f, want %.6f %.6f", what, got[0], got[1], want[0], want[1])
	}
}

// grid of longitudes and latitudes around a meridian, also far from it.
func grid(meridian float64) []orb.Point {
	var points []orb.Point
	for _, dl := range []float64{-4.3, -1.5, -0.2, 0, 0.67, 1.5, 3.1} {
		for _, lat := range []float64{18.2, 31, 36.255742, 45.5, 53.4} {
			points = append(points, orb.Point{meridian + dl, lat})
		}
	}
	return points
}

func TestEveryCodeProjectsAsPROJDoes(t *testing.T) {
	for _, code := range []int{4513, 4525, 4533, 4534, 4546, 4554, 4491, 4501, 4502, 4512, 2327, 2337, 2338, 2348, 2349, 2361, 2369, 2370, 2382, 2390, 2401, 2421, 2422, 2434, 2442, 21413, 21423, 21453, 21463, 32643, 32649, 32653} {
		c := crsByEPSG(code)
		if c == nil {
			t.Fatalf("EPSG:%d is not known", code)
		}
		geographic := map[datum]string{datumCGCS2000: "EPSG:4490", datumWGS84: "EPSG:4326", datumXian80: "EPSG:4610", datumBeijing54: "EPSG:4214"}[c.datum]
		points := grid(c.plane.meridian)
		want := projected(t, geographic, fmt.Sprintf("EPSG:%d", code), points)
		for i, p := range points {
			x, y := c.plane.forward(p[0], p[1])
			near(t, fmt.Sprintf("EPSG:%d of %v", code, p), orb.Point{x + float64(c.prefix)*1e6, y}, want[i], 1e-6)
			lon, lat := c.plane.inverse(x, y)
			near(t, fmt.Sprintf("EPSG:%d back", code), orb.Point{lon, lat}, p, 1e-11)
		}
	}
}

func TestReferencePointOfTheCounty(t *testing.T) {
	// a point of EPSG:4546 by PROJ: 36.255742, 111.673692 is N 4,014,130.668, E 560,546.252.
	x, y := crsByEPSG(4546).plane.forward(111.673692, 36.255742)
	near(t, "EPSG:4546", orb.Point{Round(x), Round(y)}, orb.Point{560546.252, 4014130.668}, 6e-4)
}

func TestSevenParametersActAsInPROJ(t *testing.T) {
	shift := DatumShift{DX: -12.3, DY: -105.2, DZ: -61.8, RX: 0.41, RY: -0.93, RZ: 1.27, DS: -3.4}
	for _, c := range []struct {
		name string
		from ellipsoid
	}{{"krass", ellipsoidKrassowsky}, {"IAG75", ellipsoidIAG75}} {
		points := grid(111)
		proj := fmt.Sprintf("+proj=longlat +a=%v +rf=%v +towgs84=%v,%v,%v,%v,%v,%v,%v +no_defs", c.from.a, c.from.rf,
			shift.DX, shift.DY, shift.DZ, shift.RX, shift.RY, shift.RZ, shift.DS)
		want := projected(t, proj, "+proj=longlat +a=6378137 +rf=298.257222101 +towgs84=0,0,0,0,0,0,0 +no_defs", points)
		for i, p := range points {
			lon, lat := shift.apply(c.from, p[0], p[1])
			near(t, c.name, orb.Point{lon, lat}, want[i], 1e-10)
		}
	}
}

func TestProjectionComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := crsByEPSG(4513 + rapid.IntRange(0, 20).Draw(t, "zone")).plane
		lon := m.meridian + rapid.Float64Range(-4, 4).Draw(t, "dl")
		lat := rapid.Float64Range(1, 60).Draw(t, "lat")
		x, y := m.forward(lon, lat)
		back, backLat := m.inverse(x, y)
		if math.Abs(back-lon) > 1e-11 || math.Abs(backLat-lat) > 1e-11 {
			t.Fatalf("%v %v came back as %v %v", lon, lat, back, backLat)
		}
	})
}

func TestCRSDefinitionsOfEveryFlavourAreUnderstood(t *testing.T) {
	for _, code := range []int{4490, 4326, 4610, 4214, 4525, 4546, 4495, 4506, 2361, 2382, 2413, 21419, 32649} {
		want := crsByEPSG(code)
		for _, flavour := range []string{"wkt_esri", "wkt1", "wkt2_2015", "wkt2_2019"} {
			if strings.HasPrefix(flavour, "wkt2") && code%5 > 0 {
				continue // a few will do, each costs a process
			}
			out, err := exec.Command("gdalsrsinfo", "-o", flavour, fmt.Sprintf("EPSG:%d", code)).Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := crsOfWKT(string(out))
			if err != nil {
				t.Errorf("EPSG:%d as %s: %v", code, flavour, err)
				continue
			}
			if got.datum != want.datum || got.prefix != want.prefix || (got.plane == nil) != (want.plane == nil) {
				t.Errorf("EPSG:%d as %s: %+v", code, flavour, got)
				continue
			}
			if got.plane != nil && (got.plane.meridian != want.plane.meridian || got.plane.scale != want.plane.scale || got.plane.falseEasting != want.plane.falseEasting || got.plane.ellipsoid != want.plane.ellipsoid) {
				t.Errorf("EPSG:%d as %s: plane %+v", code, flavour, got.plane)
			}
		}
	}
}

func TestForeignCRSDefinitionsAreRefused(t *testing.T) {
	plane := func(geographic, projection, parameters string) string {
		return `PROJCS["x",` + geographic + `,PROJECTION["` + projection + `"],` + parameters + `]`
	}
	cgcs := `GEOGCS["GCS_CGCS_2000",DATUM["D_China_2000",SPHEROID["CGCS2000",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["Degree",0.0174532925199433]]`
	gk := `PARAMETER["False_Easting",500000],PARAMETER["False_Northing",0],PARAMETER["Central_Meridian",111],PARAMETER["Scale_Factor",1],PARAMETER["Latitude_Of_Origin",0],UNIT["Meter",1]`
	if c, err := crsOfWKT(plane(cgcs, "Gauss_Kruger", gk)); err != nil || c.plane == nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, wkt := range map[string]string{
		"another projection":    plane(cgcs, "Albers", gk),
		"web mercator":          plane(strings.ReplaceAll(cgcs, "D_China_2000", "D_WGS_1984"), "Mercator_Auxiliary_Sphere", gk),
		"unknown datum":         plane(strings.ReplaceAll(strings.ReplaceAll(cgcs, "D_China_2000", "D_Mars"), "GCS_CGCS_2000", "Mars"), "Gauss_Kruger", gk),
		"datum and ellipsoid":   plane(strings.ReplaceAll(cgcs, "6378137,298.257222101", "6378245,298.3"), "Gauss_Kruger", gk),
		"another meridian":      plane(strings.ReplaceAll(cgcs, `"Greenwich",0`, `"Paris",2.33`), "Gauss_Kruger", gk),
		"feet":                  plane(cgcs, "Gauss_Kruger", strings.ReplaceAll(gk, `"Meter",1`, `"Foot",0.3048`)),
		"gon":                   plane(strings.ReplaceAll(cgcs, "0.0174532925199433", "0.01570796326794897"), "Gauss_Kruger", gk),
		"zone against meridian": plane(cgcs, "Gauss_Kruger", strings.ReplaceAll(gk, "500000", "38500000")),
		"no easting":            plane(cgcs, "Gauss_Kruger", strings.ReplaceAll(gk, `PARAMETER["False_Easting",500000],`, "")),
		"local":                 `LOCAL_CS["x",UNIT["m",1]]`,
		"cut off":               plane(cgcs, "Gauss_Kruger", gk)[:200],
		"no wkt":                "你好",
		"new beijing":           strings.ReplaceAll(strings.ReplaceAll(cgcs, "D_China_2000", "New_Beijing"), "GCS_CGCS_2000", "New Beijing"),
	} {
		if c, err := crsOfWKT(wkt); err == nil {
			t.Errorf("%s was taken as %+v", name, c)
		}
	}
}

func FuzzWKT(f *testing.F) {
	f.Add(`GEOGCS["GCS",DATUM["D_China_2000",SPHEROID["CGCS2000",6378137,298.257222101],TOWGS84[1,2,3,4,5,6,7]],PRIMEM["Greenwich",0],UNIT["Degree",0.0174532925199433]]`)
	f.Add(`PROJCS["x",GEOGCS["GCS",DATUM["D_Xian_1980"]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",37500000],PARAMETER["Central_Meridian",111]]`)
	f.Add(`A[B[C[`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := crsOfWKT(text)
		if err == nil && (c.datum == datumUnknown || c.plane != nil && !(math.Abs(c.plane.meridian) <= 180)) {
			t.Errorf("%q was understood as %+v", text, c)
		}
	})
}

// TestSurelyInsideIsInside holds the shortcut to the projection that it spares.
func TestSurelyInsideIsInside(t *testing.T) {
	for number := 25; number <= 45; number++ {
		zone := land.Zone{Number: number}
		m := newMercator(ellipsoidCGCS2000, zone.CentralMeridian(), 1, 500000, 0)
		p := placement{target: zone, home: m}
		inside := 0
		for x := 200e3; x <= 800e3; x += 25e3 {
			for y := -1e6; y <= 7e6; y += 100e3 {
				if !p.surelyInside(orb.Point{x, y}) {
					continue
				}
				inside++
				lon, lat := m.inverse(x, y)
				if !chinaBound.Contains(orb.Point{lon, lat}) || !(math.Abs(lon-zone.CentralMeridian()) < 3) {
					t.Errorf("zone %d: %g, %g is at %g, %g", number, x, y, lon, lat)
				}
			}
		}
		if want := number >= 26 && number <= 44; want != (inside > 0) {
			t.Errorf("zone %d: %d places are sure", number, inside)
		}
	}
}
