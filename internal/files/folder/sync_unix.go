//go:build unix

package folder

import "os"

func syncFolder(d *os.File) error { return d.Sync() }
