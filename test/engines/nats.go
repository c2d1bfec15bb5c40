package engines

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
)

// NATS is a real nats-server.
type NATS struct {
	*Process
	Port int
}

var natsProgram shared[string]

// StartNATS starts a server of the test's own, with further arguments such as
// "--auth", "token". It ends with the test.
func StartNATS(t testing.TB, args ...string) *NATS {
	t.Helper()
	path, port := NATSProgram(t), FreePort(t)
	args = append([]string{"--addr", "127.0.0.1", "--port", strconv.Itoa(port)}, args...)
	p, err := Start("nats-server", Spec{Path: path, Args: args, Dir: filepath.Dir(path), Ready: Listening(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return &NATS{Process: p, Port: port}
}

// URL is how a client connects.
func (n *NATS) URL() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.Port) }

// NATSProgram is the path of nats-server, built from the module that Kefu has in it anyway.
func NATSProgram(t testing.TB) string {
	t.Helper()
	return natsProgram.get(t, func() (string, error) {
		dir, err := folderFor("nats", "")
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, "nats-server")
		return path, run("", Find(t, "go"), "build", "-o", path, "github.com/nats-io/nats-server/v2")
	})
}
