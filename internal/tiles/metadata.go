package tiles

import (
	"fmt"
	"math"
	"net/url"

	"gengheng/internal/collection"
	"gengheng/internal/ogc"
	"gengheng/internal/tiles/style"
)

// Media types and relations.
const (
	mediaMVT  = "application/vnd.mapbox-vector-tile"
	mediaJSON = "application/json"
	mediaXML  = "application/xml"
	mediaSLD  = "application/vnd.ogc.sld+xml"

	relTilesets = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
	relScheme   = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
	relSchemes  = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"
	relGeodata  = "http://www.opengis.net/def/rel/ogc/1.0/geodata"

	// quad is the one grid: that of web maps.
	quad    = "WebMercatorQuad"
	quadURI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
	quadCRS = "http://www.opengis.net/def/crs/EPSG/0/3857"
	crs84   = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
)

// Extension is what OGC API – Features is extended by.
func (s *Service) Extension() ogc.Extension {
	const tiles, tms = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/", "http://www.opengis.net/spec/tms/2.0/conf/"
	chosen := ogc.Parameter{Name: "collections", Text: "只要这些图层，逗号分隔 · only these collections", Schema: map[string]any{"type": "array", "items": map[string]any{"type": "string"}}}
	run := ogc.Parameter{Name: "run", Text: "筛查发现与可用部分取这一次筛查的，不取工作年度现行的 · findings and remainders of this screening", Schema: map[string]any{"type": "string", "format": "uuid"}}
	plan := ogc.Parameter{Name: "plan", Text: "方案地块取这一方案的，不取工作年度现行的 · parcels of this plan", Schema: map[string]any{"type": "string", "format": "uuid"}}
	json := func(id, path, summary string, handle func(c *ogc.Call) error, takes ...ogc.Parameter) ogc.Route {
		return ogc.NewRoute(id, path, summary, mediaJSON, nil, handle, takes...)
	}
	return ogc.Extension{
		Conforms: []string{tiles + "core", tiles + "tileset", tiles + "tilesets-list", tiles + "dataset-tilesets", tiles + "geodata-tilesets", tiles + "collections-selection",
			tiles + "mvt", tiles + "oas30", tms + "tilematrixset", tms + "json-tilematrixset", tms + "tilesetmetadata", tms + "json-tilesetmetadata"},
		Routes: []ogc.Route{
			json("getTileMatrixSetsList", "/tileMatrixSets", "瓦片矩阵集清单 · the tile matrix sets", s.matrixSets),
			json("getTileMatrixSet", "/tileMatrixSets/{tileMatrixSetId}", "瓦片矩阵集 · a tile matrix set", s.matrixSet),
			json("dataset.vector.getTileSetsList", "/tiles", "全县瓦片集清单 · the county's tilesets", s.tilesets, chosen),
			json("dataset.vector.getTileSet", "/tiles/{tileMatrixSetId}", "全县瓦片集 · the county's tileset", s.tileset, chosen),
			ogc.NewRoute("dataset.vector.getTile", "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", "全县瓦片，各图层在内 · a tile of all collections", mediaMVT, []string{"mvt"}, s.matrixTile, chosen, run, plan),
			json("collection.vector.getTileSetsList", "/collections/{collection}/tiles", "图层的瓦片集清单 · a collection's tilesets", s.tilesets),
			json("collection.vector.getTileSet", "/collections/{collection}/tiles/{tileMatrixSetId}", "图层的瓦片集 · a collection's tileset", s.tileset),
			ogc.NewRoute("collection.vector.getTile", "/collections/{collection}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", "图层的瓦片 · a tile of a collection", mediaMVT, []string{"mvt"}, s.matrixTile, run, plan),
			json("tileStyle", "/style.json", "MapLibre 图式 · a MapLibre style", s.styleJSON),
			json("tileLegend", "/legend.json", "图例 · the legend", s.legend),
			ogc.NewRoute("parcelsQML", "/style.qml", "地类图斑的 QGIS 图式 · a QGIS style for parcels", mediaXML, []string{"qml"}, document(mediaXML, "dlbm.qml", style.QML)),
			ogc.NewRoute("parcelsSLD", "/style.sld", "地类图斑的 SLD · an SLD for parcels", mediaSLD, []string{"sld"}, document(mediaSLD, "dlbm.sld", style.SLD)),
			json("tileJSON", "/tilejson.json", "全县瓦片的 TileJSON · TileJSON of the county", s.tileJSON),
			json("collectionTileJSON", "/collections/{collection}/tilejson.json", "图层瓦片的 TileJSON · TileJSON of a collection", s.tileJSON),
			ogc.NewRoute("xyzTile", "/xyz/{z}/{x}/{y}", "全县瓦片，XYZ 地址，y 后可加 .pbf · a tile by its XYZ address", mediaMVT, []string{"mvt"}, s.xyzTile, chosen, run, plan),
			ogc.NewRoute("collectionXYZTile", "/collections/{collection}/xyz/{z}/{x}/{y}", "图层的瓦片，XYZ 地址，y 后可加 .pbf · a collection's tile by its XYZ address", mediaMVT, []string{"mvt"}, s.xyzTile, run, plan),
		},
		Landing: func(root string) []ogc.Link {
			return []ogc.Link{{Href: root + "/tiles", Rel: relTilesets, Type: mediaJSON, Title: "矢量瓦片 · vector tiles"},
				{Href: root + "/style.json", Rel: "stylesheet", Type: mediaJSON, Title: "MapLibre 图式 · MapLibre style"},
				{Href: root + "/tileMatrixSets", Rel: relSchemes, Type: mediaJSON, Title: "瓦片矩阵集 · tile matrix sets"}}
		},
		Links: func(at string) []ogc.Link {
			return []ogc.Link{{Href: at + "/tiles", Rel: relTilesets, Type: mediaJSON, Title: "矢量瓦片 · vector tiles"}}
		},
	}
}

