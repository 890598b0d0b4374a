package api

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// answered is what compress makes of a handler's answer.
func answered(t *testing.T, method, accept string, handler echo.HandlerFunc) *http.Response {
	t.Helper()
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(http.StatusTeapot, err.Error()) }
	e.Use(compress)
	e.Add(method, "/", handler)
	r := httptest.NewRequest(method, "/", nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Result()
}

func TestLongAnswersAreCompressed(t *testing.T) {
	long := map[string]string{"zh": strings.Repeat("耕地进出平衡", 2000)}
	list := func(c echo.Context) error { return c.JSON(http.StatusOK, long) }
	r := answered(t, "GET", "gzip", list)
	if r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Vary") != "Accept-Encoding" || r.Header.Get("Content-Length") != "" {
		t.Fatalf("%v", r.Header)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || string(text) != `{"zh":"`+long["zh"]+"\"}\n" {
		t.Errorf("unpacked %d bytes, %v", len(text), err)
	}
	tagged := func(c echo.Context) error {
		c.Response().Header().Set("ETag", `"1"`)
		return list(c)
	}
	kept := func(c echo.Context) error {
		c.Response().Header().Set("Content-Disposition", `attachment; filename="a.geojson"`)
		return list(c)
	}
	bytes := func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/geopackage+sqlite3", make([]byte, 9000))
	}
	packed := func(c echo.Context) error {
		c.Response().Header().Set("Content-Encoding", "gzip")
		return list(c)
	}
	for name, one := range map[string]struct {
		method, accept string
		handler        echo.HandlerFunc
		encoding       string
	}{
		"a client that takes no gzip": {"GET", "gzip;q=0", list, ""},
		"a key that was just made":    {"POST", "gzip", list, ""},
		"an entity tag":               {"GET", "gzip", tagged, ""},
		"a file":                      {"GET", "gzip", bytes, ""},
		"a file to be kept":           {"GET", "gzip", kept, ""},
		"compressed already":          {"GET", "gzip", packed, "gzip"},
		"a short answer":              {"GET", "gzip", func(c echo.Context) error { return c.JSON(http.StatusOK, []int{1}) }, ""},
	} {
		r := answered(t, one.method, one.accept, one.handler)
		body, err := io.ReadAll(r.Body)
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Encoding") != one.encoding || err != nil || len(body) < 4 {
			t.Errorf("%s: %d %v, %d bytes", name, r.StatusCode, r.Header, len(body))
		}
		if body[0] == 0x1f {
			t.Errorf("%s is compressed", name)
		}
	}
}

func TestCompressionLeavesStatusAndFaults(t *testing.T) {
	if r := answered(t, "GET", "gzip", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }); r.StatusCode != http.StatusNoContent {
		t.Errorf("no content: %d", r.StatusCode)
	}
	if r := answered(t, "GET", "gzip", func(c echo.Context) error { return c.JSON(http.StatusConflict, strings.Repeat("a", 5000)) }); r.StatusCode != http.StatusConflict || r.Header.Get("Content-Encoding") != "" {
		t.Errorf("a refusal: %d %v", r.StatusCode, r.Header)
	}
	r := answered(t, "GET", "gzip", func(echo.Context) error { return errors.New("no answer") })
	if body, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusTeapot || string(body) != "no answer" {
		t.Errorf("a fault: %d %s", r.StatusCode, body)
	}
}
