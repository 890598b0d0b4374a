package year_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
	"gengheng/internal/workflow"
	"gengheng/internal/workflow/photo"
	"gengheng/internal/year"
)

// judge is a screening with one answer.
type judge struct {
	verdict screening.Verdict
	asked   []screening.Declaration
}

func (j *judge) Judge(_ context.Context, list []screening.Declaration) ([]screening.Judgement, error) {
	j.asked = append(j.asked, list...)
	return []screening.Judgement{{Verdict: j.verdict}}, nil
}
func (j *judge) Rulebook() *rulebook.Rulebook {
	return &rulebook.Rulebook{Hash: "v", Acceptance: rulebook.DefaultAcceptance()}
}
func (j *judge) SRID() int { return 4546 }
func (j *judge) Zone() land.Zone {
	z, _ := land.ByEPSG(4546)
	return z
}

// box is a rectangle in the place of square, moved and sized in m.
func box(place int, dx, w, h float64) orb.MultiPolygon {
	x, y := 560000+float64(place)*500+dx, 4013000.0
	return orb.MultiPolygon{{{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}, {x, y}}}}
}

func six() *float64 { v := 6.0; return &v }

// begun brings parcels of the east to where the work is going on.
func (b *bed) begun(keys ...string) {
	b.t.Helper()
	b.reviewed(keys...)
	chosen := map[string]string{}
	for _, k := range keys {
		chosen[k] = "9000.00"
		b.file(k, workflow.Consent, "")
	}
	b.decided(chosen, "")
	b.must(b.act(access.TownshipClerk, workflow.Start, keys...))
}

// checked takes a parcel through the township's check and the county's
// measurement, up to the signatures of acceptance.
func (b *bed) checked(j *judge, number string, boundary orb.MultiPolygon) {
	b.t.Helper()
	key := b.key("in/" + number)
	b.file("in/"+number, workflow.AcceptanceForm, "")
	zone := j.Zone()
	lon, lat := zone.Geographic(boundary[0][0][0][0]+1, boundary[0][0][0][1]+1)
	north, now := 0.0, time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	ctx := b.as(access.TownshipLead)
	b.must(b.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := b.y.Flow.AddPhoto(ctx, tx, b.people[access.TownshipLead], key, workflow.Document{FileName: "合成.jpg", Size: 1, SHA256: strings.Repeat("a", 64)},
			photo.Meta{Position: &orb.Point{lon, lat}, Direction: &north, Taken: &now}, boundary, zone,
			photo.Limits{FarthestM: 100, BlurM: 10, WidestDegrees: 45, Rulebook: "v"})
		return err
	}))
	_, err := b.y.Inspect(ctx, j, "in", number, workflow.TownshipInspection, boundary, "")
	b.must(err)
	b.sign(access.TownshipLead, key, workflow.Township)
	b.must(b.act(access.TownshipLead, workflow.TownshipCheck, "in/"+number))
	b.file("in/"+number, workflow.AcceptanceForm, "")
	_, err = b.y.Inspect(b.as(access.Bureau), j, "in", number, workflow.CountyInspection, boundary, "")
	b.must(err)
	for _, d := range []access.Role{access.Bureau, access.Agriculture, access.Forestry, access.Water} {
		b.sign(d, key, d)
	}
}

func (b *bed) sign(who access.Role, key workflow.Key, department access.Role) {
	b.t.Helper()
	answers := map[string]bool{}
	for _, i := range workflow.Checklist(department) {
		answers[i.Item] = true
	}
	b.must(b.db.InTx(b.t.Context(), func(tx pgx.Tx) error {
		_, err := b.y.Flow.Sign(b.t.Context(), tx, b.people[who], key, answers, "")
		return err
	}))
}

func TestAccept_CreditsWhatWasMeasuredOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.open()
	b.declare("in", "J1", east, 0, "9000.00", false)
	b.declare("in", "J2", east, 0, "9000.00", false) // the same land again
	b.begun("in/J1", "in/J2")

	// What the screening takes off is not credited: of 100 m × 100 m 90 remain.
	j := &judge{verdict: screening.Verdict{Verdict: "eligible_after_clip", Net: 890000, NetPaddy: 100000, Quality: six(), Remainder: box(0, 0, 90, 100)}}
	// 5000 m² of the plane too much, 60 km from its meridian: 0.44 m² less on the ellipsoid
	beyond, err := b.y.Inspect(b.as(access.TownshipLead), j, "in", "J1", workflow.TownshipInspection, box(0, 0, 100, 150), "")
	b.must(err)
	if beyond.Outside < 499950 || beyond.Outside > 499960 {
		t.Errorf("outside the plan %s m²", beyond.Outside)
	}
	j.asked = nil
	b.checked(j, "J1", box(0, 0, 100, 100))
	if d := j.asked[0]; d.Number != "J1" || d.Township != east || d.Target != "0103" || len(d.Geometry) != 1 {
		t.Errorf("judged %+v", d)
	}
	i, err := workflow.Inspections(t.Context(), b.db.Pool, b.key("in/J1"))
	b.must(err)
	if len(i) != 3 || i[2].Planned != 900000 || i[2].Outside != 0 || i[2].Gross < 999000 || i[2].Gross > 1001000 || *i[2].Grade != 6000 {
		t.Errorf("%+v", i)
	}
	b.must(b.act(access.BureauLead, workflow.Accept, "in/J1"))
	if got := b.balances(east); got != "available 890000, in_planned 900000" {
		t.Errorf("%s", got)
	}
	var credited string
	b.must(b.db.Pool.QueryRow(t.Context(), `SELECT round(ST_Area(geom)) || ' ' || (SELECT string_agg(measure || ' ' || amount, ', ' ORDER BY measure) FROM ledger_balance
		WHERE account = 'available') FROM ledger_credit`).Scan(&credited))
	if credited != "9000 area 890000, paddy 100000, quality 593333" { // 8900.00 · (16 − 6)/15
		t.Errorf("%s", credited)
	}

	// The same land is not credited twice, and the record stays where it is.
	j.verdict.Remainder = nil
	b.checked(j, "J2", box(0, 45, 100, 100))
	if got := codes(b.act(access.BureauLead, workflow.Accept, "in/J2")); got != "ledger-double-credit" {
		t.Errorf("%s", got)
	}
	if got := b.states("in/J1", "in/J2"); got != "accepted township_checked" {
		t.Errorf("%s", got)
	}
	b.sound()
}

