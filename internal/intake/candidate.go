package intake

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// candidateMaker makes rows of candidate from declared parcels (申报地块).
type candidateMaker struct {
	direction string
	req       *Request
	townships *townships
	binding   fields.Binding
	columns   []string
	// areas are the columns of the declared area
	areas []areaColumn
	// others are the columns that no field of the declaration stands for
	others []attribute
	// workbook is the 申报表 by number; nil if there is none
	workbook map[string]*declaration
	// sheet is the 申报表 that the rows are read from; nil where they come from a
	// file with boundaries
	sheet *declarationTable
}

var candidateColumns = []string{
	"direction", "number", "township_code", "township_name", "village", "base_bsm", "base_dlbm",
	"target_dlbm", "purpose", "method", "gdlx", "actor", "declared_m2", "documents", "attrs",
}

// declaration is what one row declares, by position in fields.Declaration.
type declaration struct {
	row    int64
	text   []string
	area   survey.Number
	issues []Issue
}

func (m *candidateMaker) target() (table string, columns []string) {
	return "candidate", candidateColumns
}

func newCandidateMaker(l *load, columns []string, binding fields.Binding, areas []areaColumn) *candidateMaker {
	m := &candidateMaker{direction: "in", req: &l.req, townships: &l.county.townships, binding: binding, columns: columns, areas: areas}
	if l.req.Kind == CandidateOut {
		m.direction = "out"
	}
	taken := slices.Clone(binding.Column)
	for _, a := range areas {
		taken = append(taken, a.column)
	}
	m.others = slices.DeleteFunc(otherColumns(columns, taken), func(a attribute) bool { return fields.Concluded(a.key) })
	return m
}

// declare reads one row by the declaration's fields.
func declare(row int64, binding *fields.Binding, columns []string, values []any, areas []areaColumn) *declaration {
	d := &declaration{row: row, text: make([]string, len(fields.Declaration))}
	r := reader{table: fields.Declaration, binding: binding, columns: columns, values: values, issues: &d.issues}
	for i, f := range fields.Declaration {
		if f.Type == fields.Text {
			d.text[i] = r.text(i)
		}
	}
	for _, i := range []int{fields.DeclaredBSM, fields.DeclaredTBBH} {
		if powerOfTen.MatchString(d.text[i]) {
			d.issues = append(d.issues, lostDigits(i, d.text[i]))
		}
	}
	d.area = r.declaredArea(areas)
	if d.text[fields.SBBH] == "" {
		d.text[fields.SBBH] = d.text[fields.DKMC]
	}
	if yt := d.text[fields.YT]; yt == "转进" || yt == "转出" {
		d.text[fields.YT] = "" // the 进出平衡 TXT writes the direction there
	}
	return d
}

// powerOfTen is how a spreadsheet keeps a long code that was typed as a number:
// it has dropped the last digits.
var powerOfTen = regexp.MustCompile(`^[0-9](\.[0-9]+)?[eE]\+?[0-9]+$`)

func lostDigits(field int, text string) Issue {
	f := fields.Declaration[field]
	issue := errorOf(IssueCode)
	issue.Field = f.Name
	issue.ZH = fmt.Sprintf("%s “%s” 被电子表格存成了数字，末几位已经丢失。请把该列的单元格格式设为“文本”后重新填写。", f.Chinese, text)
	issue.EN = fmt.Sprintf("%s %q was kept as a number by the spreadsheet, which dropped its last digits; make the cells text and fill them in again.", f.Name, text)
	return issue
}

// bindDeclaration finds the columns of a declaration. A number must be there,
// or a name to take for it.
func bindDeclaration(columns []string) (fields.Binding, []areaColumn, *Problem) {
	binding := fields.Declaration.Bind(columns)
	if binding.Column[fields.SBBH] < 0 && binding.Column[fields.DKMC] < 0 {
		return binding, nil, missingFields(fields.Declaration[fields.SBBH:fields.SBBH+1], columns)
	}
	areas, problem := areaColumns(&binding, columns)
	return binding, areas, problem
}

