package live_test

import (
	"flag"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", strconv.Itoa(courses)); err != nil { // a flag on the command line is read later, and wins
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
