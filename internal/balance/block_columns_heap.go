package balance

// columnNode is a node of the tree: what its branch decides about one unit.
type columnNode struct {
	parent *columnNode
	unit   int32 // index into units; -1 where the branch is about a column
	column int32 // -1 at the root
	in     bool
	x      float64 // of the unit in the parent's relaxation
	out    []int32 // columns that no better plan in the subtree has
	bound  float64
	order  int
}

type columnHeap []*columnNode

func (h columnHeap) Len() int { return len(h) }
func (h columnHeap) Less(i, j int) bool {
	if h[i].bound != h[j].bound {
		return h[i].bound < h[j].bound
	}
	return h[i].order > h[j].order
}
func (h columnHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *columnHeap) Push(x any) { *h = append(*h, x.(*columnNode)) }

// Pop is for container/heap.
func (h *columnHeap) Pop() any {
	old := *h
	n := old[len(old)-1]
	*h = old[:len(old)-1]
	return n
}
