package planning

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"

	"gengheng/internal/balance"
	"gengheng/internal/land"
)

// Draft (草案) is what a session shows of a revision.
type Draft struct {
	SessionID uuid.UUID  `json:"session_id"`
	Revision  int        `json:"revision"`
	RunID     uuid.UUID  `json:"run_id"`
	PlanID    *uuid.UUID `json:"plan_id,omitempty"`
	Year      int        `json:"year"`
	Synthetic bool       `json:"synthetic"`
	// Status is as in Summary; unknown where no plan was found, and Message says
	// why. Where it is infeasible the draft shows the plan of least shortfall that
	// was found.
	Status string `json:"status"`
	// Options are all that the plan was made with, Defaults those of the rulebook.
	Options  Options `json:"options"`
	Defaults Options `json:"defaults"`

	Certificate     DraftCertificate `json:"certificate"`
	Timing          Timing           `json:"timing"`
	Message         string           `json:"message_zh"`
	PerimeterBefore float64          `json:"perimeter_before_m"`
	PerimeterAfter  float64          `json:"perimeter_after_m"`
	PatchesBefore   int              `json:"patches_before"`
	PatchesAfter    int              `json:"patches_after"`
	Summed          CountyBalance    `json:"county"`
	In              Tally            `json:"in"`
	Out             Tally            `json:"out"`
	GradeIn         *float64         `json:"grade_in,omitempty"`
	GradeOut        *float64         `json:"grade_out,omitempty"`
	Notes           []string         `json:"notes"`

	Townships  []DraftTownship `json:"townships"`
	Transfers  []DraftTransfer `json:"transfers"`
	Prices     []DraftPrice    `json:"prices"`
	Shortfalls []Shortfall     `json:"shortfalls"`
	Conflicts  []DraftConflict `json:"conflicts"`

	// SmallPatches are the parcels that the plan brings in, without their having
	// been decided, and whose patch of farmland is smaller than Options.MinPatch:
	// what the patch rule, which a session does not keep, would not let in.
	SmallPatches []string `json:"small_patches"`

	// Parcels are all candidates of the run, or those alone that are chosen,
	// decided or taking part otherwise than in the revision before.
	Parcels         []DraftParcel `json:"parcels"`
	ParcelsComplete bool          `json:"parcels_complete"`
}

// DraftCertificate is what is proved of the draft. The figures are nil where
// there is no plan, or no bound.
type DraftCertificate struct {
	Objective     *float64               `json:"objective,omitempty"`
	Bound         *float64               `json:"bound,omitempty"`
	BoundStronger *balance.StrongerBound `json:"bound_stronger,omitempty"`
	Gap           *float64               `json:"gap,omitempty"`
	GapNet        *float64               `json:"gap_net,omitempty"`
	Captured      *float64               `json:"captured,omitempty"`
	ProofZH       string                 `json:"proof_zh"`
	ProofEN       string                 `json:"proof_en"`
	Engine        string                 `json:"engine"`
	Seed          int64                  `json:"seed"`
}

// Timing says how long an answer took, in seconds, and why.
type Timing struct {
	Seconds float64 `json:"seconds"`
	Solve   float64 `json:"solve_seconds"`
	// Rebuilt: what changed cannot be answered from the units that were there;
	// they were read and laid anew. Resumed: the stored solution is shown.
	Rebuilt bool `json:"rebuilt"`
	Resumed bool `json:"resumed"`
}

// DraftTownship is a township's line, its prices in words, and its balances.
type DraftTownship struct {
	TownshipBalance
	Price    *float64       `json:"price,omitempty"`
	PriceZH  string         `json:"price_zh"`
	Balances []DraftBalance `json:"balances"`
}

// DraftBalance is one balance of one township: Left = Own + Taken − Given.
type DraftBalance struct {
	Measure  Measure   `json:"measure"`
	Enforced bool      `json:"enforced"`
	Own      land.Area `json:"own_m2"`
	Taken    land.Area `json:"taken_m2"`
	Given    land.Area `json:"given_m2"`
	Left     land.Area `json:"left_m2"`
}

// DraftTransfer is a Transfer.
type DraftTransfer struct {
	From    string    `json:"from"`
	To      string    `json:"to"`
	Measure Measure   `json:"measure"`
	Amount  land.Area `json:"amount_m2"`
}

// DraftPrice is what one more 亩 of a balance is worth in a township
// (影子价格); Pool is the county's price and Premium what the cost of transfers
// puts on it.
type DraftPrice struct {
	Township string   `json:"township"`
	Measure  Measure  `json:"measure"`
	PerMu    float64  `json:"price_per_mu"`
	Pool     *float64 `json:"pool_price_per_mu,omitempty"`
	Premium  *float64 `json:"premium_per_mu,omitempty"`
	Text     string   `json:"text_zh"`
}

