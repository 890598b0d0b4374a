package ogc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"gengheng/internal/download"
)

const (
	processesPart = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
	processesRel  = "http://www.opengis.net/def/rel/ogc/1.0/"
	// processesFault begins the types of problems that Part 1 names.
	processesFault = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
)

// Runner carries processes out; the service that a request came through has it,
// and does with it what its own operations do.
type Runner interface {
	// Execute does a process, or begins a job that does.
	Execute(ctx context.Context, process string, inputs map[string]json.RawMessage) (result any, job string, err error)
	// Jobs are those of the filter, the newest first.
	Jobs(ctx context.Context, f JobFilter) ([]Job, error)
	Job(ctx context.Context, id string) (Job, error)
	// Results are those of a job that has ended well; of a download, its file.
	Results(ctx context.Context, id string) (any, error)
	// Download begins a job that makes a collection's file, as the query of its
	// address says; "": there are no such jobs here.
	Download(ctx context.Context, collection, query string) (job string, err error)
	// Dismiss takes a job back that has not begun.
	Dismiss(ctx context.Context, id string) (Job, error)
}

// Job is a process that was begun.
type Job struct {
	ID, Process, Message string
	// Status is accepted, running, successful, failed or dismissed.
	Status            string
	Progress          int // percent
	Created           time.Time
	Started, Finished *time.Time
}

// input is what a process takes.
type input struct {
	name, title string
	schema      tree
	required    bool
}

// process is what is offered.
type process struct {
	id, title, text string
	async           bool
	inputs          []input
	output          tree
}

func text(title string) tree { return tree{"type": "string", "title": title} }

// processes are what there is: the service's own operations, seen as processes.
func processList() []process {
	year := input{"year", "年度 · year", tree{"type": "integer", "minimum": 2000, "maximum": 2100}, true}
	crs := input{"crs", "坐标系：EPSG:4490（经度、纬度，缺省）或本县 3 度带（东、北） · the CRS, longitude or easting first", tree{"type": "string", "default": "EPSG:4490", "examples": []string{"EPSG:4490"}}, false}
	polygon := tree{"oneOf": []any{tree{"$ref": "https://geojson.org/schema/Polygon.json"}, tree{"$ref": "https://geojson.org/schema/MultiPolygon.json"}}, "format": "geojson-geometry"}
	whatif := []input{year, {"direction", "方向：in 转进，out 转出 · direction", tree{"type": "string", "enum": []string{"in", "out"}}, true},
		{"geometry", "地块 · the parcel", polygon, true}, crs}
	for _, v := range [][2]string{{"number", "申报编号 · number"}, {"township_code", "乡镇代码 · township"}, {"base_bsm", "现状图斑标识码 · BSM"}, {"base_dlbm", "现状地类编码 · land class now"},
		{"target_dlbm", "拟转地类编码 · land class to be"}, {"purpose", "用途 · purpose"}, {"method", "恢复方式 · method"}, {"actor", "主体类型 · actor"}} {
		whatif = append(whatif, input{v[0], v[1], text(v[1]), false})
	}
	whatif = append(whatif, input{"gdlx", "耕地类型：PD 平地，TT 梯田 · kind of cultivated land", tree{"type": "string", "enum": []string{"PD", "TT"}}, false},
		input{"documents", "材料代码 → 文号 · documents", tree{"type": "object", "additionalProperties": tree{"type": "string"}}, false})
	return []process{
		{"screening", "筛查 · screening", "逐条逐图层审查年度内全部现行申报地块，写下发现和结论。 Every declared parcel in force against every clause.", true,
			[]input{year, {"full", "逐个重新判断 · judge each anew", tree{"type": "boolean", "default": false}, false}},
			tree{"type": "object", "title": "筛查 · the screening", "required": []string{"run_id", "status", "summary"}}},
		{"whatif", "试算 · what-if screening", "对一个尚未申报的图形给出筛查结论，不留记录。 The verdict on a parcel that is not declared; nothing is kept.", false, whatif,
			tree{"type": "object", "title": "结论与发现 · verdict and findings", "required": []string{"items"}}},
		{"balancing", "平衡 · balancing", "由一次筛查编制年度方案，附证书。 A plan made from a screening, with its certificate.", true,
			[]input{{"run_id", "筛查；缺省为当前工作年度最近完成的 · the screening, by default the newest finished of the year worked on", tree{"type": "string", "format": "uuid"}, false},
				{"name", "情景名称 · name", tree{"type": "string", "maxLength": 100}, false}, {"note", "备注 · note", tree{"type": "string", "maxLength": 2000}, false},
				{"options", "选项，缺省取自规则库 · options", tree{"type": "object"}, false}},
			tree{"type": "object", "title": "方案 · the plan", "required": []string{"plan_id", "status", "certificate"}}},
		{"area", "椭球面积 · ellipsoidal area", "图形的法定椭球面积（TD/T 1055-2019 附录）。 The official ellipsoidal area.", false,
			[]input{{"geometry", "GeoJSON 或 WKT 的面 · a polygon in GeoJSON or WKT", tree{"oneOf": []any{polygon, tree{"type": "string", "format": "wkt-polygon"}}}, true}, crs},
			tree{"type": "object", "title": "面积 · area", "required": []string{"area_m2", "area_mu"}}},
	}
}

// processes is OGC 18-062r2, Requirements Classes "Core", "JSON" and "OGC Process
// Description".
func (s *Service) processes() class {
	return class{
		conforms: []string{processesPart + "core", processesPart + "json", processesPart + "ogc-process-description", processesPart + "oas30"},
		routes: []Route{
			{ID: "ogcProcesses", Path: "/processes", Handle: s.listProcesses, summary: "过程清单 · the processes", media: mediaJSON},
			{ID: "ogcProcess", Path: "/processes/{process}", Handle: s.showProcess, summary: "一个过程 · one process", media: mediaJSON},
			{ID: "ogcExecute", Method: http.MethodPost, Path: "/processes/{process}/execution", Handle: s.execute, summary: "执行 · execute", media: mediaJSON, takes: mediaJSON,
				statuses: map[string]string{"200": "结果 · the result", "201": "已开始，任务地址在 Location · begun as a job"}},
			{ID: "ogcJob", Path: "/jobs/{job}", Handle: s.showJob, summary: "任务状态 · status of a job", media: mediaJSON},
			{ID: "ogcResults", Path: "/jobs/{job}/results", Handle: s.showResults, results: true,
				summary: "任务结果；下载任务的是文件 · results of a job; of a download, the file", media: mediaJSON},
		},
		landing: func(root string) []link {
			return []link{{root + "/processes", processesRel + "processes", mediaJSON, "过程清单 · processes"}}
		},
	}
}

func (c *Call) processFault(kind, title, detail string) error {
	return &Problem{Status: http.StatusNotFound, Kind: processesFault + kind, Title: title, Detail: detail}
}

func (s *Service) findProcess(c *Call) (process, error) {
	list := processList()
	ids := make([]string, len(list))
	for i, p := range list {
		if ids[i] = p.id; p.id == c.Params["process"] {
			return p, nil
		}
	}
	return process{}, c.processFault("no-such-process", "没有这个过程 · No such process",
		fmt.Sprintf("没有过程 %s；可用：%s。 No such process.", excerpt(c.Params["process"]), strings.Join(ids, "、")))
}

// summary is what stands of a process in the list.
func (p process) summary(root string) tree {
	mode := "sync-execute"
	if p.async {
		mode = "async-execute"
	}
	at := root + "/processes/" + p.id
	return tree{"id": p.id, "title": p.title, "description": p.text, "version": "1.0.0", "jobControlOptions": []string{mode}, "outputTransmission": []string{"value"},
		"links": []link{{at, "self", mediaJSON, p.title}, {at + "/execution", processesRel + "execute", mediaJSON, "执行 · execute"}}}
}

func (s *Service) listProcesses(c *Call) error {
	list := []tree{}
	for _, p := range processList() {
		list = append(list, p.summary(c.Root))
	}
	return send(c, mediaJSON, tree{"processes": list, "links": []link{{c.Root + "/processes", "self", mediaJSON, ""}}})
}

func (s *Service) showProcess(c *Call) error {
	p, err := s.findProcess(c)
	if err != nil {
		return err
	}
	v, inputs := p.summary(c.Root), tree{}
	for _, in := range p.inputs {
		least := 0
		if in.required {
			least = 1
		}
		inputs[in.name] = tree{"title": in.title, "schema": in.schema, "minOccurs": least, "maxOccurs": 1}
	}
	v["inputs"], v["outputs"] = inputs, tree{"result": tree{"title": p.output["title"], "schema": p.output}}
	return send(c, mediaJSON, v)
}

// request is the body of an execution.
type execution struct {
	Inputs   map[string]json.RawMessage `json:"inputs"`
	Outputs  map[string]any             `json:"outputs"`
	Response string                     `json:"response"`
}

func (s *Service) execute(c *Call) error {
	p, err := s.findProcess(c)
	if err != nil {
		return err
	}
	in, err := readExecution(c, p)
	if err != nil {
		return err
	}
	result, job, err := c.Runner.Execute(c.R.Context(), p.id, in.Inputs)
	if err != nil {
		return err
	}
	if job == "" {
		if in.Response == "document" {
			result = tree{"result": result}
		}
		return send(c, mediaJSON, result)
	}
	if c.prefersAsync() {
		c.W.Header().Set("Preference-Applied", "respond-async")
	}
	return s.begun(c, http.StatusCreated, job)
}

// begun says where the job is that a request has begun.
func (s *Service) begun(c *Call, status int, job string) error {
	v, err := c.Runner.Job(c.R.Context(), job)
	if err != nil {
		return err
	}
	c.W.Header().Set("Location", c.Root+"/jobs/"+v.ID)
	b, err := plainJSON(v.info(c.Root))
	if err != nil {
		return err
	}
	return sendBytes(c, status, mediaJSON, append(b, '\n'))
}

