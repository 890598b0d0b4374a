package land

import "fmt"

// RidgeCoefficient is a coefficient of field ridges (田坎系数, KCXS) in
// ten-thousandths, the resolution of the survey's Float(6,4): 0 <= KCXS < 1.
type RidgeCoefficient int32

const ridgeUnit = 10000

// ParseRidgeCoefficient reads a decimal of at most four decimals, 0 <= KCXS < 1.
func ParseRidgeCoefficient(s string) (RidgeCoefficient, error) {
	n, err := parseFixed(s, 4)
	if err != nil || n < 0 || n >= ridgeUnit {
		return 0, fmt.Errorf("land: 田坎系数 %q 应为 0 至 1 之间、最多四位小数 / KCXS %q must be in [0, 1) with at most four decimals", s, s)
	}
	return RidgeCoefficient(n), nil
}

// RoundRidgeCoefficient is ParseRidgeCoefficient for floats, rounded to four
// decimals.
func RoundRidgeCoefficient(v float64) (RidgeCoefficient, error) {
	n := v*ridgeUnit + 0.5
	if !(n >= 0 && n < ridgeUnit) || v < 0 {
		return 0, fmt.Errorf("land: 田坎系数 %v 应在 0 至 1 之间 / KCXS %v must be in [0, 1)", v, v)
	}
	return RidgeCoefficient(n), nil
}

// String gives the coefficient with four decimals, "0.1234".
func (k RidgeCoefficient) String() string { return formatFixed(int64(k), 4) }

// Float64 gives the coefficient as a share.
func (k RidgeCoefficient) Float64() float64 { return float64(k) / ridgeUnit }

// RidgeArea is the area deducted for ridges: KCMJ = round(TBMJ×KCXS, 2).
func RidgeArea(gross Area, k RidgeCoefficient) Area {
	return Area(mulDivRound(int64(gross), uint64(max(k, 0)), ridgeUnit))
}

// NetArea is the land-class area: TBDLMJ = TBMJ − round(TBMJ×KCXS, 2), what
// cultivated land counts in the balance.
func NetArea(gross Area, k RidgeCoefficient) Area { return gross - RidgeArea(gross, k) }

// RidgeKey names a row of a county's table of ridge coefficients: 耕地类型 (GDLX,
// TT or PD) and 坡度级 (GDPDJB).
type RidgeKey struct {
	GDLX  string
	Slope SlopeClass
}

// RidgeTable is a county's table of ridge coefficients (田坎系数表).
type RidgeTable map[RidgeKey]RidgeCoefficient

// Coefficient looks a coefficient up. Slope class 1 has no ridges: 0, whatever
// the table says. A class or type that the table lacks is an error and never 0,
// because that would overstate the net area.
func (t RidgeTable) Coefficient(gdlx string, slope SlopeClass) (RidgeCoefficient, error) {
	if slope == 1 {
		return 0, nil
	}
	k, ok := t[RidgeKey{gdlx, slope}]
	if !ok {
		return 0, fmt.Errorf("land: 田坎系数表缺少耕地类型 %q、坡度级 %q 的系数 / the KCXS table has no row for GDLX %q, slope class %q", gdlx, slope, gdlx, slope)
	}
	return k, nil
}
