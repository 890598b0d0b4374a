package planning

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"gengheng/internal/balance"
	"gengheng/internal/land"
)

// grid is a made-up county of square cells, small enough to try every plan:
// each cell is a kept field, an outgoing candidate, an incoming one or waste.
// What a plan costs is computed here from the cells alone.
type grid struct {
	cols, rows int
	side       float64 // m
	cell       []byte  // 'F', 'O', 'I', '.'
	survey     *survey
	options    Options
	byCell     map[int]*candidate
}

func drawGrid(t *rapid.T) *grid {
	g := &grid{
		cols: rapid.IntRange(2, 4).Draw(t, "columns"), rows: rapid.IntRange(2, 3).Draw(t, "rows"),
		side: float64(rapid.IntRange(20, 60).Draw(t, "side")), byCell: map[int]*candidate{},
	}
	g.options = Options{
		Lambda: float64(rapid.IntRange(0, 30).Draw(t, "lambda")) / 10, TransferCost: float64(rapid.IntRange(0, 100).Draw(t, "transfer")),
		InCost: 200, RefusalCost: float64(rapid.IntRange(100, 1000).Draw(t, "refusal")), Weights: map[string]float64{"IN-P1": 60, "OUT-P1": 120},
		TimeLimit: 30, Gap: 0, Seed: 1, Enforce: Enforce{Area: true, Paddy: rapid.Bool().Draw(t, "paddy"), Quality: rapid.Bool().Draw(t, "quality")},
	}
	g.survey = &survey{county: "149901", zone: zone38, townships: []township{{code: "149901100", name: "东乡"}, {code: "149901101", name: "西乡", x: 1000}}}
	var in, out []*candidate
	for i := range g.cols * g.rows {
		kind := rapid.SampledFrom([]byte("FOI.")).Draw(t, "cell")
		g.cell = append(g.cell, kind)
		switch kind {
		case 'F':
			g.survey.parcels = append(g.survey.parcels, fixedParcel{fid: int32(i), geom: g.square(i)})
		case 'O', 'I':
			c := g.drawCandidate(t, i, kind)
			g.byCell[i] = c
			if kind == 'O' {
				out = append(out, c)
			} else {
				in = append(in, c)
			}
		}
	}
	g.survey.candidates = append(out, in...)
	return g
}

func (g *grid) drawCandidate(t *rapid.T, i int, kind byte) *candidate {
	c := &candidate{direction: "in", number: fmt.Sprintf("%02d", i), verdict: "eligible", geom: g.square(i),
		township: g.survey.townships[rapid.IntRange(0, 1).Draw(t, "township")].code,
		net:      land.Area(rapid.Int64Range(1, 300000).Draw(t, "net")), scores: map[string]float64{}}
	if kind == 'O' {
		c.direction = "out"
	}
	if rapid.Bool().Draw(t, "is paddy") {
		c.paddy = c.net
	}
	grade := Grade(rapid.Int64Range(1, 15).Draw(t, "grade") * 1000)
	c.grade = &grade
	c.scores["IN-P1"] = float64(rapid.IntRange(0, 4).Draw(t, "score")) / 4
	c.scores["OUT-P1"] = c.scores["IN-P1"]
	return c
}

func (g *grid) square(i int) orb.MultiPolygon {
	x, y := 560000+float64(i%g.cols)*g.side, 4013000+float64(i/g.cols)*g.side
	return orb.MultiPolygon{{{{x, y}, {x + g.side, y}, {x + g.side, y + g.side}, {x, y + g.side}, {x, y}}}}
}

// best tries all plans and gives the least cost.
func (g *grid) best() float64 {
	var cells []int
	for i := range g.cell {
		if g.byCell[i] != nil {
			cells = append(cells, i)
		}
	}
	best := math.Inf(1)
	for plan := range 1 << len(cells) {
		farmland := make([]bool, len(g.cell))
		for i, kind := range g.cell {
			farmland[i] = kind == 'F'
		}
		for k, i := range cells {
			farmland[i] = plan>>k&1 == 1
		}
		if cost, ok := g.cost(farmland); ok && cost < best {
			best = cost
		}
	}
	return best
}

