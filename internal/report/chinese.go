package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// account is what Chinese reads of summary.json (contracts).
type account struct {
	County struct {
		Code      string `json:"code"`
		Name      string `json:"name"`
		Synthetic bool   `json:"synthetic"`
	} `json:"county"`
	Survey struct {
		Parcels    int       `json:"parcels"`
		Cultivated land.Area `json:"cultivated_m2"`
		Townships  int       `json:"townships"`
	} `json:"survey"`
	Layers []struct {
		Kind     string `json:"kind"`
		Features int    `json:"features"`
	} `json:"layers"`
	Candidates map[string]int            `json:"candidates"`
	Verdicts   map[string]map[string]int `json:"verdicts"`
	Findings   []clauseCount             `json:"findings"`
	Plan       struct {
		Status    string   `json:"status"`
		Gap       *float64 `json:"gap"`
		GapNet    *float64 `json:"gap_net"`
		Captured  *float64 `json:"captured"`
		Message   string   `json:"message_zh"`
		Notes     []string `json:"notes"`
		Townships []struct {
			Code        string    `json:"code"`
			Name        string    `json:"name"`
			In          land.Area `json:"in_m2"`
			Out         land.Area `json:"out_m2"`
			InPaddy     land.Area `json:"in_paddy_m2"`
			OutPaddy    land.Area `json:"out_paddy_m2"`
			TransferIn  land.Area `json:"transfer_in_m2"`
			TransferOut land.Area `json:"transfer_out_m2"`
		} `json:"townships"`
	} `json:"plan"`
	Year    *yearAccount       `json:"year"`
	Seconds map[string]float64 `json:"seconds"`
}

type clauseCount struct {
	Clause     string    `json:"clause"`
	Candidates int       `json:"candidates"`
	Overlap    land.Area `json:"overlap_m2"`
}

// Chinese puts a summary.json into words that a person can read: what was
// loaded, what failed and why, the balance of every township, and how near the
// plan is to the best.
func Chinese(summary []byte) (string, error) {
	var a account
	if err := json.Unmarshal(summary, &a); err != nil {
		return "", fmt.Errorf("读取 summary.json · read the summary: %w", err)
	}
	var b strings.Builder
	title := fmt.Sprintf("%s（%s）耕地进出平衡", a.County.Name, a.County.Code)
	if a.County.Synthetic {
		title += "　［" + syntheticMark + "］"
	}
	fmt.Fprintf(&b, "%s\n", title)
	fmt.Fprintf(&b, "\n一、数据\n  地类图斑 %d 个，乡镇 %d 个，耕地净面积 %s 亩。\n", a.Survey.Parcels, a.Survey.Townships, a.Survey.Cultivated.MuText())
	layers := make([]string, 0, len(a.Layers))
	for _, l := range a.Layers {
		layers = append(layers, fmt.Sprintf("%s %d", l.Kind, l.Features))
	}
	fmt.Fprintf(&b, "  图层要素：%s。\n", strings.Join(layers, "，"))
	titles, err := clauseTitles()
	if err != nil {
		return "", err
	}
	a.screening(&b, titles)
	a.balance(&b)
	part := "四"
	if a.Year != nil {
		a.Year.write(&b, a.names())
		part = "五"
	}
	fmt.Fprintf(&b, "\n%s、用时\n  装载 %.1f s，筛查 %.1f s，平衡 %.1f s，", part, a.Seconds["load"], a.Seconds["screen"], a.Seconds["balance"])
	if a.Year != nil {
		fmt.Fprintf(&b, "年度流程 %.1f s，", a.Seconds["year"])
	}
	fmt.Fprintf(&b, "合计 %.1f s。\n", a.Seconds["total"])
	return b.String(), nil
}

// clauseTitles names the clauses for a reader; a summary has their ids only. A
// county's own clauses stay without.
func clauseTitles() (map[string]string, error) {
	rules, err := rulebook.Shanxi2025()
	if err != nil {
		return nil, fmt.Errorf("read the rulebook: %w", err)
	}
	titles := map[string]string{}
	for _, c := range rules.Clauses {
		titles[c.ID] = c.Title
	}
	return titles, nil
}

