//go:build !race

package live_test

const (
	crowdOf = 5000 // how many come back at once
	courses = 100  // how many of them a property is tried with, unless -rapid.checks says so
)
