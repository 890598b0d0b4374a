package ogc

import "gengheng/internal/collection"

// crsClass is OGC 18-058r1, "Coordinate Reference Systems by Reference". The axis
// order of answers is that of the system's definition, as QGIS and GDAL expect.
func crsClass() class {
	take := func(name string, at func(q *query) *collection.CRS) func(q *query, value string) error {
		return func(q *query, value string) error {
			v, err := q.col.County.System(name, value)
			if err == nil {
				*at(q) = v
			}
			return err
		}
	}
	uri := map[string]any{"type": "string", "format": "uri"}
	return class{
		conforms: []string{"http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs"},
		params: []param{
			{name: "crs", text: "答复的坐标系，按该坐标系定义的轴序 · the answer's CRS, in its own axis order", schema: uri, feature: true,
				set: take("crs", func(q *query) *collection.CRS { return &q.out })},
			{name: "bbox-crs", text: "bbox 的坐标系与轴序 · the CRS and axis order of bbox", schema: uri,
				set: take("bbox-crs", func(q *query) *collection.CRS { return &q.boxCRS })},
		},
		describe: func(col *collection.Collection, v *description) {
			v.CRS = nil
			for _, c := range collection.Systems(col.County) {
				v.CRS = append(v.CRS, c.URI)
				if c.SRID == col.County.SRID {
					v.StorageCRS = c.URI
				}
			}
		},
	}
}
