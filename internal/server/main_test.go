package server_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/test/engines"
)

// tests end what the tests of this process share before anybody looks for what is left.
type tests struct{ *testing.M }

func (t tests) Run() int { return engines.Main(t.M) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }
