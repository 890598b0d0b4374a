package api

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/esri"
)

// How long a token lasts, in minutes: as usual, and at most.
const (
	tokenMinutes    = 60
	maxTokenMinutes = 120
)

// tokenKey is where a request to the FeatureServer keeps the token that it carries.
const tokenKey = "token"

// esriCredentials finds the token of a request: a parameter, or a header that Esri's
// programs use. It is looked for at the addresses of the FeatureServer only, so
// that a token that an address has given away opens nothing else.
func esriCredentials(c echo.Context, values url.Values) {
	h := c.Request().Header
	if h.Get(echo.HeaderAuthorization) == "" && h.Get("X-Esri-Authorization") != "" {
		h.Set(echo.HeaderAuthorization, h.Get("X-Esri-Authorization"))
	}
	header := h.Get(echo.HeaderAuthorization)
	scheme, bearer, _ := strings.Cut(header, " ")
	switch bearer = strings.TrimSpace(bearer); {
	case strings.EqualFold(scheme, "Bearer") && access.IsToken(bearer):
		c.Set(tokenKey, bearer)
	case header == "" && values.Get("token") != "":
		c.Set(tokenKey, values.Get("token"))
	}
}

// generateToken gives a short-lived token for a key, which is the password, or for
// whoever is logged in. The name says the role, if there are several.
func (s *server) generateToken(c echo.Context) error {
	c.Set(operationKey, "esriToken")
	values, err := formValues(c)
	var v map[string]any
	if err == nil {
		v, err = s.newToken(c, values)
	}
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusUnauthorized {
		c.Response().Header().Del(echo.HeaderWWWAuthenticate)
		p.Status = http.StatusBadRequest // as the clients know a wrong password
	}
	if err != nil {
		return s.esriError(c, values, err)
	}
	return esri.Send(c.Response(), values, v)
}

func (s *server) newToken(c echo.Context, values url.Values) (map[string]any, error) {
	req := c.Request()
	if err := s.door.origin.Check(req); err != nil {
		return nil, forbidden("cross-origin", "请求来自别的网站，已拒绝。 A request from another site was refused.")
	}
	if req.Method != http.MethodPost || req.URL.Query().Has("password") {
		return nil, badRequest("token", "请用 POST 把 username 和 password 放在表单里，不要放在地址里。 Send them by POST in the form, never in the address.")
	}
	if values.Get("password") != "" {
		req.SetBasicAuth(values.Get("username"), values.Get("password"))
	}
	t, err := boundTo(c, values)
	if err != nil {
		return nil, err
	}
	minutes := tokenMinutes
	if text := values.Get("expiration"); text != "" {
		if minutes, err = strconv.Atoi(text); err != nil || minutes < 1 {
			return nil, badRequest("token", fmt.Sprintf("expiration 应为 1 至 %d 的分钟数。 expiration is in minutes.", maxTokenMinutes))
		}
		minutes = min(minutes, maxTokenMinutes)
	}
	p, via, wanted, err := s.identify(c)
	if err != nil {
		return nil, err
	}
	if via == viaOpen {
		return nil, badRequest("token", "本机演示不需要令牌。 No token is needed here.")
	}
	if h := req.Header.Get(roleHeader); h != "" {
		wanted = h
	}
	actor, err := p.Act(c.Param("county"), wanted)
	if err != nil {
		return nil, forbidden("role", err.Error()+"；用户名（username）请写角色，如 bureau 或 township_clerk/149901100。 The user name names the role.")
	}
	t.Capacity = actor.Capacity().String() // in full: what is granted later changes no token
	if _, key, ok := req.BasicAuth(); ok {
		t.Prefix = access.KeyPrefix(key)
	} else if _, bearer, _ := strings.Cut(req.Header.Get(echo.HeaderAuthorization), " "); via == viaKey {
		t.Prefix = access.KeyPrefix(strings.TrimSpace(bearer))
	}
	token, expires, err := access.NewToken(req.Context(), s.db, p, t, time.Duration(minutes)*time.Minute)
	if err != nil {
		return nil, err
	}
	return map[string]any{"token": token, "expires": expires.UnixMilli(), "ssl": strings.HasPrefix(s.addressOf(c), "https:")}, nil
}

// boundTo reads what the token is to be held to.
func boundTo(c echo.Context, values url.Values) (access.Token, error) {
	var t access.Token
	switch client := strings.ToLower(values.Get("client")); client {
	case "":
	case "requestip":
		t.Address = c.RealIP()
	case "ip":
		ip := net.ParseIP(values.Get("ip"))
		if ip == nil {
			return t, badRequest("token", "client=ip 时请给出 ip。 Give the address in ip.")
		}
		t.Address = ip.String()
	case "referer":
		if t.Referer = values.Get("referer"); t.Referer == "" {
			return t, badRequest("token", "client=referer 时请给出 referer。 Give the referer.")
		}
	default:
		return t, badRequest("token", "client 应为 referer、ip 或 requestip。 client is one of these.")
	}
	return t, nil
}