func (a *account) screening(b *strings.Builder, titles map[string]string) {
	b.WriteString("\n二、筛查\n")
	for _, direction := range []string{"in", "out"} {
		parts := []string{}
		for _, v := range []string{"eligible", "eligible_after_clip", "needs_review", "forbidden", "unknown"} {
			if n := a.Verdicts[direction][v]; n > 0 {
				parts = append(parts, fmt.Sprintf("%s %d", verdictZH[v], n))
			}
		}
		fmt.Fprintf(b, "  %s申报 %d 块：%s。\n", directionZH[direction], a.Candidates[direction], strings.Join(parts, "，"))
	}
	findings := slices.Clone(a.Findings)
	slices.SortStableFunc(findings, func(x, y clauseCount) int { return y.Candidates - x.Candidates })
	rows := [][]string{{"条款", "内容", "地块", "重叠面积（亩）"}}
	for _, f := range findings {
		if f.Candidates == 0 {
			continue
		}
		rows = append(rows, []string{f.Clause, shorten(titles[f.Clause], 30), fmt.Sprint(f.Candidates), f.Overlap.MuText()})
	}
	grid(b, rows, 2)
}

func (a *account) balance(b *strings.Builder) {
	status := statusZH[a.Plan.Status]
	if status == "" {
		status = a.Plan.Status
	}
	fmt.Fprintf(b, "\n三、平衡方案：%s\n", status)
	rows := [][]string{{"乡镇", "转进（亩）", "转出（亩）", "转进水田", "转出水田", "调剂转入", "调剂转出", "节余（亩）"}}
	var in, out, inPaddy, outPaddy, taken, given land.Area
	line := func(name string, in, out, inPaddy, outPaddy, taken, given land.Area) {
		rows = append(rows, []string{name, in.MuText(), out.MuText(), inPaddy.MuText(), outPaddy.MuText(),
			taken.MuText(), given.MuText(), (in - out + taken - given).MuText()})
	}
	for _, t := range a.Plan.Townships {
		line(t.Name, t.In, t.Out, t.InPaddy, t.OutPaddy, t.TransferIn, t.TransferOut)
		in, out, inPaddy, outPaddy = in+t.In, out+t.Out, inPaddy+t.InPaddy, outPaddy+t.OutPaddy
		taken, given = taken+t.TransferIn, given+t.TransferOut
	}
	line("全县", in, out, inPaddy, outPaddy, taken, given)
	grid(b, rows, 1)
	if a.Plan.Message != "" {
		fmt.Fprintf(b, "  %s\n", a.Plan.Message)
	}
	if a.Plan.GapNet != nil {
		fmt.Fprintf(b, "  扣除不可变边界后的净差距 %.4f%%。证明可用 gengheng balance verify 复核。\n", *a.Plan.GapNet*100)
	}
	if a.Plan.Captured != nil {
		fmt.Fprintf(b, "  与不作安排相比，已取得可能改进的 %.2f%% 以上。\n", math.Floor(*a.Plan.Captured*1e4)/100)
	}
	for _, note := range a.Plan.Notes {
		fmt.Fprintf(b, "  注意：%s\n", note)
	}
}

// grid writes rows in columns: the first `left` to the left, the others to the
// right. A Chinese character is two wide on a terminal.
func grid(b *strings.Builder, rows [][]string, left int) {
	if len(rows) < 2 {
		return
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], displayWidth(cell))
		}
	}
	for _, r := range rows {
		b.WriteString("  ")
		for i, cell := range r {
			pad := strings.Repeat(" ", width[i]-displayWidth(cell))
			if i > 0 {
				b.WriteString("  ")
			}
			if i < left {
				b.WriteString(cell + pad)
			} else {
				b.WriteString(pad + cell)
			}
		}
		b.WriteString("\n")
	}
}

// shorten keeps at most n characters.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		if unicode.Is(unicode.Han, r) || r >= 0x3000 && r <= 0x303F || r >= 0xFF00 && r <= 0xFF60 {
			n++
		}
		n++
	}
	return n
}
