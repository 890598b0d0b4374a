package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// maxReason bounds the reason phrase, in bytes.
const maxReason = 300

// refuseAloud answers a refused edit with its reason in the status line (RFC 9112,
// section 4): QGIS shows that and never the body, "server replied: Conflict". It
// reads it as Latin-1, so that the English half stands there; the problem document
// is the body as ever. net/http writes its own phrases, so the connection is taken
// over and closed. done is false where that cannot be (HTTP/2), and nothing is
// written then.
func (s *server) refuseAloud(c echo.Context, p *problem) (done bool) {
	reason := printable(p.DetailEN + " " + p.HintEN)
	if p.DetailEN == "" {
		reason = englishHalf(p.Detail)
	}
	if reason == "" {
		return false
	}
	// a connection closed over unread bytes is reset, and the answer with it
	if n, err := io.Copy(io.Discard, io.LimitReader(c.Request().Body, maxBody)); err != nil || n == maxBody {
		return false
	}
	p.Type, p.Instance = problemType(p.kind), c.Request().URL.Path
	body, err := json.Marshal(p)
	if err != nil {
		return false
	}
	conn, rw, err := http.NewResponseController(c.Response().Writer).Hijack()
	if err != nil {
		return false
	}
	defer conn.Close()
	r := c.Response()
	r.Status, r.Size, r.Committed = p.Status, int64(len(body)), true
	if err := writeReply(rw.Writer, conn.SetWriteDeadline(time.Now().Add(10*time.Second)), r.Header(), p.Status, reason, body); err != nil {
		s.log.DebugContext(c.Request().Context(), "client went away", "err", err)
	}
	return true
}

func writeReply(w *bufio.Writer, err error, header http.Header, status int, reason string, body []byte) error {
	if err != nil {
		return err
	}
	header.Set("Content-Type", "application/problem+json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Connection", "close")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if _, err := fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n", status, reason); err != nil {
		return err
	}
	if err := header.Write(w); err != nil {
		return err
	}
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Flush()
}

// englishHalf is what of a message can stand in a status line: the text behind the
// last Chinese character.
func englishHalf(detail string) string {
	last := strings.LastIndexFunc(detail, func(r rune) bool { return r >= 0x2E80 })
	if last >= 0 {
		_, detail, _ = strings.Cut(detail[last:], " ")
	}
	return printable(detail)
}

// printable is the ASCII of a text, in one line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s[:min(len(s), maxReason)])
}
