package api

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
)

// loginCookie keeps a login under way in the browser that began it.
const loginCookie = "gengheng_login"

// cookie is one that scripts cannot read and that other sites' requests do not
// carry, but for following a link here.
func (s *server) cookie(name, value, path string, life time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: path, MaxAge: int(life / time.Second), HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.publicURL, "https://")}
}

func (s *server) noOIDC() error {
	return notFound("login", "未配置统一身份认证；请用接口密钥，或以 --oidc-issuer 启动服务。 No OIDC provider is set; use a key.")
}

// login sends the browser to the provider (authorization code with PKCE).
func (s *server) login(c echo.Context) error {
	if s.door.oidc == nil {
		return s.noOIDC()
	}
	to, l, err := s.door.oidc.Begin(c.Request().Context())
	if err != nil {
		return s.providerAway(c, err)
	}
	c.SetCookie(s.cookie(loginCookie, l.State+"."+l.Nonce+"."+l.Verifier, "/auth", 10*time.Minute))
	return c.Redirect(http.StatusFound, to)
}

func (s *server) providerAway(c echo.Context, err error) error {
	s.log.WarnContext(c.Request().Context(), "OIDC provider", "err", err)
	return &problem{Status: http.StatusBadGateway, kind: "provider-away", Title: "统一身份认证不可用 · The OIDC provider is away",
		Detail: "请稍后重试；若持续如此，请检查 --oidc-issuer 与其网络。 Try again; if it lasts, look at the issuer."}
}

// loggedIn is where the provider sends the browser back.
func (s *server) loggedIn(c echo.Context) error {
	if s.door.oidc == nil {
		return s.noOIDC()
	}
	ctx := c.Request().Context()
	kept, err := c.Cookie(loginCookie)
	parts := strings.Split(cookieValue(kept), ".")
	if err != nil || len(parts) != 3 || subtle.ConstantTimeCompare([]byte(parts[0]), []byte(c.QueryParam("state"))) != 1 {
		return badRequest("login", "这次登录不是由本浏览器发起，或已超过 10 分钟。请重新登录：/auth/login。 This login was not begun here, or too long ago.")
	}
	c.SetCookie(s.cookie(loginCookie, "", "/auth", -time.Second))
	issuer, subject, err := s.door.oidc.Finish(ctx, access.Login{State: parts[0], Nonce: parts[1], Verifier: parts[2]}, c.QueryParam("code"))
	if errors.Is(err, access.ErrCredentials) {
		s.log.WarnContext(ctx, "login refused", "err", err)
		return unauthorized(c, "登录未被接受，请重新登录：/auth/login。 The login was not accepted.")
	}
	if err != nil {
		return s.providerAway(c, err)
	}
	p, err := access.BySubject(ctx, s.db, issuer, subject)
	switch {
	case errors.Is(err, access.ErrUnknown):
		return forbidden("unknown", "账号尚未登记，请系统管理员登记：issuer "+issuer+"，subject "+subject+"。 This account is not entered here.")
	case errors.Is(err, access.ErrCredentials):
		return forbidden("disabled", "该身份已停用，请联系系统管理员。 This identity is disabled.")
	case err != nil:
		return err
	}
	token, err := access.NewSession(ctx, s.db, p)
	if err != nil {
		return err
	}
	ctx = access.With(ctx, access.Actor{ID: p.ID, Name: p.Name, County: p.County, Via: viaOIDC})
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		return access.Record(ctx, tx, access.Entry{County: p.County, Action: "session.begin", Kind: "identity", ID: p.ID.String()})
	})
	if err != nil {
		return err
	}
	c.SetCookie(s.cookie(sessionCookie, token, "/", 12*time.Hour))
	return c.Redirect(http.StatusFound, "/")
}

// logout ends the session; it needs none.
func (s *server) logout(c echo.Context) error {
	if err := s.door.origin.Check(c.Request()); err != nil {
		return forbidden("cross-origin", "请求来自别的网站，已拒绝。 A request from another site was refused.")
	}
	if kept, err := c.Cookie(sessionCookie); err == nil {
		if err := access.EndSession(c.Request().Context(), s.db, kept.Value); err != nil {
			return err
		}
	}
	c.SetCookie(s.cookie(sessionCookie, "", "/", -time.Second))
	return c.NoContent(http.StatusNoContent)
}
