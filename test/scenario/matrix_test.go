//go:build linux

package scenario

import (
	"slices"
	"strings"
	"testing"
)

// Each database and each bus has a place in every run; what is left to the long
// matrix is said by name (test/run prints it).
func TestEveryEngineHasAPlace(t *testing.T) {
	here := pairs()
	for _, p := range allPairs() {
		bus, _, _ := strings.Cut(p.bus, " ") // whatever the version
		if !slices.ContainsFunc(here, func(o pair) bool { return o.database == p.database }) {
			t.Errorf("no pair has the database %s", p.database)
		}
		if !slices.ContainsFunc(here, func(o pair) bool { return strings.HasPrefix(o.bus, bus) }) {
			t.Errorf("no pair has the bus %s", bus)
		}
		if !slices.Contains(here, p) {
			t.Logf("left out: people on different nodes over %s", p)
		}
	}
	if !wholeMatrix() {
		t.Logf("left out: outages and frozen nodes of a minute (%s here), an absent agent after a clock was set back, 5,000 who come back at once (1,500 here)", outage())
	}
}
