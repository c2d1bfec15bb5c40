package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is Linux's USER_HZ, the unit of times in /proc/PID/stat.
const ticksPerSecond = 100

// cpuOf is the CPU time that a process has used, all its threads, to 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return parseCPU(string(text))
}

// parseCPU reads utime and stime, the fields 14 and 15. The second field, the
// program's name in brackets, may hold anything.
func parseCPU(stat string) (time.Duration, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, fmt.Errorf("%.80q is no /proc/PID/stat", stat)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("read /proc/PID/stat: %w", err)
	}
	return time.Duration(user+system) * (time.Second / ticksPerSecond), nil
}

// Memory is what a process holds, in KiB.
type Memory struct {
	RSS       int64 `json:"rss_kib"`       // resident, shared pages of the program included
	Anonymous int64 `json:"anonymous_kib"` // resident and its own
	Threads   int64 `json:"threads"`
}

// plus is the memory of several processes together.
func (m Memory) plus(more *Memory) *Memory {
	if more != nil {
		m.RSS, m.Anonymous, m.Threads = m.RSS+more.RSS, m.Anonymous+more.Anonymous, m.Threads+more.Threads
	}
	return &m
}

func memoryOf(pid int) (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return parseMemory(string(text))
}

func parseMemory(status string) (Memory, error) {
	var m Memory
	wanted := map[string]*int64{"VmRSS": &m.RSS, "RssAnon": &m.Anonymous, "Threads": &m.Threads}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		field, ok := wanted[name]
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return m, fmt.Errorf("read %s of /proc/PID/status: %w", name, err)
		}
		*field = n
		delete(wanted, name)
	}
	if len(wanted) > 0 {
		return m, fmt.Errorf("%.80q is no /proc/PID/status of a running process", status)
	}
	return m, nil
}
