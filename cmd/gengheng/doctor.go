package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"

	"gengheng/internal/geodata"
	"gengheng/internal/store"
)

type doctorCmd struct {
	DataDir     string `help:"数据目录 · The data folder." placeholder:"DIR" env:"GENGHENG_DATA"`
	DatabaseURL string `help:"已有的 PostGIS；缺省时用私有的 · An existing PostGIS; without it the private one." env:"DATABASE_URL" placeholder:"URL"`
	GDALChild   string `help:"gengheng-gdal 的路径 · The path of gengheng-gdal." env:"GENGHENG_GDAL" placeholder:"FILE"`
}

// health of one thing the program needs.
type health int

const (
	healthy health = iota
	// advised: it works, but less safely or less well.
	advised
	// missing: the program does not work without it.
	missing
)

func (h health) String() string {
	return [...]string{"正常 ok     ", "建议 advice ", "缺少 MISSING"}[h]
}

// diagnosis is what the doctor says of one thing; mend is the command that
// mends it.
type diagnosis struct {
	name   string
	health health
	detail string
	mend   string
}

// Run prints what is there and what is missing; exit code 1 says that
// something needed is missing. It changes nothing.
func (c *doctorCmd) Run(ctx context.Context) error {
	all := c.diagnose(ctx)
	printDiagnoses(os.Stdout, all)
	for _, d := range all {
		if d.health == missing {
			return &exitError{code: 1}
		}
	}
	return nil
}

func (c *doctorCmd) diagnose(ctx context.Context) []diagnosis {
	var all []diagnosis
	if c.DatabaseURL != "" {
		all = append(all, diagnoseDatabase(ctx, c.DatabaseURL))
	} else {
		all = append(all, diagnoseServer(ctx), diagnoseFlock())
	}
	all = append(all, diagnoseDataDir(c.DataDir)...)
	all = append(all, diagnoseReading(ctx, c.GDALChild)...)
	return append(all, diagnoseMemory(store.MemoryMiB()))
}

func printDiagnoses(w io.Writer, all []diagnosis) {
	needed := 0
	for _, d := range all {
		_, _ = fmt.Fprintf(w, "[%s] %s: %s\n", d.health, d.name, d.detail)
		if d.mend != "" {
			_, _ = fmt.Fprintf(w, "               → %s\n", d.mend)
		}
		if d.health == missing {
			needed++
		}
	}
	if needed > 0 {
		_, _ = fmt.Fprintf(w, "缺少 %d 项必需条件，按箭头所示处理后再试 · missing: %d; do what the arrows say, then try again\n", needed, needed)
		return
	}
	_, _ = fmt.Fprintln(w, "可以运行 · ready to run")
}

func diagnoseServer(ctx context.Context) diagnosis {
	d := diagnosis{name: "PostgreSQL + PostGIS"}
	found := store.FindInstallations(ctx)
	if len(found) == 0 {
		d.health, d.detail = missing, "没有找到 · none found"
		d.mend = "scripts/setup"
		return d
	}
	best := found[0]
	d.detail = fmt.Sprintf("PostgreSQL %s, PostGIS %s (%s)", best.Version, best.PostGIS, best.BinDir)
	switch {
	case best.Usable():
	case best.PostGIS == "":
		d.health = missing
		d.detail = fmt.Sprintf("PostgreSQL %s 没有 PostGIS · PostgreSQL %s without PostGIS (%s)", best.Version, best.Version, best.BinDir)
		d.mend = fmt.Sprintf("scripts/setup  (Debian, Ubuntu: sudo apt-get install postgresql-%d-postgis-3)", best.Major)
	default:
		d.health = missing
		d.detail += "；版本太旧，需 PostgreSQL 13+、PostGIS 3+ · too old, PostgreSQL 13 and PostGIS 3 are needed"
		d.mend = "scripts/setup"
	}
	return d
}

func diagnoseFlock() diagnosis {
	path, err := exec.LookPath("flock")
	if err != nil {
		return diagnosis{name: "flock", health: advised, mend: "sudo apt-get install util-linux",
			detail: "没有 flock：程序被强行终止后，私有数据库要到下次启动才停 · without it the private server outlives a killed program until the next start"}
	}
	return diagnosis{name: "flock", detail: path}
}

