package ogc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gengheng/internal/collection"
)

// edits is OGC 20-002r1, Requirements Classes "Create/Replace/Delete", "Update",
// "Features" and "Optimistic Locking using ETags". QGIS finds out by OPTIONS what
// it may do, sends geometry and attributes in two PATCHes, and never If-Match: a
// condition that is there is held to, one that is not is not asked for, since every
// version of a declaration is kept.
func (s *Service) edits() class {
	const part4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
	const items, one = "/collections/{collection}/items", "/collections/{collection}/items/{feature}"
	return class{
		conforms: []string{part4 + "create-replace-delete", part4 + "update", part4 + "features", part4 + "optimistic-locking-etags"},
		routes: []Route{
			{ID: "ogcCreate", Method: http.MethodPost, Path: items, Handle: s.create, feature: true, summary: "新建一个要素 · add a feature", media: mediaGeoJSON, takes: mediaGeoJSON},
			{ID: "ogcReplace", Method: http.MethodPut, Path: one, Handle: s.replace, feature: true, summary: "替换一个要素 · replace a feature", media: mediaGeoJSON, takes: mediaGeoJSON},
			{ID: "ogcUpdate", Method: http.MethodPatch, Path: one, Handle: s.update, feature: true, summary: "修改一个要素 · change a feature", media: mediaGeoJSON, takes: mediaPatch},
			{ID: "ogcDelete", Method: http.MethodDelete, Path: one, Handle: s.remove, feature: true, summary: "删除一个要素 · delete a feature", media: mediaGeoJSON},
			{ID: "ogcItemsOptions", Method: http.MethodOptions, Path: items, Handle: s.options(http.MethodPost)},
			{ID: "ogcFeatureOptions", Method: http.MethodOptions, Path: one, Handle: s.options(http.MethodPut, http.MethodPatch, http.MethodDelete)},
		},
	}
}

const mediaPatch = "application/merge-patch+json"

// maxBody bounds the body of a feature, in bytes: some 200,000 vertices.
const maxBody = 8 << 20

// methods are what the caller may do at an address of a collection. It depends on
// the caller, not on the feature: programs ask once, of the first feature, for all.
func methods(c *Call, col *collection.Collection, edits []string) string {
	list := []string{http.MethodGet, http.MethodHead, http.MethodOptions}
	if col.Editable() && c.Editor {
		list = append(list, edits...)
	}
	return strings.Join(list, ", ")
}

func (s *Service) options(edits ...string) func(c *Call) error {
	return func(c *Call) error {
		col, err := s.open(c)
		if err != nil {
			return err
		}
		h := c.W.Header()
		h.Set("Allow", methods(c, col, edits))
		if col.Editable() && slices.Contains(edits, http.MethodPatch) {
			h.Set("Accept-Patch", mediaPatch)
		}
		h.Add("Vary", "Authorization")
		c.W.WriteHeader(http.StatusOK)
		return nil
	}
}

// open finds the collection of the address.
func (s *Service) open(c *Call) (col *collection.Collection, err error) {
	ctx := c.R.Context()
	err = c.Read(ctx, func(q Querier) error {
		col, err = s.registry.Open(ctx, q, c.County, c.Collection)
		return err
	})
	return col, err
}

// editable is open for a collection that can be edited.
func (s *Service) editable(c *Call, edits ...string) (*collection.Collection, error) {
	col, err := s.open(c)
	if err != nil {
		return nil, err
	}
	if err := newQuery(col).apply(s.params(col, true), c.R.URL.Query()); err != nil {
		return nil, err
	}
	if !col.Editable() {
		c.W.Header().Set("Allow", methods(c, col, edits))
		return nil, &Problem{Status: http.StatusMethodNotAllowed, Kind: "gis-read-only", Title: "只读图层 · Read-only collection",
			Detail: fmt.Sprintf("图层 %s 只读；可以编辑的图层是 candidates_in、candidates_out。 This collection cannot be edited.", col.ID)}
	}
	return col, nil
}

