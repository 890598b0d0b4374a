package esri

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"gengheng/internal/collection"
)

// numbered are the collections that have a number of their own.
var numbered = []string{"townships", "parcels", "candidates_in", "candidates_out", "findings", "remainders", "plan_parcels"}

// layerNumber is a collection's number as a layer. It never changes: a constraint
// layer has one by its code, so that layers that come and go leave the others'
// numbers alone. The map that a saved project draws by number stays the same map.
func layerNumber(c *collection.Collection) int {
	if i := slices.Index(numbered, c.ID); i >= 0 {
		return i
	}
	h := fnv.New32a()
	h.Write([]byte(c.ID)) // never fails
	return 1000 + int(h.Sum32()%1_000_000)
}

// entry is a collection with its number.
type entry struct {
	number int
	*collection.Collection
}

// entries are the collections of a county; two codes whose numbers meet, which is
// one in a million, are kept apart by the order of the catalogue.
func (s *Service) entries(ctx context.Context, q Querier, county string) ([]entry, collection.County, error) {
	cat, err := s.registry.Catalogue(ctx, q, county)
	if err != nil {
		return nil, collection.County{}, err
	}
	taken := map[int]bool{}
	var out []entry
	for _, col := range cat.Collections {
		n := layerNumber(col)
		for taken[n] {
			n++
		}
		taken[n] = true
		out = append(out, entry{n, col})
	}
	return out, cat.County, nil
}

// open finds the layer that the path names.
func (s *Service) open(ctx context.Context, q Querier, c *Call) (entry, error) {
	list, _, err := s.entries(ctx, q, c.County)
	if err != nil {
		return entry{}, err
	}
	known := ""
	for i, e := range list {
		if strconv.Itoa(e.number) == c.Layer {
			return e, nil
		}
		if i > 0 {
			known += "、"
		}
		known += fmt.Sprintf("%d %s", e.number, e.Title)
	}
	return entry{}, collection.Missing("layer", fmt.Sprintf("没有图层 %s；现有：%s。 No such layer now.", excerpt(c.Layer), known))
}

// Info is what a server says of itself before anybody has said who they are:
// where tokens are to be had, if any are needed.
func Info(tokenURL string, minutes int, secured bool) map[string]any {
	v := map[string]any{"currentVersion": version, "fullVersion": "10.9.1", "soapUrl": nil, "secureSoapUrl": nil,
		"authInfo": map[string]any{"isTokenBasedSecurity": secured}}
	if secured {
		v["authInfo"] = map[string]any{"isTokenBasedSecurity": true, "tokenServicesUrl": tokenURL, "shortLivedTokenValidity": minutes}
	}
	return v
}

func (s *Service) catalogue(c *Call) (any, error) {
	// the county must be there
	err := c.Read(c.R.Context(), func(q Querier) error {
		_, err := collection.ReadCounty(c.R.Context(), q, c.County)
		return err
	})
	return map[string]any{"currentVersion": version, "folders": []string{},
		"services": []map[string]any{{"name": ServiceName, "type": "FeatureServer", "url": c.Root + "/" + ServiceName + "/FeatureServer"}}}, err
}

// capabilities are what the caller may do with a layer.
func capabilities(c *Call, editable bool) string {
	if editable && c.Editor {
		return "Query,Create,Update,Delete,Editing"
	}
	return "Query"
}

func (s *Service) service(c *Call) (any, error) {
	ctx := c.R.Context()
	var out map[string]any
	err := c.Read(ctx, func(q Querier) error {
		list, county, err := s.entries(ctx, q, c.County)
		if err != nil {
			return err
		}
		plane, err := planeOf(county)
		if err != nil {
			return err
		}
		layers := []map[string]any{}
		editable := false
		var whole *collection.Bounds
		for _, e := range list {
			editable = editable || e.Editable()
			layers = append(layers, map[string]any{"id": e.number, "name": e.Title, "type": "Feature Layer", "geometryType": polygonType,
				"parentLayerId": -1, "defaultVisibility": e.ID != "findings", "subLayerIds": nil, "minScale": 0, "maxScale": 0})
			if box, err := s.registry.Extent(ctx, q, e.Collection, c.Scope); err != nil {
				return err
			} else if box != nil {
				whole = union(whole, box)
			}
		}
		text := "三调图斑、约束图层、进出平衡申报地块、筛查结论与年度方案。 Survey, constraint layers, declarations, findings and plan of the county."
		out = map[string]any{"currentVersion": version, "serviceDescription": county.Name + "：" + text, "description": text,
			"hasVersionedData": false, "supportsDisconnectedEditing": false, "hasStaticData": false, "syncEnabled": false,
			"maxRecordCount": maxRecords, "supportedQueryFormats": queryFormats, "capabilities": capabilities(c, editable),
			"allowGeometryUpdates": editable && c.Editor, "allowUpdateWithoutMValues": true, "units": "esriMeters",
			"supportsApplyEditsWithGlobalIds": false, "supportsTrueCurve": false, "returnServiceEditsHaveSR": false,
			"copyrightText": credit(county), "spatialReference": plane, "initialExtent": extentOf(whole, plane), "fullExtent": extentOf(whole, plane),
			"layers": layers, "tables": []any{}, "documentInfo": map[string]any{"Title": "耕衡 · " + county.Name}}
		return nil
	})
	return out, err
}

func credit(county collection.County) string {
	if county.Synthetic {
		return "合成数据，并非真实县 · synthetic data, no real county"
	}
	return ""
}

func union(a, b *collection.Bounds) *collection.Bounds {
	if a == nil {
		v := *b
		return &v
	}
	p, o := a.Plane, b.Plane
	a.Plane = [4]float64{min(p[0], o[0]), min(p[1], o[1]), max(p[2], o[2]), max(p[3], o[3])}
	return a
}

// extentOf is an extent in the county's plane. Where there is nothing, clients
// still need numbers: a kilometre about the zone's origin.
func extentOf(b *collection.Bounds, sr spatialReference) map[string]any {
	v := [4]float64{sr.middle - 1000, 3_999_000, sr.middle + 1000, 4_001_000}
	if b != nil {
		v = b.Plane
	}
	return map[string]any{"xmin": v[0], "ymin": v[1], "xmax": v[2], "ymax": v[3], "spatialReference": sr}
}

func (s *Service) layers(c *Call) (any, error) {
	ctx := c.R.Context()
	list := []any{}
	err := c.Read(ctx, func(q Querier) error {
		all, _, err := s.entries(ctx, q, c.County)
		if err != nil {
			return err
		}
		for _, e := range all {
			v, err := s.describe(ctx, c, q, e)
			if err != nil {
				return err
			}
			list = append(list, v)
		}
		return nil
	})
	return map[string]any{"layers": list, "tables": []any{}}, err
}

func (s *Service) layer(c *Call) (any, error) {
	ctx := c.R.Context()
	var out map[string]any
	err := c.Read(ctx, func(q Querier) error {
		e, err := s.open(ctx, q, c)
		if err != nil {
			return err
		}
		out, err = s.describe(ctx, c, q, e)
		return err
	})
	return out, err
}
