package land

import (
	"slices"
	"strings"
)

// Group is one of the three great groups of land (三大类).
type Group string

const (
	Agricultural Group = "农用地"
	Construction Group = "建设用地"
	Unused       Group = "未利用地"
)

// Class is a land class (地类) of the third survey's working classification
// (三调工作分类), with its role in the in/out balance (进出平衡).
type Class struct {
	Code string // DLBM
	Name string // DLMC

	// Level1 and Level1Name are the first-level class (一级类). Wetland classes
	// (湿地, "00") have numbers of the class they came from.
	Level1, Level1Name string

	Group Group // 三大类

	// Base is the code without the mark K (可调整); it differs from Code only on
	// adjustable classes: land the second survey counted as cultivated.
	Base       string
	Adjustable bool

	Cultivated bool // 耕地 0101-0103
	Wetland    bool // 湿地
	Water      bool // 水域: rivers, lakes, reservoirs, ponds, ditches, ice
	Facility   bool // 农业设施建设用地: 1006, 1202

	// InSource: may become cultivated land (转进来源). InSourceByRule marks the
	// classes whose legality the rulebook must decide: 0401 (pasture), 0404
	// (unused land in GB/T 21010), 1103. Those are not InSource.
	InSource, InSourceByRule bool

	// OutTarget: cultivated land may become this (转出去向).
	OutTarget bool

	// Linear: XZDWKD, the width of a line-shaped parcel, may be filled.
	Linear bool
}

const (
	roleSource = 1 << iota
	roleByRule
	roleTarget
	roleWetland
	roleWater
	roleFacility
	roleLinear
	roleBoth = roleSource | roleTarget
)

// classRows is 三调工作分类 (TD/T 1055-2019) with the 三大类 of GB/T 21010-2017,
// whose annex counts 0404 as unused; other tables call it agricultural.
var classRows = []struct {
	code, name string
	group      Group
	roles      int
}{
	{"0101", "水田", Agricultural, 0},
	{"0102", "水浇地", Agricultural, 0},
	{"0103", "旱地", Agricultural, 0},
	{"0201", "果园", Agricultural, roleBoth},
	{"0201K", "可调整果园", Agricultural, roleBoth},
	{"0202", "茶园", Agricultural, roleBoth},
	{"0202K", "可调整茶园", Agricultural, roleBoth},
	{"0203", "橡胶园", Agricultural, roleBoth},
	{"0203K", "可调整橡胶园", Agricultural, roleBoth},
	{"0204", "其他园地", Agricultural, roleBoth},
	{"0204K", "可调整其他园地", Agricultural, roleBoth},
	{"0301", "乔木林地", Agricultural, roleBoth},
	{"0301K", "可调整乔木林地", Agricultural, roleBoth},
	{"0302", "竹林地", Agricultural, roleBoth},
	{"0302K", "可调整竹林地", Agricultural, roleBoth},
	{"0303", "红树林地", Agricultural, roleWetland},
	{"0304", "森林沼泽", Agricultural, roleWetland},
	{"0305", "灌木林地", Agricultural, roleBoth},
	{"0306", "灌丛沼泽", Agricultural, roleWetland},
	{"0307", "其他林地", Agricultural, roleBoth},
	{"0307K", "可调整其他林地", Agricultural, roleBoth},
	{"0401", "天然牧草地", Agricultural, roleByRule},
	{"0402", "沼泽草地", Agricultural, roleWetland},
	{"0403", "人工牧草地", Agricultural, roleBoth},
	{"0403K", "可调整人工牧草地", Agricultural, roleBoth},
	{"0404", "其他草地", Unused, roleByRule | roleTarget},
	{"0508", "物流仓储用地", Construction, 0},
	{"05H1", "商业服务业设施用地", Construction, 0},
	{"0601", "工业用地", Construction, 0},
	{"0602", "采矿用地", Construction, 0},
	{"0603", "盐田", Construction, roleWetland},
	{"0701", "城镇住宅用地", Construction, 0},
	{"0702", "农村宅基地", Construction, 0},
	{"0809", "公用设施用地", Construction, 0},
	{"0810", "公园与绿地", Construction, 0},
	{"0810A", "广场用地", Construction, 0},
	{"08H1", "机关团体新闻出版用地", Construction, 0},
	{"08H2", "科教文卫用地", Construction, 0},
	{"08H2A", "高教用地", Construction, 0},
	{"09", "特殊用地", Construction, 0},
	{"1001", "铁路用地", Construction, roleLinear},
	{"1002", "轨道交通用地", Construction, roleLinear},
	{"1003", "公路用地", Construction, roleLinear},
	{"1004", "城镇村道路用地", Construction, roleLinear},
	{"1005", "交通服务场站用地", Construction, 0},
	{"1006", "农村道路", Agricultural, roleBoth | roleFacility | roleLinear},
	{"1007", "机场用地", Construction, 0},
	{"1008", "港口码头用地", Construction, 0},
	{"1009", "管道运输用地", Construction, roleLinear},
	{"1101", "河流水面", Unused, roleWater | roleLinear},
	{"1102", "湖泊水面", Unused, roleWater},
	{"1103", "水库水面", Agricultural, roleWater | roleByRule},
	{"1104", "坑塘水面", Agricultural, roleWater | roleBoth},
	{"1104A", "养殖坑塘", Agricultural, roleWater | roleBoth},
	{"1104K", "可调整养殖坑塘", Agricultural, roleWater | roleBoth},
	{"1105", "沿海滩涂", Unused, roleWetland},
	{"1106", "内陆滩涂", Unused, roleWetland},
	{"1107", "沟渠", Agricultural, roleWater | roleBoth | roleLinear},
	{"1107A", "干渠", Agricultural, roleWater | roleLinear},
	{"1108", "沼泽地", Unused, roleWetland},
	{"1109", "水工建筑用地", Construction, 0},
	{"1110", "冰川及永久积雪", Unused, roleWater},
	{"1201", "空闲地", Construction, 0},
	{"1202", "设施农用地", Agricultural, roleBoth | roleFacility},
	{"1203", "田坎", Agricultural, 0},
	{"1204", "盐碱地", Unused, 0},
	{"1205", "沙地", Unused, 0},
	{"1206", "裸土地", Unused, 0},
	{"1207", "裸岩石砾地", Unused, 0},
}