func (s *Service) create(c *Call) error {
	col, err := s.editable(c, http.MethodPost)
	if err != nil {
		return err
	}
	change := []collection.Change{{Action: collection.Create, Direction: col.Direction}}
	if err := readBody(c, col, &change[0]); err != nil {
		return err
	}
	if err := c.Edit(c.R.Context(), change); err != nil {
		return err
	}
	c.Feature = fmt.Sprintf("%d.%s", change[0].Year, change[0].Number)
	c.W.Header().Set("Location", c.Root+"/collections/"+url.PathEscape(col.ID)+"/items/"+url.PathEscape(c.Feature))
	return s.answer(c, http.StatusCreated)
}

func (s *Service) replace(c *Call) error { return s.change(c, collection.Replace) }

func (s *Service) update(c *Call) error { return s.change(c, collection.Update) }

func (s *Service) change(c *Call, action collection.Action) error {
	col, change, err := s.existing(c, action)
	if err != nil {
		return err
	}
	if err := readBody(c, col, &change[0]); err != nil {
		return err
	}
	if err := c.Edit(c.R.Context(), change); err != nil {
		return err
	}
	return s.answer(c, http.StatusOK)
}

func (s *Service) remove(c *Call) error {
	_, change, err := s.existing(c, collection.Delete)
	if err != nil {
		return err
	}
	if err := c.Edit(c.R.Context(), change); err != nil {
		return err
	}
	c.W.WriteHeader(http.StatusNoContent)
	return nil
}

// existing is a change of the feature that the address names.
func (s *Service) existing(c *Call, action collection.Action) (*collection.Collection, []collection.Change, error) {
	col, err := s.editable(c, http.MethodPut, http.MethodPatch, http.MethodDelete)
	if err != nil {
		return nil, nil, err
	}
	_, keys, ok := col.Split(c.Feature)
	values, fine := col.Values(keys)
	if !ok || !fine {
		return nil, nil, missing("feature", fmt.Sprintf("图层 %s 没有要素 %s。 No such feature.", col.ID, excerpt(c.Feature)))
	}
	year, _ := values[0].(int64)
	return col, []collection.Change{{Action: action, Direction: col.Direction, Year: int(year), Number: keys[1], Match: conditions(c.R.Header.Values("If-Match"))}}, nil
}

// conditions are the versions that If-Match names; nil: there is no condition. A
// weak or foreign tag matches nothing (RFC 9110, 13.1.1).
func conditions(headers []string) []string {
	if len(headers) == 0 {
		return nil
	}
	out := []string{}
	for one := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		one = strings.TrimSpace(one)
		if one == "*" {
			return nil
		}
		version, _, found := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(one, `"`), `"`), ".")
		if found && strings.HasPrefix(one, `"`) && len(version) == versionDigits {
			out = append(out, version)
		}
	}
	return out
}

// feature is the body of an edit: a GeoJSON feature, or a merge patch of one.
type feature struct {
	Type       string          `json:"type"`
	Geometry   json.RawMessage `json:"geometry"`
	Properties map[string]any  `json:"properties"`
	CRS        json.RawMessage `json:"crs"`
}

