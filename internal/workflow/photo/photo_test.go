package photo_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"gengheng/internal/land"
	"gengheng/internal/workflow/photo"
)

var (
	zone  = land.Zone{Number: 37}
	start = time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)
	end   = start.AddDate(0, 3, 0)
)

// square is 100 m wide, 60 km east of its meridian.
func square() orb.MultiPolygon {
	return orb.MultiPolygon{{{{560000, 4013000}, {560100, 4013000}, {560100, 4013100}, {560000, 4013100}, {560000, 4013000}}}}
}

func at(x, y float64) *orb.Point {
	lon, lat := zone.Geographic(x, y)
	return &orb.Point{lon, lat}
}

func ptr[T any](v T) *T { return &v }

func read(t interface {
	Helper()
	Fatal(...any)
}, m photo.Meta) photo.Meta {
	t.Helper()
	raw, err := photo.Synthetic(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := photo.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What is written by the TIFF standard is read by the library, to 1 cm.
func TestRead_WhatACameraWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := photo.Meta{Position: &orb.Point{rapid.Float64Range(1, 180).Draw(t, "lon"), rapid.Float64Range(-90, 90).Draw(t, "lat")},
			Direction: ptr(rapid.Float64Range(0, 359.99).Draw(t, "direction")),
			Taken:     ptr(start.Add(time.Duration(rapid.IntRange(0, 1e7).Draw(t, "seconds")) * time.Second))}
		got := read(t, m)
		if got.Position == nil || math.Abs(got.Position[0]-m.Position[0]) > 1e-7 || math.Abs(got.Position[1]-m.Position[1]) > 1e-7 {
			t.Fatalf("%v, want %v", got.Position, m.Position)
		}
		if got.Direction == nil || math.Abs(*got.Direction-*m.Direction) > 1e-4 || got.Taken == nil || !got.Taken.Equal(*m.Taken) {
			t.Fatalf("%v %v, want %v %v", got.Direction, got.Taken, *m.Direction, *m.Taken)
		}
	})
	if got := read(t, photo.Meta{}); got != (photo.Meta{}) {
		t.Errorf("an empty photo says %+v", got)
	}
	if got := read(t, photo.Meta{Position: &orb.Point{0, 0}}); got.Position != nil {
		t.Error("a receiver without a fix was believed")
	}
	for _, raw := range []string{"", "GIF89a", "\x89PNG\r\n\x1a\n", "<svg/>"} {
		if _, err := photo.Read(strings.NewReader(raw)); !errors.Is(err, photo.ErrNotJPEG) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

var limits = photo.Limits{FarthestM: 100, BlurM: 10, WidestDegrees: 45, Rulebook: "0123456789abcdef"}

// Ensure that each limit is the rulebook's, at which nothing is wrong yet, and that
// what is said names the limit and the rulebook.
func TestAgainst_HoldsToTheLimitsGiven(t *testing.T) {
	t.Parallel()
	taken := start.AddDate(0, 1, 0)
	for name, tc := range map[string]struct {
		x, y, direction float64
		change          func(l *photo.Limits)
		code, says      string
	}{
		"101 m, within 102":     {560050, 4012899, 0, func(l *photo.Limits) { l.FarthestM = 102 }, "", ""},
		"101 m, beyond 99.5":    {560050, 4012899, 0, func(l *photo.Limits) { l.FarthestM = 99.5 }, "far", "99.5 m"},
		"134° past, within 140": {560050, 4012950, 180, func(l *photo.Limits) { l.WidestDegrees = 140 }, "", ""},
		"35° past, beyond 30":   {560050, 4012950, 80, func(l *photo.Limits) { l.WidestDegrees = 30 }, "away", "30°"},
		"away, within the blur": {560050, 4012950, 180, func(l *photo.Limits) { l.BlurM = 51 }, "", ""},
		"away, beyond the blur": {560050, 4012991, 180, func(l *photo.Limits) { l.BlurM = 5 }, "away", "45°"},
	} {
		l := limits
		tc.change(&l)
		got := l.Against(photo.Meta{Position: at(tc.x, tc.y), Direction: ptr(tc.direction), Taken: &taken}, square(), zone, photo.Period{From: start, To: end})
		if tc.code == "" {
			if len(got.Findings) > 0 {
				t.Errorf("%s: %+v", name, got.Findings)
			}
			continue
		}
		if len(got.Findings) != 1 || got.Findings[0].Code != tc.code {
			t.Errorf("%s: %+v, want %s", name, got.Findings, tc.code)
			continue
		}
		for _, text := range []string{got.Findings[0].ZH, got.Findings[0].EN} {
			if !strings.Contains(text, tc.says) || !strings.Contains(text, l.Rulebook) || strings.Contains(text, "%!") {
				t.Errorf("%s: says %q", name, text)
			}
		}
	}
}

func TestAgainst(t *testing.T) {
	t.Parallel()
	good := start.AddDate(0, 1, 0)
	for name, tc := range map[string]struct {
		meta     photo.Meta
		distance float64 // -1: not known
		off      float64
		codes    string
	}{
		"inside, whatever way":  {photo.Meta{Position: at(560050, 4013050), Direction: ptr(123.0), Taken: &good}, 0, 0, ""},
		"on the boundary, away": {photo.Meta{Position: at(560050, 4012991), Direction: ptr(180.0), Taken: &good}, 9, 0, ""},
		"from the south":        {photo.Meta{Position: at(560050, 4012970), Direction: ptr(0.0), Taken: &good}, 30, 0, ""},
		"across a corner":       {photo.Meta{Position: at(559970, 4012960), Direction: ptr(45.0), Taken: &good}, 50, 0, ""},
		"a little past":         {photo.Meta{Position: at(560050, 4012950), Direction: ptr(80.0), Taken: &good}, 50, 35, ""},
		"from the south, away":  {photo.Meta{Position: at(560050, 4012950), Direction: ptr(180.0), Taken: &good}, 50, 134.6, "away"},
		"too far":               {photo.Meta{Position: at(560050, 4012899), Direction: ptr(0.0), Taken: &good}, 101, 0, "far"},
		"nothing":               {photo.Meta{}, -1, 0, "no-position no-direction no-time"},
		"before the work began": {photo.Meta{Position: at(560050, 4013050), Direction: ptr(1.0), Taken: ptr(start.Add(-time.Second))}, 0, 0, "early"},
		"from the future":       {photo.Meta{Position: at(560050, 4013050), Direction: ptr(1.0), Taken: ptr(end.Add(time.Second))}, 0, 0, "later"},
	} {
		got := limits.Against(tc.meta, square(), zone, photo.Period{From: start, To: end})
		var codes []string
		for _, f := range got.Findings {
			codes = append(codes, f.Code)
			if f.ZH == "" || f.EN == "" {
				t.Errorf("%s: %+v says nothing", name, f)
			}
		}
		if strings.Join(codes, " ") != tc.codes {
			t.Errorf("%s: %v, want %s", name, codes, tc.codes)
		}
		if tc.distance < 0 {
			continue
		}
		if got.DistanceM == nil || math.Abs(*got.DistanceM-tc.distance) > 0.01 {
			t.Errorf("%s: distance %v", name, got.DistanceM)
		}
		if got.OffDegrees == nil || math.Abs(*got.OffDegrees-tc.off) > 0.6 { // the grid's north is 0.4° off
			t.Errorf("%s: off %v", name, *got.OffDegrees)
		}
	}
}

// The distance and direction of random places agree with marching along the
// boundary in small steps.
func TestAgainst_AgreesWithMarching(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.Float64Range(559000, 561100).Draw(t, "x"), rapid.Float64Range(4012000, 4014100).Draw(t, "y")
		m := photo.Meta{Position: at(x, y), Direction: ptr(rapid.Float64Range(0, 360).Draw(t, "direction"))}
		got := limits.Against(m, square(), zone, photo.Period{})
		inside := x >= 560000 && x <= 560100 && y >= 4013000 && y <= 4013100
		nearest, off := math.Inf(1), 180.0
		grid := *m.Direction - (m.Position[0]-111)*math.Sin(m.Position[1]*math.Pi/180)
		ring := square()[0][0]
		for i := 1; i < len(ring); i++ {
			for k := 0; k <= 4000; k++ {
				f := float64(k) / 4000
				px, py := ring[i-1][0]*(1-f)+ring[i][0]*f, ring[i-1][1]*(1-f)+ring[i][1]*f
				nearest = min(nearest, math.Hypot(px-x, py-y))
				a := math.Atan2(px-x, py-y)*180/math.Pi - grid
				off = min(off, math.Abs(math.Remainder(a, 360)))
			}
		}
		if inside {
			nearest = 0
		}
		if nearest <= 10 { // within what a phone may be wrong by
			off = 0
		}
		if math.Abs(*got.DistanceM-nearest) > 0.05 || math.Abs(*got.OffDegrees-off) > 1 && math.Abs(nearest-10) > 0.05 {
			t.Fatalf("distance %v off %v, want %v %v", *got.DistanceM, *got.OffDegrees, nearest, off)
		}
	})
}

// Whatever a file holds, reading it ends without a panic, and what it says is
// within bounds.
func FuzzRead(f *testing.F) {
	whole, err := photo.Synthetic(photo.Meta{Position: &orb.Point{111.5, 36.2}, Direction: ptr(12.5), Taken: &start})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:60])
	f.Add(slices.Concat(whole[:30], bytes.Repeat([]byte{0xff}, 60), whole[30:]))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := photo.Read(bytes.NewReader(raw))
		if err != nil {
			return
		}
		if m.Position != nil && !(math.Abs(m.Position[0]) <= 180 && math.Abs(m.Position[1]) <= 90) || m.Direction != nil && !(*m.Direction >= 0 && *m.Direction <= 360) {
			t.Errorf("%v %v", m.Position, *m.Direction)
		}
		r := limits.Against(m, square(), zone, photo.Period{From: start, To: end})
		if r.DistanceM != nil && !(*r.DistanceM >= 0) || r.OffDegrees != nil && !(*r.OffDegrees >= 0 && *r.OffDegrees <= 180) {
			t.Errorf("%+v", r)
		}
	})
}
