package balance

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// flowNet finds minimum s-t cuts on a fixed graph whose terminal capacities
// change: the augmenting-tree method of Boykov and Kolmogorov (IEEE TPAMI 26,
// 2004) with int64 capacities. The flow of one cut is where the next one starts
// (Kohli and Torr, TPAMI 29, 2007).
//
// A node's terminal value is the cost of s = 1 less the cost of s = 0: positive
// values are residual capacity from the source (s = 0), negative ones to the
// sink (s = 1).
type flowNet struct {
	n     int
	start []int32 // arcs of node u: start[u] … start[u+1]
	head  []int32
	rev   []int32
	res   []int64 // residual capacity of arcs
	cap   []int64 // capacity of arcs
	arcAB []int32 // edge -> its arc from A to B

	target   []int64 // terminal value that was asked for
	terminal []int64 // what the flow has left of it

	parent []int32 // arc to the parent, or one of the marks below
	sink   []bool  // tree membership where parent != none
	stamp  []int32
	dist   []int32
	queued []bool
	parts  []*grower
}

// grower runs the method on one part of the network that no edge leaves, so that
// parts can be run side by side.
type grower struct {
	*flowNet
	nodes      []int32 // nil: all
	time       int32
	active     []int32 // ring of nodes whose growth is to be tried
	activeHead int
	orphans    []int32
}

const (
	noParent   int32 = -1
	atTerminal int32 = -2
	orphaned   int32 = -3
)

// newFlowNet makes the network of n nodes and undirected edges with capacity in
// both directions.
func newFlowNet(n int, a, b []int32, capacity []int64) *flowNet {
	g := &flowNet{
		n: n, start: make([]int32, n+1),
		head: make([]int32, 2*len(a)), rev: make([]int32, 2*len(a)),
		res: make([]int64, 2*len(a)), cap: make([]int64, 2*len(a)), arcAB: make([]int32, len(a)),
		target: make([]int64, n), terminal: make([]int64, n),
		parent: make([]int32, n), sink: make([]bool, n), stamp: make([]int32, n), dist: make([]int32, n),
		queued: make([]bool, n),
	}
	g.parts = []*grower{{flowNet: g}}
	for e := range a {
		g.start[a[e]+1]++
		g.start[b[e]+1]++
	}
	for u := range n {
		g.start[u+1] += g.start[u]
	}
	fill := append([]int32(nil), g.start[:n]...)
	for e := range a {
		i, j := fill[a[e]], fill[b[e]]
		if a[e] == b[e] {
			j++
		}
		fill[a[e]]++
		fill[b[e]]++
		g.head[i], g.head[j] = b[e], a[e]
		g.rev[i], g.rev[j] = j, i
		g.res[i], g.res[j] = capacity[e], capacity[e]
		g.cap[i], g.cap[j] = capacity[e], capacity[e]
		g.arcAB[e] = i
	}
	return g
}

// setTarget changes a node's terminal value; the flow stays where it is.
func (g *flowNet) setTarget(u int32, value int64) {
	g.terminal[u] += value - g.target[u]
	g.target[u] = value
}

// edgeFlow is the net flow pushed from A to B of edge e.
func (g *flowNet) edgeFlow(e int) int64 {
	i := g.arcAB[e]
	return g.cap[i] - g.res[i]
}

// setEdgeFlow makes the net flow from A to B of edge e the given one, within its
// capacity; what its ends have left changes with it.
func (g *flowNet) setEdgeFlow(e int, flow int64) {
	i := g.arcAB[e]
	j := g.rev[i]
	flow = min(max(flow, -g.cap[i]), g.cap[i])
	moved := flow - (g.cap[i] - g.res[i])
	g.res[i] -= moved
	g.res[j] += moved
	g.terminal[g.head[j]] -= moved
	g.terminal[g.head[i]] += moved
}

