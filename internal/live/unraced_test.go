//go:build !race

package live_test

// crowdOf is how many come back at once.
const crowdOf = 5000
