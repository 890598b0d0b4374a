package balance

import (
	"math/rand/v2"
	"testing"
)

// referenceFlow is the plainest maximum flow: breadth-first augmenting paths on a
// matrix. Node n is the source, n+1 the sink.
func referenceFlow(capacity [][]int64) int64 {
	n := len(capacity)
	source, sink := n-2, n-1
	total := int64(0)
	for {
		from := make([]int, n)
		for i := range from {
			from[i] = -1
		}
		from[source] = source
		queue := []int{source}
		for len(queue) > 0 && from[sink] < 0 {
			u := queue[0]
			queue = queue[1:]
			for v := range n {
				if from[v] < 0 && capacity[u][v] > 0 {
					from[v] = u
					queue = append(queue, v)
				}
			}
		}
		if from[sink] < 0 {
			return total
		}
		amount := int64(1) << 62
		for v := sink; v != source; v = from[v] {
			amount = min(amount, capacity[from[v]][v])
		}
		for v := sink; v != source; v = from[v] {
			capacity[from[v]][v] -= amount
			capacity[v][from[v]] += amount
		}
		total += amount
	}
}

// Ensure the flow is maximal, obeys its capacities, and its two extreme cuts cost
// what the reference's maximum flow is, cold and after changed terminal values.
func TestFlowNetEqualsReference(t *testing.T) {
	t.Parallel()
	for seed := range 3000 {
		rng := rand.New(rand.NewPCG(uint64(seed), 3))
		n := 1 + rng.IntN(14)
		var a, b []int32
		var c []int64
		for range rng.IntN(3 * n) {
			u, v := int32(rng.IntN(n)), int32(rng.IntN(n))
			if u != v {
				a, b, c = append(a, u), append(b, v), append(c, rng.Int64N(12))
			}
		}
		g := newFlowNet(n, a, b, c)
		value := make([]int64, n)
		for round := range 4 {
			for u := range n {
				if round == 0 || rng.IntN(3) == 0 {
					value[u] = rng.Int64N(41) - 20
					g.setTarget(int32(u), value[u])
				}
			}
			if !g.run(nil) {
				t.Fatal("stopped by nobody")
			}
			checkFlow(t, seed, round, g, a, b, c, value)
		}
	}
}

func checkFlow(t *testing.T, seed, round int, g *flowNet, a, b []int32, c, value []int64) {
	t.Helper()
	n := len(value)
	matrix := make([][]int64, n+2)
	for i := range matrix {
		matrix[i] = make([]int64, n+2)
	}
	base := int64(0) // Σ min(0, value): the cost when every unit is on its own better side
	for u, v := range value {
		if v > 0 {
			matrix[n][u] = v
		} else {
			matrix[u][n+1] = -v
			base += v
		}
	}
	left := append([]int64{}, value...)
	for e := range a {
		matrix[a[e]][b[e]] += c[e]
		matrix[b[e]][a[e]] += c[e]
		f := g.edgeFlow(e)
		if f > c[e] || f < -c[e] {
			t.Fatalf("seed %d round %d: flow %d over capacity %d", seed, round, f, c[e])
		}
		left[a[e]] -= f
		left[b[e]] += f
	}
	want := base + referenceFlow(matrix)
	dual := int64(0)
	for u, v := range left {
		if v != g.terminal[u] {
			t.Fatalf("seed %d round %d: terminal %d is %d, the flows leave %d", seed, round, u, g.terminal[u], v)
		}
		dual += min(0, v)
	}
	if dual != want {
		t.Fatalf("seed %d round %d: flow bound %d, minimum cut %d", seed, round, dual, want)
	}
	for _, ties := range []bool{false, true} {
		in := func(u int32) bool {
			if ties {
				return !g.inSource(u)
			}
			return g.inSink(u)
		}
		cost := int64(0)
		for u, v := range value {
			if in(int32(u)) {
				cost += v
			}
		}
		for e := range a {
			if in(a[e]) != in(b[e]) {
				cost += c[e]
			}
		}
		if cost != want {
			t.Fatalf("seed %d round %d: cut costs %d, minimum is %d", seed, round, cost, want)
		}
	}
}
