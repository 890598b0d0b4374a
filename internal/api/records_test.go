package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gengheng/internal/access"
)

// workedYear is a service with one declared and screened parcel in each of two
// townships, and a key for each of some roles.
func workedYear(t *testing.T) (*service, map[access.Role]string) {
	t.Helper()
	s, _ := closed(t)
	isolated(t, s)
	keys := map[access.Role]string{}
	for _, r := range []access.Role{access.Bureau, access.BureauLead, access.Forestry, access.Auditor, access.Government} {
		keys[r], _, _ = s.keyFor(t, ownCounty, time.Now().Add(time.Hour), access.Capacity{Role: r})
	}
	keys[access.TownshipClerk], _, _ = s.keyFor(t, ownCounty, time.Now().Add(time.Hour), access.Capacity{Role: access.TownshipClerk, Township: townA})
	return s, keys
}

func TestRecords_OverHTTP(t *testing.T) {
	t.Parallel()
	s, keys := workedYear(t)
	base := "/api/v1/counties/149901"
	expect := func(status int, says string, who access.Role, method, path, body string) string {
		t.Helper()
		got, text := s.say(t, keys[who], method, base+path, body)
		if got != status || !strings.Contains(text, says) {
			t.Errorf("%s %s by %s: %d %s; want %d and %q", method, path, who, got, text, status, says)
		}
		return text
	}
	const year = "/years/2025"
	act := func(action, number string, revision int) string {
		return fmt.Sprintf(`{"action":%q,"reason":"合成","items":[{"direction":"in","number":%q,"revision":%d}]}`, action, number, revision)
	}
	declare := `{"action":"declare","reason":"迟报","items":[{"direction":"in","number":"` + townA + `"}]}`
	expect(404, "year-not-set", access.TownshipClerk, "GET", year, "")
	expect(404, "year-not-set", access.TownshipClerk, "POST", year+"/actions", declare)
	expect(403, "forbidden", access.Bureau, "PUT", year, `{}`)
	expect(400, "body", access.BureauLead, "PUT", year, `{"declare_by":"2025-07-01","plan_by":"6月"}`)
	expect(400, "record-input", access.BureauLead, "PUT", year, `{"declare_by":"2025-08-01"}`)
	expect(200, `"reviewers":["forestry"]`, access.BureauLead, "PUT", year, `{"declare_by":"2025-06-30","reviewers":["forestry"],"reason":"年初"}`)

	// One's own parcels only; late, as 2025 is over; what is refused is said of each.
	both := strings.Replace(declare, `}]`, `},{"direction":"in","number":"`+townB+`"},{"direction":"out","number":"X1"}]`, 1)
	if text := expect(404, "2 个地块不能办理", access.TownshipClerk, "POST", year+"/actions", both); !strings.Contains(text, "out/X1") || !strings.Contains(text, townB) {
		t.Errorf("%s", text)
	}
	expect(409, "record-late", access.TownshipClerk, "POST", year+"/actions", strings.Replace(declare, "迟报", "", 1))
	expect(200, `"state":"draft"`, access.TownshipClerk, "POST", year+"/actions", declare)
	expect(200, `"late":true`, access.Bureau, "POST", year+"/actions", strings.ReplaceAll(declare, townA, townB))
	expect(400, "revision", access.TownshipClerk, "POST", year+"/actions", strings.Replace(declare, "declare", "submit", 1))
	expect(409, "record-stale", access.TownshipClerk, "POST", year+"/actions", act("submit", townA, 7))
	expect(200, `"state_zh":"乡镇提交"`, access.TownshipClerk, "POST", year+"/actions", act("submit", townA, 1))
	// what each may do with it, and whose queue it is in
	one := year + "/records/in/" + townA
	expect(200, `"allowed_actions":["submit","withdraw"]`, access.TownshipClerk, "GET", one, "")
	expect(200, `"allowed_actions":["return","check"]`, access.Bureau, "GET", one, "")
	expect(200, `"allowed_actions":["return","check","refuse"]`, access.BureauLead, "GET", one, "")
	expect(200, `"allowed_actions":[]`, access.Auditor, "GET", one, "")
	expect(200, townA, access.Bureau, "GET", year+"/records?mine=true", "")
	expect(200, `"items":[]`, access.Forestry, "GET", year+"/records?mine=true", "")
	expect(403, "record-role", access.Bureau, "POST", year+"/actions", act("withdraw", townA, 2))
	expect(403, "forbidden", access.Forestry, "POST", year+"/actions", act("check", townA, 2))
	expect(200, `"state":"checked"`, access.Bureau, "POST", year+"/actions", act("check", townA, 2))
	expect(200, `"round":1`, access.Bureau, "POST", year+"/actions", act("review", townA, 3))
	expect(200, `"counts":{"in/in_review":1}`, access.TownshipClerk, "GET", year, "")
	expect(200, `"in/draft":1`, access.Bureau, "GET", year, "")

	// the departments' queue and opinions
	opinion := `{"opinion":%q,"items":[{"direction":"in","number":"` + townA + `"}]}`
	expect(200, townA, access.Forestry, "GET", year+"/records?queue=forestry", "")
	expect(200, `"allowed_actions":["opinion"]`, access.Forestry, "GET", year+"/records?mine=true", "")
	expect(403, "forbidden", access.TownshipClerk, "POST", year+"/opinions", fmt.Sprintf(opinion, "agree"))
	expect(409, "record-reason", access.Forestry, "POST", year+"/opinions", fmt.Sprintf(opinion, "disagree"))
	expect(201, `"department":"forestry"`, access.Forestry, "POST", year+"/opinions", fmt.Sprintf(opinion, "agree"))
	expect(200, `"items":[]`, access.Forestry, "GET", year+"/records?queue=forestry", "")
	expect(200, `"items":[]`, access.Forestry, "GET", year+"/records?mine=true", "")

	// the declared parcels say the verdict and where each stands
	list := "/candidates?year=2025"
	expect(200, `"state":"in_review","state_zh":"部门会审"`, access.TownshipClerk, "GET", list, "")
	expect(200, `"verdict":"eligible"`, access.TownshipClerk, "GET", list, "")
	for query, want := range map[string][2]bool{"": {true, true}, "&verdict=eligible": {true, true}, "&verdict=forbidden": {}, "&state=draft": {false, true},
		"&state=in_review": {true, false}, "&search=" + townB[3:]: {false, true}, "&search=没有": {}} {
		if text := expect(200, "items", access.Bureau, "GET", list+query, ""); strings.Contains(text, townA) != want[0] || strings.Contains(text, townB) != want[1] {
			t.Errorf("%s: %s", query, text)
		}
	}

	// a township sees its own, in the list and by name
	expect(200, `"number":"`+townA+`"`, access.TownshipClerk, "GET", year+"/records", "")
	if text := expect(200, "items", access.TownshipClerk, "GET", year+"/records", ""); strings.Contains(text, townB) {
		t.Errorf("the clerk sees %s", text)
	}
	expect(404, "record-not-found", access.TownshipClerk, "GET", year+"/records/in/"+townB, "")
	expect(200, `"next":"in/`+townA+`"`, access.Auditor, "GET", year+"/records?limit=1", "")
	text := expect(200, `"action_zh":"送会审"`, access.TownshipClerk, "GET", year+"/records/in/"+townA, "")
	if strings.Count(text, `"event_id"`) != 4 || !strings.Contains(text, `"reason":"迟报"`) || !strings.Contains(text, `"opinion":"agree"`) {
		t.Errorf("%s", text)
	}
	expect(409, "ledger-not-open", access.Government, "POST", year+"/closing", `{"reason":"年终"}`)
}

