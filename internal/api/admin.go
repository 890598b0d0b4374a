package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
)

func (s *server) GetMe(c echo.Context) error {
	actor, _ := access.From(c.Request().Context())
	me := Me{Name: actor.Name, Via: actor.Via, County: actor.County, Roles: []Capacity{}}
	if actor.Via == viaOpen || actor.Via == viaOpenRole {
		me.Roles = capacitiesJSON([]access.Capacity{actor.Capacity()})
		return c.JSON(http.StatusOK, me)
	}
	err := s.db.InTx(c.Request().Context(), func(tx pgx.Tx) error {
		p, err := access.IdentityOf(c.Request().Context(), tx, actor.County, actor.ID)
		me.Roles = capacitiesJSON(p.Capacities)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, me)
}

func capacitiesJSON(list []access.Capacity) []Capacity {
	out := []Capacity{}
	for _, held := range list {
		v := Capacity{Role: Role(held.Role)}
		if held.Township != "" {
			v.Township = &held.Township
		}
		out = append(out, v)
	}
	return out
}

func capacitiesOf(county string, list []Capacity) []access.Capacity {
	out := []access.Capacity{}
	for _, v := range list {
		held := access.Capacity{Role: access.Role(v.Role), County: county}
		if v.Township != nil {
			held.Township = *v.Township
		}
		out = append(out, held)
	}
	return out
}

func identityJSON(p access.Identity) Identity {
	v := Identity{IdentityId: p.ID, Kind: IdentityKind(p.Kind), Name: p.Name, Roles: capacitiesJSON(p.Capacities), CreatedAt: p.CreatedAt, DisabledAt: p.DisabledAt}
	if p.Issuer != "" {
		v.Issuer, v.Subject = &p.Issuer, &p.Subject
	}
	return v
}

func (s *server) ListIdentities(c echo.Context, county CountyPath) error {
	people, err := access.Identities(c.Request().Context(), s.db, county)
	if err != nil {
		return err
	}
	list := []Identity{}
	for _, p := range people {
		list = append(list, identityJSON(p))
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) AddIdentity(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	var in IdentityInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	p := access.Identity{County: county, Kind: string(in.Kind), Name: in.Name, Capacities: capacitiesOf(county, in.Roles)}
	if in.Issuer != nil {
		p.Issuer = *in.Issuer
	}
	if in.Subject != nil {
		p.Subject = *in.Subject
	}
	if (p.Issuer == "") != (p.Subject == "") {
		return badRequest("subject", "issuer 与 subject 须同时给出或同时省略。 Give both of issuer and subject, or neither.")
	}
	err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		if err := townshipsExist(ctx, tx, county, p.Capacities); err != nil {
			return err
		}
		p, err = access.Create(ctx, tx, p)
		return err
	})
	if err != nil {
		return accessProblem(err)
	}
	return c.JSON(http.StatusCreated, identityJSON(p))
}

func (s *server) ChangeIdentity(c echo.Context, county CountyPath, id IdentityID) error {
	ctx := c.Request().Context()
	var in IdentityChange
	if err := c.Bind(&in); err != nil {
		return err
	}
	var roles *[]access.Capacity
	if in.Roles != nil {
		list := capacitiesOf(county, *in.Roles)
		roles = &list
	}
	var p access.Identity
	err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		if roles != nil {
			if err := townshipsExist(ctx, tx, county, *roles); err != nil {
				return err
			}
		}
		p, err = access.Change(ctx, tx, county, id, roles, in.Disabled, in.Reason)
		return err
	})
	if err != nil {
		return accessProblem(err)
	}
	return c.JSON(http.StatusOK, identityJSON(p))
}

// townshipsExist refuses a role in a township that the county's 行政区 (XZQ) has not:
// its holder would see nothing and declare nothing. Without the layer nobody can tell.
func townshipsExist(ctx context.Context, q querier, county string, list []access.Capacity) error {
	for _, held := range list {
		var missing bool
		err := q.QueryRow(ctx, `WITH xzq AS (SELECT code FROM layer_feature WHERE county_code = $1 AND dataset_id =
				(SELECT dataset_id FROM dataset WHERE county_code = $1 AND kind = 'XZQ' AND status = 'committed' ORDER BY commit_seq DESC LIMIT 1))
			SELECT $2 <> '' AND EXISTS (SELECT FROM xzq) AND NOT EXISTS (SELECT FROM xzq WHERE starts_with(code, $2))`, county, held.Township).Scan(&missing)
		if err != nil {
			return fmt.Errorf("townships of %s: %w", county, err)
		}
		if missing {
			return badRequest("role", fmt.Sprintf("行政区图层（XZQ）中没有乡镇 %s；请核对代码，或先装载新的行政区。 The county's XZQ layer has no such township.", held.Township))
		}
	}
	return nil
}

