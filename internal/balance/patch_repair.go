package balance

import (
	"container/heap"
	"context"
	"slices"
	"time"
)

// This file mends plans that violate the patch rule.

// repair turns the last plan into one that obeys the rule: each patch that is too
// small is joined to a larger one by the cheapest way, or given up, whichever
// costs less at the prices; then the rest is solved around that.
func (ps *patchSearch) repair(ctx context.Context, opt Options, part func(float64) time.Duration) {
	if ps.best != nil || ps.impossible || ps.plan == nil {
		return
	}
	h := ps.relaxed
	h.Units = slices.Clone(ps.relaxed.Units)
	h.Constraints = ps.relaxed.Constraints[:len(ps.p.Constraints)]
	h.Terms = ps.relaxed.Terms[:len(ps.p.Terms)]
	prices := ps.prices[:min(len(ps.prices), len(h.Constraints))]
	plan := ps.plan
	for round := range patchRepairs {
		list := ps.violating(&h, plan)
		if len(list) == 0 {
			ps.take(plan)
			return
		}
		if ctx.Err() != nil {
			return
		}
		ps.settlePatches(&h, plan, prices, list, round)
		ps.exclude(&h)
		limit := opt
		limit.Progress, limit.TimeLimit = nil, max(part(1)/3, time.Millisecond)
		s := solveWarm(ctx, &h, limit, prices, plan)
		ps.cut = ps.cut || s.OutOfTime
		if s.Selected == nil {
			return
		}
		plan = s.Selected
		if s.Multipliers != nil {
			prices = s.Multipliers
		}
	}
}

// settlePatches decides for every patch: joined or given up. In later rounds all
// are given up, and what lies apart from large patches is left alone, so that
// the rounds come to an end.
func (ps *patchSearch) settlePatches(h *Problem, plan []bool, prices []float64, list []patch, round int) {
	cost := ps.flipCosts(plan, prices)
	isSmall := map[int32]bool{}
	for _, c := range list {
		for _, u := range c.units {
			isSmall[u] = true
		}
	}
	for _, c := range list {
		drop := 0.0
		for _, u := range c.under {
			drop += max(0, cost[u])
		}
		if round < 3 {
			if way, price, found := ps.connector(h, plan, cost, c, isSmall); found && price < drop {
				for _, u := range append(way, c.units...) {
					if h.Units[u].Fixed == Free {
						h.Units[u].Fixed = FixOne
					}
				}
				continue
			}
		}
		// What an earlier round joined may be apart again: it is released.
		for _, u := range c.units {
			if ps.p.Units[u].Fixed == Free {
				h.Units[u].Fixed = Free
			}
		}
		for _, u := range c.under {
			h.Units[u].Fixed = FixZero
		}
	}
	if round < 6 {
		return
	}
	for u := range int32(len(plan)) {
		if plan[u] || !ps.asked(u) || h.Units[u].Fixed != Free {
			continue
		}
		beside := slices.ContainsFunc(ps.neighbours(u), func(v int32) bool { return plan[v] && !isSmall[v] })
		if !beside {
			h.Units[u].Fixed = FixZero
		}
	}
}

// flipCosts is what flipping each unit costs beside the plan when the
// constraints are paid at the prices.
func (ps *patchSearch) flipCosts(plan []bool, prices []float64) []float64 {
	out := make([]float64, len(ps.p.Units))
	s := &Solution{Selected: plan, Multipliers: make([]float64, len(ps.p.Constraints))}
	copy(s.Multipliers, prices)
	for u, x := range Explain(ps.p, s) {
		out[u] = x.ReducedCost
		if plan[u] {
			out[u] = -x.ReducedCost
		}
	}
	return out
}

type wayItem struct {
	unit int32
	cost float64
}

type wayHeap []wayItem

func (h wayHeap) Len() int           { return len(h) }
func (h wayHeap) Less(i, j int) bool { return h[i].cost < h[j].cost }
func (h wayHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *wayHeap) Push(x any) { *h = append(*h, x.(wayItem)) }

// Pop is for container/heap.
func (h *wayHeap) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	*h = old[:n]
	return x
}

// connector finds the cheapest units that join a patch to one that is large
// enough, or whose own area is.
func (ps *patchSearch) connector(h *Problem, plan []bool, cost []float64, c patch, isSmall map[int32]bool) ([]int32, float64, bool) {
	const reach = 400
	at := map[int32]float64{}
	from := map[int32]int32{}
	area := map[int32]float64{}
	open := &wayHeap{}
	for _, u := range c.units {
		at[u], area[u] = 0, c.area
		heap.Push(open, wayItem{u, 0})
	}
	done := map[int32]bool{}
	for open.Len() > 0 && len(done) < reach {
		x := heap.Pop(open).(wayItem)
		if done[x.unit] {
			continue
		}
		done[x.unit] = true
		if plan[x.unit] && !isSmall[x.unit] || area[x.unit] >= ps.rule.MinArea {
			var way []int32
			for v, ok := x.unit, true; ok; v, ok = from[v] {
				way = append(way, v)
			}
			return way, x.cost, true
		}
		for _, v := range ps.neighbours(x.unit) {
			if h.Units[v].Fixed == FixZero || done[v] {
				continue
			}
			step := 0.0
			if !plan[v] {
				step = max(0, cost[v])
			}
			if known, seen := at[v]; !seen || x.cost+step < known {
				at[v], from[v], area[v] = x.cost+step, x.unit, area[x.unit]+ps.rule.Area[v]
				heap.Push(open, wayItem{v, x.cost + step})
			}
		}
	}
	return nil, 0, false
}
