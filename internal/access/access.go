// Package access is the room of who may do what: identities, roles by
// department and township, keys and sessions, the transaction that sees only a
// township's rows, and the audit log.
package access

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Role is a department's capacity (角色).
type Role string

// The roles.
const (
	TownshipClerk Role = "township_clerk" // 乡镇经办
	TownshipLead  Role = "township_lead"  // 乡镇负责人
	Bureau        Role = "bureau"         // 自然资源局经办
	BureauLead    Role = "bureau_lead"    // 自然资源局负责人
	Agriculture   Role = "agriculture"    // 农业农村
	Forestry      Role = "forestry"       // 林业
	Water         Role = "water"          // 水利
	Environment   Role = "environment"    // 生态环境
	Government    Role = "government"     // 县政府（批准）
	Auditor       Role = "auditor"        // 审计（只读）
	Admin         Role = "admin"          // 系统管理
)

// Roles lists every role, townships first.
func Roles() []Role {
	return []Role{TownshipClerk, TownshipLead, Bureau, BureauLead, Agriculture, Forestry, Water, Environment, Government, Auditor, Admin}
}

// Chinese is the role's name for people.
func (r Role) Chinese() string {
	switch r {
	case TownshipClerk:
		return "乡镇经办"
	case TownshipLead:
		return "乡镇负责人"
	case Bureau:
		return "自然资源局经办"
	case BureauLead:
		return "自然资源局负责人"
	case Agriculture:
		return "农业农村"
	case Forestry:
		return "林业"
	case Water:
		return "水利"
	case Environment:
		return "生态环境"
	case Government:
		return "县政府"
	case Auditor:
		return "审计"
	case Admin:
		return "系统管理"
	}
	return string(r)
}

// OfTownship tells whether the role belongs to a township: it is never held for
// the whole county.
func (r Role) OfTownship() bool { return r == TownshipClerk || r == TownshipLead }

// Actor is who acts, in one capacity (操作人).
type Actor struct {
	ID   uuid.UUID
	Name string
	Role Role
	// County is the six-digit code of the county acted in; "" where the
	// request belongs to no county.
	County string
	// Township is a nine-digit code; "" is the whole county.
	Township string
	// Via is how the actor was known: oidc, session, key, basic, open, cli.
	Via string
}

// Sees tells whether the actor may know of what belongs to a township of a
// county; township "" is the county's own.
func (a Actor) Sees(county, township string) bool {
	return a.County != "" && a.County == county && strings.HasPrefix(township, a.Township)
}

// WholeCounty tells whether nothing of the county is hidden from the actor.
func (a Actor) WholeCounty() bool { return a.Township == "" }

// Capacity names the role and what it is limited to: "bureau" or
// "township_clerk/149901100".
func (a Actor) Capacity() Capacity {
	return Capacity{Role: a.Role, County: a.County, Township: a.Township}
}

// Capacity is a role that an identity holds: for a county, or one township of
// it.
type Capacity struct {
	Role     Role
	County   string
	Township string
}

// String is the form of the header Gengheng-Role.
func (c Capacity) String() string {
	if c.Township == "" {
		return string(c.Role)
	}
	return string(c.Role) + "/" + c.Township
}

// Check refuses a capacity that does not exist: a township's role without its
// township, a township of another county.
func (c Capacity) Check() error {
	if c.Role.Chinese() == string(c.Role) {
		return fmt.Errorf("没有角色 %q · no such role", c.Role)
	}
	if c.Role.OfTownship() && c.Township == "" {
		return fmt.Errorf("角色 %s 须指明乡镇（9 位代码） · this role needs its township", c.Role)
	}
	if c.Role == Admin && c.Township != "" {
		return fmt.Errorf("系统管理不能只限乡镇 %s · an admin is never a township's", c.Township)
	}
	if c.Township != "" && (len(c.Township) != 9 || strings.Trim(c.Township, "0123456789") != "" || c.Township[:6] != c.County) {
		return fmt.Errorf("乡镇 %s 不属于县 %s（应为 9 位代码） · the township is not of this county", c.Township, c.County)
	}
	return nil
}

type actorKey struct{}

// With gives the context its actor.
func With(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, actorKey{}, a) }

// From is the context's actor, if it has one.
func From(ctx context.Context) (Actor, bool) {
	a, ok := ctx.Value(actorKey{}).(Actor)
	return a, ok
}