// DraftParcel is a candidate in the draft. Lock is what was decided of it:
// chosen, not_chosen or nothing.
type DraftParcel struct {
	Direction string    `json:"direction"`
	Number    string    `json:"number"`
	Township  string    `json:"township_code"`
	Chosen    bool      `json:"chosen"`
	Lock      string    `json:"lock,omitempty"`
	TakesPart bool      `json:"takes_part"`
	Net       land.Area `json:"net_m2"`
	Paddy     land.Area `json:"net_paddy_m2"`
	Quality   *string   `json:"quality,omitempty"`
}

// lockName is how a decision is said.
func lockName(locks map[string]bool, key string) string {
	switch chosen, locked := locks[key]; {
	case !locked:
		return ""
	case chosen:
		return "chosen"
	}
	return "not_chosen"
}

// Draft is the session as it stands, whole.
func (s *Session) Draft() *Draft { return s.draft(s.now.Load(), nil) }

// conclude makes out of the solution what is shown, and checks it in whole
// hundredths.
func (r *revision) conclude(before *revision) error {
	b, sol := r.base, r.solution
	r.keep(before)
	switch {
	case sol.Selected != nil:
		farmland := sol.Selected[:len(b.f.units)]
		r.out = gather(b.s, b.f, r.m, farmland, sol.Multipliers)
		if err := r.out.settle(b.s, r.o); err != nil {
			return err
		}
		r.out.summarise(b.s, b.f, r.o, farmland)
		r.out.priceTownships(r.m, sol)
		r.out.certify(r.m, b.f, r.o, sol)
	case sol.Infeasibility != nil:
		farmland := make([]bool, len(b.f.units))
		for u := range farmland {
			farmland[u] = sol.Infeasibility.Plan[u].Selected == 1
		}
		r.out = gather(b.s, b.f, r.m, farmland, nil)
		r.out.coverInPart(b.s, r.o)
		r.out.summarise(b.s, b.f, r.o, farmland)
		r.out.summary.Shortfalls = r.m.shortfalls(b.s, sol.Infeasibility)
		r.out.summary.Message = infeasibleZH(r.out.summary.Shortfalls, sol.Infeasibility)
	default:
		if before != nil {
			r.parcels = before.parcels
		}
		return nil
	}
	r.listParcels()
	return nil
}

func (r *revision) listParcels() {
	locks := r.o.locks()
	r.parcels = make([]DraftParcel, len(r.out.parcels))
	for i := range r.out.parcels {
		p := &r.out.parcels[i]
		r.parcels[i] = DraftParcel{Direction: p.direction, Number: p.number, Township: p.township, Chosen: p.chosen,
			Lock: lockName(locks, p.c.key()), TakesPart: p.unit >= 0, Net: p.net, Paddy: p.paddy, Quality: p.grade.text()}
	}
}

// draft shows a revision; before, where it is given, is the one that the caller
// knows.
func (s *Session) draft(r, before *revision) *Draft {
	d := &Draft{SessionID: s.ID, Revision: r.number, RunID: s.RunID, PlanID: s.PlanID, Year: r.base.s.year, Synthetic: r.base.s.synthetic,
		Status: string(r.solution.Status), Options: r.o, Defaults: r.base.standard, Timing: r.timing, Notes: []string{},
		Townships: []DraftTownship{}, Transfers: []DraftTransfer{}, Prices: []DraftPrice{}, Shortfalls: []Shortfall{},
		Conflicts: r.m.sayConflicts(r.base.s, r.conflicts, r.o.locks()), SmallPatches: []string{}, Parcels: []DraftParcel{}}
	d.Certificate = DraftCertificate{Objective: r.solution.Objective, Bound: r.solution.Bound, BoundStronger: r.solution.BoundStronger,
		Gap: r.solution.Gap, GapNet: r.solution.GapNet, Engine: r.solution.Version, Seed: r.solution.Seed}
	d.ParcelsComplete = before == nil
	d.Parcels = changed(r.parcels, before)
	if r.out == nil {
		d.Certificate.ProofZH, d.Certificate.ProofEN = unfound(r.solution, nil, d.Conflicts)
		d.Message = d.Certificate.ProofZH
		return d
	}
	d.take(r)
	return d
}

