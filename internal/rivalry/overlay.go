package rivalry

import (
	"context"
	"errors"
	"fmt"
)

// Overlay compares the overlay of the candidates with the five constraint
// layers, from PostGIS to PostGIS.
func (b *Bench) Overlay(ctx context.Context) error {
	const job = "五个图层叠加 · five layers"
	sessions, end, err := connect(ctx, b.Pool, 2)
	if err != nil {
		return err
	}
	defer end()
	serial, parallel := sessions[0], sessions[1]
	if err := errors.Join(serial.workers(ctx, 0), parallel.workers(ctx, 2)); err != nil {
		return err
	}
	tables := b.layerTables()
	var subdivide float64
	for _, layer := range tables {
		took, err := serial.statement(ctx, subdivideSQL, layer, "")
		if err != nil {
			return err
		}
		subdivide += took
	}
	all := func(s session, sql, prefix string) (float64, error) {
		total := 0.0
		for _, layer := range tables {
			took, err := s.statement(ctx, sql, layer, prefix+layer)
			if err != nil {
				return 0, err
			}
			total += took
		}
		return total, nil
	}
	w := serial.watchServer()
	naive, err := all(serial, naiveSQL, "naive_")
	if err != nil {
		return err
	}
	naivePeak := w.end()
	b.say("　PostGIS 直接叠加 · naive %.1f s", naive)
	var ours, best, loads, compute []float64
	var ownPeak, bestPeak float64
	var last lap
	for i := range b.Repeats {
		var sql float64
		measure := func() error { sql, err = all(parallel, subdividedSQL, "best_"); return err }
		if i == 0 {
			w := parallel.watchServer()
			err = measure()
			bestPeak = w.end()
		} else {
			err = measure()
		}
		if err != nil {
			return err
		}
		w := watchSelf()
		last, err = own(ctx, b.Pool, tables, "own_layers")
		ownPeak = max(ownPeak, w.end())
		if err != nil {
			return err
		}
		best, ours, loads = append(best, sql), append(ours, last.total), append(loads, last.load)
		b.say("　第 %d 次 · run: PostGIS 切分 · subdivided %.2f s, 自有 · ours %.3f s", i+1, sql, last.total)
	}
	if compute, err = b.compute(ctx, tables); err != nil {
		return err
	}
	var unsplit, split Agreement
	for i, layer := range tables {
		for rival, sum := range map[string]*Agreement{"naive_": &unsplit, "best_": &split} {
			a, err := serial.agree(ctx, "own_layers", i, rival+layer)
			if err != nil {
				return err
			}
			sum.add(a)
		}
	}
	b.expect(unsplit.Beyond == 0, job, unsplit)
	o, c := median(ours), median(compute)
	b.own(job, "自有引擎，全程 · ours, end to end", ours, ownPeak,
		fmt.Sprintf("读入并建索引 · load and index %.3f s; %d 对 · pairs, %d 个结果 · overlaps, %d 对存疑 · in doubt", median(loads), last.stats.Pairs, last.stats.Overlaps, last.stats.Doubtful))
	b.own(job, "自有引擎，只算 · ours, compute only", compute, 0, "图层、地块已在内存 · everything in memory, certificates on")
	b.rival(job, "PostGIS 直接叠加 · naive", []float64{naive}, naivePeak, o, 90, fmt.Sprintf("只算 · compute only %.0f× (目标 · target ≥ 200×); %s", naive/c, unsplit))
	b.rival(job, "PostGIS 切分 128、合并、2 进程 · subdivided, 2 workers", best, bestPeak, o, 6,
		fmt.Sprintf("切分另用 · subdividing took %.1f s more; 只算 · compute only %.1f×; %s", subdivide, median(best)/c, split))
	return b.overlayGeoPandas(ctx, serial, job, o, c)
}

// compute measures the overlay alone.
func (b *Bench) compute(ctx context.Context, tables []string) ([]float64, error) {
	sessions, end, err := connect(ctx, b.Pool, 2)
	if err != nil {
		return nil, err
	}
	defer end()
	l, err := load(ctx, sessions, tables)
	if err != nil {
		return nil, err
	}
	var out []float64
	for range b.Repeats {
		took, err := computeOnly(l)
		if err != nil {
			return nil, err
		}
		out = append(out, took)
	}
	return out, nil
}

func (b *Bench) overlayGeoPandas(ctx context.Context, s session, job string, ours, compute float64) error {
	said, err := geopandas(ctx, b.Work, b.county.Candidates, b.county.Layers)
	if errors.Is(err, ErrAbsent) {
		b.say("　GeoPandas 未安装，略去；apt-get install python3-geopandas python3-rtree 后再来 · GeoPandas is not installed and left out")
		return nil
	}
	if err != nil {
		return err
	}
	total := said.Reading
	for _, took := range said.Seconds {
		total += took
	}
	var agreed Agreement
	for i, layer := range b.layerTables() {
		a, err := s.agreeWith(ctx, "own_layers", i, func(take func(tuple) error) error { return foundByGeoPandas(b.Work, layer, take) })
		if err != nil {
			return err
		}
		agreed.add(a)
	}
	b.expect(agreed.Beyond == 0, job+", GeoPandas", agreed)
	b.rival(job, "GeoPandas overlay", []float64{total}, said.Peak, ours, 90,
		fmt.Sprintf("%s; 其中读入 · of it reading %.2f s, 不写回 · nothing written back; 只算 · compute only %.0f×; %d 行 · rows; %s", said.Version, said.Reading, (total-said.Reading)/compute, said.Pairs, agreed))
	return nil
}

// Parcels compares the overlay of the candidates with all parcels.
func (b *Bench) Parcels(ctx context.Context) error {
	const job = "地类图斑叠加 · parcels"
	sessions, end, err := connect(ctx, b.Pool, 1)
	if err != nil {
		return err
	}
	defer end()
	s := sessions[0]
	if err := s.workers(ctx, 2); err != nil {
		return err
	}
	var sql, ours, loads []float64
	var sqlPeak, ownPeak float64
	var last lap
	for range b.Repeats {
		w := s.watchServer()
		took, err := s.statement(ctx, parcelsSQL, "parcels", "naive_parcels")
		sqlPeak = max(sqlPeak, w.end())
		if err != nil {
			return err
		}
		w = watchSelf()
		last, err = own(ctx, b.Pool, []string{"parcels"}, "own_parcels")
		ownPeak = max(ownPeak, w.end())
		if err != nil {
			return err
		}
		sql, ours, loads = append(sql, took), append(ours, last.total), append(loads, last.load)
	}
	compute, err := b.compute(ctx, []string{"parcels"})
	if err != nil {
		return err
	}
	a, err := s.agree(ctx, "own_parcels", 0, "naive_parcels")
	if err != nil {
		return err
	}
	b.expect(a.Beyond == 0, job, a)
	b.own(job, "自有引擎，全程 · ours, end to end", ours, ownPeak, fmt.Sprintf("读入并建索引 · load and index %.3f s; %d 个结果 · overlaps, %d 对存疑 · in doubt", median(loads), last.stats.Overlaps, last.stats.Doubtful))
	b.own(job, "自有引擎，只算 · ours, compute only", compute, 0, "")
	b.rival(job, "PostGIS 2 进程 · 2 workers", sql, sqlPeak, median(ours), 3, fmt.Sprintf("只算 · compute only %.1f×; %s", median(sql)/median(compute), a))
	return nil
}