func TestRecordDocuments_AreKeptAndGiven(t *testing.T) {
	t.Parallel()
	s, keys := workedYear(t)
	base := "/api/v1/counties/149901"
	for _, r := range []struct {
		who        access.Role
		path, body string
	}{
		{access.BureauLead, "PUT", `{}`},
		{access.Bureau, "POST", `{"action":"declare","reason":"迟报","items":[{"direction":"in","number":"` + townA + `"},{"direction":"in","number":"` + townB + `"}]}`},
	} {
		path := base + "/years/2025"
		if r.path == "POST" {
			path += "/actions"
		}
		if got, text := s.say(t, keys[r.who], r.path, path, r.body); got != 200 {
			t.Fatal(got, text)
		}
	}
	content := []byte("合成同意书")
	send := func(who access.Role, number, query string) (int, string) {
		return s.as(t, keys[who], "POST", base+"/years/2025/records/in/"+number+"/documents?file_name=a.pdf"+query, body(content))
	}
	for name, tc := range map[string]struct {
		who           access.Role
		number, query string
		status        int
	}{
		"another township's": {access.TownshipClerk, townB, "&kind=consent", 404},
		"no kind":            {access.TownshipClerk, townA, "", 400},
		"an unknown kind":    {access.TownshipClerk, townA, "&kind=letter", 400},
		"no use":             {access.TownshipClerk, townA, "&kind=approval", 400},
		"no record":          {access.TownshipClerk, "X1", "&kind=consent", 404},
		"an auditor":         {access.Auditor, townA, "&kind=consent", 403},
	} {
		if got, text := send(tc.who, tc.number, tc.query); got != tc.status {
			t.Errorf("%s: %d %s", name, got, text)
		}
	}
	status, text := send(access.TownshipClerk, townA, "&kind=consent&reference=%E5%90%8C1")
	var d struct {
		ID     string `json:"document_id"`
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal([]byte(text), &d); status != 201 || err != nil || !strings.Contains(text, `"reference":"同1"`) {
		t.Fatal(status, text)
	}
	if got, text := s.as(t, keys[access.TownshipClerk], "GET", base+"/record-documents/"+d.ID); got != 200 || text != string(content) {
		t.Errorf("%d %q", got, text)
	}
	other, _, _ := s.keyFor(t, ownCounty, time.Now().Add(time.Hour), access.Capacity{Role: access.TownshipLead, Township: townB})
	if got, text := s.as(t, other, "GET", base+"/record-documents/"+d.ID); got != 404 {
		t.Errorf("another township reads it: %d %s", got, text)
	}
}

func body(b []byte) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/octet-stream")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	}
}
