//go:build faults

// Package faults lets a test build switch off the guards that keep Kefu's
// promises, to show that the checker notices. In every other build all of them
// are on.
package faults

import (
	"os"
	"slices"
	"strings"
	"time"
)

// Variable is the environment variable that names the guards to switch off, with commas.
const Variable = "KEFU_FAULTS"

// Off tells whether Variable names the guard.
func Off(name string) bool {
	return slices.Contains(strings.Split(os.Getenv(Variable), ","), name)
}

// begun is when the process began; only test builds have it.
var begun = time.Now() //nolint:gochecknoglobals // the start of a process is its own

// How a clock is wrong: some seconds after the start it is set back.
const (
	clockHolds = 15 * time.Second
	clockBack  = 2 * time.Hour
)

// Now is the time of this process; with "clock" switched off it is set back two
// hours while the process runs.
func Now() time.Time {
	now := time.Now()
	if Off("clock") && now.Sub(begun) > clockHolds {
		return now.Round(0).Add(-clockBack) // as an application sees it: without what went on monotonically
	}
	return now
}
