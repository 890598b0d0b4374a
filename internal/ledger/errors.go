package ledger

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/land"
)

// Code says why the ledger refuses.
type Code string

const (
	Insufficient  Code = "ledger-insufficient"   // 余额不足, 先进后出
	Owing         Code = "ledger-owing"          // 尚有欠账
	YearClosed    Code = "ledger-closed"         // 年度已结转
	YearNotOpen   Code = "ledger-not-open"       // 年度未开账
	DoubleCredit  Code = "ledger-double-credit"  // 重复认定 (IN-09)
	KeyReused     Code = "ledger-key-reused"     // the key stands for something else
	ReasonMissing Code = "ledger-reason"         // 未说明理由
	NoTransaction Code = "ledger-no-transaction" // 没有这笔交易
	NotReversible Code = "ledger-not-reversible" // 不能冲销
	BadAmount     Code = "ledger-amount"         // 数额有误
	Unfinished    Code = "ledger-unfinished"     // 尚有未了事项
	NotInPlan     Code = "ledger-not-planned"    // 该地块未纳入方案，或不在这一步
	AlreadyBooked Code = "ledger-booked-already" // 该地块已经记过
	NoBook        Code = "ledger-no-book"        // 该乡镇当年没有账簿
	CannotEnforce Code = "ledger-cannot-enforce" // 可用指标已为负，不能改为强制平衡
)

// Error is a refusal: what was asked breaks a rule of the book, and asking
// again changes nothing until something else does. The caller's transaction
// must be rolled back.
type Error struct {
	Code Code
	// Detail says what is wrong and what to do, Chinese first.
	Detail string
	// Township, Measure, Have and Need are set by Insufficient and Owing.
	Township   string
	Measure    Measure
	Have, Need land.Area
	// Programme, Year, Number and Overlap are set by DoubleCredit.
	Programme string
	Year      int
	Number    string
	Overlap   string // m² on the ellipsoid, additive
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

var measureZH = map[Measure]string{Area: "数量", Paddy: "水田", Quality: "质量（折合1等）"}

// refusal turns what the database says into an Error.
func refusal(err error, t *transaction) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("post %s: %w", t.kind, err)
	}
	switch pg.Code {
	case "GL001", "GL003":
		return shortage(pg)
	case "GL002":
		return &Error{Code: YearClosed, Detail: pg.Message + "。请记入下一年度。 Post it to the next year."}
	case "GL005":
		return double(pg)
	case "GL007":
		return misstep(pg, t)
	case "GL010":
		return &Error{Code: YearClosed, Detail: pg.Message + "；请按现行方式重新编制方案。 Make the plan by the mode in force."}
	case "GL009":
		return cannotEnforce(pg)
	case "GL008":
		return overrun(pg)
	case "23503": // foreign key: no such year
		if pg.TableName == "ledger_book" {
			return &Error{Code: YearNotOpen, Detail: "该年度台账尚未开账，请先设定年度平衡方式。 The year's ledger is not open; set the year's mode first."}
		}
	case "23505":
		if t.reverses != nil {
			return &Error{Code: NotReversible, Detail: "这笔交易已经冲销过。 The transaction has been reversed already."}
		}
	}
	return fmt.Errorf("post %s: %w", t.kind, err)
}

