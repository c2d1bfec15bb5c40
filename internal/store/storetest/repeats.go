package storetest

import (
	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

func testRepeats(f *fixture) {
	id, visitor := f.conversation(1)
	c := f.message(id, visitor, "once")
	first := f.must(c)
	f.must(f.message(id, visitor, "between"))
	f.reopen()
	again := f.must(c)
	if !again.Repeat || again.Answer != 0 || again.State.Seq != 4 || !cmp.Equal(again.Events, first.Events) {
		f.Errorf("the repeat gave %+v, want the events of %+v", again, first)
	}
	other := c
	other.Fingerprint = []byte("another body")
	_, err := f.try(other)
	f.refused(err, chat.ClientIDReused)
	elsewhere, _ := f.conversation(2)
	moved := c
	moved.Conversation = elsewhere
	_, err = f.try(moved)
	f.refused(err, chat.ClientIDReused)
	// The id is one sender's own: another may use it.
	theirs := f.message(id, ann, "mine")
	theirs.ClientID = c.ClientID
	if got := f.must(theirs); got.Repeat || got.Events[got.Answer].ClientID != c.ClientID {
		f.Errorf("the same client_id of another sender gave %+v", got)
	}
	// A command of several events is repeated by the one that answers it.
	resolved := command(id, ann, chat.Resolve(ann))
	f.must(resolved)
	if got := f.must(resolved); !got.Repeat || got.Events[0].Kind != chat.Resolution {
		f.Errorf("the repeated command gave %+v", got)
	}
	f.gapless(id, f.all(id))
	told, _ := f.heard()
	for _, c := range told {
		if c.Repeat {
			f.Error("the listener was told of a repeat")
		}
	}
}

// testRepeatsTogether queues the same command many times at once, for a new visitor too.
func testRepeatsTogether(f *fixture) {
	by := chat.Actor{Kind: chat.VisitorActor}
	id := newClientID()
	for round := range 3 {
		var outs []<-chan result
		for i := range 30 {
			c := chat.Change{
				Begin: &chat.Beginning{Site: site, SecretHash: secret(1)}, By: by, ClientID: id, Fingerprint: []byte("same"), Decide: chat.SendMessage(by, "same", f),
			}
			if i == 20 {
				c.Fingerprint = []byte("other")
			}
			outs = append(outs, f.submit(c))
		}
		for i, out := range outs {
			c, err := f.await(out)
			if i == 20 {
				f.refused(err, chat.ClientIDReused)
				continue
			}
			f.no(err)
			if first := round == 0 && i == 0; c.Repeat == first || c.Events[c.Answer].Seq != 2 {
				f.Fatalf("try %d of round %d gave %+v", i, round, c)
			}
		}
	}
}

// testNothingChanged repeats a command that had nothing to do.
func testNothingChanged(f *fixture) {
	id, _ := f.conversation(1)
	f.must(command(id, ann, chat.Take(ann)))
	take := command(id, ann, chat.Take(ann))
	for range 2 {
		c := f.must(take)
		if len(c.Events) != 0 || c.Answer != -1 || c.Repeat || c.State.Seq != 3 {
			f.Errorf("taking what is taken gave %+v", c)
		}
	}
	// Its client_id is still free.
	c := f.message(id, ann, "x")
	c.ClientID = take.ClientID
	if got := f.must(c); got.Repeat {
		f.Errorf("a command that changed nothing kept its client_id: %+v", got)
	}
}
