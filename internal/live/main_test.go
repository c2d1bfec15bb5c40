package live_test

import (
	"flag"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/test/engines"
)

// tests end what the tests of this process share before anybody looks for what is left.
type tests struct{ *testing.M }

func (t tests) Run() int { return engines.Main(t.M) }

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", strconv.Itoa(courses)); err != nil { // a flag on the command line is read later, and wins
		panic(err)
	}
	goleak.VerifyTestMain(tests{m})
}
