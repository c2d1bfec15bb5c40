//go:build race

package live_test

// Under the race detector each costs ten times as much.
const (
	crowdOf = 500 // how many come back at once
	courses = 40  // how many courses TestAnyCourse tries, unless told by -rapid.checks
)
