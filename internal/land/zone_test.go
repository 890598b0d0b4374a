package land_test

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"gengheng/internal/land"
)

func TestZoneEPSG(t *testing.T) {
	for code := 4400; code < 4700; code++ {
		z, ok := land.ByEPSG(code)
		if ok != (code >= 4513 && code <= 4554) {
			t.Errorf("EPSG %d: known %v", code, ok)
		}
		if ok && (z.EPSG() != code || z.Prefixed != (code < 4534) || !z.Valid()) {
			t.Errorf("EPSG %d is %+v, which is EPSG %d", code, z, z.EPSG())
		}
	}
	for code, want := range map[int]land.Zone{
		4513: {Number: 25, Prefixed: true}, 4525: {Number: 37, Prefixed: true}, 4533: {Number: 45, Prefixed: true},
		4534: {Number: 25}, 4546: {Number: 37}, 4554: {Number: 45},
	} {
		if got, _ := land.ByEPSG(code); got != want {
			t.Errorf("EPSG %d is %+v, want %+v", code, got, want)
		}
	}
	z := land.Zone{Number: 37}
	if z.CentralMeridian() != 111 || z.FalseEasting() != 500000 || z.WithPrefix().FalseEasting() != 37500000 || z.WithPrefix().WithoutPrefix() != z {
		t.Errorf("zone 37: meridian %v, false easting %v", z.CentralMeridian(), z.FalseEasting())
	}
	if (land.Zone{}).EPSG() != 0 || (land.Zone{Number: 46}).EPSG() != 0 {
		t.Error("a zone outside China has an EPSG code")
	}
	if got := z.String(); got != "CGCS2000 / 3度带中央经线111° (EPSG:4546)" {
		t.Error(got)
	}
	if got := z.WithPrefix().String(); got != "CGCS2000 / 3度带第37带 (EPSG:4525)" {
		t.Error(got)
	}
}

func TestZoneForLongitude(t *testing.T) {
	for lon, number := range map[float64]int{
		111: 37, 109.5: 37, 112.4999: 37, 112.5: 38, 109.4999: 36, 73.5: 25, 136.4999: 45,
		73.4: 0, 136.5: 0, -111: 0, 0: 0, 360: 0,
	} {
		z, ok := land.ForLongitude(lon)
		if z.Number != number || ok != (number != 0) || z.Prefixed {
			t.Errorf("longitude %v: zone %+v, %v; want %d", lon, z, ok, number)
		}
	}
	if _, ok := land.ForLongitude(math.NaN()); ok {
		t.Error("NaN has a zone")
	}
}

func TestZoneOfEasting(t *testing.T) {
	for _, c := range []struct {
		easting float64
		want    land.Zone
		ok      bool
	}{
		{560546.252, land.Zone{}, true},
		{37560546.252, land.Zone{Number: 37, Prefixed: true}, true},
		{25350000, land.Zone{Number: 25, Prefixed: true}, true},
		{45650000, land.Zone{Number: 45, Prefixed: true}, true},
		{111.673692, land.Zone{}, false},
		{4014130.668, land.Zone{}, false}, // a northing
		{19560546, land.Zone{}, false},    // a zone of 6°
		{46500000, land.Zone{}, false},
		{-560546, land.Zone{}, false},
		{12431866, land.Zone{}, false}, // Web Mercator
		{math.NaN(), land.Zone{}, false},
		{math.Inf(1), land.Zone{}, false},
	} {
		if got, ok := land.ZoneOfEasting(c.easting); got != c.want || ok != c.ok {
			t.Errorf("easting %v: %+v, %v; want %+v, %v", c.easting, got, ok, c.want, c.ok)
		}
	}
}

// TestProjectSample is the sample point of the field's reference (PROJ 9.1.1).
func TestProjectSample(t *testing.T) {
	for _, c := range []struct {
		zone    land.Zone
		easting float64
	}{{land.Zone{Number: 37}, 560546.252}, {land.Zone{Number: 37, Prefixed: true}, 37560546.252}} {
		e, n := c.zone.Project(111.673692, 36.255742)
		if math.Abs(e-c.easting) > 6e-4 || math.Abs(n-4014130.668) > 6e-4 {
			t.Errorf("%v: %.4f, %.4f", c.zone, e, n)
		}
		lon, lat := c.zone.Geographic(e, n)
		if math.Abs(lon-111.673692) > 1e-11 || math.Abs(lat-36.255742) > 1e-11 {
			t.Errorf("%v: back at %.12f, %.12f", c.zone, lon, lat)
		}
	}
}

func TestProjectRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := land.Zone{Number: rapid.IntRange(25, 45).Draw(t, "zone"), Prefixed: rapid.Bool().Draw(t, "prefixed")}
		lon := z.CentralMeridian() + rapid.Float64Range(-3, 3).Draw(t, "from meridian")
		lat := rapid.Float64Range(3, 54).Draw(t, "latitude")
		e, n := z.Project(lon, lat)
		l, b := z.Geographic(e, n)
		if math.Abs(l-lon) > 2e-11 || math.Abs(b-lat) > 2e-11 {
			t.Fatalf("(%v, %v) comes back as (%v, %v)", lon, lat, l, b)
		}
	})
}

// TestOfficialAreaShape: the official area depends neither on the ring's
// direction nor on the zone prefix; holes are taken away; prefixes of any ring
// count once however often a vertex is repeated.
func TestOfficialAreaShape(t *testing.T) {
	z := land.Zone{Number: 37}
	outer := orb.Ring{{560500, 4014000}, {560700, 4014030}, {560640, 4014210}, {560480, 4014150}, {560500, 4014000}}
	hole := orb.Ring{{560550, 4014050}, {560600, 4014050}, {560600, 4014100}, {560550, 4014100}, {560550, 4014050}}
	shift := func(r orb.Ring) orb.Ring {
		s := r.Clone()
		for i := range s {
			s[i][0] += 37e6
		}
		return s
	}
	reverse := func(r orb.Ring) orb.Ring {
		s := r.Clone()
		s.Reverse()
		return s
	}
	want := land.OfficialArea(orb.MultiPolygon{{outer, hole}}, z)
	if want != land.OfficialArea(orb.MultiPolygon{{outer}}, z)-land.OfficialArea(orb.MultiPolygon{{hole}}, z) {
		t.Errorf("with a hole %v", want)
	}
	repeated := orb.Ring{outer[0], outer[0], outer[1], outer[2], outer[2], outer[3], outer[4]}
	for name, mp := range map[string]orb.MultiPolygon{
		"reversed":         {{reverse(outer), reverse(hole)}},
		"same direction":   {{outer, reverse(hole)}},
		"repeated vertex":  {{repeated, hole}},
		"not closed":       {{outer[:4], hole}},
		"an empty polygon": {{outer, hole}, {}},
	} {
		if got := land.OfficialArea(mp, z); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := land.OfficialArea(orb.MultiPolygon{{shift(outer), shift(hole)}}, z.WithPrefix()); got != want {
		t.Errorf("with prefix: %v, want %v", got, want)
	}
	for _, empty := range []orb.MultiPolygon{nil, {{}}, {{{}}}, {{{{1, 1}, {2, 2}}}}} {
		if got := land.OfficialArea(empty, z); got != 0 {
			t.Errorf("area of %v is %v", empty, got)
		}
	}
}
