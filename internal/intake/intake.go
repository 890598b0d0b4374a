// Package intake takes an uploaded file into the database: read through
// geodata, staged, checked row by row, and committed as a dataset version
// (数据集版本), which appears whole or not at all.
//
// Everything of one load happens in one transaction under a lock on its row of
// the table dataset. A file that is refused leaves nothing but that row, its
// problem and the report of what is wrong, with a proposed repair for each
// geometry that has one; nothing is ever repaired in silence. A process that is
// killed leaves nothing, and loading the same dataset again is harmless.
package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/geodata"
	"gengheng/internal/land"
	"gengheng/internal/store"
)

// Kind 数据集种类: DLTB, XZQ, PDT, DEM, KCXS, a constraint layer of the rulebook,
// CANDIDATE_IN or CANDIDATE_OUT.
type Kind string

// The kinds that intake treats in ways of their own; every other kind is a
// polygon layer described by Request.Layers.
const (
	DLTB         Kind = "DLTB"          // 地类图斑
	XZQ          Kind = "XZQ"           // 行政区
	PDT          Kind = "PDT"           // 坡度图
	CZCDYD       Kind = "CZCDYD"        // 城镇村等用地
	DEM          Kind = "DEM"           // 数字高程模型
	KCXS         Kind = "KCXS"          // 田坎系数表
	CandidateIn  Kind = "CANDIDATE_IN"  // 转进申报地块
	CandidateOut Kind = "CANDIDATE_OUT" // 转出申报地块
)

// LayerFields says how a polygon layer is called in files and which of its
// columns fill code, name and level of layer_feature: of each list the first
// column that the file has. The standard names of a layer come first.
type LayerFields struct {
	// Name is the layer's Chinese name.
	Name string
	// Aliases are other names of the layer in files.
	Aliases []string
	// Code, NameFields and Level list columns; an empty list leaves the
	// column of layer_feature empty.
	Code, NameFields, Level []string
	// LevelOptional: a file without a level column is taken. Otherwise it is
	// refused, because a check that asks for a level would find nothing.
	LevelOptional bool
}

// Options is what the uploader decided, as stored in dataset.options.
type Options struct {
	// CRS, Zone, TOWGS84 and Encoding are passed to geodata.
	CRS      string              `json:"crs,omitempty"`
	Zone     int                 `json:"zone,omitempty"`
	TOWGS84  *geodata.DatumShift `json:"towgs84,omitempty"`
	Encoding string              `json:"encoding,omitempty"`
	// Layer chooses the layer of a file with several.
	Layer string `json:"layer,omitempty"`
	// AcceptRepairs applies the proposed repairs of geometry. Each is listed
	// in the report with its change of area.
	AcceptRepairs bool `json:"accept_repairs,omitempty"`
	// ConfirmEmpty takes a constraint layer or a declaration without features:
	// the uploader says that there are none.
	ConfirmEmpty bool `json:"confirm_empty,omitempty"`
	// Workbook is the path of the 申报表 that belongs to a declaration's
	// boundaries; its rows are matched by number. "" = none.
	Workbook string `json:"-"`
	// Child is the path of gengheng-gdal, as in geodata.Options.
	Child string `json:"-"`
}

// Request is one file to load.
type Request struct {
	// County is the six-digit code; its row exists.
	County string
	// DatasetID names a row of dataset that exists, with status queued or
	// loading.
	DatasetID uuid.UUID
	Kind      Kind
	Year      int
	// Scope is "" for the county, or the township code of a declaration.
	Scope string
	// Path is the uploaded file; FileName is what its owner calls it.
	Path, FileName string
	Options        Options
	// Layers describes the polygon layers by kind.
	Layers map[Kind]LayerFields
	// Purposes 用途 and Actors 主体类型 are the words that a declaration may
	// use, of which clauses make their conditions. None = not checked.
	Purposes, Actors []string
	// Committing is called in the transaction that makes the version, when it is
	// there; its error undoes everything. nil = nothing.
	Committing func(ctx context.Context, tx pgx.Tx) error `json:"-"`
}

