package land

import (
	"fmt"
	"math"
)

// Zone is a three-degree Gauss-Krüger zone (3度带) of CGCS2000. Number is 25 to
// 45, its central meridian 3·Number degrees east. Prefixed says that eastings
// carry the zone number (37560546.252 instead of 560546.252).
type Zone struct {
	Number   int
	Prefixed bool
}

// EPSG codes: 4513..4533 are zones 25..45 with prefix, 4534..4554 without;
// 4490 is geographic CGCS2000.
const (
	EPSGGeographic = 4490

	firstZone, lastZone = 25, 45
	epsgPrefixed        = 4513
	epsgPlain           = 4534
	falseEasting        = 500000.0
	prefixStep          = 1e6
)

// ByEPSG gives the zone of EPSG 4513..4554; ok is false for any other code.
func ByEPSG(code int) (z Zone, ok bool) {
	switch {
	case code >= epsgPrefixed && code <= epsgPrefixed+lastZone-firstZone:
		return Zone{code - epsgPrefixed + firstZone, true}, true
	case code >= epsgPlain && code <= epsgPlain+lastZone-firstZone:
		return Zone{code - epsgPlain + firstZone, false}, true
	}
	return Zone{}, false
}

// ForLongitude gives the zone, without prefix, whose central meridian is
// nearest to a longitude in degrees east; ok is false outside zones 25..45
// (73.5° to 136.5°).
func ForLongitude(lon float64) (z Zone, ok bool) {
	if !(lon >= 3*firstZone-1.5 && lon < 3*lastZone+1.5) {
		return Zone{}, false
	}
	return Zone{Number: int(math.Floor((lon + 1.5) / 3))}, true
}

// ZoneOfEasting tells what the integer part of an easting in metres says of its
// zone: eight digits carry the zone number (Number 25..45, Prefixed), six
// digits none (the zero Zone). ok is false for anything else, such as a
// longitude or a northing.
func ZoneOfEasting(easting float64) (z Zone, ok bool) {
	switch {
	case easting >= 1e5 && easting < 1e6:
		return Zone{}, true
	case easting >= firstZone*prefixStep && easting < (lastZone+1)*prefixStep:
		return Zone{int(easting / prefixStep), true}, true
	}
	return Zone{}, false
}

// Valid tells whether Number is a zone of China, 25..45.
func (z Zone) Valid() bool { return z.Number >= firstZone && z.Number <= lastZone }

// CentralMeridian is in degrees east.
func (z Zone) CentralMeridian() float64 { return float64(3 * z.Number) }

// EPSG is the zone's code, 4513..4554; 0 if the zone is not valid.
func (z Zone) EPSG() int {
	switch {
	case !z.Valid():
		return 0
	case z.Prefixed:
		return epsgPrefixed + z.Number - firstZone
	}
	return epsgPlain + z.Number - firstZone
}

// FalseEasting is the easting of the central meridian, in metres.
func (z Zone) FalseEasting() float64 {
	if z.Prefixed {
		return falseEasting + float64(z.Number)*prefixStep
	}
	return falseEasting
}

// WithPrefix and WithoutPrefix are the same zone in the two conventions.
func (z Zone) WithPrefix() Zone    { return Zone{z.Number, true} }
func (z Zone) WithoutPrefix() Zone { return Zone{z.Number, false} }

// String names the coordinate system as Chinese survey documents do.
func (z Zone) String() string {
	if z.Prefixed {
		return fmt.Sprintf("CGCS2000 / 3度带第%d带 (EPSG:%d)", z.Number, z.EPSG())
	}
	return fmt.Sprintf("CGCS2000 / 3度带中央经线%d° (EPSG:%d)", 3*z.Number, z.EPSG())
}
