package land

import "fmt"

// AdminLevel is the level of an administrative code.
type AdminLevel int

const (
	County   AdminLevel = 6  // 县 XZQDM
	Township AdminLevel = 9  // 乡镇 XZQDM
	Village  AdminLevel = 12 // 村 ZLDWDM, first twelve digits
	Unit     AdminLevel = 19 // 坐落单位 ZLDWDM, 权属单位 QSDWDM
)

// AdminCode is an administrative code (行政区代码) of 6, 9, 12 or 19 digits, each
// level beginning with the code of the level above.
type AdminCode string

// ParseAdminCode checks an administrative code: digits only, one of the four
// lengths, a county part that is a county of mainland China's numbering
// (GB/T 2260: 11 to 65 first, not a whole province).
func ParseAdminCode(s string) (AdminCode, error) {
	switch AdminLevel(len(s)) {
	case County, Township, Village, Unit:
	default:
		return "", fmt.Errorf("land: 行政区代码 %q 应为 6、9、12 或 19 位数字 / administrative code %q must have 6, 9, 12 or 19 digits", s, s)
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return "", fmt.Errorf("land: 行政区代码 %q 含有非数字字符 / administrative code %q must be digits only", s, s)
		}
	}
	if s[:2] < "11" || s[:2] > "65" || s[2:6] == "0000" {
		return "", fmt.Errorf("land: 行政区代码 %q 的前 6 位不是县级代码 / the first 6 digits of %q are not a county", s, s)
	}
	return AdminCode(s), nil
}

// ParseAdminCodeAt is ParseAdminCode for a code of one level.
func ParseAdminCodeAt(s string, level AdminLevel) (AdminCode, error) {
	if len(s) != int(level) {
		return "", fmt.Errorf("land: 行政区代码 %q 应为 %d 位 / administrative code %q must have %d digits", s, level, s, level)
	}
	return ParseAdminCode(s)
}

// Level is the code's level, by its length.
func (c AdminCode) Level() AdminLevel { return AdminLevel(len(c)) }

// County, Township and Village give the code's first 6, 9 or 12 digits, or ""
// where the code is shorter.
func (c AdminCode) County() AdminCode   { return c.at(County) }
func (c AdminCode) Township() AdminCode { return c.at(Township) }
func (c AdminCode) Village() AdminCode  { return c.at(Village) }

func (c AdminCode) at(level AdminLevel) AdminCode {
	if len(c) < int(level) {
		return ""
	}
	return c[:level]
}
