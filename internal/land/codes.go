package land

import (
	"slices"
	"strings"
)

// Code is one row of a code table.
type Code struct{ Code, Name string }

// attribute is a code of a parcel and the land classes that may carry it:
// prefixes of DLBM.
type attribute struct {
	Code
	on       []string
	unstable bool
}

var cultivatedOnly = []string{"01"}

// refinements is TBXHDM (图斑细化), domain table 2.2.
var refinements = []attribute{
	{Code{"BLGY", "玻璃工业用地"}, []string{"0601"}, false},
	{Code{"DLGY", "电解铝工业用地"}, []string{"0601"}, false},
	{Code{"FQ", "废弃"}, []string{"0602", "1001", "1003"}, false},
	{Code{"GCCD", "灌丛草地"}, []string{"04"}, false},
	{Code{"GTGY", "钢铁工业用地"}, []string{"0601"}, false},
	{Code{"HDGD", "河道耕地"}, cultivatedOnly, true},
	{Code{"HDGY", "火电工业用地"}, []string{"0601"}, false},
	{Code{"HQGD", "湖区耕地"}, cultivatedOnly, true},
	{Code{"LJTM", "垃圾填埋"}, []string{"0809"}, false},
	{Code{"LQGD", "林区耕地"}, cultivatedOnly, true},
	{Code{"LQYD", "林区园地"}, []string{"02"}, false},
	{Code{"MQGD", "牧区耕地"}, cultivatedOnly, true},
	{Code{"MTGY", "煤炭工业用地"}, []string{"0601"}, false},
	{Code{"SHGD", "沙荒耕地"}, cultivatedOnly, true},
	{Code{"SMGD", "石漠化耕地"}, cultivatedOnly, true},
	{Code{"SNGY", "水泥工业用地"}, []string{"0601"}, false},
	{Code{"YJGD", "盐碱耕地"}, cultivatedOnly, true},
}

// recoverable is where 即可恢复 and 工程恢复 may stand. 0403K is on the list,
// although an older checker also wants it empty there.
var recoverable = []string{
	"0201", "0202", "0203", "0204", "0301", "0302", "0305", "0307", "0403K", "0404", "1104",
}

// plantings is ZZSXDM (种植属性), domain table 2.2.
var plantings = []attribute{
	{Code{"FLS", "种植非粮食作物"}, cultivatedOnly, false},
	{Code{"GCHF", "工程恢复"}, recoverable, false},
	{Code{"JKHF", "即可恢复"}, recoverable, false},
	{Code{"LLJZ", "林粮间作"}, cultivatedOnly, false},
	{Code{"LS", "种植粮食作物"}, cultivatedOnly, false},
	{Code{"LYFL", "粮与非粮轮作"}, cultivatedOnly, false},
	{Code{"WG", "未耕种"}, cultivatedOnly, false},
	{Code{"XG", "休耕"}, cultivatedOnly, false},
}

// The values of ZZSXDM that say how land can be made cultivated again.
const (
	RecoverAtOnce        = "JKHF" // 即可恢复
	RecoverByEngineering = "GCHF" // 工程恢复
)

var builtUp = []Code{
	{"201", "城市"}, {"201A", "城市独立工业用地"},
	{"202", "建制镇"}, {"202A", "建制镇独立工业用地"},
	{"203", "村庄"}, {"203A", "村庄独立工业用地"},
	{"204", "盐田及采矿用地"}, {"205", "特殊用地"},
}

// Kinds of sloping cultivated land (GDLX).
const (
	Terraced = "TT" // 梯田
	Sloping  = "PD" // 坡地
)

var slopeTypes = []Code{{Sloping, "坡地"}, {Terraced, "梯田"}}

var ownerships = []Code{
	{"10", "国有土地所有权"}, {"20", "国有土地使用权"}, {"21", "国有无居民海岛使用权"},
	{"30", "集体土地所有权"}, {"31", "村民小组"}, {"32", "村集体经济组织"},
	{"33", "乡集体经济组织"}, {"34", "其他农民集体经济组织"},
	{"40", "集体土地使用权"}, {"41", "集体无居民海岛使用权"},
}

// Refinements lists TBXHDM (图斑细化代码); Plantings ZZSXDM (种植属性代码);
// BuiltUpCodes CZCSXM (城镇村属性码); SlopeTypes GDLX (耕地类型); Ownerships QSXZ
// (权属性质). Each list is in order of its codes.
func Refinements() []Code  { return codesOf(refinements) }
func Plantings() []Code    { return codesOf(plantings) }
func BuiltUpCodes() []Code { return slices.Clone(builtUp) }
func SlopeTypes() []Code   { return slices.Clone(slopeTypes) }
func Ownerships() []Code   { return slices.Clone(ownerships) }

// RefinementName gives the name of a TBXHDM, and so on; ok is false for a code
// that is not in the table.
func RefinementName(code string) (name string, ok bool) { return attributeName(refinements, code) }
func PlantingName(code string) (name string, ok bool)   { return attributeName(plantings, code) }
func BuiltUpName(code string) (name string, ok bool)    { return codeName(builtUp, code) }
func SlopeTypeName(code string) (name string, ok bool)  { return codeName(slopeTypes, code) }
func OwnershipName(code string) (name string, ok bool)  { return codeName(ownerships, code) }

// RefinementAllowed tells whether a parcel of class dlbm may carry a TBXHDM.
func RefinementAllowed(code, dlbm string) bool { return allowedOn(refinements, code, dlbm) }

// PlantingAllowed tells whether a parcel of class dlbm may carry a ZZSXDM.
func PlantingAllowed(code, dlbm string) bool { return allowedOn(plantings, code, dlbm) }

// IsUnstableRefinement tells whether a TBXHDM is one of the seven kinds of
// cultivated land in riverbeds, lakes, woods, pastures, sand, stone or salt.
func IsUnstableRefinement(tbxhdm string) bool {
	a, ok := find(refinements, tbxhdm)
	return ok && a.unstable
}

// IsUnstable tells whether cultivated land is 不稳定利用耕地: steeper than 25°
// (slope class 5) or with one of the unstable refinements.
func IsUnstable(slope SlopeClass, tbxhdm string) bool {
	return slope == 5 || IsUnstableRefinement(tbxhdm)
}

func find(table []attribute, code string) (attribute, bool) {
	i := slices.IndexFunc(table, func(a attribute) bool { return a.Code.Code == code })
	if i < 0 {
		return attribute{}, false
	}
	return table[i], true
}

func allowedOn(table []attribute, code, dlbm string) bool {
	c, known := ClassOf(dlbm)
	a, ok := find(table, code)
	if !known || !ok || c.Wetland {
		return false
	}
	return slices.ContainsFunc(a.on, func(prefix string) bool { return strings.HasPrefix(dlbm, prefix) })
}

func attributeName(table []attribute, code string) (string, bool) {
	a, ok := find(table, code)
	return a.Name, ok
}

func codeName(table []Code, code string) (string, bool) {
	for _, c := range table {
		if c.Code == code {
			return c.Name, true
		}
	}
	return "", false
}

func codesOf(table []attribute) []Code {
	list := make([]Code, len(table))
	for i, a := range table {
		list[i] = a.Code
	}
	return list
}

// CodesOf lists what may stand in a field of the survey or of a declaration, by
// the field's standard name: the code table (代码表) of TD/T 1057-2020 that it takes its
// values from. Nil where the field has none.
func CodesOf(field string) []Code {
	switch field {
	case "DLBM", "NZDL":
		var out []Code
		for _, c := range Classes() {
			out = append(out, Code{c.Code, c.Name})
		}
		return out
	case "QSXZ":
		return Ownerships()
	case "GDLX":
		return SlopeTypes()
	case "HFFS":
		return []Code{{RecoverAtOnce, "即可恢复"}, {RecoverByEngineering, "工程恢复"}}
	case "TBXHDM":
		return Refinements()
	case "ZZSXDM":
		return Plantings()
	case "CZCSXM":
		return BuiltUpCodes()
	}
	return nil
}