func shortage(pg *pgconn.PgError) error {
	var d struct {
		Year     int     `json:"year"`
		Township string  `json:"township"`
		Measure  Measure `json:"measure"`
		Account  Account `json:"account"`
		Have     int64   `json:"have"`
		Need     int64   `json:"need"`
	}
	if err := json.Unmarshal([]byte(pg.Detail), &d); err != nil {
		return fmt.Errorf("%s: %w", pg.Message, pg)
	}
	e := &Error{Code: Insufficient, Township: d.Township, Measure: d.Measure, Have: land.Area(d.Have), Need: land.Area(d.Need)}
	switch {
	case pg.Code == "GL003":
		e.Code = Owing
		e.Detail = fmt.Sprintf("乡镇 %s %d 年度%s尚欠 %s m²（年度变更认定少于验收），还清前不能锁定指标；请先调剂转入或补充转进后归还欠账。 Township %s owes %s m² (%s); settle it first.",
			d.Township, d.Year, measureZH[d.Measure], -e.Have, d.Township, -e.Have, d.Measure)
	case d.Account == Available:
		e.Detail = fmt.Sprintf("先进后出：乡镇 %s %d 年度可用%s指标 %s m²，需要 %s m²，差 %s m²；请待转进验收合格，或由县级调剂后再办。 Township %s has %s m² of %s available and needs %s.",
			d.Township, d.Year, measureZH[d.Measure], e.Have, e.Need, e.Need-e.Have, d.Township, e.Have, d.Measure, e.Need)
	default:
		e.Detail = fmt.Sprintf("乡镇 %s %d 年度科目 %s 的%s余额 %s m²，不足 %s m²。 Township %s has %s m² of %s in account %s, not %s.",
			d.Township, d.Year, d.Account, measureZH[d.Measure], e.Have, e.Need, d.Township, e.Have, d.Measure, d.Account, e.Need)
	}
	return e
}

// double says which land was credited already, and how much of it: the additive
// area on the ellipsoid, as the overlaps of a screening are given.
func double(pg *pgconn.PgError) error {
	var d struct {
		Programme string `json:"programme"`
		Year      int    `json:"year"`
		Number    string `json:"number"`
		Overlap   string `json:"overlap"` // EWKB, hexadecimal
	}
	if err := json.Unmarshal([]byte(pg.Detail), &d); err != nil {
		return fmt.Errorf("%s: %w", pg.Message, pg)
	}
	overlap, err := areaOf(d.Overlap)
	if err != nil {
		return fmt.Errorf("%s: overlap: %w", pg.Message, errors.Join(err, pg))
	}
	return &Error{Code: DoubleCredit, Programme: d.Programme, Year: d.Year, Number: d.Number, Overlap: overlap.String(),
		Detail: fmt.Sprintf("与 %d 年度%s地块 %s 重叠 %s m²，同一土地不得重复认定（IN-09）；请剔除重叠部分。 The land overlaps %s of %d (%s) by %s m² and is credited once only.",
			d.Year, d.Programme, d.Number, overlap, d.Number, d.Year, d.Programme, overlap)}
}

// areaOf is the additive area of a polygon in a plane of CGCS2000.
func areaOf(hexEWKB string) (land.Area, error) {
	raw, err := hex.DecodeString(hexEWKB)
	if err != nil {
		return 0, err
	}
	shape, srid, err := ewkb.Unmarshal(raw)
	if err != nil {
		return 0, err
	}
	zone, ok := land.ByEPSG(srid)
	if !ok {
		return 0, fmt.Errorf("EPSG %d is no plane of CGCS2000", srid)
	}
	var mp orb.MultiPolygon
	switch g := shape.(type) {
	case orb.Polygon:
		mp = orb.MultiPolygon{g}
	case orb.MultiPolygon:
		mp = g
	default:
		return 0, fmt.Errorf("%s is no polygon", shape.GeoJSONType())
	}
	return land.RoundArea(land.AdditiveArea(mp, zone))
}

var stageZH = map[string]string{"": "未纳入方案", "planned": "纳入方案", "accepted": "验收合格", "locked": "指标锁定", "released": "准予实施",
	"executed": "已实施", "recognised": "已认定", "exempt": "不计入平衡的流出"}

var kindZH = map[Kind]string{KindPlanIn: "纳入方案", KindPlanOut: "纳入方案", KindUnplanIn: "调出方案", KindUnplanOut: "调出方案", KindAcceptIn: "验收",
	KindLockOut: "锁定指标", KindUnlockOut: "解锁指标", KindReleaseOut: "准予实施", KindExecuteOut: "登记实施", KindRecogniseIn: "认定", KindRecogniseOut: "认定", KindExempt: "登记流出"}