// cost is the objective by its words: bringing in, refusing, transfers,
// perimeter; ok is false where the county is not in balance.
func (g *grid) cost(farmland []bool) (cost float64, ok bool) {
	balances := map[Measure]map[string]land.Area{MeasureArea: {}, MeasurePaddy: {}, MeasureQuality: {}}
	for i, c := range g.byCell {
		mu := float64(c.net) / 100 * 0.0015
		sign := land.Area(0)
		switch {
		case c.direction == "in" && farmland[i]:
			cost += mu * (200 + 60*(1-c.scores["IN-P1"]))
			sign = 1
		case c.direction == "out" && farmland[i]:
			cost += mu * (g.options.RefusalCost + 120*c.scores["OUT-P1"])
		case c.direction == "out":
			sign = -1
		}
		balances[MeasureArea][c.township] += sign * c.net
		balances[MeasurePaddy][c.township] += sign * c.paddy
		balances[MeasureQuality][c.township] += sign * gradeArea(c.net, *c.grade)
	}
	for measure, byTown := range balances {
		if !g.options.Enforce.has(measure) {
			continue
		}
		var total land.Area
		for _, b := range byTown {
			total += b
			if b < 0 {
				cost += g.options.TransferCost * float64(-b) / 100 * 0.0015
			}
		}
		if total < 0 {
			return 0, false
		}
	}
	at := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < g.cols && y < g.rows && farmland[y*g.cols+x]
	}
	for y := range g.rows {
		for x := range g.cols {
			for _, d := range [][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
				if at(x, y) && !at(x+d[0], y+d[1]) {
					cost += g.options.Lambda * g.side
				}
			}
		}
	}
	return cost, true
}

// On counties small enough to try every plan, the plan is the best one, is
// balanced to the hundredth, and adds up.
func TestThePlanIsTheBestOne(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		f, err := lay(ctx, g.survey, g.options)
		if err != nil {
			t.Fatal(err)
		}
		m, err := write("grid", f, g.survey, g.options)
		if err != nil {
			t.Fatal(err)
		}
		solution, err := balance.Solve(ctx, m.problem, g.options.search())
		if err != nil {
			t.Fatal(err)
		}
		out, err := conclude(g.survey, f, m, g.options, solution, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := g.best(); solution.Status != balance.Optimal || math.Abs(*solution.Objective-want) > 1e-3 {
			t.Fatalf("%s at %v, the best plan costs %v", solution.Status, *solution.Objective, want)
		}
		checkSums(t, out, g.options)
		if _, err := pack(m.problem, solution); err != nil {
			t.Fatal(err)
		}
	})
}

// checkSums recomputes from the parcels what the plan says of townships and
// county.
func checkSums(t *rapid.T, out *outcome, o Options) {
	var county CountyBalance
	net := map[string]land.Area{}
	for _, p := range out.parcels {
		switch {
		case !p.chosen:
		case p.direction == "in":
			county.In += p.net
			county.InPaddy += p.paddy
			net[p.township] += p.net
		default:
			county.Out += p.net
			county.OutPaddy += p.paddy
			net[p.township] -= p.net
		}
		if p.reason == "" {
			t.Fatalf("no reason for %s/%s", p.direction, p.number)
		}
	}
	if county != out.summary.County {
		t.Fatalf("the parcels add up to %+v, the summary says %+v", county, out.summary.County)
	}
	var sum CountyBalance
	for _, b := range out.summary.Townships {
		sum.In, sum.Out, sum.InPaddy, sum.OutPaddy = sum.In+b.In, sum.Out+b.Out, sum.InPaddy+b.InPaddy, sum.OutPaddy+b.OutPaddy
		if left := net[b.Code] + b.TransferIn - b.TransferOut; o.Enforce.Area && left < 0 {
			t.Fatalf("township %s is short by %v", b.Code, -left)
		}
	}
	if sum != county {
		t.Fatalf("the townships add up to %+v, the county has %+v", sum, county)
	}
}
