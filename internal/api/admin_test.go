package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gengheng/internal/client"
)

// administered calls as the open administrator, whose answers are checked
// against the contract.
func administered(t *testing.T, s *service, method, path, body string, status int, into any) answer {
	t.Helper()
	a := s.call(t, method, "/api/v1/counties/149901"+path, "application/json", body)
	if a.status != status {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestAdmin_AKeysLife(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"合成县","srid":4546}`)
	var p client.Identity
	administered(t, s, "POST", "/identities", `{"kind":"program","name":"合成 GIS","roles":[{"role":"township_clerk","township":"149901100"},{"role":"auditor"}]}`, 201, &p)
	var k client.NewKey
	administered(t, s, "POST", "/identities/"+p.IdentityId.String()+"/keys", `{"name":"桌面","days":30}`, 201, &k)
	get := func(role string) int {
		status, _ := s.as(t, k.Secret, "GET", "/api/v1/counties/149901", header("Gengheng-Role", role))
		return status
	}
	if get("auditor") != 200 || get("township_clerk") != 200 || get("") != 400 {
		t.Fatal("the key does not open")
	}
	if status, body := s.as(t, k.Secret, "GET", "/api/v1/me"); status != 200 || !strings.Contains(body, `"township":"149901100"`) {
		t.Errorf("%d %s", status, body)
	}
	var keys []client.Key
	a := administered(t, s, "GET", "/identities/"+p.IdentityId.String()+"/keys", "", 200, &keys)
	if len(keys) != 1 || keys[0].LastUsedAt == nil || strings.Contains(string(a.body), k.Secret[14:]) {
		t.Errorf("%s", a.body)
	}
	administered(t, s, "PATCH", "/identities/"+p.IdentityId.String(), `{"roles":[{"role":"auditor"}],"reason":"调岗"}`, 200, &p)
	if len(p.Roles) != 1 || get("township_clerk") != 400 || get("") != 200 {
		t.Error("the roles were not replaced")
	}
	administered(t, s, "PATCH", "/identities/"+p.IdentityId.String(), `{"disabled":true,"reason":"离职"}`, 200, nil)
	if get("") != 401 {
		t.Error("a disabled identity's key opens")
	}
	administered(t, s, "PATCH", "/identities/"+p.IdentityId.String(), `{"disabled":false,"reason":"返岗"}`, 200, nil)
	if get("") != 200 {
		t.Error("an enabled identity's key does not open")
	}
	administered(t, s, "POST", "/keys/"+k.Key.KeyId.String()+"/revoke", `{"reason":"遗失"}`, 204, nil)
	if get("") != 401 {
		t.Error("a revoked key opens")
	}
	var page client.AuditPage
	administered(t, s, "GET", "/audit?limit=3", "", 200, &page)
	first := page.Items
	if len(first) != 3 || page.Next == nil {
		t.Fatalf("%+v", page)
	}
	page = client.AuditPage{} // or the first page's array would be written over
	a = administered(t, s, "GET", "/audit?after=3", "", 200, &page)
	actions := []string{}
	for _, e := range append(first, page.Items...) {
		actions = append(actions, e.Action)
	}
	if got := strings.Join(actions, " "); got != "county.put identity.create key.create identity.change identity.change identity.change key.revoke" {
		t.Error(got)
	}
	if strings.Contains(string(a.body), k.Secret[14:]) {
		t.Error("the log tells the key")
	}
	for query, want := range map[string]string{
		"newest=true&limit=2":         "7 6",
		"newest=true&limit=2&after=6": "5 4",
		"until=" + first[2].At.Format("2006-01-02T15:04:05.999999Z07:00"): "1 2",
		"actor_name=%E5%BC%80%E6%94%BE&limit=1":                           "1", // 开放
		"actor_name=nobody":                                               "",
	} {
		page = client.AuditPage{}
		administered(t, s, "GET", "/audit?"+query, "", 200, &page)
		var seqs []string
		for _, e := range page.Items {
			seqs = append(seqs, fmt.Sprint(e.Seq))
		}
		if got := strings.Join(seqs, " "); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
	var chain client.AuditVerification
	administered(t, s, "GET", "/audit/verification", "", 200, &chain)
	if !chain.Holds || chain.Rows != 7 || chain.BadRow != nil {
		t.Errorf("%+v", chain)
	}
	if _, err := s.db.Pool.Exec(t.Context(), `ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET reason = '改' WHERE county_code = '149901' AND seq = 4`); err != nil {
		t.Fatal(err)
	}
	chain = client.AuditVerification{}
	administered(t, s, "GET", "/audit/verification", "", 200, &chain)
	if chain.Holds || chain.BadRow == nil || *chain.BadRow != 4 {
		t.Errorf("a row was changed: %+v", chain)
	}
	page = client.AuditPage{}
	administered(t, s, "GET", "/audit?action=key.revoke", "", 200, &page)
	if len(page.Items) != 1 || page.Items[0].Reason != "遗失" {
		t.Errorf("%+v", page)
	}
}

func TestAdmin_Refusals(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	var admin client.Identity
	administered(t, s, "POST", "/identities", `{"kind":"person","name":"合成管理员","issuer":"https://id.example","subject":"1","roles":[{"role":"admin"}]}`, 201, &admin)
	for _, tc := range []struct {
		method, path, body string
		status             int
		kind               string
	}{
		{"POST", "/identities", `{"kind":"person","name":"又一个","issuer":"https://id.example","subject":"1","roles":[]}`, 409, "subject-bound"},
		{"POST", "/identities", `{"kind":"person","name":"半个","issuer":"https://id.example","roles":[]}`, 400, "subject"},
		{"POST", "/identities", `{"kind":"person","name":"乡镇","roles":[{"role":"township_clerk"}]}`, 400, "role"},
		{"POST", "/identities", `{"kind":"person","name":"外县","roles":[{"role":"township_lead","township":"149902100"}]}`, 400, "role"},
		{"POST", "/identities", `{"kind":"person","name":"无此","roles":[{"role":"root"}]}`, 400, "contract"},
		{"PATCH", "/identities/" + admin.IdentityId.String(), `{"roles":[],"reason":"x"}`, 409, "last-admin"},
		{"PATCH", "/identities/" + admin.IdentityId.String(), `{"disabled":true,"reason":"x"}`, 409, "last-admin"},
		{"PATCH", "/identities/" + admin.IdentityId.String(), `{"disabled":true}`, 400, "contract"},
		{"PATCH", "/identities/" + someID, `{"disabled":true,"reason":"x"}`, 404, "identity-not-found"},
		{"POST", "/identities/" + someID + "/keys", `{"name":"x","days":1}`, 404, "identity-not-found"},
		{"POST", "/identities/" + admin.IdentityId.String() + "/keys", `{"name":"x","days":3650}`, 400, "contract"},
		{"POST", "/keys/" + someID + "/revoke", `{"reason":"x"}`, 404, "identity-not-found"},
	} {
		if a := administered(t, s, tc.method, tc.path, tc.body, tc.status, nil); a.problem.Type != "urn:gengheng:problem:"+tc.kind {
			t.Errorf("%s %s: %s", tc.method, tc.path, a.body)
		}
	}
	if a := s.call(t, http.MethodPatch, "/api/v1/counties/149902/identities/"+admin.IdentityId.String(), "application/json", `{"disabled":true,"reason":"x"}`); a.status != 404 {
		t.Errorf("another county's identity: %d %s", a.status, a.body)
	}
}

// A role in a township that the county has not is refused, once the county has said
// which it has.
func TestAdmin_TownshipsAreTheCountys(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	body := func(township string) string {
		return `{"kind":"person","name":"合成","roles":[{"role":"township_clerk","township":"` + township + `"}]}`
	}
	var p client.Identity
	administered(t, s, "POST", "/identities", body("149901999"), 201, nil) // nobody can tell yet
	exec := func(sql string) {
		t.Helper()
		if _, err := s.db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	s.call(t, http.MethodPut, "/api/v1/counties/149901", "application/json", `{"name":"示例县（合成）","srid":4546,"synthetic":true}`)
	exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ('149901', '` + someID + `', 'f', 1, 's')`)
	exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
		VALUES ('149901', '` + someID + `', 'XZQ', 2025, 'committed', 'v', 1, 1, '` + someID + `', 'f', 's')`)
	exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, code, area_m2, geom)
		VALUES ('149901', '` + someID + `', 1, 'XZQ', '149901100', 1, 'SRID=4546;MULTIPOLYGON(((560000 4014000,560001 4014000,560001 4014001,560000 4014000)))')`)
	administered(t, s, "POST", "/identities", body("149901100"), 201, &p)
	for method, at := range map[string][2]string{"POST": {"/identities", body("149901999")}, "PATCH": {"/identities/" + p.IdentityId.String(), `{"roles":[{"role":"township_lead","township":"149901999"}],"reason":"x"}`}} {
		if a := administered(t, s, method, at[0], at[1], 400, nil); a.problem.Type != "urn:gengheng:problem:role" || !strings.Contains(a.problem.Detail, "149901999") {
			t.Errorf("%s: %s", method, a.body)
		}
	}
}