func (s *Service) matrixTile(c *ogc.Call) error {
	if err := known(c.Params["tileMatrixSetId"]); err != nil {
		return err
	}
	return s.serve(c, c.Params["tileMatrix"], c.Params["tileCol"], c.Params["tileRow"])
}

func (s *Service) xyzTile(c *ogc.Call) error {
	return s.serve(c, c.Params["z"], c.Params["x"], named(c.Params["y"]))
}

func known(id string) error {
	if id == quad {
		return nil
	}
	return collection.Missing("tile-matrix-set", fmt.Sprintf("没有瓦片矩阵集 %s，只有 %s。 There is %s only.", collection.Excerpt(id), quad, quad))
}

type object = map[string]any

func (s *Service) matrixSets(c *ogc.Call) error {
	at := c.Root + "/tileMatrixSets"
	return ogc.Answer(c, object{"tileMatrixSets": []object{{"id": quad, "title": "Google Maps Compatible for the World", "uri": quadURI, "crs": quadCRS,
		"links": []ogc.Link{{Href: at + "/" + quad, Rel: "self", Type: mediaJSON, Title: quad}}}},
		"links": []ogc.Link{{Href: at, Rel: "self", Type: mediaJSON}}})
}

// matrixSet is WebMercatorQuad as OGC 17-083r4, Annex D.1, defines it.
func (s *Service) matrixSet(c *ogc.Call) error {
	if err := known(c.Params["tileMatrixSetId"]); err != nil {
		return err
	}
	const edge, pixelSize = 20037508.3427892, 0.00028
	var matrices []object
	for z := range 25 {
		cell := 2 * edge / 256 / math.Exp2(float64(z))
		matrices = append(matrices, object{"id": fmt.Sprint(z), "scaleDenominator": cell / pixelSize, "cellSize": cell, "cornerOfOrigin": "topLeft",
			"pointOfOrigin": []float64{-edge, edge}, "tileWidth": 256, "tileHeight": 256, "matrixWidth": 1 << z, "matrixHeight": 1 << z})
	}
	return ogc.Answer(c, object{"id": quad, "title": "Google Maps Compatible for the World", "uri": quadURI, "crs": quadCRS, "orderedAxes": []string{"X", "Y"},
		"wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible", "tileMatrices": matrices})
}

