package esri_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gengheng/internal/access"
)

// A token is had for a key, works in each of the three ways that clients carry it,
// and at no other address.
func TestToken(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	secret := s.Secret(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	info := s.ask(s.URL+"/arcgis/"+county+"/rest/info", nil)
	at, _ := info.at("authInfo", "tokenServicesUrl").(string)
	if info.at("authInfo", "isTokenBasedSecurity") != true || !strings.HasSuffix(at, "/arcgis/"+county+"/tokens/generateToken") {
		t.Fatalf("%v", info)
	}
	give := func(pairs ...string) (string, answer) {
		t.Helper()
		v := s.ask("+"+at, nil, append([]string{"username", "arcgis", "password", secret, "f", "json"}, pairs...)...)
		token, _ := v["token"].(string)
		return token, v
	}
	token, v := give("expiration", "5", "client", "requestip")
	expires, _ := v["expires"].(float64)
	if left := time.Until(time.UnixMilli(int64(expires))); left < 2*time.Minute || left > 6*time.Minute || token == "" {
		t.Fatalf("%v", v)
	}
	if _, v := give("expiration", "100000"); v["expires"].(float64) > float64(time.Now().Add(3*time.Hour).UnixMilli()) {
		t.Errorf("a token lasts too long: %v", v)
	}
	count := server + survey + "/query"
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, a := range map[string]answer{
		"parameter": s.ask(count, nil, "token", token, "returnCountOnly", "true"), "form": s.ask("+"+count, nil, "token", token, "returnCountOnly", "true"),
		"X-Esri-Authorization": s.ask(count, header("X-Esri-Authorization", "Bearer "+token), "returnCountOnly", "true"),
		"Authorization":        s.ask(count, header("Authorization", "Bearer "+token), "returnCountOnly", "true"),
		"the key itself":       s.ask(count, header("X-Esri-Authorization", "Bearer "+secret), "returnCountOnly", "true"),
	} {
		if a["count"] != parcels/2.0 {
			t.Errorf("%s: %v", name, a)
		}
	}
	for name, a := range map[string]answer{
		"a wrong token": s.ask(count, nil, "token", "gt_"+strings.Repeat("0", 64)), "the key in the address": s.ask(count, nil, "token", secret), "cut": s.ask(count, nil, "token", token[:60]),
	} {
		if code, message := a.failure(); code != 498 || message == "" {
			t.Errorf("%s: %v", name, a)
		}
	}
	for _, path := range []string{"/ogc/" + county + "/collections", "/api/v1/me"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path+"?token="+token, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("the token opens %s: %d", path, resp.StatusCode)
		}
	}
	bound, _ := give("client", "referer", "referer", "https://gis.example/")
	if code, _ := s.ask(count, nil, "token", bound).failure(); code != 498 {
		t.Errorf("without its referer: %d", code)
	}
	if code, message := s.ask(count, header("Referer", "https://GIS.example/map"), "token", bound).failure(); code != 0 {
		t.Errorf("with its referer: %d %s", code, message)
	}
	elsewhere, _ := give("client", "ip", "ip", "203.0.113.7")
	if code, _ := s.ask(count, nil, "token", elsewhere).failure(); code != 498 {
		t.Errorf("from another address: %d", code)
	}
	s.Exec(`UPDATE access_token SET expires_at = now() - interval '1 second' WHERE referer <> ''`)
	if code, _ := s.ask(count, header("Referer", "https://gis.example/map"), "token", bound).failure(); code != 498 {
		t.Errorf("expired: %d", code)
	}
	s.Exec(`UPDATE api_key SET revoked_at = now() WHERE prefix = $1`, access.KeyPrefix(secret))
	if code, _ := s.ask(count, nil, "token", token).failure(); code != 498 {
		t.Errorf("its key is revoked: %d", code)
	}
	if _, v := give(); v["token"] != nil {
		t.Errorf("for a revoked key: %v", v)
	}
	if got := access.ScrubText("GET /?token=" + token + " " + token); strings.Contains(got, token[10:]) {
		t.Errorf("the log tells the token: %s", got)
	}
}

