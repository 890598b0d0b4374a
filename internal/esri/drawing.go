package esri

import (
	"fmt"
	"strconv"

	"gengheng/internal/collection"
	"gengheng/internal/tiles/style"
)

// drawing is how a layer is drawn where nobody has said otherwise: the survey by its
// land classes in the county's colours, all others by an outline over what lies
// beneath.
func drawing(col *collection.Collection) (map[string]any, error) {
	var renderer map[string]any
	var err error
	if col.ID == "parcels" {
		renderer, err = byClass()
	} else {
		look := style.OverlayOf(col.ID, col.Title)
		light := 36
		if col.ID == "townships" {
			light = 0
		}
		renderer = map[string]any{"type": "simple", "label": col.Title, "description": ""}
		renderer["symbol"], err = symbol(look.Colour, light, look.Colour, 1.5)
	}
	return map[string]any{"transparency": 0, "labelingInfo": nil, "renderer": renderer}, err
}

// byClass is a renderer by DLBM.
func byClass() (map[string]any, error) {
	classes, err := style.Classes()
	if err != nil {
		return nil, err
	}
	const edge, thin = "#8a8a8a", 0.3
	values := []map[string]any{}
	for _, c := range classes {
		s, err := symbol(c.Colour, 255, edge, thin)
		if err != nil {
			return nil, err
		}
		values = append(values, map[string]any{"value": c.Code, "label": c.Code + " " + c.Name, "description": c.Note, "symbol": s})
	}
	other, err := symbol(style.Other, 255, edge, thin)
	return map[string]any{"type": "uniqueValue", "field1": "DLBM", "field2": nil, "field3": nil, "fieldDelimiter": ", ",
		"defaultLabel": "其他 · other", "defaultSymbol": other, "uniqueValueInfos": values}, err
}

// symbol is a fill of a colour (#rrggbb) with an outline; alpha is 0 to 255, width
// in points.
func symbol(fill string, alpha int, outline string, width float64) (map[string]any, error) {
	inside, err := colour(fill, alpha)
	if err != nil {
		return nil, err
	}
	edge, err := colour(outline, 255)
	return map[string]any{"type": "esriSFS", "style": "esriSFSSolid", "color": inside,
		"outline": map[string]any{"type": "esriSLS", "style": "esriSLSSolid", "color": edge, "width": width}}, err
}

func colour(hex string, alpha int) ([]int, error) {
	v, err := strconv.ParseUint(hex[1:], 16, 24)
	if err != nil {
		return nil, fmt.Errorf("colour %s: %w", hex, err)
	}
	return []int{int(v >> 16), int(v >> 8 & 255), int(v & 255), alpha}, nil
}
