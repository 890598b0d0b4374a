package ogc

import (
	"context"
	"net/url"

	"gengheng/internal/collection"
)

// core is OGC 17-069r4, Requirements Class "Core": landing page, conformance,
// collections, items.
func (s *Service) core() class {
	return class{
		conforms: []string{"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"},
		routes: []Route{
			{ID: "ogcLanding", Path: "", Handle: s.landing, summary: "首页 · landing page", media: mediaJSON},
			{ID: "ogcConformance", Path: "/conformance", Handle: s.conformance, summary: "符合性声明 · conformance declaration", media: mediaJSON},
			{ID: "ogcCollections", Path: "/collections", Handle: s.collections, summary: "图层清单 · the collections", media: mediaJSON},
			{ID: "ogcCollection", Path: "/collections/{collection}", Handle: s.collection, summary: "一个图层 · one collection", media: mediaJSON},
			{ID: "ogcItems", Path: "/collections/{collection}/items", Handle: s.items, items: true, summary: "图层的要素 · a collection's features", media: mediaGeoJSON},
			{ID: "ogcFeature", Path: "/collections/{collection}/items/{feature}", Handle: s.feature, feature: true, summary: "一个要素 · one feature", media: mediaGeoJSON},
		},
		params: coreParams(),
	}
}

// geoJSON is Requirements Class "GeoJSON": how items are written (encode.go).
func geoJSON() class {
	return class{conforms: []string{"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson"}}
}

func (s *Service) landing(c *Call) error {
	return c.Read(c.R.Context(), func(q Querier) error {
		county, err := collection.ReadCounty(c.R.Context(), q, c.County)
		if err != nil {
			return err
		}
		v := struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			Attribution string `json:"attribution,omitempty"`
			Links       []link `json:"links"`
		}{Title: "耕衡 · " + county.Name + "（" + county.Code + "）",
			Description: "三调图斑、约束图层、进出平衡申报地块、筛查结论与年度方案。 Survey, constraint layers, declarations, findings and plan of the county, by OGC API – Features.",
			Links: []link{
				{c.Root, "self", mediaJSON, "本页 · this page"},
				{c.Root + "/conformance", "conformance", mediaJSON, "符合性声明 · conformance"},
				{c.Root + "/collections", "data", mediaJSON, "图层清单 · the collections"},
			}}
		if county.Synthetic {
			v.Attribution = "合成数据，并非真实县 · synthetic data, no real county"
		}
		for _, cl := range s.classes {
			if cl.landing != nil {
				v.Links = append(v.Links, cl.landing(c.Root)...)
			}
			for _, r := range cl.routes {
				if r.ID == "ogcAPI" {
					v.Links = append(v.Links, link{c.Root + r.Path, "service-desc", mediaOpenAPI, "接口说明 · the API's definition"})
				}
			}
		}
		return send(c, mediaJSON, v)
	})
}

// Conforms lists the classes that are registered.
func (s *Service) Conforms() []string {
	var out []string
	for _, c := range s.classes {
		out = append(out, c.conforms...)
	}
	return out
}

func (s *Service) conformance(c *Call) error {
	return send(c, mediaJSON, map[string]any{"conformsTo": s.Conforms(), "links": []link{{c.Root + "/conformance", "self", mediaJSON, ""}}})
}

// description is what a collection says of itself.
type description struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Links       []link   `json:"links"`
	Extent      *extent  `json:"extent,omitempty"`
	ItemType    string   `json:"itemType"`
	CRS         []string `json:"crs"`
	StorageCRS  string   `json:"storageCrs,omitempty"`
}

type extent struct {
	Spatial struct {
		BBox [][]float64 `json:"bbox"`
		CRS  string      `json:"crs"`
	} `json:"spatial"`
}

// describe makes a collection's description; its extent is real, of what the
// caller may see.
func (s *Service) describe(ctx context.Context, c *Call, q Querier, col *collection.Collection) (description, error) {
	at := c.Root + "/collections/" + url.PathEscape(col.ID)
	v := description{ID: col.ID, Title: col.Title, Description: col.Text, ItemType: "feature", CRS: []string{collection.CRS84.URI},
		Links: []link{{at, "self", mediaJSON, ""}, {at + "/items", "items", mediaGeoJSON, col.Title}}}
	box, err := s.registry.Extent(ctx, q, col, c.Scope)
	if err != nil {
		return v, err
	}
	if box != nil {
		v.Extent = &extent{}
		v.Extent.Spatial.BBox, v.Extent.Spatial.CRS = [][]float64{box.Degrees[:]}, collection.CRS84.URI
	}
	for _, cl := range s.classes {
		if cl.describe != nil {
			cl.describe(col, &v)
		}
		if cl.links != nil {
			v.Links = append(v.Links, cl.links(at)...)
		}
	}
	return v, nil
}

func (s *Service) collections(c *Call) error {
	ctx := c.R.Context()
	return c.Read(ctx, func(q Querier) error {
		cat, err := s.registry.Catalogue(ctx, q, c.County)
		if err != nil {
			return err
		}
		list := []description{}
		for _, col := range cat.Collections {
			v, err := s.describe(ctx, c, q, col)
			if err != nil {
				return err
			}
			list = append(list, v)
		}
		out := map[string]any{"collections": list, "links": []link{{c.Root + "/collections", "self", mediaJSON, ""}}}
		if list := s.globalCRS(cat.County); list != nil {
			out["crs"] = list
		}
		return send(c, mediaJSON, out)
	})
}

// globalCRS is the list that every collection refers to; nil without the class.
func (s *Service) globalCRS(county collection.County) []string {
	probe := description{}
	for _, cl := range s.classes {
		if cl.describe != nil {
			cl.describe(&collection.Collection{County: county}, &probe)
		}
	}
	return probe.CRS
}

func (s *Service) collection(c *Call) error {
	ctx := c.R.Context()
	return c.Read(ctx, func(q Querier) error {
		col, err := s.registry.Open(ctx, q, c.County, c.Collection)
		if err != nil {
			return err
		}
		v, err := s.describe(ctx, c, q, col)
		if err != nil {
			return err
		}
		return send(c, mediaJSON, v)
	})
}
