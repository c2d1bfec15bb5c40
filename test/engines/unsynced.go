package engines

import (
	"path/filepath"
	"strings"
)

// unsynced is the environment of a database server that waits for no disk, by
// libeatmydata (Debian's libeatmydata1), where it is installed: what a process has
// written outlives its being killed, and no test cuts a server's power. To make a
// schema in MariaDB syncs so often that it takes minutes on a disk that is busy.
func unsynced(env []string) []string {
	libraries, _ := filepath.Glob("/usr/lib/*/libeatmydata.so")
	if len(libraries) == 0 {
		return env
	}
	const preload = "LD_PRELOAD="
	own := preload + libraries[0]
	var others []string
	for _, setting := range env {
		if strings.HasPrefix(setting, preload) {
			own = setting + ":" + libraries[0] // a Clock's library has to be the first
		} else {
			others = append(others, setting)
		}
	}
	return append(others, own)
}
