package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// ridge 田坎系数: one row of the county's table.
type ridge struct {
	gdlx, gdpdjb string
	kcxs         int64 // 0.0001
}

// loadRidges loads the 田坎系数表: a CSV or workbook with 耕地类型 (TT, PD),
// 坡度级 (1-5) and the coefficient, 0 ≤ x < 1.
func (l *load) loadRidges(ctx context.Context, tx pgx.Tx) error {
	t, problem := readTable(l.req.Path, l.req.FileName, fields.Ridge)
	if problem != nil {
		return problem
	}
	binding := fields.Ridge.Bind(t.columns)
	if len(binding.Missing) > 0 {
		return missingFields(binding.Missing, t.columns)
	}
	l.layerName, l.encoding = t.sheet, t.encoding
	l.noteBinding(binding)
	ridges := l.readRidges(t, &binding)
	if l.report.fatal > 0 {
		return nil // run turns the report into the problem
	}
	if len(ridges) == 0 {
		return &Problem{Code: ProblemEmpty, TitleZH: "表中没有数据行", TitleEN: "The table has no rows"}
	}
	l.checkRidges(ridges)
	h := sha256.New()
	io.WriteString(h, string(KCXS))
	for _, r := range ridges {
		fmt.Fprintf(h, "\n%s,%s,%d", r.gdlx, r.gdpdjb, r.kcxs)
		_, err := tx.Exec(ctx, `
			INSERT INTO kcxs (county_code, dataset_id, gdlx, gdpdjb, kcxs) VALUES ($1, $2, $3, $4, $5::bigint * 0.0001)`,
			l.req.County, l.req.DatasetID, r.gdlx, r.gdpdjb, r.kcxs)
		if err != nil {
			return fmt.Errorf("store the ridge table: %w", err)
		}
	}
	l.result.Version, l.result.Features = hex.EncodeToString(h.Sum(nil))[:16], len(ridges)
	l.result.Summary.Rows, l.result.Summary.Stored = int64(len(t.rows)), int64(len(ridges))
	return nil
}

func (l *load) readRidges(t *table, binding *fields.Binding) []ridge {
	var ridges []ridge
	seen := map[[2]string]int64{}
	for _, row := range t.rows {
		var issues []Issue
		r := reader{table: fields.Ridge, binding: binding, columns: t.columns, values: row.values(len(t.columns)), issues: &issues}
		rg := ridge{gdlx: slopeType(r.text(0)), gdpdjb: slopeLevel(r.text(1))}
		n := r.coefficient(2)
		rg.kcxs = n.Units
		bad := func(field, zh, en string, args ...any) {
			issues = append(issues, Issue{Field: field, ZH: fmt.Sprintf(zh, args...), EN: fmt.Sprintf(en, args...)})
		}
		if _, ok := land.SlopeTypeName(rg.gdlx); !ok && rg.gdlx != "" {
			bad("GDLX", "耕地类型 “%s” 应为 TT（梯田）、PD（坡地），平地留空。", "GDLX %q must be TT (terrace), PD (slope) or empty.", rg.gdlx)
		}
		if _, err := land.ParseSlopeClass(rg.gdpdjb); err != nil {
			bad("GDPDJB", "坡度级 “%s” 应为 1 至 5。", "slope class %q must be 1 to 5.", rg.gdpdjb)
		}
		if len(issues) == 0 && (!n.Valid || n.Units < 0 || n.Units >= 10000) {
			bad("KCXS", "田坎系数应为小数，0 ≤ 系数 < 1（也可写成百分数加 %%）。", "the coefficient must be a fraction, 0 ≤ x < 1 (or a percentage with %%).")
		}
		key := [2]string{rg.gdlx, rg.gdpdjb}
		if first, twice := seen[key]; twice {
			bad("GDPDJB", "与第 %d 行同为 %s、%s 级。请删去一行。", "the same type and class as row %d (%s, %s); delete one.", first, rg.gdlx, rg.gdpdjb)
		}
		seen[key] = row.number
		for _, issue := range issues {
			issue.Severity, issue.Row, issue.fatal = survey.Error, row.number, true
			if issue.Code == "" {
				issue.Code = IssueCode
			}
			l.prefixRow(&issue, row.number, "")
			l.report.add(issue)
		}
		ridges = append(ridges, rg)
	}
	return ridges
}

// coefficient reads a fraction, or a percentage with its sign.
func (r *reader) coefficient(field int) survey.Number {
	text, ok := r.value(field).(string)
	if body, percent := strings.CutSuffix(strings.TrimSpace(text), "%"); ok && percent {
		n, err := numberOf(strings.TrimSpace(body), 2)
		if err != nil {
			r.say(field, IssueNumber, survey.Error, "“%s” 不是可用的百分数。", "%q is no usable percentage.", text)
		}
		return n // 12.50 % is 1250 hundredths, and 0.1250
	}
	return r.number(field)
}

// slopeType accepts the Chinese names of the types.
func slopeType(s string) string {
	for _, c := range land.SlopeTypes() {
		if s == c.Name {
			return c.Code
		}
	}
	if s == "平地" || s == "FD" {
		return ""
	}
	return strings.ToUpper(s)
}

// slopeLevel accepts "2级", "Ⅱ" and the like.
func slopeLevel(s string) string {
	s = strings.TrimSuffix(strings.TrimSuffix(s, "度"), "级")
	for i, names := range [][]string{{"Ⅰ", "I", "一"}, {"Ⅱ", "II", "二"}, {"Ⅲ", "III", "三"}, {"Ⅳ", "IV", "四"}, {"Ⅴ", "V", "五"}} {
		for _, n := range names {
			if s == n {
				return string(rune('1' + i))
			}
		}
	}
	return s
}

// checkRidges: without a coefficient for every sloping class the net area of a
// 转进 parcel cannot be known.
func (l *load) checkRidges(ridges []ridge) {
	have := map[[2]string]bool{}
	for _, r := range ridges {
		have[[2]string{r.gdlx, r.gdpdjb}] = true
	}
	for _, level := range []string{"2", "3", "4", "5"} {
		for _, c := range land.SlopeTypes() {
			if !have[[2]string{c.Code, level}] {
				l.report.addf(Issue{Severity: survey.Warning, Code: IssueRidgeMissing, Field: "GDPDJB"},
					"缺少 %s（%s）%s 级的田坎系数：这类地块的净面积将无法计算。请补全。",
					"no coefficient for %s (%s) of slope class %s: the net area of such parcels cannot be computed; add it.", c.Code, c.Name, level)
			}
		}
	}
}
