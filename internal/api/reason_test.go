package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// The reason stands in the status line, one line of ASCII; the body is the problem
// document; nothing that a user wrote makes a header.
func TestRefuseAloud(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		p    problem
		want string
	}{
		{problem{Status: 409, kind: "locked", Detail: "地块 in/甲：已锁定。 Its declaration is locked."}, "409 Its declaration is locked."},
		{problem{Status: 422, kind: "rows", Detail: "有误", DetailEN: "1 row is refused", HintEN: "correct it"}, "422 1 row is refused correct it"},
		{problem{Status: 422, kind: "field", Detail: "没有字段 \r\nX-Evil: 1。 No\r\nX-Evil: such field."}, "422 NoX-Evil: such field."},
		{problem{Status: 404, kind: "none", Detail: "没有要素。"}, "404 Not Found"},
		{problem{Status: 400, kind: "long", Detail: "长。 " + strings.Repeat("a", 5000)}, "400 " + strings.Repeat("a", maxReason)},
	} {
		s := &server{}
		e := echo.New()
		e.HTTPErrorHandler = s.writeError
		e.PATCH("/x", func(c echo.Context) error {
			c.Response().Header().Set("Vary", "Authorization")
			return s.gisProblem(c, &tc.p)
		})
		srv := httptest.NewServer(e)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, srv.URL+"/x", strings.NewReader(strings.Repeat("b", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.Status != tc.want || !strings.Contains(string(body), "urn:gengheng:problem:"+tc.p.kind) ||
			resp.Header.Get("X-Evil") != "" || resp.Header.Get("Vary") != "Authorization" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%q, %v, %v: %s; want %q", resp.Status, resp.Header, err, body, tc.want)
		}
		srv.Close()
	}
}

// A body that is longer than what is drained gets the plain answer.
func TestRefuseAloud_LongBody(t *testing.T) {
	t.Parallel()
	s := &server{}
	e := echo.New()
	e.HTTPErrorHandler = s.writeError
	e.PATCH("/x", func(c echo.Context) error {
		return s.gisProblem(c, &problem{Status: 413, kind: "too-large", Detail: "过大。 Too large by far."})
	})
	srv := httptest.NewServer(e)
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, srv.URL+"/x", strings.NewReader(strings.Repeat("b", maxBody+10)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Status != "413 Request Entity Too Large" {
		t.Errorf("%q", resp.Status)
	}
}
