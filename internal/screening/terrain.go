package screening

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
)

// terrain is the slope of the DEM; slope is nil where the county has none.
type terrain struct {
	slope   *overlay.SlopeMap
	version string
}

// readTerrain takes the slope map of the DEM from the cache, or makes it.
func (j *job) readTerrain(ctx context.Context) error {
	j.terrain = &terrain{version: j.version(kindDEM)}
	dems := j.of(kindDEM)
	if len(dems) == 0 {
		return nil
	}
	if len(dems) > 1 {
		return &Refusal{Code: refusedTerrain, TitleZH: "高程模型不可用", TitleEN: "the DEM cannot be used",
			DetailZH: fmt.Sprintf("本县有 %d 个高程模型（DEM）", len(dems)), DetailEN: fmt.Sprintf("the county has %d, several DEMs", len(dems)),
			HintZH: "请合并为一个后上传", HintEN: "merge them into one and upload it"}
	}
	var err error
	j.terrain.slope, err = hold(ctx, j, cacheKey{j.county, dems[0].ID, "slope"}, func(ctx context.Context) (*overlay.SlopeMap, int64, error) {
		slope, err := j.makeSlope(ctx, dems[0].ID)
		if err != nil {
			return nil, 0, err
		}
		return slope, slope.Bytes(), nil
	})
	return err
}

// makeSlope makes the slope map from the DEM's tiles, a row of tiles at a time.
func (j *job) makeSlope(ctx context.Context, dataset uuid.UUID) (*overlay.SlopeMap, error) {
	var (
		f      overlay.Frame
		nodata *float64
		size   int
	)
	err := j.db.Pool.QueryRow(ctx, `
		SELECT width, height, x0, y0, dx, dy, nodata, tile_size FROM raster
		WHERE county_code = $1 AND dataset_id = $2`, j.county, dataset).
		Scan(&f.Width, &f.Height, &f.X0, &f.Y0, &f.DX, &f.DY, &nodata, &size)
	if err != nil {
		return nil, fmt.Errorf("read the DEM: %w", err)
	}
	builder, err := overlay.NewSlopeBuilder(f, nodata)
	if err != nil {
		return nil, unusableTerrain(err)
	}
	strip := newStrip(f, size)
	rows, err := j.db.Pool.Query(ctx, `
		SELECT tile_row, tile_col, cells FROM raster_tile
		WHERE county_code = $1 AND dataset_id = $2 ORDER BY tile_row, tile_col`, j.county, dataset)
	if err != nil {
		return nil, fmt.Errorf("read the DEM: %w", err)
	}
	var (
		row, col int
		cells    []byte
		damage   error
		slope    *overlay.SlopeMap
	)
	_, err = pgx.ForEachRow(rows, []any{&row, &col, &cells}, func() error {
		damage = strip.next(row, col, cells, builder)
		return damage
	})
	if err != nil && damage == nil {
		return nil, fmt.Errorf("read the DEM: %w", err)
	}
	if damage == nil {
		damage = strip.emit(builder)
	}
	if damage == nil {
		slope, damage = builder.Done()
	}
	if damage != nil {
		return nil, unusableTerrain(damage)
	}
	return slope, nil
}

// next takes the next tile in order of rows and columns.
func (s *strip) next(row, col int, packed []byte, b *overlay.SlopeBuilder) error {
	if row != s.row {
		if err := s.emit(b); err != nil {
			return err
		}
		if row != s.row {
			return fmt.Errorf("tiles of row %d are missing", s.row)
		}
	}
	return s.take(col, packed)
}

// strip is one row of tiles, unpacked.
type strip struct {
	frame overlay.Frame
	size  int
	row   int
	taken int
	cells []float32
}

func newStrip(f overlay.Frame, size int) *strip {
	return &strip{frame: f, size: size, cells: make([]float32, size*f.Width)}
}

// height is how many rows of cells the strip has; the last may have fewer.
func (s *strip) height() int { return min(s.size, s.frame.Height-s.row*s.size) }

