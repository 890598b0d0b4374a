package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"gengheng/internal/store"
)

// Identity is a person or a program (身份).
type Identity struct {
	ID     uuid.UUID
	County string
	// Kind is "person" or "program".
	Kind string
	Name string
	// Issuer and Subject are what an OIDC provider says of the person; both
	// empty for who comes with a key only.
	Issuer, Subject string
	CreatedAt       time.Time
	DisabledAt      *time.Time
	Capacities      []Capacity
}

// Errors that callers tell apart.
var (
	// ErrCredentials: no such key or session, or expired, revoked, disabled.
	// Which of them is not told.
	ErrCredentials = errors.New("凭证无效、已过期或已吊销 · the credentials are wrong, expired or revoked")
	// ErrUnknown: there is no such identity or key in the county.
	ErrUnknown = errors.New("没有这个身份或密钥 · no such identity or key")
	// ErrBound: issuer and subject belong to another identity already.
	ErrBound = errors.New("该登录账号已属于另一身份 · this account belongs to another identity already")
	// ErrLastAdmin: nobody would be left to administer the county.
	ErrLastAdmin = errors.New("这是该县最后一名系统管理员；请先指定另一名 · this is the county's last admin; name another first")
)

// CapacityError says that a request must name one of several capacities, or
// named one that the identity does not hold.
type CapacityError struct {
	Wanted string
	Held   []Capacity
}

func (e *CapacityError) Error() string {
	held := make([]string, len(e.Held))
	for i, c := range e.Held {
		held[i] = c.String()
	}
	list := strings.Join(held, "、")
	switch {
	case len(held) == 0:
		return "在该县没有角色，请系统管理员授予 · no role in this county; ask its admin"
	case e.Wanted == "":
		return "有多个角色，请在请求头 Gengheng-Role 指明其一：" + list + " · name one of these in the header Gengheng-Role"
	}
	return fmt.Sprintf("没有角色 %q；可用：%s · not a role of yours; these are", e.Wanted, list)
}

// Act is the identity in one capacity of a county: the only one it holds there,
// or the one that wanted ("role" or "role/township") names.
func (p Identity) Act(county, wanted string) (Actor, error) {
	held := slices.DeleteFunc(slices.Clone(p.Capacities), func(c Capacity) bool { return c.County != county })
	fit := slices.DeleteFunc(slices.Clone(held), func(c Capacity) bool {
		return wanted != "" && wanted != c.String() && wanted != string(c.Role)
	})
	if len(fit) != 1 {
		return Actor{}, &CapacityError{Wanted: wanted, Held: held}
	}
	return Actor{ID: p.ID, Name: p.Name, Role: fit[0].Role, County: county, Township: fit[0].Township}, nil
}

const identityColumns = `i.identity_id, i.county_code, i.kind, i.name, i.issuer, i.subject, i.created_at, i.disabled_at,
	ARRAY(SELECT role || CASE township_code WHEN '' THEN '' ELSE '/' || township_code END FROM identity_role r
	      WHERE r.county_code = i.county_code AND r.identity_id = i.identity_id ORDER BY 1)`

