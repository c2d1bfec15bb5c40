package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// lockFile holds the lock of a data folder; it stays when the lock is gone.
const lockFile = "kefu.lock"

// LockFolder makes sure that one server uses a data folder. The lock ends with
// unlock or with the process, however that ends.
func LockFolder(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{}); err != nil {
		_ = f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, fmt.Errorf("the data folder %s is in use by another running server: stop that one, or name another folder", dir)
		}
		return nil, fmt.Errorf("lock the data folder %s: %w", dir, err)
	}
	return f.Close, nil
}