// accessProblem gives a refusal of the access room its status.
func accessProblem(err error) error {
	var check *access.CheckError
	switch {
	case errors.As(err, &check):
		return badRequest("role", check.Error())
	case errors.Is(err, access.ErrUnknown):
		return notFound("identity", access.ErrUnknown.Error())
	case errors.Is(err, access.ErrBound):
		return conflict("subject-bound", access.ErrBound.Error())
	case errors.Is(err, access.ErrLastAdmin):
		return conflict("last-admin", access.ErrLastAdmin.Error())
	}
	return err
}

func keyJSON(k access.Key) Key {
	return Key{KeyId: k.ID, Name: k.Name, Prefix: k.Prefix, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt}
}

func (s *server) ListKeys(c echo.Context, county CountyPath, id IdentityID) error {
	keys, err := access.Keys(c.Request().Context(), s.db, county, id)
	if err != nil {
		return err
	}
	list := []Key{}
	for _, k := range keys {
		list = append(list, keyJSON(k))
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) AddKey(c echo.Context, county CountyPath, id IdentityID) error {
	ctx := c.Request().Context()
	var in KeyInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	var out NewKey
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		k, secret, err := access.NewKey(ctx, tx, county, id, in.Name, time.Now().AddDate(0, 0, in.Days))
		out = NewKey{Key: keyJSON(k), Secret: secret}
		return err
	})
	if err != nil {
		return accessProblem(err)
	}
	return c.JSON(http.StatusCreated, out)
}

func (s *server) RevokeKey(c echo.Context, county CountyPath, id uuid.UUID) error {
	ctx := c.Request().Context()
	var in Reason
	if err := c.Bind(&in); err != nil {
		return err
	}
	err := s.db.InTx(ctx, func(tx pgx.Tx) error { return access.RevokeKey(ctx, tx, county, id, in.Reason) })
	if err != nil {
		return accessProblem(err)
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *server) ListAudit(c echo.Context, county CountyPath, params ListAuditParams) error {
	ctx := c.Request().Context()
	limit := pageSize(params.Limit)
	order, newest := "ASC", params.Newest != nil && *params.Newest
	if newest {
		order = "DESC"
	}
	rows, err := s.rows(ctx).Query(ctx, `
		SELECT seq, at, actor_id, actor_name, actor_role, actor_township, via, action, subject_kind, subject_id, before, after, reason, hash
		FROM audit_log WHERE county_code = $1 AND ($2::bigint IS NULL OR CASE WHEN $3 THEN seq < $2 ELSE seq > $2 END)
		AND ($4::text IS NULL OR action = $4) AND ($5::text IS NULL OR subject_kind = $5) AND ($6::text IS NULL OR subject_id = $6)
		AND ($7::uuid IS NULL OR actor_id = $7) AND ($8::text IS NULL OR strpos(actor_name, $8) > 0)
		AND ($9::timestamptz IS NULL OR at >= $9) AND ($10::timestamptz IS NULL OR at < $10)
		ORDER BY seq `+order+` LIMIT $11`, county, params.After, newest, params.Action, params.SubjectKind, params.SubjectId, params.Actor, params.ActorName,
		params.Since, params.Until, limit)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	page := AuditPage{}
	page.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (AuditEntry, error) {
		var v AuditEntry
		var hash []byte
		err := row.Scan(&v.Seq, &v.At, &v.ActorId, &v.ActorName, &v.ActorRole, &v.ActorTownship, &v.Via, &v.Action, &v.SubjectKind, &v.SubjectId,
			&v.Before, &v.After, &v.Reason, &hash)
		v.Hash = hex.EncodeToString(hash)
		return v, err
	})
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	if len(page.Items) == limit {
		page.Next = &page.Items[limit-1].Seq
	}
	return c.JSON(http.StatusOK, page)
}

func (s *server) VerifyAudit(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	head, err := access.VerifyAudit(ctx, s.db, county)
	out := AuditVerification{Holds: err == nil, Rows: head.Seq, Head: head.Hash}
	var bad *access.BadRowError
	if errors.As(err, &bad) {
		out.BadRow, out.Why = &bad.Seq, &bad.Why
	} else if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}
