package intake

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"gengheng/internal/geodata"
	"gengheng/internal/land"
)

// Summary is what dataset.summary holds: enough to see at a glance whether the
// right file was loaded.
type Summary struct {
	// Rows is the number of rows read, Stored of rows stored.
	Rows   int64 `json:"rows"`
	Stored int64 `json:"stored"`
	// AreaM2 is the sum of official areas.
	AreaM2 land.Area `json:"area_m2"`
	// CultivatedM2 and PaddyM2 are the sums of TBDLMJ of 耕地 and of 水田.
	CultivatedM2 *land.Area `json:"cultivated_m2,omitempty"`
	PaddyM2      *land.Area `json:"paddy_m2,omitempty"`
	// Townships is the number of township codes among the rows.
	Townships int `json:"townships,omitempty"`
	// Classes counts by DLBM, or by the level of a layer.
	Classes []ClassCount `json:"classes,omitempty"`
	// Extent is minimum x, y, maximum x, y in the county plane, metres.
	Extent *[4]float64 `json:"extent,omitempty"`
	// SRID of the county plane, SourceCRS of the file.
	SRID      int    `json:"srid"`
	SourceCRS string `json:"source_crs,omitempty"`
	Encoding  string `json:"encoding,omitempty"`
	// Rounding states the rules by which figures were rounded.
	Rounding string `json:"rounding"`
	// Issues counts issues by severity; Codes by severity and code, all of
	// them and how many are stored.
	Issues map[string]int `json:"issues"`
	Codes  []CodeCount    `json:"codes,omitempty"`
	// Repairs is the number of accepted repairs that were applied.
	Repairs int `json:"repairs,omitempty"`
	// Notices are decisions of the reader.
	Notices []Notice `json:"notices,omitempty"`
	// Boundary names the version of 行政区 that the checks used.
	Boundary string `json:"boundary_dataset,omitempty"`
	// Raster describes a DEM.
	Raster *RasterSummary `json:"raster,omitempty"`
}

// ClassCount counts the rows of a class.
type ClassCount struct {
	Class  string    `json:"class"`
	Name   string    `json:"name,omitempty"`
	Rows   int64     `json:"rows"`
	AreaM2 land.Area `json:"area_m2"`
	// NetM2 is the sum of TBDLMJ, of a survey.
	NetM2 *land.Area `json:"net_m2,omitempty"`
}

// CodeCount counts the issues of a code.
type CodeCount struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Found    int      `json:"found"`
	Stored   int      `json:"stored"`
}

// Notice 提示 is a decision of the reader, as geodata.Notice.
type Notice struct {
	Code string `json:"code"`
	ZH   string `json:"message_zh"`
	EN   string `json:"message_en"`
}

// RasterSummary describes a DEM as stored.
type RasterSummary struct {
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	CellX   float64 `json:"cell_x_m"`
	CellY   float64 `json:"cell_y_m"`
	Lowest  float64 `json:"lowest_m"`
	Highest float64 `json:"highest_m"`
	Empty   int64   `json:"nodata_cells"`
}

const rounding = "坐标 0.0001 m；面积为椭球面积（TD/T 1055），0.01 m² 四舍五入 · coordinates to 0.0001 m, official ellipsoidal areas to 0.01 m², half up"

// tally counts the stored rows.
type tally struct {
	area      land.Area
	classes   map[string]*ClassCount
	townships map[string]bool
}

func newTally() tally {
	return tally{classes: map[string]*ClassCount{}, townships: map[string]bool{}}
}

func (t *tally) count(m *made) {
	t.area += m.area
	c := t.classes[m.class]
	if c == nil {
		c = &ClassCount{Class: m.class, NetM2: new(land.Area)}
		t.classes[m.class] = c
	}
	c.Rows++
	c.AreaM2 += m.area
	*c.NetM2 += m.net
	if m.township != "" {
		t.townships[m.township] = true
	}
}

// ofStaged fills the summary from the stored rows.
func (s *Summary) ofStaged(kind Kind, st *staged) {
	s.Rows, s.Stored, s.AreaM2 = st.read, int64(st.len()), st.tally.area
	s.Townships = len(st.tally.townships)
	if st.len() > 0 {
		s.Extent = &[4]float64{st.extent.Min[0], st.extent.Min[1], st.extent.Max[0], st.extent.Max[1]}
	}
	survey := kind == DLTB
	if survey {
		s.CultivatedM2, s.PaddyM2 = new(land.Area), new(land.Area)
	}
	for _, code := range slices.Sorted(maps.Keys(st.tally.classes)) {
		c := *st.tally.classes[code]
		if survey {
			class, _ := land.ClassOf(code)
			c.Name = class.Name
			if class.Cultivated {
				*s.CultivatedM2 += *c.NetM2
			}
			if land.IsPaddy(code) {
				*s.PaddyM2 += *c.NetM2
			}
		} else {
			c.NetM2 = nil
		}
		if survey || code != "" {
			s.Classes = append(s.Classes, c)
		}
	}
}

func (s *Summary) note(n geodata.Notice) {
	s.Notices = append(s.Notices, Notice{n.Code, n.MessageZH, n.MessageEN})
}

// finish fills what is known at the end of every load, taken or refused.
func (s *Summary) finish(l *load) {
	s.SRID, s.SourceCRS, s.Encoding, s.Rounding = l.county.srid, l.sourceCRS, l.encoding, rounding
	s.Issues, s.Codes = l.report.bySeverity(), nil
	for k, n := range l.report.counts {
		s.Codes = append(s.Codes, CodeCount{k.Severity, k.Code, n, min(n, keep)})
	}
	slices.SortFunc(s.Codes, func(a, b CodeCount) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code))
	})
	if t := l.county.townships; t.loaded() && s.Boundary == "" {
		s.Boundary = t.dataset.String()
	}
}

// nameOf is how problems call a kind.
func (r *Request) nameOf() string {
	names := map[Kind]string{DLTB: "地类图斑", DEM: "数字高程模型", KCXS: "田坎系数表", CandidateIn: "转进申报地块", CandidateOut: "转出申报地块", XZQ: "行政区"}
	if n := cmp.Or(r.Layers[r.Kind].Name, names[r.Kind]); n != "" {
		return fmt.Sprintf("%s（%s）", n, r.Kind)
	}
	return string(r.Kind)
}