// What gives no token.
func TestToken_Refused(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	secret := s.Secret(access.Capacity{Role: access.Auditor, County: county})
	other := s.Secret(access.Capacity{Role: access.Auditor, County: "149902"})
	at := s.URL + "/arcgis/" + county + "/tokens/generateToken"
	for name, tc := range map[string]struct {
		way   string
		pairs []string
		code  int
	}{
		"by GET":              {"", []string{"username", "x", "password", secret}, 400},
		"nobody":              {"+", []string{"f", "json"}, 400},
		"a wrong password":    {"+", []string{"username", "x", "password", "gh_0000000000_" + strings.Repeat("0", 64)}, 400},
		"another county":      {"+", []string{"username", "x", "password", other}, 403},
		"a role not held":     {"+", []string{"username", "bureau", "password", secret}, 403},
		"for no time":         {"+", []string{"username", "x", "password", secret, "expiration", "0"}, 400},
		"an unknown client":   {"+", []string{"username", "x", "password", secret, "client", "x"}, 400},
		"a referer of nobody": {"+", []string{"username", "x", "password", secret, "client", "referer"}, 400},
	} {
		v := s.ask(tc.way+at, nil, tc.pairs...)
		if code, message := v.failure(); code != tc.code || message == "" || v["token"] != nil {
			t.Errorf("%s: %v", name, v)
		}
	}
	if v := s.ask("+"+at, nil, "username", "auditor", "password", secret); v["token"] == nil {
		t.Errorf("the role in the name: %v", v)
	}
}

// A token taken as a township stays that, whatever a header asks for and whatever
// its holder is granted later.
func TestToken_KeepsItsRole(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	clerk := access.Capacity{Role: access.TownshipClerk, County: county, Township: townA}
	both := s.Secret(clerk, access.Capacity{Role: access.Bureau, County: county})
	one := s.Secret(clerk)
	at, count := s.URL+"/arcgis/"+county+"/tokens/generateToken", server+survey+"/query"
	token := func(user, secret string) string {
		t.Helper()
		v := s.ask("+"+at, nil, "username", user, "password", secret, "f", "json")
		text, ok := v["token"].(string)
		if !ok {
			t.Fatalf("%v", v)
		}
		return text
	}
	tokens := map[string]string{"as named": token(clerk.String(), both), "as the role alone": token(string(clerk.Role), both), "as the only one": token("arcgis", one)}
	s.Exec(`INSERT INTO identity_role (county_code, identity_id, role, township_code)
		SELECT county_code, identity_id, 'bureau', '' FROM api_key WHERE prefix = $1`, access.KeyPrefix(one))
	for name, text := range tokens {
		ask := func(role string) answer {
			return s.ask(count, func(r *http.Request) { r.Header.Set("Gengheng-Role", role) }, "token", text, "returnCountOnly", "true")
		}
		if code, message := ask("bureau").failure(); code != 403 || !strings.Contains(message, clerk.String()) {
			t.Errorf("%s, another role: %d %s", name, code, message)
		}
		for _, role := range []string{"", clerk.String()} {
			if a := ask(role); a["count"] != parcels/2.0 {
				t.Errorf("%s, header %q: %v", name, role, a)
			}
		}
	}
}

// A referer admits what lies below it, and no site whose name begins as its own.
func TestToken_RefererIsOfOneSite(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	secret := s.Secret(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	v := s.ask("+"+s.URL+"/arcgis/"+county+"/tokens/generateToken", nil, "username", "arcgis", "password", secret, "client", "referer", "referer", "https://GIS.example", "f", "json")
	token, _ := v["token"].(string)
	for page, want := range map[string]float64{
		"https://gis.example": 0, "https://gis.example/": 0, "https://gis.example/map?x=1": 0, "https://gis.example?x": 0,
		"https://gis.example.evil/": 498, "https://gis.example:8443/": 498, "https://gis.example@evil/": 498, "https://evil/https://gis.example/": 498,
	} {
		a := s.ask(server+survey+"/query", func(r *http.Request) { r.Header.Set("Referer", page) }, "token", token, "returnCountOnly", "true")
		if code, message := a.failure(); float64(code) != want {
			t.Errorf("%s: %v %s, want %v", page, code, message, want)
		}
	}
}
