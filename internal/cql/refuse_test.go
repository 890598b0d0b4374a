package cql_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"gengheng/internal/cql"
)

type reader func(string, []cql.Queryable, cql.Options) (*cql.Filter, error)

// TestRefuse gives filters that must be refused: where, by which code, and
// with which words.
func TestRefuse(t *testing.T) {
	geographic := cql.Options{StorageSRID: zone35, FilterSRID: 4490}
	inverted := cql.Options{StorageSRID: zone35, FilterSRID: 4490, FilterInverted: true}
	for _, test := range []struct {
		name, filter string
		opt          cql.Options
		code         cql.Code
		offset       int
		words        string
	}{
		{"empty", "", geographic, cql.CodeSyntax, 0, "到此为止"},
		{"only blanks", "  \n", geographic, cql.CodeSyntax, 3, "到此为止"},
		{"no operator", "zone_code 'P7'", geographic, cql.CodeType, 0, "写成比较"},
		{"two filters", "id = 1 id = 2", geographic, cql.CodeSyntax, 7, "AND、OR"},
		{"chained comparison", "id = 1 = 1", geographic, cql.CodeSyntax, 7, "AND"},
		{"characters are counted, not bytes", "地类名称 = '水田' AND 没有 = 1", geographic, cql.CodeProperty, 16, "没有字段“没有”"},
		{"unknown field names those alike", "aera_mu > 1", geographic, cql.CodeProperty, 0, "相近的有：area_mu"},
		{"case of fields", "ID = 1", geographic, cql.CodeProperty, 0, "id"},
		{"full-width brackets", "（id = 1）", geographic, cql.CodeProperty, 0, "半角"},
		{"Chinese quotes", "zone_code = ‘P7’", geographic, cql.CodeSyntax, 12, "引号请用半角"},
		{"keyword as a field", "and = 1", geographic, cql.CodeSyntax, 0, "双引号"},
		{"unclosed text", "zone_code = 'P7", geographic, cql.CodeSyntax, 12, "没有闭合"},
		{"backslash before the closing quote", `zone_code = 'P\'`, geographic, cql.CodeSyntax, 12, `请写成 \\`},
		{"unclosed parenthesis", "(id = 1", geographic, cql.CodeSyntax, 7, "“)”"},
		{"parenthesis too many", "id = 1)", geographic, cql.CodeSyntax, 6, "结尾"},
		{"not Esri's", "id != 1", geographic, cql.CodeSyntax, 3, "<>"},
		{"Esri's date", "surveyed = DATE '2026-01-01'", geographic, cql.CodeSyntax, 16, "DATE('2026-01-01')"},
		{"invalid UTF-8", "zone_code = '\xff'", geographic, cql.CodeSyntax, 13, "UTF-8"},
		{"NUL", "zone_code = 'a\x00'", geographic, cql.CodeSyntax, 14, "U+0000"},
		{"number for text", "zone_code = 7", geographic, cql.CodeType, 12, "单引号"},
		{"text for number", "area_mu > '1'", geographic, cql.CodeType, 10, "数值不加引号"},
		{"text for a literal on the left", "'1' < area_mu", geographic, cql.CodeType, 0, "应为数值"},
		{"text for timestamp", "updated_at > '2026-01-01'", geographic, cql.CodeType, 13, "TIMESTAMP("},
		{"text for number in a list", "id IN (1, '2')", geographic, cql.CodeType, 10, "应为数值"},
		{"order of conditions", "paddy > FALSE", geographic, cql.CodeType, 6, "= 或 <>"},
		{"arithmetic on text", "zone_code + 1 > 2", geographic, cql.CodeType, 0, "应为数值"},
		{"arithmetic on dates", "surveyed + 1 > DATE('2026-01-01')", geographic, cql.CodeType, 0, "应为数值"},
		{"AND of a number", "id AND paddy", geographic, cql.CodeType, 0, "应为是非条件"},
		{"NOT of a number", "NOT id", geographic, cql.CodeType, 4, "应为是非条件"},
		{"LIKE on a number", "id LIKE '1%'", geographic, cql.CodeType, 0, "应为文本"},
		{"LIKE a field", "zone_code LIKE 地类名称", geographic, cql.CodeType, 15, "模式"},
		{"CASEI of a number", "CASEI(id) = 'a'", geographic, cql.CodeType, 6, "应为文本"},
		{"geometry by =", "geom = POINT(1 2)", geographic, cql.CodeType, 0, "S_EQUALS"},
		{"interval by =", "INTERVAL('..','..') = updated_at", geographic, cql.CodeType, 0, "T_INTERSECTS"},
		{"no NULL literal", "zone_code = NULL", geographic, cql.CodeSyntax, 12, "NULL"},
		{"no such day", "surveyed = DATE('2026-02-29')", geographic, cql.CodeValue, 16, "2026-01-01"},
		{"timestamp without zone", "updated_at < TIMESTAMP('2026-01-01T00:00:00')", geographic, cql.CodeValue, 23, "2026-01-01T08:30:00Z"},
		{"interval turned round", "T_DURING(updated_at, INTERVAL('2026-02-01','2026-01-01'))", geographic, cql.CodeValue, 21, "早于"},
		{"temporal of a number", "T_AFTER(id, DATE('2026-01-01'))", geographic, cql.CodeType, 8, "时间函数"},
		{"unknown function", "pg_sleep(10) = 1", geographic, cql.CodeFunction, 0, "S_INTERSECTS"},
		{"UPPER is Esri's", "UPPER(zone_code) = 'P1'", geographic, cql.CodeFunction, 0, "UPPER"},
		{"arguments too many", "S_INTERSECTS(geom, geom, geom)", geographic, cql.CodeSyntax, 23, "“)”"},
		{"spatial of a number", "S_INTERSECTS(geom, id)", geographic, cql.CodeType, 19, "WKT"},
		{"huge number", "area_mu < 1e400", geographic, cql.CodeValue, 10, "超出范围"},
		{"tiny number", "area_mu < 1e-400", geographic, cql.CodeValue, 10, "超出范围"},
		{"long number", "area_mu < " + strings.Repeat("1", 61), geographic, cql.CodeValue, 10, "60 位"},
		{"name after number", "area_mu < 1and", geographic, cql.CodeSyntax, 10, "双引号"},
		{"open ring", "S_INTERSECTS(geom, POLYGON((106 26, 107 26, 107 27, 106 26.1)))", geographic, cql.CodeGeometry, 27, "没有闭合"},
		{"short ring", "S_INTERSECTS(geom, POLYGON((106 26, 107 26, 106 26)))", geographic, cql.CodeGeometry, 27, "四个点"},
		{"line of one point", "S_INTERSECTS(geom, LINESTRING(106 26))", geographic, cql.CodeGeometry, 29, "两个点"},
		{"not a number", "S_INTERSECTS(geom, POINT(NaN 26))", geographic, cql.CodeSyntax, 25, "坐标"},
		{"infinite", "S_INTERSECTS(geom, POINT(1e999 26))", geographic, cql.CodeGeometry, 25, "超出范围"},
		{"wrong axis order", "S_INTERSECTS(geom, POINT(26.5 106.5))", geographic, cql.CodeGeometry, 25, "经度在前"},
		{"wrong axis order, inverted", "S_INTERSECTS(geom, POINT(106.5 26.5))", inverted, cql.CodeGeometry, 25, "纬度在前"},
		{"box turned round", "S_INTERSECTS(geom, BBOX(106,27,107,26))", geographic, cql.CodeGeometry, 23, "最小值"},
		{"box of five", "S_INTERSECTS(geom, BBOX(1,2,3,4,5))", geographic, cql.CodeGeometry, 23, "6 个"},
		{"partly in another world", "S_INTERSECTS(geom, LINESTRING(106 26, -20 26))", geographic, cql.CodeGeometry, 19, "太远"},
		{"empty geometry", "S_INTERSECTS(geom, POINT EMPTY)", geographic, cql.CodeGeometry, 25, "空几何"},
		{"measures", "S_INTERSECTS(geom, POINT M (1 2 3))", geographic, cql.CodeGeometry, 25, "M 值"},
		{"deep parentheses", strings.Repeat("(", 65) + "id=1" + strings.Repeat(")", 65), geographic, cql.CodeLimit, 64, "64 层"},
		{"deep NOT", strings.Repeat("NOT ", 65) + "paddy", geographic, cql.CodeLimit, 256, "64 层"},
		{"deep signs", "id=" + strings.Repeat("-", 65) + "1", geographic, cql.CodeLimit, 67, "64 层"},
		{"deep powers", "id=1" + strings.Repeat("^1", 65), geographic, cql.CodeLimit, 132, "64 层"},
		{"deep functions", strings.Repeat("CASEI(", 65) + "zone_code", geographic, cql.CodeLimit, 384, "64 层"},
		{"deep collections", "S_EQUALS(geom," + strings.Repeat("GEOMETRYCOLLECTION(", 65), geographic, cql.CodeLimit, 1211, "64 层"},
		{"too long", strings.Repeat(" ", 8193), geographic, cql.CodeLimit, 8192, "8192 字节"},
		{"too many nodes", strings.Repeat("id=1 OR ", 200) + "id=1", geographic, cql.CodeLimit, 800, "400 个"},
		{"too many items", "id IN (" + strings.Repeat("1,", 500) + "1)", geographic, cql.CodeLimit, 1007, "500 个"},
		{"too many vertices", "S_EQUALS(geom, MULTIPOINT(" + strings.Repeat("1 2,", 1000) + "1 2))", geographic, cql.CodeLimit, 4026, "1000 个"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := cql.Parse(test.filter, fields, test.opt)
			var e *cql.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v, want a refusal", err)
			}
			if e.Code != test.code || e.Offset != test.offset || !strings.Contains(e.ZH, test.words) || e.EN == "" {
				t.Errorf("%s at %d: %v; want %s at %d with %q", e.Code, e.Offset, e, test.code, test.offset, test.words)
			}
			if len(e.Error()) > 2000 {
				t.Errorf("the message has %d bytes", len(e.Error()))
			}
		})
	}
}

