// Package screening judges every declared parcel (申报地块) against every clause
// of the rulebook: candidates × layers × clauses → findings and verdicts.
//
// [Run] reads the current dataset versions of a county, overlays the candidates
// with them in the county's Gauss-Kruger plane, and writes one verdict for each
// candidate and one finding for each clause that has something to say, all in
// one transaction. The same dataset versions and rulebook give the same rows:
// [ExportFindings] writes them as canonical lines that can be compared byte for
// byte.
//
// Areas of overlaps are additive ellipsoidal areas (land.AdditiveArea), so that
// pieces add up to the whole; areas of parcels and of clipped remainders are
// the official ones (land.OfficialArea). Each stored area says in docs/screening.md
// which of the two it is.
package screening
