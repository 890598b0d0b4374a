// Package report writes what people take away from a plan: the workbook of the
// plan (方案附表), the layers for a desktop GIS, and a short Chinese text.
//
// Nothing is computed here that a decision rests on: every number is one that
// another room has stored. Same rows, same bytes.
package report
