package overlay

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

// Classes is the number of slope classes (坡度级, GDPDJB/PDJB): 1 up to 2°,
// 2 up to 6°, 3 up to 15°, 4 up to 25°, 5 above. The upper bound belongs to the
// class (上含下不含: 25.0° is class 4). Source: 利用DEM确定耕地坡度分级技术规定
// and TD/T 1057-2020.
const Classes = 5

// steepest is the square of the gradient (tan² of the angle) up to which a cell
// still is of class 1, 2, 3 and 4: comparing squares needs neither a root nor
// an arc tangent.
var steepest = [Classes - 1]float64{tan2(2), tan2(6), tan2(15), tan2(25)}

func tan2(degrees float64) float64 {
	t := math.Tan(degrees * math.Pi / 180)
	return t * t
}

// Frame places a raster in the plane. X0, Y0 is the outer corner of the
// north-west cell; columns run east, rows south. All in metres.
type Frame struct {
	Width, Height  int
	X0, Y0, DX, DY float64
}

// Check reports why a frame cannot be computed with, or nil.
func (f Frame) Check() error {
	if f.Width < 1 || f.Height < 1 {
		return fmt.Errorf("raster of %d × %d cells has no cells", f.Width, f.Height)
	}
	if f.Width > math.MaxInt32 || f.Height > math.MaxInt32 {
		return fmt.Errorf("raster of %d × %d cells is too large", f.Width, f.Height)
	}
	if !positive(f.DX) || !positive(f.DY) {
		return fmt.Errorf("raster cell of %g × %g m: both sides must be finite and positive", f.DX, f.DY)
	}
	if !finite(f.X0) || !finite(f.Y0) {
		return fmt.Errorf("raster corner (%g, %g) is not finite", f.X0, f.Y0)
	}
	return nil
}

func finite(v float64) bool   { return !math.IsNaN(v) && !math.IsInf(v, 0) }
func positive(v float64) bool { return finite(v) && v > 0 }

// run counts the cells of 64 columns of one row by class: a bit per cell, and
// how many cells of the class lie west of the run in the same row. It fills one
// cache line, and a prefix sum at any column is one addition and one popcount.
type run struct {
	west [Classes]int32
	mask [Classes]uint64
}

// SlopeMap holds the slope class of every cell of a DEM in about one byte per
// cell. It is not changed after it is built and may be read by many goroutines.
type SlopeMap struct {
	frame Frame
	// perRow includes a closing run, so that the column just east of the
	// raster has a prefix sum too.
	perRow int
	runs   []run
}

// Bytes is the memory the map keeps.
func (m *SlopeMap) Bytes() int64 { return int64(cap(m.runs)) * int64(unsafe.Sizeof(run{})) }

// Frame gives where the map lies.
func (m *SlopeMap) Frame() Frame { return m.frame }

// Class gives the slope class 1…5 of a cell, 0 where it has none: on the outer
// ring of the raster, and at and beside cells without data.
func (m *SlopeMap) Class(col, row int) int {
	r := &m.runs[row*m.perRow+col>>6]
	for k := range Classes {
		if r.mask[k]>>(col&63)&1 == 1 {
			return k + 1
		}
	}
	return 0
}

// SlopeBuilder takes the rows of a DEM from north to south and keeps only three
// of them.
//
// The slope is Horn's (1981) over the 3 × 3 neighbourhood, as gdaldem and most
// desktop tools have it. A cell without its eight neighbours has no slope: the
// outer ring of the raster, and every cell that is or touches a cell without
// data (the value nodata, NaN or infinite). It then counts as not covered and
// is never guessed.
type SlopeBuilder struct {
	m      *SlopeMap
	nodata float64
	known  bool
	rows   [3][]float64
	taken  int
}

// NewSlopeBuilder starts a slope map. nodata is the DEM's value for "no data",
// nil when it has none. Heights are metres.
func NewSlopeBuilder(f Frame, nodata *float64) (*SlopeBuilder, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	perRow := f.Width>>6 + 1
	b := &SlopeBuilder{m: &SlopeMap{frame: f, perRow: perRow, runs: make([]run, perRow*f.Height)}}
	if nodata != nil {
		b.nodata, b.known = *nodata, true
	}
	for i := range b.rows {
		b.rows[i] = make([]float64, f.Width)
	}
	return b, nil
}

// AddRow takes the next row of heights, west to east.
func (b *SlopeBuilder) AddRow(heights []float32) error {
	f := b.m.frame
	if len(heights) != f.Width {
		return fmt.Errorf("DEM row %d has %d cells, the raster has %d columns", b.taken, len(heights), f.Width)
	}
	if b.taken == f.Height {
		return fmt.Errorf("DEM has more rows than the %d of the raster", f.Height)
	}
	b.rows[0], b.rows[1], b.rows[2] = b.rows[1], b.rows[2], b.rows[0]
	for i, h := range heights {
		z := float64(h)
		if b.known && (z == b.nodata || h == float32(b.nodata)) || !finite(z) {
			z = math.NaN()
		}
		b.rows[2][i] = z
	}
	b.taken++
	if b.taken >= 3 {
		b.classify(b.taken - 2)
	}
	return nil
}

// Done gives the finished map.
func (b *SlopeBuilder) Done() (*SlopeMap, error) {
	if b.m == nil {
		return nil, errors.New("slope map was already given out")
	}
	if b.taken != b.m.frame.Height {
		return nil, fmt.Errorf("DEM ends after %d of %d rows", b.taken, b.m.frame.Height)
	}
	m := b.m
	b.m = nil
	return m, nil
}

// classify fills the row whose neighbours are the three rows kept.
func (b *SlopeBuilder) classify(row int) {
	f := b.m.frame
	runs := b.m.runs[row*b.m.perRow : (row+1)*b.m.perRow]
	north, here, south := b.rows[0], b.rows[1], b.rows[2]
	sx, sy := 1/(8*f.DX), 1/(8*f.DY)
	for c := 1; c < f.Width-1; c++ {
		if math.IsNaN(here[c]) {
			continue
		}
		east := north[c+1] + 2*here[c+1] + south[c+1]
		west := north[c-1] + 2*here[c-1] + south[c-1]
		up := north[c-1] + 2*north[c] + north[c+1]
		down := south[c-1] + 2*south[c] + south[c+1]
		gx, gy := (east-west)*sx, (up-down)*sy
		// A neighbour without data makes t NaN, which no comparison below
		// would notice.
		t := gx*gx + gy*gy
		if math.IsNaN(t) {
			continue
		}
		k := 0
		for k < Classes-1 && t > steepest[k] {
			k++
		}
		runs[c>>6].mask[k] |= 1 << (c & 63)
	}
	for i := 1; i < len(runs); i++ {
		for k := range Classes {
			runs[i].west[k] = runs[i-1].west[k] + int32(bits.OnesCount64(runs[i-1].mask[k]))
		}
	}
}
