package report

import (
	"fmt"
	"strings"

	"gengheng/internal/land"
)

// yearAccount is the year of summary.json: 计划、验收（实施）、认定三栏对照.
type yearAccount struct {
	Year      int            `json:"year"`
	Records   map[string]int `json:"records"`
	Townships []struct {
		Code          string    `json:"code"`
		PlannedIn     land.Area `json:"planned_in_m2"`
		PlannedOut    land.Area `json:"planned_out_m2"`
		AcceptedIn    land.Area `json:"accepted_in_m2"`
		ExecutedOut   land.Area `json:"executed_out_m2"`
		RecognisedIn  land.Area `json:"recognised_in_m2"`
		RecognisedOut land.Area `json:"recognised_out_m2"`
		TransferIn    land.Area `json:"transfer_in_m2"`
		TransferOut   land.Area `json:"transfer_out_m2"`
		Carried       land.Area `json:"carried_m2"`
	} `json:"townships"`
}

// names are the townships' by code.
func (a *account) names() map[string]string {
	names := map[string]string{}
	for _, t := range a.Plan.Townships {
		names[t.Code] = t.Name
	}
	return names
}

// write puts the year into a table, in 亩.
func (y *yearAccount) write(b *strings.Builder, names map[string]string) {
	fmt.Fprintf(b, "\n四、%d 年度（缩短）：结转 %d 块，核销 %d 块，未纳入方案 %d 块，撤回 %d 块\n", y.Year,
		y.Records["carried"], y.Records["written_off"], y.Records["refused"], y.Records["withdrawn"])
	rows := [][]string{{"乡镇", "计划转进（亩）", "验收", "认定", "计划转出（亩）", "实施", "认定", "调剂转入", "调剂转出", "结转下年"}}
	var sum [9]land.Area
	for _, t := range y.Townships {
		values := [9]land.Area{t.PlannedIn, t.AcceptedIn, t.RecognisedIn, t.PlannedOut, t.ExecutedOut, t.RecognisedOut, t.TransferIn, t.TransferOut, t.Carried}
		name := names[t.Code]
		if name == "" {
			name = t.Code
		}
		row := []string{name}
		for i, v := range values {
			row = append(row, v.MuText())
			sum[i] += v
		}
		rows = append(rows, row)
	}
	total := []string{"全县"}
	for _, v := range sum {
		total = append(total, v.MuText())
	}
	grid(b, append(rows, total), 1)
	b.WriteString("  计划不含年内核销的地块。结转为负的是欠账：认定少于验收，而指标已经用去，还清前不能再锁定。\n")
}