// take shows the plan.
func (d *Draft) take(r *revision) {
	sum := &r.out.summary
	d.Certificate.Captured = sum.Captured
	d.Certificate.ProofZH, d.Certificate.ProofEN = proof(r.solution, sum.Captured)
	d.Message = sum.Message
	d.PerimeterBefore, d.PerimeterAfter, d.PatchesBefore, d.PatchesAfter = sum.PerimeterBefore, sum.PerimeterAfter, sum.PatchesBefore, sum.PatchesAfter
	d.Summed, d.In, d.Out, d.GradeIn, d.GradeOut = sum.County, sum.In, sum.Out, sum.GradeIn, sum.GradeOut
	d.Notes = sum.Notes
	d.SmallPatches = append(d.SmallPatches, r.inSmallPatches()...)
	d.Shortfalls = append(d.Shortfalls, sum.Shortfalls...)
	for i := range r.out.townships {
		t := &r.out.townships[i]
		d.Townships = append(d.Townships, DraftTownship{TownshipBalance: *t, Price: t.price, PriceZH: t.priceZH, Balances: r.out.balancesOf(t.Code, r.o)})
	}
	for _, t := range r.out.transfers {
		d.Transfers = append(d.Transfers, DraftTransfer(t))
	}
	for k, p := range balance.Prices(r.m.problem, r.solution) {
		row := r.m.rows[k]
		if row.town == "" || row.measure == "" {
			continue
		}
		line := DraftPrice{Township: row.town, Measure: row.measure, PerMu: perMu(p.Price), Text: row.measure.zh() + priceText(p)}
		if p.Pool != "" {
			pool, premium := perMu(p.PoolPrice), perMu(p.Premium)
			line.Pool, line.Premium = &pool, &premium
		}
		d.Prices = append(d.Prices, line)
	}
}

// inSmallPatches lists the parcels that the patch rule would keep out of the plan.
func (r *revision) inSmallPatches() (keys []string) {
	f, farmland := r.base.f, r.farmland()
	root := f.components(farmland)
	area := make([]float64, len(f.units))
	for i := range f.units {
		if farmland[i] {
			area[root[i]] += f.area[i]
		}
	}
	for _, i := range f.open {
		if f.units[i].in() && farmland[i] && r.m.problem.Units[i].Fixed == balance.Free && area[root[i]] < r.o.MinPatch {
			keys = append(keys, f.units[i].id)
		}
	}
	return keys
}

func perMu(perM2 float64) float64 { return perM2 / land.SquareMetre.Mu() }

// balancesOf lists a township's balances.
func (out *outcome) balancesOf(town string, o Options) []DraftBalance {
	var list []DraftBalance
	for _, measure := range measures {
		b := DraftBalance{Measure: measure, Enforced: o.Enforce.has(measure), Own: out.own[measure][town]}
		for _, t := range out.transfers {
			if t.Measure == measure && t.To == town {
				b.Taken += t.Amount
			}
			if t.Measure == measure && t.From == town {
				b.Given += t.Amount
			}
		}
		b.Left = b.Own + b.Taken - b.Given
		list = append(list, b)
	}
	return list
}

// changed lists the parcels that differ from before; all where there is none.
// Both are of one run, and so of the same candidates in the same order.
func changed(parcels []DraftParcel, before *revision) []DraftParcel {
	if before == nil || len(before.parcels) != len(parcels) {
		return slices.Concat([]DraftParcel{}, parcels)
	}
	list := []DraftParcel{}
	for i := range parcels {
		a, b := &before.parcels[i], &parcels[i]
		if a.Chosen != b.Chosen || a.Lock != b.Lock || a.TakesPart != b.TakesPart {
			list = append(list, *b)
		}
	}
	return list
}

// proof says what the certificate proves.
func proof(s *balance.Solution, captured *float64) (zh, en string) {
	switch {
	case s.Status == balance.Optimal:
		return "在所列规则下没有更好的方案（已证明）。", "Proved: no plan that keeps these rules is better."
	case s.Status == balance.Infeasible && missesLeast(s.Infeasibility):
		return "已证明：没有方案能同时守住全部规则和已定的地块；所示为缺口最小的安排。",
			"Proved: no plan keeps all rules and decisions; what is shown is the plan that misses least."
	case s.Status == balance.Infeasible:
		return "已证明：没有方案能同时守住全部规则和已定的地块；所示的安排是否缺口最小，尚未证明。",
			"Proved: no plan keeps all rules and decisions; whether another misses less than what is shown is not proved."
	case s.Gap == nil:
		return "方案守住全部规则；离最优有多远尚未证明。", "The plan keeps all rules; how near it is to the best is not proved yet."
	}
	best := *s.Gap
	if s.BoundStronger != nil && s.Objective != nil && *s.Objective > 0 {
		best = min(best, (*s.Objective-s.BoundStronger.Value)/(*s.Objective))
	}
	zh = fmt.Sprintf("在所列规则下，任何方案的目标值最多再好 %.4f%%（已证明）。", percentAtMost(best))
	en = fmt.Sprintf("Proved: no plan that keeps these rules is better by more than %.4f %%.", percentAtMost(best))
	if captured != nil {
		zh += fmt.Sprintf("与不作任何调整相比，可能的改进至少已取得 %.2f%%。", percentAtLeast(*captured))
		en += fmt.Sprintf(" Of what can be gained over doing nothing it has %.2f %% at least.", percentAtLeast(*captured))
	}
	return zh, en
}

