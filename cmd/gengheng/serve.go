package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"gengheng/internal/access"
)

type serveCmd struct {
	serviceFlags
	Addr    string    `help:"监听地址 · Where to listen." default:"127.0.0.1:8080"`
	Open    bool      `help:"不验证身份（只限本机、演示与测试） · Ask nobody for credentials; loopback only, for demonstrations and tests."`
	OIDC    oidcFlags `embed:"" prefix:"oidc-"`
	Public  string    `name:"public-url" help:"浏览器访问本服务的地址 · The service as browsers reach it." env:"GENGHENG_PUBLIC_URL" placeholder:"URL"`
	Verbose bool      `short:"v" help:"记录每个请求 · Log every request."`
}

// Run serves until it is interrupted.
func (c *serveCmd) Run(ctx context.Context) error {
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(log)
	var err error
	if c.door, err = c.doorOf(); err != nil {
		return err
	}
	s, err := openService(ctx, c.serviceFlags, log)
	if err != nil {
		return err
	}
	defer s.close()
	addr, err := s.listen(c.Addr)
	if err != nil {
		return err
	}
	fmt.Printf("耕衡已启动 · serving at http://%s （工作台 · dashboard: /，接口说明 · contract: /docs）\n", addr)
	return s.wait(ctx)
}

// oidcFlags are the registration at the provider that people log in with.
type oidcFlags struct {
	Issuer   string `help:"统一身份认证（OIDC）的签发方地址 · The OIDC issuer." env:"GENGHENG_OIDC_ISSUER" placeholder:"URL"`
	ClientID string `help:"在其处登记的客户端编号 · The client id there." env:"GENGHENG_OIDC_CLIENT_ID" placeholder:"ID"`
	Secret   string `help:"客户端密码，请用环境变量 · The client's secret; use the variable." env:"GENGHENG_OIDC_SECRET" placeholder:"SECRET"`
	Audience string `help:"另可接受的令牌受众 · Another audience of tokens to take." env:"GENGHENG_OIDC_AUDIENCE" placeholder:"NAME"`
}

func (c *serveCmd) doorOf() (door, error) {
	d := door{open: c.Open, publicURL: strings.TrimSuffix(c.Public, "/")}
	if c.OIDC.Issuer == "" {
		return d, nil
	}
	if d.publicURL == "" {
		d.publicURL = "http://" + c.Addr
	}
	var err error
	d.oidc, err = access.NewProvider(access.OIDCConfig{Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID, Secret: c.OIDC.Secret,
		Audience: c.OIDC.Audience, RedirectURL: d.publicURL + "/auth/callback"})
	return d, err
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
