package bench

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Machine is where figures come from: without it they mean nothing.
type Machine struct {
	Cores      int    `json:"cores"`
	Model      string `json:"model"`
	Kernel     string `json:"kernel"`
	FileSystem string `json:"file_system"` // of the database's folder
	Go         string `json:"go"`
}

// machineOf describes this machine, and the file system of a folder.
func machineOf(folder string) Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Model: runtime.GOARCH, Kernel: runtime.GOOS, FileSystem: "unknown"}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.Model = modelOf(string(text), m.Model)
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = runtime.GOOS + " " + strings.TrimSpace(string(text))
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if real, resolved := filepath.EvalSymlinks(folder); err == nil && resolved == nil {
		m.FileSystem = fileSystemOf(string(mounts), real)
	}
	return m
}

func modelOf(cpuinfo, otherwise string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return otherwise
}

// fileSystemOf finds the type of the mount with the longest path above folder;
// of two at the same place the later one hides the earlier.
func fileSystemOf(mountinfo, folder string) string {
	kind, longest := "unknown", -1
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(tail) < 1 {
			continue
		}
		at := fields[4]
		above := at == "/" || folder == at || strings.HasPrefix(folder, at+"/")
		if above && len(at) >= longest {
			kind, longest = tail[0], len(at)
		}
	}
	return kind
}