// inSource and inSink say on which side of every minimum cut a node lies after
// run; a node in neither may lie on both sides at the same cost.
func (g *flowNet) inSource(u int32) bool { return g.parent[u] != noParent && !g.sink[u] }
func (g *flowNet) inSink(u int32) bool   { return g.parent[u] != noParent && g.sink[u] }

// run augments to a maximum flow. It gives false when stop asked it to end; the
// flow is then a valid one, but not maximal, and the sides mean nothing.
func (g *flowNet) run(stop func() bool) bool {
	if len(g.parts) == 1 {
		return g.parts[0].run(stop)
	}
	var wg sync.WaitGroup
	var failed atomic.Bool
	gate := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, p := range g.parts {
		wg.Add(1)
		go func() {
			defer wg.Done()
			gate <- struct{}{}
			defer func() { <-gate }()
			if !p.run(stop) {
				failed.Store(true)
			}
		}()
	}
	wg.Wait()
	return !failed.Load()
}

// split lets the network be run in parts; no edge may join two of them.
func (g *flowNet) split(part []int32, parts int) {
	g.parts = make([]*grower, parts)
	for i := range g.parts {
		g.parts[i] = &grower{flowNet: g, nodes: []int32{}}
	}
	for u, p := range part {
		g.parts[p].nodes = append(g.parts[p].nodes, int32(u))
	}
}

func (g *grower) run(stop func() bool) bool {
	g.plantTrees()
	current := int32(-1)
	for rounds := 0; ; rounds++ {
		if rounds&1023 == 1023 && stop != nil && stop() {
			return false
		}
		if current < 0 || g.parent[current] == noParent {
			if current = g.nextActive(); current < 0 {
				return true
			}
		}
		bridge := g.grow(current)
		g.time++
		if bridge < 0 {
			current = -1
			continue
		}
		g.augment(bridge)
		g.adoptAll()
	}
}

func (g *grower) plantTrees() {
	g.active = g.active[:0]
	g.activeHead = 0
	g.orphans = g.orphans[:0]
	g.time = 0
	if g.nodes == nil {
		for u := range int32(g.n) {
			g.plant(u)
		}
	}
	for _, u := range g.nodes {
		g.plant(u)
	}
}

func (g *grower) plant(u int32) {
	g.stamp[u] = 0
	g.queued[u] = false
	switch t := g.terminal[u]; {
	case t == 0:
		g.parent[u] = noParent
	default:
		g.parent[u] = atTerminal
		g.sink[u] = t < 0
		g.dist[u] = 1
		g.activate(u)
	}
}

func (g *grower) activate(u int32) {
	if !g.queued[u] {
		g.queued[u] = true
		g.active = append(g.active, u)
	}
}

func (g *grower) nextActive() int32 {
	for g.activeHead < len(g.active) {
		u := g.active[g.activeHead]
		g.activeHead++
		g.queued[u] = false
		if g.parent[u] != noParent {
			if g.activeHead > 1<<16 && 2*g.activeHead > len(g.active) {
				g.active = append(g.active[:0], g.active[g.activeHead:]...)
				g.activeHead = 0
			}
			return u
		}
	}
	g.active = g.active[:0]
	g.activeHead = 0
	return -1
}

// grow extends u's tree; it gives the arc, from the source tree to the sink
// tree, by which the trees have met, or -1.
func (g *grower) grow(u int32) int32 {
	inSink := g.sink[u]
	for i := g.start[u]; i < g.start[u+1]; i++ {
		if (inSink && g.res[g.rev[i]] == 0) || (!inSink && g.res[i] == 0) {
			continue
		}
		v := g.head[i]
		switch {
		case g.parent[v] == noParent:
			g.sink[v] = inSink
			g.parent[v] = g.rev[i]
			g.stamp[v], g.dist[v] = g.stamp[u], g.dist[u]+1
			g.activate(v)
		case g.sink[v] != inSink:
			if inSink {
				return g.rev[i]
			}
			return i
		case g.stamp[v] <= g.stamp[u] && g.dist[v] > g.dist[u]:
			// A shorter way to the terminal.
			g.parent[v] = g.rev[i]
			g.stamp[v], g.dist[v] = g.stamp[u], g.dist[u]+1
		}
	}
	return -1
}

