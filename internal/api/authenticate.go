package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/collection"
)

// roleHeader names the capacity that a request acts in.
const roleHeader = "Gengheng-Role"

// sessionCookie holds a person's session.
const sessionCookie = "gengheng_session"

// doorkeeper tells who calls.
type doorkeeper struct {
	open bool
	oidc *access.Provider // nil: no people by OIDC
	// failures by what was presented from where, and by where
	credentials, addresses *access.Failures
	origin                 *http.CrossOriginProtection
}

func newDoorkeeper(open bool, oidc *access.Provider) *doorkeeper {
	return &doorkeeper{open: open, oidc: oidc, origin: http.NewCrossOriginProtection(),
		credentials: access.NewFailures(10, time.Now), addresses: access.NewFailures(300, time.Now)}
}

// authorise lets a request through that the policy allows, as its actor. It
// stands before the contract's own check: a stranger learns nothing of that.
func (s *server) authorise(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		route, _, err := s.doc.router.FindRoute(c.Request())
		if err != nil {
			return next(c) // not of the contract: validate answers 404 or 405
		}
		return s.admit(c, route.Operation.OperationID, next)
	}
}

// admit runs an operation as the caller, if the policy has a rule that allows it.
func (s *server) admit(c echo.Context, id string, next echo.HandlerFunc) error {
	c.Set(operationKey, id)
	r, ok := policy[id]
	if !ok {
		return forbidden("no-rule", "该操作没有授权规则。 The operation has no rule.")
	}
	if err := s.door.origin.Check(c.Request()); err != nil {
		return forbidden("cross-origin", "请求来自别的网站，已拒绝。 A request from another site was refused.")
	}
	actor, err := s.actor(c, r)
	if err != nil {
		return err
	}
	if err := allowed(id, actor); err != nil {
		return err
	}
	ctx := access.With(c.Request().Context(), actor)
	if r.scope != filtered || actor.WholeCounty() {
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
	return s.narrowed(ctx, c, next)
}

// allowed refuses an actor whom an operation's rule does not let in.
func allowed(id string, actor access.Actor) error {
	r := policy[id]
	if !permits(r, actor) {
		return forbidden("role", fmt.Sprintf("%s（%s）不能执行 %s；可执行的角色：%s。 This role may not do it.",
			actor.Role.Chinese(), actor.Capacity(), id, strings.Join(names(r.roles), "、")))
	}
	if r.scope == wholeCounty && !actor.WholeCounty() {
		return forbidden("township", fmt.Sprintf("%s 的成果含其他乡镇的数据，只限乡镇 %s 的身份不能执行 %s。 The operation is of the whole county.", actor.County, actor.Township, id))
	}
	return nil
}

// permits tells whether a rule lets the actor's role in. Who is open, in no
// role of its own choosing, may do everything.
func permits(r rule, a access.Actor) bool {
	return len(r.roles) == 0 || slices.Contains(r.roles, a.Role) || a.Via == viaOpen
}

func names(roles []access.Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = r.Chinese()
	}
	return out
}

func forbidden(kind, detail string) *problem {
	return &problem{Status: http.StatusForbidden, kind: "forbidden-" + kind, Title: "无权执行 · Forbidden", Detail: detail}
}

func unauthorized(c echo.Context, detail string) error {
	h := c.Response().Header()
	h.Add(echo.HeaderWWWAuthenticate, `Bearer realm="gengheng"`)
	if c.Request().Header.Get("Sec-Fetch-Mode") == "" { // a browser's page would only raise a dialogue
		h.Add(echo.HeaderWWWAuthenticate, `Basic realm="gengheng", charset="UTF-8"`)
	}
	return &problem{Status: http.StatusUnauthorized, kind: "unauthorized", Title: "需要登录 · Unauthorized", Detail: detail}
}

