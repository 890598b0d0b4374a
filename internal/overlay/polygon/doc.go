// Package polygon overlays polygons exactly (多边形叠加): candidates against the
// features of a constraint layer, and polygon with polygon.
//
// A [Layer] is indexed once per dataset version and then answers from many
// goroutines. [Layer.Overlay] gives for every feature that a [Candidate]
// overlaps the area, on the CGCS2000 ellipsoid by the additive rule of
// [land.AdditiveEdge], and, when asked, the geometry. [Intersection],
// [Difference] and [Union] do the same for polygons that have no layer.
//
// All coordinates are metres in one Gauss-Kruger plane (x = easting,
// y = northing); edges are straight in it.
//
// Which points lie on which side of which line is decided exactly. What touches
// without crossing (shared edges, common corners, a vertex on an edge) needs no
// cases of its own, because the second polygon is thought of as shifted by
// (ε, ε²) with ε smaller than any number (simulation of simplicity,
// Edelsbrunner & Mücke 1990): after that nothing touches. The shift is undone in
// the coordinates given back, so that what it tore apart or let overlap has no
// width and cancels.
//
// Every answer is certified: it is computed again with the operands exchanged,
// which turns the shift round; and the area is summed by Green's theorem without
// an order among the crossings and compared with that of the rings found by
// walking. An answer that fails carries a [Doubt] and must be computed by
// something else. See docs/overlay.md.
package polygon
