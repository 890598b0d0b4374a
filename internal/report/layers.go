package report

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/geodata"
	"gengheng/internal/store"
)

// FindingsGPKG writes the findings of a screening run that match, and that tx may see,
// as the layer findings of a new GeoPackage at path, in the county's own plane.
// Findings without a place (a missing layer or document) are rows without geometry.
// child is the path of gengheng-gdal; empty means to look for it.
func FindingsGPKG(ctx context.Context, tx pgx.Tx, county string, runID uuid.UUID, only OverlapFilter, path, child string) error {
	var h head
	var srid int
	err := tx.QueryRow(ctx, sqlCounty, county).Scan(&h.name, &h.synthetic, &srid)
	if err != nil {
		return fmt.Errorf("read county %s: %w", county, err)
	}
	err = geodata.Write(ctx, geodata.WriteRequest{
		Path: path, Driver: geodata.GPKGDriver, Child: child,
		Layers: []geodata.WriteLayer{{
			Name: "findings", Alias: h.alias("筛查问题"), EPSG: srid, Fields: findingFields,
			Features: stream(func(emit func(geodata.Feature) error) error {
				return eachFinding(ctx, tx, county, runID, only, func(f finding) error {
					feature, err := findingFeature(f)
					if err != nil {
						return err
					}
					return emit(feature)
				})
			}),
		}},
	})
	if err != nil {
		return fmt.Errorf("写筛查问题图层 · write the findings of run %s: %w", runID, err)
	}
	return nil
}

// PlanGPKG writes a plan as a new GeoPackage at path, in the county's own plane:
// layer in, the parcels that become cultivated land; layer out, those that may
// leave it; layer transfers, an arrow from every township that gives to the one
// that takes. The plan must be done. child is as in FindingsGPKG.
func PlanGPKG(ctx context.Context, db *store.DB, county string, planID uuid.UUID, path, child string) error {
	err := snapshot(ctx, db, func(tx pgx.Tx) error {
		h, err := readHead(ctx, tx, county, planID)
		if err != nil {
			return err
		}
		var srid int
		if err := tx.QueryRow(ctx, sqlCounty, county).Scan(&h.name, &h.synthetic, &srid); err != nil {
			return fmt.Errorf("read county %s: %w", county, err)
		}
		arrows, err := transferArrows(ctx, tx, h)
		if err != nil {
			return err
		}
		return geodata.Write(ctx, geodata.WriteRequest{
			Path: path, Driver: geodata.GPKGDriver, Child: child,
			Layers: []geodata.WriteLayer{
				{Name: "in", Alias: h.alias("转进地块"), EPSG: srid, Fields: parcelFields, Features: chosenParcels(ctx, tx, h, "in")},
				{Name: "out", Alias: h.alias("转出地块"), EPSG: srid, Fields: parcelFields, Features: chosenParcels(ctx, tx, h, "out")},
				{Name: "transfers", Alias: h.alias("乡镇间调剂"), EPSG: srid, Fields: transferFields, Features: each(arrows)},
			},
		})
	})
	if err != nil {
		return fmt.Errorf("写方案图层 · write the layers of plan %s: %w", planID, err)
	}
	return nil
}

func snapshot(ctx context.Context, db *store.DB, do func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, do)
}

func (h head) alias(what string) string {
	if h.synthetic {
		return what + "（" + syntheticMark + "）"
	}
	return what
}

// stream turns a function that emits into a sequence; an error ends it.
func stream(produce func(emit func(geodata.Feature) error) error) iter.Seq2[geodata.Feature, error] {
	return func(yield func(geodata.Feature, error) bool) {
		stopped := fmt.Errorf("stopped")
		err := produce(func(f geodata.Feature) error {
			if !yield(f, nil) {
				return stopped
			}
			return nil
		})
		if err != nil && err != stopped {
			yield(geodata.Feature{}, err)
		}
	}
}

func each(list []geodata.Feature) iter.Seq2[geodata.Feature, error] {
	return stream(func(emit func(geodata.Feature) error) error {
		for _, f := range list {
			if err := emit(f); err != nil {
				return err
			}
		}
		return nil
	})
}

func text(name, alias string) geodata.Field {
	return geodata.Field{Name: name, Alias: alias, Type: geodata.FieldString}
}

func number(name, alias string, decimals int) geodata.Field {
	return geodata.Field{Name: name, Alias: alias, Type: geodata.FieldFloat, Width: 18, Precision: decimals}
}

var findingFields = []geodata.Field{
	{Name: "seq", Alias: "序号", Type: geodata.FieldInt},
	text("direction", "方向"), text("number", "申报编号"), text("township", "乡镇代码"), text("clause", "条款"),
	{Name: "check_no", Alias: "检查序号", Type: geodata.FieldInt},
	text("severity", "程度"), text("outcome", "结果"), text("layer_kind", "图层"), text("layer_ver", "图层版本"),
	number("overlap_m2", "重叠面积（m²）", 2), number("share", "占比", 6),
	text("features", "涉及要素"), text("message_zh", "说明"), text("message_en", "Message"),
}

