// Package client is the Go client of the service: generated from
// api/openapi.yaml, with the few calls that belong together made one.
package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// Client talks to one county of one service.
type Client struct {
	Raw    *Raw
	County string
}

// WithKey names the caller by a key.
func WithKey(secret string) RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+secret)
		return nil
	}
}

// WithRole names the capacity to act in: "bureau", or "township_clerk/149901100".
func WithRole(capacity string) RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Gengheng-Role", capacity)
		return nil
	}
}

// New makes a client for the service at server ("http://host:port"), which
// names itself in every request by WithKey or WithRole, if at all.
func New(server, county string, as ...RequestEditorFn) (*Client, error) {
	raw, err := NewClient(strings.TrimSuffix(server, "/") + "/api/v1")
	if err == nil {
		raw.RequestEditors = append(raw.RequestEditors, as...)
	}
	if err != nil {
		return nil, fmt.Errorf("client of %s: %w", server, err)
	}
	return &Client{Raw: raw, County: county}, nil
}

// ProblemError is a problem detail that the service answered with.
type ProblemError struct{ Problem }

func (e *ProblemError) Error() string {
	text := e.Title
	if e.Detail != nil {
		text += "：" + *e.Detail
	}
	if e.Errors != nil && len(*e.Errors) > 0 {
		text += "（" + strings.Join(*e.Errors, "；") + "）"
	}
	return text
}

// Decode reads an answer that should have the given status into T.
func Decode[T any](resp *http.Response, err error, status int) (T, error) {
	var out T
	if err != nil {
		return out, fmt.Errorf("call the service: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		return out, problemOf(resp)
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("answer of %s: %w", resp.Request.URL.Path, err)
	}
	return out, nil
}

func problemOf(resp *http.Response) error {
	var p ProblemError
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("answer of %s: %w", resp.Request.URL.Path, err)
	}
	if json.Unmarshal(body, &p.Problem) != nil || p.Title == "" {
		return fmt.Errorf("%s answered %s: %.200s", resp.Request.URL.Path, resp.Status, body)
	}
	return &p
}

// Upload sends the file at path.
func (c *Client) Upload(ctx context.Context, path string) (Upload, error) {
	f, err := os.Open(path)
	if err != nil {
		return Upload{}, fmt.Errorf("upload: %w", err)
	}
	defer f.Close()
	name := filepath.Base(path)
	resp, err := c.Raw.AddUploadWithBody(ctx, c.County, &AddUploadParams{FileName: &name}, "application/octet-stream", f)
	return Decode[Upload](resp, err, http.StatusCreated)
}

// Load uploads the file at path and asks for a dataset of it; in.UploadId is
// filled in. The job goes on after the call.
func (c *Client) Load(ctx context.Context, path string, in DatasetInput) (DatasetAccepted, error) {
	up, err := c.Upload(ctx, path)
	if err != nil {
		return DatasetAccepted{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	in.UploadId = up.UploadId
	resp, err := c.Raw.AddDataset(ctx, c.County, in)
	acc, err := Decode[DatasetAccepted](resp, err, http.StatusAccepted)
	if err != nil {
		return acc, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return acc, nil
}

// Dataset reads one dataset version.
func (c *Client) Dataset(ctx context.Context, id uuid.UUID) (Dataset, error) {
	resp, err := c.Raw.GetDataset(ctx, c.County, id)
	return Decode[Dataset](resp, err, http.StatusOK)
}

// Wait follows a job's events to its end and tells each to seen, which may be
// nil. A failed job is an error; a *ProblemError where the service says why.
func (c *Client) Wait(ctx context.Context, id uuid.UUID, seen func(Job)) (Job, error) {
	resp, err := c.Raw.StreamJob(ctx, c.County, id)
	if err != nil {
		return Job{}, fmt.Errorf("follow job: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Job{}, problemOf(resp)
	}
	var j Job
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if err := json.Unmarshal([]byte(data), &j); err != nil {
			return j, fmt.Errorf("job event: %w", err)
		}
		if seen != nil {
			seen(j)
		}
	}
	if err := lines.Err(); err != nil {
		return j, fmt.Errorf("follow job: %w", err)
	}
	switch {
	case j.Status == JobStatusDone:
		return j, nil
	case j.Status == JobStatusFailed && j.Problem != nil:
		return j, &ProblemError{*j.Problem}
	case j.Status == JobStatusFailed:
		return j, errors.New("job failed")
	}
	return j, errors.New("the service closed the stream before the job ended")
}

// Download writes what a call answers with to path.
func Download(resp *http.Response, err error, path string) error {
	if err != nil {
		return fmt.Errorf("call the service: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problemOf(resp)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	if _, err := io.Copy(f, resp.Body); err != nil {
		f.Close()
		return fmt.Errorf("download %s: %w", filepath.Base(path), err)
	}
	return f.Close()
}
