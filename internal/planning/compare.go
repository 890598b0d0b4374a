package planning

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
	"gengheng/internal/store"
)

var (
	//go:embed sql/compare_parcels.sql
	sqlCompareParcels string
	//go:embed sql/compare_townships.sql
	sqlCompareTownships string
)

// Comparison is how plan B differs from plan A (方案对比). Amounts are net area
// in m².
type Comparison struct {
	A         Compared         `json:"a"`
	B         Compared         `json:"b"`
	Parcels   []ParcelChange   `json:"parcels"`
	Townships []TownshipChange `json:"townships"`
	Options   []OptionChange   `json:"options"`
	// Message says the difference in a few Chinese sentences.
	Message string `json:"message_zh"`
}

// Compared is what a plan as a whole comes to.
type Compared struct {
	PlanID uuid.UUID `json:"plan_id"`
	Name   string    `json:"name"`
	RunID  uuid.UUID `json:"run_id"`
	Summary
}

// ParcelChange is a candidate that the plans decide or count differently.
// Chosen and net area are nil in the plan that does not know the candidate.
type ParcelChange struct {
	Direction string     `json:"direction"`
	Number    string     `json:"number"`
	Township  string     `json:"township_code"`
	ChosenA   *bool      `json:"chosen_a"`
	ChosenB   *bool      `json:"chosen_b"`
	NetA      *land.Area `json:"net_a_m2"`
	NetB      *land.Area `json:"net_b_m2"`
	ReasonA   string     `json:"reason_a_zh"`
	ReasonB   string     `json:"reason_b_zh"`
}

// TownshipChange is one township in both plans.
type TownshipChange struct {
	Code         string    `json:"code"`
	Name         string    `json:"name"`
	InA          land.Area `json:"in_a_m2"`
	InB          land.Area `json:"in_b_m2"`
	OutA         land.Area `json:"out_a_m2"`
	OutB         land.Area `json:"out_b_m2"`
	InPaddyA     land.Area `json:"in_paddy_a_m2"`
	InPaddyB     land.Area `json:"in_paddy_b_m2"`
	OutPaddyA    land.Area `json:"out_paddy_a_m2"`
	OutPaddyB    land.Area `json:"out_paddy_b_m2"`
	TransferInA  land.Area `json:"transfer_in_a_m2"`
	TransferInB  land.Area `json:"transfer_in_b_m2"`
	TransferOutA land.Area `json:"transfer_out_a_m2"`
	TransferOutB land.Area `json:"transfer_out_b_m2"`
}

// OptionChange is an option that differs, as JSON.
type OptionChange struct {
	Option string          `json:"option"`
	A      json.RawMessage `json:"a"`
	B      json.RawMessage `json:"b"`
}

// Compare compares two plans of a county that are done, in one snapshot. It
// refuses (plan-not-found, plan-not-done, other-year) what cannot be compared.
func Compare(ctx context.Context, db *store.DB, county string, a, b uuid.UUID) (*Comparison, error) {
	var c Comparison
	err := pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		yearA, err := c.A.read(ctx, tx, county, a)
		if err != nil {
			return err
		}
		yearB, err := c.B.read(ctx, tx, county, b)
		if err != nil {
			return err
		}
		if yearA != yearB {
			return refuse("other-year", "方案年度不同 · The plans are of different years",
				"方案 %s 属 %d 年，方案 %s 属 %d 年；只能比较同一年度的方案。 Only plans of one year can be compared.", a, yearA, b, yearB)
		}
		if c.Parcels, err = collect(ctx, tx, scanParcelChange, sqlCompareParcels, county, a, b); err != nil {
			return fmt.Errorf("compare parcels: %w", err)
		}
		if c.Townships, err = collect(ctx, tx, scanTownshipChange, sqlCompareTownships, county, a, b); err != nil {
			return fmt.Errorf("compare townships: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare plans %s and %s: %w", a, b, err)
	}
	if c.Options, err = optionChanges(c.A.Options, c.B.Options); err != nil {
		return nil, err
	}
	c.Message = c.message()
	return &c, nil
}

