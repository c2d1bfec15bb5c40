//go:build linux

package scenario

import (
	"fmt"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/test/checker"
)

// Each guard is switched off in turn, and the scenario that needs it is run: the
// checker must turn red, by the promise that the guard keeps. With all guards
// on, the same scenario of the same program is green.
func TestGuards(t *testing.T) {
	t.Parallel()
	for _, guard := range []struct {
		name string
		runs func(t *testing.T, off string) []checker.Violation
		want []checker.Promise
	}{
		{"dedupe", lostAcks, []checker.Promise{checker.Once}},
		{"gap_fill", lostDeliveries, []checker.Promise{checker.Complete}},
		{"fsync", cutPower, []checker.Promise{checker.Kept}},
		{"publish_before_commit", failCommits, []checker.Promise{checker.Kept, checker.Committed}},
	} {
		t.Run(guard.name, func(t *testing.T) {
			t.Parallel()
			t.Run("on", func(t *testing.T) {
				if found := guard.runs(t, ""); len(found) > 0 {
					t.Errorf("with all guards on the checker found:\n%s", checker.Say(found))
				}
			})
			t.Run("off", func(t *testing.T) {
				found := guard.runs(t, guard.name)
				if !checker.Broken(found, guard.want...) {
					t.Errorf("without %s the checker found:\n%s\nwant one of %v", guard.name, checker.Say(found), guard.want)
				}
			})
		})
	}
}

// lostAcks: a visitor and an agent whose acks are lost, every third, so that they send again.
func lostAcks(t *testing.T, off string) []checker.Violation {
	s := newFaulty(t, off)
	s.start()
	deaf := func(cfg *client.Config) {
		n := 0
		cfg.AcksOnly = true
		cfg.Hear = func(kind string, _ []byte) bool {
			if kind == "ack" {
				n++
			}
			return kind != "ack" || n%3 != 0
		}
	}
	v := s.visitor("visitor", client.NewSecret(), client.Observer{}, deaf)
	a := s.agent(s.in.agents[0], client.Observer{}, deaf)
	for i := range 10 {
		c := say(t, v.Send(fmt.Sprint("message ", i))).AckedIn
		say(t, a.Send(c, fmt.Sprint("reply ", i)))
	}
	if s.h.Repeated() == 0 {
		t.Error("nothing was sent again")
	}
	v.Close()
	a.Close()
	s.stop()
	return checker.Check(s.h, s.read(), checker.Expect{Settled: true})
}

// lostDeliveries: nothing is delivered after its commit; only the reading of gaps brings it.
func lostDeliveries(t *testing.T, off string) []checker.Violation {
	s := newFaulty(t, lost+","+off)
	s.start()
	v := s.visitor("visitor", client.NewSecret(), client.Observer{}, nil)
	c := say(t, v.Send("Hello")).AckedIn
	a := s.agent(s.in.agents[0], client.Observer{}, nil)
	copy := a.Open(c, true)
	eventually(t, behind(copy, 2))
	last := int64(0)
	for i := range 5 {
		last = say(t, v.Send(fmt.Sprint("message ", i))).Ack.N
	}
	_ = within(5*time.Second+slack, func() string { // what is missing then, the checker tells
		return behind(copy, last)() + behind(v.Conversation(), last)()
	})
	v.Close()
	a.Close()
	s.stop()
	return checker.Check(s.h, s.read(), checker.Expect{Settled: true, CaughtUp: true})
}

// cutPower: the power fails while messages are acked.
func cutPower(t *testing.T, off string) []checker.Violation {
	program, err := rig.faulty()
	if err != nil {
		t.Fatal(err)
	}
	d := newDisk(t, program, variable+"="+off)
	d.start()
	c := newCrowd(d.server, 8, 2, nil)
	c.await(100)
	d.must(d.fs.Cut())
	d.p.kill()
	c.still.Store(true)
	c.close()
	return checker.Check(d.h, d.look(), checker.Expect{})
}

// failCommits: commits fail for a while, because the disk does not sync.
func failCommits(t *testing.T, off string) []checker.Violation {
	program, err := rig.faulty()
	if err != nil {
		t.Fatal(err)
	}
	d := newDisk(t, program, variable+"="+off)
	d.start()
	c := newCrowd(d.server, 8, 2, nil)
	c.await(50)
	d.fs.SetFull(0)
	begun := d.h.Repetitions() + d.h.Acked()
	eventually(t, func() string { // they send again, or believe what they are told
		if n := d.h.Repetitions() + d.h.Acked() - begun; n < 30 {
			return fmt.Sprintf("%d acks and repetitions on a full disk", n)
		}
		return ""
	})
	d.must(d.fs.Cut())
	d.p.kill()
	c.still.Store(true)
	c.close()
	return checker.Check(d.h, d.look(), checker.Expect{})
}
