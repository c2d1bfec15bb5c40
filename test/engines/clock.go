package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Clock is the clock of a server's process, as libfaketime shows it. It goes right until Set.
type Clock struct {
	file    string
	library string
}

// NewClock makes a clock for servers to be started with its Env.
func NewClock(t testing.TB) *Clock {
	t.Helper()
	libraries, _ := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	if len(libraries) == 0 {
		Missing(t, "libfaketime")
	}
	dir, err := os.MkdirTemp("", "kefu-clock-") // the server is another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := &Clock{file: filepath.Join(dir, "clock"), library: libraries[0]}
	c.Set(t, 0)
	return c
}

// Env is what a server is started with.
func (c *Clock) Env() []string {
	return []string{
		"LD_PRELOAD=" + c.library, "FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_NO_CACHE=1",
		"FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_RESET=1",
	}
}

// Set puts the clock ahead, or back, by so much from now on.
func (c *Clock) Set(t testing.TB, ahead time.Duration) {
	t.Helper()
	if err := os.WriteFile(c.file, fmt.Appendf(nil, "%+d\n", int(ahead/time.Second)), 0o644); err != nil {
		t.Fatal(err)
	}
}
