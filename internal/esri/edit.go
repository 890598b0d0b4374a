package esri

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/collection"
)

// maxEdits is the most edits of one request.
const maxEdits = 1000

// editParameters are what every edit understands.
var editParameters = []string{"rollbackonfailure", "useglobalids", "returneditmoment", "returneditresults", "returndeleteresults", "truecurveclient", "returnserviceeditsoption"}

// edit is one feature's change under way, with what became of it.
type edit struct {
	layer  int
	action collection.Action
	object int64 // 0: not made yet
	change collection.Change
	// values are an update's, until the feature is known.
	values map[string]any
	failed error
}

// batch is the edits of one request to one layer.
type batch struct {
	col                    entry
	adds, updates, deletes []*edit
}

// editFeature is a feature as clients send it.
type editFeature struct {
	Attributes map[string]any `json:"attributes"`
	Geometry   *esriGeometry  `json:"geometry"`
}

// result is what became of one edit.
type result struct {
	ObjectID int64          `json:"objectId"`
	GlobalID any            `json:"globalId"`
	Success  bool           `json:"success"`
	Error    map[string]any `json:"error,omitempty"`
}

// editor is a handler of edits to one layer; which parameters it reads, the name
// of its answer says.
func (s *Service) editor(answer func(c *Call, p map[string]string, b *batch) (any, error), known ...string) func(c *Call) error {
	return s.bounded(func(c *Call) error {
		p, err := parameters(c.Values, append(slices.Clone(editParameters), known...)...)
		if err != nil {
			return err
		}
		if err := editable(p); err != nil {
			return err
		}
		b := &batch{}
		err = c.Read(c.R.Context(), func(q Querier) error {
			b.col, err = s.open(c.R.Context(), q, c)
			return err
		})
		if err == nil && !b.col.Editable() {
			err = readOnly(b.col)
		}
		if err != nil {
			return err
		}
		v, err := answer(c, p, b)
		if err != nil {
			return err
		}
		return Send(c.W, c.Values, v)
	})
}

// editable refuses what edits cannot be asked for.
func editable(p map[string]string) error {
	if _, err := format(p, false); err != nil {
		return err
	}
	for _, name := range []string{"useGlobalIds", "returnEditMoment"} {
		if v, err := flag(p, name, false); err != nil {
			return err
		} else if v && name == "useGlobalIds" {
			return bad("parameter-unsupported", "不支持 useGlobalIds=true；要素以 OBJECTID 为号。 Global ids are not offered.")
		}
	}
	return nil
}

// readOnly is a layer that nothing is written to.
func readOnly(e entry) *Problem {
	return &Problem{Status: http.StatusForbidden, Kind: "gis-read-only", Title: "只读图层 · Read-only layer",
		Detail: fmt.Sprintf("图层 %d（%s）只读；可以编辑的图层是转进、转出申报地块（2、3）。 This layer cannot be edited.", e.number, e.Title)}
}

func (s *Service) addFeatures(c *Call, p map[string]string, b *batch) (any, error) {
	if err := b.take(p["features"], "features", collection.Create); err != nil {
		return nil, err
	}
	err := s.carryOut(c, p, b)
	return map[string]any{"addResults": results(c, b.adds)}, err
}

func (s *Service) updateFeatures(c *Call, p map[string]string, b *batch) (any, error) {
	if err := b.take(p["features"], "features", collection.Update); err != nil {
		return nil, err
	}
	err := s.carryOut(c, p, b)
	return map[string]any{"updateResults": results(c, b.updates)}, err
}

// deleteFeatures deletes what is named or selected; what is neither is refused, so
// that nothing left out deletes a whole layer.
func (s *Service) deleteFeatures(c *Call, p map[string]string, b *batch) (any, error) {
	selection := map[string]string{}
	for _, name := range []string{"where", "objectids", "geometry", "geometrytype", "insr", "spatialrel"} {
		if v, ok := p[name]; ok {
			selection[name] = v
		}
	}
	if selection["where"] == "" && selection["objectids"] == "" && selection["geometry"] == "" {
		return nil, bad("delete", "请用 objectIds、where 或 geometry 指明要删除的要素。 Name what is to be deleted.")
	}
	ids, err := s.selected(c, b, selection)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		b.deletes = append(b.deletes, &edit{layer: b.col.number, action: collection.Delete, object: id})
	}
	err = s.carryOut(c, p, b)
	return map[string]any{"deleteResults": results(c, b.deletes)}, err
}

// selected are the numbers that a deletion is of: as they are named, even if there
// are no such features, else those that match.
func (s *Service) selected(c *Call, b *batch, p map[string]string) ([]int64, error) {
	if len(p) == 1 && p["objectids"] != "" {
		list, err := numbersOf("objectIds", p["objectids"])
		out := make([]int64, len(list))
		for i, n := range list {
			out[i] = int64(n)
		}
		return out, err
	}
	q, err := newQuery(b.col, p)
	if err != nil {
		return nil, err
	}
	var out []int64
	err = c.Read(c.R.Context(), func(db Querier) error {
		rows, err := db.Query(c.R.Context(), q.allIDs(), q.args...)
		if err != nil {
			return fmt.Errorf("numbers of %s: %w", b.col.ID, err)
		}
		defer rows.Close()
		for rows.Next() && len(out) <= maxEdits {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return fmt.Errorf("numbers of %s: %w", b.col.ID, err)
			}
			out = append(out, id)
		}
		rows.Close()
		return rows.Err()
	})
	if err != nil {
		return nil, q.spoken(err)
	}
	return out, nil
}

