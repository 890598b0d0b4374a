// Package ledger (台账) is the double-entry book of what a county's year plans,
// locks, executes, accepts and recognises: net cultivated area (TBDLMJ), of it
// paddy, and area weighted by quality, by township and year.
//
// It is append-only, and its rules are held by the database itself
// (migrations/00007_ledger.sql): every entry moves an amount from one account
// to another, so debits and credits are equal by construction; 先进后出 (BAL-4)
// is the account of available quota, which never falls below zero; land is
// credited once over all years and programmes (IN-09); corrections are
// reversals; every book is a chain of hashes that [Verify] walks. What the
// accounts mean is in docs/ledger.md.
//
// All functions take the caller's transaction, which must be READ COMMITTED,
// so that an entry stands or falls with the decision it records.
package ledger

import (
	"time"

	"github.com/google/uuid"

	"gengheng/internal/land"
)

// Measure is what a book counts.
type Measure string

const (
	Area    Measure = "area"    // 数量 (BAL-1): net area, m²
	Paddy   Measure = "paddy"   // 水田 (BAL-2): net area of paddy, m²
	Quality Measure = "quality" // 质量 (BAL-3): m² of grade 1, net·(16−等别)/15
)

// Measures in the order of [Amounts].
var measures = [...]Measure{Area, Paddy, Quality}

// Amounts is one amount for each measure, in the order area, paddy, quality.
type Amounts struct {
	Area    land.Area `json:"area_m2"`
	Paddy   land.Area `json:"paddy_m2"`
	Quality land.Area `json:"quality_m2"`
}

func (a Amounts) of(m Measure) land.Area {
	switch m {
	case Paddy:
		return a.Paddy
	case Quality:
		return a.Quality
	}
	return a.Area
}

func (a *Amounts) set(m Measure, v land.Area) {
	switch m {
	case Area:
		a.Area = v
	case Paddy:
		a.Paddy = v
	case Quality:
		a.Quality = v
	}
}

// negative tells whether any amount is below zero.
func (a Amounts) negative() bool { return a.Area < 0 || a.Paddy < 0 || a.Quality < 0 }

// Mode is how a county balances a year.
type Mode string

const (
	InOut       Mode = "in_out"       // 进出平衡: 转进 covers 转出, 先进后出
	NetIncrease Mode = "net_increase" // 年度净增加: the net change is reported
)

// Account of a book.
type Account string

const (
	origin         Account = "origin"          // where 转进 comes from
	InPlanned      Account = "in_planned"      // 计划转进
	Available      Account = "available"       // 可用指标: accepted and not yet used
	Locked         Account = "locked"          // 锁定指标
	Released       Account = "released"        // 准予实施
	Used           Account = "used"            // 已实施转出
	OutPlanned     Account = "out_planned"     // 计划转出
	Owed           Account = "owed"            // 欠账, zero or less
	surveyed       Account = "survey"          // 变更调查
	RecognisedIn   Account = "recognised_in"   // 认定转进
	RecognisedOut  Account = "recognised_out"  // 认定转出
	TransferredOut Account = "transferred_out" // 调剂转出
	TransferredIn  Account = "transferred_in"  // 调剂转入, zero or less
	CarriedOut     Account = "carried_out"     // 结转下年
	CarriedIn      Account = "carried_in"      // 上年结转, zero or less where there was a rest
	ExemptOut      Account = "exempt_out"      // 不计入平衡的流出
)

// Kind of a transaction.
type Kind string

const (
	KindPlanIn       Kind = "plan_in"       // 纳入方案（转进）
	KindUnplanIn     Kind = "unplan_in"     // 调出方案（转进）
	KindAcceptIn     Kind = "accept_in"     // 县级验收合格
	KindRecogniseIn  Kind = "recognise_in"  // 年度变更认定（转进）
	KindPlanOut      Kind = "plan_out"      // 纳入方案（转出）
	KindUnplanOut    Kind = "unplan_out"    // 调出方案（转出）
	KindLockOut      Kind = "lock_out"      // 指标锁定
	KindUnlockOut    Kind = "unlock_out"    // 指标解锁
	KindReleaseOut   Kind = "release_out"   // 准予实施
	KindExecuteOut   Kind = "execute_out"   // 已实施
	KindRecogniseOut Kind = "recognise_out" // 年度变更认定（转出）
	KindExempt       Kind = "exempt_out"    // 生态退耕、灾毁、自然淹没
	KindTransfer     Kind = "transfer"      // 乡镇间调剂
	KindSettleOwed   Kind = "settle_owed"   // 归还欠账
	KindCarryOver    Kind = "carry_over"    // 结转下年
)

// Book is one township's book of one year.
type Book struct {
	County   string
	Year     int
	Township string
}

// By is who acts, and in what capacity, as it will be read years later.
type By struct {
	ID uuid.UUID
	As string
}

// Parcel is what most transactions are about.
type Parcel struct {
	Book
	Number string // 申报编号
}

// Note is what every posting says of itself. Key names the decision that it
// records, such as the workflow event: the same key posts once.
type Note struct {
	Key      string
	By       By
	Reason   string
	Approval string // 批准文号
}

// Posted is a transaction as it stands in the book.
type Posted struct {
	ID uuid.UUID
	// Again is set where the key had been posted before.
	Again bool
}

// Entry is one line of a book.
type Entry struct {
	Year      int        `json:"year"`
	Township  string     `json:"township_code"`
	Seq       int64      `json:"seq"`
	TxID      uuid.UUID  `json:"tx_id"`
	Kind      Kind       `json:"kind"`
	Direction string     `json:"direction"`
	Number    string     `json:"number"`
	Measure   Measure    `json:"measure"`
	Debit     Account    `json:"debit"`
	Credit    Account    `json:"credit"`
	Amount    land.Area  `json:"amount_m2"`
	Reason    string     `json:"reason"`
	Approval  string     `json:"approval"`
	Reverses  *uuid.UUID `json:"reverses,omitempty"`
	By        string     `json:"by"`
	At        time.Time  `json:"at"`
}
