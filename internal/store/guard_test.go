package store

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTheLockIsAGuard switches the lock of the heads off: the tests of two nodes
// must turn red.
func TestTheLockIsAGuard(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the tests once more")
	}
	t.Parallel()
	program := filepath.Join(t.TempDir(), "store.test")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-tags", "faults", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := func(off string) (string, error) {
		cmd := exec.CommandContext(ctx, program, "-test.run", "^TestTwoNodes$/./^(Lock|Numbering|Marks)$", "-test.v")
		cmd.Env = append(os.Environ(), "KEFU_FAULTS="+off)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(""); err != nil {
		t.Fatalf("with all guards on: %v: %s", err, out)
	}
	out, err := run("lock")
	if err == nil {
		t.Fatal("without the lock, nothing was found")
	}
	for _, s := range servers(t) {
		if !strings.Contains(out, "--- FAIL: TestTwoNodes/"+s.name+"/") {
			t.Errorf("without the lock, %s passed: %s", s.name, out)
		}
	}
}
