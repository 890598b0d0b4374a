package main

import (
	"context"
	"errors"
	"fmt"

	"gengheng/internal/store"
)

type migrateCmd struct {
	DataDir     string `help:"数据目录 · The data folder." placeholder:"DIR" env:"GENGHENG_DATA"`
	DatabaseURL string `help:"已有的 PostGIS；缺省时用私有的 · An existing PostGIS; without it the private one." env:"DATABASE_URL" placeholder:"URL"`
}

// Run brings the database to this program's schema and says from where to
// where it went.
func (c *migrateCmd) Run(ctx context.Context) (err error) {
	db, err := store.Open(ctx, store.Config{DatabaseURL: c.DatabaseURL, DataDir: c.DataDir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	before, want, err := store.SchemaVersion(ctx, db)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx, db); err != nil {
		return err
	}
	if before == want {
		fmt.Printf("数据库结构已是最新版本 %d · the schema is at version %d already\n", want, want)
		return nil
	}
	fmt.Printf("数据库结构由版本 %d 升级到 %d · migrated the schema from version %d to %d\n", before, want, before, want)
	return nil
}
