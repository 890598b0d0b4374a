package tiles

// rim is how many cells are drawn beyond a tile's edges, so that no seam shows.
const rim = 2

// side is the width of a tile's grid.
const side = 256 + 2*rim

// window is the part of an overview that a tile shows, in 256 by 256 cells with a rim.
type window struct {
	cells [side * side]uint16
	any   bool
}

// window takes the cells of a tile. One of its cells is a block of the overview's:
// of the survey the class in the block's middle, of other layers all that the
// block has. Deeper than the overview's own zoom one of the overview's cells is
// shown as several.
func (o *overview) window(at address) *window {
	w := &window{}
	down := max(0, gridZoom-at.z) // a block is 2^down wide
	up := max(0, at.z-gridZoom)
	for row := range side {
		gy := at.y*256 + row - rim
		y0 := (gy>>up)<<down - o.y
		if y0+1<<down <= 0 || y0 >= o.h {
			continue
		}
		for col := range side {
			gx := at.x*256 + col - rim
			x0 := (gx>>up)<<down - o.x
			if x0+1<<down <= 0 || x0 >= o.w {
				continue
			}
			if v := o.block(x0, y0, 1<<down); v != 0 {
				w.cells[row*side+col], w.any = v, true
			}
		}
	}
	return w
}

func (o *overview) block(x0, y0, size int) uint16 {
	if o.sampled {
		x, y := x0+size/2, y0+size/2
		if x < 0 || y < 0 || x >= o.w || y >= o.h {
			return 0
		}
		return o.cells[y*o.w+x]
	}
	var v uint16
	for y := max(0, y0); y < min(o.h, y0+size); y++ {
		for x := max(0, x0); x < min(o.w, x0+size); x++ {
			v |= o.cells[y*o.w+x]
		}
	}
	return v
}

// only keeps the cells that have a bit.
func (w *window) only(bit uint16) *window {
	out := &window{}
	for i, v := range w.cells {
		if v&bit != 0 {
			out.cells[i], out.any = 1, true
		}
	}
	return out
}

// patch is a connected part of one value: its exterior, then its holes.
type patch struct {
	value uint16
	rings [][]cursor
}

// The four edges of a cell, clockwise on the screen from the top; step is the way
// along an edge, and the way out of it is the step of the one before.
var (
	stepX = [4]int{1, 0, -1, 0}
	stepY = [4]int{0, 1, 0, -1}
	endX  = [4]int32{1, 1, 0, 0}
	endY  = [4]int32{0, 1, 1, 0}
)

// patches finds the connected parts: cells that meet at a corner only are apart,
// so that every ring is simple. label are the numbers of the parts, by cells.
func (w *window) patches() (label []int32, parts []patch) {
	label, parts = w.label()
	at := func(x, y int) int32 {
		if x < 0 || y < 0 || x >= side || y >= side {
			return 0
		}
		return label[y*side+x]
	}
	var seen [side * side]uint8
	for y := range side {
		for x := range side {
			l := at(x, y)
			if l == 0 || seen[y*side+x]&1 != 0 || at(x, y-1) == l {
				continue // every ring has a top edge
			}
			ring := walk(at, &seen, x, y, l)
			p := &parts[l-1]
			p.rings = append(p.rings, ring) // the part's first cell lies on its exterior
		}
	}
	return label, parts
}

// walk follows the rim of part l from the top edge of a cell, the part on its
// right, and gives where it turns, in units.
func walk(at func(x, y int) int32, seen *[side * side]uint8, x, y int, l int32) []cursor {
	var ring []cursor
	for d := 0; ; {
		if seen[y*side+x]&(1<<d) != 0 {
			return ring
		}
		seen[y*side+x] |= 1 << d
		corner := cursor{(int32(x) + endX[d] - rim) * pixel, (int32(y) + endY[d] - rim) * pixel}
		out := (d + 3) % 4
		ax, ay := x+stepX[d], y+stepY[d]
		switch {
		case at(ax, ay) != l: // round the cell's own corner
			d = (d + 1) % 4
		case at(ax+stepX[out], ay+stepY[out]) != l: // straight on
			x, y = ax, ay
			continue
		default:
			x, y, d = ax+stepX[out], ay+stepY[out], out
		}
		ring = append(ring, corner)
	}
}

// label numbers the connected parts of equal cells from 1; 0 is nothing.
func (w *window) label() (label []int32, parts []patch) {
	label = make([]int32, side*side)
	var stack []int
	for i, v := range w.cells {
		if v == 0 || label[i] != 0 {
			continue
		}
		parts = append(parts, patch{value: v})
		n := int32(len(parts))
		label[i] = n
		for stack = append(stack, i); len(stack) > 0; {
			c := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for d := range 4 {
				x, y := c%side+stepX[d], c/side+stepY[d]
				if x < 0 || y < 0 || x >= side || y >= side {
					continue
				}
				if j := y*side + x; label[j] == 0 && w.cells[j] == v {
					label[j] = n
					stack = append(stack, j)
				}
			}
		}
	}
	return label, parts
}
