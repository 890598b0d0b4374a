package land

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Area is an area (面积) in hundredths of a square metre, the resolution in
// which the survey keeps TBMJ and TBDLMJ (Double(18,2)). It is an integer so
// that sums are exact and do not depend on their order. Negative values are
// differences (deficits).
type Area int64

// Square metres in the two units of reports: 1 亩 = 2000/3 m², 1 公顷 = 10000 m².
const (
	SquareMetre Area = 100
	Hectare     Area = 10000 * SquareMetre
)

// maxArea bounds what RoundArea and ParseArea accept: 10^14 m², some ten
// times the land of China, so that thousands of such amounts can still be
// added without overflow.
const maxArea = Area(1e16)

// RoundArea rounds square metres to hundredths, half away from zero (四舍五入).
// It refuses NaN, infinities and magnitudes above 10^14 m².
func RoundArea(m2 float64) (Area, error) {
	if math.IsNaN(m2) || math.Abs(m2) > float64(maxArea)/100 {
		return 0, fmt.Errorf("land: 面积 %v 不是有效的平方米数 / %v is not an area in m²", m2, m2)
	}
	return roundFinite(m2), nil
}

// roundFinite is RoundArea for values that are known to be in range.
func roundFinite(m2 float64) Area {
	if m2 < 0 {
		return -Area(math.Floor(-m2*100 + 0.5))
	}
	return Area(math.Floor(m2*100 + 0.5))
}

// ParseArea reads square metres as a decimal with at most two decimals
// ("123.45", "-7", "0.5"); further decimals must be zeros. Exponents, signs
// other than one leading '-', and thousands separators are refused.
func ParseArea(s string) (Area, error) {
	n, err := parseFixed(s, 2)
	if err != nil || n > int64(maxArea) || n < -int64(maxArea) {
		return 0, fmt.Errorf("land: 面积 %q 应为平方米数，最多两位小数，如 123.45 / area %q must be m² with at most two decimals, like 123.45", s, s)
	}
	return Area(n), nil
}

// parseFixed reads a decimal as an integer number of 10^-places.
func parseFixed(s string, places int) (int64, error) {
	body, negative := strings.CutPrefix(s, "-")
	whole, frac, dotted := strings.Cut(body, ".")
	if whole == "" || dotted && frac == "" || len(whole) > 18-places {
		return 0, strconv.ErrSyntax
	}
	for len(frac) > places && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	if len(frac) > places {
		return 0, strconv.ErrRange
	}
	var n int64
	for _, c := range []byte(whole + frac + strings.Repeat("0", places-len(frac))) {
		if c < '0' || c > '9' {
			return 0, strconv.ErrSyntax
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, nil
}

// String gives square metres with two decimals, "123.45": the form of every
// area in JSON, CSV and the database.
func (a Area) String() string { return formatFixed(int64(a), 2) }

// formatFixed writes n·10^-places as a decimal.
func formatFixed(n int64, places int) string {
	sign, u := "", uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	s := strconv.FormatUint(u, 10)
	if len(s) <= places {
		s = strings.Repeat("0", places+1-len(s)) + s
	}
	return sign + s[:len(s)-places] + "." + s[len(s)-places:]
}

// Float64 gives square metres, for geometry and display only; never add floats.
func (a Area) Float64() float64 { return float64(a) / 100 }

// Mu gives 亩 (1 m² = 0.0015 亩).
func (a Area) Mu() float64 { return float64(a) * 15 / 1e6 }

// Hectares gives 公顷.
func (a Area) Hectares() float64 { return float64(a) / 1e6 }

// MuText gives 亩 with two decimals, rounded half up from the exact value, the
// form of reports.
func (a Area) MuText() string { return formatFixed(mulDivRound(int64(a), 15, 10000), 2) }

// HectaresText gives 公顷 with four decimals, rounded half up from the exact
// value, the form of reports and of coordinate TXT files.
func (a Area) HectaresText() string { return formatFixed(mulDivRound(int64(a), 1, 100), 4) }

// MarshalJSON writes the decimal as a string, so that no reader loses digits.
func (a Area) MarshalJSON() ([]byte, error) { return []byte(`"` + a.String() + `"`), nil }

// UnmarshalJSON reads the string form; a JSON number is refused.
func (a *Area) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("land: 面积应写成字符串，如 \"123.45\" / an area is a string like \"123.45\", not %s", data)
	}
	v, err := ParseArea(s)
	if err != nil {
		return err
	}
	*a = v
	return nil
}

// Value writes the area as the text of a numeric(18,2) for database drivers.
func (a Area) Value() (driver.Value, error) { return a.String(), nil }

// Scan reads a numeric(18,2) as database drivers give it. NULL is refused:
// scan a *Area where a column may be NULL.
func (a *Area) Scan(src any) error {
	var text string
	switch v := src.(type) {
	case string:
		text = v
	case []byte:
		text = string(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	default:
		return fmt.Errorf("land: cannot read an area from a %T", src)
	}
	v, err := ParseArea(text)
	if err != nil {
		return err
	}
	*a = v
	return nil
}

// Share is the part of an amount that falls to a part of a whole, rounded half
// up to 0.01 m²: amount·part/whole, for 0 <= part <= whole and whole > 0.
func Share(amount, part, whole Area) Area {
	return Area(mulDivRound(int64(amount), uint64(part), uint64(whole)))
}

// mulDivRound is n·num/den, rounded half away from zero, exact in 128 bits.
// The quotient must fit 63 bits, which it does for num <= den.
func mulDivRound(n int64, num, den uint64) int64 {
	negative := n < 0
	u := uint64(n)
	if negative {
		u = -u
	}
	hi, lo := bits.Mul64(u, num)
	lo, carry := bits.Add64(lo, den/2, 0)
	q, _ := bits.Div64(hi+carry, lo, den)
	if negative {
		return -int64(q)
	}
	return int64(q)
}
