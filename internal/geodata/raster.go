package geodata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata/frame"
)

// RasterInfo describes a grid of band 1, north up, in the target plane.
type RasterInfo struct {
	// File is the name of the file inside the upload.
	File          string
	Width, Height int // cells
	// X0, Y0 is the outer corner of the north-west cell, metres; DX, DY the
	// size of a cell, both positive.
	X0, Y0, DX, DY float64
	// NoData is the value of cells without data, if HasNoData. It compares as
	// float32. NaN cells are without data in any case.
	NoData    float64
	HasNoData bool
	// SRID is the plane, EPSG 4534-4554.
	SRID      int
	SourceCRS string
	Notices   []Notice
}

// RasterRows is a strip of a raster over its full width.
type RasterRows struct {
	// Row is the first row, 0 in the north; Rows how many.
	Row, Rows int
	// Values are row by row from the west. The slice is valid until the next
	// strip.
	Values []float32
}

// rasterFile is a GeoTIFF in the upload.
type rasterFile struct {
	src *Source
	at  namedPath
}

// maxRasterCells bounds a raster: a county of 3000 km² in cells of 1 m.
const maxRasterCells = 4_000_000_000

// Rasters counts the rasters of the file.
func (s *Source) Rasters() int { return len(s.rasters) }

// ReadRaster opens the only raster of the file and gives its description and
// its rows from the north. The raster must be north up and in the target
// plane, or differ from it by the zone prefix only: cells are not resampled
// here. An error in the stream ends it.
func (s *Source) ReadRaster(ctx context.Context) (RasterInfo, iter.Seq2[RasterRows, error], error) {
	if len(s.rasters) != 1 {
		return RasterInfo{}, nil, fileError(ErrNoLayer, s.name,
			fmt.Sprintf("有 %d 个 GeoTIFF，需要恰好 1 个", len(s.rasters)), fmt.Sprintf("it has %d GeoTIFFs, exactly 1 is needed", len(s.rasters)))
	}
	file := s.rasters[0]
	d, warnings, err := askChild(ctx, s.opts, file.at, frame.Request{Op: frame.OpDescribe, Driver: "GTiff"})
	if err != nil {
		return RasterInfo{}, nil, err
	}
	if d.Raster == nil {
		return RasterInfo{}, nil, rasterError(file.at.name, "没有栅格数据", "it has no raster")
	}
	info, err := rasterInfo(file.at.name, d.Raster, s.opts)
	if err != nil {
		return RasterInfo{}, nil, err
	}
	for _, w := range warnings {
		info.Notices = append(info.Notices, driverNotice(w))
	}
	return info, file.rows(ctx, info), nil
}

func rasterError(file, zh, en string) error { return fileError(ErrRaster, file, zh, en) }

func rasterInfo(file string, r *frame.Raster, opts Options) (RasterInfo, error) {
	info := RasterInfo{File: file, Width: r.Width, Height: r.Height, NoData: r.NoData, HasNoData: r.HasNoData}
	t := r.Transform
	switch {
	case r.Bands != 1:
		return info, rasterError(file, fmt.Sprintf("有 %d 个波段，高程模型应只有 1 个", r.Bands), fmt.Sprintf("it has %d bands; an elevation model has one", r.Bands))
	case r.Width < 1 || r.Height < 1 || float64(r.Width)*float64(r.Height) > maxRasterCells:
		return info, rasterError(file, fmt.Sprintf("大小 %d × %d 超出范围", r.Width, r.Height), fmt.Sprintf("its size %d x %d is out of range", r.Width, r.Height))
	case !r.HasTransform:
		return info, rasterError(file, "没有地理参考（缺少仿射变换参数）；请用带坐标的 GeoTIFF", "it is not georeferenced")
	case t[2] != 0 || t[4] != 0 || !(t[1] > 0) || !(t[5] < 0):
		return info, rasterError(file, "不是正北向上的栅格；请用 gdalwarp 或 ArcGIS 投影栅格重采样", "it is not north up; resample it with gdalwarp")
	}
	width, height := float64(r.Width)*t[1], float64(r.Height)*-t[5]
	extent := orb.Bound{Min: orb.Point{t[0], t[3] - height}, Max: orb.Point{t[0] + width, t[3]}}
	if !finiteBox(extent) {
		return info, rasterError(file, "地理参考的数值无效", "its georeference is not finite")
	}
	place, notices, err := decideCRS(declaration{file: file, layer: file, wkt: r.WKT, epsg: r.EPSG, extent: extent}, opts)
	if err != nil {
		return info, err
	}
	if place.plane != nil {
		code := place.target.EPSG()
		return info, rasterError(file,
			fmt.Sprintf("栅格的坐标系是 %s，需要 %s；请先重采样：gdalwarp -t_srs EPSG:%d -r bilinear 输入.tif 输出.tif", place.source, place.target, code),
			fmt.Sprintf("the raster is in %s, %s is needed; resample it: gdalwarp -t_srs EPSG:%d -r bilinear in.tif out.tif", place.source, place.target, code))
	}
	corner, code := place.place(orb.Point{t[0], t[3]})
	if code != "" {
		return info, rasterError(file, "左上角坐标不合理："+boundText(extent), "its corner is out of range: "+boundText(extent))
	}
	info.X0, info.Y0, info.DX, info.DY = corner[0], corner[1], t[1], -t[5]
	box := orb.Bound{Min: orb.Point{info.X0, info.Y0 - height}, Max: orb.Point{info.X0 + width, info.Y0}}
	if code := place.where(box); code != "" {
		return info, rasterError(file, "栅格不在本县附近："+boundText(extent), "the raster is not near the county: "+boundText(extent))
	}
	info.SRID, info.SourceCRS, info.Notices = place.target.EPSG(), place.source.String(), notices
	return info, nil
}

