package report

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

var (
	directionZH = map[string]string{"in": "转进", "out": "转出"}
	verdictZH   = map[string]string{
		"eligible": "符合", "eligible_after_clip": "裁剪后符合", "needs_review": "需人工核定",
		"forbidden": "禁止", "unknown": "资料不全",
	}
	severityZH = map[string]string{"block": "禁止", "warn": "警示", "manual": "人工核验", "score": "优先序"}
	outcomeZH  = map[string]string{"hit": "超出容差", "tolerated": "容差内", "missing": "缺图层或材料", "note": "说明"}
	measureZH  = map[string]string{"area": "数量", "paddy": "水田", "quality": "质量（折 1 等）"}
	statusZH   = map[string]string{"optimal": "已证明最优", "feasible": "可行（附差距上限）", "infeasible": "无可行方案"}
)

// cover is 方案说明: what the plan is and how good.
func (b *book) cover(_ context.Context, _ pgx.Tx) error {
	t, err := b.table("方案说明", b.head.title(""), []column{{"项目", 22}, {"内容", 100}})
	if err != nil {
		return err
	}
	sum := b.head.summary
	rows := [][2]string{
		{"县", b.head.name + " " + b.head.county},
		{"年度", strconv.Itoa(b.head.year)},
		{"方案编号", b.head.plan.String()},
		{"筛查编号", b.head.run.String()},
		{"规则库", b.head.rulebook},
		{"结果", statusZH[sum.Status]},
		{"概要", sum.Message},
		{"面积口径", "净面积（图斑地类面积 TBDLMJ，已扣田坎），1 亩 = 2000/3 m²，1 公顷 = 10000 m²"},
	}
	if b.head.synthetic {
		rows = append([][2]string{{"数据性质", syntheticMark}}, rows...)
	}
	for _, v := range []struct {
		name  string
		value *float64
	}{{"目标值", sum.Objective}, {"下界（已证明）", sum.Bound}, {"差距", sum.Gap}, {"净差距", sum.GapNet},
		{"转进平均等别", sum.GradeIn}, {"转出平均等别", sum.GradeOut}} {
		if v.value != nil {
			rows = append(rows, [2]string{v.name, strconv.FormatFloat(*v.value, 'g', 10, 64)})
		}
	}
	for _, note := range sum.Notes {
		rows = append(rows, [2]string{"注意", note})
	}
	for _, r := range rows {
		if err := t.add(r[0], r[1]); err != nil {
			return err
		}
	}
	return t.flush()
}

func (t *table) flush() error {
	if err := t.stream.Flush(); err != nil {
		return fmt.Errorf("finish a sheet: %w", err)
	}
	return nil
}

// townships is 分乡镇平衡表.
func (b *book) townships(ctx context.Context, tx pgx.Tx) error {
	columns := []column{{"序号", 6}, {"乡镇代码", 12}, {"乡镇", 16}}
	for _, what := range []string{"转进净面积", "转出净面积", "差额"} {
		columns = append(columns, column{what + "（m²）", 16}, column{what + "（亩）", 14}, column{what + "（公顷）", 14})
	}
	for _, what := range []string{"转进水田", "转出水田", "调剂转入", "调剂转出", "平衡后节余"} {
		columns = append(columns, column{what + "（m²）", 16}, column{what + "（亩）", 14})
	}
	t, err := b.table("分乡镇平衡表", b.head.title("分乡镇平衡表"), columns)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, sqlTownships, b.head.county, b.head.plan)
	if err != nil {
		return fmt.Errorf("read plan_township: %w", err)
	}
	defer rows.Close()
	var total [6]land.Area
	n := 0
	line := func(no any, code, name string, a [6]land.Area) error {
		in, out, left := a[0], a[1], a[0]-a[1]+a[4]-a[5]
		return t.add(no, code, name,
			squareMetres(in), mu(in), hectares(in), squareMetres(out), mu(out), hectares(out),
			squareMetres(in-out), mu(in-out), hectares(in-out),
			squareMetres(a[2]), mu(a[2]), squareMetres(a[3]), mu(a[3]),
			squareMetres(a[4]), mu(a[4]), squareMetres(a[5]), mu(a[5]), squareMetres(left), mu(left))
	}
	for rows.Next() {
		var code, name string
		var a [6]land.Area
		var price *float64
		if err := rows.Scan(&code, &name, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &price); err != nil {
			return fmt.Errorf("read plan_township: %w", err)
		}
		for i := range a {
			total[i] += a[i]
		}
		n++
		if err := line(n, code, name, a); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read plan_township: %w", err)
	}
	if err := line(nil, b.head.county, "合计", total); err != nil {
		return err
	}
	return t.flush()
}

// parcel is a row of plan_parcel with what was declared and found.
type parcel struct {
	number, township, townshipName, village string
	base, target, purpose, method, actor    string
	chosen                                  bool
	verdict                                 string
	area, usable, net, paddy                land.Area
	grade                                   *float64
	slope, reason                           string
	geom                                    []byte
}

