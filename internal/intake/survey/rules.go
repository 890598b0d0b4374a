package survey

import (
	"strconv"

	"gengheng/internal/land"
)

// rules are S01-S14 and S16 of domain reference 2.3 (same numbers) and the
// arithmetic of areas, keys and years that survey software checks beside them.
// S15 (projection) and S17 (slivers excepted: overlaps, gaps) are of the whole
// layer and are found where the layer is read.
var rules = []Rule{
	{"S01a", "DLBM", Error, true, "地类编码必填", func(p *Parcel, _ *Context) (string, string) {
		if p.DLBM != "" {
			return "", ""
		}
		return both("DLBM 为空。请按三调工作分类填写地类编码。", "DLBM is empty; fill in the land class code.")
	}},
	{"S01b", "DLBM", Error, false, "地类编码在码表内", func(p *Parcel, _ *Context) (string, string) {
		if _, ok := land.ClassOf(p.DLBM); ok || p.DLBM == "" {
			return "", ""
		}
		return both("DLBM “%s” 不在三调工作分类中。请改为正确的地类编码（编码为文本，如 0103，前导零不能丢）。",
			"DLBM %q is not a class of the survey; correct it (codes are text such as 0103, with the leading zero).", p.DLBM)
	}},
	{"S01c", "DLMC", Warning, false, "地类名称与编码一致", func(p *Parcel, _ *Context) (string, string) {
		class, ok := land.ClassOf(p.DLBM)
		if !ok || p.DLMC == "" || p.DLMC == class.Name {
			return "", ""
		}
		return both("DLMC “%s” 与 DLBM %s（%s）不一致。请改其一。", "DLMC %q does not match DLBM %s (%s); correct one of them.", p.DLMC, p.DLBM, class.Name)
	}},
	{"S02", "QSXZ", Error, false, "权属性质在码表内", func(p *Parcel, _ *Context) (string, string) {
		if _, ok := land.OwnershipName(p.QSXZ); ok || p.QSXZ == "" {
			return "", ""
		}
		return both("QSXZ “%s” 不在权属性质码表中（10、20、21、30–34、40、41）。", "QSXZ %q is not an ownership code (10, 20, 21, 30-34, 40, 41).", p.QSXZ)
	}},
	{"S03a", "ZLDWDM", Error, false, "坐落单位代码 19 位", func(p *Parcel, _ *Context) (string, string) {
		if digits(p.ZLDWDM, 19) {
			return "", ""
		}
		return both("ZLDWDM “%s” 不是 19 位数字。村级代码 12 位后补 0000000。", "ZLDWDM %q does not have 19 digits; pad a 12-digit village code with zeros.", p.ZLDWDM)
	}},
	{"S03b", "QSDWDM", Error, false, "权属单位代码 19 位", func(p *Parcel, _ *Context) (string, string) {
		if digits(p.QSDWDM, 19) || p.QSDWDM == "" {
			return "", ""
		}
		return both("QSDWDM “%s” 不是 19 位数字。村级代码 12 位后补 0000000。", "QSDWDM %q does not have 19 digits; pad a 12-digit village code with zeros.", p.QSDWDM)
	}},
	{"S03c", "ZLDWDM", Error, false, "坐落单位在本县", func(p *Parcel, c *Context) (string, string) {
		if len(p.ZLDWDM) < 6 || p.ZLDWDM[:6] == c.County || p.FRDBS == "1" {
			return "", ""
		}
		return both("ZLDWDM %s 不属于本县 %s，且不是飞入地（FRDBS=1）。请核对代码或剔除该图斑。",
			"ZLDWDM %s is not in county %s and the parcel is no exclave (FRDBS=1); correct the code or drop the parcel.", p.ZLDWDM, c.County)
	}},
	{"S03d", "ZLDWDM", Error, false, "坐落乡镇在行政区图层中", func(p *Parcel, c *Context) (string, string) {
		if c.Townships == nil || len(p.ZLDWDM) < 9 || p.ZLDWDM[:6] != c.County || c.Townships[p.ZLDWDM[:9]] {
			return "", ""
		}
		return both("ZLDWDM 的乡镇代码 %s 在行政区图层（XZQ）中没有。请核对代码，或更新行政区图层。",
			"township %s of ZLDWDM is not in the XZQ layer; correct the code or update that layer.", p.ZLDWDM[:9])
	}},
	{"S04", "KCDLBM", Error, false, "扣除地类只能是田坎，且只在耕地上", func(p *Parcel, _ *Context) (string, string) {
		switch {
		case p.KCDLBM == "" || p.KCDLBM == "1203" && p.cultivated():
			return "", ""
		case p.KCDLBM != "1203":
			return both("KCDLBM “%s” 应为空或 1203（田坎）。", "KCDLBM %q must be empty or 1203 (field ridge).", p.KCDLBM)
		}
		return both("非耕地图斑（DLBM %s）不应有 KCDLBM。请清空。", "KCDLBM must be empty on DLBM %s, which is not cultivated land.", p.DLBM)
	}},
	{"S05", "KCXS", Error, false, "扣除系数 0 ≤ KCXS < 1，且只在耕地上", func(p *Parcel, _ *Context) (string, string) {
		switch {
		case p.KCXS.Units < 0 || p.KCXS.Units >= 10000:
			return both("KCXS %s 应在 0（含）与 1（不含）之间；系数写成小数，不写百分数。", "KCXS %s must be at least 0 and less than 1, a fraction and not a percentage.", decimal(p.KCXS.Units, 4))
		case p.KCXS.Units != 0 && !p.cultivated():
			return both("非耕地图斑（DLBM %s）的 KCXS 应为 0 或空。", "KCXS must be 0 or empty on DLBM %s, which is not cultivated land.", p.DLBM)
		}
		return "", ""
	}},
	{"S06a", "GDLX", Error, false, "耕地类型只在耕地上", func(p *Parcel, _ *Context) (string, string) {
		if p.GDLX == "" || p.cultivated() {
			return "", ""
		}
		return both("非耕地图斑（DLBM %s）不应有 GDLX “%s”。请清空。", "GDLX must be empty on DLBM %s, which is not cultivated land (it is %q).", p.DLBM, p.GDLX)
	}},
	{"S06b", "GDPDJB", Error, false, "坡度级别只在耕地上", func(p *Parcel, _ *Context) (string, string) {
		if p.GDPDJB == "" || p.cultivated() {
			return "", ""
		}
		return both("非耕地图斑（DLBM %s）不应有 GDPDJB “%s”。请清空。", "GDPDJB must be empty on DLBM %s, which is not cultivated land (it is %q).", p.DLBM, p.GDPDJB)
	}},
	{"S06c", "GDPDJB", Error, false, "耕地必填坡度级别 1–5", func(p *Parcel, _ *Context) (string, string) {
		if _, err := land.ParseSlopeClass(p.GDPDJB); err == nil || !p.cultivated() {
			return "", ""
		}
		return both("耕地图斑的 GDPDJB “%s” 应为 1 至 5。请按坡度图补填。", "GDPDJB %q of cultivated land must be 1 to 5; fill it in from the slope map.", p.GDPDJB)
	}},
	{"S06d", "ZZSXDM", Error, false, "耕地必填种植属性", func(p *Parcel, _ *Context) (string, string) {
		if p.ZZSXDM != "" || !p.cultivated() {
			return "", ""
		}
		return both("耕地图斑的 ZZSXDM 为空。请填 LS、FLS、LYFL、LLJZ、XG 或 WG。", "ZZSXDM of cultivated land is empty; fill in LS, FLS, LYFL, LLJZ, XG or WG.")
	}},
	{"S07a", "GDLX", Error, false, "2 级以上坡耕地必填耕地类型", func(p *Parcel, _ *Context) (string, string) {
		if _, ok := land.SlopeTypeName(p.GDLX); ok || !p.steep() {
			return "", ""
		}
		return both("GDPDJB 为 %s 的耕地，GDLX “%s” 应为 TT（梯田）或 PD（坡地）。", "cultivated land of slope class %s needs GDLX TT (terrace) or PD (slope), not %q.", p.GDPDJB, p.GDLX)
	}},
	{"S07b", "KCXS", Error, false, "2 级以上坡耕地必填扣除系数", func(p *Parcel, _ *Context) (string, string) {
		if !p.steep() || p.KCXS.Valid && p.KCXS.Units != 0 {
			return "", ""
		}
		return both("GDPDJB 为 %s 的耕地没有 KCXS。请按县田坎系数表补填。", "cultivated land of slope class %s has no KCXS; fill it in from the county's table.", p.GDPDJB)
	}},
	{"S07c", "GDLX", Warning, false, "平地耕地不填耕地类型", func(p *Parcel, _ *Context) (string, string) {
		if p.GDLX == "" || p.GDPDJB != "1" || !p.cultivated() {
			return "", ""
		}
		return both("GDPDJB 为 1 的耕地不应有 GDLX “%s”。请清空或核对坡度级。", "cultivated land of slope class 1 must not have GDLX %q; clear it or check the class.", p.GDLX)
	}},
	{"S08", "XZDWKD", Error, false, "线状地物宽度只在线状地类上", func(p *Parcel, _ *Context) (string, string) {
		class, ok := land.ClassOf(p.DLBM)
		if p.XZDWKD.Units == 0 || !ok || class.Linear {
			return "", ""
		}
		return both("DLBM %s 不是线状地类，XZDWKD 应为 0 或空。", "DLBM %s is not a linear class; XZDWKD must be 0 or empty.", p.DLBM)
	}},
	{"S09a", "TBXHDM", Error, false, "细化代码在码表内且与地类相配", func(p *Parcel, _ *Context) (string, string) {
		if p.TBXHDM == "" || land.RefinementAllowed(p.TBXHDM, p.DLBM) {
			return "", ""
		}
		if _, known := land.RefinementName(p.TBXHDM); !known {
			return both("TBXHDM “%s” 不在图斑细化码表中。", "TBXHDM %q is not a refinement code.", p.TBXHDM)
		}
		return both("TBXHDM %s 不能用于 DLBM %s。请清空或改正。", "TBXHDM %s is not allowed on DLBM %s; clear or correct it.", p.TBXHDM, p.DLBM)
	}},
	{"S09b", "TBXHMC", Warning, false, "细化名称与代码一致", func(p *Parcel, _ *Context) (string, string) {
		return pair("TBXHMC", p.TBXHMC, "TBXHDM", p.TBXHDM, land.RefinementName)
	}},
	{"S09c", "ZZSXDM", Error, false, "种植属性代码在码表内且与地类相配", func(p *Parcel, _ *Context) (string, string) {
		recover := p.ZZSXDM == land.RecoverAtOnce || p.ZZSXDM == land.RecoverByEngineering
		if p.ZZSXDM == "" || recover || land.PlantingAllowed(p.ZZSXDM, p.DLBM) {
			return "", ""
		}
		if _, known := land.PlantingName(p.ZZSXDM); !known {
			return both("ZZSXDM “%s” 不在种植属性码表中。", "ZZSXDM %q is not a planting code.", p.ZZSXDM)
		}
		return both("ZZSXDM %s 不能用于 DLBM %s。请清空或改正。", "ZZSXDM %s is not allowed on DLBM %s; clear or correct it.", p.ZZSXDM, p.DLBM)
	}},
	{"S09d", "ZZSXMC", Warning, false, "种植属性名称与代码一致", func(p *Parcel, _ *Context) (string, string) {
		return pair("ZZSXMC", p.ZZSXMC, "ZZSXDM", p.ZZSXDM, land.PlantingName)
	}},
	{"S10", "ZZSXDM", Error, false, "恢复属性只在可恢复地类上", func(p *Parcel, _ *Context) (string, string) {
		recover := p.ZZSXDM == land.RecoverAtOnce || p.ZZSXDM == land.RecoverByEngineering
		if !recover || land.PlantingAllowed(p.ZZSXDM, p.DLBM) {
			return "", ""
		}
		return both("ZZSXDM %s 只能用于可恢复的园地、林地、草地和坑塘，不能用于 DLBM %s。", "ZZSXDM %s belongs to recoverable orchards, woods, grass and ponds, not to DLBM %s.", p.ZZSXDM, p.DLBM)
	}},
	{"S11", "ZZSXDM", Error, false, "不稳定耕地的种植属性", func(p *Parcel, _ *Context) (string, string) {
		if !land.IsUnstableRefinement(p.TBXHDM) || p.ZZSXDM == "LS" || p.ZZSXDM == "FLS" || p.ZZSXDM == "LYFL" {
			return "", ""
		}
		return both("TBXHDM %s 的耕地，ZZSXDM “%s” 应为 LS、FLS 或 LYFL。", "with TBXHDM %s, ZZSXDM %q must be LS, FLS or LYFL.", p.TBXHDM, p.ZZSXDM)
	}},
	{"S12", "ZZSXDM", Error, false, "林区园地不填种植属性", func(p *Parcel, _ *Context) (string, string) {
		if p.TBXHDM != "LQYD" || p.ZZSXDM == "" {
			return "", ""
		}
		return both("TBXHDM 为 LQYD 的园地，ZZSXDM “%s” 应为空。", "with TBXHDM LQYD, ZZSXDM must be empty, not %q.", p.ZZSXDM)
	}},
	{"S13", "TBXHDM", Error, false, "林地不细化", func(p *Parcel, _ *Context) (string, string) {
		if _, known := land.RefinementName(p.TBXHDM); !known || !p.under("03") {
			return "", ""
		}
		return both("林地图斑（DLBM %s）的 TBXHDM 应为空。", "TBXHDM must be empty on woodland (DLBM %s).", p.DLBM)
	}},
	{"S14", "ZZSXDM", Notice, false, "其他草地的种植属性", func(p *Parcel, _ *Context) (string, string) {
		if p.DLBM != "0404" || p.ZZSXDM != land.RecoverAtOnce {
			return "", ""
		}
		return both("其他草地（0404）标注为即可恢复 JKHF；较早的质检规则只接受 GCHF，请确认所用规程版本。",
			"0404 is marked JKHF; earlier checking rules accept only GCHF there: confirm which edition applies.")
	}},
	{"S16a", "CZCSXM", Error, false, "城镇村属性码在码表内", func(p *Parcel, _ *Context) (string, string) {
		if _, ok := land.BuiltUpName(p.CZCSXM); ok || p.CZCSXM == "" {
			return "", ""
		}
		return both("CZCSXM “%s” 不在码表中（201–205，可带 A）。", "CZCSXM %q is not a built-up code (201-205, some with A).", p.CZCSXM)
	}},
	{"S17a", "", Warning, false, "没有碎片多边形", func(p *Parcel, _ *Context) (string, string) {
		if p.Area >= sliver {
			return "", ""
		}
		return both("碎片多边形：面积 %s m²，小于 10 m²。请并入相邻图斑。", "sliver of %s m², under 10 m²; merge it into a neighbour.", p.Area)
	}},
	{"S18a", "TBMJ", Error, false, "图斑面积必填且大于 0", func(p *Parcel, _ *Context) (string, string) {
		if p.TBMJ.Valid && p.TBMJ.Units > 0 {
			return "", ""
		}
		return both("TBMJ 为空或不大于 0。请填椭球面积（平方米）。", "TBMJ is empty or not positive; fill in the ellipsoidal area in m².")
	}},
	{"S18b", "TBMJ", Warning, false, "图斑面积与椭球面积相符", areaOff},
	{"S19a", "KCMJ", Error, false, "KCMJ = round(TBMJ×KCXS, 2)", func(p *Parcel, _ *Context) (string, string) {
		want := KCMJOf(p.TBMJ.Units, p.KCXS.Units)
		if !p.TBMJ.Valid || p.KCXS.Units < 0 || p.KCXS.Units >= 10000 || p.KCMJ.Units == want {
			return "", ""
		}
		return both("KCMJ %s 应等于 TBMJ %s × KCXS %s = %s。", "KCMJ %s must be TBMJ %s × KCXS %s = %s.",
			land.Area(p.KCMJ.Units), land.Area(p.TBMJ.Units), decimal(p.KCXS.Units, 4), land.Area(want))
	}},
	{"S19b", "TBDLMJ", Error, false, "TBDLMJ = TBMJ − KCMJ", func(p *Parcel, _ *Context) (string, string) {
		want := p.TBMJ.Units - p.KCMJ.Units
		if !p.TBMJ.Valid || p.TBDLMJ.Valid && p.TBDLMJ.Units == want {
			return "", ""
		}
		return both("TBDLMJ %s 应等于 TBMJ %s − KCMJ %s = %s。", "TBDLMJ %s must be TBMJ %s − KCMJ %s = %s.",
			land.Area(p.TBDLMJ.Units), land.Area(p.TBMJ.Units), land.Area(p.KCMJ.Units), land.Area(want))
	}},
	{"S20a", "BSM", Error, false, "标识码必填", func(p *Parcel, _ *Context) (string, string) {
		if p.BSM != "" {
			return "", ""
		}
		return both("BSM 为空。请补填 18 位标识码。", "BSM is empty; fill in the 18-digit key.")
	}},
	{"S20b", "BSM", Warning, false, "标识码 18 位且以县代码开头", func(p *Parcel, c *Context) (string, string) {
		if p.BSM == "" || digits(p.BSM, 18) && p.BSM[:6] == c.County {
			return "", ""
		}
		return both("BSM “%s” 应为 18 位数字并以 %s 开头。", "BSM %q must have 18 digits and begin with %s.", p.BSM, c.County)
	}},
	{"S21", "GDDB", Warning, false, "耕地等别 1–15", func(p *Parcel, _ *Context) (string, string) {
		if !p.GDDB.Valid || p.GDDB.Units == 0 && !p.cultivated() || p.GDDB.Units >= 1 && p.GDDB.Units <= 15 {
			return "", ""
		}
		return both("GDDB %d 应为 1 至 15。", "GDDB %d must be 1 to 15.", p.GDDB.Units)
	}},
	{"S22", "SJNF", Notice, false, "数据年份与数据集年度相符", func(p *Parcel, c *Context) (string, string) {
		// a survey of the end of one year is the base of the next year's plan
		if !p.SJNF.Valid || c.Year == 0 || p.SJNF.Units == int64(c.Year) || p.SJNF.Units == int64(c.Year)-1 {
			return "", ""
		}
		return both("SJNF %d 与数据集年度 %d 相差不止一年。请确认是否用了旧数据。", "SJNF %d is more than a year from the data set's year %d; is this old data?", p.SJNF.Units, c.Year)
	}},
	{"S23", "FRDBS", Warning, false, "飞入地标识为 0 或 1", func(p *Parcel, _ *Context) (string, string) {
		if p.FRDBS == "" || p.FRDBS == "0" || p.FRDBS == "1" {
			return "", ""
		}
		return both("FRDBS “%s” 应为 0 或 1。", "FRDBS %q must be 0 or 1.", p.FRDBS)
	}},
}

