//go:build linux

package examples

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/test/engines"
)

// street knows where the services of an example are on this machine.
type street struct {
	t       *testing.T
	program string
	hosts   map[string]string // host:port of the compose file, and where that is here
}

// The services of each example run as processes, with the settings and commands of
// the compose file and nginx's own configuration: a visitor and an agent talk through them.
func TestExamplesRun(t *testing.T) {
	program := filepath.Join(t.TempDir(), "kefu")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/kefu").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, example := range []string{"mesh-postgres", "redis-mysql", "rocketmq-redis-mysql"} {
		t.Run(example, func(t *testing.T) {
			s := &street{t: t, program: program, hosts: map[string]string{}}
			c := config(t, example)
			s.startEngines(c)
			link := s.startNodes(c)
			talk(t, s.startNginx(), link)
		})
	}
}

func (s *street) here(host string, port int) { s.hosts[host] = "127.0.0.1:" + strconv.Itoa(port) }

// translate puts this machine's addresses in the place of the compose file's hosts.
func (s *street) translate(text string) string {
	for host, here := range s.hosts {
		text = strings.ReplaceAll(text, host, here)
	}
	return text
}

func (s *street) startEngines(c composed) {
	s.t.Helper()
	if _, ok := c.Services["postgres"]; ok {
		p := engines.SharedPostgreSQL(s.t)
		p.Make(s.t, c.Services["postgres"].Environment["POSTGRES_USER"], c.Services["postgres"].Environment["POSTGRES_PASSWORD"], "kefu")
		s.here("postgres:5432", p.Port)
	}
	if e, ok := c.Services["mysql"]; ok {
		m := engines.StartMariaDB(s.t)
		m.Make(s.t, e.Environment["MARIADB_USER"], e.Environment["MARIADB_PASSWORD"], e.Environment["MARIADB_DATABASE"])
		s.here("mysql:3306", m.Port)
	}
	if r, ok := c.Services["redis"]; ok {
		s.here("redis:6379", engines.StartRedis(s.t, r.Command[1:]...).Port)
	}
	if _, ok := c.Services["namesrv"]; ok {
		s.hosts["namesrv:9876"] = engines.SharedRocketMQ(s.t, "5.5.0").Names()[0]
	}
}

// startNodes starts the nodes together, and gives the link to set them up.
func (s *street) startNodes(c composed) (link string) {
	s.t.Helper()
	nodes := c.nodes(s.t)
	for i := range nodes {
		s.here(fmt.Sprintf("kefu%d:8080", i+1), engines.FreePort(s.t))
		s.here(fmt.Sprintf("kefu%d:6222", i+1), engines.FreePort(s.t))
	}
	var outs []*output
	for i, n := range nodes {
		env := []string{"PATH=" + os.Getenv("PATH")}
		for name, value := range n.Environment {
			switch name {
			case "KEFU_LISTEN":
				value = s.hosts[fmt.Sprintf("kefu%d:8080", i+1)]
			case "KEFU_MESH_LISTEN":
				value = s.hosts[fmt.Sprintf("kefu%d:6222", i+1)]
			case "KEFU_ADMIN_LISTEN":
				value = "127.0.0.1:" + strconv.Itoa(engines.FreePort(s.t))
			case "KEFU_TRUSTED_PROXIES":
				value = "127.0.0.0/8"
			}
			env = append(env, name+"="+s.translate(value))
		}
		outs = append(outs, s.startNode(n, env))
	}
	for _, o := range outs {
		found := o.await(s.t, regexp.MustCompile(`/setup#(\S+)|Console`))
		if found[1] != "" && link == "" {
			link = found[1]
		}
	}
	if link == "" {
		s.t.Fatal("no node printed a link")
	}
	return link
}

func (s *street) startNode(n service, env []string) *output {
	s.t.Helper()
	cmd := exec.Command(s.program, n.Command...)
	o := &output{}
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = env, o, o, s.t.TempDir()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Log(o.String())
		}
	})
	return o
}

// startNginx starts nginx with the example's configuration, and gives its address.
func (s *street) startNginx() string {
	s.t.Helper()
	conf, err := os.ReadFile("../../examples/nginx/kefu.conf")
	if err != nil {
		s.t.Fatal(err)
	}
	port := engines.FreePort(s.t)
	site := strings.Replace(s.translate(string(conf)), "listen 80;", fmt.Sprintf("listen 127.0.0.1:%d;", port), 1)
	dir := s.t.TempDir()
	text := fmt.Sprintf("daemon off; pid %s/pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text+site+"\n}\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	p, err := engines.Start("nginx", engines.Spec{
		Path: engines.Find(s.t, "nginx", "/usr/sbin"), Dir: dir, Ready: engines.Listening(port),
		Args: []string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-g", userOf()},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Kill)
	return "127.0.0.1:" + strconv.Itoa(port)
}

// userOf keeps nginx's workers as who they are started by: they read a private folder.
func userOf() string {
	if os.Getuid() == 0 {
		return "user root;"
	}
	return ""
}

// talk sets the installation up through nginx; then a visitor writes and an agent answers.
func talk(t *testing.T, address, link string) {
	t.Helper()
	base := "http://" + address
	var entered struct{}
	cookie := post(t, base+"/api/v1/setup", "", map[string]any{
		"secret": link, "name": "Olive", "email": "olive@example.com", "password": "correct horse battery", "site": "Shop",
	}, &entered)
	var logins struct {
		LogIns []struct{ Address string } `json:"log_ins"`
	}
	get(t, base+"/api/v1/me/log-ins", cookie, &logins)
	if len(logins.LogIns) != 1 || logins.LogIns[0].Address != "127.0.0.1" {
		t.Errorf("the log-ins are %+v: want one from 127.0.0.1, whatever its X-Forwarded-For said", logins.LogIns)
	}
	var sites struct{ Sites []struct{ Key string } }
	get(t, base+"/api/v1/sites", cookie, &sites)
	if len(sites.Sites) != 1 {
		t.Fatalf("%d sites", len(sites.Sites))
	}
	header := http.Header{"Origin": {base}}
	heard := make(chan string, 16)
	v := client.StartVisitor(t.Context(), client.Config{URL: "ws://" + address + "/ws/v1/visitor", Header: header, Observer: client.Observer{
		Event: func(_ *client.Conversation, e *client.Event) { heard <- e.Text() },
	}}, sites.Sites[0].Key, client.NewSecret())
	t.Cleanup(v.Close)
	agent := header.Clone()
	agent.Set("Cookie", cookie)
	a := client.StartAgent(t.Context(), client.Config{URL: "ws://" + address + "/ws/v1/agent", Header: agent})
	t.Cleanup(a.Close)
	hello := v.Send("Hello 你好")
	within(t, "the ack of a message", hello.Done())
	within(t, "the ack of the reply", a.Send(hello.AckedIn, "Answered").Done())
	deadline := time.After(patience)
	for {
		select {
		case text := <-heard:
			if text == "Answered" {
				return
			}
		case <-deadline:
			t.Fatal("the reply did not reach the visitor")
		}
	}
}

const patience = 60 * time.Second

func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
	}
}

func post(t *testing.T, url, cookie string, in, out any) string {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return call(t, http.MethodPost, url, cookie, bytes.NewReader(body), out)
}

func get(t *testing.T, url, cookie string, out any) { call(t, http.MethodGet, url, cookie, nil, out) }

func call(t *testing.T, method, url, cookie string, body io.Reader, out any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Forwarded-For", "198.51.100.9") // forged: nginx is the first proxy
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %s %v", method, url, answer.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	for _, c := range answer.Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	return cookie
}