func TestInspect_RefusesLandElsewhere(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.open()
	b.declare("in", "J1", east, 0, "9000.00", false)
	b.begun("in/J1")
	j := &judge{verdict: screening.Verdict{Verdict: "eligible", Net: 900000}}
	if _, err := b.y.Inspect(b.as(access.TownshipLead), j, "in", "J1", workflow.TownshipInspection, box(0, 51, 100, 100), ""); codes(err) != "record-input in/J1" {
		t.Errorf("%v", err)
	}
	if _, err := b.y.Inspect(b.as(access.TownshipClerk), j, "in", "J1", workflow.TownshipInspection, box(0, 0, 100, 100), ""); codes(err) != "own-signature in/J1" {
		t.Errorf("%v", err)
	}
	if len(j.asked) != 1 {
		t.Errorf("%d boundaries were screened; what is refused beforehand is not", len(j.asked))
	}
}

// lie enters a parcel of a survey: w m wide from dx on, 200 m high.
func (b *bed) lie(set uuid.UUID, place int, dx, w float64, class, tbmj, kcxs string, gddb int) {
	b.t.Helper()
	b.serial++
	g := box(place, dx, w, 200)[0][0]
	b.exec(`INSERT INTO parcel (county_code, dataset_id, fid, dlbm, tbmj, kcxs, gddb, area_m2, geom)
		VALUES ($1, $2, $3, $4, $5::text::numeric, $6::text::numeric, $7, $5::text::numeric, ST_GeomFromText($8, 4546))`, county, set, b.serial, class, tbmj, kcxs, gddb,
		fmt.Sprintf("MULTIPOLYGON(((%f %f,%f %f,%f %f,%f %f,%f %f)))", g[0][0], g[0][1], g[1][0], g[1][1], g[2][0], g[2][1], g[3][0], g[3][1], g[0][0], g[0][1]))
}

// The boundary of J1 is 100 m × 100 m, that of C1 too; each parcel of the survey
// is twice as high, so that half of it is inside.
func TestRecognise_IsWhatTheNextSurveyHas(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.open()
	b.declare("in", "J1", east, 0, "9000.00", false)
	b.declare("out", "C1", east, 1, "5000.00", false)
	b.begunBoth()
	j := &judge{verdict: screening.Verdict{Verdict: "eligible", Net: 900000, Quality: six()}}
	b.checked(j, "J1", box(0, 0, 100, 100))
	b.must(b.act(access.BureauLead, workflow.Accept, "in/J1"))
	b.must(b.act(access.BureauLead, workflow.Lock, "out/C1"))
	b.must(b.act(access.BureauLead, workflow.Release, "out/C1"))
	b.must(b.act(access.TownshipClerk, workflow.Execute, "out/C1"))

	both := b.items("in/J1", "out/C1")
	recognise := func(trial bool) ([]year.Recognition, error) {
		return b.y.Recognise(b.as(access.Bureau), both, nil, "未经日常变更", trial)
	}
	if _, err := recognise(false); codes(err) != "record-input " || !strings.Contains(err.Error(), "2026") {
		t.Errorf("without a survey: %v", err)
	}
	base, next := uuid.New(), uuid.New()
	b.dataset(base, "DLTB", 2025)
	b.dataset(next, "DLTB", 2026)
	b.lie(base, 1, 0, 100, "0103", "20000.00", "0.1", 6) // C1 was cultivated: 10000.00 gross, 9000.00 net
	b.lie(next, 0, 0, 60, "0103", "12000.00", "0.1", 6)  // of J1 6000.00 gross, 5400.00 net
	b.lie(next, 0, 60, 20, "0101", "4000.00", "0", 1)    // 2000.00 of paddy
	if _, err := recognise(false); codes(err) != "record-input in/J1, record-input out/C1" {
		t.Errorf("a survey that does not cover them: %v", err)
	}
	b.lie(next, 0, 80, 20, "0301", "4000.00", "0", 0) // and a forest
	b.lie(next, 1, 0, 40, "0103", "8000.00", "0", 6)  // of C1 4000.00 are cultivated still
	b.lie(next, 1, 40, 60, "0201", "12000.00", "0", 0)
	want := map[string]ledger.Amounts{
		"J1": {Area: 740000, Paddy: 200000, Quality: 560000}, // 5400 · 10/15 + 2000 · 15/15
		"C1": {Area: 500000, Quality: 333333},                // 9000 − 4000; · 10/15
	}
	for _, trial := range []bool{true, false} {
		found, err := recognise(trial)
		b.must(err)
		for _, f := range found {
			if w := want[f.Record.Number]; f.Recognised != w || f.Survey != next {
				t.Errorf("%s: recognised %+v, want %+v", f.Record.Number, f.Recognised, w)
			}
		}
		if got := b.states("in/J1", "out/C1"); trial != (got == "accepted executed") {
			t.Errorf("trial %v: %s", trial, got)
		}
	}
	if got := b.balances(east); got != "available 240000, recognised_in 740000, recognised_out 500000, used 500000" {
		t.Errorf("%s", got)
	}
	if _, err := recognise(false); codes(err) != "record-stale in/J1, record-stale out/C1" {
		t.Errorf("twice: %v", err)
	}
	b.sound()

	b.takenBack(func() error { both = b.items("in/J1", "out/C1"); _, err := recognise(false); return err })
	b.close()
}

