package report

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"gengheng/internal/land"
)

// Overlap is a finding (占用) as a workbook lists it. Direction, Severity and Outcome are
// the database's words; Area is nil where the finding has none.
type Overlap struct {
	Seq                                                           int
	Direction, Number, Township, Clause, Severity, Outcome, Layer string
	LayerVersion, Message                                         string
	Area                                                          *land.Area
	Share                                                         *float64
}

// OverlapFilter are the conditions by which findings are chosen, "" and nil for none;
// Least is m².
type OverlapFilter struct {
	Clauses, Townships                         []string
	Direction, Number, Outcome, Verdict, Least string
}

// OverlapList says what a list of overlaps is of, with the conditions that it was chosen
// by.
type OverlapList struct {
	County    string
	Synthetic bool
	Year      int
	Run       uuid.UUID
	Rulebook  string
	OverlapFilter
}

// filters are the conditions as people read them.
func (of OverlapFilter) filters() string {
	var out []string
	for _, c := range [][2]string{{"条款", strings.Join(of.Clauses, "、")}, {"乡镇", strings.Join(of.Townships, "、")}, {"方向", directionZH[of.Direction]},
		{"申报编号", of.Number}, {"结果", outcomeZH[of.Outcome]}, {"地块结论", verdictZH[of.Verdict]}, {"重叠面积不小于（m²）", of.Least}} {
		if c[1] != "" {
			out = append(out, c[0]+" "+c[1])
		}
	}
	if len(out) == 0 {
		return "全部"
	}
	return strings.Join(out, "；")
}

// MostOverlaps is how many a sheet has room for, under its title and header.
const MostOverlaps = excelize.TotalRows - 2

// OverlapWorkbook writes a list of overlaps as .xlsx: 占用清单, areas in m², 亩 and 公顷
// side by side, and 说明, what it is of. A county of made-up data says so on both.
func OverlapWorkbook(w io.Writer, of OverlapList, rows iter.Seq2[Overlap, error]) error {
	b := &book{file: excelize.NewFile()}
	defer func() { _ = b.file.Close() }()
	title := fmt.Sprintf("%s %d 年占用清单", of.County, of.Year)
	if of.Synthetic {
		title += "（" + syntheticMark + "）"
	}
	if err := b.overlaps(title, rows); err != nil {
		return fmt.Errorf("写占用清单 · write the overlaps of run %s: %w", of.Run, err)
	}
	t, err := b.table("说明", title, []column{{"项目", 16}, {"内容", 80}})
	if err != nil {
		return err
	}
	for _, line := range [][2]string{{"筛查", of.Run.String()}, {"规则库", of.Rulebook}, {"条件", of.filters()},
		{"面积", "椭球面积（TD/T 1055—2019），亩与公顷由 m² 换算后取舍；同一地块的几条发现可能重叠，各条面积不能相加，合计见占用查询的汇总。"}} {
		if err := t.add(line[0], line[1]); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	return b.write(w, title)
}

func (b *book) overlaps(title string, rows iter.Seq2[Overlap, error]) error {
	t, err := b.table("占用清单", title, []column{
		{"序号", 8}, {"条款", 10}, {"方向", 6}, {"申报编号", 20}, {"乡镇代码", 12}, {"程度", 10}, {"结果", 12}, {"图层", 12},
		{"图层版本", 18}, {"重叠面积（m²）", 16}, {"重叠面积（亩）", 14}, {"重叠面积（公顷）", 14}, {"占比", 10}, {"说明", 80},
	})
	if err != nil {
		return err
	}
	for v, err := range rows {
		if err != nil {
			return err
		}
		cells := []any{v.Seq, v.Clause, directionZH[v.Direction], v.Number, v.Township, severityZH[v.Severity], outcomeZH[v.Outcome],
			v.Layer, v.LayerVersion, nil, nil, nil, (*ratio)(v.Share), v.Message}
		if v.Area != nil {
			cells[9], cells[10], cells[11] = squareMetres(*v.Area), mu(*v.Area), hectares(*v.Area)
		}
		if err := t.add(cells...); err != nil {
			return err
		}
	}
	return t.flush()
}
