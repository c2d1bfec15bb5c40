package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Nginx is a real nginx in front of nodes, as a careless hand sets one up: it
// buffers answers, passes each request on to the next node, and lets no
// WebSocket through.
type Nginx struct {
	*Process
	Port int
}

// Address is where clients find it: 127.0.0.1:PORT.
func (n *Nginx) Address() string { return "127.0.0.1:" + strconv.Itoa(n.Port) }

// NginxSpec says what is in front of what.
type NginxSpec struct {
	// Nodes are the addresses that requests go to in turn.
	Nodes []string
	// Deaf: the server's word that an answer must not be held back is not heard either.
	Deaf bool
}

// StartNginx starts an nginx of the test's own, which ends with the test.
func StartNginx(t testing.TB, spec NginxSpec) *Nginx {
	t.Helper()
	path, port, dir := Find(t, "nginx", "/usr/sbin"), FreePort(t), t.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(nginxConfig(dir, port, spec)), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Start("nginx", Spec{Path: path, Args: []string{"-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log")}, Dir: dir, Ready: Listening(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return &Nginx{Process: p, Port: port}
}

func nginxConfig(dir string, port int, spec NginxSpec) string {
	var nodes, deaf strings.Builder
	for _, node := range spec.Nodes {
		fmt.Fprintf(&nodes, "server %s max_fails=0; ", node)
	}
	if spec.Deaf {
		deaf.WriteString("proxy_ignore_headers X-Accel-Buffering;")
	}
	return fmt.Sprintf(`
daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  upstream nodes { %[3]s keepalive 64; }
  server {
    listen 127.0.0.1:%[2]d;
    location /ws/ { return 403; }
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_buffering on;
      proxy_buffers 16 64k;
      %[4]s
    }
  }
}
`, dir, port, nodes.String(), deaf.String())
}
