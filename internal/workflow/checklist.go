package workflow

import (
	"slices"

	"gengheng/internal/access"
)

// InspectionKind is who inspects.
type InspectionKind string

const (
	NoInspection       InspectionKind = ""
	TownshipInspection InspectionKind = "township" // 乡镇初验
	CountyInspection   InspectionKind = "county"   // 县级验收
)

// Township is the department of the township's own signature (初验).
const Township access.Role = "township"

// CheckItem is one line of a checklist.
type CheckItem struct {
	Item string `json:"item"`
	ZH   string `json:"zh"`
	EN   string `json:"en"`
}

// checklists are what each department looks at in the field (验收表).
var checklists = map[access.Role][]CheckItem{
	Township: {
		{"finished", "按方案完工", "finished as planned"},
		{"plough_layer", "耕作层具备，石砾已清", "there is a plough layer and few stones"},
		{"planted", "已种植，长势正常", "planted and growing"},
		{"upkeep", "管护责任已落实", "upkeep is agreed"},
	},
	access.Bureau: {
		{"boundary", "量测边界与实地一致", "the measured boundary is that on the ground"},
		{"class", "实地地类为耕地", "the land is cultivated"},
		{"papers", "竣工图、面积量算表齐全", "drawings and the table of areas are complete"},
	},
	access.Agriculture: {
		{"plough_layer", "耕作层厚度、石砾含量符合耕种要求", "plough layer and stones allow tilling"},
		{"planted", "已种植，长势良好", "planted and growing well"},
	},
	access.Forestry:    {{"no_forest", "不涉及林地、公益林、退耕还林", "no forest land is touched"}},
	access.Water:       {{"drainage", "灌排设施满足耕种", "irrigation and drainage suffice"}, {"no_river", "不在河湖管理范围内", "it is in no river's or lake's bounds"}},
	access.Environment: {{"no_pollution", "无土壤污染风险", "there is no risk of soil pollution"}},
}

// Checklist is what a department, or Township, has to answer.
func Checklist(department access.Role) []CheckItem { return slices.Clone(checklists[department]) }

// signs is the department that a role signs an inspection for; "" where it signs
// none.
func signs(kind InspectionKind, r access.Role) access.Role {
	if kind == TownshipInspection {
		if r == access.TownshipLead {
			return Township
		}
		return ""
	}
	return Department(r)
}