func (m *candidateMaker) make(f *geodata.Feature, out *made) {
	d := declare(f.Row, &m.binding, m.columns, f.Values, m.areas)
	out.issues = append(out.issues, d.issues...)
	number := d.text[fields.SBBH]
	out.number, out.label = number, number
	if m.sheet != nil {
		out.issues = append(out.issues, m.sheet.formulaIssues(d)...)
	}
	if number == "" && (m.sheet == nil || m.sheet.formulaIn(f.Row, fields.SBBH) == "") {
		issue := errorOf(IssueNumberMissing)
		issue.Field = "SBBH"
		out.say(issue, "申报编号（SBBH）为空。请给每个地块编号，且在本次申报中不重复。", "the number (SBBH) is empty; number every parcel, each once.")
	}
	m.merge(d, out)
	text := d.text
	township := m.township(text[fields.XZDM], out)
	base, target := m.class("DLBM", text[fields.DeclaredDLBM], out), m.class("NZDL", text[fields.NZDL], out)
	m.checkVocabulary(text, target, out)
	m.compareArea(d.area, out)
	out.bsm, out.class, out.township = text[fields.DeclaredBSM], text[fields.YT], township

	row := out.content.Text(m.direction).Text(number).Text(township).Text(text[fields.XZMC]).Text(text[fields.CUN]).
		Text(text[fields.DeclaredBSM]).Text(base).Text(target).Text(text[fields.YT]).
		Text(recoveryCode(text[fields.HFFS])).Text(slopeType(text[fields.DeclaredGDLX])).Text(text[fields.ZTLX])
	row = numeric(row, d.area, 2, maxUnits)
	out.content = row.JSON(documents(text)).JSON(m.attrs(text, f.Values))
	if number == "" || township == "" {
		out.geom = nil // fatal issues say why
	}
}

// merge fills what the attribute table leaves empty from the 申报表, which is
// the signed form and wins where the two differ.
func (m *candidateMaker) merge(d *declaration, out *made) {
	if m.workbook == nil || d.text[fields.SBBH] == "" {
		return
	}
	w := m.workbook[d.text[fields.SBBH]]
	if w == nil {
		out.say(Issue{Severity: survey.Warning, Code: IssueUnmatched, Field: "SBBH"},
			"申报表中没有编号 %s。请补填申报表。", "the workbook has no row %s; add it.", d.text[fields.SBBH])
		return
	}
	out.issues = append(out.issues, w.issues...)
	for i, f := range fields.Declaration {
		if f.Type != fields.Text || w.text[i] == "" {
			continue
		}
		if d.text[i] != "" && d.text[i] != w.text[i] {
			out.say(Issue{Severity: survey.Warning, Code: IssueContradiction, Field: f.Name},
				"%s 在图形属性中为 “%s”，在申报表第 %d 行为 “%s”；已按申报表。请改为一致。",
				"%s is %q with the geometry and %[4]q in row %[3]d of the workbook, which was taken; make them agree.", f.Name, d.text[i], w.row, w.text[i])
		}
		d.text[i] = w.text[i]
	}
	if w.area.Valid {
		if d.area.Valid && d.area.Units != w.area.Units {
			out.say(Issue{Severity: survey.Warning, Code: IssueContradiction, Field: "SBMJ"},
				"申报面积在图形属性中为 %s m²，在申报表第 %d 行为 %s m²；已按申报表。请改为一致。",
				"the declared area is %s m² with the geometry and %[3]s m² in row %[2]d of the workbook, which was taken; make them agree.",
				land.Area(d.area.Units), w.row, land.Area(w.area.Units))
		}
		d.area = w.area
	}
}

