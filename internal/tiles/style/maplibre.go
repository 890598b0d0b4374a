package style

type object = map[string]any

// MapLibre is a style of the MapLibre Style Specification, version 8: tiles is the
// XYZ template of the county's tiles. It has one layer per class with a filter that
// QGIS 3.22 reads too (of "match" that version makes nothing). It has no glyphs:
// labels are drawn with the reader's own fonts.
func MapLibre(name, tiles string, maxZoom int, bounds *[4]float64, overlays []Overlay) (any, error) {
	classes, err := Classes()
	if err != nil {
		return nil, err
	}
	source := object{"type": "vector", "tiles": []string{tiles}, "minzoom": 0, "maxzoom": maxZoom}
	v := object{"version": 8, "name": name, "sources": object{"county": source}}
	if bounds != nil {
		source["bounds"] = bounds[:]
		v["center"] = []float64{(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2}
		v["zoom"] = 11
	}
	// what is of no class of the table shows too
	layers := []object{fill("parcels-other", "parcels", Other, 1)}
	for _, c := range classes {
		l := fill("parcels-"+c.Code, "parcels", c.Colour, 1)
		l["filter"] = []any{"==", []any{"get", "DLBM"}, c.Code}
		l["metadata"] = object{"title": c.Code + " " + c.Name}
		layers = append(layers, l)
	}
	outline := line("parcels-outline", "parcels", "#8a8a8a", 0.4, false)
	outline["minzoom"] = 14
	layers = append(layers, outline)
	for _, o := range overlays {
		if o.fill > 0 {
			layers = append(layers, fill(o.ID+"-fill", o.ID, o.Colour, o.fill))
		}
		layers = append(layers, line(o.ID+"-line", o.ID, o.Colour, o.width, o.dashed))
	}
	for _, l := range []struct {
		layer, field string
		from         int
	}{{"townships", "XZQMC", 9}, {"parcels", "DLBM", 15}, {"candidates_in", "SBBH", 13}, {"candidates_out", "SBBH", 13}} {
		layers = append(layers, object{"id": l.layer + "-label", "type": "symbol", "source": "county", "source-layer": l.layer + "_label", "minzoom": l.from,
			"layout": object{"text-field": []any{"get", l.field}, "text-font": []string{"Noto Sans CJK SC"}, "text-size": 11},
			"paint":  object{"text-color": "#222222", "text-halo-color": "#ffffff", "text-halo-width": 1}})
	}
	v["layers"] = layers
	return v, nil
}

func fill(id, layer, colour string, opacity float64) object {
	return object{"id": id, "type": "fill", "source": "county", "source-layer": layer, "paint": object{"fill-color": colour, "fill-opacity": opacity}}
}

func line(id, layer, colour string, width float64, dashed bool) object {
	paint := object{"line-color": colour, "line-width": width}
	if dashed {
		paint["line-dasharray"] = []float64{4, 2}
	}
	return object{"id": id, "type": "line", "source": "county", "source-layer": layer, "paint": paint}
}
