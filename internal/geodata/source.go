package geodata

import (
	"log/slog"
	"strings"

	"github.com/paulmach/orb"
)

// Options says how a file is to be read. The zero value reads a file into the
// plane of its own zone.
type Options struct {
	// Name is what the user calls the file, for messages; "" takes the path's
	// last element.
	Name string
	// SRID is the target plane, EPSG 4534-4554. 0 takes the plane of the
	// zone that the data lie in (its central meridian).
	SRID int
	// County is the county's extent in degrees of longitude and latitude,
	// CGCS2000. The zero value means unknown. It is used to name the CRS that
	// fits an undeclared file and to find features that lie elsewhere.
	County orb.Bound
	// CRS declares the file's CRS ("EPSG:4525", "4490") and overrides what
	// the file says.
	CRS string
	// Zone declares CGCS2000 3-degree zone 25-45; with or without prefix is
	// seen from the coordinates. 0 means not given.
	Zone int
	// TOWGS84 are the seven parameters of a Xi'an 80 or Beijing 54 file.
	TOWGS84 *DatumShift
	// Encoding overrides the encoding of a shapefile or TXT: "GBK", "UTF-8".
	Encoding string
	// Child is the path of gengheng-gdal; "" looks in GENGHENG_GDAL, beside
	// the running program, and in PATH.
	Child string
	// TempDir holds the private folder into which archives are unpacked; ""
	// is the system's.
	TempDir string
	// Limits bound archives; zero fields take DefaultLimits.
	Limits Limits
	// Logger receives what an operator should know (sandbox missing); nil is
	// slog.Default().
	Logger *slog.Logger
}

// Limits bound what an archive may unpack to.
type Limits struct {
	// UploadBytes bounds the archive itself.
	UploadBytes int64
	// TotalBytes bounds the sum of all unpacked entries.
	TotalBytes int64
	// Entries bounds the number of entries.
	Entries int
	// Ratio bounds unpacked/packed of one entry beyond its first MiB.
	Ratio int64
}

// DefaultLimits: 200 MB upload, 1 GB unpacked, 2000 entries, ratio 200.
var DefaultLimits = Limits{UploadBytes: 200 << 20, TotalBytes: 1 << 30, Entries: 2000, Ratio: 200}

func (l Limits) withDefaults() Limits {
	if l.UploadBytes == 0 {
		l.UploadBytes = DefaultLimits.UploadBytes
	}
	if l.TotalBytes == 0 {
		l.TotalBytes = DefaultLimits.TotalBytes
	}
	if l.Entries == 0 {
		l.Entries = DefaultLimits.Entries
	}
	if l.Ratio == 0 {
		l.Ratio = DefaultLimits.Ratio
	}
	return l
}

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }
