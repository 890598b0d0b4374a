package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"gengheng/internal/access"
	"gengheng/internal/client"
	"gengheng/internal/fixture"
	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/store/storetest"
)

// office is a county's service with a person for every desk, each with a key of
// their own.
type office struct {
	t    *testing.T
	s    *service
	addr string
	keys map[string]string // by person
	desk map[string]string // the person of a capacity
}

// the people; the clerk is a township's and, as it should not be, also sits in
// the bureau.
var people = map[string][]string{
	"合成经办": {"township_clerk", bureau}, "合成乡镇长": {"township_lead"}, "合成科员": {bureau}, "合成局长": {bureauLead}, "合成农业": {"agriculture"},
	"合成林业": {"forestry"}, "合成水利": {"water"}, "合成环境": {"environment"}, "合成县长": {government},
}

func newOffice(t *testing.T) *office {
	t.Helper()
	t.Setenv("TMPDIR", os.TempDir()) // the service moves it into its own folder
	db := storetest.New(t)
	log := slog.New(slog.DiscardHandler)
	s, err := openService(t.Context(), serviceFlags{DatabaseURL: db.ConnString(), DataDir: t.TempDir(), Workers: 2, GDALChild: geodatatest.Child(t)}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	o := &office{t: t, s: s, keys: map[string]string{}, desk: map[string]string{}}
	if o.addr, err = s.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	// the first administrator is made by the command line
	cli := access.With(t.Context(), access.Actor{Name: "test", Role: access.Admin, County: fixture.County.Code, Via: "cli"})
	err = db.InTx(cli, func(tx pgx.Tx) error {
		p, err := access.Create(cli, tx, access.Identity{County: fixture.County.Code, Kind: "person", Name: "合成管理员", Issuer: "https://issuer.example", Subject: "1",
			Capacities: []access.Capacity{{Role: access.Admin}}})
		if err == nil {
			_, o.keys["合成管理员"], err = access.NewKey(cli, tx, fixture.County.Code, p.ID, "合成", time.Now().Add(time.Hour))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	o.desk["admin"] = "合成管理员"
	return o
}

func (o *office) client(as ...client.RequestEditorFn) *client.Client {
	o.t.Helper()
	c, err := client.New("http://"+o.addr, fixture.County.Code, as...)
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

// hire enters the people with their roles over the API.
func (o *office) hire(townships []string) {
	o.t.Helper()
	admin := o.client(client.WithKey(o.keys["合成管理员"]))
	for name, roles := range people {
		in := client.IdentityInput{Kind: "program", Name: name}
		for _, role := range roles {
			if !strings.HasPrefix(role, "township") {
				in.Roles = append(in.Roles, client.Capacity{Role: client.Role(role)})
				if o.desk[role] == "" || len(roles) == 1 {
					o.desk[role] = name
				}
				continue
			}
			for _, town := range townships {
				in.Roles = append(in.Roles, client.Capacity{Role: client.Role(role), Township: &town})
				o.desk[role+"/"+town] = name
			}
		}
		resp, err := admin.Raw.AddIdentity(o.t.Context(), admin.County, in)
		p, err := client.Decode[client.Identity](resp, err, http.StatusCreated)
		if err != nil {
			o.t.Fatal(err)
		}
		resp, err = admin.Raw.AddKey(o.t.Context(), admin.County, p.IdentityId, client.KeyInput{Name: "合成", Days: 1})
		key, err := client.Decode[client.NewKey](resp, err, http.StatusCreated)
		if err != nil {
			o.t.Fatal(err)
		}
		o.keys[name] = key.Secret
	}
}

// as is a person's key, in one capacity.
func (o *office) as(capacity string) (client.RequestEditorFn, error) {
	key := o.keys[o.desk[capacity]]
	if key == "" {
		return nil, fmt.Errorf("nobody is %s", capacity)
	}
	return o.both(key, capacity), nil
}

func (o *office) both(key, capacity string) client.RequestEditorFn {
	return func(ctx context.Context, r *http.Request) error {
		return errors.Join(client.WithKey(key)(ctx, r), client.WithRole(capacity)(ctx, r))
	}
}

// refused checks that a call was refused, and for that reason.
func refused(t *testing.T, what, kind string, err error) {
	t.Helper()
	var p *client.ProblemError
	if !errors.As(err, &p) || !strings.Contains(p.Type+" "+strings.Join(deref(p.Errors), " "), kind) {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

func deref(list *[]string) []string {
	if list == nil {
		return nil
	}
	return *list
}

// TestYear_OfACountyOverHTTP is the whole year of the synthetic county by nine
// people, from the declarations to the carry-over, with what is refused on the
// way.
func TestYear_OfACountyOverHTTP(t *testing.T) {
	ctx, dir, child := t.Context(), t.TempDir(), geodatatest.Child(t)
	if err := fixture.Write(ctx, fixture.Options{Parcels: fixture.MinParcels, Seed: 7, Dir: dir, Child: child}); err != nil {
		t.Fatal(err)
	}
	o := newOffice(t)
	admin := o.client(client.WithKey(o.keys["合成管理员"]))
	resp, err := admin.Raw.PutCounty(ctx, admin.County, client.CountyInput{Name: fixture.County.Name, Srid: fixture.County.SRID})
	if _, err := client.Decode[client.County](resp, err, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	var townships []string
	for i := range 6 {
		townships = append(townships, fmt.Sprintf("%s%03d", fixture.County.Code, 100+i))
	}
	o.hire(townships)
	editor, err := o.as(bureau)
	if err != nil {
		t.Fatal(err)
	}
	cr := &carrier{c: o.client(editor), dir: dir, year: fixture.County.Year}
	if _, err := cr.load(ctx); err != nil {
		t.Fatal(err)
	}
	run, err := cr.screen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := cr.plan(ctx, run.RunId)
	if err != nil {
		t.Fatal(err)
	}
	gpkg := filepath.Join(t.TempDir(), "plan.gpkg")
	resp, err = cr.c.Raw.GetPlanArtifact(ctx, cr.c.County, plan.PlanId, "plan.gpkg")
	if err := client.Download(resp, err, gpkg); err != nil {
		t.Fatal(err)
	}
	y := &workedYear{server: "http://" + o.addr, county: cr.c.County, year: cr.year, plan: plan.PlanId, zone: land.Zone{Number: 37}, each: 2, as: o.as}
	targets := map[string]string{}
	if y.boundaries, err = planned(ctx, gpkg, child, targets); err != nil {
		t.Fatal(err)
	}
	demo := &demoCmd{serviceFlags: serviceFlags{GDALChild: child}, Parcels: fixture.MinParcels, Seed: 7}
	y.resurvey = func(ctx context.Context, accepted, executed []client.Record) error {
		return demo.resurvey(ctx, cr, y, targets, accepted, executed)
	}
	s := &script{t: t, o: o, y: y, cr: cr}
	for _, stage := range []func(){s.late, s.step(y.declare), s.wrongTownship, s.ownSignature, s.unreviewed, s.step(y.review), s.wrongDecider, s.step(y.decide),
		s.outBeforeIn, s.missingConsent, s.step(y.carryOut), s.doubleCredit, s.step(y.recognise), s.unfinished, s.step(y.tidy), s.step(y.close), s.closed, s.books} {
		if stage(); t.Failed() {
			t.FailNow()
		}
	}
}

// script is the year's stages and refusals.
type script struct {
	t  *testing.T
	o  *office
	y  *workedYear
	cr *carrier
}

func (s *script) step(stage func(context.Context) error) func() {
	return func() {
		s.t.Helper()
		if err := stage(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// one is the first record in a state.
func (s *script) one(state client.RecordState, d client.Direction) client.Record {
	s.t.Helper()
	list, err := s.y.records(s.t.Context(), client.ListRecordsParams{State: &state, Direction: &d})
	if err != nil || len(list) == 0 {
		s.t.Fatalf("no record is %s: %v", state, err)
	}
	return list[0]
}

func (s *script) act(capacity string, action client.RecordAction, r client.Record, reason string) error {
	_, err := s.y.act(s.t.Context(), capacity, action, []client.Record{r}, reason)
	return err
}

// late: after the deadline it must be said why.
func (s *script) late() {
	ctx := s.t.Context()
	lead, err := s.y.by(bureauLead)
	if err != nil {
		s.t.Fatal(err)
	}
	yesterday := &openapi_types.Date{Time: time.Now().AddDate(0, 0, -2)}
	resp, err := lead.Raw.PutYear(ctx, s.y.county, s.y.year, client.CountyYearInput{DeclareBy: yesterday, PlanBy: yesterday, SurveyDate: yesterday, Reason: ptr("合成")})
	if _, err := client.Decode[client.CountyYear](resp, err, http.StatusOK); err != nil {
		s.t.Fatal(err)
	}
	resp, err = s.cr.c.Raw.ListCandidates(ctx, s.y.county, &client.ListCandidatesParams{Year: &s.y.year, Direction: ptr(client.In)})
	page, err := client.Decode[client.CandidatePage](resp, err, http.StatusOK)
	if err != nil {
		s.t.Fatal(err)
	}
	c := page.Items[0]
	refused(s.t, "a late declaration", "record-late", s.act(clerkOf+c.TownshipCode, client.RecordActionDeclare, client.Record{Direction: client.In, Number: c.Number}, ""))
	if err := s.y.open(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) wrongTownship() {
	r := s.one(client.RecordStateSubmitted, client.In)
	other := s.y.townships[slices.IndexFunc(s.y.townships, func(t string) bool { return t != r.TownshipCode })]
	refused(s.t, "another township's clerk", "record-not-found", s.act(clerkOf+other, client.RecordActionWithdraw, r, "合成"))
	refused(s.t, "a department checks", "forbidden-role", s.act("forestry", client.RecordActionCheck, r, "合成"))
}

// ownSignature: the clerk has declared it, and checks it at the bureau's desk.
func (s *script) ownSignature() {
	r := s.one(client.RecordStateSubmitted, client.In)
	own := *s.y
	own.clients = nil
	own.as = func(capacity string) (client.RequestEditorFn, error) {
		return s.o.both(s.o.keys["合成经办"], capacity), nil
	}
	_, err := own.act(s.t.Context(), bureau, client.RecordActionCheck, []client.Record{r}, "合成")
	refused(s.t, "who declared it checks it", "own-signature", err)
}

// unreviewed: no plan before the departments have agreed.
func (s *script) unreviewed() {
	resp, err := s.cr.c.Raw.ProposePlan(s.t.Context(), s.y.county, s.y.plan, client.ProposePlanJSONRequestBody{Title: "合成"})
	_, err = client.Decode[client.Publication](resp, err, http.StatusCreated)
	refused(s.t, "a plan without reviews", "record-", err)
}

func (s *script) wrongDecider() {
	resp, err := s.cr.c.Raw.DecidePlan(s.t.Context(), s.y.county, s.y.year, client.DecidePlanJSONRequestBody{Approve: true, Decision: "合成"})
	_, err = client.Decode[client.Publication](resp, err, http.StatusOK)
	refused(s.t, "the bureau approves its own plan", "forbidden-role", err)
}

func (s *script) outBeforeIn() {
	refused(s.t, "out before in", "ledger-insufficient", s.act(bureauLead, client.RecordActionLock, s.one(client.RecordStateApproved, client.Out), ""))
}

func (s *script) missingConsent() {
	r := s.one(client.RecordStateApproved, client.In)
	refused(s.t, "no consent", "record-documents", s.act(clerkOf+r.TownshipCode, client.RecordActionStart, r, ""))
}

// doubleCredit: another programme has credited the land already (IN-09).
func (s *script) doubleCredit() {
	ctx := s.t.Context()
	r := s.one(client.RecordStateApproved, client.In)
	geom, err := s.y.boundary(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.o.s.db.InTx(ctx, func(tx pgx.Tx) error {
		return ledger.RegisterCredit(ctx, tx, s.y.county, "占补平衡（合成）", s.y.year, "ZB1", geom)
	}); err != nil {
		s.t.Fatal(err)
	}
	refused(s.t, "land that is credited", "ledger-double-credit", s.y.bringIn(ctx, r.TownshipCode, []client.Record{r}, false))
	if r = s.one(client.RecordStateTownshipChecked, client.In); s.t.Failed() {
		return
	}
	if err := s.act(bureauLead, client.RecordActionFail, r, "已由其他项目认定（合成）"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) unfinished() {
	refused(s.t, "closed with parcels on their way", "record-unfinished", s.y.close(s.t.Context()))
	r := s.one(client.RecordStateFailed, client.In)
	if err := s.act(bureauLead, client.RecordActionWriteOff, r, "合成"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) closed() {
	if err := s.y.close(s.t.Context()); err != nil { // asked again, it is still closed
		s.t.Error(err)
	}
	r := s.one(client.RecordStateWithdrawn, client.In)
	refused(s.t, "a step in a closed year", "closed", s.act(clerkOf+r.TownshipCode, client.RecordActionDeclare, r, "合成"))
}

// books: what was accepted less what was carried out, with what the survey
// found, is what the next year begins with; every chain holds.
func (s *script) books() {
	ctx := s.t.Context()
	read := func(year int) map[string]client.LedgerSide {
		resp, err := s.cr.c.Raw.GetLedger(ctx, s.y.county, year, nil)
		sides, err := client.Decode[[]client.LedgerSide](resp, err, http.StatusOK)
		if err != nil {
			s.t.Fatal(err)
		}
		out := map[string]client.LedgerSide{}
		for _, side := range sides {
			if side.Measure == "area" {
				out[side.TownshipCode] = side
			}
		}
		return out
	}
	m2 := func(v *client.AreaM2) (a land.Area) {
		if v == nil {
			return 0
		}
		a, err := land.ParseArea(*v)
		if err != nil {
			s.t.Fatal(err)
		}
		return a
	}
	this, next := read(s.y.year), read(s.y.year+1)
	var accepted, recognised, out land.Area
	for code, b := range this {
		rest := m2(b.RecognisedInM2) - m2(b.RecognisedOutM2) + m2(b.TransferredInM2) - m2(b.TransferredOutM2)
		if rest != m2(b.CarriedOutM2) || rest != m2(next[code].CarriedInM2) {
			s.t.Errorf("%s: %s is left, %s carried, the next year has %s", code, rest, m2(b.CarriedOutM2), m2(next[code].CarriedInM2))
		}
		accepted, recognised, out = accepted+m2(b.AcceptedInM2), recognised+m2(b.RecognisedInM2), out+m2(b.RecognisedOutM2)
	}
	if accepted <= recognised || recognised <= 0 || out <= 0 {
		s.t.Errorf("accepted %s, recognised in %s, out %s", accepted, recognised, out)
	}
	flaws, err := ledger.Verify(ctx, s.o.s.db.Pool, s.y.county)
	if err != nil || len(flaws) > 0 {
		s.t.Errorf("%+v %v", flaws, err)
	}
	if _, err := access.VerifyAudit(ctx, s.o.s.db, s.y.county); err != nil {
		s.t.Error(err)
	}
}