// Result is a committed dataset version.
type Result struct {
	DatasetID uuid.UUID
	// Version is the hash of the content: the first 16 hexadecimal digits of
	// SHA-256 over the kind and the hashes of the stored rows in file order.
	Version string
	// Features is the number of rows; of a DEM the number of tiles.
	Features int
	// Area is the sum of the official areas of the rows.
	Area land.Area
	// Summary is dataset.summary.
	Summary Summary
	// Repeated: the dataset had been committed by an earlier call.
	Repeated bool
}

// Progress is told the stage and how much of it is done; total is 0 if unknown.
type Progress func(stage string, done, total int64)

// Stages of a load, as shown to people.
const (
	StageRead     = "读入 · read"
	StageValidity = "几何检查 · geometry check"
	StageTopology = "拓扑检查 · topology check"
	StageCommit   = "提交 · commit"
)

// Load loads one file. A file that cannot be taken gives a *Problem, and the
// row of dataset has status refused with the same problem; any other error
// (database, cancelled) leaves the row as it was, so that the load can be tried
// again. Loading a committed dataset again returns its result.
func Load(ctx context.Context, db *store.DB, req Request, progress Progress) (Result, error) {
	var l *load
	var err error
	for range attempts {
		l = &load{db: db, req: req, tell: throttle(progress)}
		if err := l.announce(ctx); err != nil {
			return Result{}, err
		}
		err = db.InTx(ctx, func(tx pgx.Tx) error { return l.run(ctx, tx) })
		if !readerDied(err) {
			break
		}
	}
	var problem *Problem
	if errors.As(err, &problem) {
		problem.fill(req)
		if err := l.refuse(ctx, problem); err != nil {
			return Result{}, fmt.Errorf("record why %s was refused: %w", req.FileName, err)
		}
		return Result{}, problem
	}
	if err != nil {
		return Result{}, fmt.Errorf("load %s %q: %w", req.Kind, req.FileName, err)
	}
	if !l.result.Repeated {
		l.analyze(ctx)
	}
	return l.result, nil
}

// attempts: a reading process that dies gets a second chance, for it may have
// been killed from outside; then the file is at fault.
const attempts = 2

func readerDied(err error) bool {
	var file *geodata.FileError
	return errors.As(err, &file) && file.Code == geodata.ErrChildKilled
}

// load is one load under way.
type load struct {
	db     *store.DB
	req    Request
	tell   Progress
	county county
	report report
	result Result
	// declared are the rows of the 申报表 that came with boundaries
	declared []*declaration
	// places are the cells of a 申报表 that gives the rows; nil for boundaries
	places *sheetPlaces
	// about the source, for the row of dataset
	layerName, sourceCRS, encoding string
}

// county is what the load knows of where it is.
type county struct {
	srid      int
	zone      land.Zone
	townships townships
}

func (l *load) run(ctx context.Context, tx pgx.Tx) error {
	done, err := l.lock(ctx, tx)
	if done || err != nil {
		return err
	}
	if err := l.findCounty(ctx, tx); err != nil {
		return err
	}
	switch l.req.Kind {
	case DEM:
		err = l.loadRaster(ctx, tx)
	case KCXS:
		err = l.loadRidges(ctx, tx)
	default:
		err = l.loadPolygons(ctx, tx)
	}
	if err != nil {
		return err
	}
	if p := l.report.verdict(l.req); p != nil {
		return p
	}
	l.tell(StageCommit, 0, 1)
	return l.commit(ctx, tx)
}

// throttle spares the callee calls that nobody could read.
func throttle(progress Progress) Progress {
	if progress == nil {
		return func(string, int64, int64) {}
	}
	var stage string
	var last time.Time
	return func(s string, done, total int64) {
		now := time.Now()
		if s == stage && done < total && now.Sub(last) < 100*time.Millisecond {
			return
		}
		stage, last = s, now
		progress(s, done, total)
	}
}
