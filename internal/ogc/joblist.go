package ogc

import (
	"errors"
	"net/http"
)

// jobList gives the list of jobs of OGC 18-062r2, Requirements Class "Job List",
// without that class's parameters, and so does not claim it.
func (s *Service) jobList() class {
	return class{
		routes: []Route{{ID: "ogcJobs", Path: "/jobs", Handle: s.listJobs, summary: "任务清单 · the jobs", media: mediaJSON}},
		landing: func(root string) []link {
			return []link{{root + "/jobs", processesRel + "job-list", mediaJSON, "任务清单 · jobs"}}
		},
	}
}

func (s *Service) listJobs(c *Call) error {
	jobs, err := c.Runner.Jobs(c.R.Context())
	if err != nil {
		return err
	}
	list := []tree{}
	for _, j := range jobs {
		list = append(list, j.info(c.Root))
	}
	return send(c, mediaJSON, tree{"jobs": list, "links": []link{{c.Root + "/jobs", "self", mediaJSON, ""}}})
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