func (s *Service) applyEdits(c *Call, p map[string]string, b *batch) (any, error) {
	if err := b.takeAll(p["adds"], p["updates"], p["deletes"]); err != nil {
		return nil, err
	}
	if err := s.carryOut(c, p, b); err != nil {
		return nil, err
	}
	return map[string]any{"addResults": results(c, b.adds), "updateResults": results(c, b.updates), "deleteResults": results(c, b.deletes)}, nil
}

// applyAll is applyEdits of a service: of several layers at once.
func (s *Service) applyAll(c *Call) error {
	ctx := c.R.Context()
	p, err := parameters(c.Values, append(slices.Clone(editParameters), "edits")...)
	if err != nil {
		return err
	}
	if err := editable(p); err != nil {
		return err
	}
	var wanted []struct {
		ID      int             `json:"id"`
		Adds    json.RawMessage `json:"adds"`
		Updates json.RawMessage `json:"updates"`
		Deletes json.RawMessage `json:"deletes"`
	}
	if err := json.Unmarshal([]byte(p["edits"]), &wanted); err != nil {
		return bad("edits", "edits 应为 JSON 数组：[{\"id\":2,\"adds\":[],\"updates\":[],\"deletes\":[]}]。 edits is a JSON array.")
	}
	var list []*batch
	for _, w := range wanted {
		c.Layer = strconv.Itoa(w.ID)
		b := &batch{}
		err := c.Read(ctx, func(q Querier) error {
			b.col, err = s.open(ctx, q, c)
			return err
		})
		if err == nil && !b.col.Editable() {
			err = readOnly(b.col)
		}
		if err == nil {
			err = b.takeAll(string(w.Adds), string(w.Updates), string(w.Deletes))
		}
		if err != nil {
			return err
		}
		list = append(list, b)
	}
	if err := s.carryOut(c, p, list...); err != nil {
		return err
	}
	out := []any{}
	for _, b := range list {
		out = append(out, map[string]any{"id": b.col.number, "addResults": results(c, b.adds), "updateResults": results(c, b.updates), "deleteResults": results(c, b.deletes)})
	}
	return Send(c.W, c.Values, out)
}

func (b *batch) takeAll(adds, updates, deletes string) error {
	if err := b.take(adds, "adds", collection.Create); err != nil {
		return err
	}
	if err := b.take(updates, "updates", collection.Update); err != nil {
		return err
	}
	if deletes = strings.Trim(strings.TrimSpace(deletes), `"`); deletes == "" || deletes == "null" || deletes == "[]" {
		return nil
	}
	list, err := numbersOf("deletes", deletes)
	for _, n := range list {
		b.deletes = append(b.deletes, &edit{layer: b.col.number, action: collection.Delete, object: int64(n)})
	}
	return err
}

// take reads features to be made or changed. What one of them lacks is told of that
// one; a text that is no list of features is refused as a whole.
func (b *batch) take(text, name string, action collection.Action) error {
	if text == "" || text == "null" {
		return nil
	}
	var list []editFeature
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&list); err != nil || d.More() {
		return bad("features", fmt.Sprintf("%s 应为要素的 JSON 数组：[{\"attributes\":{},\"geometry\":{\"rings\":[]}}]；%s。 It is a JSON array of features.", name, excerpt(fmt.Sprint(err))))
	}
	for _, f := range list {
		e := &edit{layer: b.col.number, action: action, change: collection.Change{Action: action, Direction: b.col.Direction}}
		values := map[string]any{}
		for key, v := range f.Attributes {
			if strings.EqualFold(key, objectID) {
				e.setObject(v)
				continue
			}
			if i := slices.IndexFunc(b.col.Fields, func(f collection.Field) bool { return strings.EqualFold(f.Name, key) }); i >= 0 {
				key = b.col.Fields[i].Name
			}
			values[key] = v
		}
		if action == collection.Update && e.object == 0 {
			e.fail(bad("object-ids", fmt.Sprintf("%s 的第 %d 个要素没有 OBJECTID，不知道要修改哪一个；新建请用 addFeatures。 The feature has no OBJECTID; to make one, add it.", name, len(b.updates)+1)))
		}
		if action == collection.Create {
			e.object = 0 // a number of the client's own means nothing
			e.fail(b.col.Read(&e.change, values, false))
			b.adds = append(b.adds, e)
		} else {
			e.values = values
			b.updates = append(b.updates, e)
		}
		if f.Geometry != nil && (f.Geometry.Rings != nil || f.Geometry.kind() != "" || len(f.Geometry.Curves) > 0) {
			mp, err := b.drawn(f.Geometry)
			e.fail(err)
			e.change.Geometry = mp
		}
	}
	return nil
}

