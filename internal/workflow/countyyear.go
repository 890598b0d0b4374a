package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
)

// CountyYear is what a county decides for its year (年度设置).
type CountyYear struct {
	County string `json:"-"`
	Year   int    `json:"year"`
	// Deadlines, as dates 2025-06-15; the day itself is in time, by the clock of
	// China (UTC+8).
	DeclareBy  string `json:"declare_by"`
	PlanBy     string `json:"plan_by"`
	SurveyDate string `json:"survey_date"`
	// Reviewers are the departments whose opinion the plan needs; Acceptors those
	// whose signature acceptance needs (PRC-5).
	Reviewers []access.Role `json:"reviewers"`
	Acceptors []access.Role `json:"acceptors"`
	// ApprovalPurposes are the uses (用途) of a 转出 that need an approval of their
	// own; ContractActors the kinds of applicant (主体类型) that need a contract.
	ApprovalPurposes []string `json:"approval_purposes"`
	ContractActors   []string `json:"contract_actors"`
}

// Departments that review and accept.
func Departments() []access.Role {
	return []access.Role{access.Bureau, access.Agriculture, access.Forestry, access.Water, access.Environment}
}

var departmentZH = map[access.Role]string{access.Bureau: "自然资源", access.Agriculture: "农业农村", access.Forestry: "林业", access.Water: "水利", access.Environment: "生态环境", Township: "乡镇"}

func departmentNames(list []access.Role) string {
	names := make([]string, len(list))
	for i, d := range list {
		names[i] = departmentZH[d]
	}
	return strings.Join(names, "、")
}

// Department is whose opinion a role gives; "" where it gives none.
func Department(r access.Role) access.Role {
	if r == access.BureauLead {
		return access.Bureau
	}
	if slices.Contains(Departments(), r) {
		return r
	}
	return ""
}

// DefaultYear is the plan's own calendar and departments (PRC-1, PRC-2, PRC-5,
// PRC-6): declared by 15 June, planned by 31 July, surveyed on 31 December.
func DefaultYear(county string, year int) CountyYear {
	return CountyYear{County: county, Year: year,
		DeclareBy: fmt.Sprintf("%d-06-15", year), PlanBy: fmt.Sprintf("%d-07-31", year), SurveyDate: fmt.Sprintf("%d-12-31", year),
		Reviewers:        Departments(),
		Acceptors:        []access.Role{access.Bureau, access.Agriculture, access.Forestry, access.Water},
		ApprovalPurposes: []string{"设施农用地", "养殖坑塘", "国土绿化", "绿化带", "生态退耕", "农田防护林"},
		ContractActors:   []string{"工商企业"}}
}

func (y *CountyYear) check() error {
	bad := func(format string, args ...any) error {
		return &Refusal{Code: BadInput, Detail: fmt.Sprintf(format, args...)}
	}
	var last time.Time
	for _, d := range []struct{ name, text string }{{"declare_by", y.DeclareBy}, {"plan_by", y.PlanBy}, {"survey_date", y.SurveyDate}} {
		t, err := time.Parse(time.DateOnly, d.text)
		if err != nil {
			return bad("%s 的 %q 应为日期，如 2025-06-15。 %s must be a date.", d.name, d.text, d.name)
		}
		if t.Before(last) {
			return bad("%s（%s）早于前一期限；应依次为申报、方案、调查时点。 %s is before the deadline that precedes it.", d.name, d.text, d.name)
		}
		last = t
	}
	for _, list := range [][]access.Role{y.Reviewers, y.Acceptors} {
		for i, d := range list {
			if !slices.Contains(Departments(), d) || slices.Contains(list[:i], d) {
				return bad("部门 %q 应为 bureau、agriculture、forestry、water、environment 之一，且不重复。 A department must be one of these, once.", d)
			}
		}
	}
	return nil
}

// SetYear sets a county's year, or changes it: what has been done stays as it is.
func SetYear(ctx context.Context, tx pgx.Tx, y CountyYear, reason string) error {
	if err := y.check(); err != nil {
		return err
	}
	before, err := ReadYear(ctx, tx, y.County, y.Year)
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO county_year (county_code, year, declare_by, plan_by, survey_date, reviewers, acceptors, approval_purposes, contract_actors)
		VALUES ($1, $2, $3::text::date, $4::text::date, $5::text::date, $6, $7, $8, $9)
		ON CONFLICT (county_code, year) DO UPDATE SET (declare_by, plan_by, survey_date, reviewers, acceptors, approval_purposes, contract_actors)
		= (excluded.declare_by, excluded.plan_by, excluded.survey_date, excluded.reviewers, excluded.acceptors, excluded.approval_purposes, excluded.contract_actors)`,
		y.County, y.Year, y.DeclareBy, y.PlanBy, y.SurveyDate, texts(y.Reviewers), texts(y.Acceptors), notNil(y.ApprovalPurposes), notNil(y.ContractActors))
	if err != nil {
		return fmt.Errorf("set the year %d of %s: %w", y.Year, y.County, err)
	}
	entry := access.Entry{County: y.County, Action: "year.set", Kind: "year", ID: fmt.Sprint(y.Year), After: y, Reason: reason}
	if refusal == nil {
		entry.Before = before
	}
	return access.Record(ctx, tx, entry)
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// ReadYear is a county's year as set; *Refusal with YearNotSet where it is not.
func ReadYear(ctx context.Context, q Querier, county string, year int) (CountyYear, error) {
	y := CountyYear{County: county, Year: year}
	err := q.QueryRow(ctx, `SELECT declare_by::text, plan_by::text, survey_date::text, reviewers, acceptors, approval_purposes, contract_actors
		FROM county_year WHERE county_code = $1 AND year = $2`, county, year).
		Scan(&y.DeclareBy, &y.PlanBy, &y.SurveyDate, &y.Reviewers, &y.Acceptors, &y.ApprovalPurposes, &y.ContractActors)
	if errors.Is(err, pgx.ErrNoRows) {
		return y, &Refusal{Code: YearNotSet, Detail: fmt.Sprintf("县 %s 的 %d 年度尚未设置期限与部门；请自然资源局负责人先设置年度（PUT …/years/%d）。 The year %d of %s has not been set; let the bureau's lead set it first.", county, year, year, year, county)}
	}
	if err != nil {
		return y, fmt.Errorf("the year %d of %s: %w", year, county, err)
	}
	return y, nil
}

// china is the clock that deadlines are held by.
var china = time.FixedZone("CST", 8*60*60)

// passed tells whether a deadline has passed, and its date.
func (y *CountyYear) passed(d Deadline, now time.Time) (date string, late bool) {
	switch d {
	case DeclareBy:
		date = y.DeclareBy
	case PlanBy:
		date = y.PlanBy
	case SurveyDate:
		date = y.SurveyDate
	default:
		return "", false
	}
	return date, today(now) > date
}

// today is the date by the clock that deadlines are held by.
func today(now time.Time) string { return now.In(china).Format(time.DateOnly) }
