//go:build linux

package scenario

import (
	"math/rand/v2"
	"testing"

	"github.com/kefu-chat/kefu/test/checker"
)

const kills = 20

// Twenty times kill -9 while 80 visitors and 20 agents send and retry: every
// acked message is there once, everybody sees every event once, in order.
func TestKill(t *testing.T) {
	s := newServer(t, loose...)
	s.start()
	rng := rand.New(rand.NewPCG(3, 1))
	c := newCrowd(s, 80, 20, nil)
	for range kills {
		c.await(100 + rng.IntN(300))
		s.p.kill()
		s.start()
	}
	c.await(100)
	c.rest()
	c.close()
	s.stop()
	s.mustHold(checker.Expect{Settled: true, CaughtUp: true})
	if s.h.Repeated() < kills {
		t.Errorf("only %d commands were sent again: the kills came at the wrong time", s.h.Repeated())
	}
	t.Logf("%d commands, %d sent more than once", s.h.Acked(), s.h.Repeated())
}
