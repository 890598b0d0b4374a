package rivalry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/copyrow"
	"gengheng/internal/land"
	"gengheng/internal/rivalry/synthetic"
)

// dltbFields are sixteen columns of a survey, as surveys have them.
var dltbFields = []geodata.Field{
	{Name: "BSM", Type: geodata.FieldString, Width: 18}, {Name: "YSDM", Type: geodata.FieldString, Width: 10},
	{Name: "TBBH", Type: geodata.FieldString, Width: 8}, {Name: "DLBM", Type: geodata.FieldString, Width: 5},
	{Name: "DLMC", Type: geodata.FieldString, Width: 60}, {Name: "QSXZ", Type: geodata.FieldString, Width: 2},
	{Name: "QSDWDM", Type: geodata.FieldString, Width: 19}, {Name: "QSDWMC", Type: geodata.FieldString, Width: 60},
	{Name: "ZLDWDM", Type: geodata.FieldString, Width: 19}, {Name: "ZLDWMC", Type: geodata.FieldString, Width: 60},
	{Name: "TBMJ", Type: geodata.FieldFloat, Width: 15, Precision: 2}, {Name: "KCXS", Type: geodata.FieldFloat, Width: 6, Precision: 4},
	{Name: "GDPDJB", Type: geodata.FieldString, Width: 2}, {Name: "ZZSXDM", Type: geodata.FieldString, Width: 6},
	{Name: "SJNF", Type: geodata.FieldInt, Width: 4}, {Name: "BZ", Type: geodata.FieldString, Width: 20},
}

// writeSurvey writes the parcels as a shapefile.
func (b *Bench) writeSurvey(ctx context.Context) (folder string, err error) {
	folder = filepath.Join(b.Work, "survey")
	classes := [][2]string{{"0103", "旱地"}, {"0101", "水田"}, {"0301", "乔木林地"}, {"0201", "果园"}, {"0702", "农村宅基地"}}
	err = geodata.Write(ctx, geodata.WriteRequest{
		Path: folder, Driver: geodata.ShapefileDriver, Encoding: "UTF-8", Child: b.GDALChild,
		Layers: []geodata.WriteLayer{{Name: "DLTB", Fields: dltbFields, EPSG: synthetic.SRID, Features: func(yield func(geodata.Feature, error) bool) {
			for i, p := range b.county.Parcels {
				class, village := classes[i%len(classes)], fmt.Sprintf("140999%03d%03d0000000", i/5000, i/50%100)
				values := []any{
					fmt.Sprintf("1409992001%08d", i+1), "2001010100", strconv.Itoa(i + 1), class[0], class[1], "30", village, "示例乡示例村", village, "示例乡示例村",
					math.Round(100*land.AdditiveArea(p, synthetic.Zone())) / 100, 0.125, "3", "LS", int64(2024), "合成数据",
				}
				if !yield(geodata.Feature{Row: int64(i + 1), Values: values, Geom: p}, nil) {
					return
				}
			}
		}}},
	})
	return folder, err
}

// Load compares loading the parcels' shapefile into a logged table with GiST and
// ANALYZE with ogr2ogr's COPY.
func (b *Bench) Load(ctx context.Context) error {
	job := fmt.Sprintf("载入 · load DLTB, %d, GiST + ANALYZE", len(b.county.Parcels))
	folder, err := b.writeSurvey(ctx)
	if err != nil {
		return err
	}
	ogr, err := exec.LookPath("ogr2ogr")
	if err != nil {
		b.say("　ogr2ogr 未安装，略去 · ogr2ogr is not installed and left out")
		return nil
	}
	sessions, end, err := connect(ctx, b.Pool, 1)
	if err != nil {
		return err
	}
	defer end()
	var rival, ours, reads []float64
	var ogrPeak, ownPeak float64
	for range b.Repeats {
		took, peak, err := b.ogr2ogr(ctx, sessions[0], ogr, filepath.Join(folder, "DLTB.shp"))
		if err != nil {
			return err
		}
		rival, ogrPeak = append(rival, took), max(ogrPeak, peak)
		read, err := b.readOnly(ctx, folder)
		if err != nil {
			return err
		}
		reads = append(reads, read)
		w := watchSelf()
		took, err = b.ownLoad(ctx, folder)
		ownPeak = max(ownPeak, w.end())
		if err != nil {
			return err
		}
		ours = append(ours, took)
	}
	differ := 0
	err = sessions[0].QueryRow(ctx, `SELECT count(*) FROM dltb_own a FULL JOIN dltb_ogr b ON a.bsm = b.bsm
		WHERE a.bsm IS NULL OR b.bsm IS NULL OR a.dlmc <> b.dlmc OR a.tbmj <> b.tbmj OR abs(ST_Area(a.geom) - ST_Area(b.geom)) > 1e-4`).Scan(&differ)
	if err != nil {
		return fmt.Errorf("compare the tables: %w", err)
	}
	b.own(job, "自有读取 + 二进制 COPY · ours", ours, ownPeak, fmt.Sprintf("只读文件 · reading alone %.2f s", median(reads)))
	b.rival(job, "ogr2ogr PG_USE_COPY=YES", rival, ogrPeak, median(ours), 1.7, fmt.Sprintf("%d 行不同 · rows differ", differ))
	return nil
}

