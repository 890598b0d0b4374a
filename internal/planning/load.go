package planning

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/land"
	"gengheng/internal/store"
)

// candidate is one declared parcel with its verdict.
type candidate struct {
	direction, number string
	township          string
	verdict           string
	exempt            bool // 国家安排的生态退耕: not counted in the balance
	net, paddy        land.Area
	grade             *Grade // nil: not known
	scores            map[string]float64
	reasons           json.RawMessage
	geom              orb.MultiPolygon // the usable part
}

func (c *candidate) key() string { return c.direction + "/" + c.number }

type township struct {
	code, name string
	x, y       float64 // centroid in the county plane, metres
}

// fixedParcel is a cultivated parcel, or what out candidates leave of it.
type fixedParcel struct {
	fid   int32
	geom  orb.MultiPolygon
	cutBy []string // numbers of the out candidates that cut it
	// scraps are the thin parts that cutting left, not in geom.
	scraps orb.MultiPolygon
}

// overlap is land that two candidates of one direction both claim.
type overlap struct {
	a, b string // candidate keys, a < b
}

// survey is all that a plan is made from.
type survey struct {
	county     string
	countyName string
	synthetic  bool
	zone       land.Zone // of the county plane
	year       int
	rulebook   string // version
	rules      string // document
	runID      uuid.UUID
	options    json.RawMessage
	datasets   []datasetRef
	townships  []township   // by code
	candidates []*candidate // out before in, by number
	parcels    []fixedParcel
	tracks     []orb.MultiPolygon
	border     orb.MultiPolygon
	overlaps   []overlap
}

type datasetRef struct {
	Kind      string    `json:"kind"`
	Scope     string    `json:"scope"`
	DatasetID uuid.UUID `json:"dataset_id"`
	Version   string    `json:"version"`
}

var (
	//go:embed sql/plan.sql
	sqlPlan string
	//go:embed sql/run.sql
	sqlRun string
	//go:embed sql/townships.sql
	sqlTownships string
	//go:embed sql/border.sql
	sqlBorder string
	//go:embed sql/candidates.sql
	sqlCandidates string
	//go:embed sql/usable.sql
	sqlUsable string
	//go:embed sql/parcels.sql
	sqlParcels string
	//go:embed sql/tracks.sql
	sqlTracks string
	//go:embed sql/overlaps.sql
	sqlOverlaps string
)

var errPlanDone = errors.New("plan is done")

// loadPlan reads the plan row and its screening run.
func loadPlan(ctx context.Context, db *store.DB, county string, planID uuid.UUID) (*survey, error) {
	s := &survey{county: county}
	var planStatus, runStatus string
	var datasets []byte
	var srid int
	err := db.Pool.QueryRow(ctx, sqlPlan, county, planID).Scan(&planStatus, &s.options, &s.year, &s.runID,
		&runStatus, &s.rulebook, &datasets, &s.rules, &s.countyName, &s.synthetic, &srid)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("没有方案 %s（县 %s）· no plan %s in county %s", planID, county, planID, county)
	}
	if err != nil {
		return nil, fmt.Errorf("read plan %s: %w", planID, err)
	}
	if planStatus == "done" {
		return nil, errPlanDone
	}
	return s, s.begin(runStatus, srid, datasets)
}

// loadRun reads a screening run of which a plan is to be made that has no row.
func loadRun(ctx context.Context, db *store.DB, county string, runID uuid.UUID) (*survey, error) {
	s := &survey{county: county, runID: runID}
	var runStatus string
	var datasets []byte
	var srid int
	err := db.Pool.QueryRow(ctx, sqlRun, county, runID).Scan(&runStatus, &s.year, &s.rulebook, &datasets, &s.rules, &s.countyName, &s.synthetic, &srid)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, refuse("screening-not-found", "没有这次筛查 · No such screening run",
			"县 %s 没有筛查 %s。 County %s has no screening run %s.", county, runID, county, runID)
	}
	if err != nil {
		return nil, fmt.Errorf("read screening run %s: %w", runID, err)
	}
	return s, s.begin(runStatus, srid, datasets)
}

// begin takes what the run's row says.
func (s *survey) begin(runStatus string, srid int, datasets []byte) error {
	var known bool
	if s.zone, known = land.ByEPSG(srid); !known {
		return fmt.Errorf("县 %s 的坐标系 EPSG:%d 不是 CGCS2000 三度带 · county %s is in EPSG:%d, no three-degree zone of CGCS2000", s.county, srid, s.county, srid)
	}
	if runStatus != "done" {
		return refuse("screening-not-done", "筛查尚未完成 · The screening run is not done",
			"筛查 %s 的状态是 %s；请待其完成后再编制方案。 Screening run %s is %s; plan when it is done.", s.runID, runStatus, s.runID, runStatus)
	}
	if err := json.Unmarshal(datasets, &s.datasets); err != nil {
		return fmt.Errorf("read the datasets of screening run %s: %w", s.runID, err)
	}
	return nil
}

func (s *survey) dataset(kinds ...string) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, d := range s.datasets {
		if slices.Contains(kinds, d.Kind) {
			ids = append(ids, d.DatasetID)
		}
	}
	return ids
}

