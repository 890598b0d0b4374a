package intake_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/intake"
)

// amend asks for a change of the western township's declaration.
func (c *county) amend(a intake.Amendment, committing func(context.Context, pgx.Tx) error) (uuid.UUID, intake.Result, error) {
	c.t.Helper()
	a.UploadID = uuid.New()
	req := intake.Request{County: code, DatasetID: uuid.New(), Kind: intake.CandidateIn, Year: 2025, Scope: westTown, FileName: a.Number + ".json", Committing: committing}
	result, _, err := intake.Amend(context.Background(), c.db, req, a)
	return req.DatasetID, result, err
}

// plane is a boundary as people draw it: rings in any order, more decimals than
// the grid has.
func plane(rings [][]float64) orb.MultiPolygon {
	var polygon orb.Polygon
	for _, flat := range rings {
		var ring orb.Ring
		for i := len(flat) - 2; i >= 0; i -= 2 {
			ring = append(ring, orb.Point{east + flat[i] + 0.00001, north + flat[i+1] - 0.00001})
		}
		polygon = append(polygon, append(ring, ring[0]))
	}
	return orb.MultiPolygon{polygon}
}

// Ensure that a declaration changed parcel by parcel is, at each step, the one
// that a file with the same rows would have been.
func TestAmendedIsAsLoaded(t *testing.T) {
	c := surveyed(t)
	first, second, third := declared("1", box(0, 0, 100, 100)), declared("2", box(300, 0, 400, 100)), declared("3", box(500, 0, 600, 100))
	first.props["EXTRA"], second.props["SHARE"] = 7, 0.125
	features := []feature{first, second}
	load := func() (uuid.UUID, string) {
		t.Helper()
		req := c.request(intake.CandidateIn, shapefile(t, "declared", features))
		c.setScope(&req, westTown)
		return req.DatasetID, c.load(req).Version
	}
	base, version := load()
	steps := []struct {
		name   string
		change intake.Amendment
		file   func()
	}{
		{"nothing", intake.Amendment{Number: "2"}, func() {}},
		{"a field", intake.Amendment{Number: "1", Text: map[string]string{"CUN": "乙村", "LYYJ": "", "SSZT": "另一合作社", "DLBM": "果园（0201）"}}, func() {
			features[0].props["CUN"], features[0].props["LYYJ"], features[0].props["SSZT"] = "乙村", "", "另一合作社"
		}},
		{"a boundary", intake.Amendment{Number: "2", Geometry: plane(box(300, 0, 390, 90)), Text: map[string]string{"SBMJ": officialArea(box(300, 0, 390, 90)).String()}}, func() {
			features[1].rings, features[1].props["SBMJ"] = box(300, 0, 390, 90), officialArea(box(300, 0, 390, 90)).Float64()
		}},
		{"a new one", intake.Amendment{Number: "3", Geometry: plane(box(500, 0, 600, 100)), Text: map[string]string{
			"XZMC": "西河镇", "CUN": "示例村", "TBBH": "1", "BSM": "149901100000000001", "DLBM": "0201", "SBMJ": officialArea(box(500, 0, 600, 100)).String(),
			"NZDL": "0103", "HFFS": "即可恢复", "GDLX": "TT", "SSZT": "示例合作社", "ZTLX": "村集体", "LYYJ": "林审〔2025〕1号", "QLRTY": "同意-1"}},
			func() { features = append(features, third) }},
		{"withdrawn", intake.Amendment{Number: "1", Withdraw: true}, func() { features = features[1:] }},
	}
	for _, s := range steps {
		s.change.Base = base
		id, result, err := c.amend(s.change, nil)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		before := version
		s.file()
		if base, version = load(); result.Version != version || (version == before) != (s.name == "nothing") {
			t.Errorf("%s: version %s, of a file %s, before %s\n%s\nwant\n%s", s.name, result.Version, version, before,
				strings.Join(c.rows(candidateRow, id), "\n"), strings.Join(c.rows(candidateRow, base), "\n"))
		}
	}
	for _, number := range []string{"2", "3"} {
		id, result, err := c.amend(intake.Amendment{Base: base, Number: number, Withdraw: true}, nil)
		if base = id; err != nil || number == "3" && result.Features != 0 {
			t.Errorf("withdraw %s: %+v, %v", number, result, err)
		}
	}
}

// Ensure that several changes at once make one version, which is the one that they
// make one after another, and that one which cannot be made undoes all.
func TestAmendTogether(t *testing.T) {
	c := surveyed(t)
	req := c.request(intake.CandidateIn, shapefile(t, "declared", []feature{declared("1", box(0, 0, 100, 100)), declared("2", box(300, 0, 400, 100)), declared("3", box(500, 0, 600, 100))}))
	c.setScope(&req, westTown)
	c.load(req)
	changes := []intake.Amendment{{Number: "1", Text: map[string]string{"CUN": "乙村"}}, {Number: "2", Withdraw: true}, {Number: "4", Geometry: plane(box(700, 0, 800, 100))},
		{Number: "3", Geometry: plane(box(510, 0, 600, 100))}}
	together := func(list []intake.Amendment) (result intake.Result, err error) {
		list = slices.Clone(list)
		list[0].Base, list[0].UploadID = req.DatasetID, uuid.New()
		r := intake.Request{County: code, DatasetID: uuid.New(), Kind: intake.CandidateIn, Year: 2025, Scope: westTown, FileName: "many.json"}
		err = c.db.InTx(context.Background(), func(tx pgx.Tx) (err error) {
			result, _, err = intake.AmendIn(context.Background(), tx, c.db, r, list...)
			return err
		})
		return result, err
	}
	count := func() string {
		return strings.Join(c.rows(`SELECT concat_ws(' ', (SELECT count(*) FROM dataset), (SELECT count(*) FROM upload), (SELECT count(*) FROM candidate))`), "")
	}
	before := count()
	if _, err := together(append(slices.Clone(changes), intake.Amendment{Number: "9", Withdraw: true})); !errors.Is(err, intake.ErrNoParcel) || count() != before {
		t.Fatalf("one that cannot be made: %v, %s rows, before %s", err, count(), before)
	}
	all, err := together(changes)
	if err != nil || all.Features != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	// the same, one after another, from the same start
	c.load(func() intake.Request {
		again := c.request(intake.CandidateIn, shapefile(t, "declared", []feature{declared("1", box(0, 0, 100, 100)), declared("2", box(300, 0, 400, 100)), declared("3", box(500, 0, 600, 100))}))
		c.setScope(&again, westTown)
		req = again
		return again
	}())
	base, version := req.DatasetID, ""
	for _, a := range changes {
		a.Base = base
		id, result, err := c.amend(a, nil)
		if err != nil {
			t.Fatal(err)
		}
		base, version = id, result.Version
	}
	if version != all.Version {
		t.Errorf("together %s, one after another %s", all.Version, version)
	}
}

