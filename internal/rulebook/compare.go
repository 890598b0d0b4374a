package rulebook

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Changes is what two versions of a rulebook say differently, clause by clause,
// once both are parsed: comments, the order of keys, defaults written out and the
// order of the values of a condition are no change.
type Changes struct {
	// Clauses that were added or removed, or of which something differs: in the
	// new document's order, those removed last.
	Clauses []ClauseChange
	// Settings are the keys outside the clauses whose values differ, as they
	// stand in the document. What the clauses take from them (the titles of
	// sources, the names of layers and documents) stands with the clauses too.
	Settings []Setting
}

// Setting is a key of the document outside its clauses.
type Setting string

const (
	SettingID           Setting = "id"
	SettingMinRemainder Setting = "min_remainder_m2"
	SettingRemainder    Setting = "remainder"
	SettingAcceptance   Setting = "acceptance"
	SettingPlaceholders Setting = "placeholders"
	SettingPurposes     Setting = "purposes"
	SettingActors       Setting = "actors"
	SettingSources      Setting = "sources"
	SettingDocuments    Setting = "documents"
	SettingLayers       Setting = "layers"
	SettingTrackWidth   Setting = "planning.track_width_m"
	SettingDefaultGDLX  Setting = "planning.default_gdlx"
	SettingPlanning     Setting = "planning" // any other weight of the plan
	SettingOrder        Setting = "clauses"  // the clauses that both have stand in another order
)

// ClauseChange is a clause that differs. Old or New is nil where only one of the
// versions has it.
type ClauseChange struct {
	ID       string
	Old, New *Clause
	// Title and citation may differ though no check does.
	What   []Aspect
	Checks []CheckChange
}

// CheckChange is a check that differs, by its number in the clause. Old or New is
// nil where only one of the versions has so many.
type CheckChange struct {
	Number   int
	Old, New *Check
	What     []Aspect
}

// Aspect is what differs about a clause or a check.
type Aspect string

const (
	AspectTitle     Aspect = "title"
	AspectCitation  Aspect = "citation" // what a finding cites, the rulebook's id included
	AspectTest      Aspect = "test"
	AspectLayer     Aspect = "layer"
	AspectWhere     Aspect = "where"
	AspectWhen      Aspect = "when"
	AspectParams    Aspect = "params"
	AspectSeverity  Aspect = "severity"
	AspectTolerance Aspect = "tolerance"
	AspectFinding   Aspect = "finding"
	AspectNames     Aspect = "names"    // of the layer or of documents
	AspectValues    Aspect = "values"   // that a declared check accepts
	AspectOptional  Aspect = "optional" // whether the layer may be lacking
	AspectAdded     Aspect = "added"
	AspectRemoved   Aspect = "removed"
)

// Has tells whether one of the aspects differs.
func (c *CheckChange) Has(aspects ...Aspect) bool {
	return slices.ContainsFunc(c.What, func(a Aspect) bool { return slices.Contains(aspects, a) })
}

// Only tells whether nothing but these aspects differs.
func (c *CheckChange) Only(aspects ...Aspect) bool {
	return !slices.ContainsFunc(c.What, func(a Aspect) bool { return !slices.Contains(aspects, a) })
}

// Title is what the clause is called now, or was.
func (c *ClauseChange) Title() string {
	if c.New != nil {
		return c.New.Title
	}
	return c.Old.Title
}