// township gives the nine-digit code, or "" with a fatal issue.
func (m *candidateMaker) township(declared string, out *made) string {
	code := cmp.Or(declared, m.req.Scope)
	if len(code) > 9 {
		code = code[:9] // a village's code
	}
	issue := errorOf(IssueTownship)
	issue.Field = "XZDM"
	switch _, err := land.ParseAdminCodeAt(code, land.Township); {
	case err != nil || code[:6] != m.req.County:
		out.say(issue, "乡镇代码 “%s” 应为 9 位并以 %s 开头。请补填 XZDM。", "township code %q must have 9 digits and begin with %s; fill in XZDM.", declared, m.req.County)
	case m.req.Scope != "" && code != m.req.Scope:
		out.say(issue, "乡镇代码 %s 与本次申报的乡镇 %s 不一致。", "township %s is not the one that declares, %s.", code, m.req.Scope)
	case m.townships.loaded() && !m.townships.codes[code]:
		out.say(issue, "乡镇代码 %s 在行政区图层（XZQ）中没有。请核对。", "township %s is not in the XZQ layer; check.", code)
	default:
		return code
	}
	return ""
}

// class brings "0103", "旱地", "0103 旱地" and "旱地（0103）" to the code.
func (m *candidateMaker) class(field, s string, out *made) string {
	if s == "" {
		return ""
	}
	if code, ok := classCode(s); ok {
		return code
	}
	out.say(Issue{Severity: survey.Warning, Code: IssueClassUnknown, Field: field},
		"%s “%s” 认不出是哪个地类。请填地类编码，如 0103。", "%s %q names no land class; fill in its code, such as 0103.", field, s)
	return s
}

// classToken is a code, or a name, within what people write.
var classToken = regexp.MustCompile(`[0-9]{2}[0-9H][0-9][AK]?|\p{Han}+`)

func classCode(s string) (string, bool) {
	for _, token := range classToken.FindAllString(strings.ToUpper(s), -1) {
		if class, ok := land.ClassOf(token); ok {
			return class.Code, true
		}
		for _, class := range land.Classes() {
			if token == class.Name {
				return class.Code, true
			}
		}
	}
	return "", false
}

// checkVocabulary: a clause that asks for the target, the purpose or the actor
// does not apply to a parcel which leaves it empty or calls it otherwise.
func (m *candidateMaker) checkVocabulary(text []string, target string, out *made) {
	m.checkTarget(text[fields.NZDL], target, out)
	if m.direction == "out" { // 转进 has one purpose
		m.checkWord(fields.YT, IssuePurpose, text[fields.YT], m.req.Purposes, out)
	}
	m.checkWord(fields.ZTLX, IssueActor, text[fields.ZTLX], m.req.Actors, out)
	checkCode(fields.HFFS, text[fields.HFFS], recoveryCode(text[fields.HFFS]), out)
	checkCode(fields.DeclaredGDLX, text[fields.DeclaredGDLX], slopeType(text[fields.DeclaredGDLX]), out)
	for _, i := range []int{fields.KSSJ, fields.WCSJ} {
		if f := fields.Declaration[i]; fields.NoDate(f.Name, text[i]) {
			out.say(Issue{Severity: survey.Warning, Code: IssueDate, Field: f.Name}, "%s（%s）“%s” 不是日期。请改正。", "%[2]s %[3]q is no date; correct it.", f.Chinese, f.Name, text[i])
		}
	}
}

// checkCode: a code that the field's code table lacks says nothing to a clause. Some
// words stand for none (平地).
func checkCode(field int, declared, code string, out *made) {
	f := fields.Declaration[field]
	codes := land.CodesOf(f.Name)
	if declared == "" || code == "" || slices.ContainsFunc(codes, func(c land.Code) bool { return c.Code == code }) {
		return
	}
	var list []string
	for _, c := range codes {
		list = append(list, c.Code+" "+c.Name)
	}
	out.say(Issue{Severity: survey.Warning, Code: IssueCode, Field: f.Name},
		"%[1]s（%[2]s）“%[3]s” 不在代码表中。请改为：%[4]s。", "%[2]s %[3]q is not in its code table; use one of %[4]s.", f.Chinese, f.Name, declared, strings.Join(list, "、"))
}

