package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
)

// open opens the uploaded file for reading into the county's plane.
func (l *load) open(ctx context.Context) (*geodata.Source, error) {
	o := l.req.Options
	src, err := geodata.Open(ctx, l.req.Path, geodata.Options{
		Name: l.req.FileName, SRID: l.county.srid, County: l.degrees(),
		CRS: o.CRS, Zone: o.Zone, TOWGS84: o.TOWGS84, Encoding: o.Encoding, Child: o.Child,
	})
	if err != nil {
		return nil, problemOf(err)
	}
	return src, nil
}

// degrees is the extent of the townships in longitude and latitude, which
// geodata widens by 20 km; layers may lie farther away.
func (l *load) degrees() orb.Bound {
	t := &l.county.townships
	if !t.loaded() || l.req.Kind == XZQ {
		return orb.Bound{}
	}
	b := t.extent
	if around := l.surroundings(); l.req.Kind != DLTB && l.req.Kind != CandidateIn && l.req.Kind != CandidateOut {
		b = around.Pad(-surroundingsSurvey)
	}
	var out orb.Bound
	for i, p := range []orb.Point{b.Min, {b.Max[0], b.Min[1]}, b.Max, {b.Min[0], b.Max[1]}} {
		lon, lat := l.county.zone.Geographic(p[0], p[1])
		if i == 0 {
			out = orb.Point{lon, lat}.Bound()
		}
		out = out.Extend(orb.Point{lon, lat})
	}
	return out
}

// problemOf turns what geodata says of a file into a problem. What is not about
// the file (no reading program, cancelled, disk full) stays an error.
func problemOf(err error) error {
	var undeclared *geodata.UndeclaredCRSError
	if errors.As(err, &undeclared) {
		return crsProblem(undeclared)
	}
	var bad *geodata.FileError
	if !errors.As(err, &bad) || bad.Code == geodata.ErrChildMissing ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	p := &Problem{
		Code: strings.ReplaceAll(bad.Code, "_", "-"), TitleZH: "文件读不出", TitleEN: "The file cannot be read",
		DetailZH: bad.MessageZH, DetailEN: bad.MessageEN, File: bad.File, Layer: bad.Layer, cause: err,
	}
	if a, ok := advices[bad.Code]; ok {
		p.TitleZH, p.TitleEN = a.titleZH, a.titleEN
		p.hint(a.hintZH, a.hintEN)
	}
	if all := strings.Split(err.Error(), "\n"); len(all) > 1 {
		p.Errors = all
	}
	return p
}

// advices are the titles and hints of problems that are not damage to the file.
var advices = map[string]struct{ titleZH, titleEN, hintZH, hintEN string }{
	geodata.ErrCRSConflict: {"坐标与声明的坐标系矛盾", "The coordinates contradict the declared CRS",
		"请核对 .prj 与选项 crs、zone：以坐标为准改正坐标系定义，或重新导出；不要改动坐标数值。",
		"Check the .prj and the options crs and zone: correct the definition to what the coordinates are in, or export again; do not edit coordinates."},
	geodata.ErrAxesSwapped: {"纵横坐标颠倒", "The axes are swapped",
		"请调换 x、y 后重新导出（x 为东坐标或经度）。", "Swap x and y and export again (x is easting or longitude)."},
	geodata.ErrCRSUnknown: {"坐标系不能用", "The CRS cannot be used",
		"请投影到 CGCS2000 3 度带后重新导出；坐标系写错的，用选项 crs 声明正确的。", "Reproject to a CGCS2000 3-degree zone and export again; where the definition is wrong, declare crs."},
	geodata.ErrCRSShift: {"缺少坐标转换参数", "The transformation parameters are missing",
		"请向测绘主管部门取得本县七参数，用选项 towgs84 给出；或先转换为 CGCS2000。", "Obtain the county's seven parameters and give them as towgs84, or transform the file to CGCS2000 first."},
	geodata.ErrEncoding: {"文字编码与声明不符", "The text is not in the declared encoding",
		"请改正选项 encoding，或不填由程序判断，再重新载入。", "Correct the option encoding, or leave it out, and load again."},
}

func crsProblem(e *geodata.UndeclaredCRSError) *Problem {
	p := &Problem{Code: "crs-undeclared", TitleZH: "没有声明坐标系", TitleEN: "The CRS is not declared", File: e.File, Layer: e.Layer, cause: e}
	zh, en, _ := strings.Cut(e.Error(), " · ")
	p.DetailZH, p.DetailEN = zh, en
	for _, c := range e.Candidates {
		line := fmt.Sprintf("EPSG:%d %s", c.EPSG, c.Name)
		if c.Share >= 0 {
			line += fmt.Sprintf(" %.0f%%", 100*c.Share)
		}
		p.Errors = append(p.Errors, line)
	}
	return p.hint("请先找到坐标系的依据（成果说明、元数据、控制点），再在选项中声明 crs（如 EPSG:4525）或 zone（CGCS2000 带号）后重新载入，或补上 .prj。",
		"Find evidence of the CRS first (report, metadata, known points), then declare crs (such as EPSG:4525) or zone (of CGCS2000) and load again, or add the .prj.")
}

