package overlay

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// boxTree is a packed tree of boxes (sort-tile-recursive), leaves first.
type boxTree struct {
	order  []int32
	levels [][]orb.Bound
}

const fanout = 16

func newBoxTree(boxes []orb.Bound) boxTree {
	n := len(boxes)
	t := boxTree{order: make([]int32, n)}
	for i := range t.order {
		t.order[i] = int32(i)
	}
	middle := func(i int32, axis int) float64 { return boxes[i].Min[axis] + boxes[i].Max[axis] }
	by := func(axis int) func(a, b int32) int {
		return func(a, b int32) int {
			return cmp.Or(cmp.Compare(middle(a, axis), middle(b, axis)), cmp.Compare(a, b))
		}
	}
	slices.SortFunc(t.order, by(0))
	slab := fanout * max(1, int(math.Ceil(math.Sqrt(float64(n)/fanout))))
	for from := 0; from < n; from += slab {
		slices.SortFunc(t.order[from:min(n, from+slab)], by(1))
	}
	level := make([]orb.Bound, n)
	for i, o := range t.order {
		level[i] = boxes[o]
	}
	for {
		t.levels = append(t.levels, level)
		if len(level) <= 1 {
			return t
		}
		up := make([]orb.Bound, 0, len(level)/fanout+1)
		for from := 0; from < len(level); from += fanout {
			box := level[from]
			for _, b := range level[from+1 : min(len(level), from+fanout)] {
				box = box.Union(b)
			}
			up = append(up, box)
		}
		level = up
	}
}

// search calls visit for every box that meets the given one.
func (t *boxTree) search(box orb.Bound, visit func(int)) {
	top := len(t.levels) - 1
	if len(t.levels[top]) > 0 {
		t.descend(top, 0, box, visit)
	}
}

func (t *boxTree) descend(level, i int, box orb.Bound, visit func(int)) {
	// An empty box may pass here; nothing lies in it.
	if b := &t.levels[level][i]; b.Max[0] < box.Min[0] || b.Min[0] > box.Max[0] || b.Max[1] < box.Min[1] || b.Min[1] > box.Max[1] {
		return
	}
	if level == 0 {
		visit(int(t.order[i]))
		return
	}
	below := len(t.levels[level-1])
	for c := i * fanout; c < min(below, (i+1)*fanout); c++ {
		t.descend(level-1, c, box, visit)
	}
}
