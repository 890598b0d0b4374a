// Package overlay computes with geometry alone: it knows no database and no
// clause.
//
// What it holds: slope classes of polygons over a digital elevation model
// (坡度分级), by exact coverage of partly covered cells. A [SlopeBuilder] turns
// the rows of a DEM into a [SlopeMap] of one byte per cell; [SlopeMap.Zonal]
// then answers for any polygon in time proportional to its perimeter, whatever
// its area.
//
// All coordinates are metres in one plane (the county's Gauss-Kruger plane,
// x = easting, y = northing). The amounts given back are amounts of that plane
// and serve for shares and majorities only; an area that is reported or added
// up is the ellipsoidal one of package land.
package overlay