// load reads everything else in one snapshot. takesPart says which candidates
// the plan may choose: the others' land stays as it is.
func (s *survey) load(ctx context.Context, db *store.DB, takesPart func(*candidate) bool, minOverlap float64) error {
	for _, kind := range []string{"DLTB", "XZQ"} {
		if len(s.dataset(kind)) != 1 {
			return refuse("layer-missing", "缺少图层 · A layer is missing",
				"筛查 %s 未使用 %s 图层，无法编制方案；请上传该图层并重新筛查。 Screening run %s has no %s; upload it and screen again.", s.runID, kind, s.runID, kind)
		}
	}
	tx, err := db.Pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	// The transaction makes a temporary table and nothing else.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := s.loadTownships(ctx, tx); err != nil {
		return err
	}
	if err := s.loadCandidates(ctx, tx); err != nil {
		return err
	}
	return s.loadLand(ctx, tx, takesPart, minOverlap)
}

func (s *survey) loadTownships(ctx context.Context, tx pgx.Tx) error {
	var err error
	s.townships, err = collect(ctx, tx, scanTownship, sqlTownships, s.county, s.dataset("XZQ"))
	if err != nil {
		return fmt.Errorf("read townships: %w", err)
	}
	if len(s.townships) == 0 {
		return refuse("layer-empty", "行政区图层没有乡镇 · No townships",
			"行政区 XZQ 图层中没有 9 位乡镇代码（XZQDM）的图斑。 The XZQ layer has no feature with a 9-digit township code.")
	}
	var border []byte
	if err := tx.QueryRow(ctx, sqlBorder, s.county, s.dataset("XZQ")).Scan(&border); err != nil {
		return fmt.Errorf("read the county's border: %w", err)
	}
	s.border, err = multiPolygon(border)
	return err
}

func scanTownship(row pgx.CollectableRow) (t township, err error) {
	err = row.Scan(&t.code, &t.name, &t.x, &t.y)
	return t, err
}

func (s *survey) loadCandidates(ctx context.Context, tx pgx.Tx) error {
	var err error
	s.candidates, err = collect(ctx, tx, scanCandidate, sqlCandidates, s.county, s.runID, s.dataset("CANDIDATE_IN", "CANDIDATE_OUT"))
	if err != nil {
		return fmt.Errorf("read verdicts: %w", err)
	}
	known := map[string]bool{}
	for _, t := range s.townships {
		known[t.code] = true
	}
	for i, c := range s.candidates {
		if i > 0 && s.candidates[i-1].key() == c.key() {
			return refuse("duplicate-number", "申报编号重复 · Duplicate number",
				"申报编号 %s（%s）在两个数据集中出现。 Number %s (%s) is in two datasets.", c.number, directionZH(c.direction), c.number, c.direction)
		}
		if !known[c.township] {
			return refuse("unknown-township", "乡镇代码不在行政区图层中 · Unknown township",
				"申报地块 %s 的乡镇代码 %q 不在行政区 XZQ 图层中；请更正申报或图层后重新筛查。 Candidate %s names township %q, which the XZQ layer does not have.",
				c.number, c.township, c.number, c.township)
		}
	}
	return nil
}

func scanCandidate(row pgx.CollectableRow) (*candidate, error) {
	c := &candidate{}
	var grade *int64
	var geom []byte
	err := row.Scan(&c.direction, &c.number, &c.township, &c.verdict, &c.exempt,
		&c.net, &c.paddy, &grade, &c.scores, &c.reasons, &geom)
	if err != nil {
		return nil, err
	}
	if geom == nil {
		return nil, fmt.Errorf("申报地块 %s 有筛查结论而没有申报图形 · candidate %s has a verdict and no boundary", c.key(), c.key())
	}
	if grade != nil {
		g := Grade(*grade)
		if g < gradeBest || g > gradeWorst {
			return nil, fmt.Errorf("申报地块 %s 的等别 %v 不在 1–15 · candidate %s: grade out of range", c.key(), float64(g)/1000, c.key())
		}
		c.grade = &g
	}
	c.geom, err = multiPolygon(geom)
	return c, err
}

// multiPolygon reads WKB and turns rings as package adjacency wants them.
func multiPolygon(b []byte) (orb.MultiPolygon, error) {
	if b == nil {
		return nil, nil
	}
	g, err := wkb.Unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("read a geometry: %w", err)
	}
	mp, ok := g.(orb.MultiPolygon)
	if !ok {
		p, isPolygon := g.(orb.Polygon)
		if !isPolygon {
			return nil, fmt.Errorf("read a geometry: %s is not a polygon", g.GeoJSONType())
		}
		mp = orb.MultiPolygon{p}
	}
	for _, poly := range mp {
		for i, ring := range poly {
			if want := orb.CCW; (i == 0) != (ring.Orientation() == want) {
				ring.Reverse()
			}
		}
	}
	return mp, nil
}

func directionZH(direction string) string {
	if direction == "in" {
		return "转进"
	}
	return "转出"
}