func (f *rasterFile) rows(ctx context.Context, info RasterInfo) iter.Seq2[RasterRows, error] {
	return func(yield func(RasterRows, error) bool) {
		if err := f.stream(ctx, info, func(r RasterRows) error {
			if !yield(r, nil) {
				return errStopped
			}
			return nil
		}); err != nil && !errors.Is(err, errStopped) {
			yield(RasterRows{}, err)
		}
	}
}

func (f *rasterFile) stream(ctx context.Context, info RasterInfo, yield func(RasterRows) error) (err error) {
	c, err := startChild(ctx, f.src.opts, f.at.name, f.at.path, frame.Request{Op: frame.OpRaster, Driver: "GTiff"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	next := 0
	var r RasterRows
	for {
		kind, payload, err := c.next()
		if errors.Is(err, io.EOF) {
			if next != info.Height {
				return fmt.Errorf("%s: %d rows arrived of %d", f.at.name, next, info.Height)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if kind != frame.KindRaster {
			return fmt.Errorf("%s: unexpected frame %q", f.at.name, kind)
		}
		if r.Row, r.Rows, r.Values, err = frame.ParseRasterRows(payload, info.Width, r.Values[:0]); err != nil {
			return fmt.Errorf("%s: %w", f.at.name, err)
		}
		if r.Row != next || r.Row+r.Rows > info.Height {
			return fmt.Errorf("%s: row %d where row %d should be", f.at.name, r.Row, next)
		}
		next += r.Rows
		if err := yield(r); err != nil {
			return err
		}
	}
}

// WriteRasterRequest says what WriteRaster is to produce: a GeoTIFF of one
// float32 band, deflated.
type WriteRasterRequest struct {
	Path string
	// Info gives size, corner, cells and nodata; EPSG is the CRS of the
	// corner, which is written as it is.
	Info RasterInfo
	EPSG int
	// Rows must come from the north and without gaps.
	Rows  iter.Seq2[RasterRows, error]
	Child string
}

// WriteRaster produces a GeoTIFF. The same request makes the same bytes.
func WriteRaster(ctx context.Context, req WriteRasterRequest) error {
	if _, err := os.Lstat(req.Path); err == nil {
		return fmt.Errorf("write %s: it exists already", req.Path)
	}
	if err := writeRaster(ctx, req); err != nil {
		return fmt.Errorf("write %s: %w", req.Path, err)
	}
	return nil
}

func writeRaster(ctx context.Context, req WriteRasterRequest) (err error) {
	path, err := filepath.Abs(req.Path)
	if err != nil {
		return err
	}
	i := req.Info
	if math.IsNaN(i.NoData) {
		i.HasNoData, i.NoData = false, 0
	}
	c, err := startChild(ctx, Options{Child: req.Child}, req.Path, "", frame.Request{
		Op: frame.OpRasterTo, Driver: "GTiff", Path: path, Raster: &frame.Raster{
			Width: i.Width, Height: i.Height, Bands: 1, EPSG: req.EPSG,
			Transform: [6]float64{i.X0, i.DX, 0, i.Y0, 0, -i.DY}, HasNoData: i.HasNoData, NoData: i.NoData}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return c.feed(func(w *frame.Writer) error {
		next := 0
		for r, err := range req.Rows {
			if err != nil {
				return err
			}
			if r.Row != next || len(r.Values) != r.Rows*i.Width {
				return fmt.Errorf("%d values for %d rows from row %d, expected row %d", len(r.Values), r.Rows, r.Row, next)
			}
			next += r.Rows
			if err := asPipe(w.Write(frame.KindRaster, frame.RasterRows(r.Row, r.Values, r.Rows))); err != nil {
				return err
			}
		}
		if next != i.Height {
			return fmt.Errorf("%d rows of %d", next, i.Height)
		}
		return nil
	})
}
