package fields

import (
	"slices"
	"strings"
)

// Positions in DLTB, which has exactly these fields in this order.
const (
	BSM = iota
	YSDM
	TBYBH
	TBBH
	DLBM
	DLMC
	QSXZ
	QSDWDM
	QSDWMC
	ZLDWDM
	ZLDWMC
	TBMJ
	KCDLBM
	KCXS
	KCMJ
	TBDLMJ
	GDLX
	GDPDJB
	XZDWKD
	TBXHDM
	TBXHMC
	ZZSXDM
	ZZSXMC
	GDDB
	FRDBS
	CZCSXM
	SJNF
	MSSM
	HDMC
	BZ
)

// DLTB 地类图斑: TD/T 1057-2020, table of the land class patches. The aliases are
// of 二调 (TKXS, TKMJ), of early 三调 (GDZZSXDM), of planning databases (DLDM,
// XZDLDM) and of patch extracts (DLTBBH, XXTBKD).
var DLTB = Table{
	BSM:    {Name: "BSM", Chinese: "标识码", Aliases: []string{"图斑标识码", "DLTBBSM"}, Width: 18, Mandatory: true},
	YSDM:   {Name: "YSDM", Chinese: "要素代码", Width: 10},
	TBYBH:  {Name: "TBYBH", Chinese: "图斑预编号", Width: 18},
	TBBH:   {Name: "TBBH", Chinese: "图斑编号", Aliases: []string{"DLTBBH", "图斑号"}, Width: 8},
	DLBM:   {Name: "DLBM", Chinese: "地类编码", Aliases: []string{"DLDM", "XZDLDM", "地类代码", "XZDLBM"}, Width: 5, Mandatory: true},
	DLMC:   {Name: "DLMC", Chinese: "地类名称", Aliases: []string{"XZDLMC", "地类"}, Width: 60},
	QSXZ:   {Name: "QSXZ", Chinese: "权属性质", Width: 2},
	QSDWDM: {Name: "QSDWDM", Chinese: "权属单位代码", Width: 19},
	QSDWMC: {Name: "QSDWMC", Chinese: "权属单位名称", Aliases: []string{"权属单位"}, Width: 60},
	ZLDWDM: {Name: "ZLDWDM", Chinese: "坐落单位代码", Aliases: []string{"座落单位代码"}, Width: 19, Mandatory: true},
	ZLDWMC: {Name: "ZLDWMC", Chinese: "坐落单位名称", Aliases: []string{"座落单位名称", "坐落单位", "座落单位"}, Width: 60},
	TBMJ:   {Name: "TBMJ", Chinese: "图斑面积", Aliases: []string{"DLTBMJ"}, Type: Decimal, Scale: 2, Mandatory: true},
	KCDLBM: {Name: "KCDLBM", Chinese: "扣除地类编码", Aliases: []string{"KCDLDM", "TKDLBM"}, Width: 5},
	KCXS:   {Name: "KCXS", Chinese: "扣除地类系数", Aliases: []string{"TKXS", "扣除系数", "田坎系数"}, Type: Decimal, Scale: 4},
	KCMJ:   {Name: "KCMJ", Chinese: "扣除地类面积", Aliases: []string{"TKMJ", "扣除面积", "田坎面积"}, Type: Decimal, Scale: 2},
	TBDLMJ: {Name: "TBDLMJ", Chinese: "图斑地类面积", Aliases: []string{"图斑净面积"}, Type: Decimal, Scale: 2, Mandatory: true},
	GDLX:   {Name: "GDLX", Chinese: "耕地类型", Width: 2},
	GDPDJB: {Name: "GDPDJB", Chinese: "耕地坡度级别", Aliases: []string{"GDPDJ", "耕地坡度级", "耕地坡度等级"}, Width: 2},
	XZDWKD: {Name: "XZDWKD", Chinese: "线状地物宽度", Aliases: []string{"XXTBKD", "XXDWKD", "线性图斑宽度"}, Type: Decimal, Scale: 1},
	TBXHDM: {Name: "TBXHDM", Chinese: "图斑细化代码", Width: 4},
	TBXHMC: {Name: "TBXHMC", Chinese: "图斑细化名称", Width: 20},
	ZZSXDM: {Name: "ZZSXDM", Chinese: "种植属性代码", Aliases: []string{"GDZZSXDM", "耕地种植属性代码"}, Width: 6},
	ZZSXMC: {Name: "ZZSXMC", Chinese: "种植属性名称", Aliases: []string{"GDZZSXMC", "耕地种植属性名称"}, Width: 20},
	GDDB:   {Name: "GDDB", Chinese: "耕地等别", Aliases: []string{"耕地质量等别"}, Type: Integer},
	FRDBS:  {Name: "FRDBS", Chinese: "飞入地标识", Width: 1},
	CZCSXM: {Name: "CZCSXM", Chinese: "城镇村属性码", Width: 4},
	SJNF:   {Name: "SJNF", Chinese: "数据年份", Type: Integer},
	MSSM:   {Name: "MSSM", Chinese: "描述说明", Width: 2},
	HDMC:   {Name: "HDMC", Chinese: "海岛名称", Width: 100},
	BZ:     {Name: "BZ", Chinese: "备注"},
}

