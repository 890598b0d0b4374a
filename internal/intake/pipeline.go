package intake

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/copyrow"
	"gengheng/internal/intake/coverage"
	"gengheng/internal/land"
)

// maker makes the rows of one table from the features of a layer.
type maker interface {
	// target is the table and its columns between fid and area_m2.
	target() (table string, columns []string)
	// make fills out.content, out.issues and what the summary counts. It is
	// called by several goroutines at once.
	make(f *geodata.Feature, out *made)
}

// made is one row under way from the file to the table.
type made struct {
	row     int64
	geom    orb.MultiPolygon // nil: the row cannot be stored
	area    land.Area
	content copyrow.Row
	issues  []Issue
	// bsm is the survey's key; label names the row to people.
	bsm, label string
	// what the summary counts by
	class, township string
	net             land.Area
	// key must be unique among the rows if it is not ""; candidates only.
	number string
}

func (m *made) say(issue Issue, zh, en string, args ...any) {
	issue.ZH, issue.EN = fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)
	m.issues = append(m.issues, issue)
}

// staged is what is known of the rows once they lie in the table. Slices are by
// fid - 1.
type staged struct {
	table  string
	rows   []int64
	labels []string
	keys   []string // BSM
	areas  []land.Area
	// hashes of the attributes and of the geometry with its area: a repair
	// changes the second alone
	attributes, shapes [][sha256.Size]byte
	checker            coverage.Checker
	extent             orb.Bound
	read               int64 // rows read, stored or not
	elsewhere          int64 // rows that lie outside the county
	tally              tally
	first              map[string]int64 // row that has a key
	// proposed repairs, by index, of rows that stay as they are
	proposed map[int]orb.MultiPolygon
}

func (s *staged) len() int { return len(s.rows) }

