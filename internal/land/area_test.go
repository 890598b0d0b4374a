package land_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gengheng/internal/land"
)

func TestParseArea(t *testing.T) {
	for text, want := range map[string]land.Area{
		"0": 0, "0.00": 0, "7": 700, "-7": -700, "0.5": 50, "123.45": 12345, "-0.01": -1,
		"123.4500": 12345, "9999.10": 999910, "100000000000000": 1e16,
	} {
		got, err := land.ParseArea(text)
		if err != nil || got != want {
			t.Errorf("ParseArea(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "1.234", "1e3", "+1", "1,000.00", " 1", "1 ", "--1", "1.2.3",
		"１", "NaN", "100000000000000.01", "99999999999999999999", "0x10"} {
		if got, err := land.ParseArea(text); err == nil {
			t.Errorf("ParseArea(%q) = %v, want an error", text, got)
		} else if !strings.Contains(err.Error(), "平方米") {
			t.Errorf("ParseArea(%q): unclear error %q", text, err)
		}
	}
}

func TestRoundArea(t *testing.T) {
	for _, c := range []struct {
		m2   float64
		want land.Area
	}{
		{0, 0}, {0.005, 1}, {0.004999, 0}, {-0.005, -1}, {2.675000001, 268}, {9999.0970, 999910}, {1e14, 1e16},
		{0.125, 13}, {-0.125, -13}, // exact halves go away from zero
	} {
		if got, err := land.RoundArea(c.m2); err != nil || got != c.want {
			t.Errorf("RoundArea(%v) = %d, %v; want %d", c.m2, got, err, c.want)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.1e14} {
		if got, err := land.RoundArea(bad); err == nil {
			t.Errorf("RoundArea(%v) = %v, want an error", bad, got)
		}
	}
}

func TestAreaUnits(t *testing.T) {
	for _, c := range []struct {
		area         land.Area
		mu, hectares string
	}{
		{0, "0.00", "0.0000"},
		{66667, "1.00", "0.0667"},
		{land.Hectare, "15.00", "1.0000"},
		{333, "0.00", "0.0003"}, // 3.33 m² = 0.004995 亩
		{334, "0.01", "0.0003"}, // 3.34 m² = 0.00501 亩
		{50, "0.00", "0.0001"},  // 0.5 m² = 0.00005 公顷, a half goes up
		{-66667, "-1.00", "-0.0667"},
		{179190000, "2687.85", "179.1900"},
	} {
		if got := c.area.MuText(); got != c.mu {
			t.Errorf("%v m² is %s 亩, want %s", c.area, got, c.mu)
		}
		if got := c.area.HectaresText(); got != c.hectares {
			t.Errorf("%v m² is %s 公顷, want %s", c.area, got, c.hectares)
		}
	}
}

func TestAreaTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := land.Area(rapid.Int64Range(-1e16, 1e16).Draw(t, "area"))
		if got, err := land.ParseArea(a.String()); err != nil || got != a {
			t.Fatalf("%d is written %q and read %d, %v", a, a, got, err)
		}
		data, err := json.Marshal(map[string]land.Area{"m2": a})
		if err != nil || string(data) != `{"m2":"`+a.String()+`"}` {
			t.Fatalf("JSON of %v: %s, %v", a, data, err)
		}
		var back map[string]land.Area
		if err := json.Unmarshal(data, &back); err != nil || back["m2"] != a {
			t.Fatalf("%s is read %v, %v", data, back, err)
		}
	})
	var a land.Area
	for _, bad := range []string{`1.5`, `null1`, `"1.555"`, `{}`, `""`, `"NaN"`} {
		if err := json.Unmarshal([]byte(bad), &a); err == nil {
			t.Errorf("JSON %s is read as %v, want an error", bad, a)
		}
	}
}

// TestReportTextExact compares the texts of reports with rational arithmetic.
func TestReportTextExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := land.Area(rapid.Int64Range(0, 1e16).Draw(t, "area"))
		mu := new(big.Rat).SetFrac64(int64(a)*1, 100)
		mu.Mul(mu, big.NewRat(15, 10000))
		if got, want := a.MuText(), halfUp(mu, 2); got != want {
			t.Fatalf("%v m² is %s 亩, want %s", a, got, want)
		}
		if got, want := a.HectaresText(), halfUp(new(big.Rat).SetFrac64(int64(a), 1e6), 4); got != want {
			t.Fatalf("%v m² is %s 公顷, want %s", a, got, want)
		}
	})
}

// halfUp rounds a rational that is not negative: FloatString rounds halves away
// from zero.
func halfUp(r *big.Rat, places int) string { return r.FloatString(places) }

