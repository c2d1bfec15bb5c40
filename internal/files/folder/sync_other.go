//go:build !unix

package folder

import "os"

// syncFolder does nothing: here a folder cannot be synced by itself.
func syncFolder(*os.File) error { return nil }