// fail notes the first thing that is wrong.
func (e *edit) fail(err error) {
	if e.failed == nil && err != nil {
		e.failed = err
	}
}

func (e *edit) setObject(v any) {
	n, ok := v.(json.Number)
	id, err := strconv.ParseInt(string(n), 10, 32)
	if v != nil && (!ok || err != nil) {
		e.fail(bad("object-ids", fmt.Sprintf("OBJECTID=%s 应为整数。 It is a whole number.", excerpt(fmt.Sprint(v)))))
	}
	e.object = id
}

// drawn brings a boundary to the county's plane.
func (b *batch) drawn(g *esriGeometry) (orb.MultiPolygon, error) {
	sr, err := planeOf(b.col.County)
	if err != nil {
		return nil, err
	}
	if len(g.SR) > 0 && string(g.SR) != "null" && string(g.SR) != "{}" {
		if sr, err = reference("geometry.spatialReference", string(g.SR), b.col.County); err != nil {
			return nil, err
		}
	}
	if g.Rings == nil || len(g.Curves) > 0 {
		return nil, collection.Unprocessable("geometry", "图形（geometry）应为多边形（rings），不能是点、线或曲线。 The geometry must be a polygon of straight lines.")
	}
	mp, err := polygonsOf(g.Rings, true)
	if err != nil {
		return nil, err
	}
	project, err := sr.project(b.col.County)
	if err != nil {
		return nil, err
	}
	if fault := collection.Misplaced(mp, project, collection.EastFirst); fault != "" {
		return nil, collection.Unprocessable("geometry", "图形（geometry）："+fault)
	}
	return mp, nil
}

// project gives the way to the county's plane.
func (sr spatialReference) project(county collection.County) (func(orb.Point) orb.Point, error) {
	if !sr.crs.Flat || sr.home {
		return sr.crs.Plane(county)
	}
	own, err := collection.CRS84.Plane(county)
	return func(p orb.Point) orb.Point {
		lon, lat := sr.zone.Geographic(p[0], p[1])
		return own(orb.Point{lon, lat})
	}, err
}

// results are what became of edits, in their order.
func results(c *Call, list []*edit) []result {
	out := []result{}
	for _, e := range list {
		r := result{ObjectID: e.object, Success: e.failed == nil}
		if e.failed != nil {
			status, text := c.Spoken(e.failed)
			r.Error = map[string]any{"code": status, "description": text}
			if e.object == 0 {
				r.ObjectID = -1
			}
		}
		out = append(out, r)
	}
	return out
}

// all are the edits in the order in which they are carried out.
func all(list []*batch) []*edit {
	var out []*edit
	for _, b := range list {
		out = append(out, slices.Concat(b.deletes, b.updates, b.adds)...)
	}
	return out
}

// carryOut does all edits or none, or each by itself if the caller does not want
// the others undone for the sake of one. Only what keeps every edit from being
// tried is an error; else each has its own.
func (s *Service) carryOut(c *Call, p map[string]string, list ...*batch) error {
	together, err := flag(p, "rollbackOnFailure", true)
	if err != nil {
		return err
	}
	edits := all(list)
	if len(edits) == 0 {
		return bad("edits", "请求中没有编辑（features、adds、updates、deletes、objectIds）。 There is nothing to edit in the request.")
	}
	if len(edits) > maxEdits {
		return bad("edits", fmt.Sprintf("一次 %d 项编辑，至多 %d 项；请分次提交，或作为文件上传。 Too many edits at once.", len(edits), maxEdits))
	}
	ctx := c.R.Context()
	if err := c.Read(ctx, func(q Querier) error { return s.resolve(ctx, q, list) }); err != nil {
		return err
	}
	if together {
		commitTogether(ctx, c, edits)
	} else {
		for _, e := range edits {
			commit(ctx, c, []*edit{e})
		}
	}
	return c.Read(ctx, func(q Querier) error { return number(ctx, q, c.County, edits) })
}

// commitTogether leaves everything as it was if anything is wrong, and says of the
// others why they were not carried out.
func commitTogether(ctx context.Context, c *Call, edits []*edit) {
	i := slices.IndexFunc(edits, func(e *edit) bool { return e.failed != nil })
	if i < 0 {
		commit(ctx, c, edits)
		return
	}
	for _, e := range edits {
		e.fail(&Problem{Status: http.StatusConflict, Kind: "gis-rolled-back", Title: "已撤销 · Rolled back",
			Detail: "同一请求中另一要素有误，全部没有保存。 Another feature of the request is wrong; nothing was saved."})
	}
}

// commit carries out edits as one.
func commit(ctx context.Context, c *Call, edits []*edit) {
	var changes []collection.Change
	for _, e := range edits {
		if e.failed == nil {
			changes = append(changes, e.change)
		}
	}
	if len(changes) == 0 {
		return
	}
	err := c.Edit(ctx, changes)
	i := 0
	for _, e := range edits {
		if e.failed == nil {
			e.change, e.failed = changes[i], err
			i++
		}
	}
}
