package main

import (
	"context"
	"fmt"
	"os"

	"gengheng/internal/fixture"
)

type fixtureCmd struct {
	Parcels   int    `help:"图斑数 · Parcels of the county." default:"3000"`
	Seed      int64  `help:"随机种子 · The seed; the same seed makes the same bytes." default:"1"`
	Out       string `help:"目录（须为空） · An empty folder." required:"" placeholder:"DIR"`
	GDALChild string `name:"gdal-child" help:"读写程序的路径 · Path of gengheng-gdal." env:"GENGHENG_GDAL" placeholder:"FILE"`
}

// Run writes the synthetic county as a bureau would deliver it.
func (c *fixtureCmd) Run(ctx context.Context) error {
	err := fixture.Write(ctx, fixture.Options{
		Parcels: c.Parcels, Seed: c.Seed, Dir: c.Out, Child: c.GDALChild,
		Progress: func(stage string, done, total int64) { fmt.Fprintf(os.Stderr, "%s %d/%d\n", stage, done, total) },
	})
	if err != nil {
		return err
	}
	fmt.Printf("合成县 %s（%s）已写入 %s，图斑 %d 个 · the synthetic county is written\n", fixture.County.Name, fixture.County.Code, c.Out, c.Parcels)
	return nil
}
