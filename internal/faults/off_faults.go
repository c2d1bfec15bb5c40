//go:build faults

// Package faults lets a test build switch off the guards that keep Kefu's
// promises, to show that the checker notices. In every other build all of them
// are on.
package faults

import (
	"os"
	"slices"
	"strings"
)

// Off tells whether the variable KEFU_FAULTS, a list with commas, names the guard.
func Off(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("KEFU_FAULTS"), ","), name)
}
