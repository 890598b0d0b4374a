package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/ledger"
	"gengheng/internal/planning"
	"gengheng/internal/store"
)

// databaseFlags say which database a tool works on.
type databaseFlags struct {
	DataDir     string `help:"数据目录 · The data folder." placeholder:"DIR" env:"GENGHENG_DATA"`
	DatabaseURL string `help:"已有的 PostGIS；缺省时用私有的 · An existing PostGIS; without it the private one." env:"DATABASE_URL" placeholder:"URL"`
}

// with opens the database at this program's schema for as long as fn runs.
func (f databaseFlags) with(ctx context.Context, fn func(*store.DB) error) (err error) {
	db, err := store.Open(ctx, store.Config{DatabaseURL: f.DatabaseURL, DataDir: f.DataDir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := store.Migrate(ctx, db); err != nil {
		return err
	}
	return fn(db)
}

type adminCmd struct {
	Create adminCreateCmd `cmd:"" help:"建立系统管理员，并打印一次其密钥 · Make an administrator and print a key, once."`
}

type adminCreateCmd struct {
	databaseFlags
	County  string `required:"" help:"县代码（6 位） · The county's six-digit code."`
	Name    string `required:"" help:"姓名 · The person's name."`
	Issuer  string `help:"登录账号的签发方（iss） · Issuer of the person's account." placeholder:"URL"`
	Subject string `help:"登录账号的编号（sub） · Its subject." placeholder:"SUB"`
	Days    int    `help:"密钥有效天数 · Days until the key expires." default:"30"`
	Another bool   `help:"县里已有系统管理员时仍另建一名，记入操作日志 · Make a further one where the county has an administrator; it is logged."`
}

// Run makes the administrator. Who can run this program on the database can do
// anything to it; it is logged all the same.
func (c *adminCreateCmd) Run(ctx context.Context) error {
	if len(c.County) != 6 || strings.Trim(c.County, "0123456789") != "" || c.County == access.NoCounty {
		return fmt.Errorf("县代码应为 6 位数字，如 149901 · the county's code has six digits")
	}
	if c.Days < 1 || c.Days > access.MaxKeyDays {
		return fmt.Errorf("--days 应为 1–%d · --days is from 1 to %d", access.MaxKeyDays, access.MaxKeyDays)
	}
	ctx = access.With(ctx, access.Actor{Name: operator(), Role: access.Admin, County: c.County, Via: "cli"})
	var secret string
	var key access.Key
	err := c.with(ctx, func(db *store.DB) error {
		return db.InTx(ctx, func(tx pgx.Tx) error {
			p, err := access.CreateAdmin(ctx, tx, access.Identity{County: c.County, Kind: "person", Name: c.Name, Issuer: c.Issuer, Subject: c.Subject}, c.Another)
			var held *access.AdminsError
			if errors.As(err, &held) {
				return fmt.Errorf("%w；没有另建。他们可经接口增发密钥；若确需再建一名（如密钥都已遗失），请加 --another · the county has an administrator and no other was made; give --another if a further one is meant", held)
			}
			if err != nil {
				return err
			}
			key, secret, err = access.NewKey(ctx, tx, c.County, p.ID, "首个密钥", time.Now().AddDate(0, 0, c.Days))
			return err
		})
	})
	if err != nil {
		return err
	}
	fmt.Printf("县 %s 的系统管理员 %s 已建立。密钥只显示这一次，%s 到期 · the administrator is made; the key is shown this once:\n\n    %s\n\n用法 · use: Authorization: Bearer <密钥>\n",
		c.County, c.Name, key.ExpiresAt.Format(time.DateOnly), secret)
	return nil
}

// operator is who runs the program, for the log.
func operator() string {
	if u, err := user.Current(); err == nil {
		return "命令行 " + u.Username
	}
	return "命令行"
}

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"逐行查验操作日志、台账的散列链和已报批方案的摘要；发现改动则退出码为 1 · Check the log's and the ledger's chains row by row, and the digests of published plans; exit 1 where anything was changed."`
}

type auditVerifyCmd struct {
	databaseFlags
	County string `help:"县代码；缺省查验全部 · The county; all without it." placeholder:"CODE"`
}

// Run checks every chain, or one, and prints each one's head: kept elsewhere,
// it proves later that what led to it is as it was.
func (c *auditVerifyCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(db *store.DB) error {
		counties := []string{c.County}
		if c.County == "" {
			var err error
			if counties, err = access.AuditCounties(ctx, db); err != nil {
				return err
			}
		}
		for _, county := range counties {
			head, err := access.VerifyAudit(ctx, db, county)
			if err != nil {
				return err
			}
			fmt.Printf("%s：操作日志 %d 行，连贯 · the log has %d rows, whole, head %s\n", county, head.Seq, head.Seq, head.Hash)
			if err := verifyBooks(ctx, db, county); err != nil {
				return err
			}
		}
		return nil
	})
}

// verifyBooks checks a county's ledger and its published plans in one snapshot.
func verifyBooks(ctx context.Context, db *store.DB, county string) error {
	return pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		flaws, err := ledger.Verify(ctx, tx, county)
		if err != nil {
			return err
		}
		for _, f := range flaws {
			fmt.Printf("%s：台账 %d 年 %s 第 %d 行：%s · ledger\n", county, f.Year, f.Township, f.Seq, f.What)
		}
		altered, err := planning.Altered(ctx, tx, county)
		if err != nil {
			return err
		}
		for _, p := range altered {
			fmt.Printf("%s：%d 年第 %d 号方案 %s 与报批时的摘要不符 · the plan is not what was proposed\n", county, p.Year, p.Number, p.PlanID)
		}
		if n := len(flaws) + len(altered); n > 0 {
			return fmt.Errorf("县 %s 的台账或方案有 %d 处被改动 · the ledger or a plan was changed in %d places", county, n, n)
		}
		fmt.Printf("%s：台账与已报批方案完好 · ledger and published plans are whole\n", county)
		return nil
	})
}
