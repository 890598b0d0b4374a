package workflow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
)

// DocumentKind is what a document is (要件种类).
type DocumentKind string

const (
	Consent             DocumentKind = "consent"         // 权利人同意书
	Contract            DocumentKind = "contract"        // 承包、流转合同
	Approval            DocumentKind = "approval"        // 批文（按用途）
	OpinionPaper        DocumentKind = "opinion"         // 部门意见书
	AcceptanceForm      DocumentKind = "acceptance_form" // 初验表、验收表
	Photo               DocumentKind = "photo"           // 现场照片
	RectificationReport DocumentKind = "rectification"   // 整改报告
	Evidence            DocumentKind = "evidence"        // 举证材料
	ChangeBatch         DocumentKind = "change_batch"    // 日常变更批次
	Result              DocumentKind = "result"          // 竣工图、面积量算表、验收批复、管护协议
)

var documentZH = map[DocumentKind]string{Consent: "权利人同意书", Contract: "承包或流转合同", Approval: "批准文件", OpinionPaper: "部门意见书",
	AcceptanceForm: "验收表", Photo: "现场照片", RectificationReport: "整改报告", Evidence: "举证材料", ChangeBatch: "日常变更批次", Result: "验收成果"}

// Chinese is the kind's name for people.
func (k DocumentKind) Chinese() string { return documentZH[k] }

// Document is a file that belongs to a record. Its bytes lie in the data folder
// under their SHA-256.
type Document struct {
	ID        uuid.UUID    `json:"document_id"`
	Kind      DocumentKind `json:"kind"`
	Purpose   string       `json:"purpose"`   // of an approval: the use it approves
	Reference string       `json:"reference"` // 文号
	FileName  string       `json:"file_name"`
	Size      int64        `json:"size"`
	SHA256    string       `json:"sha256"`
	By        string       `json:"by"`
	// Revision is the record's when the document came.
	Revision int       `json:"revision"`
	At       time.Time `json:"at"`
}

// AddDocument files a document with a record. Townships file for their own
// parcels; a record that is finished takes none.
func (w Workflow) AddDocument(ctx context.Context, tx pgx.Tx, actor access.Actor, key Key, d Document) (Document, error) {
	r, err := lockRecord(ctx, tx, key)
	if err != nil {
		return d, err
	}
	if r == nil || !actor.Sees(key.County, r.Township) {
		return d, notFound(key)
	}
	switch {
	case d.Kind.Chinese() == "":
		return d, r.refuse(BadInput, nil, "没有材料种类 %q。 There is no such kind of document.", d.Kind)
	case actor.Role == access.Auditor:
		return d, r.refuse(WrongRole, nil, "审计身份只读，不能加材料。 An auditor only reads.")
	case r.State.Final():
		return d, r.refuse(IllegalStep, nil, "已%s，不再加材料。 The record is finished and takes no documents.", r.State.Chinese())
	case d.Kind == Approval && strings.TrimSpace(d.Purpose) == "":
		return d, r.refuse(BadInput, []string{"purpose"}, "批准文件须写明批准的用途（purpose），如 %s。 An approval names the use it approves.", "设施农用地")
	}
	d.ID, d.By, d.Revision = uuid.New(), signature(actor), r.Revision
	err = tx.QueryRow(ctx, `INSERT INTO workflow_document (county_code, year, direction, number, document_id, township_code, kind, purpose, reference,
			file_name, size, sha256, by_id, by_as, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING at`,
		key.County, key.Year, key.Direction, key.Number, d.ID, r.Township, string(d.Kind), d.Purpose, d.Reference,
		d.FileName, d.Size, d.SHA256, actor.ID, d.By, d.Revision).Scan(&d.At)
	if err != nil {
		return d, fmt.Errorf("file a document with %s: %w", key, err)
	}
	return d, access.Record(access.With(ctx, actor), tx, access.Entry{County: key.County, Action: "record.document", Kind: "record", ID: subject(key), After: d})
}

// Documents lists a record's documents as they came.
func Documents(ctx context.Context, q Querier, key Key) ([]Document, error) {
	rows, err := q.Query(ctx, `SELECT document_id, kind, purpose, reference, file_name, size, sha256, by_as, revision, at FROM workflow_document
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 ORDER BY at, document_id`, key.County, key.Year, key.Direction, key.Number)
	if err != nil {
		return nil, fmt.Errorf("documents of %s: %w", key, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Document, err error) {
		return d, row.Scan(&d.ID, &d.Kind, &d.Purpose, &d.Reference, &d.FileName, &d.Size, &d.SHA256, &d.By, &d.Revision, &d.At)
	})
	if err != nil {
		return nil, fmt.Errorf("documents of %s: %w", key, err)
	}
	return list, nil
}

// needs lists what a step needs of a record in a county-year.
func (s *Step) needs(r *Record, y *CountyYear) []wanted {
	var list []wanted
	for _, n := range s.Needs {
		w := wanted{Need: n}
		if n.Kind == Approval && r.Exempt != Balanced {
			w.purpose = r.Exempt.Chinese()
		}
		list = append(list, w)
	}
	if !s.Rights {
		return list
	}
	list = append(list, wanted{Need: Need{Kind: Consent}}) // PRC-4
	if slices.Contains(y.ContractActors, r.Actor) {
		list = append(list, wanted{Need: Need{Kind: Contract}})
	}
	if r.Direction == "out" && slices.Contains(y.ApprovalPurposes, r.Purpose) {
		list = append(list, wanted{Need: Need{Kind: Approval}, purpose: r.Purpose})
	}
	return list
}

// wanted is a document that a step needs; purpose "" is any.
type wanted struct {
	Need
	purpose string
}

func (w wanted) by(docs []Document, revision int) bool {
	return slices.ContainsFunc(docs, func(d Document) bool {
		return d.Kind == w.Kind && (w.purpose == "" || d.Purpose == w.purpose) && (!w.Fresh || d.Revision >= revision)
	})
}

func (w wanted) String() string {
	if w.purpose != "" {
		return string(w.Kind) + "/" + w.purpose
	}
	return string(w.Kind)
}

func (w wanted) zh() string {
	s := w.Kind.Chinese()
	if w.purpose != "" {
		s += "（" + w.purpose + "）"
	}
	if w.Fresh {
		s += "（本次的）"
	}
	return s
}