// augment pushes as much as the path through bridge carries.
func (g *grower) augment(bridge int32) {
	amount := g.res[bridge]
	root := g.head[g.rev[bridge]]
	for ; g.parent[root] != atTerminal; root = g.head[g.parent[root]] {
		amount = min(amount, g.res[g.rev[g.parent[root]]])
	}
	amount = min(amount, g.terminal[root])
	root = g.head[bridge]
	for ; g.parent[root] != atTerminal; root = g.head[g.parent[root]] {
		amount = min(amount, g.res[g.parent[root]])
	}
	amount = min(amount, -g.terminal[root])

	g.res[bridge] -= amount
	g.res[g.rev[bridge]] += amount
	u := g.head[g.rev[bridge]]
	for g.parent[u] != atTerminal {
		a := g.parent[u]
		g.res[a] += amount
		g.res[g.rev[a]] -= amount
		next := g.head[a]
		if g.res[g.rev[a]] == 0 {
			g.makeOrphan(u)
		}
		u = next
	}
	if g.terminal[u] -= amount; g.terminal[u] == 0 {
		g.makeOrphan(u)
	}
	u = g.head[bridge]
	for g.parent[u] != atTerminal {
		a := g.parent[u]
		g.res[g.rev[a]] += amount
		g.res[a] -= amount
		next := g.head[a]
		if g.res[a] == 0 {
			g.makeOrphan(u)
		}
		u = next
	}
	if g.terminal[u] += amount; g.terminal[u] == 0 {
		g.makeOrphan(u)
	}
}

func (g *grower) makeOrphan(u int32) {
	g.parent[u] = orphaned
	g.orphans = append(g.orphans, u)
}

func (g *grower) adoptAll() {
	for i := 0; i < len(g.orphans); i++ {
		g.adopt(g.orphans[i])
	}
	g.orphans = g.orphans[:0]
}

const farAway = int32(1) << 30

// adopt finds an orphan a new parent in its own tree, the one nearest to the
// terminal, or frees it and orphans its children.
func (g *grower) adopt(u int32) {
	inSink := g.sink[u]
	best, bestDist := noParent, farAway
	for i := g.start[u]; i < g.start[u+1]; i++ {
		v := g.head[i]
		if g.parent[v] == noParent || g.sink[v] != inSink {
			continue
		}
		if (inSink && g.res[i] == 0) || (!inSink && g.res[g.rev[i]] == 0) {
			continue
		}
		if d := g.originDistance(v); d < bestDist {
			best, bestDist = i, d
		}
	}
	if best != noParent {
		g.parent[u] = best
		g.stamp[u] = g.time
		g.dist[u] = bestDist + 1
		return
	}
	g.parent[u] = noParent
	for i := g.start[u]; i < g.start[u+1]; i++ {
		v := g.head[i]
		if g.parent[v] == noParent || g.sink[v] != inSink {
			continue
		}
		if (inSink && g.res[i] > 0) || (!inSink && g.res[g.rev[i]] > 0) {
			g.activate(v)
		}
		if a := g.parent[v]; a >= 0 && g.head[a] == u {
			g.makeOrphan(v)
		}
	}
}

// originDistance walks to v's terminal; farAway when the walk ends at an orphan.
// It leaves marks, so that later walks in the same round stop early.
func (g *grower) originDistance(v int32) int32 {
	d := int32(0)
	for u := v; ; {
		if g.stamp[u] == g.time {
			d += g.dist[u]
			break
		}
		a := g.parent[u]
		d++
		if a == atTerminal {
			g.stamp[u], g.dist[u] = g.time, 1
			break
		}
		if a == orphaned {
			return farAway
		}
		u = g.head[a]
	}
	total := d
	for u := v; g.stamp[u] != g.time; u = g.head[g.parent[u]] {
		g.stamp[u], g.dist[u] = g.time, d
		d--
	}
	return total
}
