// Package collection is what desktop GIS find of a county (图层目录): the survey,
// constraint layers, declarations, findings and plan as collections with fields,
// keys and coordinate systems. OGC API – Features and the FeatureServer are two
// doors to the same collections.
//
// Everything is read by a statement whose text is the program's own: names come
// from the catalogue, values are parameters.
package collection

import (
	"context"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier reads.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Problem is an error that the caller is meant to see: RFC 9457.
type Problem struct {
	Status              int
	Kind, Title, Detail string
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// Bad is a request that cannot be understood.
func Bad(kind, detail string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Kind: "ogc-" + kind, Title: "请求有误 · Bad request", Detail: detail}
}

// Missing is something that is not there, or not for the caller to see.
func Missing(kind, detail string) *Problem {
	return &Problem{Status: http.StatusNotFound, Kind: kind + "-not-found", Title: "未找到 · Not found", Detail: detail}
}

// TooSlow is what the caller is told of a statement that took too long; nil if err
// is something else.
func TooSlow(err error) *Problem {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "57014" || errors.Is(err, context.DeadlineExceeded) {
		return &Problem{Status: http.StatusServiceUnavailable, Kind: "too-slow", Title: "查询超时 · The query took too long",
			Detail: "请缩小范围（bbox、filter）或减小 limit 后重试。 Narrow the request or ask for less, then try again."}
	}
	return nil
}

// Untransformable tells whether coordinates of the caller's lie where a projection
// ends.
func Untransformable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "XX000"
}

// Excerpt shortens what a user wrote, for a message.
func Excerpt(s string) string {
	if utf8.RuneCountInString(s) <= 60 {
		return s
	}
	return string([]rune(s)[:60]) + "…"
}
