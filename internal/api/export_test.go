package api

import "gengheng/internal/access"

// Rule is the policy of an operation, for the matrix of roles.
func Rule(id string) (roles []access.Role, ofCounty, wholeCountyOnly bool) {
	r := policy[id]
	return r.roles, r.scope != anyCounty, r.scope == wholeCounty
}