// Ensure that a change which cannot be made leaves nothing behind.
func TestAmendRefusesAndLeavesNothing(t *testing.T) {
	c := surveyed(t)
	req := c.request(intake.CandidateIn, shapefile(t, "declared", []feature{declared("1", box(0, 0, 100, 100))}))
	c.setScope(&req, westTown)
	c.load(req)
	before := strings.Join(c.rows(`SELECT concat_ws(' ', (SELECT count(*) FROM dataset), (SELECT count(*) FROM upload), (SELECT count(*) FROM candidate))`), "")
	failing := errors.New("the log is full")
	for _, tt := range []struct {
		name       string
		change     intake.Amendment
		committing func(context.Context, pgx.Tx) error
		want       func(error) bool
	}{
		{"an old version", intake.Amendment{Base: uuid.New(), Number: "1"}, nil, func(err error) bool {
			var stale *intake.StaleError
			return errors.As(err, &stale) && stale.Current == req.DatasetID
		}},
		{"none, though there is one", intake.Amendment{Number: "9", Geometry: plane(box(0, 0, 10, 10))}, nil, func(err error) bool {
			var stale *intake.StaleError
			return errors.As(err, &stale)
		}},
		{"no such parcel", intake.Amendment{Base: req.DatasetID, Number: "9", Withdraw: true}, nil, func(err error) bool { return errors.Is(err, intake.ErrNoParcel) }},
		{"a new one without a boundary", intake.Amendment{Base: req.DatasetID, Number: "9"}, nil, func(err error) bool { return errors.Is(err, intake.ErrNoParcel) }},
		{"another township", intake.Amendment{Base: req.DatasetID, Number: "1", Text: map[string]string{"XZDM": eastTown}}, nil, isProblem(intake.ProblemRows)},
		{"a bow tie", intake.Amendment{Base: req.DatasetID, Number: "1", Geometry: plane([][]float64{{0, 0, 100, 100, 100, 0, 0, 100}})}, nil, isProblem(intake.ProblemRows)},
		{"far away", intake.Amendment{Base: req.DatasetID, Number: "1", Geometry: plane(box(90000, 0, 90100, 100))}, nil, func(err error) bool {
			return isProblem(intake.ProblemRows)(err) || isProblem(intake.ProblemElsewhere)(err)
		}},
		{"what goes with it fails", intake.Amendment{Base: req.DatasetID, Number: "1", Withdraw: true}, func(context.Context, pgx.Tx) error { return failing }, func(err error) bool { return errors.Is(err, failing) }},
	} {
		if _, _, err := c.amend(tt.change, tt.committing); !tt.want(err) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if after := strings.Join(c.rows(`SELECT concat_ws(' ', (SELECT count(*) FROM dataset), (SELECT count(*) FROM upload), (SELECT count(*) FROM candidate))`), ""); after != before {
			t.Fatalf("%s: %s rows, before %s", tt.name, after, before)
		}
	}
}

func isProblem(code string) func(error) bool {
	return func(err error) bool {
		var p *intake.Problem
		return errors.As(err, &p) && p.Code == code
	}
}

// Ensure that of many who change one version at once, one does, and the others
// are told which version is in force then.
func TestAmendOneAtATime(t *testing.T) {
	c := surveyed(t)
	req := c.request(intake.CandidateIn, shapefile(t, "declared", []feature{declared("1", box(0, 0, 100, 100)), declared("2", box(300, 0, 400, 100))}))
	c.setScope(&req, westTown)
	c.load(req)
	var group sync.WaitGroup
	ids, errs := make([]uuid.UUID, 6), make([]error, 6)
	for i := range ids {
		group.Go(func() {
			ids[i], _, errs[i] = c.amend(intake.Amendment{Base: req.DatasetID, Number: "1", Text: map[string]string{"CUN": string(rune('甲' + i))}}, nil)
		})
	}
	group.Wait()
	winner := slices.Index(errs, nil)
	for i, err := range errs {
		var stale *intake.StaleError
		if i != winner && (!errors.As(err, &stale) || stale.Current != ids[max(winner, 0)]) {
			t.Errorf("change %d: %v, while %d was made", i, err, winner)
		}
	}
	if got := c.rows(`SELECT count(*)::text FROM dataset WHERE kind = 'CANDIDATE_IN' AND status = 'committed'`); got[0] != "2" {
		t.Errorf("%s versions, want 2", got[0])
	}
}
