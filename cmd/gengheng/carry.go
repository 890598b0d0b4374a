package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"gengheng/internal/client"
)

// carrier takes a delivered county through the year's decision, by the HTTP
// API only. dir is laid out as `gengheng fixture` writes it.
type carrier struct {
	c    *client.Client
	dir  string
	year int
	show io.Writer // progress; nil shows none
}

// part is one file of the delivery and what it is.
type part struct {
	path string
	in   client.DatasetInput
}

// parts lists the delivery: the townships' boundaries alone at first, since
// everything else is checked against them, then the rest, the survey foremost
// because it takes longest.
func (cr *carrier) parts() (first, rest []part, err error) {
	zips, err := filepath.Glob(filepath.Join(cr.dir, "zip", "*.zip"))
	if err != nil {
		return nil, nil, fmt.Errorf("delivery: %w", err)
	}
	for _, path := range zips {
		kind := strings.TrimSuffix(filepath.Base(path), ".zip")
		p := part{path: path, in: client.DatasetInput{Kind: kind, Year: cr.year}}
		if kind == "XZQ" {
			first = append(first, p)
			continue
		}
		rest = append(rest, p)
	}
	slices.SortStableFunc(rest, func(a, b part) int { return rank(a) - rank(b) })
	rest = append(rest,
		part{path: filepath.Join(cr.dir, "dem", "DEM.tif"), in: client.DatasetInput{Kind: "DEM", Year: cr.year}},
		part{path: filepath.Join(cr.dir, "tables", "KCXS.csv"), in: client.DatasetInput{Kind: "KCXS", Year: cr.year}})
	declared, err := filepath.Glob(filepath.Join(cr.dir, "declarations", "*.zip"))
	if err != nil {
		return nil, nil, fmt.Errorf("delivery: %w", err)
	}
	for _, path := range declared {
		township, direction, ok := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".zip"), "_")
		if !ok {
			return nil, nil, fmt.Errorf("declaration %s is not named TOWNSHIP_in.zip or TOWNSHIP_out.zip", path)
		}
		rest = append(rest, part{path: path, in: client.DatasetInput{
			Kind: "CANDIDATE_" + strings.ToUpper(direction), Year: cr.year, Scope: &township}})
	}
	if len(first) == 0 || len(declared) == 0 {
		return nil, nil, fmt.Errorf("%s 不是完整的县级交付成果（缺 zip/XZQ.zip 或 declarations/） · not a whole delivery of a county", cr.dir)
	}
	return first, rest, nil
}

func rank(p part) int {
	if p.in.Kind == "DLTB" {
		return 0
	}
	return 1
}

// load sends every file and waits until all are committed. It returns the
// datasets in the order of the delivery.
func (cr *carrier) load(ctx context.Context) ([]client.Dataset, error) {
	first, rest, err := cr.parts()
	if err != nil {
		return nil, err
	}
	var out []client.Dataset
	for _, batch := range [][]part{first, rest} {
		list, err := cr.loadBatch(ctx, batch)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

func (cr *carrier) loadBatch(ctx context.Context, batch []part) ([]client.Dataset, error) {
	accepted := make([]client.DatasetAccepted, len(batch))
	for i, p := range batch {
		var err error
		if accepted[i], err = cr.c.Load(ctx, p.path, p.in); err != nil {
			return nil, err
		}
	}
	var out []client.Dataset
	var refused []error
	for i, a := range accepted {
		if err := cr.wait(ctx, a.Job.JobId, batch[i].in.Kind); err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", filepath.Base(batch[i].path), err))
			continue
		}
		d, err := cr.c.Dataset(ctx, a.Dataset.DatasetId)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, errors.Join(refused...)
}

// screen runs a screening and returns it done.
func (cr *carrier) screen(ctx context.Context) (client.Screening, error) {
	resp, err := cr.c.Raw.AddScreening(ctx, cr.c.County, client.ScreeningInput{Year: cr.year})
	a, err := client.Decode[client.ScreeningAccepted](resp, err, http.StatusAccepted)
	if err != nil {
		return client.Screening{}, err
	}
	if err := cr.wait(ctx, a.Job.JobId, "筛查"); err != nil {
		return client.Screening{}, err
	}
	resp, err = cr.c.Raw.GetScreening(ctx, cr.c.County, a.Screening.RunId)
	return client.Decode[client.Screening](resp, err, http.StatusOK)
}

// plan makes a plan from a run and returns it done.
func (cr *carrier) plan(ctx context.Context, run uuid.UUID) (client.Plan, error) {
	name := fmt.Sprintf("%d 年度进出平衡方案（合成）", cr.year) // the counties that are carried are made up
	resp, err := cr.c.Raw.AddPlan(ctx, cr.c.County, client.PlanInput{RunId: run, Name: &name})
	a, err := client.Decode[client.PlanAccepted](resp, err, http.StatusAccepted)
	if err != nil {
		return client.Plan{}, err
	}
	if err := cr.wait(ctx, a.Job.JobId, "平衡"); err != nil {
		return client.Plan{}, err
	}
	resp, err = cr.c.Raw.GetPlan(ctx, cr.c.County, a.Plan.PlanId)
	return client.Decode[client.Plan](resp, err, http.StatusOK)
}

// wait follows a job with a progress bar.
func (cr *carrier) wait(ctx context.Context, job uuid.UUID, name string) error {
	if cr.show == nil {
		_, err := cr.c.Wait(ctx, job, nil)
		return err
	}
	var stage atomic.Value
	stage.Store("")
	bars := mpb.NewWithContext(ctx, mpb.WithOutput(cr.show), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	bar := bars.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name+" "), decor.Any(func(decor.Statistics) string { return stage.Load().(string) })),
		mpb.AppendDecorators(decor.CountersNoUnit("%d / %d")))
	_, err := cr.c.Wait(ctx, job, func(j client.Job) {
		stage.Store(j.Stage)
		bar.SetTotal(j.Total, false)
		bar.SetCurrent(j.Done)
	})
	bar.Abort(true)
	bars.Wait()
	return err
}

// terminal is standard error where a person watches it, else nil.
func terminal() io.Writer {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return os.Stderr
	}
	return nil
}

// writeJSON writes v so that a person can read it.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