// takenBack: a mistake is taken back from the last step on, and made good.
func (b *bed) takenBack(recognise func() error) {
	b.t.Helper()
	b.must(b.act(access.BureauLead, workflow.Revoke, "out/C1"))
	b.must(b.act(access.BureauLead, workflow.Revoke, "in/J1"))
	if got := b.balances(east); got != "available 400000, used 500000" || b.states("in/J1", "out/C1") != "accepted executed" {
		b.t.Errorf("%s", got)
	}
	if got := codes(b.act(access.BureauLead, workflow.Revoke, "in/J1")); got != "ledger-insufficient" { // its quota is used
		b.t.Errorf("%s", got)
	}
	b.must(b.act(access.BureauLead, workflow.Revoke, "out/C1"))
	b.must(b.act(access.TownshipClerk, workflow.Execute, "out/C1"))
	b.must(recognise())
	b.sound()
}

// begunBoth plans J1 and C1 and begins J1's work; C1 has its papers.
func (b *bed) begunBoth() {
	b.t.Helper()
	b.reviewed("in/J1", "out/C1")
	b.file("in/J1", workflow.Consent, "")
	b.file("out/C1", workflow.Consent, "")
	b.decided(map[string]string{"in/J1": "9000.00", "out/C1": "5000.00"}, "")
	b.must(b.act(access.TownshipClerk, workflow.Start, "in/J1"))
}

// close ends the year of J1 and C1, once nothing else is on its way.
func (b *bed) close() {
	b.t.Helper()
	b.declare("in", "J7", east, 7, "1.00", false)
	b.must(b.act(access.TownshipClerk, workflow.Declare, "in/J7"))
	end := func() error {
		_, err := b.y.Close(b.as(access.Government), "年终")
		return err
	}
	if err := end(); codes(err) != "record-unfinished " || !strings.Contains(err.Error(), "草稿”1 个") && !strings.Contains(err.Error(), "“草稿” 1 个") {
		b.t.Errorf("%v", err)
	}
	b.must(b.act(access.TownshipClerk, workflow.Withdraw, "in/J7"))
	b.must(end())
	if got := b.states("in/J1", "out/C1", "in/J7"); got != "carried carried withdrawn" {
		b.t.Errorf("%s", got)
	}
	var carried int64
	b.must(b.db.Pool.QueryRow(b.t.Context(), `SELECT amount FROM ledger_balance WHERE year = 2026 AND township_code = $1 AND measure = 'area' AND account = 'available'`, east).Scan(&carried))
	if carried != 240000 {
		b.t.Errorf("carried %d", carried)
	}
	b.must(end()) // again, nothing happens
	if got := codes(b.act(access.TownshipClerk, workflow.Declare, "in/J7")); got != "ledger-closed" {
		b.t.Errorf("declared in a closed year: %s", got)
	}
	for _, reason := range []string{"", " \t"} {
		if _, err := b.y.Close(b.as(access.Government), reason); codes(err) != "record-reason " {
			b.t.Errorf("closed again with the reason %q: %v", reason, err)
		}
	}
	other := b.people[access.TownshipClerk] // whose records they are comes before how the year stands
	other.Township = west
	for _, action := range []workflow.Action{workflow.Withdraw, workflow.Start} {
		if _, err := b.y.Act(access.With(b.t.Context(), other), action, b.items("in/J1", "in/J7"), "合成", workflow.Balanced); codes(err) != "record-not-found in/J1, record-not-found in/J7" {
			b.t.Errorf("%s by another township: %v", action, err)
		}
	}
	b.sound()
}