func (m *candidateMaker) checkTarget(declared, target string, out *made) {
	issue := Issue{Severity: survey.Warning, Code: IssueTarget, Field: "NZDL"}
	class, known := land.ClassOf(target)
	switch {
	case declared == "":
		out.say(issue, "拟转地类（NZDL）为空：筛查无法判断转成什么。请补填地类编码。", "the target class (NZDL) is empty, so screening cannot tell what the land becomes; fill in its code.")
	case !known: // has been reported
	case m.direction == "in" && !class.Cultivated:
		out.say(issue, "拟转地类 %s %s 不是耕地：转进地块只能整治为 0101、0102 或 0103。请改正。", "target %s %s is no farmland: a 转进 parcel becomes 0101, 0102 or 0103; correct it.", class.Code, class.Name)
	case m.direction == "out" && class.Cultivated:
		out.say(issue, "拟转地类 %s %s 仍是耕地，不是转出。请改正。", "target %s %s is farmland still, which is no 转出; correct it.", class.Code, class.Name)
	case m.direction == "out" && !class.OutTarget:
		out.say(issue, "拟转地类 %s %s 不是其他农用地或农业设施建设用地，耕地不能经进出平衡转为这一地类。请核对。",
			"target %s %s is neither other farm land nor land of farm facilities, which is all that 转出 allows; check.", class.Code, class.Name)
	}
}

// checkWord: the words of a declaration are those of the rulebook.
func (m *candidateMaker) checkWord(field int, code, word string, allowed []string, out *made) {
	if len(allowed) == 0 || slices.Contains(allowed, word) {
		return
	}
	f := fields.Declaration[field]
	issue := Issue{Severity: survey.Warning, Code: code, Field: f.Name}
	list := strings.Join(allowed, "、")
	if word == "" {
		out.say(issue, "%[1]s（%[2]s）为空：以它为条件的条款无法判断。请填写：%[3]s。", "%[2]s is empty, so the clauses that ask for it cannot be judged; fill in one of %[3]s.", f.Chinese, f.Name, list)
		return
	}
	out.say(issue, "%[1]s（%[2]s）“%[4]s” 不在规则库中，以它为条件的条款无法判断。请改为：%[3]s。", "%[2]s %[4]q is not a word of the rulebook, so the clauses that ask for it cannot be judged; use one of %[3]s.", f.Chinese, f.Name, list, word)
}

// recoveryCode is JKHF or GCHF for their Chinese names.
func recoveryCode(s string) string {
	switch strings.TrimSuffix(s, "恢复") {
	case "即可":
		return land.RecoverAtOnce
	case "工程":
		return land.RecoverByEngineering
	}
	return strings.ToUpper(s)
}

// compareArea: the declared area against the boundary's official area.
func (m *candidateMaker) compareArea(declared survey.Number, out *made) {
	if !declared.Valid || out.geom == nil {
		return
	}
	off := land.Area(declared.Units) - out.area
	if limit := max(land.SquareMetre, out.area/100); off <= limit && -off <= limit {
		return
	}
	out.say(Issue{Severity: survey.Warning, Code: IssueAreaDeclared, Field: "SBMJ"},
		"申报面积 %s m² 与图形的椭球面积 %s m² 相差超过 1%%。请核对单位与边界；筛查以图形为准。",
		"the declared area %s m² differs from the ellipsoidal area %s m² by more than 1%%; check unit and boundary. Screening goes by the geometry.",
		land.Area(declared.Units), out.area)
}

// documents is the JSON object of the references that are filled in.
func documents(text []string) []byte {
	d := map[string]string{}
	for _, i := range fields.Documents {
		if text[i] != "" {
			d[fields.Declaration[i].Name] = text[i]
		}
	}
	return encode(d)
}

// attrs keeps what has no column of its own.
func (m *candidateMaker) attrs(text []string, values []any) []byte {
	d := attributes(m.others, values)
	for _, i := range fields.Kept {
		if text[i] != "" {
			d[fields.Declaration[i].Name] = text[i]
		}
	}
	return encode(d)
}
