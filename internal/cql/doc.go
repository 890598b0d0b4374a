// Package cql reads filters as desktop GIS send them: CQL2 text (OGC 21-065r2,
// 通用查询语言) and the `where` of Esri's feature services. A filter is parsed,
// typed against the queryables (可查询字段) that the caller names, and written
// as a condition for PostGIS whose every value is a parameter: no byte of the
// user's text ever stands in the SQL.
//
// Conditions have SQL's three values: a comparison with a field that is empty
// is unknown, and a row is selected only where the whole filter is true.
//
// What can be evaluated cannot fail: division by zero, the root of a negative
// number and powers beyond 10^217 are NULL (unknown), not an error of the
// database. Arithmetic is exact decimal arithmetic, whatever the columns are.
//
// A calendar date (DATE) is a day in China Standard Time (北京时间). Where a
// date meets a timestamp the two are compared by day, so that
// `updated = DATE('2026-01-01')` is true all that day.
package cql
