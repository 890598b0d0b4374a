package fields_test

import (
	"testing"

	"gengheng/internal/intake/fields"
)

func TestNoDate(t *testing.T) {
	t.Parallel()
	for text, none := range map[string]bool{
		"2026-03-15": false, "2026/3/5": false, "2026.3": false, "2026年3月": false, "2026年3月15日": false, "20260315": false, "2024-02-29": false,
		"春耕前": false, "2026年春": false, "": false, "3月中旬": false, "2026": false,
		"2026-13-45": true, "2026-02-30": true, "2025-02-29": true, "2026/0/5": true, "2026.13": true, "2026年3月32日": true, "20261301": true, "0000-01-01": true, "2026-3-0": true,
	} {
		if got := fields.NoDate("KSSJ", text); got != none {
			t.Errorf("%q: %v", text, got)
		}
		if fields.NoDate("BZ", text) {
			t.Errorf("%q is refused where dates are none of the field's", text)
		}
	}
}
