package planning

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// parcelRow is a row of plan_parcel.
type parcelRow struct {
	direction, number, township string
	chosen                      bool
	takesPart                   bool // in the balance; else the screening kept it out
	net, paddy                  land.Area
	grade                       *Grade
	reason                      string
	geom                        orb.MultiPolygon
	c                           *candidate
	unit                        int // of the fields; -1: it takes no part
}

// TownshipBalance is one township's line of the plan, as in contracts.
type TownshipBalance struct {
	Code        string    `json:"code"`
	Name        string    `json:"name"`
	In          land.Area `json:"in_m2"`
	Out         land.Area `json:"out_m2"`
	InPaddy     land.Area `json:"in_paddy_m2"`
	OutPaddy    land.Area `json:"out_paddy_m2"`
	TransferIn  land.Area `json:"transfer_in_m2"`
	TransferOut land.Area `json:"transfer_out_m2"`
	price       *float64
	priceZH     string
}

// outcome is a plan as it will be stored.
type outcome struct {
	parcels   []parcelRow
	townships []TownshipBalance
	transfers []Transfer
	summary   Summary
	// own is in − out of every measure and township.
	own map[Measure]map[string]land.Area
}

// settle makes the plan out of the chosen farmland and checks it on whole
// hundredths of a square metre. An error here means that the engine's answer
// does not hold.
func settle(s *survey, f *fields, m *model, o Options, farmland []bool, multipliers []float64) (*outcome, error) {
	out := gather(s, f, m, farmland, multipliers)
	out.explain(f, m, o, farmland, multipliers)
	return out, out.settle(s, o)
}

// gather adds up what is chosen, by township and measure.
func gather(s *survey, f *fields, m *model, farmland []bool, multipliers []float64) *outcome {
	out := &outcome{own: map[Measure]map[string]land.Area{}}
	for _, measure := range measures {
		out.own[measure] = map[string]land.Area{}
	}
	for _, t := range s.townships {
		out.townships = append(out.townships, TownshipBalance{Code: t.code, Name: t.name, price: m.price(t.code, multipliers)})
		for _, measure := range measures {
			out.own[measure][t.code] = 0
		}
	}
	out.addParcels(s, f, farmland)
	return out
}

// settle covers every township and checks the sums.
func (out *outcome) settle(s *survey, o Options) error {
	for _, measure := range measures {
		if !o.Enforce.has(measure) {
			continue
		}
		if o.Balance == netIncrease {
			if err := checkTotal(measure, out.own[measure]); err != nil {
				return fmt.Errorf("复核方案 · check the plan: %w", err)
			}
			continue
		}
		transfers, err := cover(s, measure, out.own[measure])
		if err != nil {
			return fmt.Errorf("复核方案 · check the plan: %w", err)
		}
		out.transfers = append(out.transfers, transfers...)
	}
	out.addTransfers()
	if err := out.recheck(o); err != nil {
		return fmt.Errorf("复核方案 · check the plan: %w", err)
	}
	return nil
}

// coverInPart transfers what there is where it is not enough for everyone.
func (out *outcome) coverInPart(s *survey, o Options) {
	for _, measure := range measures {
		if o.Enforce.has(measure) && o.Balance != netIncrease {
			out.transfers = append(out.transfers, pairUp(measure, positions(s, out.own[measure]))...)
		}
	}
	out.addTransfers()
}

func (out *outcome) addTransfers() {
	for _, t := range out.transfers {
		if t.Measure == MeasureArea {
			out.township(t.From).TransferOut += t.Amount
			out.township(t.To).TransferIn += t.Amount
		}
	}
}

// cover finds the transfers of one measure.
func cover(s *survey, measure Measure, own map[string]land.Area) ([]Transfer, error) {
	transfers, err := match(measure, positions(s, own))
	if err != nil {
		return nil, err
	}
	return transfers, checkBalance(measure, own, transfers)
}

func positions(s *survey, own map[string]land.Area) []position {
	towns := make([]position, 0, len(s.townships))
	for _, t := range s.townships {
		towns = append(towns, position{code: t.code, x: t.x, y: t.y, balance: own[t.code]})
	}
	return towns
}

func (out *outcome) township(code string) *TownshipBalance {
	i, _ := slices.BinarySearchFunc(out.townships, code, func(t TownshipBalance, c string) int { return cmp.Compare(t.Code, c) })
	return &out.townships[i]
}

func (out *outcome) addParcels(s *survey, f *fields, farmland []bool) {
	index := f.byCandidate()
	out.parcels = make([]parcelRow, 0, len(s.candidates))
	for _, c := range s.candidates {
		p := parcelRow{direction: c.direction, number: c.number, township: c.township,
			net: c.net, paddy: c.paddy, grade: c.grade, geom: c.geom, c: c, unit: -1}
		u, takesPart := index[c]
		if p.takesPart = takesPart; !takesPart {
			out.parcels = append(out.parcels, p)
			continue
		}
		unit := &f.units[u]
		p.unit, p.chosen = u, farmland[u] == unit.in()
		p.net, p.paddy = unit.area, unit.paddy
		out.parcels = append(out.parcels, p)
		if !p.chosen {
			continue
		}
		t := out.township(c.township)
		sign := land.Area(1)
		if unit.in() {
			t.In += unit.area
			t.InPaddy += unit.paddy
		} else {
			sign = -1
			t.Out += unit.area
			t.OutPaddy += unit.paddy
		}
		for _, measure := range measures {
			out.own[measure][c.township] += sign * unit.of(measure)
		}
	}
}

// explain writes the reason of every parcel.
func (out *outcome) explain(f *fields, m *model, o Options, farmland []bool, multipliers []float64) {
	locked := o.locks()
	for i := range out.parcels {
		p := &out.parcels[i]
		if p.unit < 0 {
			p.reason = outsideReason(p.c)
			continue
		}
		_, decided := locked[p.c.key()]
		p.reason = m.reason(f, p.unit, farmland, multipliers, decided)
	}
}

// recheck reads nothing but the rows that will be stored.
func (out *outcome) recheck(o Options) error {
	in, gone := map[string]land.Area{}, map[string]land.Area{}
	for _, p := range out.parcels {
		if p.chosen && p.direction == "in" {
			in[p.township] += p.net
		} else if p.chosen {
			gone[p.township] += p.net
		}
	}
	var takenInAll, givenInAll land.Area
	for _, t := range out.townships {
		if t.In != in[t.Code] || t.Out != gone[t.Code] {
			return fmt.Errorf("乡镇 %s 的合计与地块不符 · township %s: sums differ from the parcels", t.Code, t.Code)
		}
		if left := t.In + t.TransferIn - t.Out - t.TransferOut; o.Enforce.Area && o.Balance != netIncrease && left < 0 {
			return fmt.Errorf("乡镇 %s 数量不平衡，差 %s m² · township %s is short by %s m²", t.Code, -left, t.Code, -left)
		}
		takenInAll += t.TransferIn
		givenInAll += t.TransferOut
	}
	if takenInAll != givenInAll {
		return fmt.Errorf("调剂转入 %s 与转出 %s 不等 · transfers in and out differ", takenInAll, givenInAll)
	}
	return nil
}

// price is what one more m² of balance is worth in a township (影子价格), in the
// plan's cost unit; nil where the township has no row.
func (m *model) price(town string, multipliers []float64) *float64 {
	if multipliers == nil {
		return nil
	}
	for k, r := range m.rows {
		if r.measure == MeasureArea && r.town == town {
			v := math.Round(multipliers[k]*1e9) / 1e9
			return &v
		}
	}
	return nil
}