// narrowed runs the handler in one transaction that sees the actor's township
// only.
func (s *server) narrowed(ctx context.Context, c echo.Context, next echo.HandlerFunc) error {
	return access.InTx(ctx, s.db, func(tx pgx.Tx) error {
		// a client that reads slowly must not keep a connection
		if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = '30s'`); err != nil {
			return fmt.Errorf("limit a request: %w", err)
		}
		c.SetRequest(c.Request().WithContext(context.WithValue(ctx, txKey{}, tx)))
		return next(c)
	})
}

type txKey struct{}

// querier reads: the request's own transaction, or the pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// rows is what the request may read from.
func (s *server) rows(ctx context.Context) querier {
	if tx, ok := ctx.Value(txKey{}).(pgx.Tx); ok {
		return tx
	}
	return s.db.Pool
}

// How an actor was known.
const (
	viaKey, viaBasic, viaOIDC, viaSession, viaOpen = "key", "basic", "oidc", "session", "open"
	viaToken                                       = "token"     // of the FeatureServer
	viaOpenRole                                    = "open-role" // open, but held to the rules of the role it names
)

// actor is who calls, in the capacity that the request names.
func (s *server) actor(c echo.Context, r rule) (access.Actor, error) {
	county := c.Param("county")
	p, via, wanted, err := s.identify(c)
	if err != nil {
		return access.Actor{}, err
	}
	if h := c.Request().Header.Get(roleHeader); h != "" {
		if via == viaToken && h != wanted {
			return access.Actor{}, forbidden("token-role", fmt.Sprintf("短期令牌只以换取时的角色 %s 行事，请求头 %s 不能改为 %s；请去掉该请求头，或以该角色另换令牌。 A token keeps the role it was given for; drop the header, or get another token.",
				wanted, roleHeader, collection.Excerpt(h)))
		}
		wanted = h
	}
	if via == viaOpen {
		return openActor(county, wanted)
	}
	if r.roles == nil {
		return access.Actor{ID: p.ID, Name: p.Name, County: p.County, Via: via}, nil
	}
	if r.scope == anyCounty {
		county = p.County
	}
	actor, err := p.Act(county, wanted)
	var choose *access.CapacityError
	switch {
	case errors.As(err, &choose) && len(choose.Held) == 0:
		return actor, forbidden("county", fmt.Sprintf("身份 %s 在县 %s 没有角色。请该县系统管理员授予。 No role in this county.", p.Name, county))
	case errors.As(err, &choose):
		return actor, badRequest("role", choose.Error())
	case err != nil:
		return actor, err
	}
	actor.Via = via
	return actor, nil
}

// openActor is whoever calls where nothing is asked: everything, or the one
// capacity that the request names.
func openActor(county, wanted string) (access.Actor, error) {
	a := access.Actor{Name: "开放模式（未认证）", Role: access.Admin, County: county, Via: viaOpen}
	if wanted != "" {
		role, township, _ := strings.Cut(wanted, "/")
		a.Role, a.Township = access.Role(role), township
		if county == "" {
			a.County = township[:min(len(township), 6)]
		}
		if err := a.Capacity().Check(); err != nil {
			return a, badRequest("role", err.Error())
		}
		a.Via = viaOpenRole
	}
	a.ID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:gengheng:open:"+wanted))
	return a, nil
}

// keyHeader carries a key from programs that send it by a header of its own, as QGIS
// can, where there is no Authorization.
const keyHeader = "X-Api-Key"

// identify checks the request's credentials. wanted is the capacity that the
// user name of HTTP Basic may carry, or the one that a token is held to.
func (s *server) identify(c echo.Context) (p access.Identity, via, wanted string, err error) {
	req := c.Request()
	if key := req.Header.Get(keyHeader); key != "" && req.Header.Get(echo.HeaderAuthorization) == "" {
		req.Header.Set(echo.HeaderAuthorization, "Bearer "+key)
	}
	header := req.Header.Get(echo.HeaderAuthorization)
	cookie, cookieErr := req.Cookie(sessionCookie)
	token, carried := c.Get(tokenKey).(string)
	if header == "" && cookieErr != nil && !carried {
		if s.door.open && loopbackHost(req.Host) {
			return p, viaOpen, "", nil
		}
		return p, "", "", unauthorized(c, "请出示接口密钥（Authorization: Bearer 或 Basic 的密码）或登录令牌；浏览器请先登录。 Present a key or a token, or log in.")
	}
	ctx := req.Context()
	address := c.RealIP()
	presented := cookieValue(cookie)
	user, password, basic := req.BasicAuth()
	scheme, bearer, _ := strings.Cut(header, " ")
	switch {
	case carried:
		presented, via = token, viaToken
	case basic:
		presented, via, wanted = password, viaBasic, capacityName(user)
	case strings.EqualFold(scheme, "Bearer"):
		presented, via = strings.TrimSpace(bearer), viaOIDC
		if access.KeyPrefix(presented) != "" {
			via = viaKey
		}
	case header == "":
		via = viaSession
	default:
		return p, "", "", unauthorized(c, "Authorization 只接受 Bearer 与 Basic。 Only Bearer and Basic are accepted.")
	}
	tried := address + " " + trace(presented)
	if wait := max(s.door.credentials.Blocked(tried), s.door.addresses.Blocked(address)); wait > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return p, "", "", &problem{Status: http.StatusTooManyRequests, kind: "too-many-failures", Title: "失败次数过多 · Too many failures",
			Detail: "凭证多次无效，请稍后再试，并检查密钥是否过期或被吊销。 Wait, and look whether the key has expired or was revoked."}
	}
	if carried {
		p, wanted, err = access.ByToken(ctx, s.db, token, address, req.Referer())
	} else {
		p, err = s.prove(ctx, via, presented)
	}
	switch {
	case errors.Is(err, access.ErrCredentials):
		s.door.credentials.Failed(tried)
		s.door.addresses.Failed(address)
		s.log.WarnContext(ctx, "credentials refused", "via", via, "address", address, "prefix", access.KeyPrefix(presented))
		return p, "", "", unauthorized(c, access.ErrCredentials.Error())
	case errors.Is(err, access.ErrUnknown):
		return p, "", "", forbidden("unknown", "该登录账号尚未登记。请系统管理员按签发方与账号编号（iss、sub）登记。 This account is not entered here; ask the admin to enter its issuer and subject.")
	}
	return p, via, wanted, err
}

// trace is what failures of a credential are counted by: the prefix of a key,
// which a guess at its secret keeps. Sessions and tokens have nothing of the
// kind; each is counted by itself, or one browser whose session has ended would
// lock out everyone who shares its address.
func trace(presented string) string {
	if prefix := access.KeyPrefix(presented); prefix != "" {
		return prefix
	}
	sum := sha256.Sum256([]byte(presented))
	return hex.EncodeToString(sum[:8])
}

func (s *server) prove(ctx context.Context, via, presented string) (access.Identity, error) {
	switch via {
	case viaKey, viaBasic:
		return access.ByKey(ctx, s.db, presented)
	case viaSession:
		return access.BySession(ctx, s.db, presented)
	}
	if s.door.oidc == nil {
		return access.Identity{}, access.ErrCredentials
	}
	issuer, subject, err := s.door.oidc.Verify(ctx, presented)
	if err != nil {
		return access.Identity{}, err
	}
	return access.BySubject(ctx, s.db, issuer, subject)
}

func cookieValue(c *http.Cookie) string {
	if c == nil {
		return ""
	}
	return c.Value
}

// capacityName is a user name of HTTP Basic that names a role; any other is
// only a name.
func capacityName(user string) string {
	role, _, _ := strings.Cut(user, "/")
	if slices.Contains(access.Roles(), access.Role(role)) {
		return user
	}
	return ""
}

// loopbackHost tells whether a request was meant for this machine: where
// nothing is asked, another name in Host is a page of another site that has
// its name point here.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
