package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDCConfig is how people log in (统一身份认证).
type OIDCConfig struct {
	// Issuer is the provider's address, exactly as its tokens name it.
	Issuer string
	// ClientID and Secret are this program's registration; a public client has
	// no secret (PKCE is used in any case).
	ClientID, Secret string
	// Audience is what access tokens for this service are made out to; tokens
	// made out to ClientID are taken too.
	Audience string
	// RedirectURL is where the provider sends people back: PUBLIC/auth/callback.
	RedirectURL string
}

// Provider checks what an OIDC provider has signed. It asks the provider for
// its keys when it first needs them, so that the service starts without it.
type Provider struct {
	cfg    OIDCConfig
	client *http.Client

	mu       sync.Mutex
	provider *oidc.Provider
}

// NewProvider prepares a provider; nothing is asked yet.
func NewProvider(cfg OIDCConfig) (*Provider, error) {
	if cfg.Issuer == "" || cfg.ClientID == "" {
		return nil, fmt.Errorf("OIDC 需要签发方地址与客户端编号 · OIDC needs an issuer and a client id")
	}
	return &Provider{cfg: cfg, client: &http.Client{Timeout: 10 * time.Second}}, nil
}

// discovered is the provider as it describes itself.
func (p *Provider) discovered(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.provider != nil {
		return p.provider, nil
	}
	// the keys are fetched again long after this request has ended
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("统一身份认证 %s 不可用 · the OIDC provider is away: %w", p.cfg.Issuer, err)
	}
	p.provider = found
	return found, nil
}

// Verify checks an ID or access token (a signed JWT): signature, issuer,
// expiry and audience. Anything wrong with it is ErrCredentials.
func (p *Provider) Verify(ctx context.Context, raw string) (issuer, subject string, err error) {
	token, err := p.verify(ctx, raw)
	if err != nil {
		return "", "", err
	}
	return token.Issuer, token.Subject, nil
}

func (p *Provider) verify(ctx context.Context, raw string) (*oidc.IDToken, error) {
	found, err := p.discovered(ctx)
	if err != nil {
		return nil, err
	}
	token, err := found.Verifier(&oidc.Config{SkipClientIDCheck: true}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	ours := func(audience string) bool {
		return audience == p.cfg.ClientID || p.cfg.Audience != "" && audience == p.cfg.Audience
	}
	if token.Subject == "" || !slices.ContainsFunc(token.Audience, ours) {
		return nil, fmt.Errorf("%w: made out to %q", ErrCredentials, token.Audience)
	}
	return token, nil
}

// Login is one login under way: what the browser keeps until it comes back.
type Login struct{ State, Nonce, Verifier string }

// Begin is where to send the browser, and what it must bring back.
func (p *Provider) Begin(ctx context.Context) (string, Login, error) {
	flow, err := p.flow(ctx)
	if err != nil {
		return "", Login{}, err
	}
	l := Login{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	return flow.AuthCodeURL(l.State, oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)), l, nil
}

// Finish exchanges the code for a token and says whom the provider has
// authenticated.
func (p *Provider) Finish(ctx context.Context, l Login, code string) (issuer, subject string, err error) {
	flow, err := p.flow(ctx)
	if err != nil {
		return "", "", err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	got, err := flow.Exchange(ctx, code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	raw, ok := got.Extra("id_token").(string)
	if !ok {
		return "", "", fmt.Errorf("%w: the provider gave no ID token", ErrCredentials)
	}
	token, err := p.verify(ctx, raw)
	if err != nil {
		return "", "", err
	}
	// an ID token for a person's login is made out to this very client
	if token.Nonce != l.Nonce || !slices.Contains(token.Audience, p.cfg.ClientID) {
		return "", "", fmt.Errorf("%w: the token is not of this login", ErrCredentials)
	}
	return token.Issuer, token.Subject, nil
}

func (p *Provider) flow(ctx context.Context) (*oauth2.Config, error) {
	found, err := p.discovered(ctx)
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.Secret, Endpoint: found.Endpoint(),
		RedirectURL: p.cfg.RedirectURL, Scopes: []string{oidc.ScopeOpenID, "profile"}}, nil
}
