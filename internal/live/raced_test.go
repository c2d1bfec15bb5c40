//go:build race

package live_test

// crowdOf is how many come back at once: under the race detector each costs ten times as much.
const crowdOf = 500
