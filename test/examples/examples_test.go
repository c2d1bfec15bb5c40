//go:build linux

// Package examples holds the folders under examples/ to what they promise: the
// compose files are sound, and what they start, with the same settings and
// commands, is a cluster through which a visitor and an agent talk.
package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// secrets are what whoever starts an example chooses.
var secrets = map[string]string{
	"POSTGRES_PASSWORD": "postgres-password", "MYSQL_PASSWORD": "mysql-password",
	"REDIS_PASSWORD": "redis-password", "MESH_SECRET": "a-secret-for-the-mesh",
}

// composed is a compose file as docker-compose understands it.
type composed struct {
	Services map[string]service
}

type service struct {
	Image       string
	Command     []string
	Environment map[string]string
	Volumes     []string
	StopGrace   string `yaml:"stop_grace_period"`
}

// config is what "docker-compose config" makes of an example.
func config(t *testing.T, example string) composed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), engines.Find(t, "docker-compose"), "-f", "compose.yaml", "config")
	cmd.Dir = filepath.Join("../../examples", example)
	for name, value := range secrets {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("docker-compose config: %v\n%s", err, out)
	}
	var c composed
	if err := yaml.Unmarshal(out, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// nodes are the settings of an example's nodes, in the order of their names.
func (c composed) nodes(t *testing.T) []service {
	t.Helper()
	var all []service
	for i := 1; ; i++ {
		s, ok := c.Services[fmt.Sprint("kefu", i)]
		if !ok {
			break
		}
		all = append(all, s)
	}
	if len(all) != 3 {
		t.Fatalf("the example has %d nodes, want 3", len(all))
	}
	return all
}

// A secret that nobody chose stops docker-compose, and is named.
func TestNoExampleHasAPasswordOfItsOwn(t *testing.T) {
	for _, example := range []string{"mesh-postgres", "redis-mysql", "rocketmq-redis-mysql"} {
		cmd := exec.CommandContext(t.Context(), engines.Find(t, "docker-compose"), "-f", "compose.yaml", "config")
		cmd.Dir = filepath.Join("../../examples", example)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "choose one") {
			t.Errorf("%s without secrets: %v, %s", example, err, out)
		}
	}
}