// take unpacks a tile. Tiles at the east and south borders are cut at the
// raster's border, or padded to the full size.
func (s *strip) take(col int, packed []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("tile (%d,%d): %w", s.row, col, err)
	}
	raw, err := io.ReadAll(io.LimitReader(z, int64(s.size*s.size)*4+1))
	if err != nil {
		return fmt.Errorf("tile (%d,%d): %w", s.row, col, err)
	}
	width := min(s.size, s.frame.Width-col*s.size)
	if width <= 0 || s.height() <= 0 {
		return fmt.Errorf("tile (%d,%d) lies outside the raster", s.row, col)
	}
	stride := width
	if len(raw) == s.size*s.size*4 {
		stride = s.size
	} else if len(raw) != width*s.height()*4 {
		return fmt.Errorf("tile (%d,%d) has %d bytes, want %d", s.row, col, len(raw), width*s.height()*4)
	}
	for r := range s.height() {
		for c := range width {
			bits := binary.LittleEndian.Uint32(raw[(r*stride+c)*4:])
			s.cells[r*s.frame.Width+col*s.size+c] = math.Float32frombits(bits)
		}
	}
	s.taken++
	return nil
}

// emit hands the strip's rows on and begins the next.
func (s *strip) emit(b *overlay.SlopeBuilder) error {
	if want := (s.frame.Width + s.size - 1) / s.size; s.taken != want {
		return fmt.Errorf("row %d has %d of %d tiles", s.row, s.taken, want)
	}
	for r := range s.height() {
		if err := b.AddRow(s.cells[r*s.frame.Width : (r+1)*s.frame.Width]); err != nil {
			return err
		}
	}
	s.row, s.taken = s.row+1, 0
	return nil
}

// slope is how steep a piece of land is, and by what source.
type slope struct {
	class land.SlopeClass
	// byClass holds m² by class 1…5, known their sum as a share of the land.
	byClass [overlay.Classes]float64
	known   float64
	kind    string
	version string
	// source is for people: "坡度图" or "DEM 12.5 m".
	source string
}

// leastKnown is the share of a parcel that must have a slope class before its
// majority is believed.
const leastKnown = 0.5

// majority gives the class with the largest area, the lower of equal ones.
func (s *slope) majority() {
	s.class = land.SlopeClass(overlay.Coverage{ByClass: s.byClass}.Majority())
}

// slopeFromMap sums the parts of the slope map inside a parcel of m2 m²; ok is
// false where it covers less than half of it.
func (j *job) slopeFromMap(l *layer, parts []part, m2 float64) (slope, bool) {
	s := slope{kind: l.kind, version: l.version, source: "坡度图"}
	sum := 0.0
	for _, p := range parts {
		class, err := land.ParseSlopeClass(l.features[p.fid].level)
		if err != nil {
			continue
		}
		s.byClass[class-1] += p.m2
		sum += p.m2
	}
	if m2 > 0 {
		s.known = min(1, sum/m2)
	}
	s.majority()
	return s, s.known >= leastKnown
}

// slopeFromTerrain takes the classes of the DEM's cells inside a parcel.
func (j *job) slopeFromTerrain(geom orb.MultiPolygon, m2 float64) (slope, bool, error) {
	if j.terrain.slope == nil || len(geom) == 0 {
		return slope{}, false, nil
	}
	f := j.terrain.slope.Frame()
	s := slope{kind: kindDEM, version: j.terrain.version, source: fmt.Sprintf("DEM %g m", max(f.DX, f.DY))}
	all, err := j.terrain.slope.Zonal(geom)
	if err != nil {
		return slope{}, false, err
	}
	s.known = all.KnownShare()
	for k, v := range all.ByClass {
		if all.Total > 0 {
			s.byClass[k] = v / all.Total * m2
		}
	}
	s.majority()
	return s, s.known >= leastKnown, nil
}

// describe is the evidence for people: every class's share and the source.
func (s *slope) describe() [2]string {
	zh, en := "各坡度级占比", "shares by class"
	total := 0.0
	for _, v := range s.byClass {
		total += v
	}
	for k, v := range s.byClass {
		if v > 0 && total > 0 {
			zh += fmt.Sprintf(" %d级 %.1f%%", k+1, 100*v/total)
			en += fmt.Sprintf(" %d: %.1f%%", k+1, 100*v/total)
		}
	}
	zh += "，依据" + s.source
	en += ", by " + s.sourceEnglish()
	if s.known < 0.999 {
		zh += fmt.Sprintf("，覆盖地块 %.1f%%", 100*s.known)
		en += fmt.Sprintf(", covering %.1f%% of the parcel", 100*s.known)
	}
	return [2]string{zh, en}
}

func (s *slope) sourceEnglish() string {
	if s.kind == kindDEM {
		return s.source
	}
	return "slope map"
}
