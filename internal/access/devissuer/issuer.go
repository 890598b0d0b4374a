// Package devissuer is an OIDC provider for development and tests: synthetic
// accounts (合成账号), no passwords, real signed tokens. It lets anyone in as
// anyone and must never be reachable from another machine.
package devissuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// ClientID is the one client that the issuer knows.
const ClientID = "gengheng"

// Accounts are the synthetic accounts: one subject for each capacity one meets
// in a county.
func Accounts() []string {
	return []string{"dev-admin", "dev-bureau", "dev-bureau-lead", "dev-township-clerk", "dev-township-lead", "dev-agriculture",
		"dev-forestry", "dev-water", "dev-environment", "dev-government", "dev-auditor"}
}

// Issuer signs tokens with a key of its own, made at its start.
type Issuer struct {
	url      string
	redirect string
	key      *ecdsa.PrivateKey
	signer   jose.Signer

	mu    sync.Mutex
	codes map[string]grant
}

// grant is what a code stands for, once and for a minute.
type grant struct {
	subject, nonce, challenge, redirect string
	until                               time.Time
}

// New makes an issuer that is reached at url and sends people back to redirect
// only.
func New(url, redirect string) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issuer's key: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "dev"}}, nil)
	if err != nil {
		return nil, fmt.Errorf("issuer's key: %w", err)
	}
	return &Issuer{url: url, redirect: redirect, key: key, signer: signer, codes: map[string]grant{}}, nil
}

// Token signs claims as the issuer would: for tests that need a bad token too.
func (i *Issuer) Token(claims map[string]any) (string, error) {
	return jwt.Signed(i.signer).Claims(claims).Serialize()
}

// Claims are those of a good token for a subject.
func (i *Issuer) Claims(subject, audience string) map[string]any {
	now := time.Now()
	return map[string]any{"iss": i.url, "sub": subject, "aud": audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

// ServeHTTP answers as a provider does.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /.well-known/openid-configuration":
		answer(w, map[string]any{"issuer": i.url, "authorization_endpoint": i.url + "/authorize", "token_endpoint": i.url + "/token",
			"jwks_uri": i.url + "/keys", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"}})
	case "GET /keys":
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "dev", Algorithm: "ES256", Use: "sig"}}})
	case "GET /authorize":
		i.authorize(w, r)
	case "POST /token":
		i.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // an error is the client's going away
}

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="zh"><meta charset="utf-8"><title>合成登录 · synthetic login</title>
<h1>合成账号（仅供开发） · Synthetic accounts, for development only</h1><ul>{{range .}}<li><a href="{{.Link}}">{{.Name}}</a></li>{{end}}</ul></html>`))

// authorize shows the accounts, or goes back with a code for the chosen one.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("redirect_uri") != i.redirect || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" {
		http.Error(w, "需要 client_id="+ClientID+"、redirect_uri="+i.redirect+"、response_type=code 与 S256 的 code_challenge", http.StatusBadRequest)
		return
	}
	if account := q.Get("account"); account != "" {
		code := rand.Text()
		i.mu.Lock()
		i.codes[code] = grant{account, q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri"), time.Now().Add(time.Minute)}
		i.mu.Unlock()
		back := url.Values{"code": {code}, "state": {q.Get("state")}}
		http.Redirect(w, r, i.redirect+"?"+back.Encode(), http.StatusFound)
		return
	}
	type link struct{ Name, Link string }
	var list []link
	for _, a := range Accounts() {
		q.Set("account", a)
		list = append(list, link{a, "/authorize?" + q.Encode()})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, list) // an error is the client's going away
}

// token exchanges a code, once, for whoever holds its verifier.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	g, ok := i.codes[r.PostFormValue("code")]
	delete(i.codes, r.PostFormValue("code"))
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	held := base64.RawURLEncoding.EncodeToString(sum[:])
	if !ok || time.Now().After(g.until) || r.PostFormValue("redirect_uri") != g.redirect || subtle.ConstantTimeCompare([]byte(held), []byte(g.challenge)) != 1 {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := i.Claims(g.subject, ClientID)
	access, err := i.Token(claims)
	if err == nil {
		claims["nonce"] = g.nonce
		var id string
		if id, err = i.Token(claims); err == nil {
			answer(w, map[string]any{"access_token": access, "id_token": id, "token_type": "Bearer", "expires_in": 3600})
			return
		}
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
