//go:build race

package live_test

// Under the race detector each costs ten times as much.
const (
	crowdOf = 500 // how many come back at once
	courses = 40  // how many of them a property is tried with, unless -rapid.checks says so
)