// ogr2ogr loads a shapefile as its manual recommends, and analyses the table.
func (b *Bench) ogr2ogr(ctx context.Context, s session, tool, path string) (seconds, peak float64, err error) {
	if err := s.exec(ctx, "DROP TABLE IF EXISTS dltb_ogr"); err != nil {
		return 0, 0, err
	}
	conf := s.Config()
	cmd := exec.CommandContext(ctx, tool, "-f", "PostgreSQL",
		fmt.Sprintf("PG:host='%s' port=%d user='%s' dbname='%s'", conf.Host, conf.Port, conf.User, conf.Database), path,
		"-nln", "dltb_ogr", "-nlt", "MULTIPOLYGON", "-a_srs", fmt.Sprintf("EPSG:%d", synthetic.SRID), "-lco", "GEOMETRY_NAME=geom", "-lco", "SPATIAL_INDEX=GIST",
		"-gt", "1000000", "--config", "PG_USE_COPY", "YES")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+conf.Password)
	begin := time.Now()
	said, err := cmd.CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("ogr2ogr: %w: %.500s", err, said)
	}
	if err := s.exec(ctx, "ANALYZE dltb_ogr"); err != nil {
		return 0, 0, err
	}
	return time.Since(begin).Seconds(), childPeak(cmd.ProcessState), nil
}

// readOnly reads the file with all that intake checks while reading.
func (b *Bench) readOnly(ctx context.Context, folder string) (float64, error) {
	begin := time.Now()
	err := b.features(ctx, folder, func(geodata.Feature) error { return nil })
	return time.Since(begin).Seconds(), err
}

