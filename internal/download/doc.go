// Package download (下载) writes the rows of a collection into a file that desktop
// programs open: GeoPackage, shapefile, file geodatabase, GeoJSON, FlatGeobuf, CSV
// or a workbook.
//
// Rows go from the database into the file one by one, in the caller's transaction:
// a file is of one state of the data, holds what the caller may see, and takes the
// same memory whatever its size. It is made whole on disk before any of it is
// sent, so that a fault is a message and never half a file.
//
// A file that was downloaded can be uploaded again: its columns have the names that
// intake looks for, what a layer came with besides is in columns of its own again,
// and coordinates are those that are stored, in the county's plane, unless another
// system is asked for. Coordinates are easting (longitude) first in every format,
// as the formats have it, whatever order the system's definition names.
package download

import (
	"slices"
	"strings"

	"gengheng/internal/collection"
	"gengheng/internal/geodata"
)

// Format is a kind of file.
type Format struct {
	// Name is what f= says; Title is for people.
	Name, Title, Media, Extension string
	driver                        geodata.Driver // "": written here
	packed                        bool           // several files in a zip
	text                          bool           // no geometry
}

// Encoded: the format's text is in an encoding that has to be chosen.
func (f Format) Encoded() bool { return f.driver == geodata.ShapefileDriver }

// Formats are all that there are, the first for who names none.
func Formats() []Format {
	return []Format{
		{Name: "gpkg", Title: "GeoPackage", Media: "application/geopackage+sqlite3", Extension: ".gpkg", driver: geodata.GPKGDriver},
		{Name: "shp", Title: "shapefile（zip）", Media: "application/zip", Extension: ".shp.zip", driver: geodata.ShapefileDriver, packed: true},
		{Name: "gdb", Title: "文件地理数据库（zip） · file geodatabase", Media: "application/zip", Extension: ".gdb.zip", driver: geodata.FileGDBDriver, packed: true},
		{Name: "geojson", Title: "GeoJSON", Media: "application/geo+json", Extension: ".geojson"},
		{Name: "fgb", Title: "FlatGeobuf", Media: "application/vnd.flatgeobuf", Extension: ".fgb", driver: geodata.FlatGeobufDriver},
		{Name: "csv", Title: "CSV（无图形） · without geometry", Media: "text/csv; charset=utf-8", Extension: ".csv", text: true},
		{Name: "xlsx", Title: "工作簿（无图形） · workbook without geometry", Media: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Extension: ".xlsx", text: true},
	}
}

// FormatNames are what f= may say.
func FormatNames() []string {
	var out []string
	for _, f := range Formats() {
		out = append(out, f.Name)
	}
	return out
}

// FindFormat finds a format by its name; one that there is not is a *Problem.
func FindFormat(name string) (Format, error) {
	list := Formats()
	i := slices.IndexFunc(list, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, collection.Bad("format", "没有下载格式 f="+collection.Excerpt(name)+"；可用："+strings.Join(FormatNames(), "、")+"。 There is no such format to download.")
	}
	return list[i], nil
}

// Request is what to write.
type Request struct {
	Collection *collection.Collection
	// Where are conditions over t beside the collection's own; Args are all
	// parameters, the collection's own first.
	Where []string
	Args  []any
	// Only are the fields to write; nil: all.
	Only []string
	// CRS is the coordinate system; a zero one is the format's own: the county's
	// plane, of GeoJSON CRS84.
	CRS    collection.CRS
	Format Format
	// Encoding of a shapefile's text: "UTF-8" (also "") or "GBK".
	Encoding string
	// Child is the path of gengheng-gdal; empty finds it.
	Child string
	// MaxBytes bounds every file that is written.
	MaxBytes int64
}

// File is what was written.
type File struct {
	Path string
	// Name is for people, with Chinese in it; Plain is the same in ASCII.
	Name, Plain, Media string
	Features           int64
	// EPSG is the code of the coordinates' system; 0 without geometry.
	EPSG int
}
