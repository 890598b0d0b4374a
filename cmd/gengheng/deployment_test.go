package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose reads the file as Compose does: interpolated, checked against
// the Compose schema and for references that lead nowhere.
func loadCompose(t *testing.T, content []byte) (*types.Project, error) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: "docker-compose.yml", Content: content}},
		Environment: types.Mapping{"GENGHENG_DB_PASSWORD": "x"},
	})
}

func readRoot(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// understood fails unless the program has the command with those flags.
func understood(t *testing.T, args []string) {
	t.Helper()
	parser, err := kong.New(&cli{}, kong.Name("gengheng"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Errorf("gengheng %s: %v", strings.Join(args, " "), err)
	}
}

func TestComposeFile(t *testing.T) {
	text := readRoot(t, "docker-compose.yml")
	project, err := loadCompose(t, text)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := project.ServiceNames(), []string{"db", "migrate", "serve", "work"}; !slices.Equal(got, want) {
		t.Fatalf("services %v, want %v", got, want)
	}
	for name, service := range project.Services {
		if service.Build == nil {
			continue
		}
		understood(t, service.Command)
		if service.Environment["DATABASE_URL"] == nil {
			t.Errorf("%s has no DATABASE_URL, and the image has no PostgreSQL of its own", name)
		}
	}
	for _, name := range []string{"serve", "work"} {
		if got := project.Services[name].DependsOn["migrate"].Condition; got != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s starts when migrate is %q: it would meet an old schema", name, got)
		}
	}
	for _, port := range project.Services["serve"].Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("port %s is open to the network without TLS", port.Published)
		}
	}
}

// The check must be able to fail.
func TestComposeCheckSeesFaults(t *testing.T) {
	text := string(readRoot(t, "docker-compose.yml"))
	for name, change := range map[string][2]string{
		"unknown attribute":     {"shm_size:", "shm_sise:"},
		"unknown dependency":    {"      db:\n        condition", "      database:\n        condition"},
		"unknown volume":        {"- database:/", "- databases:/"},
		"wrong type":            {"retries: 24", "retries: often"},
		"password not required": {"GENGHENG_DB_PASSWORD:?", "GENGHENG_OTHER_PASSWORD:?"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.ReplaceAll(text, change[0], change[1])
			if changed == text {
				t.Fatalf("docker-compose.yml has no %q", change[0])
			}
			if _, err := loadCompose(t, []byte(changed)); err == nil {
				t.Error("the fault was not seen")
			}
		})
	}
}

func TestDockerfile(t *testing.T) {
	text := string(readRoot(t, "Dockerfile"))
	command := regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindStringSubmatch(text)
	if command == nil {
		t.Fatal("no CMD in exec form")
	}
	var args []string
	if err := json.Unmarshal([]byte(command[1]), &args); err != nil {
		t.Fatal(err)
	}
	understood(t, args)

	image := regexp.MustCompile(`(?m)^FROM golang:(\d+\.\d+)-`).FindStringSubmatch(text)
	module := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(readRoot(t, "go.mod")))
	if image == nil || module == nil || image[1] != module[1] {
		t.Errorf("the image builds with Go %v, go.mod asks for %v", image, module)
	}
}
