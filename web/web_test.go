package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, p *Page, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result()
}

func TestPageIsServedWithItsTypesAndLives(t *testing.T) {
	script := strings.Repeat("const parcel = 1;\n", 200)
	p, err := read(fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}, "assets/index-abc.js": {Data: []byte(script)}, "assets/x.css": {Data: []byte("a{}")}})
	if err != nil {
		t.Fatal(err)
	}
	root := get(t, p, "/")
	if root.StatusCode != 200 || root.Header.Get("Content-Type") != "text/html; charset=utf-8" || root.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("/: %d %v", root.StatusCode, root.Header)
	}
	if csp := root.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe-eval") || strings.Contains(csp, "http") {
		t.Errorf("the page may load too much: %s", csp)
	}
	js := get(t, p, "/assets/index-abc.js", "Accept-Encoding", "br, gzip;q=0.5")
	if js.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || !strings.Contains(js.Header.Get("Cache-Control"), "immutable") || js.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("script: %v", js.Header)
	}
	z, err := gzip.NewReader(js.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != script {
		t.Errorf("unpacked %d bytes: %v", len(text), err)
	}
	for _, no := range []string{"", "gzip;q=0", "br", "gzip; q=0.0"} {
		if plain := get(t, p, "/assets/index-abc.js", "Accept-Encoding", no); plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("packed for %q", no)
		}
	}
	if again := get(t, p, "/", "If-None-Match", root.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("an unchanged page answers %d", again.StatusCode)
	}
	for _, path := range []string{"/assets/none.js", "/assets/../index.html", "/README", "/assets/"} {
		if r := get(t, p, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d", path, r.StatusCode)
		}
	}
}

func TestProgramWithoutPageSaysSo(t *testing.T) {
	p, err := read(fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	r := get(t, p, "/")
	body, _ := io.ReadAll(r.Body)
	if r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "scripts/build") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if _, err := New(); err != nil {
		t.Error(err)
	}
}
