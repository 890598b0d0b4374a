package screening

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/overlay/polygon"
	"gengheng/internal/rulebook"
)

// State names what candidates are to be judged by.
type State struct {
	County string
	Year   int
	// Rulebook is the version; empty is the county's present one.
	Rulebook string
	// Datasets are the versions to read, by id; empty are the current ones of
	// the year, as a run begun now would read them.
	Datasets []uuid.UUID
}

// Session is a state of a county, loaded. It judges candidates in memory and
// writes nothing. It may be used by many goroutines, and stays what it was when
// newer versions are committed. It keeps what it has loaded in memory, so it
// should not live long: opening another costs little as long as the layers are
// in the cache.
type Session struct {
	base job
}

// Open loads a state. It refuses a county, rulebook or dataset that is not
// there.
func (s *Screener) Open(ctx context.Context, state State) (*Session, error) {
	j := s.newJob(state.County)
	j.year = state.Year
	if err := j.open(ctx, state); err != nil {
		return nil, fmt.Errorf("open county %s of %d: %w", state.County, state.Year, err)
	}
	return &Session{base: j}, nil
}

func (j *job) open(ctx context.Context, state State) error {
	var (
		srid           int
		document, name string
	)
	err := j.db.Pool.QueryRow(ctx, `
		SELECT c.srid, b.document, b.id FROM county c JOIN rulebook b ON b.version = coalesce(nullif($2, ''), c.rulebook)
		WHERE c.county_code = $1`, j.county, state.Rulebook).Scan(&srid, &document, &name)
	if errors.Is(err, pgx.ErrNoRows) {
		return &Refusal{Code: refusedState, TitleZH: "没有这个县或规则库", TitleEN: "no such county or rulebook",
			DetailZH: fmt.Sprintf("没有县 %s，或没有规则库版本 %s", j.county, state.Rulebook), DetailEN: fmt.Sprintf("there is no county %s, or no rulebook %s", j.county, state.Rulebook),
			HintZH: "请先建县并选定规则库", HintEN: "make the county and choose its rulebook first"}
	}
	if err != nil {
		return fmt.Errorf("read the county: %w", err)
	}
	if err := j.take(srid, name, document); err != nil {
		return err
	}
	if len(state.Datasets) == 0 {
		err = j.readDatasets(ctx)
	} else {
		err = j.readVersions(ctx, state.Datasets)
	}
	if err != nil {
		return err
	}
	return j.load(ctx)
}

// readVersions takes the datasets of the given ids.
func (j *job) readVersions(ctx context.Context, ids []uuid.UUID) error {
	rows, err := j.db.Pool.Query(ctx, `
		SELECT kind, scope, dataset_id, version, year FROM dataset
		WHERE county_code = $1 AND dataset_id = ANY($2) AND status = 'committed'`, j.county, ids)
	if err != nil {
		return fmt.Errorf("read the datasets: %w", err)
	}
	if err := j.takeDatasets(rows); err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(j.datasets, func(d dataset) bool { return d.ID == id }) {
			return &Refusal{Code: refusedState, TitleZH: "没有这个数据集版本", TitleEN: "no such dataset version",
				DetailZH: fmt.Sprintf("县 %s 没有已提交的数据集 %s", j.county, id), DetailEN: fmt.Sprintf("county %s has no committed dataset %s", j.county, id),
				HintZH: "请选用已提交的版本", HintEN: "choose a version that is committed"}
		}
	}
	return nil
}

// Declaration (申报) is a candidate to be judged, which need not be stored.
type Declaration struct {
	Direction rulebook.Direction
	// Number tells declarations of one direction apart. A stored declaration of
	// the same direction and number is this one in an earlier form, and no other
	// land that it could overlap.
	Number    string
	Township  string
	BaseDLBM  string
	BaseBSM   string
	Target    string
	Purpose   string
	Method    string
	GDLX      string
	Actor     string
	Documents map[string]string
	Attrs     map[string]any
	// Geometry is valid, in the county's plane.
	Geometry orb.MultiPolygon
}

// Judgement is what there is to say about one declaration.
type Judgement struct {
	Verdict  Verdict
	Findings []Finding
}

// SRID is the EPSG code of the county's plane.
func (s *Session) SRID() int { return s.base.srid }

// Zone is the county's plane.
func (s *Session) Zone() land.Zone { return s.base.zone }

// Rulebook is what the session judges by.
func (s *Session) Rulebook() *rulebook.Rulebook { return s.base.book }

// Missing lists the layers and tables that the rulebook needs and the county
// lacks.
func (s *Session) Missing() []string { return s.base.missing() }

// Judge gives a judgement for each declaration, in the same order, as a run
// would that found them declared beside all others. It refuses numbers that
// repeat and coordinates out of range.
func (s *Session) Judge(ctx context.Context, declarations []Declaration) ([]Judgement, error) {
	base := s.base
	list := make([]*candidate, len(declarations))
	for i, d := range declarations {
		prepared, err := polygon.Prepare(d.Geometry)
		if err != nil {
			return nil, &Refusal{Code: refusedGeometry, TitleZH: "申报图形不可用", TitleEN: "the boundary cannot be used",
				DetailZH: fmt.Sprintf("第 %d 个申报：%v", i+1, err), DetailEN: fmt.Sprintf("declaration %d: %v", i+1, err),
				HintZH: "请检查坐标和坐标系", HintEN: "check the coordinates and their system"}
		}
		list[i] = base.declare(d)
		list[i].prepared = prepared
	}
	base.candidates = slices.Clone(list)
	if err := base.number(); err != nil {
		return nil, err
	}
	j := base.with(base.candidates)
	if err := j.judge(ctx); err != nil {
		return nil, fmt.Errorf("judge %d declarations: %w", len(list), err)
	}
	j.totals.whatIfs.Add(1)
	j.totals.tried.Add(int64(len(list)))
	out := make([]Judgement, len(list))
	for i, c := range list {
		out[i].Verdict = j.verdictRow(j.verdicts[c.index])
		for _, f := range j.findings[c.index] {
			out[i].Findings = append(out[i].Findings, j.findingRow(f))
		}
	}
	return out, nil
}

// declare makes a candidate as if it had been read.
func (j *job) declare(d Declaration) *candidate {
	c := &candidate{direction: d.Direction, number: d.Number, township: d.Township, baseDLBM: d.BaseDLBM, baseBSM: d.BaseBSM,
		target: d.Target, purpose: d.Purpose, method: d.Method, gdlx: d.GDLX, actor: d.Actor, attrs: d.Attrs, geom: d.Geometry,
		area: land.OfficialArea(d.Geometry, j.zone), m2: land.AdditiveArea(d.Geometry, j.zone), documents: map[string]string{}}
	for code, text := range d.Documents {
		c.documents[code] = text
	}
	c.dropPlaceholders(j.book)
	return c
}
