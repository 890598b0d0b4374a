package download_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/collection"
	"gengheng/internal/download"
	"gengheng/internal/fixture"
	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/intake"
	"gengheng/internal/rulebook"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

const countyCode = "149901"

// bureau is a synthetic county's database with what was delivered to it.
type bureau struct {
	t     testing.TB
	db    *store.DB
	book  *rulebook.Rulebook
	child string
}

func newBureau(t testing.TB) *bureau {
	t.Helper()
	book, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	b := &bureau{t: t, db: storetest.New(t), book: book, child: geodatatest.Child(t)}
	b.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, 2025, $3)`, book.Hash, book.ID, string(book.Document))
	b.exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, '合成示例县', 4546, true, $2)`, countyCode, book.Hash)
	return b
}

func (b *bureau) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.db.Pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

// load takes a file in and gives its version, and what was said of its rows.
func (b *bureau) load(kind intake.Kind, scope, path string) (intake.Result, []string) {
	b.t.Helper()
	req := intake.Request{County: countyCode, DatasetID: uuid.New(), Kind: kind, Year: 2025, Scope: scope, Path: path, FileName: filepath.Base(path),
		Options: intake.Options{Child: b.child}, Purposes: b.book.Purposes, Actors: b.book.Actors, Layers: map[intake.Kind]intake.LayerFields{}}
	for _, l := range b.book.Layers {
		if l.Form == rulebook.Polygons {
			req.Layers[intake.Kind(l.Kind)] = intake.LayerFields{Name: l.Name, Code: l.Code, NameFields: l.NameFields, Level: l.Level}
		}
	}
	upload := uuid.New()
	b.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, $3, 0, '')`, countyCode, upload, req.FileName)
	b.exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, scope, status, upload_id, file_name, file_sha256)
		VALUES ($1, $2, $3, 2025, $5, 'queued', $4, 'f', '')`, countyCode, req.DatasetID, string(kind), upload, scope)
	result, err := intake.Load(b.t.Context(), b.db, req, nil)
	if err != nil {
		b.t.Fatalf("load %s from %s: %v", kind, path, err)
	}
	rows, err := b.db.Pool.Query(b.t.Context(), `SELECT concat_ws(' ', severity, code, row_no, field) FROM dataset_issue WHERE dataset_id = $1 AND severity <> 'notice' ORDER BY 1`, req.DatasetID)
	if err != nil {
		b.t.Fatal(err)
	}
	issues, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	return result, issues
}

// download writes a collection as it is now.
func (b *bureau) download(id, format string, edit func(r *download.Request)) download.File {
	b.t.Helper()
	var file download.File
	err := pgx.BeginTxFunc(b.t.Context(), b.db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var err error
		file, err = b.write(b.t.Context(), tx, id, format, b.t.TempDir(), edit)
		return err
	})
	if err != nil {
		b.t.Fatalf("download %s as %s: %v", id, format, err)
	}
	return file
}

func (b *bureau) write(ctx context.Context, q collection.Querier, id, format, dir string, edit func(r *download.Request)) (download.File, error) {
	col, err := collection.NewRegistry().Open(ctx, q, countyCode, id)
	if err != nil {
		return download.File{}, err
	}
	f, err := download.FindFormat(format)
	if err != nil {
		return download.File{}, err
	}
	r := download.Request{Collection: col, Args: col.Args(), Format: f, Child: b.child, MaxBytes: 1 << 30}
	if edit != nil {
		edit(&r)
	}
	return r.Write(ctx, q, dir)
}

// changed counts the rows that are in one of two versions of a kind and not in both.
func (b *bureau) changed(kind intake.Kind, first, again string) (n int) {
	b.t.Helper()
	table := "layer_feature"
	if kind == intake.DLTB {
		table = "parcel"
	}
	rows := func(version string) string {
		return `SELECT to_jsonb(r) - 'dataset_id' - 'fid' - 'object_id' FROM ` + table + ` r JOIN dataset d USING (county_code, dataset_id) WHERE d.kind = '` + string(kind) + `' AND d.version = '` + version + `'`
	}
	err := b.db.Pool.QueryRow(b.t.Context(), `SELECT count(*) FROM ((`+rows(first)+` EXCEPT `+rows(again)+`) UNION ALL (`+rows(again)+` EXCEPT `+rows(first)+`)) s`).Scan(&n)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// Ensure that what is downloaded is what was delivered: taken in again it makes the
// same version (a hash over every attribute and vertex), with the same report.
func TestDownload_LoadsAgainAsTheSameVersion(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it loads a county some fifteen times, in one goroutine")
	}
	b := newBureau(t)
	dir := filepath.Join(t.TempDir(), "county")
	if err := fixture.Write(t.Context(), fixture.Options{Parcels: fixture.MinParcels, Seed: 3, Dir: dir, Child: b.child}); err != nil {
		t.Fatal(err)
	}
	type written struct {
		name string
		edit func(r *download.Request)
	}
	gpkg, fgb, gdb, utf8 := written{"gpkg", nil}, written{"fgb", nil}, written{"gdb", nil}, written{"shp", nil}
	gbk := written{"shp", func(r *download.Request) { r.Encoding = "GBK" }}
	geojson := written{"geojson", func(r *download.Request) {
		r.CRS = collection.Systems(r.Collection.County)[2] // the plane without the zone's number
	}}
	b.load(intake.XZQ, "", filepath.Join(dir, "zip", "XZQ.zip"))
	for kind, formats := range map[intake.Kind][]written{intake.DLTB: {gpkg, gbk, gdb, fgb}, "YJJBNTTB": {gpkg, gbk, utf8, gdb, geojson, fgb}} {
		first, said := b.load(kind, "", filepath.Join(dir, "zip", string(kind)+".zip"))
		id := string(kind)
		if kind == intake.DLTB {
			id = "parcels"
		}
		for _, f := range formats {
			file := b.download(id, f.name, f.edit)
			if file.Features != int64(first.Features) {
				t.Errorf("%s as %s has %d features of %d", id, f.name, file.Features, first.Features)
			}
			again, repeated := b.load(kind, "", file.Path)
			if f.name == "fgb" { // its index puts the rows into an order of its own
				slices.Sort(repeated)
				if rest := b.changed(kind, first.Version, again.Version); rest != 0 || again.Features != first.Features || again.Area != first.Area || len(repeated) != len(said) {
					t.Errorf("%s as fgb: %d rows differ; %d features of %d; issues %v, before %v", id, rest, again.Features, first.Features, repeated, said)
				}
				continue
			}
			if again.Version != first.Version || again.Area != first.Area || !slices.Equal(repeated, said) {
				t.Errorf("%s as %s: version %s area %d, delivered as %s %d; issues %v, before %v", id, f.name, again.Version, again.Area, first.Version, first.Area, repeated, said)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "declarations", "*_in.zip"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no declarations: %v", err)
	}
	town, _, _ := strings.Cut(filepath.Base(files[0]), "_")
	first, said := b.load(intake.CandidateIn, town, files[0])
	for _, f := range []written{gpkg, gbk, gdb} {
		file := b.download("candidates_in", f.name, f.edit)
		again, repeated := b.load(intake.CandidateIn, town, file.Path)
		if again.Version != first.Version || again.Area != first.Area || len(repeated) != len(said) {
			t.Errorf("declaration as %s: version %s area %d, delivered as %s %d; issues %v, before %v", f.name, again.Version, again.Area, first.Version, first.Area, repeated, said)
		}
	}
}
