// Command gengheng (耕衡) is the whole product in one program: the service, its
// workers, and the tools a bureau runs by hand.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line; every command lives in a file of its own and has a
// Run(context.Context) error method.
type cli struct {
	Balance balanceCmd `cmd:"" help:"平衡求解与验证 · Solve and verify balance problems."`
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
