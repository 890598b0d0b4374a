package screening

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/paulmach/orb"

	"gengheng/internal/rulebook"
)

// layer is a kind of polygons with what of it lies inside the candidates.
type layer struct {
	kind     string
	version  string
	features []feature
	sources  []source
	// parts[candidate.index] are sorted by feature, then by order; their fid is
	// the place in features.
	parts [][]part
}

// feature is one polygon of a layer, by what a check or a reader asks of it.
type feature struct {
	bsm, code, name, level string
	// parcel is set for DLTB.
	parcel *parcel
}

// value gives a field that a check's where may ask.
func (f *feature) value(field string) string {
	if f.parcel != nil {
		return f.parcel.value(field)
	}
	switch field {
	case "code":
		return f.code
	case "name":
		return f.name
	case "level":
		return f.level
	}
	return ""
}

// overlaid lists the kinds whose parts inside the candidates the checks need,
// with the directions that need them.
func (j *job) overlaid() map[string][]rulebook.Direction {
	need := map[string][]rulebook.Direction{}
	add := func(kind string, d rulebook.Direction) {
		if !slices.Contains(need[kind], d) {
			need[kind] = append(need[kind], d)
		}
	}
	for _, clause := range j.book.Clauses {
		for _, k := range clause.Checks {
			switch k.Test {
			case rulebook.TestOverlap, rulebook.TestWithin, rulebook.TestSlope, rulebook.TestTownship, rulebook.TestScoreShare, rulebook.TestScoreGrade:
				add(k.Layer, clause.Direction)
			}
		}
	}
	// What a parcel is now, and what cultivated land it takes, the survey says.
	add(kindSurvey, rulebook.Out)
	add(kindSurvey, rulebook.In)
	return need
}

// source is a dataset of a layer.
type source struct {
	table layerTable
	// places says where each fid stands among the layer's features.
	places map[int32]int32
}

// overlaidKinds are those of overlaid that the county has, the longest first.
func (j *job) overlaidKinds() []string {
	var kinds []string
	for kind := range j.overlaid() {
		if info, ok := j.book.Layer(kind); ok && info.Form != rulebook.Polygons && kind != kindSurvey {
			continue
		}
		if len(j.of(kind)) > 0 {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	if i := slices.Index(kinds, kindSurvey); i > 0 {
		kinds = slices.Insert(slices.Delete(kinds, i, i+1), 0, kindSurvey)
	}
	return kinds
}

// readLayers takes all layers that are to be overlaid into memory. What the job
// has read stays with it, whatever leaves the cache meanwhile.
func (j *job) readLayers(ctx context.Context) error {
	j.need, j.kinds = j.overlaid(), j.overlaidKinds()
	kinds := j.kinds
	j.sources = make(map[string]*layer, len(kinds))
	var (
		done  int64
		mutex sync.Mutex
	)
	group, ctx := newGroup(ctx)
	for _, kind := range kinds {
		l := &layer{kind: kind, version: j.version(kind)}
		j.sources[kind] = l
		group.Go(func() error {
			for _, d := range j.of(kind) {
				places, err := j.readFeatures(ctx, l, d)
				if err != nil {
					return fmt.Errorf("图层 %s 读取失败 · read layer %s: %w", kind, kind, err)
				}
				l.sources = append(l.sources, source{layerTable{table: tableOf(kind), dataset: d.ID}, places})
			}
			mutex.Lock()
			defer mutex.Unlock()
			done++
			j.tell("载入图层 · load layers", done, int64(len(kinds)))
			return nil
		})
	}
	return group.Wait()
}

// overlayAll fills the parts of every layer: of several candidates some layers
// at once, of one candidate one after the other, since that takes less time than
// a goroutine.
func (j *job) overlayAll(ctx context.Context) error {
	j.layers = make(map[string]*layer, len(j.sources))
	group, ctx := newGroup(ctx)
	var todo []func() error
	for _, kind := range j.kinds {
		l := *j.sources[kind]
		l.parts = make([][]part, len(j.candidates))
		j.layers[kind] = &l
		subjects := make([]orb.MultiPolygon, len(j.candidates))
		for i, c := range j.candidates {
			if slices.Contains(j.need[kind], c.direction) {
				subjects[i] = c.geom
			}
		}
		todo = append(todo, func() error {
			if err := j.overlayLayer(ctx, &l, subjects); err != nil {
				return fmt.Errorf("图层 %s 叠加失败 · overlay with layer %s: %w", kind, kind, err)
			}
			return nil
		})
	}
	if len(j.candidates) == 1 {
		for _, do := range todo {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	}
	for _, do := range todo {
		group.Go(do)
	}
	return group.Wait()
}

func (j *job) overlayLayer(ctx context.Context, l *layer, subjects []orb.MultiPolygon) error {
	for _, s := range l.sources {
		skip := func(subject int, fid int32) bool {
			place, ok := s.places[fid]
			return !ok || l.isItself(place, j.candidates[subject])
		}
		err := j.engine.Overlaps(ctx, subjects, s.table, skip, func(subject int, p part) {
			if skip(subject, p.fid) {
				return
			}
			p.fid = s.places[p.fid]
			l.parts[subject] = append(l.parts[subject], p)
		})
		if err != nil {
			return err
		}
	}
	for _, parts := range l.parts {
		slices.SortFunc(parts, comparePart)
	}
	return nil
}

// isItself tells whether a feature is the candidate's own declaration: a number
// stands once among those of its direction.
func (l *layer) isItself(place int32, c *candidate) bool {
	switch {
	case l.kind == kindIn && c.direction == rulebook.In, l.kind == kindOut && c.direction == rulebook.Out:
		return c.number != "" && l.features[place].bsm == c.number
	}
	return false
}

func tableOf(kind string) string {
	switch kind {
	case kindSurvey:
		return "parcel"
	case kindIn, kindOut:
		return "candidate"
	}
	return "layer_feature"
}

// readFeatures appends the features of a dataset to the layer and says where
// each fid stands.
func (j *job) readFeatures(ctx context.Context, l *layer, d dataset) (map[int32]int32, error) {
	places := map[int32]int32{}
	add := func(fid int32, f feature) {
		places[fid] = int32(len(l.features))
		l.features = append(l.features, f)
	}
	if l.kind == kindSurvey {
		s, err := j.loadSurvey(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		l.features = slices.Clip(s.features)
		return s.places, nil
	}
	loaded, err := j.loadLayer(ctx, tableOf(l.kind), d.ID)
	if err != nil {
		return nil, err
	}
	if len(l.features) == 0 { // as a rule: a layer is one dataset
		l.features = slices.Clip(loaded.features)
		return loaded.places, nil
	}
	for i, f := range loaded.features {
		add(loaded.fids[i], f)
	}
	return places, nil
}
