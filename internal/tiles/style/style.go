// Package style is how the county's collections look (图式): one table of land-class
// colours, written as a MapLibre style, a QGIS style, an SLD and a legend. Knows no
// database and no HTTP.
package style

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"gengheng/internal/land"
)

//go:embed colours.csv
var coloursCSV string

// Class is a land class (地类) with its colour. Note is "" or what is doubtful of it.
type Class struct {
	Code string `json:"code"`
	Name string `json:"name"`
	// Colour is #rrggbb.
	Colour string `json:"colour"`
	Note   string `json:"note,omitempty"`
}

// table is the colours by code.
var table = sync.OnceValues(func() (map[string]Class, error) {
	r := csv.NewReader(strings.NewReader(coloursCSV))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("colours.csv: %w", err)
	}
	out := map[string]Class{}
	for i, row := range rows[1:] {
		if _, err := strconv.ParseUint(row[1], 16, 24); err != nil || len(row[1]) != 6 {
			return nil, fmt.Errorf("colours.csv: row %d: %q is no colour", i+1, row[1])
		}
		out[row[0]] = Class{Code: row[0], Colour: "#" + strings.ToLower(row[1]), Note: row[2]}
	}
	return out, nil
})

// Classes are all classes of the survey in the order of their codes. A class whose
// code has a letter at its end (可调整 K, 养殖坑塘 A) has the colour of the class
// without it.
func Classes() ([]Class, error) {
	colours, err := table()
	if err != nil {
		return nil, err
	}
	var out []Class
	for _, c := range land.Classes() {
		v, ok := colours[c.Code]
		if !ok {
			v, ok = colours[strings.TrimRight(c.Code, "AK")]
		}
		if !ok {
			return nil, fmt.Errorf("colours.csv has no colour for %s %s", c.Code, c.Name)
		}
		v.Code, v.Name = c.Code, c.Name
		out = append(out, v)
	}
	return out, nil
}

// Other is the colour of a class that the table does not know.
const Other = "#f0f0f0"

// Overlay is how a collection other than the survey is drawn: an outline and a
// light fill, so that the land classes stay readable beneath.
type Overlay struct {
	ID     string `json:"collection"`
	Title  string `json:"title"`
	Colour string `json:"colour"`
	width  float64
	fill   float64 // opacity
	dashed bool
}

// known are the looks of collections, from the bottom up; layers that are not
// among them have one of the palette's.
var known = map[string]Overlay{
	"YJJBNTTB": {Colour: "#2b7a0b", width: 1.2, fill: 0.12}, "STBHHX": {Colour: "#d7191c", width: 1.6, fill: 0.12}, "CZKFBJ": {Colour: "#7b3294", width: 1.6, fill: 0.08},
	"remainders": {Colour: "#00876c", width: 1, fill: 0.25}, "findings": {Colour: "#c51b7d", width: 1.2, fill: 0.2, dashed: true},
	"candidates_in": {Colour: "#0b5fff", width: 2, fill: 0.15}, "candidates_out": {Colour: "#e66101", width: 2, fill: 0.15},
	"plan_parcels": {Colour: "#1a1a1a", width: 2.2, fill: 0.05}, "townships": {Colour: "#555555", width: 1.4, dashed: true},
}

var palette = []string{"#a6611a", "#5e3c99", "#01665e", "#8c510a", "#b2182b", "#542788", "#35978f", "#4d4d4d"}

// OverlayOf is the look of a collection; the same code always has the same one.
func OverlayOf(id, title string) Overlay {
	v, ok := known[id]
	if !ok {
		sum := 0
		for _, b := range []byte(id) {
			sum = sum*31 + int(b)
		}
		v = Overlay{Colour: palette[(sum%len(palette)+len(palette))%len(palette)], width: 1.2, fill: 0.12}
	}
	v.ID, v.Title = id, title
	return v
}

// Legend is the table as people read it.
type Legend struct {
	Classes  []Class   `json:"classes"`
	Overlays []Overlay `json:"overlays"`
	Other    string    `json:"other"`
	Source   string    `json:"source"`
}

// LegendOf is the legend of the classes and of the collections drawn over them.
func LegendOf(overlays []Overlay) (Legend, error) {
	classes, err := Classes()
	if overlays == nil {
		overlays = []Overlay{}
	}
	return Legend{Classes: classes, Overlays: overlays, Other: Other,
		Source: "官方色标未公开；颜色取自三个公开来源的一致部分，有出入的注明待核。 The official table is not public; these are what three public sources agree on."}, err
}
