package fields

import "slices"

// Column 申报表的一列: a column of the declaration form, as it is printed and as it
// is read back.
type Column struct {
	// Group is the heading over neighbouring columns, Header the column's own.
	Group, Header string
	// Field is the position in Declaration, or -1 for what is shown and not read.
	Field int
	// Shown names what a column without a field shows.
	Shown Shown
	// Unit of an area, as areas are shown: "亩", "公顷" or "m²"; "" for text.
	Unit string
	// Width in characters.
	Width float64
	// Aside columns stand to the right of what is printed.
	Aside bool
}

// Shown is what a form shows beside the declaration. Layer conclusions are
// LayerPrefix and the kinds of the layers, joined by "+".
type Shown string

// What a form shows: of the survey's patch under the parcel, of the declaration
// in force, of its last screening.
const (
	ShownSerial  Shown = "serial"
	ShownZZSX    Shown = "zzsx"     // 种植属性
	ShownQSXZ    Shown = "qsxz"     // 权属性质
	ShownQSDW    Shown = "qsdw"     // 权属单位
	ShownZLDW    Shown = "zldw"     // 坐落单位
	ShownSlope   Shown = "gdpdjb"   // 坡度级 by the survey
	ShownGrade   Shown = "gddb"     // 等别 by the survey
	ShownRefined Shown = "tbxh"     // 细化代码
	ShownTBMJ    Shown = "tbmj"     // 图斑面积
	ShownDrawn   Shown = "drawn"    // official area of the boundary
	ShownNet     Shown = "net"      // net area by the screening
	ShownPaddy   Shown = "paddy"    // 其中水田
	ShownSlopeTo Shown = "slope_to" // 预计坡度级
	ShownGradeTo Shown = "grade_to" // 预计等别
	ShownVerdict Shown = "verdict"
	ShownClauses Shown = "clauses"
	ShownFile    Shown = "file"
)

// LayerPrefix and TestPrefix begin the conclusion of all checks on some layers, or
// of one test.
const (
	LayerPrefix = "layer:"
	TestPrefix  = "test:"
)

// FormRowHeader is the header of the first column of a form; TotalRow is what
// stands under it in the last row of the table.
const (
	FormRowHeader = "序号"
	TotalRow      = "合计"
)

func declaredColumn(group, header string, field int, width float64) Column {
	return Column{Group: group, Header: header, Field: field, Width: width}
}

func shownColumn(group, header string, what Shown, width float64) Column {
	return Column{Group: group, Header: header, Field: -1, Shown: what, Width: width}
}

func areaShown(group, header string, what Shown) Column {
	return Column{Group: group, Header: header + "（m²）", Field: -1, Shown: what, Unit: "m²", Width: 8.5}
}

// declaredArea are the three columns of 申报面积. The one in m² is exact; each
// that is filled in must say the same.
func declaredArea() []Column {
	list := []Column{}
	for _, unit := range []string{"亩", "公顷", "m²"} {
		list = append(list, Column{Group: "面积", Header: "申报面积（" + unit + "）", Field: SBMJ, Unit: unit, Width: 8})
	}
	return list
}

// Form lists the columns of the 申报表 of a direction, "in" or "out".
func Form(direction string) []Column {
	list := []Column{
		shownColumn("编号", FormRowHeader, ShownSerial, 4.5), declaredColumn("编号", "申报编号", SBBH, 10),
		declaredColumn("编号", "村", CUN, 7.5), declaredColumn("编号", "小地名", XDM, 6),
	}
	if direction == "out" {
		list = append(list, formOut()...)
	} else {
		list = append(list, formIn()...)
	}
	for i, f := range Declaration {
		if i != DKMC && !slices.ContainsFunc(list, func(c Column) bool { return c.Field == i }) {
			list = append(list, Column{Group: "不打印", Header: f.Chinese, Field: i, Width: 14, Aside: true})
		}
	}
	return append(list, Column{Group: "不打印", Header: "图形面积（m²）", Field: -1, Shown: ShownDrawn, Unit: "m²", Width: 12, Aside: true})
}