// version is the hash of all rows in order.
func (s *staged) version(kind Kind) string {
	h := sha256.New()
	io.WriteString(h, string(kind))
	for i := range s.rows {
		h.Write(s.attributes[i][:])
		h.Write(s.shapes[i][:])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// batch is how many features a worker takes at a time.
const batch = 128

// stage reads the features, makes rows of them on all processors, and copies
// them into the table in the file's order.
func (l *load) stage(ctx context.Context, tx pgx.Tx, features iter.Seq2[geodata.Feature, error], m maker, total int64) (*staged, error) {
	table, columns := m.target()
	s := &staged{table: table, tally: newTally(), first: map[string]int64{}, proposed: map[int]orb.MultiPolygon{}}
	around := l.surroundings()
	pipe, sink := io.Pipe()
	outer := ctx // a cancelled COPY would cost the connection
	group, ctx := errgroup.WithContext(ctx)

	group.Go(func() error {
		names := strings.Join(append(append([]string{"county_code", "dataset_id", "fid"}, columns...), "area_m2", "geom"), ", ")
		_, err := tx.Conn().PgConn().CopyFrom(outer, pipe, "COPY "+table+" ("+names+") FROM STDIN (FORMAT binary)")
		if err != nil {
			err = fmt.Errorf("copy into %s: %w", table, err)
		}
		pipe.CloseWithError(err)
		return err
	})

	work := make(chan job)
	order := make(chan chan []made, 4*runtime.GOMAXPROCS(0))
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for j := range work {
				rows := make([]made, len(j.features))
				for i := range j.features {
					l.makeRow(m, around, &j.features[i], &rows[i])
				}
				j.out <- rows
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(work)
		defer close(order)
		return deal(ctx, features, work, order)
	})
	group.Go(func() error {
		err := l.collect(s, len(columns), order, sink, total)
		if ctx.Err() != nil && err == nil {
			err = ctx.Err() // the file was not read to its end
		}
		sink.CloseWithError(err)
		return err
	})
	err := group.Wait()
	return s, err
}

// job is a batch of features for a worker; its rows go to out.
type job struct {
	features []geodata.Feature
	out      chan []made
}

// deal gives the features to the workers in batches, and the places where their
// rows will come out to order, in the file's order.
func deal(ctx context.Context, features iter.Seq2[geodata.Feature, error], work chan<- job, order chan<- chan []made) error {
	pending := make([]geodata.Feature, 0, batch)
	send := func() error {
		j := job{pending, make(chan []made, 1)}
		pending = make([]geodata.Feature, 0, batch)
		select {
		case order <- j.out:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case work <- j:
			return nil
		case <-ctx.Done():
			close(j.out) // nobody will fill it
			return ctx.Err()
		}
	}
	for f, err := range features {
		if err != nil {
			return err
		}
		if pending = append(pending, f); len(pending) == batch {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}

// collect takes the rows in the file's order.
func (l *load) collect(s *staged, columns int, order <-chan chan []made, sink io.Writer, total int64) error {
	w := bufio.NewWriterSize(sink, 1<<20)
	w.Write(copyrow.Header)
	var tuple copyrow.Row
	var failed error
	for out := range order {
		for i, rows := 0, <-out; i < len(rows); i++ {
			m := &rows[i]
			s.read++
			unique := l.checkKey(s, m)
			l.reportRow(s, m)
			if m.geom == nil || !unique || failed != nil {
				continue
			}
			fid := int32(len(s.rows) + 1)
			tuple = copyrow.Begin(tuple[:0], columns+5).Text(l.req.County).UUID(l.req.DatasetID).Int(fid)
			tuple = append(tuple, m.content...)
			shape := len(tuple)
			tuple = l.shape(tuple, m.area, m.geom)
			s.take(m, sha256.Sum256(m.content), sha256.Sum256(tuple[shape:]))
			if _, err := w.Write(tuple); err != nil {
				failed = err // go on emptying the queue
			}
		}
		l.tell(StageRead, s.read, max(total, s.read))
	}
	if failed != nil {
		return failed
	}
	w.Write(copyrow.Trailer)
	return w.Flush()
}

func (l *load) reportRow(s *staged, m *made) {
	elsewhere := false
	for _, issue := range m.issues {
		switch issue.Code {
		case geodata.IssueOutsideCounty, geodata.IssueOutsideChina, geodata.IssueOutsideZone:
			elsewhere = true
		}
		issue.BSM, issue.Row = m.bsm, m.row
		l.prefixRow(&issue, m.row, m.label)
		l.report.add(issue)
	}
	if elsewhere {
		s.elsewhere++
	}
}

// checkKey finds a second row with the same key: 标识码 of a survey, 申报编号 of a
// declaration, which cannot be stored twice.
func (l *load) checkKey(s *staged, m *made) (unique bool) {
	key, issue := m.number, errorOf(IssueNumberTwice)
	issue.Field = "SBBH"
	if l.req.Kind == DLTB {
		key, issue = m.bsm, Issue{Severity: "error", Code: IssueDuplicateKey, Field: "BSM"}
	}
	if key == "" {
		return true
	}
	row, twice := s.first[key]
	if !twice {
		s.first[key] = m.row
		return true
	}
	m.say(issue, "%s “%s” 与第 %d 行重复。请改为唯一。", "%s %q is that of row %d; it must be unique.", issue.Field, key, row)
	return !issue.fatal
}

// shape appends the columns area_m2 and geom.
func (l *load) shape(row copyrow.Row, area land.Area, geom orb.MultiPolygon) copyrow.Row {
	return row.Numeric(int64(area), 2).MultiPolygon(geom, l.county.srid)
}

func (s *staged) take(m *made, attributes, shape [sha256.Size]byte) {
	s.rows = append(s.rows, m.row)
	s.labels, s.keys = append(s.labels, m.label), append(s.keys, m.bsm)
	s.areas = append(s.areas, m.area)
	s.attributes, s.shapes = append(s.attributes, attributes), append(s.shapes, shape)
	s.checker.Add(m.geom)
	// the checker has looked for the bound already
	b := s.checker.Bound(s.checker.Len() - 1)
	if s.checker.Len() == 1 {
		s.extent = b
	}
	s.extent = s.extent.Union(b)
	s.tally.count(m)
}

// makeRow makes one row; what reading found comes first.
func (l *load) makeRow(m maker, around orb.Bound, f *geodata.Feature, out *made) {
	out.row, out.geom = f.Row, f.Geom
	if len(out.geom) > 0 {
		out.area = land.OfficialArea(out.geom, l.county.zone)
	}
	located := false
	for _, issue := range f.Issues {
		out.issues = append(out.issues, l.ofReading(issue, out))
		located = located || issue.Code == geodata.IssueOutsideCounty
	}
	if len(out.geom) == 0 {
		out.geom = nil
		if len(f.Issues) == 0 {
			out.say(errorOf(geodata.IssueGeometryNull), "没有几何。请补图形或删除该行。", "there is no geometry; draw it or delete the row.")
		}
	} else if b := out.geom.Bound(); !located && !b.Intersects(around) {
		at := b.Center()
		issue := errorOf(IssueOutsideCounty)
		issue.At = &at
		zh, en := "图形在（东 %.0f，北 %.0f），不在本县附近。请核对坐标系与带号，或剔除该行。", "the geometry lies at E %.0f N %.0f, far from the county; check the CRS and zone, or drop the row."
		if l.drawn() {
			zh, en = "图形在（东 %.0f，北 %.0f），不在本县附近。请核对坐标系与位置。", "the geometry lies at E %.0f N %.0f, far from the county; check the CRS and where it was drawn."
		}
		out.say(issue, zh, en, at[0], at[1])
	}
	m.make(f, out)
}

// ofReading is an issue of geodata. Where the reader had to mend the rings to get
// a polygon at all, that is a repair to be accepted like any other.
func (l *load) ofReading(found geodata.Issue, m *made) Issue {
	issue := ofGeodata(found)
	switch found.Code {
	case geodata.IssueRingUnclosed, geodata.IssueRingOrientation, geodata.IssueCurve:
	default:
		return issue
	}
	if len(m.geom) == 0 || found.Severity == geodata.SeverityError {
		return issue
	}
	raw, err := wkb.Marshal(m.geom)
	if err != nil {
		return issue
	}
	issue.Repair = &Repair{Kind: found.Code, AreaAfter: m.area, WKB: raw}
	if l.req.Options.AcceptRepairs {
		issue.Severity = "notice"
		return issue
	}
	issue.Severity, issue.fatal = "error", true
	issue.ZH += fmt.Sprintf("。这样修复后面积为 %s m²；请改正，或接受修复", m.area)
	issue.EN += fmt.Sprintf("; so repaired its area is %s m²: correct it or accept the repair", m.area)
	return issue
}

func errorOf(code string) Issue { return Issue{Severity: "error", Code: code, fatal: true} }

// How far from the county's townships a polygon may lie, in metres: survey and
// declarations reach into the neighbour at most by an exclave, while the layers
// of a prefecture's departments come uncut.
const (
	surroundingsSurvey = 20e3
	surroundingsLayer  = 60e3
)

// surroundings is where polygons of this kind may lie; without townships,
// anywhere that the plane of the county is meant for.
func (l *load) surroundings() orb.Bound {
	if !l.county.townships.loaded() || l.req.Kind == XZQ {
		// 3° to either side of the central meridian are some 290 km
		return orb.Bound{Min: orb.Point{500e3 - 300e3, 1.6e6}, Max: orb.Point{500e3 + 300e3, 6.2e6}}
	}
	switch l.req.Kind {
	case DLTB, CandidateIn, CandidateOut:
		return l.county.townships.extent.Pad(surroundingsSurvey)
	}
	return l.county.townships.extent.Pad(surroundingsLayer)
}