// Aspects lists what differs about the clause and its checks, each once.
func (c *ClauseChange) Aspects() []Aspect {
	list := slices.Clone(c.What)
	for _, k := range c.Checks {
		list = append(list, k.What...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// IDs lists the clauses that differ.
func (ch *Changes) IDs() []string {
	list := make([]string, len(ch.Clauses))
	for i, c := range ch.Clauses {
		list[i] = c.ID
	}
	return list
}

// Compare compares two rulebooks.
func Compare(old, now *Rulebook) Changes {
	ch := Changes{Settings: settings(old, now)}
	for i := range now.Clauses {
		n := &now.Clauses[i]
		o := old.clause(n.ID)
		if c := compareClause(old, now, o, n); len(c.What)+len(c.Checks) > 0 {
			ch.Clauses = append(ch.Clauses, c)
		}
	}
	for i := range old.Clauses {
		if o := &old.Clauses[i]; now.clause(o.ID) == nil {
			ch.Clauses = append(ch.Clauses, compareClause(old, now, o, nil))
		}
	}
	if !slices.Equal(shared(old, now), shared(now, old)) {
		ch.Settings = append(ch.Settings, SettingOrder)
	}
	return ch
}

func (r *Rulebook) clause(id string) *Clause {
	i := slices.IndexFunc(r.Clauses, func(c Clause) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Clauses[i]
}

// shared lists the clauses of a that b has too, in a's order.
func shared(a, b *Rulebook) []string {
	var list []string
	for _, c := range a.Clauses {
		if b.clause(c.ID) != nil {
			list = append(list, c.ID)
		}
	}
	return list
}

func settings(old, now *Rulebook) []Setting {
	var list []Setting
	differ := func(s Setting, a, b any) {
		if !reflect.DeepEqual(a, b) {
			list = append(list, s)
		}
	}
	differ(SettingID, old.ID, now.ID)
	differ(SettingMinRemainder, old.MinRemainderM2, now.MinRemainderM2)
	differ(SettingRemainder, old.Remainder, now.Remainder)
	differ(SettingAcceptance, old.Acceptance, now.Acceptance)
	differ(SettingPlaceholders, old.Placeholders, now.Placeholders)
	differ(SettingPurposes, old.Purposes, now.Purposes)
	differ(SettingActors, old.Actors, now.Actors)
	differ(SettingSources, old.Sources, now.Sources)
	differ(SettingDocuments, old.Documents, now.Documents)
	differ(SettingLayers, old.Layers, now.Layers)
	differ(SettingTrackWidth, old.Planning.TrackWidthM, now.Planning.TrackWidthM)
	differ(SettingDefaultGDLX, old.Planning.DefaultGDLX, now.Planning.DefaultGDLX)
	a, b := old.Planning, now.Planning
	a.TrackWidthM, a.DefaultGDLX = b.TrackWidthM, b.DefaultGDLX
	differ(SettingPlanning, a, b)
	return list
}

func compareClause(oldBook, nowBook *Rulebook, old, now *Clause) ClauseChange {
	c := ClauseChange{Old: old, New: now}
	var before, after []Check
	switch {
	case old == nil:
		c.ID, c.What, after = now.ID, []Aspect{AspectAdded}, now.Checks
	case now == nil:
		c.ID, c.What, before = old.ID, []Aspect{AspectRemoved}, old.Checks
	default:
		c.ID, before, after = now.ID, old.Checks, now.Checks
		if old.Title != now.Title || old.English != now.English {
			c.What = append(c.What, AspectTitle)
		}
		if oldBook.cites(*old) != nowBook.cites(*now) {
			c.What = append(c.What, AspectCitation)
		}
	}
	for n := range max(len(before), len(after)) {
		k := CheckChange{Number: n + 1}
		switch {
		case n >= len(before):
			k.New, k.What = &after[n], []Aspect{AspectAdded}
		case n >= len(after):
			k.Old, k.What = &before[n], []Aspect{AspectRemoved}
		default:
			k.Old, k.New = &before[n], &after[n]
			k.What = compareCheck(oldBook, nowBook, k.Old, k.New)
		}
		if len(k.What) > 0 {
			c.Checks = append(c.Checks, k)
		}
	}
	return c
}

// cites is all that a finding of a clause says of where its rule stands.
func (r *Rulebook) cites(c Clause) string { return r.ID + " " + r.CitationText(c) }

func compareCheck(oldBook, nowBook *Rulebook, old, now *Check) []Aspect {
	var list []Aspect
	differ := func(a Aspect, x, y any) {
		if !reflect.DeepEqual(x, y) {
			list = append(list, a)
		}
	}
	differ(AspectTest, old.Test, now.Test)
	differ(AspectLayer, old.Layer, now.Layer)
	differ(AspectWhere, normal(old.Where), normal(now.Where))
	differ(AspectWhen, normal(old.When), normal(now.When))
	differ(AspectParams, old.Params, now.Params)
	differ(AspectSeverity, old.Severity, now.Severity)
	differ(AspectTolerance, old.Tolerance, now.Tolerance)
	differ(AspectFinding, [2]string{old.Finding, old.FindingEnglish}, [2]string{now.Finding, now.FindingEnglish})
	differ(AspectNames, oldBook.names(old), nowBook.names(now))
	differ(AspectValues, oldBook.values(old), nowBook.values(now))
	a, _ := oldBook.Layer(old.Layer)
	b, _ := nowBook.Layer(now.Layer)
	differ(AspectOptional, a.Optional, b.Optional)
	return list
}

// normal is a list of conditions, all of which must hold, whatever the order in
// which they and their values are written.
func normal(conditions []Condition) []string {
	list := make([]string, len(conditions))
	for i, c := range conditions {
		list[i] = fmt.Sprintf("%s %q %q", c.Field, slices.Sorted(slices.Values(c.In)), slices.Sorted(slices.Values(c.NotIn)))
	}
	slices.Sort(list)
	return list
}

// names is what a finding of a check calls its layer and documents.
func (r *Rulebook) names(k *Check) string {
	l, _ := r.Layer(k.Layer)
	list := []string{l.Name, l.English, l.Owner}
	var codes []string
	switch p := k.Params.(type) {
	case Evidence:
		codes = slices.Concat(p.AllOf, p.AnyOf)
	case BeltWidth:
		for _, row := range p.Along {
			codes = append(codes, row.Documents...)
		}
	}
	for _, code := range codes {
		list = append(list, r.DocumentName(code))
	}
	return strings.Join(list, "\x00")
}

// values is what a declared check accepts and lists for people.
func (r *Rulebook) values(k *Check) []string {
	switch p, _ := k.Params.(Declared); p.Field {
	case "purpose":
		return r.Purposes
	case "actor":
		return r.Actors
	}
	return nil
}
