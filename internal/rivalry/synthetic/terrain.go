package synthetic

import (
	"fmt"
	"math"

	"gengheng/internal/overlay"
)

// cell is the DEM's cell in metres.
const cell = 12.5

// Terrain makes the slope map of a synthetic DEM that covers the county.
func (c *County) Terrain() (*overlay.SlopeMap, error) {
	n := int(math.Ceil(c.Side/cell)) + 8
	f := overlay.Frame{Width: n, Height: n, X0: West - 2*cell, Y0: South + c.Side + 6*cell, DX: cell, DY: cell}
	b, err := overlay.NewSlopeBuilder(f, nil)
	if err != nil {
		return nil, fmt.Errorf("synthetic DEM: %w", err)
	}
	z := noise(n, 11)
	row := make([]float32, n)
	for y := range n {
		for x := range row {
			// Hills of some 100 m on a rough ground of some metres.
			fx, fy := float64(x)*cell, float64(y)*cell
			row[x] = float32(600 + 60*math.Sin(fx/190)*math.Cos(fy/150) + 25*math.Sin(fx/61+fy/83) + 60*z[y*n+x])
		}
		if err := b.AddRow(row); err != nil {
			return nil, fmt.Errorf("synthetic DEM: %w", err)
		}
	}
	return b.Done()
}
