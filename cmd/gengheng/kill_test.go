package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"gengheng/internal/client"
	"gengheng/internal/fixture"
	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/store/storetest"
)

// process is a gengheng server that a test may kill.
type process struct {
	t    *testing.T
	bin  string
	data string
	cmd  *exec.Cmd
	c    *client.Client
}

func buildProgram(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "gengheng")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// start runs serve on a free port, which it reads from what the program prints.
func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.bin, "serve", "--open", "--addr", "127.0.0.1:0", "--data-dir", p.data, "--gdal-child", geodatatest.Child(p.t))
	p.cmd.Env = append(os.Environ(), "DATABASE_URL=")
	p.cmd.Stderr = testLog{p.t}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, err := out.Read(line)
	if err != nil {
		p.t.Fatalf("the server printed nothing: %v", err)
	}
	go io.Copy(io.Discard, out)
	_, rest, _ := strings.Cut(string(line[:n]), "http://")
	addr, _, ok := strings.Cut(rest, " ")
	if !ok {
		p.t.Fatalf("no address in %q", line[:n])
	}
	if p.c, err = client.New("http://"+addr, fixture.County.Code); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the server as a power cut would: no signal handler runs.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err == nil {
		p.t.Fatal("a killed server ended well")
	}
}

func (p *process) stop() {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the server ended with %v", err)
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSpace(string(b)))
	return len(b), nil
}

// killDuring kills the server once the job runs and has begun to tell its
// progress, and starts it again.
func (p *process) killDuring(job uuid.UUID) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	_, err := p.c.Wait(ctx, job, func(j client.Job) {
		if j.Status == client.JobStatusRunning && j.Stage != "" {
			cancel() // in the middle
		}
		if j.Status == client.JobStatusDone {
			p.t.Error("the job was done before it could be killed; the test proved nothing")
		}
	})
	if err == nil {
		p.t.Fatal("the job ended before the kill")
	}
	p.kill()
	p.start()
}

func (p *process) finish(job uuid.UUID) {
	p.t.Helper()
	j, err := p.c.Wait(p.t.Context(), job, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if j.Attempt == nil || *j.Attempt < 2 {
		p.t.Errorf("the job took %v attempt; it was never interrupted", j.Attempt)
	}
}

func TestKilledServer_FinishesItsJobsOnceAfterTheRestart(t *testing.T) {
	county := t.TempDir()
	child := geodatatest.Child(t)
	if err := fixture.Write(t.Context(), fixture.Options{Parcels: fixture.MinParcels, Seed: 7, Dir: county, Child: child}); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, bin: buildProgram(t), data: storetest.DataDir(t)}
	p.start()
	t.Cleanup(func() { p.stop() })
	ctx := t.Context()
	resp, err := p.c.Raw.PutCounty(ctx, p.c.County, client.CountyInput{Name: fixture.County.Name, Srid: fixture.County.SRID})
	if _, err := client.Decode[client.County](resp, err, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	cr := &carrier{c: p.c, dir: county, year: fixture.County.Year}
	first, rest, err := cr.parts()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cr.loadBatch(ctx, append(first, rest[1:]...)); err != nil {
		t.Fatal(err)
	}

	// rest[0] is the survey: kill the server in the middle of its load
	a, err := p.c.Load(ctx, rest[0].path, rest[0].in)
	if err != nil {
		t.Fatal(err)
	}
	p.killDuring(a.Job.JobId)
	p.finish(a.Job.JobId)
	d, err := p.c.Dataset(ctx, a.Dataset.DatasetId)
	if err != nil || d.Status != client.DatasetStatusCommitted || *d.Features != fixture.MinParcels {
		t.Fatalf("after the restart the survey is %s with %v parcels (%v)", d.Status, d.Features, err)
	}

	// and in the middle of a screening
	resp, err = p.c.Raw.AddScreening(ctx, p.c.County, client.ScreeningInput{Year: fixture.County.Year})
	s, err := client.Decode[client.ScreeningAccepted](resp, err, http.StatusAccepted)
	if err != nil {
		t.Fatal(err)
	}
	p.killDuring(s.Job.JobId)
	p.finish(s.Job.JobId)
	killed := canonical(t, p.c, s.Screening.RunId)

	// an uninterrupted run says the same: nothing is lost, nothing doubled
	cr.c = p.c
	again, err := cr.screen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if whole := canonical(t, p.c, again.RunId); whole != killed || strings.Count(whole, "\n") < 100 {
		t.Errorf("the interrupted run has %d bytes, an uninterrupted one %d", len(killed), len(whole))
	}
}

func canonical(t *testing.T, c *client.Client, run uuid.UUID) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines")
	resp, err := c.Raw.GetFindingsLines(t.Context(), c.County, run)
	if err := client.Download(resp, err, path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
