package geodata

import "iter"

// Driver names a format that Write can produce.
type Driver string

const (
	// ShapefileDriver writes one .shp set per layer into the folder Path.
	ShapefileDriver Driver = "ESRI Shapefile"
	// FileGDBDriver writes the file geodatabase folder Path (ending .gdb).
	FileGDBDriver Driver = "OpenFileGDB"
	// GPKGDriver writes the GeoPackage file Path.
	GPKGDriver Driver = "GPKG"
	// GeoJSONDriver writes the GeoJSON file Path (one layer).
	GeoJSONDriver Driver = "GeoJSON"
)

// WriteRequest says what Write is to produce. The data are trusted: they come
// from this program, not from strangers.
type WriteRequest struct {
	// Path must not exist yet, except the folder of a shapefile request.
	Path   string
	Driver Driver
	// Encoding of names and text of a shapefile, "GBK" or "UTF-8" (default);
	// a .cpg states it. The other formats are UTF-8 by definition.
	Encoding string
	Layers   []WriteLayer
	// Child is the path of gengheng-gdal, as in Options.
	Child string
}

// WriteLayer is one layer to write.
type WriteLayer struct {
	Name string
	// Alias 别名 is kept by geodatabases and GeoPackage.
	Alias  string
	Fields []Field
	// EPSG is the CRS of the geometries, which are written as they are.
	EPSG int
	// Features are written in order; Row and Issues are ignored. Values are
	// aligned with Fields.
	Features iter.Seq2[Feature, error]
}
