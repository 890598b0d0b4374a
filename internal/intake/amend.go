package intake

import (
	"context"

	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/fields"

	"gengheng/internal/store"
)

// Amendment 修改一个地块: the one row in which the new version of a declaration
// differs from the version in force.
type Amendment struct {
	// Base is that version; uuid.Nil where nothing is declared yet.
	Base uuid.UUID
	// Number is the parcel's.
	Number string
	// Text gives fields of the declaration by their standard names (SBMJ in m²);
	// what is not named stays as it is, what is empty is cleared.
	Text map[string]string
	// Geometry in the county's plane; nil keeps the boundary.
	Geometry orb.MultiPolygon
	// Withdraw takes the parcel out.
	Withdraw bool
	// UploadID, SHA256 and Size are of the request, which is kept as an uploaded
	// file is; Township is who sent it, "" for the county.
	UploadID uuid.UUID
	SHA256   string
	Size     int
	Township string
}

// StaleError 版本已变: the version that was to be changed is not in force; Current
// is, or nothing where it is uuid.Nil.
type StaleError struct{ Base, Current uuid.UUID }

func (e *StaleError) Error() string {
	return fmt.Sprintf("申报已有新版本 %s，所改的是 %s。请按新版本重新修改。 Version %s is in force, not %s; edit that one.", e.Current, e.Base, e.Current, e.Base)
}

// ErrNoParcel says that the version has no parcel of that number.
var ErrNoParcel = errors.New("该申报中没有这个编号的地块 · the declaration has no parcel of this number")

// Amend makes the next version of a declaration with one row drawn, changed or
// withdrawn, under the checks of a load, in one transaction. The version must be
// in force (*StaleError). What a load would refuse gives a *Problem, and leaves
// nothing. The issues are the new version's report.
func Amend(ctx context.Context, db *store.DB, req Request, a Amendment) (result Result, issues []Issue, err error) {
	err = db.InTx(ctx, func(tx pgx.Tx) (err error) {
		result, issues, err = AmendIn(ctx, tx, db, req, a)
		return err
	})
	return result, issues, err
}

// AmendIn is Amend in the caller's transaction, which must be rolled back if it
// fails. Several changes make one version; all are of the first one's base and
// request.
func AmendIn(ctx context.Context, tx pgx.Tx, db *store.DB, req Request, list ...Amendment) (Result, []Issue, error) {
	l := &load{db: db, req: req, tell: throttle(nil), places: &sheetPlaces{drawn: true}}
	l.req.Options.ConfirmEmpty = slices.ContainsFunc(list, func(a Amendment) bool { return a.Withdraw })
	err := l.amend(ctx, tx, list)
	issues := l.report.sorted()
	var problem *Problem
	if errors.As(err, &problem) {
		return Result{}, issues, problem
	}
	if err != nil {
		return Result{}, issues, fmt.Errorf("change parcel %q of %s: %w", list[0].Number, req.Kind, err)
	}
	return l.result, issues, nil
}

// InForce gives the version of a declaration that is in force, uuid.Nil for none,
// and holds the declaration until the transaction ends.
func InForce(ctx context.Context, tx pgx.Tx, req *Request) (current uuid.UUID, err error) {
	if err := oneAtATime(ctx, tx, req); err != nil {
		return current, err
	}
	err = tx.QueryRow(ctx, `SELECT dataset_id FROM dataset WHERE county_code = $1 AND kind = $2 AND year = $3 AND scope = $4 AND status = 'committed'
		ORDER BY commit_seq DESC LIMIT 1`, req.County, string(req.Kind), req.Year, req.Scope).Scan(&current)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return current, fmt.Errorf("look for the version in force: %w", err)
	}
	return current, nil
}

