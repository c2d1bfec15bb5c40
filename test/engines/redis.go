package engines

import (
	"os"
	"strconv"
	"testing"
)

// Redis is a real redis-server.
type Redis struct {
	*Process
	Port int
}

// URL is how a client connects: redis://127.0.0.1:PORT.
func (r *Redis) URL() string { return "redis://127.0.0.1:" + strconv.Itoa(r.Port) }

// StartRedis starts a server of the test's own, with further arguments such as
// "--requirepass x". It ends with the test.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	path, port := Find(t, "redis-server"), FreePort(t)
	args = append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)
	p, err := Start("redis-server", Spec{Path: path, Args: args, Dir: os.TempDir(), Ready: Listening(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return &Redis{Process: p, Port: port}
}