// misstep is a parcel that is not where a step begins.
func misstep(pg *pgconn.PgError, t *transaction) error {
	var d struct {
		Year       int    `json:"year"`
		Township   string `json:"township"`
		Number     string `json:"number"`
		Stage      string `json:"stage"`
		InTownship string `json:"in_township"`
	}
	if err := json.Unmarshal([]byte(pg.Detail), &d); err != nil {
		return fmt.Errorf("%s: %w", pg.Message, pg)
	}
	e := &Error{Code: NotInPlan, Number: d.Number, Year: d.Year, Township: d.Township}
	where := ""
	if d.Stage != "" && d.InTownship != d.Township {
		where = "（在乡镇 " + d.InTownship + " 的账簿）"
	}
	switch {
	case t.reverses != nil:
		e.Code = NotReversible
		e.Detail = fmt.Sprintf("地块 %s 现为“%s”%s，这一笔之后又有变化；冲销须从后往前。 Parcel %s has gone on since (%s); reverse the last step first.", d.Number, stageZH[d.Stage], where, d.Number, stage(d.Stage))
	case d.Stage != "" && (t.kind == KindPlanIn || t.kind == KindPlanOut || t.kind == KindExempt):
		e.Code = AlreadyBooked
		e.Detail = fmt.Sprintf("地块 %s 在 %d 年度已记为“%s”%s，同一地块不能记两次；要更改请先调出方案或冲销。 Parcel %s is in the books of %d already (%s); take it out of the plan or reverse that first.",
			d.Number, d.Year, stageZH[d.Stage], where, d.Number, d.Year, stage(d.Stage))
	default:
		e.Detail = fmt.Sprintf("地块 %s 现为“%s”%s，不能%s：尚未走到这一步，或已经办过。 Parcel %s is at %q; %s is not its next step.",
			d.Number, stageZH[d.Stage], where, kindZH[t.kind], d.Number, stage(d.Stage), t.kind)
	}
	return e
}

// stage is a stage's English name.
func stage(s string) string {
	if s == "" {
		return "not in the plan"
	}
	return s
}

// overrun is an execution of more than was released.
func overrun(pg *pgconn.PgError) error {
	var d struct {
		Township string  `json:"township"`
		Number   string  `json:"number"`
		Held     []int64 `json:"held"`
		Asked    []int64 `json:"asked"`
	}
	if err := json.Unmarshal([]byte(pg.Detail), &d); err != nil || len(d.Held) != len(measures) || len(d.Asked) != len(measures) {
		return fmt.Errorf("%s: %w", pg.Message, pg)
	}
	for i, m := range measures {
		if held, asked := land.Area(d.Held[i]), land.Area(d.Asked[i]); asked > held {
			return &Error{Code: BadAmount, Township: d.Township, Number: d.Number, Measure: m, Have: held, Need: asked,
				Detail: fmt.Sprintf("地块 %s 实际转出%s %s m²，多于准予的 %s m²；请先调整方案。 Parcel %s took %s m² of %s, more than the %s m² released; amend the plan first.",
					d.Number, measureZH[m], asked, held, d.Number, asked, m, held)}
		}
	}
	return fmt.Errorf("%s: %w", pg.Message, pg)
}

// cannotEnforce names the townships that have less than nothing of a measure.
func cannotEnforce(pg *pgconn.PgError) error {
	var list []struct {
		Township string  `json:"township"`
		Measure  Measure `json:"measure"`
		Have     int64   `json:"have"`
	}
	if err := json.Unmarshal([]byte(pg.Detail), &list); err != nil || len(list) == 0 {
		return fmt.Errorf("%s: %w", pg.Message, pg)
	}
	var zh, en []string
	for _, b := range list {
		zh = append(zh, fmt.Sprintf("乡镇 %s %s %s m²", b.Township, measureZH[b.Measure], land.Area(b.Have)))
		en = append(en, fmt.Sprintf("%s %s %s m²", b.Township, b.Measure, land.Area(b.Have)))
	}
	first := list[0]
	return &Error{Code: CannotEnforce, Township: first.Township, Measure: first.Measure, Have: land.Area(first.Have),
		Detail: fmt.Sprintf("可用指标已为负，不能改为强制平衡：%s；请先调剂或补充转进，或方案不强制该计量。 Quota is below zero, so the measure cannot be enforced: %s; transfer or bring in more first, or do not enforce it.",
			strings.Join(zh, "，"), strings.Join(en, ", "))}
}
