//go:build linux

package scenario

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/test/engines"
	"github.com/kefu-chat/kefu/test/powercut"
)

// patience is how long a test waits for what must come. It is generous: on a
// busy machine the tests are slow, not wrong.
const patience = 60 * time.Second

// rig is what all tests of a run share.
var rig struct {
	dir      string
	plain    func() (string, error)        // the program
	faulty   func() (string, error)        // the program with guards that can be switched off
	template func() (*installation, error) // a data folder with an owner, agents and a site
}

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kefu-scenario-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	rig.dir = dir
	rig.plain = sync.OnceValues(func() (string, error) { return build("kefu") })
	rig.faulty = sync.OnceValues(func() (string, error) { return build("kefu-faults", "-tags", "faults") })
	rig.template = sync.OnceValues(makeTemplate)
	code := m.Run()
	engines.End()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

func build(name string, flags ...string) (string, error) {
	out := filepath.Join(rig.dir, name)
	args := append([]string{"build", "-o", out}, flags...)
	cmd := exec.CommandContext(context.Background(), "go", append(args, "../../cmd/kefu")...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w: %s", err, text)
	}
	return out, nil
}

// needDisk leaves a test out where no disk that fails can be mounted, which is a failure with CI=true.
func needDisk(t *testing.T) {
	t.Helper()
	if err := powercut.Available(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("left out: ", err)
	}
}
