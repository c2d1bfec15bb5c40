//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// capSysAdmin is the bit of CAP_SYS_ADMIN in a capability mask (capabilities(7)).
const capSysAdmin = 21

// Available tells why this machine cannot mount, or nil. Callers print it with the part that they leave out.
func Available() error {
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("no usable /dev/fuse (%w): load the fuse module, or give the container the device", err)
	}
	if err := device.Close(); err != nil {
		return fmt.Errorf("closing /dev/fuse: %w", err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("cannot see whether this process may mount: %w", err)
	}
	return mayMount(string(status))
}

// mayMount reads the effective capabilities from the text of /proc/self/status.
func mayMount(status string) error {
	for line := range strings.Lines(status) {
		mask, found := strings.CutPrefix(line, "CapEff:")
		if !found {
			continue
		}
		caps, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		if err != nil {
			return fmt.Errorf("CapEff in /proc/self/status is not a hexadecimal mask: %w", err)
		}
		if caps&(1<<capSysAdmin) == 0 {
			return errors.New("mounting needs CAP_SYS_ADMIN: run as root, in a container with --cap-add SYS_ADMIN")
		}
		return nil
	}
	return errors.New("/proc/self/status has no CapEff line, so this process may not be allowed to mount")
}