func TestNetArea(t *testing.T) {
	for _, c := range []struct {
		gross, kcxs, ridge, net string
	}{
		{"1000.00", "0.0000", "0.00", "1000.00"},
		{"1000.00", "0.1234", "123.40", "876.60"},
		{"0.05", "0.1000", "0.01", "0.04"}, // 0.005 goes up
		{"333.33", "0.0557", "18.57", "314.76"},
		{"12345.67", "0.9999", "12344.44", "1.23"},
	} {
		gross, k := mustArea(t, c.gross), mustRidge(t, c.kcxs)
		if got := land.RidgeArea(gross, k).String(); got != c.ridge {
			t.Errorf("KCMJ of %s × %s = %s, want %s", c.gross, c.kcxs, got, c.ridge)
		}
		if got := land.NetArea(gross, k).String(); got != c.net {
			t.Errorf("TBDLMJ of %s × %s = %s, want %s", c.gross, c.kcxs, got, c.net)
		}
	}
	for _, bad := range []string{"1", "1.0000", "-0.1", "0.12345", "", "abc", "0,1"} {
		if k, err := land.ParseRidgeCoefficient(bad); err == nil {
			t.Errorf("KCXS %q is read as %v, want an error", bad, k)
		}
	}
	for _, bad := range []float64{-0.0001, 1, 0.99996, math.NaN(), math.Inf(1)} {
		if k, err := land.RoundRidgeCoefficient(bad); err == nil {
			t.Errorf("KCXS %v is read as %v, want an error", bad, k)
		}
	}
	if k, err := land.RoundRidgeCoefficient(0.12344999); err != nil || k.String() != "0.1234" {
		t.Errorf("KCXS 0.12344999 is %v, %v", k, err)
	}
}

// TestNetAreaExact: gross = net + ridge, and the ridge is the exact product
// rounded half up, whatever the size.
func TestNetAreaExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gross := land.Area(rapid.Int64Range(0, 1e16).Draw(t, "gross"))
		k := land.RidgeCoefficient(rapid.Int32Range(0, 9999).Draw(t, "kcxs"))
		want := new(big.Rat).Mul(big.NewRat(int64(gross), 100), big.NewRat(int64(k), 10000))
		if got := land.RidgeArea(gross, k); got.String() != halfUp(want, 2) || got+land.NetArea(gross, k) != gross {
			t.Fatalf("%v × %v: ridge %v, want %s; net %v", gross, k, got, halfUp(want, 2), land.NetArea(gross, k))
		}
	})
}

func TestRidgeTable(t *testing.T) {
	table := land.RidgeTable{
		{GDLX: land.Sloping, Slope: 1}:  900, // nonsense that must have no effect
		{GDLX: land.Sloping, Slope: 2}:  450,
		{GDLX: land.Terraced, Slope: 2}: 300,
	}
	for _, c := range []struct {
		gdlx  string
		slope land.SlopeClass
		want  land.RidgeCoefficient
	}{{"", 1, 0}, {land.Sloping, 1, 0}, {land.Sloping, 2, 450}, {land.Terraced, 2, 300}} {
		if got, err := table.Coefficient(c.gdlx, c.slope); err != nil || got != c.want {
			t.Errorf("coefficient of %q, class %v: %v, %v; want %v", c.gdlx, c.slope, got, err, c.want)
		}
	}
	for _, c := range []land.RidgeKey{{GDLX: land.Sloping, Slope: 3}, {GDLX: "", Slope: 2}, {GDLX: land.Sloping}} {
		if got, err := table.Coefficient(c.GDLX, c.Slope); err == nil {
			t.Errorf("coefficient of %v: %v, want an error", c, got)
		}
	}
}

func mustArea(t *testing.T, s string) land.Area {
	t.Helper()
	a, err := land.ParseArea(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustRidge(t *testing.T, s string) land.RidgeCoefficient {
	t.Helper()
	k, err := land.ParseRidgeCoefficient(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func FuzzParseArea(f *testing.F) {
	for _, s := range []string{"123.45", "-0.01", "", "1e9", "0000000000000001.10", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := land.ParseArea(s)
		if err != nil {
			return
		}
		back, err := land.ParseArea(a.String())
		if err != nil || back != a {
			t.Fatalf("%q is read as %v, which is read as %v, %v", s, a, back, err)
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok || exact.Cmp(big.NewRat(int64(a), 100)) != 0 {
			t.Fatalf("%q is read as %v", s, a)
		}
	})
}

func FuzzParseRidgeCoefficient(f *testing.F) {
	for _, s := range []string{"0.1234", "0", "1", "-0", "0.00000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := land.ParseRidgeCoefficient(s)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok || k < 0 || k > 9999 || exact.Cmp(big.NewRat(int64(k), 10000)) != 0 {
			t.Fatalf("%q is read as %v", s, k)
		}
	})
}
