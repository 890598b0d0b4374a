package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gengheng/internal/access"
	"gengheng/internal/api"
	"gengheng/internal/jobs"
)

const resumable = "/api/v1/counties/149901/resumable-uploads"

// tus sends one request of the protocol. key is empty where nobody is asked.
func (s *service) tus(t *testing.T, key, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/offset+octet-stream")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a answer) must(t *testing.T, status int, says string) answer {
	t.Helper()
	if a.status != status || !strings.Contains(string(a.body), says) {
		t.Fatalf("%d %s; want %d with %q", a.status, a.body, status, says)
	}
	return a
}

func metadata(name, sum string) string {
	enc := base64.StdEncoding.EncodeToString
	m := "filename " + enc([]byte(name))
	if sum != "" {
		m += ",sha256 " + enc([]byte(sum))
	}
	return m
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// begin announces an upload and gives its address.
func (s *service) begin(t *testing.T, key string, size int, sum string) string {
	t.Helper()
	a := s.tus(t, key, "POST", resumable, nil, "Upload-Length", strconv.Itoa(size), "Upload-Metadata", metadata("申报.zip", sum)).must(t, 201, "申报.zip")
	at := a.header.Get("Location")
	if !strings.HasPrefix(at, resumable+"/") || a.header.Get("Upload-Offset") != "0" || a.header.Get("Tus-Resumable") != "1.0.0" {
		t.Fatalf("%v", a.header)
	}
	return at
}

func (s *service) patch(t *testing.T, key, at string, offset int, part []byte) answer {
	t.Helper()
	return s.tus(t, key, "PATCH", at, bytes.NewReader(part), "Upload-Offset", strconv.Itoa(offset))
}

func (s *service) offset(t *testing.T, key, at string) string {
	t.Helper()
	return s.tus(t, key, "HEAD", at, nil).must(t, 200, "").header.Get("Upload-Offset")
}

// reaches waits until that much has arrived: a cut is seen by the server when it is.
func (s *service) reaches(t *testing.T, key, at string, want int) {
	t.Helper()
	var got string
	for range 500 {
		if got = s.offset(t, key, at); got == strconv.Itoa(want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s bytes have arrived, want %d", got, want)
}

func openCounty(t *testing.T) *service {
	t.Helper()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县","srid":4546}`)
	return s
}

func (s *service) partials(t *testing.T) int {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(s.dir, "partial-*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// cut sends the first bytes of a part that was announced longer, and hangs up.
func (s *service) cut(t *testing.T, at string, offset, announced int, part []byte) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	head := fmt.Sprintf("PATCH %s HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: %d\r\nContent-Length: %d\r\n\r\n", at, offset, announced)
	if _, err := conn.Write(append([]byte(head), part...)); err != nil {
		t.Fatal(err)
	}
}

func TestResumable_GoesOnAfterACutAndARestart(t *testing.T) {
	t.Parallel()
	s := openCounty(t)
	content := bytes.Repeat([]byte("耕地进出平衡"), 5000)
	sum := digest(content)
	at := s.begin(t, "", len(content), sum)
	id := filepath.Base(at)
	load := `{"upload_id":"` + id + `","kind":"DLTB","year":2025}`

	s.cut(t, at, 0, len(content), content[:30000])
	s.reaches(t, "", at, 30000)
	s.call(t, "POST", "/api/v1/counties/149901/datasets", "application/json", load).must(t, 404, "upload")

	// Another process on the same folder and database, as after a restart.
	files, err := api.NewFiles(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	q, err := jobs.New(jobs.Config{DB: s.db, Workers: 0, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h, err := api.New(api.Config{DB: s.db, Queue: q, Files: files, Log: slog.New(slog.DiscardHandler), Open: true})
	if err != nil {
		t.Fatal(err)
	}
	again := &service{Server: httptest.NewServer(h), db: s.db, dir: s.dir}
	t.Cleanup(again.Close)
	if got := again.offset(t, "", at); got != "30000" {
		t.Fatalf("after the restart %s", got)
	}
	again.tus(t, "", "GET", resumable, nil).must(t, 200, `"offset":30000`)
	a := again.patch(t, "", at, 30000, content[30000:50000]).must(t, 204, "")
	if a.header.Get("Upload-Complete") != "?0" || a.header.Get("Upload-Offset") != "50000" {
		t.Fatalf("%v", a.header)
	}
	if a = again.patch(t, "", at, 50000, content[50000:]).must(t, 204, ""); a.header.Get("Upload-Complete") != "?1" {
		t.Fatalf("%v", a.header)
	}
	// whoever lost that answer learns it
	if a = s.tus(t, "", "HEAD", at, nil).must(t, 200, ""); a.header.Get("Upload-Complete") != "?1" || a.header.Get("Upload-Offset") != strconv.Itoa(len(content)) {
		t.Fatalf("%v", a.header)
	}
	s.patch(t, "", at, len(content), nil).must(t, 204, "")
	s.tus(t, "", "GET", resumable, nil).must(t, 200, "[]")
	s.tus(t, "", "DELETE", at, nil).must(t, 409, "upload-complete")
	got, err := os.ReadFile(filepath.Join(s.dir, sum[:2], sum))
	if err != nil || !bytes.Equal(got, content) || s.partials(t) != 0 {
		t.Fatalf("%d bytes, %d partial files (%v)", len(got), s.partials(t), err)
	}
	s.call(t, "POST", "/api/v1/counties/149901/datasets", "application/json", load).must(t, 202, id)
	var actions string
	err = s.db.Pool.QueryRow(t.Context(), `SELECT string_agg(action, ' ' ORDER BY seq) FROM audit_log WHERE subject_id = $1`, id).Scan(&actions)
	if err != nil || actions != "upload.begin upload.add" {
		t.Errorf("the log has %q (%v)", actions, err)
	}
}

func TestResumable_RefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	s := openCounty(t)
	for name, tc := range map[string]struct {
		length, metadata string
		status           int
		says             string
	}{
		"too large":    {strconv.Itoa(200<<20 + 1), metadata("a.zip", ""), 413, "200 MB"},
		"empty":        {"0", metadata("a.zip", ""), 400, "upload-empty"},
		"negative":     {"-1", metadata("a.zip", ""), 400, "Upload-Length"},
		"no name":      {"1", "sha256 ", 400, "file-name"},
		"a folder":     {"1", metadata("..", ""), 400, "file-name"},
		"no base64":    {"1", "filename 申报", 400, "Base64"},
		"short digest": {"1", metadata("a.zip", "abc"), 400, "sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			s.tus(t, "", "POST", resumable, nil, "Upload-Length", tc.length, "Upload-Metadata", tc.metadata).must(t, tc.status, tc.says)
		})
	}
	if n := s.partials(t); n != 0 {
		t.Fatalf("%d files were begun", n)
	}
	at := s.begin(t, "", 10, digest([]byte("0123456789")))
	s.patch(t, "", at, 0, []byte("0123")).must(t, 204, "")
	s.patch(t, "", at, 0, []byte("0123")).must(t, 409, "upload-offset")
	s.patch(t, "", at, 5, []byte("56789")).must(t, 409, "upload-offset")
	s.patch(t, "", at, 4, []byte("456789x")).must(t, 400, "upload-length")
	// of unknown length: it is found out when too much has come
	s.tus(t, "", "PATCH", at, io.MultiReader(strings.NewReader("456789"), strings.NewReader("x")), "Upload-Offset", "4").must(t, 400, "upload-length")
	s.tus(t, "", "PATCH", at, strings.NewReader("4"), "Upload-Offset", "4", "Content-Type", "application/octet-stream").must(t, 415, "offset+octet-stream")
	a := s.tus(t, "", "PATCH", at, strings.NewReader("4"), "Upload-Offset", "4", "Tus-Resumable", "0.2.0").must(t, 412, "1.0.0")
	if a.header.Get("Tus-Version") != "1.0.0" {
		t.Errorf("%v", a.header)
	}
	if got := s.offset(t, "", at); got != "4" {
		t.Fatalf("offset %s after refusals", got)
	}
	// another file, of the same length: found out at the end, and nothing of it stays
	s.patch(t, "", at, 4, []byte("456780")).must(t, 409, "upload-digest")
	s.tus(t, "", "HEAD", at, nil).must(t, 404, "")
	if n := s.partials(t); n != 0 {
		t.Fatalf("%d files are left", n)
	}
}

func TestResumable_OneWriterAtATime(t *testing.T) {
	t.Parallel()
	s := openCounty(t)
	content := []byte("0123456789")
	at := s.begin(t, "", len(content), digest(content))
	body, feed := io.Pipe()
	first := make(chan answer, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), "PATCH", s.URL+at, body)
		if err != nil {
			first <- answer{}
			return
		}
		for k, v := range map[string]string{"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"} {
			req.Header.Set(k, v)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			first <- answer{}
			return
		}
		resp.Body.Close()
		first <- answer{status: resp.StatusCode, header: resp.Header}
	}()
	if _, err := feed.Write(content[:5]); err != nil {
		t.Fatal(err)
	}
	s.reaches(t, "", at, 5)
	s.patch(t, "", at, 5, content[5:]).must(t, 423, "upload-busy")
	if _, err := feed.Write(content[5:]); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	if a := <-first; a.status != 204 || a.header.Get("Upload-Complete") != "?1" {
		t.Fatalf("%d %v", a.status, a.header)
	}
}

// closedCounty is a service that asks for credentials, with the county set up.
func closedCounty(t *testing.T) *service {
	t.Helper()
	s, _ := closed(t)
	for _, sql := range []string{`INSERT INTO rulebook VALUES ('v', 'r', 2025, 'd')`,
		`INSERT INTO county (county_code, name, srid, rulebook) VALUES ('149901', '合成', 4546, 'v')`} {
		if _, err := s.db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestResumable_IsOfWhoBeganIt(t *testing.T) {
	t.Parallel()
	s := closedCounty(t)
	later := time.Now().Add(time.Hour)
	clerk := access.Capacity{Role: access.TownshipClerk, Township: townA}
	own, _, _ := s.keyFor(t, ownCounty, later, clerk, access.Capacity{Role: access.TownshipClerk, Township: townB})
	as := []string{"Gengheng-Role", "township_clerk/" + townA}
	a := s.tus(t, own, "POST", resumable, nil, append(as, "Upload-Length", "3", "Upload-Metadata", metadata("a.zip", ""))...).must(t, 201, "")
	at := a.header.Get("Location")
	neighbour, _, _ := s.keyFor(t, ownCounty, later, clerk)
	lead, _, _ := s.keyFor(t, ownCounty, later, access.Capacity{Role: access.BureauLead})
	for name, who := range map[string][]string{"another clerk of the township": {neighbour}, "the bureau's lead": {lead},
		"the same person for another township": {own, "Gengheng-Role", "township_clerk/" + townB}} {
		s.tus(t, who[0], "HEAD", at, nil, who[1:]...).must(t, 404, "")
		s.tus(t, who[0], "PATCH", at, strings.NewReader("abc"), append([]string{"Upload-Offset", "0"}, who[1:]...)...).must(t, 404, "upload-not-found")
		s.tus(t, who[0], "DELETE", at, nil, who[1:]...).must(t, 404, "upload-not-found")
		if got := s.tus(t, who[0], "GET", resumable, nil, who[1:]...).must(t, 200, ""); strings.TrimSpace(string(got.body)) != "[]" {
			t.Errorf("%s sees %s", name, got.body)
		}
	}
	s.tus(t, own, "PATCH", at, strings.NewReader("abc"), append(as, "Upload-Offset", "0")...).must(t, 204, "")
	var town string
	if err := s.db.Pool.QueryRow(t.Context(), `SELECT township_code FROM upload WHERE upload_id = $1`, filepath.Base(at)).Scan(&town); err != nil || town != townA {
		t.Errorf("the upload is of township %q (%v)", town, err)
	}
}

func TestResumable_IsBoundInNumberAndAge(t *testing.T) {
	t.Parallel()
	s := closedCounty(t)
	later := time.Now().Add(time.Hour)
	own, _, _ := s.keyFor(t, ownCounty, later, access.Capacity{Role: access.Bureau})
	other, _, _ := s.keyFor(t, ownCounty, later, access.Capacity{Role: access.Bureau})
	var all []string
	for range 5 {
		all = append(all, s.begin(t, own, 3, ""))
	}
	sixth := []string{"Upload-Length", "3", "Upload-Metadata", metadata("a.zip", "")}
	s.tus(t, own, "POST", resumable, nil, sixth...).must(t, 409, "uploads-unfinished")
	if s.begin(t, other, 3, "") == "" || s.partials(t) != 6 {
		t.Fatalf("%d files", s.partials(t))
	}
	// all townships together
	if _, err := s.db.Pool.Exec(t.Context(), `UPDATE partial_upload SET size = 8::bigint << 30 WHERE upload_id = $1`, filepath.Base(all[4])); err != nil {
		t.Fatal(err)
	}
	s.tus(t, other, "POST", resumable, nil, sixth...).must(t, 409, "uploads-unfinished")
	s.tus(t, own, "DELETE", all[4], nil).must(t, 204, "")
	s.tus(t, own, "HEAD", all[4], nil).must(t, 404, "")

	s.patch(t, own, all[0], 0, []byte("a")).must(t, 204, "")
	if _, err := s.db.Pool.Exec(t.Context(), `UPDATE partial_upload SET expires_at = now() - interval '1 second' WHERE upload_id = $1`, filepath.Base(all[0])); err != nil {
		t.Fatal(err)
	}
	s.tus(t, own, "HEAD", all[0], nil).must(t, 404, "")
	s.patch(t, own, all[0], 1, []byte("bc")).must(t, 404, "upload-not-found")
	s.begin(t, own, 3, "") // what has expired makes room, and goes
	if _, err := os.Stat(filepath.Join(s.dir, "partial-"+filepath.Base(all[0]))); !os.IsNotExist(err) {
		t.Errorf("the expired file is still there (%v)", err)
	}
	if n := s.partials(t); n != 5 {
		t.Errorf("%d files", n)
	}
}
