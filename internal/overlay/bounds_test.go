package overlay

import (
	"math"
	"testing"
)

// TestBoundIsInclusive holds the comparison itself to 上含下不含: a squared
// gradient equal to a bound is of the lower class, the next number above is not.
// Heights in float32 cannot hit a bound exactly, so the cell size does: with a
// rise of one metre over one cell the gradient is 1/DX, and DX is chosen so
// that its square rounds to the bound or one step beside it.
func TestBoundIsInclusive(t *testing.T) {
	for k, bound := range steepest {
		dx := 1 / math.Sqrt(bound)
		for range 200 {
			s := 1 / (8 * dx)
			g := 8 * s // three rows of (1 - (-1)) … as the kernel adds them: 4·(+1) − 4·(−1) = 8
			t2 := g * g
			b, err := NewSlopeBuilder(Frame{Width: 3, Height: 3, DX: dx, DY: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := b.AddRow([]float32{-1, 0, 1}); err != nil {
					t.Fatal(err)
				}
			}
			m, err := b.Done()
			if err != nil {
				t.Fatal(err)
			}
			want := k + 1
			if t2 > bound {
				want = k + 2
			}
			if got := m.Class(1, 1); got != want {
				t.Fatalf("tan² %.17g at bound %.17g: class %d, want %d", t2, bound, got, want)
			}
			if t2 == bound {
				break
			}
			dx = math.Nextafter(dx, dx+(t2-bound)*1e6)
		}
	}
}
