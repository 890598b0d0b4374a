package ogc_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gengheng/internal/access"
	"gengheng/internal/api/countytest"
)

func later(r *http.Request) { r.Header.Set("Prefer", "wait=5, respond-async") }

// order begins a download and gives the path of its job below the landing page.
func (s *service) order(path string, edit ...func(*http.Request)) string {
	s.T.Helper()
	a := s.get(path, append(edit, later)...)
	_, at, found := strings.Cut(a.header.Get("Location"), "/ogc/"+county)
	if a.status != http.StatusAccepted || !found || a.header.Get("Preference-Applied") != "respond-async" || a.json["status"] != "accepted" && a.json["status"] != "running" && a.json["status"] != "successful" {
		s.T.Fatalf("%s: %d %v %s", path, a.status, a.header, a.text)
	}
	return at
}

// ended waits for a job.
func (s *service) ended(job string, edit ...func(*http.Request)) answer {
	s.T.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if a := s.must(job, edit...); a.json["status"] == "successful" || a.json["status"] == "failed" {
			return a
		}
	}
	s.T.Fatalf("%s does not end", job)
	return answer{}
}

// A job's file is the one that a request would have waited for, of what its asker may
// see, for nobody who sees less, and for a day.
func TestDownloadJob(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &service{countytest.NewMaking(t, false, dir)}
	bureau := s.key(access.Capacity{Role: access.Bureau, County: county})
	clerkA := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	clerkB := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townB})
	const path = "/collections/parcels/download?f=csv"

	whole, part := s.order(path+"&DLBM=0305", bureau), s.order(path, clerkA)
	t.Run("a file as of a request that waits", func(t *testing.T) {
		s := s.in(t)
		for _, c := range []struct {
			job, path string
			who       func(*http.Request)
		}{{whole, path + "&DLBM=0305", bureau}, {part, path, clerkA}} {
			end := s.ended(c.job, c.who)
			resp, got := s.fetch(c.job+"/results", c.who)
			want, b := s.fetch(c.path, c.who)
			if end.link("http://www.opengis.net/def/rel/ogc/1.0/results", "") == "" || !bytes.Equal(got, b) || len(b) == 0 {
				t.Errorf("%s: %s: %d bytes, want %d", c.job, end.text, len(got), len(b))
			}
			for _, h := range []string{"Content-Type", "Content-Disposition", "Content-Length", "Gengheng-Features"} {
				if resp.Header.Get(h) != want.Header.Get(h) {
					t.Errorf("%s: %q, want %q", h, resp.Header.Get(h), want.Header.Get(h))
				}
			}
		}
	})
	t.Run("a township has its own and no other", func(t *testing.T) {
		s := s.in(t)
		for _, c := range []struct {
			name, job string
			who       func(*http.Request)
			status    int
		}{{"bureau of A's", part, bureau, 200}, {"A of the county's", whole, clerkA, 404}, {"B of A's", part, clerkB, 404}, {"nobody", part, func(*http.Request) {}, 401}} {
			for _, at := range []string{c.job, c.job + "/results"} {
				if resp, b := s.fetch(at, c.who); resp.StatusCode != c.status {
					t.Errorf("%s, %s: %d %.200s", c.name, at, resp.StatusCode, b)
				}
			}
		}
		if list := s.must("/jobs", clerkA).text; !strings.Contains(list, part) || strings.Contains(list, whole) {
			t.Errorf("jobs of A: %s", list)
		}
	})
	t.Run("packed", func(t *testing.T) {
		s := s.in(t)
		job := s.order("/collections/townships/download?f=shp&encoding=GBK", clerkA)
		s.ended(job, clerkA)
		if resp, b := s.fetch(job+"/results", clerkA); resp.Header.Get("Content-Type") != "application/zip" || !bytes.HasPrefix(b, []byte("PK")) {
			t.Errorf("%v %.10q", resp.Header, b)
		}
	})
	t.Run("what fails says why", func(t *testing.T) {
		s := s.in(t)
		s.Exec(`UPDATE finding SET geom = NULL WHERE seq = (SELECT min(seq) FROM finding)`)
		job := s.order("/collections/findings/download?f=fgb", bureau)
		if end := s.ended(job, bureau); end.json["status"] != "failed" || !strings.Contains(end.text, "FlatGeobuf") {
			t.Errorf("%s", end.text)
		}
		if a := s.get(job+"/results", bureau); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text, "FlatGeobuf") {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("what is wrong at once is said at once", func(t *testing.T) {
		s := s.in(t)
		for _, q := range []string{"?f=dwg", "?f=csv&filter=nothing%3D1", "?nothing=1"} {
			if a := s.get("/collections/parcels/download"+q, bureau, later); a.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", q, a.status, a.text)
			}
		}
	})
	t.Run("for a day", func(t *testing.T) {
		s := s.in(t)
		left := func() (names []string) {
			list, err := filepath.Glob(filepath.Join(dir, "*", "file*"))
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		if n := len(left()); n != 3 {
			t.Fatalf("files %v", left())
		}
		s.Exec(`UPDATE download SET expires_at = now() WHERE township_code = $1`, townA)
		if a := s.get(part+"/results", clerkA); a.status != http.StatusGone || !strings.Contains(a.text, "download-expired") {
			t.Errorf("%d %s", a.status, a.text)
		}
		old := filepath.Join(dir, "of-another-database")
		if err := os.Mkdir(old, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(old, time.Now().Add(-72*time.Hour), time.Now().Add(-72*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := s.Downloads.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(left()); n != 1 {
			t.Errorf("after the sweep: %v", left())
		}
		if _, err := os.Stat(old); !os.IsNotExist(err) {
			t.Errorf("what nobody knows of stays: %v", err)
		}
		if resp, _ := s.fetch(whole+"/results", bureau); resp.StatusCode != http.StatusOK {
			t.Errorf("a file that has not expired: %d", resp.StatusCode)
		}
	})
}

// So many at once, and so much disk, and no more.
func TestDownloadJob_Bounds(t *testing.T) {
	t.Parallel()
	s := &service{countytest.NewMaking(t, true, t.TempDir())}
	const path = "/collections/townships/download?f=csv"
	add := `INSERT INTO download (county_code, download_id, township_code, collection, query, status, bytes, expires_at)
		SELECT '` + county + `', gen_random_uuid(), $1, 'parcels', '', $2, $3, now() + interval '1 day' FROM generate_series(1, $4::int)`
	refused := func(kind string) {
		t.Helper()
		a := s.get(path, later)
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.text, kind) || a.header.Get("Retry-After") == "" {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
	s.Exec(add, townA, "queued", 0, 3)
	s.ended(s.order(path)) // a township's are not the county's
	s.Exec(add, "", "running", 0, 3)
	refused("download-busy")
	s.Exec(`DELETE FROM download`)
	s.Exec(add, "", "done", int64(19)<<30, 1)
	refused("download-full")
	s.Exec(`UPDATE download SET bytes = 0`) // swept
	s.ended(s.order(path))
	// without the preference it is made at once, and where nothing makes files later too
	if resp, _ := s.fetch(path); resp.StatusCode != http.StatusOK {
		t.Errorf("%d", resp.StatusCode)
	}
	if resp, _ := newService(t, true).fetch(path, later); resp.StatusCode != http.StatusOK || resp.Header.Get("Preference-Applied") != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	op := s.spec().Paths.Value("/collections/townships/download").Get
	if p := op.Parameters.GetByInAndName("header", "Prefer"); p == nil || op.Responses.Value("202") == nil {
		t.Errorf("the definition does not say so: %v", op)
	}
}
