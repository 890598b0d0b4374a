package planning

import (
	"fmt"
	"math"
	"strings"

	"gengheng/internal/balance"
	"gengheng/internal/land"
)

// priceTownships says in words what one more 亩 of every balance is worth in
// each township, and how it comes about: the county's price and the premium on
// it that the cost of transfers allows.
func (out *outcome) priceTownships(m *model, solution *balance.Solution) {
	prices := balance.Prices(m.problem, solution)
	if prices == nil {
		return
	}
	said := map[string][]string{}
	for k, r := range m.rows {
		if r.town != "" && r.measure != "" {
			said[r.town] = append(said[r.town], r.measure.zh()+priceText(prices[k]))
		}
	}
	for i := range out.townships {
		t := &out.townships[i]
		switch parts := said[t.Code]; {
		case len(parts) == 0:
			t.priceZH = t.Name + "没有参与平衡的地块。"
		default:
			t.priceZH = t.Name + "：" + strings.Join(parts, "；") + "。"
		}
	}
}

// priceText is one balance's price; costs are per m² in prices, per 亩 in words.
func priceText(p balance.RowPrice) string {
	perMu := func(v float64) string { return points(v / land.SquareMetre.Mu()) }
	if math.Abs(p.Price)/land.SquareMetre.Mu() < 0.05 {
		return "有余，多 1 亩或少 1 亩都不影响方案代价"
	}
	text := fmt.Sprintf("每多 1 亩净转进，方案代价约降 %s", perMu(p.Price))
	if p.Pool == "" {
		return text
	}
	premium := p.Premium / land.SquareMetre.Mu()
	switch {
	case premium >= 0.05:
		text += fmt.Sprintf("（全县价 %s，需外乡镇调入而加价 %s）", perMu(p.PoolPrice), perMu(p.Premium))
	case premium <= -0.05:
		text += fmt.Sprintf("（全县价 %s，有余可调出而减价 %s）", perMu(p.PoolPrice), perMu(-p.Premium))
	default:
		text += "（与全县价相同）"
	}
	return text
}
