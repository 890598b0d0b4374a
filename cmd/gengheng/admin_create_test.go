package main

import (
	"strings"
	"testing"

	"gengheng/internal/access"
	"gengheng/internal/store/storetest"
)

// The same command given twice makes one administrator; a second is made on
// purpose only, and the log says beside whom.
func TestAdminCreate_MakesASecondOnPurposeOnly(t *testing.T) {
	db := storetest.New(t)
	if _, err := db.Pool.Exec(t.Context(), `INSERT INTO rulebook (version, id, year, document) VALUES ('r', 'r', 2025, '')`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool.Exec(t.Context(), `INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ('149901', '示例县（合成）', 4546, true, 'r')`); err != nil {
		t.Fatal(err)
	}
	run := func(name string, another bool) error {
		c := adminCreateCmd{databaseFlags: databaseFlags{DatabaseURL: db.Pool.Config().ConnString()}, County: "149901", Name: name, Days: 30, Another: another}
		return c.Run(t.Context())
	}
	admins := func() int {
		list, err := access.Identities(t.Context(), db, "149901")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	wrong := adminCreateCmd{databaseFlags: databaseFlags{DatabaseURL: db.Pool.Config().ConnString()}, County: "14990l", Name: "合成", Days: 30}
	if err := wrong.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "6 位数字") {
		t.Errorf("a county of letters: %v", err)
	}
	if err := run("合成甲", false); err != nil {
		t.Fatal(err)
	}
	if err := run("合成甲", false); err == nil || !strings.Contains(err.Error(), "合成甲（20") || !strings.Contains(err.Error(), "--another") {
		t.Errorf("%v; want the one that there is, since when, and the flag", err)
	}
	if n := admins(); n != 1 {
		t.Fatalf("%d administrators, want 1", n)
	}
	if err := run("合成乙", true); err != nil || admins() != 2 {
		t.Fatalf("%d administrators, %v", admins(), err)
	}
	var reason string
	err := db.Pool.QueryRow(t.Context(), `SELECT reason FROM audit_log WHERE county_code = '149901' AND action = 'identity.create' ORDER BY seq DESC LIMIT 1`).Scan(&reason)
	if err != nil || !strings.Contains(reason, "另建系统管理员") || !strings.Contains(reason, "合成甲") {
		t.Errorf("the log says %q, %v", reason, err)
	}
	if _, err := db.Pool.Exec(t.Context(), `UPDATE identity SET disabled_at = now()`); err != nil {
		t.Fatal(err)
	}
	if err := run("合成丙", false); err != nil {
		t.Errorf("nobody is left who could: %v", err)
	}
}
