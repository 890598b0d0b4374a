package ogc

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a page of jobs.
const (
	defaultJobs = 100
	maxJobs     = 1000
)

// JobFilter is what a list of jobs is narrowed to.
type JobFilter struct {
	// Processes and Statuses are any of these; empty: all.
	Processes, Statuses []string
	// From and To bound when a job was created; zero: open.
	From, To time.Time
	// Least and Most bound how long it has run, in seconds; nil: open.
	Least, Most *float64
	// Limit is how many; After is the job that the page comes after, "" for the first.
	Limit int
	After string
}

var jobStatuses = []string{"accepted", "running", "successful", "failed", "dismissed"}

// jobList is OGC 18-062r2, Requirements Class "Job List": the newest first, narrowed
// by its parameters.
func (s *Service) jobList() class {
	ids := make([]string, 0, 4)
	for _, p := range processList() {
		ids = append(ids, p.id)
	}
	text := func(values ...string) tree {
		return tree{"type": "array", "items": tree{"type": "string", "enum": values}}
	}
	seconds := tree{"type": "number", "minimum": 0}
	return class{
		conforms: []string{processesPart + "job-list"},
		routes: []Route{{ID: "ogcJobs", Path: "/jobs", Handle: s.listJobs, summary: "任务清单 · the jobs", media: mediaJSON, query: []param{
			{name: "type", text: "任务种类，只有 process · kind of job", schema: text("process")},
			{name: "processID", text: "过程 · the process", schema: text(ids...)},
			{name: "status", text: "状态 · status", schema: text(jobStatuses...)},
			{name: "datetime", text: "提交的时刻或时段 · when it was created", schema: tree{"type": "string"}},
			{name: "minDuration", text: "至少运行多少秒 · seconds that it has run at least", schema: seconds},
			{name: "maxDuration", text: "至多运行多少秒 · and at most", schema: seconds},
			{name: "limit", text: "每页至多几个 · the most of a page", schema: tree{"type": "integer", "minimum": 1, "maximum": maxJobs, "default": defaultJobs}},
			{name: "cursor", text: "上一页的 next 链接里的 · from the link next", schema: tree{"type": "string"}},
		}}},
		landing: func(root string) []link {
			return []link{{root + "/jobs", processesRel + "job-list", mediaJSON, "任务清单 · jobs"}}
		},
	}
}

// jobFilter reads the parameters of the list.
func jobFilter(values url.Values) (f JobFilter, err error) {
	any := func(name string, known []string) (list []string) {
		if err != nil || !values.Has(name) {
			return nil
		}
		for one := range strings.SplitSeq(values.Get(name), ",") {
			if one = strings.TrimSpace(one); !slices.Contains(known, one) {
				err = bad(name, fmt.Sprintf("%s=%s 没有；可用：%s。 There is no such value.", name, excerpt(one), strings.Join(known, "、")))
				return nil
			}
			list = append(list, one)
		}
		return list
	}
	seconds := func(name string) *float64 {
		if err != nil || !values.Has(name) {
			return nil
		}
		n, perr := strconv.ParseFloat(values.Get(name), 64)
		if perr != nil || !(n >= 0 && n < 1e9) {
			err = bad(name, fmt.Sprintf("%s=%s 应为不小于 0 的秒数。 It is a number of seconds.", name, excerpt(values.Get(name))))
			return nil
		}
		return &n
	}
	any("type", []string{"process"})
	var ids []string
	for _, p := range processList() {
		ids = append(ids, p.id)
	}
	f.Processes, f.Statuses = any("processID", ids), any("status", jobStatuses)
	f.Least, f.Most = seconds("minDuration"), seconds("maxDuration")
	if v := values.Get("datetime"); err == nil && values.Has("datetime") {
		if err = setDatetime(nil, v); err == nil {
			from, to, interval := strings.Cut(v, "/")
			f.From, _, _ = instant(from, interval)
			if f.To = f.From; interval {
				f.To, _, _ = instant(to, true)
			}
			if !f.To.IsZero() && !strings.Contains(to+from, "T") {
				f.To = f.To.Add(24*time.Hour - time.Nanosecond) // a day is all of it
			}
		}
	}
	f.Limit, f.After = defaultJobs, values.Get("cursor")
	if v := values.Get("limit"); err == nil && values.Has("limit") {
		n, perr := strconv.Atoi(v)
		if perr != nil || n < 1 {
			return f, bad("limit", fmt.Sprintf("limit=%s 应为 1 至 %d 的整数。 limit is a whole number.", excerpt(v), maxJobs))
		}
		f.Limit = min(n, maxJobs) // more than there are to a page is no error
	}
	return f, err
}

func (s *Service) listJobs(c *Call) error {
	f, err := jobFilter(c.R.URL.Query())
	if err != nil {
		return err
	}
	page := f
	page.Limit++ // whether there are more
	jobs, err := c.Runner.Jobs(c.R.Context(), page)
	if err != nil {
		return err
	}
	links := []link{{c.Root + "/jobs" + queryOf(c.R.URL.Query()), "self", mediaJSON, ""}}
	if len(jobs) > f.Limit {
		jobs = jobs[:f.Limit]
		next := c.R.URL.Query()
		next.Set("cursor", jobs[f.Limit-1].ID)
		links = append(links, link{c.Root + "/jobs" + queryOf(next), "next", mediaJSON, "下一页 · next page"})
	}
	list := []tree{}
	for _, j := range jobs {
		list = append(list, j.info(c.Root))
	}
	return send(c, mediaJSON, tree{"jobs": list, "links": links})
}

func queryOf(values url.Values) string {
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// dismiss is OGC 18-062r2, Requirements Class "Dismiss": a job that has not begun
// is taken back; what runs is not broken off.
func (s *Service) dismiss() class {
	return class{
		conforms: []string{processesPart + "dismiss"},
		routes: []Route{{ID: "ogcDismiss", Method: http.MethodDelete, Path: "/jobs/{job}", Handle: s.dismissJob, summary: "取消任务 · dismiss a job", media: mediaJSON,
			statuses: map[string]string{"200": "已取消 · dismissed"}}},
	}
}

func (s *Service) dismissJob(c *Call) error {
	j, err := c.Runner.Dismiss(c.R.Context(), c.Params["job"])
	if errors.Is(err, ErrNoJob) {
		return c.noSuchJob()
	}
	if err != nil {
		return err
	}
	return send(c, mediaJSON, j.info(c.Root))
}
