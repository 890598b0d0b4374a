package land_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gengheng/internal/land"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name  string
		total land.Area
		parts []float64
		want  []land.Area
	}{
		{"one part", 999910, []float64{17}, []land.Area{999910}},
		{"residue up goes to the largest", 10000, []float64{1, 1.000001, 1}, []land.Area{3333, 3334, 3333}},
		{"residue down comes from the largest", 2, []float64{1, 1, 1}, []land.Area{0, 1, 1}},
		{"equal parts: the first is served first", 100, []float64{1, 1, 1}, []land.Area{34, 33, 33}},
		{"a part of nothing gets nothing", 101, []float64{0, 1, 0, 1}, []land.Area{0, 50, 0, 51}},
		{"negative total", -100, []float64{1, 1, 1}, []land.Area{-34, -33, -33}},
		{"zero total", 0, []float64{1, 2}, []land.Area{0, 0}},
	} {
		got, err := land.Split(c.total, c.parts)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	for _, bad := range [][]float64{nil, {}, {0, 0}, {1, -1}, {math.NaN(), 1}, {math.Inf(1), 1}, {math.MaxFloat64, math.MaxFloat64}} {
		if got, err := land.Split(100, bad); err == nil {
			t.Errorf("Split over %v = %v, want an error", bad, got)
		}
	}
}

func TestSplitAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := land.Area(rapid.Int64Range(0, 1e15).Draw(t, "total"))
		if rapid.Bool().Draw(t, "small") {
			total %= 1000
		}
		parts := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(0, 1e7), rapid.Just(0.0), rapid.Just(1.0)), 1, 60).Draw(t, "parts")
		sum := 0.0
		for _, p := range parts {
			sum += p
		}
		got, err := land.Split(total, parts)
		if sum == 0 {
			if err == nil {
				t.Fatal("parts of nothing were accepted")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var back land.Area
		for i, a := range got {
			back += a
			exact := float64(total) * parts[i] / sum
			if a < 0 || parts[i] == 0 && a != 0 {
				t.Fatalf("part %d of weight %v gets %d", i, parts[i], a)
			}
			if math.Abs(float64(a)-exact) > 1.5+1e-9*exact {
				t.Fatalf("part %d gets %d, its share is %v", i, a, exact)
			}
		}
		if back != total {
			t.Fatalf("the parts add up to %d, the whole is %d", back, total)
		}
	})
}