// TestInjection gives what attackers send. Each is refused, or is a filter in
// whose SQL nothing of the text stands.
func TestInjection(t *testing.T) {
	for _, attack := range []string{
		`zone_code = 'x'; DROP TABLE candidates; --'`,
		`zone_code = '''; DROP TABLE candidates; --'`,
		`zone_code = 'x\'; DROP TABLE candidates; --'`,
		`zone_code = '\'; DROP TABLE candidates; --'`,
		`"zone_code"" = '' OR 1=1 --" = 'DROP TABLE candidates'`,
		`"c.id); DROP TABLE candidates; --" = 1`,
		`zone_code = $1 OR 'DROP TABLE candidates' = ''`,
		`zone_code LIKE '%'' UNION SELECT ''DROP TABLE candidates'`,
		`id = 1 OR (SELECT 1) = 1 /* DROP TABLE candidates */`,
		`id IN (SELECT id FROM candidates) AND 'DROP TABLE' = ''`,
		`1=1; DROP TABLE candidates`,
		`1=1 -- DROP TABLE candidates`,
		`pg_read_file('/etc/passwd') = 'DROP TABLE'`,
		`CAST(id AS text) = 'DROP TABLE'`,
		`id::text = 'DROP TABLE'`,
		`zone_code = E'\'DROP TABLE'`,
		`zone_code = $$DROP TABLE$$`,
		`zone_code = U&'\0027DROP TABLE'`,
		`S_INTERSECTS(geom, POINT(1 2)) OR DROP TABLE candidates`,
		`updated_at > TIMESTAMP('2026-01-01T00:00:00Z''; DROP TABLE candidates')`,
		`CASEI('DROP TABLE') = ACCENTI('DROP TABLE') OR zone_code IN ('DROP TABLE', CASEI('DROP TABLE'))`,
	} {
		for name, read := range map[string]reader{"CQL2": cql.Parse, "where": cql.ParseWhere} {
			f, err := read(attack, fields, cql.Options{})
			if err != nil {
				var e *cql.Error
				if !errors.As(err, &e) {
					t.Errorf("%s %s: %v is no *cql.Error", name, attack, err)
				}
				continue
			}
			if condition, _ := f.SQL(nil); strings.Contains(condition, "DROP") || strings.Contains(condition, "--") {
				t.Errorf("%s %s becomes %s", name, attack, condition)
			}
		}
	}
}