// Positions in Declaration.
const (
	SBBH = iota
	XZDM
	XZMC
	CUN
	DeclaredTBBH
	DeclaredBSM
	DeclaredDLBM
	SBMJ
	NZDL
	YT
	HFFS
	DeclaredGDLX
	SSZT
	ZTLX
	PZWH
	TGRW
	BAH
	LYYJ
	LZHT
	QLRTY
	TCXY
	SNYJ
	DKMC
	XDM
	XMMC
	ZJ
	KSSJ
	WCSJ
	ZZZW
	QLR
	CBHT
	DYZJ
	SIZHI
	DeclaredBZ
)

// Declaration 申报地块: the columns of a 转进 or 转出 declaration, in the
// attribute table of the boundaries and as headers of the 申报表.
var Declaration = Table{
	SBBH:         {Name: "SBBH", Chinese: "申报编号", Aliases: []string{"地块编号", "DKBH"}, Width: 40},
	XZDM:         {Name: "XZDM", Chinese: "乡镇代码", Aliases: []string{"乡镇编码", "XZQDM", "行政区代码"}, Width: 12},
	XZMC:         {Name: "XZMC", Chinese: "乡镇", Aliases: []string{"乡镇名称", "XZQMC"}, Width: 60},
	CUN:          {Name: "CUN", Chinese: "村", Aliases: []string{"村名", "村名称", "行政村", "CUNMC"}, Width: 60},
	DeclaredTBBH: {Name: "TBBH", Chinese: "图斑编号", Aliases: []string{"DLTBBH", "图斑号"}, Width: 20},
	DeclaredBSM:  {Name: "BSM", Chinese: "标识码", Aliases: []string{"图斑标识码", "DLTBBSM"}, Width: 18},
	DeclaredDLBM: {Name: "DLBM", Chinese: "现状地类", Aliases: []string{"地类编码", "现状地类编码", "现状耕地类型", "DLDM"}, Width: 60},
	SBMJ:         {Name: "SBMJ", Chinese: "申报面积", Aliases: []string{"转进面积", "转出面积", "面积"}, Type: Decimal, Scale: 2},
	NZDL:         {Name: "NZDL", Chinese: "拟转地类", Aliases: []string{"拟整治后地类", "拟转后地类", "拟转地类编码"}, Width: 60},
	YT:           {Name: "YT", Chinese: "用途", Aliases: []string{"转出用途", "地块用途", "DKYT"}, Width: 60},
	HFFS:         {Name: "HFFS", Chinese: "恢复方式", Aliases: []string{"拟恢复方式"}, Width: 20},
	DeclaredGDLX: {Name: "GDLX", Chinese: "耕地类型", Width: 2},
	SSZT:         {Name: "SSZT", Chinese: "实施主体", Width: 120},
	ZTLX:         {Name: "ZTLX", Chinese: "主体类型", Width: 20},
	PZWH:         {Name: "PZWH", Chinese: "批准文号", Width: 120},
	TGRW:         {Name: "TGRW", Chinese: "退耕任务文号", Aliases: []string{"退耕任务"}, Width: 120},
	BAH:          {Name: "BAH", Chinese: "设施农用地备案号", Aliases: []string{"备案号"}, Width: 120},
	LYYJ:         {Name: "LYYJ", Chinese: "林业审查意见文号", Aliases: []string{"林业意见"}, Width: 120},
	LZHT:         {Name: "LZHT", Chinese: "流转合同号", Aliases: []string{"流转合同"}, Width: 120},
	QLRTY:        {Name: "QLRTY", Chinese: "权利人同意书号", Aliases: []string{"权利人同意书"}, Width: 120},
	TCXY:         {Name: "TCXY", Chinese: "农业设施退出协议号", Aliases: []string{"退出协议", "退出协议号"}, Width: 120},
	SNYJ:         {Name: "SNYJ", Chinese: "水利审批文号", Aliases: []string{"水利意见"}, Width: 120},
	// coordinate TXT of the 进出平衡 dialect knows parcels by their name alone
	DKMC: {Name: "DKMC", Chinese: "地块名称", Width: 60},
	// what the county reads and no clause asks for; a candidate's attributes
	XDM:        {Name: "XDM", Chinese: "小地名", Width: 60},
	XMMC:       {Name: "XMMC", Chinese: "项目名称", Width: 120},
	ZJ:         {Name: "ZJ", Chinese: "资金", Aliases: []string{"资金来源"}, Width: 60},
	KSSJ:       {Name: "KSSJ", Chinese: "开始时间", Aliases: []string{"开工时间"}, Width: 20},
	WCSJ:       {Name: "WCSJ", Chinese: "完成时间", Aliases: []string{"完工时间"}, Width: 20},
	ZZZW:       {Name: "ZZZW", Chinese: "种植作物", Aliases: []string{"拟种植作物"}, Width: 60},
	QLR:        {Name: "QLR", Chinese: "权利人", Aliases: []string{"权利人姓名"}, Width: 120},
	CBHT:       {Name: "CBHT", Chinese: "承包合同或地块编码", Aliases: []string{"承包合同", "承包地块编码"}, Width: 120},
	DYZJ:       {Name: "DYZJ", Chinese: "对应转进编号或指标来源", Aliases: []string{"对应转进编号", "指标来源"}, Width: 120},
	SIZHI:      {Name: "SIZHI", Chinese: "四至", Width: 200},
	DeclaredBZ: {Name: "BZ", Chinese: "备注"},
}

