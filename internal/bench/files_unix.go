//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// roomForFiles makes sure that this process may have n files open. A server
// that is written in Go raises its own limit, up to the same bound.
func roomForFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Max < uint64(n) {
		return fmt.Errorf("%d files have to be open, and this shell allows %d: raise it (ulimit -Hn %d) or take fewer connections", n, limit.Max, n)
	}
	if limit.Cur >= uint64(n) {
		return nil
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}