// chooseLayer finds the layer that holds the kind: the one asked for, the one
// named after the kind, or the only one. A layer that is named after another
// kind is not taken unless it is asked for by name.
func (l *load) chooseLayer(src *geodata.Source) (*geodata.Layer, error) {
	layers := src.Layers()
	if l.req.Options.Layer != "" {
		layer, err := src.Layer(l.req.Options.Layer)
		if err != nil {
			return nil, problemOf(err)
		}
		return layer, nil
	}
	var named []*geodata.Layer
	for _, layer := range layers {
		if l.kindOfLayer(layer) == l.req.Kind {
			named = append(named, layer)
		}
	}
	var only []*geodata.Layer
	for _, layer := range layers {
		if layer.Err() == nil {
			only = append(only, layer)
		}
	}
	if len(named) == 0 && len(only) == 1 && l.kindOfLayer(only[0]) == "" {
		named = only
	}
	if len(named) == 1 {
		if err := named[0].Err(); err != nil {
			return nil, problemOf(err)
		}
		return named[0], nil
	}
	return nil, l.undetermined(layers, len(named))
}

func (l *load) undetermined(layers []*geodata.Layer, named int) *Problem {
	p := &Problem{Code: ProblemLayer, TitleZH: "不能确定用哪个图层", TitleEN: "It is not clear which layer to take"}
	name := l.req.nameOf()
	switch {
	case named > 1:
		p.detail("有 %d 个图层都像 %s。", "%d layers look like %s.", named, name)
	case len(layers) == 0:
		p.detail("文件中没有矢量图层，需要 %s。", "The file has no vector layer; %s is needed.", name)
	default:
		p.detail("文件中没有名为 %s 的图层。", "The file has no layer named %s.", name)
	}
	for _, layer := range layers {
		line := fmt.Sprintf("%s（%s，%d）", layer.Name, layer.Geometry, layer.Count)
		if layer.Alias != "" && layer.Alias != layer.Name {
			line = fmt.Sprintf("%s %s（%s，%d）", layer.Name, layer.Alias, layer.Geometry, layer.Count)
		}
		p.Errors = append(p.Errors, line)
	}
	return p.hint("请在选项 layer 中指定图层名，或把图层改名为标准名后重新上传。", "Name the layer in the option layer, or rename it to the standard name and upload it again.")
}

// kindOfLayer is the kind that a layer is named after, or "".
func (l *load) kindOfLayer(layer *geodata.Layer) Kind {
	kinds := map[string]Kind{}
	for _, k := range []struct {
		kind  Kind
		names []string
	}{
		{DLTB, []string{"地类图斑"}}, {XZQ, []string{"行政区"}}, {CandidateIn, []string{"转进", "转进地块", "转进申报", "转进申报地块"}},
		{CandidateOut, []string{"转出", "转出地块", "转出申报", "转出申报地块"}},
	} {
		for _, n := range append(k.names, string(k.kind)) {
			kinds[plainName(n)] = k.kind
		}
	}
	for kind, f := range l.req.Layers {
		for _, n := range append([]string{string(kind), f.Name}, f.Aliases...) {
			if n != "" {
				kinds[plainName(n)] = kind
			}
		}
	}
	base := layer.Name[strings.LastIndexByte(layer.Name, '/')+1:]
	for _, n := range []string{base, layer.Alias} {
		if kind, ok := kinds[plainName(n)]; ok && n != "" {
			return kind
		}
	}
	return ""
}

// plainName drops what varies around a layer's name: county code, year, case.
func plainName(s string) string {
	s, _ = fields.Normalize(s)
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '-' || r == '.' {
			return -1
		}
		return r
	}, s)
}

// describe notes what the layer says of itself.
func (l *load) describe(layer *geodata.Layer) {
	l.layerName, l.sourceCRS, l.encoding = layer.Name, layer.SourceCRS, layer.Encoding
}

// noteBinding reports the columns that were found under other names.
func (l *load) noteBinding(b fields.Binding) {
	for _, r := range b.Renamed {
		l.report.addf(Issue{Severity: survey.Notice, Code: IssueFieldRenamed, Field: r[1]},
			"列 “%s” 按 %s 读取。", "column %q was read as %s.", r[0], r[1])
	}
	for _, d := range b.Duplicate {
		l.report.addf(Issue{Severity: survey.Warning, Code: IssueFieldDuplicate, Field: d[1]},
			"列 “%s” 也像 %s，但该字段已由另一列给出，未读取。", "column %q looks like %s as well, which another column gives; it was not read.", d[0], d[1])
	}
}

// missingFields is the problem of a layer without mandatory columns: what was
// found, and which of them were perhaps meant.
func missingFields(missing []fields.Field, columns []string) *Problem {
	p := &Problem{Code: ProblemFields, TitleZH: "缺少必需的字段", TitleEN: "Mandatory fields are missing", Field: missing[0].Name}
	var names []string
	for _, f := range missing {
		names = append(names, f.Name+" "+f.Chinese)
		if near := f.Nearest(columns); len(near) > 0 {
			p.Errors = append(p.Errors, fmt.Sprintf("%s：是否为 %s？ · is it %s?", f.Name, strings.Join(near, "、"), strings.Join(near, ", ")))
		}
	}
	if len(columns) == 0 {
		p.detail("缺少：%s。文件里一个字段也没有，多半是没有导出任何要素。", "Missing: %s. The file has no field at all; most likely no feature was exported.", strings.Join(names, "、"))
		return p.hint("请核对是否导出了要素；确实没有可申报的，用空白申报表以 confirm_empty 装载。", "Check that the features were exported; if there truly are none to declare, load the blank form with confirm_empty.")
	}
	shown := slices.Clone(columns)
	if len(shown) > 60 {
		shown = append(shown[:60], "…")
	}
	p.detail("缺少：%s。文件中的字段：%s。", "Missing: %s. Fields in the file: %s.", strings.Join(names, "、"), strings.Join(shown, "、"))
	return p.hint("请把字段改为标准名（或通用别名）后重新上传。", "Rename the fields to the standard names (or common aliases) and upload the file again.")
}