// Kept are the positions in Declaration that have no column of their own in a
// candidate; they are among its attributes, under these names.
var Kept = []int{DeclaredTBBH, SSZT, XDM, XMMC, ZJ, KSSJ, WCSJ, ZZZW, QLR, CBHT, DYZJ, SIZHI, DeclaredBZ}

// Documents are the positions in Declaration whose value is the reference of a
// document; a candidate's documents are keyed by these names.
var Documents = []int{PZWH, TGRW, BAH, LYYJ, LZHT, QLRTY, TCXY, SNYJ}

// Ridge 田坎系数表: one row per 耕地类型 and 坡度级.
var Ridge = Table{
	{Name: "GDLX", Chinese: "耕地类型", Aliases: []string{"类型"}, Width: 2, Mandatory: true},
	{Name: "GDPDJB", Chinese: "耕地坡度级别", Aliases: []string{"坡度级", "坡度级别", "PDJB", "PDJ"}, Width: 2, Mandatory: true},
	{Name: "KCXS", Chinese: "田坎系数", Aliases: []string{"扣除系数", "扣除地类系数", "TKXS", "系数"}, Type: Decimal, Scale: 4, Mandatory: true},
}

// Layer 图层: what every other polygon layer has in common; its code, name and
// level columns come with the request.
var Layer = Table{
	{Name: "BSM", Chinese: "标识码", Aliases: []string{"图斑标识码"}, Width: 18},
}

// Bookkeeping columns that programs add by themselves; they say nothing about
// the feature and differ between formats.
var bookkeeping = map[string]bool{
	"OBJECTID": true, "FID": true, "OGCFID": true, "GID": true, "SHAPE": true, "GEOM": true,
	"SHAPELENG": true, "SHAPELENGTH": true, "SHAPELE1": true, "SHAPEAREA": true, "SHAPEAR1": true,
	"AREAM2": true, // the official area in a download of ours; it is worked out anew
}

// concluded are the columns that a download of declared parcels has from the
// screening and the workflow (OGC API – Features shows them too): they are no part
// of the declaration that is sent in again.
var concluded = []string{"YEAR", "VERDICT", "REASONS", "SCREENING", "USABLEM2", "NETM2", "NETPADDYM2", "SLOPECLASS", "QUALITY", "STATE"}

// Concluded tells whether a declaration's column is one that the program wrote
// beside it; a shapefile cuts the names.
func Concluded(column string) bool {
	n, _ := Normalize(column)
	return slices.ContainsFunc(concluded, func(c string) bool { return n == c || len(n) >= 8 && strings.HasPrefix(c, n) })
}

// Bookkeeping tells whether a column is one that programs add by themselves
// (OBJECTID, SHAPE_Area ...).
func Bookkeeping(column string) bool {
	n, _ := Normalize(column)
	return bookkeeping[n]
}