func diagnoseDatabase(ctx context.Context, url string) diagnosis {
	d := diagnosis{name: "DATABASE_URL"}
	db, err := store.Open(ctx, store.Config{DatabaseURL: url, MaxConns: 2})
	if err != nil {
		d.health, d.detail, d.mend = missing, err.Error(), "检查 DATABASE_URL，或去掉它以使用私有数据库 · correct DATABASE_URL, or unset it to use the private server"
		return d
	}
	defer func() { _ = db.Close() }()
	var version, postgis string
	var newEnough bool
	err = db.Pool.QueryRow(ctx, `
		SELECT current_setting('server_version'), coalesce(max(default_version), ''),
		       current_setting('server_version_num')::int >= 130000
		       AND coalesce(max(split_part(default_version, '.', 1)::int), 0) >= 3
		FROM pg_available_extensions WHERE name = 'postgis'`).Scan(&version, &postgis, &newEnough)
	switch {
	case err != nil:
		d.health, d.detail, d.mend = missing, err.Error(), "检查数据库 · look at the database's log"
	case !newEnough:
		d.health = missing
		d.detail = fmt.Sprintf("PostgreSQL %s, PostGIS %q；需 PostgreSQL 13+、PostGIS 3+ · PostgreSQL 13 and PostGIS 3 are needed", version, postgis)
		d.mend = "在数据库服务器上安装 PostGIS 3 · install PostGIS 3 on the database's machine"
	default:
		d.detail = fmt.Sprintf("PostgreSQL %s, PostGIS %s", version, postgis)
		have, want, err := store.SchemaVersion(ctx, db)
		if err == nil && have < want {
			d.health, d.mend = advised, "gengheng migrate"
			d.detail += fmt.Sprintf("；结构版本 %d，程序为 %d · schema version %d, the program has %d", have, want, have, want)
		}
	}
	return d
}

func diagnoseDataDir(dir string) []diagnosis {
	d := diagnosis{name: "数据目录 data folder"}
	r, err := store.CheckDataDir(dir)
	if err != nil {
		d.health, d.detail, d.mend = missing, err.Error(), "export GENGHENG_DATA=/…"
		return []diagnosis{d}
	}
	d.detail = fmt.Sprintf("%s（数据库用户 · server's user: %s）", r.Dir, r.ServerUser)
	if !r.Exists {
		d.detail += "，将在首次启动时建立 · will be made at the first start"
	}
	disk := diagnosis{name: "磁盘 disk", detail: fmt.Sprintf("可用 %.1f GiB · %.1f GiB free", float64(r.FreeMiB)/1024, float64(r.FreeMiB)/1024)}
	switch {
	case r.FreeMiB < 1024:
		disk.health, disk.mend = missing, "至少需要 1 GiB，请清理或换数据目录（GENGHENG_DATA） · 1 GiB is the least: make room or choose another data folder"
	case r.FreeMiB < 10*1024:
		disk.health, disk.mend = advised, "一个十万图斑的县，建议留 10 GiB · 10 GiB are advised for a county of 100,000 parcels"
	}
	return []diagnosis{d, disk}
}

func diagnoseReading(ctx context.Context, child string) []diagnosis {
	d := diagnosis{name: "gengheng-gdal"}
	box, err := geodata.SandboxStatus(ctx, child)
	if err != nil {
		d.health, d.detail, d.mend = missing, err.Error(), "scripts/setup && scripts/build"
		return []diagnosis{d}
	}
	d.detail = fmt.Sprintf("GDAL %s (%s)", box.GDAL, box.Child)
	s := diagnosis{name: "读取沙箱 sandbox", detail: "bubblewrap + seccomp"}
	switch {
	case !box.Bubblewrap && !box.Seccomp:
		s.health, s.mend = advised, "scripts/setup"
		s.detail = "只有资源限制，请勿读取来路不明的文件 · resource limits only, read no files from strangers: " + box.Reason
	case !box.Bubblewrap:
		s.health, s.mend = advised, "scripts/setup  (或允许非特权用户命名空间 · or allow unprivileged user namespaces)"
		s.detail = "只有 seccomp · seccomp only: " + box.Reason
	case !box.Seccomp:
		s.health, s.detail, s.mend = advised, "只有 bubblewrap · bubblewrap only", "需支持 seccomp 的内核 · a kernel with seccomp is needed"
	}
	return []diagnosis{d, s}
}

func diagnoseMemory(mib int64) diagnosis {
	d := diagnosis{name: "内存 memory", detail: fmt.Sprintf("%.1f GiB", float64(mib)/1024)}
	if mib < 2048 {
		d.health, d.mend = advised, "一个十万图斑的县，建议 4 GiB · 4 GiB are advised for a county of 100,000 parcels"
	}
	return d
}