func findingFeature(f finding) (geodata.Feature, error) {
	out := geodata.Feature{Values: []any{
		f.seq, f.direction, f.number, f.township, f.clause, f.checkNo, f.severity, f.outcome, f.layerKind, f.layerVersion,
		nil, nil, f.features, f.messageZH, f.messageEN,
	}}
	if f.overlap != nil {
		out.Values[10] = f.overlap.Float64()
	}
	if f.share != nil {
		out.Values[11] = *f.share
	}
	var err error
	out.Geom, err = multiPolygon(f.geom)
	return out, err
}

var parcelFields = []geodata.Field{
	text("number", "申报编号"), text("township", "乡镇代码"), text("town_name", "乡镇"), text("village", "村"),
	text("base_dlbm", "现状地类"), text("to_dlbm", "拟转地类"), text("purpose", "用途"), text("method", "恢复方式"),
	text("verdict", "筛查结论"), number("net_m2", "净面积（m²）", 2), number("net_mu", "净面积（亩）", 2),
	number("paddy_m2", "其中水田（m²）", 2), number("grade", "等别", 3), text("reason_zh", "理由"),
}

func chosenParcels(ctx context.Context, tx pgx.Tx, h head, direction string) iter.Seq2[geodata.Feature, error] {
	return stream(func(emit func(geodata.Feature) error) error {
		return eachParcel(ctx, tx, h, direction, func(p parcel) error {
			if !p.chosen {
				return nil
			}
			geom, err := multiPolygon(p.geom)
			if err != nil {
				return err
			}
			var grade any
			if p.grade != nil {
				grade = *p.grade
			}
			return emit(geodata.Feature{Geom: geom, Values: []any{
				p.number, p.township, p.townshipName, p.village, p.base, p.target, p.purpose, p.method, p.verdict,
				p.net.Float64(), hundredth(p.net.Mu()), p.paddy.Float64(), grade, p.reason,
			}})
		})
	})
}

var transferFields = []geodata.Field{
	text("from_code", "调出乡镇代码"), text("from_name", "调出乡镇"), text("to_code", "调入乡镇代码"), text("to_name", "调入乡镇"),
	text("measure", "类型"), number("amount_m2", "面积（m²）", 2), number("amount_mu", "面积（亩）", 2),
}

// transferArrows draws the transfers. Writing knows polygons only, so a transfer
// is an arrow with a body; the three measures lie side by side.
func transferArrows(ctx context.Context, tx pgx.Tx, h head) ([]geodata.Feature, error) {
	list, err := readTransfers(ctx, tx, h)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, sqlPlaces, h.county, h.run)
	if err != nil {
		return nil, fmt.Errorf("read townships: %w", err)
	}
	place := map[string]orb.Point{}
	var code string
	var p orb.Point
	_, err = pgx.ForEachRow(rows, []any{&code, &p[0], &p[1]}, func() error {
		place[code] = p
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read townships: %w", err)
	}
	side := map[string]float64{"area": 0, "paddy": 1, "quality": -1}
	features := make([]geodata.Feature, 0, len(list))
	for _, x := range list {
		from, known := place[x.from]
		to, alsoKnown := place[x.to]
		if !known || !alsoKnown {
			return nil, fmt.Errorf("行政区图层没有乡镇 %s 或 %s · the XZQ layer has no township %s or %s", x.from, x.to, x.from, x.to)
		}
		features = append(features, geodata.Feature{Geom: arrow(from, to, side[x.measure]), Values: []any{
			x.from, x.fromName, x.to, x.toName, x.measure, x.amount.Float64(), hundredth(x.amount.Mu()),
		}})
	}
	return features, nil
}

// arrow is a polygon that points from a to b, shifted sideways by side times
// two of its widths; nil where a is b. Its coordinates are rounded to 0.0001 m.
func arrow(a, b orb.Point, side float64) orb.MultiPolygon {
	dx, dy := b[0]-a[0], b[1]-a[1]
	length := math.Hypot(dx, dy)
	if length == 0 {
		return nil
	}
	dx, dy = dx/length, dy/length
	w := length / 60 // half the body's width
	shift := side * 4 * w
	at := func(along, across float64) orb.Point {
		across += shift
		return orb.Point{
			math.Round((a[0]+along*dx-across*dy)*1e4) / 1e4,
			math.Round((a[1]+along*dy+across*dx)*1e4) / 1e4,
		}
	}
	neck := length - 6*w
	ring := orb.Ring{at(0, -w), at(neck, -w), at(neck, -3*w), at(length, 0), at(neck, 3*w), at(neck, w), at(0, w)}
	return orb.MultiPolygon{{append(ring, ring[0])}}
}

func multiPolygon(b []byte) (orb.MultiPolygon, error) {
	if b == nil {
		return nil, nil
	}
	g, err := wkb.Unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("read a geometry: %w", err)
	}
	mp, ok := g.(orb.MultiPolygon)
	if !ok {
		return nil, fmt.Errorf("read a geometry: %s is not a MultiPolygon", g.GeoJSONType())
	}
	return mp, nil
}
