package rivalry

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"gengheng/internal/rivalry/synthetic"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Bench runs the comparisons and prints what they find.
type Bench struct {
	// Pool reaches a database with PostGIS that holds nothing else: tables are
	// made and dropped there.
	Pool *pgxpool.Pool
	// Work is a folder for files that rivals read.
	Work string
	// GDALChild is the path of gengheng-gdal, which writes the shapefile.
	GDALChild string
	// Repeats is how often each measurement of ours and of the fast rivals is
	// made, one after the other in turn; the slow ones are made once.
	Repeats int
	Out     io.Writer

	county *synthetic.County
	rows   []row
	wrong  []string
}

// expect notes a disagreement of areas or counts, for Table to fail on.
func (b *Bench) expect(ok bool, job string, found fmt.Stringer) {
	if !ok {
		b.wrong = append(b.wrong, fmt.Sprintf("%s: %s", job, found))
	}
}

// row is a line of the table at the end.
type row struct {
	job, tool string
	seconds   []float64
	peak      float64 // MiB; 0: not measured
	// rivals' lines say how many times longer they took than ours.
	times, target float64
	note          string
}

func (b *Bench) say(format string, args ...any) { fmt.Fprintf(b.Out, format+"\n", args...) }

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	if len(v)%2 == 0 {
		return (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return v[len(v)/2]
}

// rival adds a rival's line; ours is the time that it is compared with, target
// the factor that is aimed for.
func (b *Bench) rival(job, tool string, seconds []float64, peak, ours, target float64, note string) {
	b.rows = append(b.rows, row{job: job, tool: tool, seconds: seconds, peak: peak, times: median(seconds) / ours, target: target, note: note})
}

func (b *Bench) own(job, tool string, seconds []float64, peak float64, note string) {
	b.rows = append(b.rows, row{job: job, tool: tool, seconds: seconds, peak: peak, note: note})
}

// Table prints all lines measured so far, and whether the factors aimed for were
// reached. An error says that answers disagreed.
func (b *Bench) Table() error {
	if len(b.rows) == 0 {
		return nil
	}
	b.say("\n| 工作 · job | 工具 · tool | 秒 · s (中位 median; 最小–最大) | 内存峰值 · peak MiB | 倍数 · times ours | 目标 · target | 说明 · note |")
	b.say("|---|---|---|---|---|---|---|")
	for _, r := range b.rows {
		times, target, peak := "", "", ""
		if r.times > 0 {
			times = fmt.Sprintf("%.1f×", r.times)
		}
		if r.target > 0 {
			target = fmt.Sprintf("≥ %g×：未达到 · missed", r.target)
			if r.times >= r.target {
				target = fmt.Sprintf("≥ %g×：达到 · reached", r.target)
			}
		}
		if r.peak > 0 {
			peak = fmt.Sprintf("%.0f", r.peak)
		}
		seconds := fmt.Sprintf("%.3f", median(r.seconds))
		if len(r.seconds) > 1 {
			seconds += fmt.Sprintf(" (%.3f–%.3f)", slices.Min(r.seconds), slices.Max(r.seconds))
		}
		b.say("| %s | %s | %s | %s | %s | %s | %s |", r.job, r.tool, seconds, peak, times, target, r.note)
	}
	if len(b.wrong) > 0 {
		return fmt.Errorf("结果不一致 · the answers disagree: %s", strings.Join(b.wrong, "; "))
	}
	return nil
}

// Prepare makes the county and loads it.
func (b *Bench) Prepare(ctx context.Context, parcels, candidates int, seed uint64) error {
	b.county = synthetic.New(parcels, candidates, seed)
	all := append([]synthetic.Layer{{Name: "cand", Features: b.county.Candidates}, {Name: "parcels", Features: b.county.Parcels}}, b.county.Layers...)
	sessions, end, err := connect(ctx, b.Pool, 1)
	if err != nil {
		return err
	}
	defer end()
	if err := sessions[0].exec(ctx, "CREATE EXTENSION IF NOT EXISTS postgis"); err != nil {
		return err
	}
	for _, l := range all {
		polygons, vertices, holes := synthetic.Size(l.Features)
		b.say("　%-9s %7d 图斑 · polygons %9d 顶点 · vertices %6d 洞 · holes", l.Name, polygons, vertices, holes)
		if err := sessions[0].store(ctx, l.Name, l.Features); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bench) layerTables() (names []string) {
	for _, l := range b.county.Layers {
		names = append(names, l.Name)
	}
	return names
}