func (p *Compared) read(ctx context.Context, tx pgx.Tx, county string, id uuid.UUID) (year int, err error) {
	var status string
	var summary []byte
	err = tx.QueryRow(ctx, `SELECT name, run_id, year, status, summary FROM plan WHERE county_code = $1 AND plan_id = $2`, county, id).
		Scan(&p.Name, &p.RunID, &year, &status, &summary)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, refuse("plan-not-found", "没有这个方案 · No such plan", "县 %s 没有方案 %s。 County %s has no plan %s.", county, id, county, id)
	}
	if err != nil {
		return 0, fmt.Errorf("read plan %s: %w", id, err)
	}
	if status != "done" {
		return 0, refuse("plan-not-done", "方案尚未完成 · The plan is not done", "方案 %s 的状态是 %s，请待其完成。 Plan %s is %s; wait until it is done.", id, status, id, status)
	}
	p.PlanID = id
	if err := json.Unmarshal(summary, &p.Summary); err != nil {
		return 0, fmt.Errorf("read the summary of plan %s: %w", id, err)
	}
	return year, nil
}

func scanParcelChange(row pgx.CollectableRow) (p ParcelChange, err error) {
	err = row.Scan(&p.Direction, &p.Number, &p.Township, &p.ChosenA, &p.ChosenB, &p.NetA, &p.NetB, &p.ReasonA, &p.ReasonB)
	return p, err
}

func scanTownshipChange(row pgx.CollectableRow) (t TownshipChange, err error) {
	err = row.Scan(&t.Code, &t.Name, &t.InA, &t.InB, &t.OutA, &t.OutB, &t.InPaddyA, &t.InPaddyB, &t.OutPaddyA, &t.OutPaddyB,
		&t.TransferInA, &t.TransferInB, &t.TransferOutA, &t.TransferOutB)
	return t, err
}

// optionChanges lists what differs, by name.
func optionChanges(a, b Options) ([]OptionChange, error) {
	fields := func(o Options) (map[string]json.RawMessage, error) {
		text, err := json.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("write the options: %w", err)
		}
		m := map[string]json.RawMessage{}
		return m, json.Unmarshal(text, &m)
	}
	ma, err := fields(a)
	if err != nil {
		return nil, err
	}
	mb, err := fields(b)
	if err != nil {
		return nil, err
	}
	list := []OptionChange{}
	names := slices.AppendSeq(slices.Collect(maps.Keys(ma)), maps.Keys(mb))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if string(ma[name]) != string(mb[name]) {
			list = append(list, OptionChange{Option: name, A: ma[name], B: mb[name]})
		}
	}
	return list, nil
}

func (c *Comparison) message() string {
	name := func(p Compared, other string) string {
		if p.Name != "" {
			return "“" + p.Name + "”"
		}
		return other
	}
	a, b := name(c.A, "方案甲"), name(c.B, "方案乙")
	var more, less [2]int
	for _, p := range c.Parcels {
		k := 0
		if p.Direction == "out" {
			k = 1
		}
		switch was, is := p.ChosenA != nil && *p.ChosenA, p.ChosenB != nil && *p.ChosenB; {
		case is && !was:
			more[k]++
		case was && !is:
			less[k]++
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, "与%s相比，%s多转进 %d 块、少转进 %d 块，多转出 %d 块、少转出 %d 块", a, b, more[0], less[0], more[1], less[1])
	fmt.Fprintf(&s, "；转进 %s → %s，转出 %s → %s", areaZH(c.A.County.In), areaZH(c.B.County.In), areaZH(c.A.County.Out), areaZH(c.B.County.Out))
	fmt.Fprintf(&s, "；耕地边界 %.0f m → %.0f m，片块 %d → %d。", c.A.PerimeterAfter, c.B.PerimeterAfter, c.A.PatchesAfter, c.B.PatchesAfter)
	return s.String()
}