func formIn() []Column {
	base, target, plan, rights, checks := "现状图斑", "整治目标", "实施计划", "权利", "筛查结论"
	list := []Column{
		declaredColumn(base, "图斑编号", DeclaredTBBH, 5.5), declaredColumn(base, "标识码", DeclaredBSM, 10),
		declaredColumn(base, "现状地类", DeclaredDLBM, 7.5), shownColumn(base, "种植属性", ShownZZSX, 6),
		shownColumn(base, "权属性质", ShownQSXZ, 6.5), shownColumn(base, "权属单位", ShownQSDW, 8), shownColumn(base, "坐落单位", ShownZLDW, 8),
		areaShown("面积", "图斑面积", ShownTBMJ),
	}
	list = append(list, declaredArea()...)
	return append(list,
		areaShown("面积", "预计净增耕地面积", ShownNet), areaShown("面积", "其中水田", ShownPaddy),
		declaredColumn(target, "拟整治后地类", NZDL, 7.5), declaredColumn(target, "恢复方式", HFFS, 6), declaredColumn(target, "耕地类型", DeclaredGDLX, 4.5),
		shownColumn(target, "预计坡度级", ShownSlopeTo, 4.5), shownColumn(target, "预计等别", ShownGradeTo, 5),
		declaredColumn(plan, "实施主体", SSZT, 9), declaredColumn(plan, "主体类型", ZTLX, 6), declaredColumn(plan, "资金", ZJ, 5.5),
		declaredColumn(plan, "开始时间", KSSJ, 6.5), declaredColumn(plan, "完成时间", WCSJ, 6.5), declaredColumn(plan, "种植作物", ZZZW, 6),
		declaredColumn(rights, "权利人", QLR, 6.5), declaredColumn(rights, "承包合同或地块编码", CBHT, 7.5), declaredColumn(rights, "权利人同意书号", QLRTY, 7.5),
		shownColumn(checks, "坡度", LayerPrefix+"PDT", 5.5), shownColumn(checks, "生态保护红线", LayerPrefix+"STBHHX", 5.5),
		shownColumn(checks, "自然保护地", LayerPrefix+"ZRBHD", 5.5), shownColumn(checks, "水源地", LayerPrefix+"YYSSYBHQ", 5.5),
		shownColumn(checks, "城镇村", LayerPrefix+"CZCDYD", 5.5), shownColumn(checks, "退耕还林", LayerPrefix+"TGHL", 5.5),
		shownColumn(checks, "土壤污染", LayerPrefix+"TRHJ", 5.5), shownColumn(checks, "结论", ShownVerdict, 6), shownColumn(checks, "涉及条款", ShownClauses, 7),
		shownColumn("图形", "坐标文件", ShownFile, 7.5), declaredColumn("图形", "四至", SIZHI, 6), declaredColumn("图形", "备注", DeclaredBZ, 6.5))
}

func formOut() []Column {
	base, target, plan, rights, checks := "现状图斑", "转出去向", "实施计划", "权利", "筛查结论"
	list := []Column{
		declaredColumn(base, "图斑编号", DeclaredTBBH, 5.5), declaredColumn(base, "标识码", DeclaredBSM, 10),
		declaredColumn(base, "现状地类", DeclaredDLBM, 7.5), shownColumn(base, "坡度级", ShownSlope, 5), shownColumn(base, "等别", ShownGrade, 5),
		shownColumn(base, "细化代码", ShownRefined, 6.5), shownColumn(base, "坐落单位", ShownZLDW, 8), areaShown("面积", "图斑面积", ShownTBMJ),
	}
	list = append(list, declaredArea()...)
	return append(list,
		areaShown("面积", "转出净面积", ShownNet), areaShown("面积", "其中水田", ShownPaddy),
		declaredColumn(target, "拟转地类", NZDL, 7.5), declaredColumn(target, "用途", YT, 7), declaredColumn(target, "项目名称", XMMC, 9),
		declaredColumn(target, "批准文号", PZWH, 9), declaredColumn(target, "退耕任务文号", TGRW, 9), declaredColumn(target, "设施农用地备案号", BAH, 9),
		declaredColumn(plan, "实施主体", SSZT, 9), declaredColumn(plan, "主体类型", ZTLX, 6), declaredColumn(plan, "开始时间", KSSJ, 6.5),
		declaredColumn(plan, "完成时间", WCSJ, 6.5), declaredColumn(plan, "对应转进编号或指标来源", DYZJ, 9),
		declaredColumn(rights, "权利人", QLR, 6.5), declaredColumn(rights, "承包合同或地块编码", CBHT, 7.5), declaredColumn(rights, "权利人同意书号", QLRTY, 7.5),
		declaredColumn(rights, "流转合同号", LZHT, 7.5),
		shownColumn(checks, "永久基本农田", LayerPrefix+"YJJBNTTB+YJJBNTCBQ", 5.5), shownColumn(checks, "退耕计划", LayerPrefix+"STTGRW", 5.5),
		shownColumn(checks, "绿化带", TestPrefix+"belt_width", 5.5), shownColumn(checks, "项目重叠", LayerPrefix+"YDXM+WBXM+PZWJSTD", 5.5),
		shownColumn(checks, "结论", ShownVerdict, 6), shownColumn(checks, "涉及条款", ShownClauses, 7),
		shownColumn("图形", "坐标文件", ShownFile, 7.5), declaredColumn("图形", "四至", SIZHI, 6), declaredColumn("图形", "备注", DeclaredBZ, 6.5))
}

// ShownOnForm tells whether a header is one of a form's columns that are shown
// and not read back.
func ShownOnForm(header string) bool {
	return onForm(header, func(c Column) bool { return c.Field < 0 })
}

// OnForm tells whether a header is one of a form's columns.
func OnForm(header string) bool { return onForm(header, func(Column) bool { return true }) }

func onForm(header string, is func(Column) bool) bool {
	name, _ := Normalize(header)
	return slices.ContainsFunc(append(Form("in"), Form("out")...), func(c Column) bool {
		n, _ := Normalize(c.Header)
		return n == name && is(c)
	})
}