// percentAtMost and percentAtLeast are a share in per cent, rounded so that what
// is said of it stays true with four and two decimals.
func percentAtMost(share float64) float64  { return math.Ceil(share*1e6) / 1e4 }
func percentAtLeast(share float64) float64 { return math.Floor(share*1e4) / 1e2 }

// DraftConflict is a contradiction that was plain before solving.
type DraftConflict struct {
	MessageZH string `json:"message_zh"`
	MessageEN string `json:"message_en"`
	// Missing in m² is what the rules miss together at least; 0 where they are not
	// about area.
	Missing float64 `json:"missing_m2"`
	// ByLocks: without what is decided there is no contradiction.
	ByLocks bool `json:"by_locks"`
	// Locks are decisions of which as many as are listed have to be given up;
	// LockCount is how many take part in it.
	Locks     []DraftLock `json:"locks"`
	LockCount int         `json:"lock_count"`
}

// DraftLock is a decision and what it adds to what is missing.
type DraftLock struct {
	Key    string  `json:"key"`
	Chosen bool    `json:"chosen"`
	Share  float64 `json:"share_m2"`
}

func (m *model) sayConflicts(s *survey, conflicts []balance.Conflict, locks map[string]bool) []DraftConflict {
	index := map[string]int{}
	for k, c := range m.problem.Constraints {
		index[c.ID] = k
	}
	list := []DraftConflict{}
	for _, c := range conflicts {
		d := DraftConflict{Missing: c.Missing, ByLocks: c.MissingWithoutLocks <= 0, Locks: []DraftLock{}}
		var rules []string
		area := false
		for _, r := range c.Rows {
			k := index[r.Constraint]
			rules = append(rules, m.ruleText(s, k))
			area = area || m.rows[k] != row{}
		}
		if !area {
			d.Missing = 0
		}
		for _, l := range c.Locks {
			if chosen, ours := locks[l.Unit]; ours {
				d.Locks = append(d.Locks, DraftLock{Key: l.Unit, Chosen: chosen, Share: l.Share})
			}
		}
		for key := range locks {
			if slices.ContainsFunc(c.Locks, func(l balance.LockShare) bool { return l.Unit == key }) {
				d.LockCount++
			}
		}
		d.LockCount = max(d.LockCount, min(c.LockCount, len(locks)))
		d.say(rules)
		list = append(list, d)
	}
	return list
}

func (d *DraftConflict) say(rules []string) {
	missing := ""
	missingEN := ""
	if d.Missing > 0 {
		missing = fmt.Sprintf("，至少差 %.2f m²（%.2f 亩）", d.Missing, d.Missing*0.0015)
		missingEN = fmt.Sprintf(", by %.2f m² at least", d.Missing)
	}
	cause, causeEN := "即使不指定任何地块，也", "Even with nothing decided, these rules cannot be kept together"
	if d.ByLocks {
		cause, causeEN = "按已指定的地块，", "With what is decided, these rules cannot be kept together"
	}
	d.MessageZH = fmt.Sprintf("%s无法守住：%s%s。", cause, strings.Join(rules, "；"), missing)
	d.MessageEN = causeEN + missingEN + ": " + strings.Join(rules, "; ") + "."
	var keys []string
	for _, l := range d.Locks[:min(len(d.Locks), 10)] {
		keys = append(keys, l.Key)
	}
	if d.ByLocks && len(keys) > 0 {
		d.MessageZH += fmt.Sprintf("请放开其中的指定：%s（共 %d 项有关）。", strings.Join(keys, "、"), d.LockCount)
		d.MessageEN += fmt.Sprintf(" Release some of: %s (%d take part).", strings.Join(keys, ", "), d.LockCount)
	}
}

// ruleText names a constraint.
func (m *model) ruleText(s *survey, k int) string {
	switch r := m.rows[k]; {
	case r.quota != "":
		return r.quota
	case r.measure == "":
		a, b := m.claimants(k)
		return fmt.Sprintf("%s 与 %s 占用同一块地，不能同时纳入", a, b)
	case r.town == "":
		return "全县" + r.measure.zh() + "平衡"
	default:
		for _, t := range s.townships {
			if t.code == r.town {
				return t.name + r.measure.zh() + "平衡"
			}
		}
		return r.town + r.measure.zh() + "平衡"
	}
}
