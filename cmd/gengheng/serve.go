package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
)

type serveCmd struct {
	serviceFlags
	Addr    string `help:"监听地址 · Where to listen." default:"127.0.0.1:8080"`
	Verbose bool   `short:"v" help:"记录每个请求 · Log every request."`
}

// Run serves until it is interrupted.
func (c *serveCmd) Run(ctx context.Context) error {
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(log)
	s, err := openService(ctx, c.serviceFlags, log)
	if err != nil {
		return err
	}
	defer s.close()
	addr, err := s.listen(c.Addr)
	if err != nil {
		return err
	}
	fmt.Printf("耕衡已启动 · serving at http://%s （接口说明 · contract: /docs）\n", addr)
	return s.wait(ctx)
}

type workCmd struct{ serviceFlags }

// Run works jobs, and serves nothing, until it is interrupted.
func (c *workCmd) Run(ctx context.Context) error {
	if c.Workers < 1 {
		return fmt.Errorf("--workers 至少为 1 · --workers must be at least 1")
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	slog.SetDefault(log)
	s, err := openService(ctx, c.serviceFlags, log)
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Printf("耕衡工作进程已启动 · working, %d jobs at once\n", c.Workers)
	<-ctx.Done()
	return nil
}
