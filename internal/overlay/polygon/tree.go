package polygon

import (
	"cmp"
	"math"
	"slices"
)

// packed is a tree of the features' boxes (sort-tile-recursive, Leutenegger et
// al. 1997), leaves first.
type packed struct {
	order []int32
	nodes []box
	level []int32
}

const packedFan = 16

func pack(boxes []box) packed {
	var t packed
	for i := range boxes {
		if boxes[i].x0 <= boxes[i].x1 {
			t.order = append(t.order, int32(i))
		}
	}
	n := len(t.order)
	by := func(middle func(*box) float64) func(a, b int32) int {
		return func(a, b int32) int {
			return cmp.Or(cmp.Compare(middle(&boxes[a]), middle(&boxes[b])), cmp.Compare(a, b))
		}
	}
	slices.SortFunc(t.order, by(func(b *box) float64 { return b.x0 + b.x1 }))
	slab := packedFan * max(1, int(math.Ceil(math.Sqrt(float64(n)/packedFan))))
	for from := 0; from < n; from += slab {
		slices.SortFunc(t.order[from:min(n, from+slab)], by(func(b *box) float64 { return b.y0 + b.y1 }))
	}
	for _, i := range t.order {
		t.nodes = append(t.nodes, boxes[i])
	}
	t.level = []int32{0, int32(n)}
	for n > 1 {
		begin := int(t.level[len(t.level)-2])
		for from := 0; from < n; from += packedFan {
			b := noBox
			for i := begin + from; i < begin+min(n, from+packedFan); i++ {
				b.add(&t.nodes[i])
			}
			t.nodes = append(t.nodes, b)
		}
		n = (n + packedFan - 1) / packedFan
		t.level = append(t.level, int32(len(t.nodes)))
	}
	return t
}

// search appends the features whose boxes meet b.
func (t *packed) search(b *box, found []int32) []int32 {
	top := len(t.level) - 2
	if len(t.order) == 0 || !t.nodes[t.level[top]].meets(b) {
		return found
	}
	return t.descend(top, 0, b, found)
}

func (t *packed) descend(level int, i int32, b *box, found []int32) []int32 {
	if level == 0 {
		return append(found, t.order[i])
	}
	below := t.nodes[t.level[level-1]:t.level[level]]
	for c := i * packedFan; c < min((i+1)*packedFan, int32(len(below))); c++ {
		if below[c].meets(b) {
			found = t.descend(level-1, c, b, found)
		}
	}
	return found
}
