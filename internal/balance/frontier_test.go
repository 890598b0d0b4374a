package balance

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Ensure every point of a frontier is the optimum at its λ, as brute force finds
// it, and the points trade cost against border.
func TestFrontierEqualsBruteForce(t *testing.T) {
	t.Parallel()
	lambdas := []float64{3, 0, 0.5, 1, 1, 8}
	for seed := range 150 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 41)))
		if len(p.Flows) > 1 {
			continue
		}
		points, err := Frontier(context.Background(), p, lambdas, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		if len(points) != 5 {
			t.Fatalf("seed %d: %d points", seed, len(points))
		}
		for i, x := range points {
			at := *p
			at.Edges = append([]Edge{}, p.Edges...)
			for e := range at.Edges {
				at.Edges[e].Weight *= x.Lambda
			}
			sound(t, seed, &at, &x.Solution)
			if x.Objective == nil {
				continue
			}
			tolerance := 1e-6 * (1 + math.Abs(*x.Objective))
			if math.Abs(*x.Cost+x.Lambda**x.Border-*x.Objective) > tolerance {
				t.Fatalf("seed %d λ %g: cost %g, border %g, objective %g", seed, x.Lambda, *x.Cost, *x.Border, *x.Objective)
			}
			if i > 0 && (*x.Border > *points[i-1].Border+tolerance || *x.Cost < *points[i-1].Cost-tolerance) {
				t.Fatalf("seed %d λ %g: cost %g → %g, border %g → %g", seed, x.Lambda, *points[i-1].Cost, *x.Cost, *points[i-1].Border, *x.Border)
			}
		}
	}
}

// Ensure a county's frontier is monotone with bounds below the plans, that its
// points verify, and that it can be written either way.
func TestFrontierOfACounty(t *testing.T) {
	t.Parallel()
	p := countySpec{1500, 4, false, 0.01, 3}.problem()
	points, err := Frontier(context.Background(), p, []float64{0, 0.5, 1, 2, 5}, Options{Gap: 2e-3, TimeLimit: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range points {
		if x.Objective == nil || *x.Bound > *x.Objective {
			t.Fatalf("%+v", x)
		}
		if i > 0 && (*x.Border > *points[i-1].Border*(1+1e-12) || *x.Cost < *points[i-1].Cost*(1-1e-12)) {
			t.Errorf("λ %g: cost %g → %g, border %g → %g", x.Lambda, *points[i-1].Cost, *x.Cost, *points[i-1].Border, *x.Border)
		}
		scaled := *p
		scaled.Edges = append([]Edge{}, p.Edges...)
		for e := range scaled.Edges {
			scaled.Edges[e].Weight *= x.Lambda
		}
		in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
		if err := WriteProblem(in, &scaled); err != nil {
			t.Fatal(err)
		}
		if err := WriteSolution(out, &scaled, &x.Solution); err != nil {
			t.Fatal(err)
		}
		if report, err := VerifyDir(in, out); err != nil {
			t.Errorf("λ %g: %v %v", x.Lambda, err, report.Faults)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"f.csv", "new/f.json"} {
		if err := WriteFrontier(filepath.Join(dir, name), points); err != nil {
			t.Fatal(err)
		}
	}
	table, _ := os.ReadFile(filepath.Join(dir, "f.csv"))
	if lines := strings.Split(strings.TrimSpace(string(table)), "\n"); len(lines) != 6 || !strings.HasPrefix(lines[0], "lambda,status,objective,bound") {
		t.Errorf("%s", table)
	}
	var back []FrontierPoint
	data, _ := os.ReadFile(filepath.Join(dir, "new/f.json"))
	if err := json.Unmarshal(data, &back); err != nil || len(back) != 5 || *back[2].Objective != *points[2].Objective {
		t.Errorf("%v %s", err, data)
	}
	if _, err := Frontier(context.Background(), p, nil, Options{}); err == nil {
		t.Error("no λ was taken")
	}
	if _, err := Frontier(context.Background(), p, []float64{-1}, Options{}); err == nil {
		t.Error("a negative λ was taken")
	}
}

// BenchmarkFrontier sweeps 20 λ over a county of 100,000 parcels.
func BenchmarkFrontier(b *testing.B) {
	p := countySpec{100000, 25, false, 0.01, 1}.problem()
	var lambdas []float64
	for i := range 20 {
		lambdas = append(lambdas, 0.1*math.Pow(1.25, float64(i)))
	}
	for b.Loop() {
		points, err := Frontier(context.Background(), p, lambdas, Options{TimeLimit: 2500 * time.Millisecond})
		if err != nil {
			b.Fatal(err)
		}
		worst := 0.0
		for _, x := range points {
			worst = max(worst, *x.GapNet)
		}
		b.ReportMetric(worst*1e6, "worst-gap_net-ppm")
	}
}