// sliver 碎片多边形: under 10 m² (domain reference 1.4).
const sliver = 10 * land.SquareMetre

// The tolerance between TBMJ and the area of the geometry. TBMJ is adjusted to
// the control area of its township (平差), which moves it by some 0.01 m²;
// plane areas (9e-5 too big at 60 km from the central meridian) must be seen.
const (
	areaTolerance         = 5 // 0.05 m²
	areaToleranceRelative = 2e-5
)

func areaOff(p *Parcel, _ *Context) (string, string) {
	off := land.Area(p.TBMJ.Units) - p.Area
	limit := max(areaTolerance, int64(float64(p.Area)*areaToleranceRelative))
	if !p.TBMJ.Valid || p.TBMJ.Units <= 0 || off <= land.Area(limit) && -off <= land.Area(limit) {
		return "", ""
	}
	return both("TBMJ %s m² 与图形的椭球面积 %s m² 相差 %s m²，超出容差 %s m²。请核对图形，或按椭球面积重算（平面面积和别的单位都不行）。",
		"TBMJ %s m² differs from the ellipsoidal area %s m² of the geometry by %s m², over the tolerance of %s m²; check the geometry or recompute it (neither plane area nor another unit will do).",
		land.Area(p.TBMJ.Units), p.Area, off, land.Area(limit))
}

// steep: cultivated land of slope class 2 to 5, from which ridges are deducted.
func (p *Parcel) steep() bool {
	return p.cultivated() && len(p.GDPDJB) == 1 && p.GDPDJB >= "2" && p.GDPDJB <= "5"
}

// pair: a name stands with its code and says the same.
func pair(nameField, name, codeField, code string, nameOf func(string) (string, bool)) (string, string) {
	want, known := nameOf(code)
	if name == "" || known && name == want || code != "" && !known {
		return "", ""
	}
	if code == "" {
		return both("有 %s “%s” 而没有 %s。请补代码或清空名称。", "%s is %q without %s; add the code or clear the name.", nameField, name, codeField)
	}
	return both("%s “%s” 与 %s %s（%s）不一致。", "%s %q does not match %s %s (%s).", nameField, name, codeField, code, want)
}

func decimal(units int64, places int) string {
	scale := int64(1)
	for range places {
		scale *= 10
	}
	return strconv.FormatFloat(float64(units)/float64(scale), 'f', places, 64)
}