// TestHuge gives filters of 100,000 levels with the limit on bytes lifted:
// the limits on depth and nodes stop them, early and in little memory.
func TestHuge(t *testing.T) {
	const levels = 100_000
	for name, filter := range map[string]string{
		"parentheses": strings.Repeat("(", levels) + "id=1" + strings.Repeat(")", levels),
		"NOT":         strings.Repeat("NOT ", levels) + "paddy",
		"NOT (":       strings.Repeat("NOT(", levels) + "paddy" + strings.Repeat(")", levels),
		"signs":       "id=" + strings.Repeat("- ", levels) + "1",
		"powers":      "id=" + strings.Repeat("1^", levels) + "1",
		"sums":        "id=" + strings.Repeat("1+", levels) + "1",
		"OR":          strings.Repeat("id=1 OR ", levels) + "id=1",
		"functions":   strings.Repeat("CASEI(", levels),
		"intervals":   "T_AFTER(" + strings.Repeat("INTERVAL(", levels),
		"collections": "S_EQUALS(geom," + strings.Repeat("GEOMETRYCOLLECTION(", levels),
		"items":       "id IN (" + strings.Repeat("1,", levels),
		"IS NULL":     "id" + strings.Repeat(" IS NULL", levels),
	} {
		for _, read := range []reader{cql.Parse, cql.ParseWhere} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := read(filter, fields, cql.Options{MaxBytes: 10 << 20})
			runtime.ReadMemStats(&after)
			var e *cql.Error
			if !errors.As(err, &e) || e.Code != cql.CodeLimit {
				t.Errorf("%s: %v, want the code %s", name, err, cql.CodeLimit)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
				t.Errorf("%s: took %d bytes", name, used)
			}
		}
	}
}
