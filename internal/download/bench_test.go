package download_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/download"
)

// BenchmarkDownload writes 100,000 parcels of 60 vertices with a survey's columns;
// b.N counts whole files.
func BenchmarkDownload(b *testing.B) {
	const n = 100_000
	s := newBureau(b)
	s.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'f', 1, 's')`, countyCode, uuid.New())
	id := uuid.New()
	s.exec(`INSERT INTO dataset (county_code, dataset_id, kind, scope, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
		SELECT $1, $2, 'DLTB', '', 2025, 'committed', '00000000000000aa', 1, $3, upload_id, 'f', 's' FROM upload WHERE county_code = $1`, countyCode, id, n)
	s.exec(`INSERT INTO parcel (county_code, dataset_id, fid, bsm, ysdm, tbybh, tbbh, dlbm, dlmc, qsxz, qsdwdm, qsdwmc, zldwdm, zldwmc, tbmj, kcdlbm, kcxs, kcmj, tbdlmj,
			gdlx, gdpdjb, zzsxdm, zzsxmc, gddb, frdbs, sjnf, mssm, area_m2, geom)
		SELECT $1, $2, i, lpad(i::text, 18, '0'), '2001010100', lpad(i::text, 8, '0'), lpad(i::text, 8, '0'), '0101', '水田', '30', '1499011000010000000', '合成乡第一村民委员会',
			'1499011000010000000', '合成乡第一村民委员会', 9999.5, '1203', 0.0712, 711.96, 9287.54, 'PD', '2', 'LS', '种植粮食作物', i % 15 + 1, '0', 2025, '00', 10000,
			ST_Multi(ST_Segmentize(ST_MakeEnvelope(500000 + i % 400 * 100, 4000000 + i / 400 * 100, 500100 + i % 400 * 100, 4000100 + i / 400 * 100, 4546), 6.7))
		FROM generate_series(0, $3::int - 1) i`, countyCode, id, n)
	s.exec(`ANALYZE parcel`)
	for _, f := range download.Formats() {
		b.Run(f.Name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				dir := filepath.Join(b.TempDir(), "d")
				if err := os.Mkdir(dir, 0o700); err != nil {
					b.Fatal(err)
				}
				err := pgx.BeginTxFunc(b.Context(), s.db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
					file, err := s.write(b.Context(), tx, "parcels", f.Name, dir, nil)
					if err == nil && file.Features != n {
						b.Fatalf("%d features", file.Features)
					}
					if info, serr := os.Stat(file.Path); serr == nil {
						b.ReportMetric(float64(info.Size())/(1<<20), "MB")
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
				if err := os.RemoveAll(dir); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
