//go:build !race

package live_test

const (
	crowdOf = 5000 // how many come back at once
	courses = 100  // how many courses TestAnyCourse tries, unless told by -rapid.checks
)
