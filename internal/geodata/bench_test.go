package geodata_test

import (
	"testing"

	"gengheng/internal/geodata"
	"gengheng/internal/geodata/geodatatest"
)

// BenchmarkRead reads 20,000 parcels of some 60 vertices each, with a survey's
// columns, from every format; b.N counts whole files.
func BenchmarkRead(b *testing.B) {
	features := randomParcels(20_000)
	for _, driver := range []geodata.Driver{geodata.ShapefileDriver, geodata.FileGDBDriver, geodata.GPKGDriver, geodata.GeoJSONDriver} {
		b.Run(string(driver), func(b *testing.B) {
			path := writeTo(b, b.TempDir(), driver, "GBK", 4546, features)
			b.ReportAllocs()
			for b.Loop() {
				s, err := geodata.Open(b.Context(), path, geodata.Options{SRID: 4546, Child: geodatatest.Child(b)})
				if err != nil {
					b.Fatal(err)
				}
				l, err := s.Layer("")
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for _, err := range l.Features(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != len(features) {
					b.Fatalf("%d features", n)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
