package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"gengheng/internal/access/devissuer"
)

type oidcDevCmd struct {
	Port     int    `help:"端口（只监听 127.0.0.1） · The port, on 127.0.0.1 only." default:"8090"`
	Redirect string `help:"登录后返回的地址 · Where people are sent back." default:"http://127.0.0.1:8080/auth/callback" placeholder:"URL"`
}

// Run serves an OIDC provider with synthetic accounts on loopback until it is
// interrupted.
func (c *oidcDevCmd) Run(ctx context.Context) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(c.Port)))
	if err != nil {
		return fmt.Errorf("监听失败，端口可能已被占用，用 --port 换一个 · cannot listen: %w", err)
	}
	url := "http://" + l.Addr().String()
	issuer, err := devissuer.New(url, c.Redirect)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: issuer, ReadHeaderTimeout: 5 * time.Second}
	fmt.Printf("合成身份认证（仅供开发，任何人可以任何账号登录） · synthetic OIDC provider, for development only: %s\n  gengheng serve --oidc-issuer %s --oidc-client-id %s --public-url http://127.0.0.1:8080\n  账号 · accounts: %v\n",
		url, url, devissuer.ClientID, devissuer.Accounts())
	go func() {
		<-ctx.Done()
		_ = srv.Close() // Serve below tells how it ended
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("oidc-dev: %w", err)
	}
	return nil
}
