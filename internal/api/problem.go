package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/labstack/echo/v4"
)

// problem is an error that a client is meant to see: RFC 9457. kind becomes the
// type, urn:gengheng:problem:KIND.
type problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail,omitempty"`
	Instance string   `json:"instance,omitempty"`
	Errors   []string `json:"errors,omitempty"`

	// what rooms add when they refuse
	TitleEN  string         `json:"title_en,omitempty"`
	DetailEN string         `json:"detail_en,omitempty"`
	File     string         `json:"file,omitempty"`
	Layer    string         `json:"layer,omitempty"`
	Row      int64          `json:"row,omitempty"`
	Field    string         `json:"field,omitempty"`
	Hint     string         `json:"hint,omitempty"`
	HintEN   string         `json:"hint_en,omitempty"`
	Issues   map[string]int `json:"issues,omitempty"`

	kind string
}

func (p *problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

func notFound(what, detail string) *problem {
	return &problem{Status: http.StatusNotFound, kind: what + "-not-found", Title: "未找到 · Not found", Detail: detail}
}

func badRequest(kind, detail string) *problem {
	return &problem{Status: http.StatusBadRequest, kind: kind, Title: "请求有误 · Bad request", Detail: detail}
}

func conflict(kind, detail string) *problem {
	return &problem{Status: http.StatusConflict, kind: kind, Title: "与现状冲突 · Conflict", Detail: detail}
}

// writeError is the one place where an error becomes a response. What is not a
// problem is ours: it is logged whole and shown as nothing but "internal".
func (s *server) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		if c.Request().Context().Err() == nil {
			s.log.ErrorContext(c.Request().Context(), "response cut short", "path", c.Request().URL.Path, "err", err)
		}
		return
	}
	p := s.asProblem(err, c)
	p.Type = problemType(p.kind)
	p.Instance = c.Request().URL.Path
	if p.Status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", "5")
	}
	body, merr := json.Marshal(p)
	if merr != nil {
		body = []byte(`{}`)
	}
	if werr := c.Blob(p.Status, "application/problem+json; charset=utf-8", body); werr != nil {
		s.log.DebugContext(c.Request().Context(), "client went away", "err", werr)
	}
}

// problemType is the type of a kind of problem; a standard names some itself.
func problemType(kind string) string {
	if strings.Contains(kind, "://") {
		return kind
	}
	return "urn:gengheng:problem:" + kind
}

func (s *server) asProblem(err error, c echo.Context) *problem {
	var p *problem
	if errors.As(err, &p) {
		out := *p
		return &out
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		switch he.Code {
		case http.StatusNotFound:
			return notFound("path", "没有这个地址。接口说明见 /docs。 No such address; the contract is at /docs.")
		case http.StatusMethodNotAllowed:
			return &problem{Status: he.Code, kind: "method-not-allowed", Title: "不支持的方法 · Method not allowed", Detail: "接口说明见 /docs。 The contract is at /docs."}
		case http.StatusRequestEntityTooLarge:
			return tooLarge()
		}
		if he.Code < 500 {
			text, ok := he.Message.(string)
			if !ok {
				text = he.Error()
			}
			p := badRequest("contract", contractDetail)
			p.Status, p.Errors = he.Code, []string{text}
			return p
		}
	}
	if c.Request().Context().Err() != nil {
		return &problem{Status: 499, kind: "client-gone", Title: "客户端已断开 · The client went away"}
	}
	if databaseAway(err) {
		s.log.WarnContext(c.Request().Context(), "database away", "path", c.Request().URL.Path, "err", err)
		return awayProblem()
	}
	if notText(err) {
		return badRequest("text", "编号或文字含有不能存储的字符（空字符 U+0000，或不是 UTF-8），什么也没有保存。请删去后重试。 A number or text holds what cannot be stored (U+0000, or bytes that are not UTF-8); nothing was saved. Take it out and try again.")
	}
	s.log.ErrorContext(c.Request().Context(), "request failed", "method", c.Request().Method,
		"path", c.Request().URL.Path, "err", err)
	return &problem{Status: http.StatusInternalServerError, kind: "internal", Title: "内部错误 · Internal error",
		Detail: "服务内部出错，已记入日志。请稍后重试，或告知运维人员。 The service failed and logged why; try again, or tell the operator."}
}

func tooLarge() *problem {
	return &problem{Status: http.StatusRequestEntityTooLarge, kind: "too-large", Title: "文件过大 · Too large",
		Detail: "上传不得超过 200 MB。请分图层压缩后分别上传。 An upload is at most 200 MB; zip the layers one by one."}
}

// bodyTooLarge refuses a body that is no upload and has more bytes than limit.
func bodyTooLarge(limit int64) *problem {
	return &problem{Status: http.StatusRequestEntityTooLarge, kind: "too-large", Title: "请求体过大 · Too large",
		Detail: fmt.Sprintf("请求体不得超过 %[1]d MB（%[2]d 字节），什么也没有保存。请分几次发送；图形多的请作为文件上传（/uploads）。 The body of this request is at most %[1]d MB (%[2]d bytes); nothing was saved. Send it in parts, or many geometries as a file (/uploads).", limit>>20, limit)}
}

// isForeignKey tells whether a row named something that is not there.
func isForeignKey(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == foreignKeyViolation
}

// foreignKeyViolation is PostgreSQL's foreign_key_violation.
const foreignKeyViolation = "23503"

// notText tells whether the request held text that PostgreSQL cannot store:
// bytes that are no UTF-8 or U+0000 (character_not_in_repertoire), or U+0000
// inside jsonb (untranslatable_character). JSON and paths may carry both.
func notText(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "22021" || pg.Code == "22P05")
}

// databaseAway tells whether the database could not be reached, or is starting
// or stopping (SQLSTATE class 08 and 57P01-57P03).
func databaseAway(err error) bool {
	var connect *pgconn.ConnectError
	var network *net.OpError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &connect), errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P0")
	}
	return false
}

func awayProblem() *problem {
	return &problem{Status: http.StatusServiceUnavailable, kind: "database-away",
		Title:  "数据库暂不可用 · The database is away",
		Detail: "请稍候重试；若持续如此，请检查 PostgreSQL。 Try again shortly; if it lasts, look at PostgreSQL."}
}
