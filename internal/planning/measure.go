package planning

import (
	"math/bits"

	"gengheng/internal/land"
)

// Measure is one of the balances that a plan keeps; the values are those of
// plan_transfer.measure.
type Measure string

const (
	MeasureArea    Measure = "area"    // 数量 BAL-1: net area
	MeasurePaddy   Measure = "paddy"   // 水田 BAL-2: net area of paddy
	MeasureQuality Measure = "quality" // 质量 BAL-3: net area counted by its grade
)

var measures = []Measure{MeasureArea, MeasurePaddy, MeasureQuality}

func (m Measure) zh() string {
	switch m {
	case MeasurePaddy:
		return "水田"
	case MeasureQuality:
		return "质量"
	}
	return "数量"
}

// Grade is a 耕地等别 in thousandths: 1000 (best) to 15000 (worst).
type Grade int64

const (
	gradeBest  Grade = 1000
	gradeWorst Grade = 15000
)

// amounts is what one parcel weighs in each balance. Incoming and outgoing
// parcels are counted alike; the direction decides the sign.
type amounts struct {
	area, paddy, quality land.Area
}

func (a amounts) of(m Measure) land.Area {
	switch m {
	case MeasurePaddy:
		return a.paddy
	case MeasureQuality:
		return a.quality
	}
	return a.area
}

// gradeArea is net area counted as area of grade 1 (折合 1 等面积):
//
//	net · (16 − grade)/15,
//
// rounded to hundredths. A row Σin ≥ Σout of it is 进优出劣 (BAL-3) made
// linear: poorer land coming in has to be paid with more of it. 16 is one
// worse than the worst grade, so that every grade is worth something.
func gradeArea(net land.Area, g Grade) land.Area {
	return land.Area(mulDiv(int64(net), uint64(16000-g), 15000))
}

// mulDiv is n·num/den rounded half up, exact in 128 bits, for n >= 0.
func mulDiv(n int64, num, den uint64) int64 {
	hi, lo := bits.Mul64(uint64(n), num)
	lo, carry := bits.Add64(lo, den/2, 0)
	q, _ := bits.Div64(hi+carry, lo, den)
	return int64(q)
}
