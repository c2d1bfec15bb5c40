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

// Variable is the environment variable that names the guards to switch off, with commas.
const Variable = "KEFU_FAULTS"

// Off tells whether Variable names the guard.
func Off(name string) bool {
	return slices.Contains(strings.Split(os.Getenv(Variable), ","), name)
}
