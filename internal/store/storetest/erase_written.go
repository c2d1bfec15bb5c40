package storetest

import (
	"context"
	"sync"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// testTwoEraseWritten erases visitors at one node who write at the other all the time:
// some of their messages wait for a conversation that is removed then. Somebody anonymous
// is somebody new from then on, and somebody verified is told that the log-in has ended.
func testTwoEraseWritten(p *pair) {
	for n := range races {
		verified := n%2 == 1
		begin, by := &chat.Beginning{Site: site, SecretHash: secret(500 + n)}, chat.Actor{Kind: chat.VisitorActor}
		if verified {
			v := p.vouched(n)
			begin = &chat.Beginning{Site: site, SecretHash: v.Hash[:], Visitor: v.ID, Profile: chat.Profile{Vouched: &v.Vouched}}
		}
		says := func() chat.Change {
			return chat.Change{Begin: begin, By: by, ClientID: newClientID(), Fingerprint: []byte("x"), Decide: chat.SendMessage(by, "hello", p)}
		}
		first := p.must(says())
		answers, over := make(chan error, 1000), make(chan struct{})
		var writing sync.WaitGroup
		for range 4 {
			writing.Go(func() {
				for ended := false; !ended; {
					_, err := p.try(says())
					select {
					case answers <- err:
					case <-over:
						ended = true
					}
				}
			})
		}
		eraser, _, _ := p.second.eraser(&journal{})
		_, err := eraser.Erase(context.WithoutCancel(p.Context()), audit.By{Actor: ann.Ref()}, site, first.Conversation.Visitor)
		p.no(err)
		close(over)
		writing.Wait()
		close(answers)
		for err := range answers {
			if err != nil && !(verified && chat.CodeOf(err) == identity.LogInEnded) {
				p.Errorf("verified %t: whoever wrote is answered %v", verified, err)
			}
		}
	}
}