func eachParcel(ctx context.Context, tx pgx.Tx, h head, direction string, do func(parcel) error) error {
	rows, err := tx.Query(ctx, sqlParcels, h.county, h.plan, direction)
	if err != nil {
		return fmt.Errorf("read plan_parcel: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p parcel
		err := rows.Scan(&p.number, &p.township, &p.townshipName, &p.village, &p.base, &p.target, &p.purpose, &p.method, &p.actor,
			&p.chosen, &p.verdict, &p.area, &p.usable, &p.net, &p.paddy, &p.grade, &p.slope, &p.reason, &p.geom)
		if err != nil {
			return fmt.Errorf("read plan_parcel: %w", err)
		}
		if err := do(p); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read plan_parcel: %w", err)
	}
	return nil
}

// incoming is 转进地块清单.
func (b *book) incoming(ctx context.Context, tx pgx.Tx) error {
	t, err := b.table("转进地块清单", b.head.title("转进地块清单"), []column{
		{"序号", 6}, {"申报编号", 18}, {"乡镇代码", 12}, {"乡镇", 14}, {"村", 14}, {"现状地类", 14}, {"整治后地类", 14},
		{"恢复方式", 10}, {"是否选入", 8}, {"净面积（m²）", 14}, {"净面积（亩）", 12}, {"净面积（公顷）", 12},
		{"其中水田（m²）", 14}, {"其中水田（亩）", 12}, {"等别", 8}, {"坡度级", 8}, {"筛查结论", 12}, {"理由", 80},
	})
	if err != nil {
		return err
	}
	n := 0
	err = eachParcel(ctx, tx, b.head, "in", func(p parcel) error {
		n++
		return t.add(n, p.number, p.township, p.townshipName, p.village, className(p.base), className(p.target),
			methodName(p.method), yes(p.chosen), squareMetres(p.net), mu(p.net), hectares(p.net),
			squareMetres(p.paddy), mu(p.paddy), p.grade, p.slope, verdictZH[p.verdict], p.reason)
	})
	if err != nil {
		return err
	}
	return t.flush()
}

// outgoing is 转出地块清单.
func (b *book) outgoing(ctx context.Context, tx pgx.Tx) error {
	t, err := b.table("转出地块清单", b.head.title("转出地块清单"), []column{
		{"序号", 6}, {"申报编号", 18}, {"乡镇代码", 12}, {"乡镇", 14}, {"村", 14}, {"现状地类", 14}, {"拟转地类", 14},
		{"用途", 12}, {"主体类型", 10}, {"是否同意", 8}, {"净面积（m²）", 14}, {"净面积（亩）", 12}, {"净面积（公顷）", 12},
		{"其中水田（m²）", 14}, {"其中水田（亩）", 12}, {"等别", 8}, {"筛查结论", 12}, {"理由", 80},
	})
	if err != nil {
		return err
	}
	n := 0
	err = eachParcel(ctx, tx, b.head, "out", func(p parcel) error {
		n++
		return t.add(n, p.number, p.township, p.townshipName, p.village, className(p.base), className(p.target),
			p.purpose, p.actor, yes(p.chosen), squareMetres(p.net), mu(p.net), hectares(p.net),
			squareMetres(p.paddy), mu(p.paddy), p.grade, verdictZH[p.verdict], p.reason)
	})
	if err != nil {
		return err
	}
	return t.flush()
}

// transfer is a row of plan_transfer.
type transfer struct {
	from, fromName, to, toName, measure string
	amount                              land.Area
}

func readTransfers(ctx context.Context, tx pgx.Tx, h head) ([]transfer, error) {
	rows, err := tx.Query(ctx, sqlTransfers, h.county, h.plan)
	if err != nil {
		return nil, fmt.Errorf("read plan_transfer: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x transfer, err error) {
		err = row.Scan(&x.from, &x.fromName, &x.to, &x.toName, &x.measure, &x.amount)
		return x, err
	})
	if err != nil {
		return nil, fmt.Errorf("read plan_transfer: %w", err)
	}
	return list, nil
}

// transfers is 调剂记录.
func (b *book) transfers(ctx context.Context, tx pgx.Tx) error {
	t, err := b.table("调剂记录", b.head.title("调剂记录"), []column{
		{"序号", 6}, {"调出乡镇代码", 14}, {"调出乡镇", 16}, {"调入乡镇代码", 14}, {"调入乡镇", 16}, {"类型", 16},
		{"面积（m²）", 16}, {"面积（亩）", 14}, {"面积（公顷）", 14},
	})
	if err != nil {
		return err
	}
	list, err := readTransfers(ctx, tx, b.head)
	if err != nil {
		return err
	}
	for i, x := range list {
		if err := t.add(i+1, x.from, x.fromName, x.to, x.toName, measureZH[x.measure],
			squareMetres(x.amount), mu(x.amount), hectares(x.amount)); err != nil {
			return err
		}
	}
	return t.flush()
}

// findings is 筛查问题清单.
func (b *book) findings(ctx context.Context, tx pgx.Tx) error {
	t, err := b.table("筛查问题清单", b.head.title("筛查问题清单"), []column{
		{"序号", 6}, {"方向", 6}, {"申报编号", 18}, {"乡镇代码", 12}, {"条款", 10}, {"程度", 10}, {"结果", 12}, {"图层", 12},
		{"图层版本", 18}, {"重叠面积（m²）", 16}, {"重叠面积（亩）", 14}, {"重叠面积（公顷）", 14}, {"占比", 10}, {"说明", 80},
	})
	if err != nil {
		return err
	}
	err = eachFinding(ctx, tx, b.head.county, b.head.run, OverlapFilter{}, func(f finding) error {
		cells := []any{f.seq, directionZH[f.direction], f.number, f.township, f.clause, severityZH[f.severity], outcomeZH[f.outcome],
			f.layerKind, f.layerVersion, nil, nil, nil, (*ratio)(f.share), f.messageZH}
		if f.overlap != nil {
			cells[9], cells[10], cells[11] = squareMetres(*f.overlap), mu(*f.overlap), hectares(*f.overlap)
		}
		return t.add(cells...)
	})
	if err != nil {
		return err
	}
	return t.flush()
}

func className(code string) string {
	if c, ok := land.ClassOf(code); ok {
		return c.Code + " " + c.Name
	}
	return code
}

func methodName(code string) string {
	if name, ok := land.PlantingName(code); ok {
		return name
	}
	return code
}

func yes(b bool) string {
	if b {
		return "是"
	}
	return "否"
}
