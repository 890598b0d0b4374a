package balance

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FrontierPoint is one λ of a frontier (权衡曲线): the problem with all edge
// weights multiplied by λ, its best plan and its bound. The plan costs
// Cost + λ·Border; no plan costs less than Bound.
type FrontierPoint struct {
	Lambda    float64  `json:"lambda"`
	Status    Status   `json:"status"`
	Objective *float64 `json:"objective"`
	Bound     *float64 `json:"bound"`
	Gap       *float64 `json:"gap"`
	GapNet    *float64 `json:"gap_net"`
	// Cost is the constant, the units and the flows; Border is the weight, at
	// λ = 1, of the edges with farmland on one side only.
	Cost     *float64 `json:"cost"`
	Border   *float64 `json:"border"`
	Selected int      `json:"selected"` // units
	Seconds  float64  `json:"seconds"`
	Solution Solution `json:"-"`
}

// Frontier sweeps λ, every point warm from the one before, within the session's
// options for each. A plan obeys the constraints at every λ, so each is tried at
// all of them; the costs of the points rise with λ and their borders fall. The
// points come in order of λ, with copies of equal values left out; when ctx is
// cancelled, those that were not reached are left out too.
func Frontier(ctx context.Context, p *Problem, lambdas []float64, opt Options) ([]FrontierPoint, error) {
	return FrontierFrom(ctx, p, &Solution{}, lambdas, opt, nil)
}