// maxExecution bounds the body of an execution, in bytes.
const maxExecution = 2 << 20

func readExecution(c *Call, p process) (in execution, err error) {
	if media, _, _ := mime.ParseMediaType(c.R.Header.Get("Content-Type")); media != mediaJSON {
		return in, &Problem{Status: http.StatusUnsupportedMediaType, Kind: "ogc-media", Title: "不支持的内容类型 · Unsupported media type", Detail: "请求体应为 application/json。 The body is application/json."}
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.W, c.R.Body, maxExecution))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return in, &Problem{Status: http.StatusRequestEntityTooLarge, Kind: "too-large", Title: "请求体过大 · Too large", Detail: fmt.Sprintf("请求体不得超过 %d MB。 The body is too large.", maxExecution>>20)}
	}
	if err != nil {
		return in, fmt.Errorf("read an execution: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || d.More() {
		return in, bad("execution", "请求体应为 {\"inputs\": {…}}，可加 outputs、response。 The body is an object with inputs.")
	}
	if !slices.Contains([]string{"", "raw", "document"}, in.Response) {
		return in, bad("execution", "response 应为 raw 或 document。 response is raw or document.")
	}
	for name := range in.Outputs {
		if name != "result" {
			return in, bad("outputs", fmt.Sprintf("过程 %s 没有输出 %s，只有 result。 The process has no such output.", p.id, excerpt(name)))
		}
	}
	return in, p.check(in.Inputs)
}

// check refuses inputs that there are not and finds those that are missing, and
// takes values out of what may stand around them. An input by reference is never
// fetched.
func (p process) check(inputs map[string]json.RawMessage) error {
	known := make([]string, len(p.inputs))
	for i, in := range p.inputs {
		known[i] = in.name
		if _, given := inputs[in.name]; in.required && !given {
			return bad("inputs", fmt.Sprintf("过程 %s 缺少输入 %s（%s）。 An input is missing.", p.id, in.name, in.title))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		if !slices.Contains(known, name) {
			return bad("inputs", fmt.Sprintf("过程 %s 没有输入 %s；可用：%s。 The process has no such input.", p.id, excerpt(name), strings.Join(known, "、")))
		}
		var around map[string]json.RawMessage
		if json.Unmarshal(inputs[name], &around) != nil {
			continue
		}
		if _, reference := around["href"]; reference {
			return bad("inputs", fmt.Sprintf("输入 %s 不能用 href 引用，请直接给出值。 Inputs by reference are not fetched; send the value.", name))
		}
		if value, qualified := around["value"]; qualified {
			inputs[name] = value
		}
	}
	return nil
}

// info is the status document.
func (j Job) info(root string) tree {
	at := root + "/jobs/" + j.ID
	v := tree{"jobID": j.ID, "type": "process", "status": j.Status, "created": j.Created.UTC().Format(time.RFC3339), "progress": j.Progress}
	links := []link{{at, "self", mediaJSON, "任务状态 · status"}}
	if j.Status == "successful" {
		links = append(links, link{at + "/results", processesRel + "results", mediaJSON, "结果 · results"})
	}
	if j.Process != "" {
		v["processID"] = j.Process
	}
	if j.Message != "" {
		v["message"] = j.Message
	}
	if j.Started != nil {
		v["started"] = j.Started.UTC().Format(time.RFC3339)
	}
	if j.Finished != nil {
		v["finished"] = j.Finished.UTC().Format(time.RFC3339)
	}
	v["links"] = links
	return v
}

func (c *Call) noSuchJob() error {
	return c.processFault("no-such-job", "没有这个任务 · No such job", fmt.Sprintf("没有任务 %s。 No such job.", excerpt(c.Params["job"])))
}

// job finds the job of the address.
func (c *Call) job() (Job, error) {
	j, err := c.Runner.Job(c.R.Context(), c.Params["job"])
	if errors.Is(err, ErrNoJob) {
		return j, c.noSuchJob()
	}
	return j, err
}

// ErrNoJob says that there is no such job, or none that the caller may see.
var ErrNoJob = errors.New("no such job")

func (s *Service) showJob(c *Call) error {
	j, err := c.job()
	if err != nil {
		return err
	}
	return send(c, mediaJSON, j.info(c.Root))
}

func (s *Service) showResults(c *Call) error {
	j, err := c.job()
	if err != nil {
		return err
	}
	switch j.Status {
	case "successful":
	case "failed", "dismissed":
		return &Problem{Status: http.StatusUnprocessableEntity, Kind: "job-" + j.Status, Title: "任务没有结果 · The job has no results", Detail: j.Message}
	default:
		return c.processFault("result-not-ready", "结果尚未就绪 · Result not ready", fmt.Sprintf("任务 %s 尚未结束（%s）。 The job has not ended.", j.ID, j.Status))
	}
	result, err := c.Runner.Results(c.R.Context(), j.ID)
	if err != nil {
		return err
	}
	if file, ok := result.(download.File); ok {
		return sendFile(c, file)
	}
	return send(c, mediaJSON, tree{"result": result})
}
