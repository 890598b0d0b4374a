package intake

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/survey"
)

// tileSize is the side of a stored tile in cells.
const tileSize = 256

// Codes of issues of a DEM.
const (
	IssueDEMPartial = "dem_partial" // 高程模型没有盖住全县
	IssueDEMHeights = "dem_heights" // 高程值不合理
)

// loadRaster loads a DEM: a GeoTIFF of one band in the county's plane, heights
// in metres.
func (l *load) loadRaster(ctx context.Context, tx pgx.Tx) error {
	src, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer src.Close()
	info, strips, err := src.ReadRaster(ctx)
	if err != nil {
		return problemOf(err)
	}
	l.layerName, l.sourceCRS = info.File, info.SourceCRS
	for _, n := range info.Notices {
		l.result.Summary.note(n)
	}
	var nodata any
	if info.HasNoData {
		nodata = info.NoData
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO raster (county_code, dataset_id, width, height, x0, y0, dx, dy, nodata, tile_size)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		l.req.County, l.req.DatasetID, info.Width, info.Height, info.X0, info.Y0, info.DX, info.DY, nodata, tileSize)
	if err != nil {
		return fmt.Errorf("store the raster: %w", err)
	}
	t := newTiler(info)
	for strip, err := range strips {
		if err != nil {
			return problemOf(err)
		}
		for r := range strip.Rows {
			t.add(strip.Values[r*info.Width : (r+1)*info.Width])
			if t.rows == tileSize {
				if err := l.storeTiles(ctx, tx, t); err != nil {
					return err
				}
			}
		}
		l.tell(StageRead, int64(strip.Row+strip.Rows), int64(info.Height))
	}
	if t.rows > 0 {
		if err := l.storeTiles(ctx, tx, t); err != nil {
			return err
		}
	}
	l.checkRaster(info, t)
	l.result.Version, l.result.Features = hex.EncodeToString(t.hash.Sum(nil))[:16], t.stored
	return nil
}

// tiler cuts rows into tiles and learns the raster's range.
type tiler struct {
	info    geodata.RasterInfo
	cells   []float32 // of the tile row under way
	rows    int
	tileRow int
	stored  int
	hash    hash.Hash
	// over the cells with data
	lowest, highest float64
	empty, filled   int64
}

func newTiler(info geodata.RasterInfo) *tiler {
	t := &tiler{info: info, cells: make([]float32, 0, tileSize*info.Width), hash: sha256.New(), lowest: math.Inf(1), highest: math.Inf(-1)}
	fmt.Fprintf(t.hash, "%s %d %d %v %v %v %v %v %v\n", DEM, info.Width, info.Height, info.X0, info.Y0, info.DX, info.DY, info.HasNoData, info.NoData)
	return t
}

func (t *tiler) add(row []float32) {
	t.cells = append(t.cells, row...)
	t.rows++
	raw := make([]byte, 0, 4*len(row))
	for _, v := range row {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		if v != v || t.info.HasNoData && v == float32(t.info.NoData) {
			t.empty++
			continue
		}
		t.filled++
		t.lowest, t.highest = min(t.lowest, float64(v)), max(t.highest, float64(v))
	}
	t.hash.Write(raw)
}

// pack is the tile in column col of the tile row under way, gzipped; tiles at
// the east and south borders are cut at the border.
func (t *tiler) pack(col int) ([]byte, error) {
	west, east := col*tileSize, min((col+1)*tileSize, t.info.Width)
	raw := make([]byte, 0, 4*t.rows*(east-west))
	for r := range t.rows {
		for _, v := range t.cells[r*t.info.Width+west : r*t.info.Width+east] {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(raw)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// storeTiles stores the tile row under way and begins the next.
func (l *load) storeTiles(ctx context.Context, tx pgx.Tx, t *tiler) error {
	packed := make([][]byte, (t.info.Width+tileSize-1)/tileSize)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for col := range packed {
		group.Go(func() (err error) {
			packed[col], err = t.pack(col)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("pack tiles: %w", err)
	}
	columns := []string{"county_code", "dataset_id", "tile_col", "tile_row", "cells"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"raster_tile"}, columns, pgx.CopyFromSlice(len(packed), func(col int) ([]any, error) {
		return []any{l.req.County, l.req.DatasetID, int32(col), int32(t.tileRow), packed[col]}, nil
	}))
	if err != nil {
		return fmt.Errorf("store tiles: %w", err)
	}
	t.stored += len(packed)
	t.tileRow, t.rows, t.cells = t.tileRow+1, 0, t.cells[:0]
	return nil
}

func (l *load) checkRaster(info geodata.RasterInfo, t *tiler) {
	extent := orb.Bound{
		Min: orb.Point{info.X0, info.Y0 - float64(info.Height)*info.DY},
		Max: orb.Point{info.X0 + float64(info.Width)*info.DX, info.Y0},
	}
	sum := &l.result.Summary
	sum.Rows, sum.Stored = int64(info.Height), int64(info.Height)
	sum.Extent = &[4]float64{extent.Min[0], extent.Min[1], extent.Max[0], extent.Max[1]}
	sum.Raster = &RasterSummary{Width: info.Width, Height: info.Height, CellX: info.DX, CellY: info.DY, Empty: t.empty}
	if t.filled == 0 {
		l.report.addf(Issue{Severity: survey.Error, Code: IssueDEMHeights, fatal: true}, "高程模型没有任何有效值。请核对文件。", "the DEM has no value at all; check the file.")
		return
	}
	sum.Raster.Lowest, sum.Raster.Highest = t.lowest, t.highest
	// the lowest and highest land of China are -154 m and 8849 m
	if t.lowest < -500 || t.highest > 9000 {
		l.report.addf(Issue{Severity: survey.Error, Code: IssueDEMHeights, fatal: true},
			"高程值从 %.1f 到 %.1f，不是以米计的地面高程。请核对单位，并为无数据值声明 NoData。",
			"heights run from %.1f to %.1f, which is no ground in metres; check the unit and declare the nodata value.", t.lowest, t.highest)
	}
	if b := l.county.townships.extent; l.county.townships.loaded() && (!extent.Contains(b.Min) || !extent.Contains(b.Max)) {
		l.report.addf(Issue{Severity: survey.Warning, Code: IssueDEMPartial},
			"高程模型没有盖住全县：范围之外的地块将没有坡度。请补全。", "the DEM does not cover the county: parcels beyond it will have no slope; complete it.")
	}
}
