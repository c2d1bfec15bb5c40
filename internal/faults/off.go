//go:build !faults

// Package faults lets a test build switch off the guards that keep Kefu's
// promises, to show that the checker notices. In every other build all of them
// are on.
package faults

import "time"

// Off tells whether the guard is switched off: never in this build.
func Off(string) bool { return false }

// Variable is the environment variable that names the guards: none in this build.
const Variable = ""

// Now is the time of this process.
func Now() time.Time { return time.Now() }