func scanIdentity(row pgx.CollectableRow) (Identity, error) {
	var p Identity
	var held []string
	err := row.Scan(&p.ID, &p.County, &p.Kind, &p.Name, &p.Issuer, &p.Subject, &p.CreatedAt, &p.DisabledAt, &held)
	for _, h := range held {
		role, township, _ := strings.Cut(h, "/")
		p.Capacities = append(p.Capacities, Capacity{Role: Role(role), County: p.County, Township: township})
	}
	return p, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func identities(ctx context.Context, q querier, where string, args ...any) ([]Identity, error) {
	rows, err := q.Query(ctx, `SELECT `+identityColumns+` FROM identity i `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanIdentity)
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	return list, nil
}

// Identities lists those of a county by name.
func Identities(ctx context.Context, db *store.DB, county string) ([]Identity, error) {
	return identities(ctx, db.Pool, `WHERE i.county_code = $1 ORDER BY i.name, i.identity_id`, county)
}

// IdentityOf reads one of a county, or ErrUnknown.
func IdentityOf(ctx context.Context, tx pgx.Tx, county string, id uuid.UUID) (Identity, error) {
	list, err := identities(ctx, tx, `WHERE i.county_code = $1 AND i.identity_id = $2 FOR UPDATE OF i`, county, id)
	if err == nil && len(list) == 0 {
		err = ErrUnknown
	}
	if err != nil {
		return Identity{}, err
	}
	return list[0], nil
}

// BySubject finds whom an OIDC provider has authenticated; ErrUnknown if the
// county's admin has not entered that account.
func BySubject(ctx context.Context, db *store.DB, issuer, subject string) (Identity, error) {
	list, err := identities(ctx, db.Pool, `WHERE i.issuer = $1 AND i.subject = $2 AND i.issuer <> ''`, issuer, subject)
	if err != nil {
		return Identity{}, err
	}
	if len(list) == 0 {
		return Identity{}, ErrUnknown
	}
	if list[0].DisabledAt != nil {
		return Identity{}, ErrCredentials
	}
	return list[0], nil
}

// Create enters an identity with its capacities, which must be of its county,
// and logs it.
func Create(ctx context.Context, tx pgx.Tx, p Identity) (Identity, error) {
	return create(ctx, tx, p, "")
}

// AdminsError says that a county has administrators already.
type AdminsError struct {
	County string
	Admins []Identity
}

func (e *AdminsError) Error() string {
	return fmt.Sprintf("县 %s 已有系统管理员 %s", e.County, e.names())
}

// names lists who they are and since when.
func (e *AdminsError) names() string {
	list := make([]string, len(e.Admins))
	for i, p := range e.Admins {
		list[i] = fmt.Sprintf("%s（%s 建立）", p.Name, p.CreatedAt.Format(time.DateTime))
	}
	return strings.Join(list, "、")
}

// CreateAdmin enters a person as a county's administrator. Where there are others
// who are not disabled it is refused with an *AdminsError, so that the same
// command given twice makes no second one unnoticed; another says that a further
// one is meant, and the log then names the others.
func CreateAdmin(ctx context.Context, tx pgx.Tx, p Identity, another bool) (Identity, error) {
	if err := lockRoles(ctx, tx, p.County); err != nil {
		return p, err
	}
	admins, err := identities(ctx, tx, `WHERE i.county_code = $1 AND i.disabled_at IS NULL AND EXISTS (SELECT FROM identity_role r
		WHERE r.county_code = i.county_code AND r.identity_id = i.identity_id AND r.role = 'admin') ORDER BY i.created_at, i.identity_id`, p.County)
	if err != nil {
		return p, err
	}
	reason := ""
	if len(admins) > 0 {
		e := &AdminsError{County: p.County, Admins: admins}
		if !another {
			return p, e
		}
		reason = "另建系统管理员；已有 " + e.names()
	}
	p.Capacities = []Capacity{{Role: Admin}}
	return create(ctx, tx, p, reason)
}

func create(ctx context.Context, tx pgx.Tx, p Identity, reason string) (Identity, error) {
	p.ID = uuid.New()
	_, err := tx.Exec(ctx, `INSERT INTO identity (county_code, identity_id, kind, name, issuer, subject) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.County, p.ID, p.Kind, p.Name, p.Issuer, p.Subject)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName == "identity_subject" {
		return p, ErrBound
	}
	if err != nil {
		return p, fmt.Errorf("enter identity %s: %w", p.Name, err)
	}
	if err := grant(ctx, tx, p.County, p.ID, p.Capacities); err != nil {
		return p, err
	}
	made, err := IdentityOf(ctx, tx, p.County, p.ID)
	if err != nil {
		return p, err
	}
	return made, Record(ctx, tx, Entry{County: p.County, Action: "identity.create", Kind: "identity", ID: p.ID.String(), After: logged(made), Reason: reason})
}

func grant(ctx context.Context, tx pgx.Tx, county string, id uuid.UUID, list []Capacity) error {
	for _, c := range list {
		c.County = county
		if err := c.Check(); err != nil {
			return &CheckError{err}
		}
		_, err := tx.Exec(ctx, `INSERT INTO identity_role (county_code, identity_id, role, township_code) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING`, county, id, string(c.Role), c.Township)
		if err != nil {
			return fmt.Errorf("grant %s: %w", c, err)
		}
	}
	return nil
}

// CheckError is a capacity that cannot be granted.
type CheckError struct{ err error }

func (e *CheckError) Error() string { return e.err.Error() }

// logged is an identity as the log keeps it.
func logged(p Identity) map[string]any {
	held := []string{}
	for _, c := range p.Capacities {
		held = append(held, c.String())
	}
	return map[string]any{"name": p.Name, "kind": p.Kind, "issuer": p.Issuer, "subject": p.Subject, "roles": held, "disabled": p.DisabledAt != nil}
}

// lockRoles lets the admins of a county change one after another, so that the
// last one stays, and the first one is known to be.
func lockRoles(ctx context.Context, tx pgx.Tx, county string) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('gengheng-roles-' || $1, 0))`, county); err != nil {
		return fmt.Errorf("lock roles: %w", err)
	}
	return nil
}

// Change replaces an identity's capacities, and disables or enables it; nil
// leaves as it is. A disabled identity's sessions end; its keys are refused
// while it is disabled. The last admin of a county is kept.
func Change(ctx context.Context, tx pgx.Tx, county string, id uuid.UUID, roles *[]Capacity, disabled *bool, reason string) (Identity, error) {
	if err := lockRoles(ctx, tx, county); err != nil {
		return Identity{}, err
	}
	was, err := IdentityOf(ctx, tx, county, id)
	if err != nil {
		return was, err
	}
	if roles != nil {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_role WHERE county_code = $1 AND identity_id = $2`, county, id); err != nil {
			return was, fmt.Errorf("change roles: %w", err)
		}
		if err := grant(ctx, tx, county, id, *roles); err != nil {
			return was, err
		}
	}
	if disabled != nil {
		_, err := tx.Exec(ctx, `UPDATE identity SET disabled_at = CASE WHEN $3 THEN coalesce(disabled_at, now()) END
			WHERE county_code = $1 AND identity_id = $2`, county, id, *disabled)
		if err == nil && *disabled {
			_, err = tx.Exec(ctx, `DELETE FROM session WHERE county_code = $1 AND identity_id = $2`, county, id)
		}
		if err != nil {
			return was, fmt.Errorf("disable: %w", err)
		}
	}
	var admins int
	err = tx.QueryRow(ctx, `SELECT count(*) FROM identity_role r JOIN identity i USING (county_code, identity_id)
		WHERE county_code = $1 AND role = 'admin' AND disabled_at IS NULL`, county).Scan(&admins)
	if err != nil {
		return was, fmt.Errorf("count admins: %w", err)
	}
	wasAdmin := was.DisabledAt == nil && slices.ContainsFunc(was.Capacities, func(c Capacity) bool { return c.Role == Admin })
	if admins == 0 && wasAdmin {
		return was, ErrLastAdmin
	}
	now, err := IdentityOf(ctx, tx, county, id)
	if err != nil {
		return was, err
	}
	return now, Record(ctx, tx, Entry{County: county, Action: "identity.change", Kind: "identity", ID: id.String(), Before: logged(was), After: logged(now), Reason: reason})
}
