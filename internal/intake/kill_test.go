package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"gengheng/internal/intake"
	"gengheng/internal/store"
)

// The environment that makes this test binary a program which loads one file
// and dies in the middle of it.
const (
	envRequest  = "INTAKE_TEST_REQUEST"
	envDatabase = "INTAKE_TEST_DATABASE"
	envStage    = "INTAKE_TEST_DIE_IN"
)

func TestMain(m *testing.M) {
	if os.Getenv(envRequest) == "" {
		os.Exit(m.Run())
	}
	var req intake.Request
	if err := json.Unmarshal([]byte(os.Getenv(envRequest)), &req); err != nil {
		panic(err)
	}
	db, err := store.Open(context.Background(), store.Config{DatabaseURL: os.Getenv(envDatabase)})
	if err != nil {
		panic(err)
	}
	_, err = intake.Load(context.Background(), db, req, func(stage string, _, _ int64) {
		if stage == os.Getenv(envStage) {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				panic(err)
			}
			select {}
		}
	})
	panic(err) // it should not have come so far
}

// Ensure that a process killed at any stage leaves nothing, and that the load
// done again gives exactly one version.
func TestKilledProcess(t *testing.T) {
	path := shapefile(t, "DLTB", surveyOf(12))
	for _, stage := range []string{intake.StageRead, intake.StageValidity, intake.StageTopology, intake.StageCommit} {
		t.Run(stage, func(t *testing.T) {
			c := newCounty(t)
			req := c.request("DLTB", path)
			text, err := json.Marshal(req)
			if err != nil {
				t.Fatal(err)
			}
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^$")
			child.Env = append(os.Environ(), envRequest+"="+string(text), envDatabase+"="+c.db.ConnString(), envStage+"="+stage)
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the process ended with %v, not killed:\n%s", err, out)
			}
			if got := c.counts(); got != "0 0 0 0 0 0 0" {
				t.Errorf("the killed process left rows %s", got)
			}
			result := c.load(req)
			if got := c.counts(); got != "288 0 0 0 0 0 1" || result.Repeated || result.Features != 288 {
				t.Errorf("after the second load rows %s, result %+v", got, result)
			}
		})
	}
}

// Ensure that a connection which the server cuts fails the load, leaves
// nothing, and is no problem of the file.
func TestCutConnection(t *testing.T) {
	c := newCounty(t)
	req := c.request("DLTB", shapefile(t, "DLTB", surveyOf(12)))
	cut := false
	_, err := intake.Load(t.Context(), c.db, req, func(stage string, _, _ int64) {
		if stage != intake.StageTopology || cut {
			return
		}
		cut = true
		c.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND state LIKE 'idle in transaction%'`)
	})
	var problem *intake.Problem
	if !cut || err == nil || errors.As(err, &problem) {
		t.Fatalf("cut %v, error %v", cut, err)
	}
	if got := c.counts(); got != "0 0 0 0 0 0 0" {
		t.Errorf("rows %s", got)
	}
	c.load(req)
	if got := c.counts(); got != "288 0 0 0 0 0 1" {
		t.Errorf("after the second load rows %s", got)
	}
}
