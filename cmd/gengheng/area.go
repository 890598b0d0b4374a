package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"gengheng/internal/geodata"
	"gengheng/internal/land"
)

// areaCmd prints the official area of every feature of a file.
type areaCmd struct {
	File     string `arg:"" help:"文件：zip、gdb、gpkg、geojson、shp 或坐标 TXT · The file."`
	CRS      string `name:"crs" help:"声明坐标系，如 EPSG:4525 · Declare the CRS."`
	Zone     int    `help:"声明 CGCS2000 3度带带号 25–45 · Declare the 3-degree zone."`
	Layer    string `help:"只算这个图层 · Only this layer."`
	Encoding string `help:"属性编码：GBK、UTF-8 · Encoding of a shapefile or TXT."`
	TOWGS84  string `name:"towgs84" help:"西安80、北京54 的七参数 dx,dy,dz,rx,ry,rz,ds · Seven parameters to CGCS2000."`
}

// Run prints to standard output; notices and faults go to standard error.
func (c areaCmd) Run(ctx context.Context) error {
	return c.print(ctx, os.Stdout, os.Stderr)
}

func (c areaCmd) print(ctx context.Context, out, faults io.Writer) (err error) {
	opts := geodata.Options{CRS: c.CRS, Zone: c.Zone, Encoding: c.Encoding}
	if c.TOWGS84 != "" {
		if opts.TOWGS84, err = parseShift(c.TOWGS84); err != nil {
			return err
		}
	}
	if err := readable(c.File); err != nil {
		return err
	}
	src, err := geodata.Open(ctx, c.File, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	layers := src.Layers()
	if len(layers) == 0 && src.Rasters() > 0 {
		return fmt.Errorf("%s 是栅格（GeoTIFF），没有可以量算面积的面要素 · it is a raster, which has no polygons to measure", c.File)
	}
	if c.Layer != "" {
		l, err := src.Layer(c.Layer)
		if err != nil {
			return err
		}
		layers = []*geodata.Layer{l}
	}
	w := bufio.NewWriter(out)
	defer func() { err = errors.Join(err, w.Flush()) }()
	fmt.Fprintln(w, "# 图斑椭球面积，TD/T 1055-2019 附录（CGCS2000 椭球） · official ellipsoidal area")
	t := areaTotal{}
	for _, l := range layers {
		if err := printLayer(ctx, w, faults, l, &t); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "合计 total\t%d 个\t%s\t%s\n", t.measured, t.area, t.area.MuText())
	switch {
	case t.measured+t.refused == 0:
		return fmt.Errorf("%s 没有要素 · there are no features", c.File)
	case t.refused > 0:
		return fmt.Errorf("%d 个图形或图层无法计算，未计入合计 · %d features or layers could not be measured and are not in the total", t.refused, t.refused)
	}
	return nil
}

// readable refuses what is no single file to measure. A folder is taken only if
// it is a file geodatabase: whatever else lies in it was not asked for.
func readable(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("找不到文件 %s，请核对路径 · no such file: %w", file, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("没有权限读取 %s · permission denied: %w", file, err)
	case err != nil:
		return fmt.Errorf("不能读取 %s · cannot be read: %w", file, err)
	case info.IsDir() && !geodata.IsGeodatabase(file):
		return fmt.Errorf("%s 是文件夹，不是文件地理数据库（.gdb）；请给出其中的一个文件，如 DLTB.shp · it is a folder and no file geodatabase; name one file in it", file)
	case !info.IsDir() && !info.Mode().IsRegular():
		return fmt.Errorf("%s 不是普通文件 · it is no regular file", file)
	}
	return nil
}

// areaTotal adds up exactly: land.Area is hundredths of m².
type areaTotal struct {
	area              land.Area
	measured, refused int
}

func printLayer(ctx context.Context, out, faults io.Writer, l *geodata.Layer, t *areaTotal) error {
	if err := l.Err(); err != nil {
		fmt.Fprintln(faults, err)
		t.refused++
		return nil
	}
	zone, ok := land.ByEPSG(l.SRID)
	if !ok {
		return fmt.Errorf("layer %s: EPSG:%d is no 3-degree zone", l.Name, l.SRID)
	}
	fmt.Fprintf(out, "# 图层 layer\t%s\n# 坐标系 CRS\t%s\n", l.Name, l.SourceCRS)
	fmt.Fprintln(out, "行 row\t标识码 BSM\t面积 m²\t亩 mu")
	bsm := l.Schema().Index("BSM")
	for f, err := range l.Features(ctx) {
		if err != nil {
			return err
		}
		id := "-"
		if bsm >= 0 && f.Values[bsm] != nil {
			id = fmt.Sprint(f.Values[bsm])
		}
		for _, i := range f.Issues {
			if i.Field == "" {
				fmt.Fprintf(faults, "%s 第 %d 行 row（%s）：%s · %s\n", l.Name, f.Row, id, i.MessageZH, i.MessageEN)
			}
		}
		if f.Geom == nil {
			fmt.Fprintf(out, "%d\t%s\t-\t-\n", f.Row, id)
			t.refused++
			continue
		}
		if bad := geodata.Validate(f.Geom); bad != nil {
			// the rings enclose no area that could be named
			fmt.Fprintf(faults, "%s 第 %d 行 row（%s）：几何无效：%s，位于（东 %.3f，北 %.3f），不计面积；请改正 · invalid geometry: %s at E %.3f N %.3f, not measured; correct it\n",
				l.Name, f.Row, id, bad.ZH, bad.At[0], bad.At[1], bad.EN, bad.At[0], bad.At[1])
			fmt.Fprintf(out, "%d\t%s\t-\t-\n", f.Row, id)
			t.refused++
			continue
		}
		a := land.OfficialArea(f.Geom, zone)
		fmt.Fprintf(out, "%d\t%s\t%s\t%s\n", f.Row, id, a, a.MuText())
		t.area += a
		t.measured++
	}
	for _, n := range l.Notices() {
		fmt.Fprintf(faults, "%s：%s · %s\n", l.Name, n.MessageZH, n.MessageEN)
	}
	return nil
}

// parseShift reads seven numbers separated by commas.
func parseShift(text string) (*geodata.DatumShift, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 7 {
		return nil, fmt.Errorf("--towgs84 需要 7 个数（dx,dy,dz,rx,ry,rz,ds），给了 %d 个 · needs 7 numbers, %d given", len(parts), len(parts))
	}
	var v [7]float64
	for i, p := range parts {
		n, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil {
			return nil, fmt.Errorf("--towgs84 的第 %d 个不是数字：%q · number %d is none", i+1, p, i+1)
		}
		v[i] = n
	}
	return &geodata.DatumShift{DX: v[0], DY: v[1], DZ: v[2], RX: v[3], RY: v[4], RZ: v[5], DS: v[6]}, nil
}