// set is the collections that an address is about, with what the caller sees of
// them: at is the address below which its tiles stand.
type set struct {
	at, title, text string
	only            string // the query that chooses them, if one does
	cols            []*collection.Collection
	box             *[4]float64
	county          collection.County
}

func (s *Service) set(c *ogc.Call) (*set, error) {
	out, err := s.listed(c)
	if err != nil {
		return nil, err
	}
	return out, c.Read(c.R.Context(), func(q collection.Querier) error {
		for _, col := range out.cols {
			b, err := s.registry.Extent(c.R.Context(), q, col, c.Scope)
			if err != nil {
				return err
			}
			if b != nil {
				out.extend(b.Degrees)
			}
		}
		return nil
	})
}

// listed is a set without its box, for which much has to be read the first time.
func (s *Service) listed(c *ogc.Call) (*set, error) {
	v, err := s.look(c)
	if err != nil {
		return nil, err
	}
	only, err := chosen(c)
	if err != nil {
		return nil, err
	}
	cols, err := v.choose(c.Collection, only)
	if err != nil {
		return nil, err
	}
	out := &set{at: c.Root, title: "耕衡 · " + v.County.Name + "（" + v.County.Code + "）", text: "全县各图层。 All of the county's collections.", cols: cols, county: v.County}
	if only != "" {
		out.only = "?collections=" + url.QueryEscape(only)
	}
	if c.Collection != "" {
		out.at, out.title, out.text = c.Root+"/collections/"+url.PathEscape(c.Collection), cols[0].Title, cols[0].Text
	}
	return out, nil
}

func (t *set) extend(b [4]float64) {
	switch {
	case t.box == nil:
		box := b
		t.box = &box
	default:
		t.box[0], t.box[1] = min(t.box[0], b[0]), min(t.box[1], b[1])
		t.box[2], t.box[3] = max(t.box[2], b[2]), max(t.box[3], b[3])
	}
}

// template is the address of tiles, for the caller to fill in.
func (t *set) template() string {
	return t.at + "/tiles/" + quad + "/{tileMatrix}/{tileRow}/{tileCol}" + t.only
}

// links are to the tileset and to its grid.
func (t *set) links(root string) []ogc.Link {
	return []ogc.Link{{Href: t.at + "/tiles/" + quad + t.only, Rel: "self", Type: mediaJSON, Title: t.title},
		{Href: root + "/tileMatrixSets/" + quad, Rel: relScheme, Type: mediaJSON, Title: quad}}
}

func (s *Service) tilesets(c *ogc.Call) error {
	t, err := s.set(c)
	if err != nil {
		return err
	}
	return ogc.Answer(c, object{"tilesets": []object{{"title": t.title, "dataType": "vector", "crs": quadCRS, "tileMatrixSetURI": quadURI, "links": t.links(c.Root)}},
		"links": []ogc.Link{{Href: t.at + "/tiles", Rel: "self", Type: mediaJSON}}})
}