func (b *Bench) features(ctx context.Context, folder string, take func(geodata.Feature) error) (err error) {
	src, err := geodata.Open(ctx, folder, geodata.Options{SRID: synthetic.SRID, Child: b.GDALChild})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	layer, err := src.Layer("")
	if err != nil {
		return err
	}
	for f, err := range layer.Features(ctx) {
		if err == nil {
			err = take(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ownLoad reads the shapefile by the program's own reader and copies it into a
// logged table on two connections, which are made while the reader looks at the
// file; then come both indexes and ANALYZE.
func (b *Bench) ownLoad(ctx context.Context, folder string) (float64, error) {
	begin := time.Now()
	outer := ctx
	group, ctx := errgroup.WithContext(ctx)
	// batches lets the reader go ahead of those who encode and send.
	batches := make(chan []geodata.Feature, 128)
	group.Go(func() error { return b.readBatches(ctx, folder, batches) })
	sessions, end, err := connect(ctx, b.Pool, 2)
	if err == nil {
		defer end()
		err = sessions[0].exec(ctx, createSurvey())
	}
	if err != nil {
		group.Go(func() error { return err }) // stops the reader
		return 0, group.Wait()
	}
	var names []string
	for _, f := range dltbFields {
		names = append(names, strings.ToLower(f.Name))
	}
	into := "COPY dltb_own (fid, " + strings.Join(names, ", ") + ", geom) FROM STDIN (FORMAT binary)"
	for _, s := range sessions {
		group.Go(func() error {
			_, err := s.PgConn().CopyFrom(ctx, &surveyStream{batches: batches, unread: copyrow.Header}, into)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	err = finishSurvey(outer, sessions)
	return time.Since(begin).Seconds(), err
}

// readBatches sends the features of a shapefile and closes batches.
func (b *Bench) readBatches(ctx context.Context, folder string, batches chan<- []geodata.Feature) error {
	defer close(batches)
	const size = 128
	batch := make([]geodata.Feature, 0, size)
	send := func() error {
		select {
		case batches <- batch:
			batch = make([]geodata.Feature, 0, size)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := b.features(ctx, folder, func(f geodata.Feature) error {
		if batch = append(batch, f); len(batch) < size {
			return nil
		}
		return send()
	})
	if err == nil {
		err = send()
	}
	return err
}

// surveyStream is the stream of a binary COPY: each batch is encoded when the
// connection asks for more, without a pipe and its goroutine between them.
type surveyStream struct {
	batches <-chan []geodata.Feature
	rows    copyrow.Row
	unread  []byte
	ended   bool
}

// Read implements io.Reader.
func (s *surveyStream) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(s.unread) == 0 {
			if s.ended {
				return n, io.EOF
			}
			if err := s.next(); err != nil {
				return n, err
			}
		}
		k := copy(p[n:], s.unread)
		n, s.unread = n+k, s.unread[k:]
	}
	return n, nil
}

func (s *surveyStream) next() (err error) {
	batch, more := <-s.batches
	if !more {
		s.unread, s.ended = copyrow.Trailer, true
		return nil
	}
	s.rows = s.rows[:0]
	for i := range batch {
		if s.rows, err = surveyRow(s.rows, &batch[i]); err != nil {
			return err
		}
	}
	s.unread = s.rows
	return nil
}

// finishSurvey builds both indexes, beside each other, and then gathers the statistics.
func finishSurvey(ctx context.Context, sessions []session) error {
	group, both := errgroup.WithContext(ctx)
	for i, index := range []string{"CREATE INDEX ON dltb_own USING gist (geom)", "CREATE UNIQUE INDEX dltb_own_fid ON dltb_own (fid)"} {
		group.Go(func() error { return sessions[i].exec(both, index) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return sessions[0].exec(ctx, "ALTER TABLE dltb_own ADD PRIMARY KEY USING INDEX dltb_own_fid; ANALYZE dltb_own")
}

// createSurvey makes the table. Codes and names are compared by their bytes, as
// wherever the program sorts them; that is most of what ANALYZE does with them.
func createSurvey() string {
	var sql strings.Builder
	sql.WriteString("DROP TABLE IF EXISTS dltb_own; CREATE TABLE dltb_own (fid int4 NOT NULL")
	for _, f := range dltbFields {
		kind := `text COLLATE "C"`
		switch f.Type {
		case geodata.FieldFloat:
			kind = "numeric"
		case geodata.FieldInt:
			kind = "int4"
		}
		fmt.Fprintf(&sql, ", %s %s", strings.ToLower(f.Name), kind)
	}
	fmt.Fprintf(&sql, ", geom geometry(MultiPolygon, %d))", synthetic.SRID)
	return sql.String()
}

// surveyRow appends a row.
func surveyRow(row copyrow.Row, f *geodata.Feature) (copyrow.Row, error) {
	if f.Geom == nil {
		return nil, fmt.Errorf("row %d has no geometry: %v", f.Row, f.Issues)
	}
	row = copyrow.Begin(row, len(f.Values)+2).Int(int32(f.Row))
	for i, v := range f.Values {
		switch v := v.(type) {
		case nil:
			row = row.Null()
		case string:
			row = row.Text(v)
		case int64:
			row = row.Int(int32(v))
		case float64:
			scale := dltbFields[i].Precision
			row = row.Numeric(int64(math.Round(v*math.Pow10(scale))), scale)
		default:
			return nil, fmt.Errorf("row %d: column %d is a %T", f.Row, i, v)
		}
	}
	return row.MultiPolygon(f.Geom, synthetic.SRID), nil
}
