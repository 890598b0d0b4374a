package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/access"
	"gengheng/internal/client"
)

const declarationsPath = "/api/v1/counties/149901/years/2025/"

// asTown sends a request as the clerk of a township, with a body, and gives the
// answer.
func (k *clerk) asTown(township, method, path, contentType string, body []byte) (int, []byte) {
	k.t.Helper()
	status, text := k.svc.as(k.t, "", method, path, header("Gengheng-Role", "township_clerk/"+township), func(r *http.Request) {
		r.Body, r.ContentLength = http.NoBody, 0
		if body != nil {
			r.Body, r.ContentLength = readCloser{bytes.NewReader(body)}, int64(len(body))
			r.Header.Set("Content-Type", contentType)
		}
	})
	return status, []byte(text)
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// sendAs loads a declaration as a township and waits for it; the dataset shows
// the screening that read it, once that is done.
func (k *clerk) sendAs(township, name string, content []byte) client.Dataset {
	k.t.Helper()
	status, body := k.asTown(township, "POST", "/api/v1/counties/149901/uploads?file_name="+name, "application/octet-stream", content)
	up := decode[client.Upload](k.t, status, 201, body)
	in := fmt.Sprintf(`{"upload_id":%q,"kind":"CANDIDATE_IN","year":2025,"scope":%q}`, up.UploadId, township)
	status, body = k.asTown(township, "POST", "/api/v1/counties/149901/datasets", "application/json", []byte(in))
	a := decode[client.DatasetAccepted](k.t, status, 202, body)
	if _, err := k.Wait(k.t.Context(), a.Job.JobId, nil); err != nil {
		k.t.Fatal(err)
	}
	return k.screened(township, a.Dataset.DatasetId)
}

// screened waits for the screenings that are under way and gives the dataset.
func (k *clerk) screened(township string, id uuid.UUID) client.Dataset {
	k.t.Helper()
	rows, err := k.svc.db.Pool.Query(k.t.Context(), `SELECT job_id FROM job WHERE kind = 'screen' AND status IN ('queued', 'running')`)
	if err != nil {
		k.t.Fatal(err)
	}
	var waiting []uuid.UUID
	for rows.Next() {
		var job uuid.UUID
		if err := rows.Scan(&job); err != nil {
			k.t.Fatal(err)
		}
		waiting = append(waiting, job)
	}
	for _, job := range waiting {
		if _, err := k.Wait(k.t.Context(), job, nil); err != nil {
			k.t.Fatal(err)
		}
	}
	status, body := k.asTown(township, "GET", "/api/v1/counties/149901/datasets/"+id.String(), "", nil)
	d := decode[client.Dataset](k.t, status, 200, body)
	if d.RunId == nil {
		k.t.Fatalf("nothing has screened the declaration that arrived: %s", body)
	}
	return d
}

func decode[T any](t *testing.T, status, want int, body []byte) (v T) {
	t.Helper()
	if status != want {
		t.Fatalf("%d, want %d: %s", status, want, body)
	}
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A township declares by boundaries, by the form, and parcel by parcel: each way
// is screened when it arrives and the township reads its verdicts; the form gives
// the very findings of the boundaries; nobody changes what another has changed.
func TestTownship_DeclaresScreensAndChanges(t *testing.T) {
	t.Parallel()
	k := newClerk(t)
	k.loadLayers(k.zips)
	boundaries, err := os.ReadFile(filepath.Join(k.dir, "declarations", townA+"_in.zip"))
	if err != nil {
		t.Fatal(err)
	}
	drawn := k.sendAs(townA, townA+"_in.zip", boundaries)
	status, form := k.asTown(townA, "GET", declarationsPath+"forms/in", "", nil)
	if status != 200 {
		t.Fatalf("%d %s", status, form)
	}
	written := k.sendAs(townA, "form.xlsx", form)
	if *written.Version != *drawn.Version || written.DatasetId == drawn.DatasetId {
		t.Errorf("the form is version %s, the boundaries %s", *written.Version, *drawn.Version)
	}
	var runs int
	if err := k.svc.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM screening_run`).Scan(&runs); err != nil || runs != 2 {
		t.Errorf("%d screenings for two arrivals; layers and what the county loads start none (%v)", runs, err)
	}
	everything := true // nothing taken over from the run on the boundaries
	resp, err := k.Raw.AddScreening(t.Context(), k.County, client.ScreeningInput{Year: year, Full: &everything})
	full := must[client.ScreeningAccepted](t, resp, err, http.StatusAccepted)
	if _, err := k.Wait(t.Context(), full.Job.JobId, nil); err != nil {
		t.Fatal(err)
	}
	if a, b := k.lines(*drawn.RunId), k.lines(full.Screening.RunId); !bytes.Equal(a, b) || len(a) == 0 {
		t.Errorf("the findings of the form (%d bytes) differ from those of the boundaries (%d)", len(b), len(a))
	}
	if status, _ := k.asTown(townB, "GET", declarationsPath+"forms/in?township="+townA, "", nil); status != 403 {
		t.Errorf("a township gets another's form: %d", status)
	}
	k.changesOne(written)
}

// verdictOf reads a parcel as its township does.
func (k *clerk) verdictOf(number string) client.CandidateDetail {
	k.t.Helper()
	status, body := k.asTown(townA, "GET", "/api/v1/counties/149901/candidates/in/"+number+"?year=2025", "", nil)
	return decode[client.CandidateDetail](k.t, status, 200, body)
}

func (k *clerk) changesOne(base client.Dataset) {
	t := k.t
	var number string
	var remainder string
	err := k.svc.db.Pool.QueryRow(t.Context(), `SELECT number, usable_m2::text FROM verdict WHERE run_id = $1 AND verdict = 'eligible_after_clip' AND usable_m2 < area_m2 ORDER BY number LIMIT 1`, *base.RunId).Scan(&number, &remainder)
	if err != nil {
		t.Fatal(err)
	}
	post := func(town, path, body string, want int) client.CandidateChange {
		t.Helper()
		method := "POST"
		if !strings.HasSuffix(path, "/clip") && !strings.HasSuffix(path, "/withdraw") {
			method = "PUT"
		}
		status, answer := k.asTown(town, method, declarationsPath+"candidates/in/"+path, "application/json", []byte(body))
		if want != 200 {
			if status != want {
				t.Errorf("%s %s: %d, want %d: %s", path, body, status, want, answer)
			}
			return client.CandidateChange{}
		}
		return decode[client.CandidateChange](t, status, 200, answer)
	}
	reason := func(id uuid.UUID) string { return fmt.Sprintf(`{"dataset_id":%q,"reason":"合成：测试"}`, id) }

	clipped := post(townA, number+"/clip", reason(base.DatasetId), 200)
	if clipped.RunId == nil || *clipped.Dataset.Features != *base.Features {
		t.Errorf("clipped: %+v", clipped)
	}
	post(townA, number+"/clip", reason(base.DatasetId), 409)                // not in force any more
	post(townB, number+"/withdraw", reason(clipped.Dataset.DatasetId), 404) // not theirs to know
	now := k.screened(townA, clipped.Dataset.DatasetId)
	seen := k.verdictOf(number)
	if seen.Verdict == nil || seen.Verdict.Verdict != "eligible" || seen.Verdict.UsableM2 != seen.Candidate.AreaM2 || *seen.Candidate.DatasetId != now.DatasetId {
		t.Errorf("after clipping: %+v %+v", seen.Verdict, seen.Candidate)
	}
	if seen.Candidate.AreaM2 != remainder {
		t.Errorf("clipped to %s m², the remainder was %s", seen.Candidate.AreaM2, remainder)
	}
	post(townA, number+"/clip", reason(now.DatasetId), 409) // nothing to clip

	gone := post(townA, number+"/withdraw", reason(now.DatasetId), 200)
	if status, body := k.asTown(townA, "GET", "/api/v1/counties/149901/candidates/in/"+number+"?year=2025", "", nil); status != 404 || *gone.Dataset.Features != *base.Features-1 {
		t.Errorf("withdrawn, and still there: %d %s", status, body)
	}
	shape, err := json.Marshal(seen.Geometry)
	if err != nil {
		t.Fatal(err)
	}
	put := func(id uuid.UUID, more string) string {
		return fmt.Sprintf(`{"dataset_id":%q,"reason":"合成：测试","target_dlbm":"0103","method":"GCHF","actor":"农户","attributes":{"XDM":"南坡"},"geometry":%s%s}`, id, shape, more)
	}
	post(townA, "新-1", put(now.DatasetId, ""), 409)
	post(townA, "新-1", put(gone.Dataset.DatasetId, fmt.Sprintf(`,"township_code":%q`, townB)), 422)
	post(townA, "新-1", put(gone.Dataset.DatasetId, `,"documents":{"XXX":"1"}`), 400)
	post(townA, "新-1", fmt.Sprintf(`{"dataset_id":%q,"reason":"合成"}`, gone.Dataset.DatasetId), 404)
	fresh := post(townA, "新-1", put(gone.Dataset.DatasetId, ""), 200)
	k.screened(townA, fresh.Dataset.DatasetId)
	again := k.verdictOf("新-1")
	if again.Verdict == nil || again.Candidate.AreaM2 != remainder || again.Verdict.UsableM2 != seen.Verdict.UsableM2 {
		t.Errorf("drawn again: %+v %+v", again.Candidate, again.Verdict)
	}
	var log []string
	rows, err := k.svc.db.Pool.Query(t.Context(), `SELECT action || ' ' || subject_id FROM audit_log WHERE action LIKE 'candidate.%' ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		log = append(log, s)
	}
	if got, want := strings.Join(log, "|"), "candidate.clip in/"+number+"|candidate.withdraw in/"+number+"|candidate.put in/新-1"; got != want {
		t.Errorf("the log has %s, want %s", got, want)
	}
	if _, err := access.VerifyAudit(t.Context(), k.svc.db, ownCounty); err != nil {
		t.Error(err)
	}
}