func (s *Service) tileset(c *ogc.Call) error {
	if err := known(c.Params["tileMatrixSetId"]); err != nil {
		return err
	}
	t, err := s.set(c)
	if err != nil {
		return err
	}
	layers := []object{}
	for _, col := range t.cols {
		layers = append(layers, layerOf(col))
	}
	v := object{"title": t.title, "description": t.text, "dataType": "vector", "crs": quadCRS, "tileMatrixSetURI": quadURI, "accessConstraints": "restricted",
		"mediaTypes": []string{mediaMVT}, "tileMatrixSetLimits": t.limits(), "layers": layers,
		"links": []templated{{Link: t.links(c.Root)[0]}, {Link: t.links(c.Root)[1]},
			{Link: ogc.Link{Href: t.at + "/tilejson.json", Rel: "alternate", Type: mediaJSON, Title: "TileJSON"}},
			{Link: ogc.Link{Href: t.at, Rel: relGeodata, Type: mediaJSON, Title: t.title}},
			{Link: ogc.Link{Href: t.template(), Rel: "item", Type: mediaMVT, Title: "瓦片 · tiles"}, Templated: true}}}
	if t.box != nil {
		v["boundingBox"] = object{"lowerLeft": t.box[:2], "upperRight": t.box[2:], "crs": crs84}
	}
	return ogc.Answer(c, v)
}

// layerOf describes the layers of a collection's tiles.
func layerOf(col *collection.Collection) object {
	properties := object{}
	for _, f := range fieldsOf(col) {
		properties[f.Name] = object{"type": jsonType[f.Kind], "title": f.Title}
	}
	return object{"id": col.ID, "title": col.Title, "description": col.Text, "dataType": "vector", "geometryDimension": 2, "minTileMatrix": "0", "maxTileMatrix": fmt.Sprint(maxZoom),
		"propertiesSchema": object{"type": "object", "properties": properties}}
}

var jsonType = map[collection.Kind]string{collection.Text: "string", collection.Integer: "integer", collection.Number: "number", collection.Boolean: "boolean"}

// limits are the tiles of each zoom that hold anything.
func (t *set) limits() []object {
	out := []object{}
	if t.box == nil {
		return out
	}
	for z := 0; z <= maxZoom; z++ {
		x0, y0 := tileAt(z, t.box[0], t.box[3])
		x1, y1 := tileAt(z, t.box[2], t.box[1])
		out = append(out, object{"tileMatrix": fmt.Sprint(z), "minTileRow": y0, "maxTileRow": y1, "minTileCol": x0, "maxTileCol": x1})
	}
	return out
}

func tileAt(z int, lon, lat float64) (x, y int) {
	n := 1 << z
	x = int(math.Floor((lon/360 + 0.5) * float64(n)))
	y = int(math.Floor((0.5 - math.Atanh(math.Sin(lat*math.Pi/180))/(2*math.Pi)) * float64(n)))
	return min(max(x, 0), n-1), min(max(y, 0), n-1)
}

// templated is a link whose address is to be filled in.
type templated struct {
	ogc.Link
	Templated bool `json:"templated,omitempty"`
}

// tileJSON is TileJSON 3.0.0, which map libraries read.
func (s *Service) tileJSON(c *ogc.Call) error {
	t, err := s.set(c)
	if err != nil {
		return err
	}
	layers := []object{}
	for _, col := range t.cols {
		fields := object{}
		for _, f := range fieldsOf(col) {
			fields[f.Name] = f.Title
		}
		for _, id := range []string{col.ID, col.ID + "_label"} {
			layers = append(layers, object{"id": id, "description": col.Title, "minzoom": 0, "maxzoom": maxZoom, "fields": fields})
		}
	}
	v := object{"tilejson": "3.0.0", "name": t.title, "description": t.text, "scheme": "xyz", "tiles": []string{t.at + "/xyz/{z}/{x}/{y}.pbf"},
		"minzoom": 0, "maxzoom": maxZoom, "vector_layers": layers}
	if t.county.Synthetic {
		v["attribution"] = "合成数据，并非真实县 · synthetic data, no real county"
	}
	if t.box != nil {
		v["bounds"] = t.box[:]
		v["center"] = []float64{(t.box[0] + t.box[2]) / 2, (t.box[1] + t.box[3]) / 2, detail}
	}
	return ogc.Answer(c, v)
}