var level1Names = map[string]string{
	"00": "湿地", "01": "耕地", "02": "种植园用地", "03": "林地", "04": "草地",
	"05": "商业服务业用地", "06": "工矿用地", "07": "住宅用地", "08": "公共管理与公共服务用地",
	"09": "特殊用地", "10": "交通运输用地", "11": "水域及水利设施用地", "12": "其他土地",
}

var classes, classByCode = buildClasses()

func buildClasses() ([]Class, map[string]int) {
	list := make([]Class, 0, len(classRows))
	index := make(map[string]int, len(classRows))
	for i, row := range classRows {
		has := func(role int) bool { return row.roles&role != 0 }
		level1 := row.code[:2]
		if has(roleWetland) {
			level1 = "00"
		}
		base, adjustable := strings.CutSuffix(row.code, "K")
		list = append(list, Class{
			Code: row.code, Name: row.name,
			Level1: level1, Level1Name: level1Names[level1],
			Group: row.group, Base: base, Adjustable: adjustable,
			Cultivated: level1 == "01", Wetland: has(roleWetland), Water: has(roleWater),
			Facility: has(roleFacility), InSource: has(roleSource), InSourceByRule: has(roleByRule),
			OutTarget: has(roleTarget), Linear: has(roleLinear),
		})
		index[row.code] = i
	}
	return list, index
}

// ClassOf gives the land class of a DLBM.
func ClassOf(code string) (Class, bool) {
	i, ok := classByCode[code]
	if !ok {
		return Class{}, false
	}
	return classes[i], true
}

// Classes lists every class in order of its code.
func Classes() []Class { return slices.Clone(classes) }

// IsCultivated tells whether a DLBM is cultivated land (耕地).
func IsCultivated(dlbm string) bool {
	c, ok := ClassOf(dlbm)
	return ok && c.Cultivated
}

// IsPaddy tells whether a DLBM is paddy (水田), which is balanced by itself.
func IsPaddy(dlbm string) bool { return dlbm == "0101" }
