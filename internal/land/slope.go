package land

import (
	"fmt"
	"math"
)

// SlopeClass is a slope class of cultivated land (坡度级别, GDPDJB and PDJB): 1 to
// 5; 0 is none.
type SlopeClass int

// steepest is the upper bound of classes 1 to 4 in degrees, which belongs to
// the class (上含下不含): 25.0° is class 4.
var steepest = [...]float64{2, 6, 15, 25}

// SlopeClassOf gives the class of a slope in degrees, 0 to 90. NaN and values
// outside have no class (0).
func SlopeClassOf(degrees float64) SlopeClass {
	if !(degrees >= 0 && degrees <= 90) {
		return 0
	}
	for i, limit := range steepest {
		if degrees <= limit {
			return SlopeClass(i + 1)
		}
	}
	return 5
}

// ParseSlopeClass reads "1" to "5" as the survey writes them.
func ParseSlopeClass(s string) (SlopeClass, error) {
	if len(s) == 1 && s[0] >= '1' && s[0] <= '5' {
		return SlopeClass(s[0] - '0'), nil
	}
	return 0, fmt.Errorf("land: 坡度级别 %q 应为 1 至 5 / slope class %q must be 1 to 5", s, s)
}

// Valid tells whether the class is 1 to 5.
func (c SlopeClass) Valid() bool { return c >= 1 && c <= 5 }

// String gives "1" to "5", or "" where there is no class.
func (c SlopeClass) String() string {
	if !c.Valid() {
		return ""
	}
	return string(rune('0' + c))
}

// Interval gives the class's bounds in degrees: over is outside the class
// (except for class 1, which begins at 0°), upTo inside.
func (c SlopeClass) Interval() (over, upTo float64) {
	if !c.Valid() {
		return math.NaN(), math.NaN()
	}
	if c > 1 {
		over = steepest[c-2]
	}
	upTo = 90
	if c < 5 {
		upTo = steepest[c-1]
	}
	return over, upTo
}