// FrontierFrom is Frontier from the plan and the prices of a solution that is
// there, of this problem or a similar one with the same units and constraints.
// each, if it is given, is told of every point as it is found, before the plans
// of later points are tried there. When ctx is cancelled the points found by then
// are given.
func FrontierFrom(ctx context.Context, p *Problem, start *Solution, lambdas []float64, opt Options, each func(FrontierPoint)) ([]FrontierPoint, error) {
	lambdas = slices.Clone(lambdas)
	slices.Sort(lambdas)
	lambdas = slices.Compact(lambdas)
	if len(lambdas) == 0 {
		return nil, &InputError{"lambdas", 0, "没有给出 λ", "no λ is given"}
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if err := checkBounded(p); err != nil {
		return nil, err
	}
	if start.Selected != nil && len(start.Selected) != len(p.Units) || start.Multipliers != nil && len(start.Multipliers) != len(p.Constraints) {
		return nil, &InputError{"solution.csv", 0, "不是此问题的解", "is not a solution of this problem"}
	}
	s := resume(p, start, opt)
	points := make([]FrontierPoint, 0, len(lambdas))
	var plans [][]bool
	if start.Selected != nil {
		plans = append(plans, start.Selected)
	}
	for _, lambda := range lambdas {
		if ctx.Err() != nil {
			break
		}
		if err := s.SetLambda(lambda); err != nil {
			return nil, err
		}
		started := time.Now()
		solved := solveWarm(ctx, s.p, opt, s.prices, plans...)
		s.keep(solved)
		if solved.Selected != nil {
			plans = [][]bool{solved.Selected}
		}
		if ctx.Err() != nil && each != nil {
			break // cut short, this point says nothing of its λ
		}
		points = append(points, FrontierPoint{Lambda: lambda, Seconds: time.Since(started).Seconds(), Solution: *solved})
		if each != nil {
			each(s.point(points[len(points)-1]))
		}
	}
	if err := s.share(points); err != nil {
		return nil, err
	}
	return points, nil
}

// point fills in what a point's own solution says.
func (s *Session) point(x FrontierPoint) FrontierPoint {
	sol := &x.Solution
	if sol.Selected != nil {
		cost, border := s.measure(sol)
		x.Cost, x.Border = &cost, &border
		for _, in := range sol.Selected {
			if in {
				x.Selected++
			}
		}
	}
	x.Status, x.Objective, x.Bound, x.Gap, x.GapNet = sol.Status, sol.Objective, sol.Bound, sol.Gap, sol.GapNet
	return x
}

// share gives every point the plan that is best at its λ, and measures it.
func (s *Session) share(points []FrontierPoint) error {
	type line struct{ cost, border float64 }
	lines := make([]line, len(points))
	for i := range points {
		if sol := &points[i].Solution; sol.Selected != nil {
			lines[i].cost, lines[i].border = s.measure(sol)
		}
	}
	found := make([]Solution, len(points))
	for i := range points {
		found[i] = points[i].Solution
	}
	for i := range points {
		x := &points[i]
		best, least, margin := -1, math.Inf(1), 0.0
		if found[i].Selected != nil {
			best, least = i, lines[i].cost+x.Lambda*lines[i].border
			if found[i].Status == Optimal {
				margin = optimalityTolerance(least)
			}
		}
		for j := range found {
			if found[j].Selected == nil {
				continue
			}
			if value := lines[j].cost + x.Lambda*lines[j].border; best < 0 || value < least-max(margin, 1e-12*math.Abs(least)) {
				best, least, margin = j, value, 0
			}
		}
		if best >= 0 {
			if best != i {
				if err := s.SetLambda(x.Lambda); err != nil {
					return err
				}
				s.takeOver(&x.Solution, &found[best])
			}
			cost, border := lines[best].cost, lines[best].border
			x.Cost, x.Border = &cost, &border
			for _, in := range x.Solution.Selected {
				if in {
					x.Selected++
				}
			}
		}
		sol := &x.Solution
		x.Status, x.Objective, x.Bound, x.Gap, x.GapNet = sol.Status, sol.Objective, sol.Bound, sol.Gap, sol.GapNet
	}
	return s.SetLambda(1)
}

// takeOver puts another λ's plan into a solution, whose bound stays.
func (s *Session) takeOver(to, from *Solution) {
	objective, rows := planValue(s.p, from.Selected, from.FlowValues)
	if !obeys(s.p, rows) {
		return
	}
	to.Selected, to.FlowValues, to.Objective, to.Infeasibility = from.Selected, from.FlowValues, &objective, nil
	to.Status = Feasible
	if to.Bound == nil {
		return
	}
	fixedEdges := reduce(s.p).fixedEdges
	gap, net := gapOf(objective, *to.Bound), gapOf(objective-fixedEdges, *to.Bound-fixedEdges)
	to.Gap, to.GapNet = &gap, &net
	if provesOptimal(objective, *to.Bound, undercut(s.p, to.Selected, to.FlowValues, to.Multipliers)) {
		to.Status = Optimal
	}
}

// measure splits a plan's objective into its cost and its border at λ = 1.
func (s *Session) measure(sol *Solution) (cost, border float64) {
	var total, length wide
	total.add(s.p.Constant)
	for u := range s.p.Units {
		if sol.Selected[u] {
			total.add(s.p.Units[u].Cost)
		}
	}
	for z := range s.p.Flows {
		total.addProduct(s.p.Flows[z].Cost, sol.FlowValues[z])
	}
	for i := range s.p.Edges {
		e := &s.p.Edges[i]
		if sol.Selected[e.A] != (e.B != Outside && sol.Selected[e.B]) {
			length.add(s.weights[i])
		}
	}
	return total.value(), length.value()
}

// WriteFrontier writes the points into a file: JSON where its name ends in
// .json, otherwise CSV.
func WriteFrontier(file string, points []FrontierPoint) error {
	dir, name := filepath.Split(file)
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return ioFault(dir, "无法建立文件夹", "the folder cannot be made", err)
		}
	}
	if strings.EqualFold(filepath.Ext(name), ".json") {
		return writeJSON(dir, name, points)
	}
	return writeFile(dir, name, func(out io.Writer) error {
		buffered := bufio.NewWriter(out)
		w := csv.NewWriter(buffered)
		text := func(v *float64) string {
			if v == nil {
				return ""
			}
			return decimal(*v)
		}
		rows := [][]string{{"lambda", "status", "objective", "bound", "gap", "gap_net", "cost", "border", "selected", "seconds"}}
		for _, x := range points {
			rows = append(rows, []string{decimal(x.Lambda), string(x.Status), text(x.Objective), text(x.Bound), text(x.Gap), text(x.GapNet),
				text(x.Cost), text(x.Border), fmt.Sprint(x.Selected), fmt.Sprintf("%.3f", x.Seconds)})
		}
		if err := w.WriteAll(rows); err != nil {
			return err
		}
		return buffered.Flush()
	})
}