// readBody fills a change with what the request's body says.
func readBody(c *Call, col *collection.Collection, change *collection.Change) error {
	if err := takes(c, change.Action == collection.Update); err != nil {
		return err
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.W, c.R.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Kind: "too-large", Title: "请求体过大 · Too large",
			Detail: fmt.Sprintf("一个要素不得超过 %d MB；顶点更多的请作为文件上传。 A feature is at most this large; upload it as a file.", maxBody>>20)}
	}
	if err != nil {
		return bad("body", "请求体没有完整收到，请重试。 The body did not arrive whole; try again.")
	}
	var in feature
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&in); err != nil || d.More() {
		return bad("body", "请求体不是一个 JSON 要素（GeoJSON Feature）："+excerpt(fmt.Sprint(err))+"。 The body is not one JSON feature.")
	}
	if in.Type != "Feature" && in.Type != "" {
		return collection.Unprocessable("feature-type", fmt.Sprintf("type 为 %q，应为 Feature；一次一个要素。 One Feature at a time.", excerpt(in.Type)))
	}
	if err := checkMembers(raw, change.Action == collection.Update); err != nil {
		return err
	}
	delete(in.Properties, "id") // QGIS from 3.44 has it among the fields
	if err := col.Read(change, in.Properties, change.Action == collection.Update); err != nil {
		return err
	}
	return readGeometry(c, col, &in, change)
}

// members are what a feature has; a client that sends back what it was given sends
// the links too.
var members = []string{"type", "id", "geometry", "properties", "bbox", "crs", "links"}

// checkMembers refuses what a feature has not, which would be left aside in silence,
// and a patch that would take away what a feature must have.
func checkMembers(raw []byte, patch bool) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil || all == nil {
		return bad("body", "请求体是 null，应为一个 JSON 要素（GeoJSON Feature）。 The body is not one JSON feature.")
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(members, name) {
			return bad("member-unknown", fmt.Sprintf("要素没有成员 %s；可用：%s。字段写在 properties 里。 A feature has no such member; its fields stand in properties.", excerpt(name), strings.Join(members, "、")))
		}
	}
	if !patch {
		if string(all["type"]) == "null" || all["type"] == nil {
			return collection.Unprocessable("feature-type", "缺少 type，应为 Feature；一次一个要素。 One Feature at a time.")
		}
		return nil
	}
	for _, name := range []string{"type", "properties"} {
		if string(all[name]) == "null" {
			return collection.Unprocessable("member-null", fmt.Sprintf("%s 为 null：要素不能没有它；要清空字段，请逐个写 null。 The member cannot be taken away; set single fields to null.", name))
		}
	}
	return nil
}

// takes refuses a body of another type. A merge patch must say so, since a
// feature sent by PATCH could be meant whole.
func takes(c *Call, patch bool) error {
	media, _, err := mime.ParseMediaType(c.R.Header.Get("Content-Type"))
	list := []string{mediaGeoJSON, mediaJSON}
	if patch {
		list = []string{mediaPatch}
		c.W.Header().Set("Accept-Patch", mediaPatch)
	}
	if err != nil || !slices.Contains(list, media) {
		return &Problem{Status: http.StatusUnsupportedMediaType, Kind: "media-type", Title: "不支持的内容类型 · Unsupported media type",
			Detail: fmt.Sprintf("Content-Type 为 %q，应为 %s。 Send one of these types.", excerpt(c.R.Header.Get("Content-Type")), strings.Join(list, "、"))}
	}
	return nil
}

// readGeometry brings the boundary to the county's plane, from the system that
// Content-Crs names (QGIS leaves its angle brackets away) or CRS84.
func readGeometry(c *Call, col *collection.Collection, in *feature, change *collection.Change) error {
	system := collection.CRS84
	var err error
	if h := c.R.Header.Get("Content-Crs"); h != "" {
		if system, err = col.County.System("Content-Crs", h); err != nil {
			return err
		}
	}
	if fault := collection.OtherSystem(in.CRS, system.Name()); fault != "" {
		return collection.Unprocessable("crs", fault)
	}
	if in.Geometry == nil {
		return nil
	}
	project, err := system.Plane(col.County)
	if err != nil {
		return err
	}
	mp, fault := collection.PolygonsOf(in.Geometry, system.Name())
	if fault == "" {
		fault = collection.Misplaced(mp, project, system.Order())
	}
	if fault != "" {
		return collection.Unprocessable("geometry", "图形（geometry）："+fault)
	}
	change.Geometry = mp
	return nil
}
