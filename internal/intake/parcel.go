package intake

import (
	"gengheng/internal/geodata"
	"gengheng/internal/intake/copyrow"
	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// parcelMaker makes rows of parcel from 地类图斑.
type parcelMaker struct {
	binding fields.Binding
	columns []string
	context survey.Context
}

// parcelColumns follow fields.DLTB, whose names they are in lower case.
var parcelColumns = []string{
	"bsm", "ysdm", "tbybh", "tbbh", "dlbm", "dlmc", "qsxz", "qsdwdm", "qsdwmc", "zldwdm", "zldwmc",
	"tbmj", "kcdlbm", "kcxs", "kcmj", "tbdlmj", "gdlx", "gdpdjb", "xzdwkd", "tbxhdm", "tbxhmc",
	"zzsxdm", "zzsxmc", "gddb", "frdbs", "czcsxm", "sjnf", "mssm", "hdmc", "bz",
}

func (m *parcelMaker) target() (table string, columns []string) { return "parcel", parcelColumns }

func (m *parcelMaker) make(f *geodata.Feature, out *made) {
	r := reader{table: fields.DLTB, binding: &m.binding, columns: m.columns, values: f.Values, issues: &out.issues}
	p := survey.Parcel{
		BSM: r.text(fields.BSM), YSDM: r.text(fields.YSDM), TBYBH: r.text(fields.TBYBH), TBBH: r.text(fields.TBBH),
		DLBM: r.text(fields.DLBM), DLMC: r.text(fields.DLMC), QSXZ: r.text(fields.QSXZ),
		QSDWDM: r.text(fields.QSDWDM), QSDWMC: r.text(fields.QSDWMC), ZLDWDM: r.text(fields.ZLDWDM), ZLDWMC: r.text(fields.ZLDWMC),
		TBMJ: r.number(fields.TBMJ), KCDLBM: r.text(fields.KCDLBM), KCXS: r.number(fields.KCXS),
		KCMJ: r.number(fields.KCMJ), TBDLMJ: r.number(fields.TBDLMJ),
		GDLX: r.text(fields.GDLX), GDPDJB: r.text(fields.GDPDJB), XZDWKD: r.number(fields.XZDWKD),
		TBXHDM: r.text(fields.TBXHDM), TBXHMC: r.text(fields.TBXHMC), ZZSXDM: r.text(fields.ZZSXDM), ZZSXMC: r.text(fields.ZZSXMC),
		GDDB: r.number(fields.GDDB), FRDBS: r.text(fields.FRDBS), CZCSXM: r.text(fields.CZCSXM), SJNF: r.number(fields.SJNF),
		MSSM: r.text(fields.MSSM), HDMC: r.text(fields.HDMC), BZ: r.text(fields.BZ),
		Area: out.area,
	}
	out.bsm, out.label = p.BSM, p.BSM
	if out.geom != nil {
		for _, found := range survey.Check(&p, &m.context) {
			out.issues = append(out.issues, Issue{Severity: found.Severity, Code: found.Rule, Field: found.Field, ZH: found.ZH, EN: found.EN, fatal: found.Fatal})
		}
	}
	out.class, out.net, out.township = p.DLBM, land.Area(p.TBDLMJ.Units), townshipOf(p.ZLDWDM)
	out.content = parcelContent(out.content, &p)
}

// parcelContent appends the columns of parcelColumns.
func parcelContent(row copyrow.Row, p *survey.Parcel) copyrow.Row {
	for _, s := range [...]string{p.BSM, p.YSDM, p.TBYBH, p.TBBH} {
		row = row.TextOrNull(s)
	}
	row = row.Text(p.DLBM)
	for _, s := range [...]string{p.DLMC, p.QSXZ, p.QSDWDM, p.QSDWMC, p.ZLDWDM, p.ZLDWMC} {
		row = row.TextOrNull(s)
	}
	row = numeric(row, p.TBMJ, 2, maxUnits)
	row = row.TextOrNull(p.KCDLBM)
	row = numeric(row, p.KCXS, 4, 999999)
	row = numeric(row, p.KCMJ, 2, maxUnits)
	row = numeric(row, p.TBDLMJ, 2, maxUnits)
	row = row.TextOrNull(p.GDLX).TextOrNull(p.GDPDJB)
	row = numeric(row, p.XZDWKD, 1, 999999)
	for _, s := range [...]string{p.TBXHDM, p.TBXHMC, p.ZZSXDM, p.ZZSXMC} {
		row = row.TextOrNull(s)
	}
	row = integer(row, p.GDDB)
	row = row.TextOrNull(p.FRDBS).TextOrNull(p.CZCSXM)
	row = integer(row, p.SJNF)
	return row.TextOrNull(p.MSSM).TextOrNull(p.HDMC).TextOrNull(p.BZ)
}

// numeric appends a number, or NULL where the column cannot hold it; a rule of
// the survey has then found it out of its range.
func numeric(row copyrow.Row, n survey.Number, scale int, limit int64) copyrow.Row {
	if !n.Valid || n.Units > limit || n.Units < -limit {
		return row.Null()
	}
	return row.Numeric(n.Units, scale)
}

func integer(row copyrow.Row, n survey.Number) copyrow.Row {
	if !n.Valid || n.Units != int64(int32(n.Units)) {
		return row.Null()
	}
	return row.Int(int32(n.Units))
}

// townshipOf is the township of a 坐落单位代码, or "".
func townshipOf(zldwdm string) string {
	if len(zldwdm) < 9 {
		return ""
	}
	return zldwdm[:9]
}