// oneAtATime holds the declaration of a township (or the county) until the
// transaction ends: two changes must not both follow the same version.
func oneAtATime(ctx context.Context, tx pgx.Tx, req *Request) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`,
		fmt.Sprintf("declaration %s %s %d %s", req.County, req.Kind, req.Year, req.Scope))
	if err != nil {
		return fmt.Errorf("wait for the declaration: %w", err)
	}
	return nil
}

func (l *load) amend(ctx context.Context, tx pgx.Tx, list []Amendment) error {
	current, err := InForce(ctx, tx, &l.req)
	if err != nil {
		return err
	}
	a := &list[0]
	if current != a.Base {
		return &StaleError{Base: a.Base, Current: current}
	}
	if err := l.findCounty(ctx, tx); err != nil {
		return err
	}
	rows, err := l.rowsOf(ctx, tx, a.Base)
	if err != nil {
		return err
	}
	for i := range list {
		if rows, err = change(rows, &list[i]); err != nil {
			return err
		}
	}
	if err := l.enter(ctx, tx, a); err != nil {
		return err
	}
	columns, features := underHeader(rows)
	binding, areas, problem := bindDeclaration(columns)
	if problem != nil {
		return problem
	}
	staged, err := l.stage(ctx, tx, each(features), newCandidateMaker(l, columns, binding, areas), int64(len(features)))
	if err != nil {
		return err
	}
	if err := l.checkStaged(ctx, tx, staged); err != nil {
		return err
	}
	if p := l.report.refusal(); p != nil {
		return p
	}
	return l.commit(ctx, tx)
}

// enter makes the rows of the version and of the request that made it.
func (l *load) enter(ctx context.Context, tx pgx.Tx, a *Amendment) error {
	l.layerName, l.sourceCRS, l.encoding = a.Number, fmt.Sprintf("EPSG:%d", l.county.srid), "UTF-8"
	_, err := tx.Exec(ctx, `
		WITH u AS (INSERT INTO upload (county_code, upload_id, file_name, size, sha256, township_code) VALUES ($1, $2, $3, $4, $5, $6) RETURNING upload_id)
		INSERT INTO dataset (county_code, dataset_id, kind, year, scope, status, upload_id, file_name, file_sha256, options)
		SELECT $1, $7, $8, $9, $10, 'loading', upload_id, $3, $5, jsonb_build_object('amends', $11::text) FROM u`,
		l.req.County, a.UploadID, l.req.FileName, a.Size, a.SHA256, a.Township, l.req.DatasetID, string(l.req.Kind), l.req.Year, l.req.Scope, a.Base.String())
	if err != nil {
		return fmt.Errorf("enter the new version: %w", err)
	}
	return nil
}

// declaredRow is a stored row under the names of a file's columns.
type declaredRow struct {
	number string
	values map[string]any
	geom   orb.MultiPolygon
}

// rowsOf reads a version back into what a file with the same rows would hold.
func (l *load) rowsOf(ctx context.Context, tx pgx.Tx, dataset uuid.UUID) ([]declaredRow, error) {
	rows, err := tx.Query(ctx, `
		SELECT number, township_code, township_name, village, base_bsm, base_dlbm, target_dlbm, purpose, method, gdlx, actor,
		       coalesce(declared_m2::text, ''), documents, attrs, ST_AsBinary(geom)
		FROM candidate WHERE county_code = $1 AND dataset_id = $2 ORDER BY fid`, l.req.County, dataset)
	if err != nil {
		return nil, fmt.Errorf("read the version in force: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r declaredRow, err error) {
		var text [12]string
		var documents map[string]string
		var attrs, shape []byte
		err = row.Scan(&text[0], &text[1], &text[2], &text[3], &text[4], &text[5], &text[6], &text[7], &text[8], &text[9], &text[10], &text[11], &documents, &attrs, &shape)
		if err != nil {
			return r, err
		}
		r.number, r.values = text[0], attributesOf(attrs)
		if r.values == nil {
			r.values = map[string]any{}
		}
		for name, reference := range documents {
			r.values[name] = reference
		}
		for i, f := range []int{fields.SBBH, fields.XZDM, fields.XZMC, fields.CUN, fields.DeclaredBSM, fields.DeclaredDLBM, fields.NZDL, fields.YT,
			fields.HFFS, fields.DeclaredGDLX, fields.ZTLX, fields.SBMJ} {
			r.values[fields.Declaration[f].Name] = text[i]
		}
		r.geom, err = decodeMultiPolygon(shape)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the version in force: %w", err)
	}
	return list, nil
}

// change gives the rows with the one changed; a new one comes last.
func change(rows []declaredRow, a *Amendment) ([]declaredRow, error) {
	at := slices.IndexFunc(rows, func(r declaredRow) bool { return r.number == a.Number })
	switch {
	case a.Withdraw && at < 0:
		return nil, ErrNoParcel
	case a.Withdraw:
		return slices.Delete(rows, at, at+1), nil
	case at < 0 && a.Geometry == nil:
		return nil, ErrNoParcel
	case at < 0:
		rows = append(rows, declaredRow{number: a.Number, values: map[string]any{}})
		at = len(rows) - 1
	}
	r := &rows[at]
	for name, text := range a.Text {
		r.values[name] = text
	}
	r.values[fields.Declaration[fields.SBBH].Name] = a.Number
	if a.Geometry != nil {
		r.geom = gridded(a.Geometry)
	}
	return rows, nil
}

// gridded brings a drawn boundary to the form in which files' boundaries are
// read: on the grid of 0.0001 m, its rings in order.
func gridded(mp orb.MultiPolygon) orb.MultiPolygon {
	out := mp.Clone()
	for _, polygon := range out {
		for _, ring := range polygon {
			for i, p := range ring {
				ring[i] = orb.Point{geodata.Round(p[0]), geodata.Round(p[1])}
			}
		}
	}
	return geodata.Canonical(out)
}

// underHeader lays the rows out under one header.
func underHeader(rows []declaredRow) (columns []string, features []geodata.Feature) {
	names := map[string]bool{}
	for _, f := range fields.Declaration {
		names[f.Name] = true
	}
	for _, r := range rows {
		for name := range r.values {
			names[name] = true
		}
	}
	columns = slices.Sorted(maps.Keys(names))
	for i, r := range rows {
		f := geodata.Feature{Row: int64(i + 1), Geom: r.geom, Values: make([]any, len(columns))}
		for c, name := range columns {
			if v := r.values[name]; v != "" {
				f.Values[c] = v
			}
		}
		features = append(features, f)
	}
	return columns, features
}
