package geodata

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Ensure that decimals read the short way are those of strconv, to the last bit.
func TestPlainDecimalIsTheNearestFloat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`-?[0-9]{0,17}\.?[0-9]{0,17}`), rapid.StringMatching(`[-+ .0-9eExX_]{0,8}`),
			rapid.Custom(func(t *rapid.T) string {
				return fmt.Sprintf("%.*f", rapid.IntRange(0, 6).Draw(t, "places"), rapid.Float64Range(-1e9, 1e9).Draw(t, "v"))
			})).Draw(t, "text")
		got, ok := plainDecimal([]byte(text))
		if !ok {
			return
		}
		want, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%q reads as %v, want %v, %v", text, got, want, err)
		}
	})
	for text, want := range map[string]bool{"12345.67": true, "-0.05": true, "0": true, ".5": true, "7.": true, "123456789012345": true,
		"1234567890123456": false, "-0": false, "": false, "-": false, ".": false, "1.2.3": false, "1e3": false, "+1": false, "1 2": false} {
		if _, ok := plainDecimal([]byte(text)); ok != want {
			t.Errorf("%q is read the short way: %v, want %v", text, ok, want)
		}
	}
}
