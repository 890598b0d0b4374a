// Command gengheng (耕衡) is the whole product in one program: the service, its
// workers, and the tools a bureau runs by hand.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// cli is the command line; every command lives in a file of its own and has a
// Run(context.Context) error method.
type cli struct {
	Demo    demoCmd    `cmd:"" help:"用合成县走一遍全年主线 · Carry the synthetic county through its year."`
	Serve   serveCmd   `cmd:"" help:"启动服务 · Serve."`
	Work    workCmd    `cmd:"" help:"只执行任务 · Work jobs only."`
	Bench   benchCmds  `cmd:"" help:"计时 · Time things on a large synthetic county."`
	Area    areaCmd    `cmd:"" help:"逐图斑计算官方椭球面积 · Print the official area of every feature."`
	Fixture fixtureCmd `cmd:"" help:"生成合成县 · Write the synthetic county as a bureau would deliver it."`
	Balance balanceCmd `cmd:"" help:"平衡求解与验证 · Solve and verify balance problems."`
	Doctor  doctorCmd  `cmd:"" help:"检查运行条件：有什么、缺什么、怎么补 · Say what is there, what is missing and how to mend it."`
	Admin   adminCmd   `cmd:"" help:"建立首名系统管理员 · Make the first administrator."`
	Audit   auditCmd   `cmd:"" help:"查验操作日志 · Check the audit log."`
	OIDCDev oidcDevCmd `cmd:"" name:"oidc-dev" help:"开发用的合成身份认证，只限本机 · A synthetic OIDC provider for development, on loopback."`
	Migrate migrateCmd `cmd:"" help:"升级数据库结构 · Bring the database to this program's schema."`
	Version versionCmd `cmd:"" help:"版本 · Print the version."`
}

// exitError carries the exit code that a contract prescribes; its text, if
// any, is printed like any other error's.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c,
		kong.Name("gengheng"),
		kong.Description("耕衡：县级耕地进出平衡 · Cultivated-land in/out balance for a county."),
		kong.UsageOnError(),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)),
		kong.Exit(func(code int) {
			if code != 0 {
				code = exitBadInput // kong's own code for a wrong call is 80
			}
			os.Exit(code)
		}),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := k.Run()
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "gengheng:", text)
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return 1
}
