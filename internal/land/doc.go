// Package land is the vocabulary of the cultivated-land in/out balance
// (耕地进出平衡): land classes and the other code tables of the third national
// land survey (三调, TD/T 1055-2019 and TD/T 1057-2020), administrative codes,
// units of area, CGCS2000 three-degree zones, the official ellipsoidal area of
// a parcel and an additive one for pieces of parcels, the deduction of field
// ridges (田坎) and splitting without residue.
//
// It is pure: no files, no database, no state. Every table is data that can be
// listed; every figure has its unit in its name or in its comment.
package land
