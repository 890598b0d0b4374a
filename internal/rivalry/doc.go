// Package rivalry measures the program's overlay, zonal statistics and loading
// beside the tools that bureaus use for the same work: PostGIS by plain and by
// well-tuned SQL, GeoPandas, PostGIS raster and ogr2ogr. All of them get the same
// synthetic county (合成县), in one run, one after the other, and their answers
// are compared pair by pair.
//
// Rivals are given every advantage that costs nothing to give: planar areas
// where the program's are ellipsoidal, prepared tables, GeoPandas' geometry
// handed over in memory order and its results not written back.
package rivalry
