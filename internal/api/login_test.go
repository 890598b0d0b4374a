package api_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/access/devissuer"
)

// withIssuer is a service whose people log in with a synthetic provider. The
// service's address is known only when it runs, so that the provider sends
// people back to a name that the test's browser follows there.
func withIssuer(t *testing.T) (*service, *devissuer.Issuer) {
	t.Helper()
	const back = "http://service.test/auth/callback"
	var issuer *devissuer.Issuer
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { issuer.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	issuer, err := devissuer.New(srv.URL, back)
	if err != nil {
		t.Fatal(err)
	}
	p, err := access.NewProvider(access.OIDCConfig{Issuer: srv.URL, ClientID: devissuer.ClientID, Audience: "gengheng-api", RedirectURL: back})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := closed(t, p)
	ctx := access.With(t.Context(), access.Actor{Name: "test", Role: access.Admin, County: ownCounty})
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := access.Create(ctx, tx, access.Identity{County: ownCounty, Kind: "person", Name: "合成审计", Issuer: srv.URL, Subject: "dev-auditor",
			Capacities: []access.Capacity{{Role: access.Auditor}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, issuer
}

func TestToken_OnlyGoodOnesOpen(t *testing.T) {
	t.Parallel()
	s, issuer := withIssuer(t)
	other, err := devissuer.New(issuer.Claims("", "")["iss"].(string), "x") // the same name, another key
	if err != nil {
		t.Fatal(err)
	}
	sign := func(i *devissuer.Issuer, change func(map[string]any)) string {
		claims := i.Claims("dev-auditor", devissuer.ClientID)
		change(claims)
		token, err := i.Token(claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	same := func(map[string]any) {}
	good := sign(issuer, same)
	parts := strings.Split(good, ".")
	raw := base64.RawURLEncoding.EncodeToString
	claims, err := json.Marshal(issuer.Claims("dev-auditor", devissuer.ClientID))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		token  string
		status int
	}{
		"good":             {good, 200},
		"for the API":      {sign(issuer, func(c map[string]any) { c["aud"] = []string{"x", "gengheng-api"} }), 200},
		"wrong audience":   {sign(issuer, func(c map[string]any) { c["aud"] = "another" }), 401},
		"no audience":      {sign(issuer, func(c map[string]any) { delete(c, "aud") }), 401},
		"expired":          {sign(issuer, func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }), 401},
		"no expiry":        {sign(issuer, func(c map[string]any) { delete(c, "exp") }), 401},
		"another issuer":   {sign(issuer, func(c map[string]any) { c["iss"] = "https://id.example" }), 401},
		"no subject":       {sign(issuer, func(c map[string]any) { delete(c, "sub") }), 401},
		"another key":      {sign(other, same), 401},
		"alg none":         {raw([]byte(`{"alg":"none"}`)) + "." + raw(claims) + ".", 401},
		"signature cut":    {parts[0] + "." + parts[1] + ".", 401},
		"claims exchanged": {parts[0] + "." + raw(claims)[:20] + "." + parts[2], 401},
		"unknown person":   {sign(issuer, func(c map[string]any) { c["sub"] = "stranger" }), 403},
	} {
		if status, body := s.as(t, tc.token, "GET", "/api/v1/me"); status != tc.status {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestLogin_GivesASessionToWhoBeganIt(t *testing.T) {
	t.Parallel()
	s, _ := withIssuer(t)
	step := func(c *http.Client, method, address string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, strings.Replace(address, "http://service.test", s.URL, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	browser := func() *http.Client {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	mine, thief := browser(), browser()
	choose := func(c *http.Client, account string) string {
		to := step(c, "GET", s.URL+"/auth/login").Header.Get("Location")
		return step(c, "GET", to+"&account="+url.QueryEscape(account)).Header.Get("Location")
	}
	back := choose(mine, "dev-auditor")
	if got := step(thief, "GET", back); got.StatusCode != 400 { // login CSRF: another browser's code
		t.Errorf("a login that was not begun here: %d", got.StatusCode)
	}
	done := step(mine, "GET", back)
	var session *http.Cookie
	for _, c := range done.Cookies() {
		if c.Name == "gengheng_session" {
			session = c
		}
	}
	if done.StatusCode != 302 || session == nil || !session.HttpOnly || session.SameSite != http.SameSiteLaxMode || session.Path != "/" {
		t.Fatalf("%d %+v", done.StatusCode, session)
	}
	if got := step(mine, "GET", s.URL+"/api/v1/me"); got.StatusCode != 200 {
		t.Errorf("with the session: %d", got.StatusCode)
	}
	if got := step(mine, "GET", back); got.StatusCode == 302 {
		t.Error("a code was taken twice")
	}
	if got := step(browser(), "GET", s.URL+"/api/v1/me"); got.StatusCode != 401 {
		t.Errorf("without it: %d", got.StatusCode)
	}
	var stored int
	err := s.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM session WHERE sha256 = convert_to($1, 'UTF8')`, session.Value).Scan(&stored)
	if err != nil || stored != 0 {
		t.Errorf("the session's value itself is stored (%v)", err)
	}
	if got := step(mine, "POST", s.URL+"/auth/logout"); got.StatusCode != 204 {
		t.Errorf("logout: %d", got.StatusCode)
	}
	if status, _ := s.as(t, "", "GET", "/api/v1/me", header("Cookie", "gengheng_session="+session.Value)); status != 401 {
		t.Errorf("the session after logout: %d", status)
	}
	stranger := browser()
	if got := step(stranger, "GET", choose(stranger, "nobody")); got.StatusCode != 403 {
		t.Errorf("an account that is not entered: %d", got.StatusCode)
	}
}

// A session ends by time, unused and in all.
func TestSession_Ends(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	_, p, _ := s.keyFor(t, ownCounty, time.Now().Add(time.Hour), access.Capacity{Role: access.Auditor})
	for _, sql := range []string{`UPDATE session SET last_used_at = now() - interval '3 hours'`, `UPDATE session SET expires_at = now() - interval '1 second'`} {
		token, err := access.NewSession(t.Context(), s.db, p)
		if err != nil {
			t.Fatal(err)
		}
		use := func() int {
			status, _ := s.as(t, "", "GET", "/api/v1/me", header("Cookie", "gengheng_session="+token))
			return status
		}
		if use() != 200 {
			t.Fatal("a new session does not open")
		}
		if _, err := s.db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		if use() != 401 {
			t.Errorf("opens after %s", sql)
		}
	}
}
