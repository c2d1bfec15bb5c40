package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// RunTwo checks two stores, of two nodes, on one database: open is called twice
// with the same place.
func RunTwo(t *testing.T, open Open) {
	for name, test := range map[string]func(*pair){
		"Reopen":    testTwoReopen,
		"Numbering": testTwoNumbering,
		"Repeats":   testTwoRepeats,
		"Reused":    testTwoReused,
		"Begin":     testTwoBegin,
		"Stale":     testTwoStale,
		"Marks":     testTwoMarks,
		"Truncate":  testTwoTruncate,
		"Lock":      testTwoLock,
		"Carry":     testTwoCarry,

		"EraseFirst":   testTwoEraseFirst,
		"EraseWritten": testTwoEraseWritten,
	} {
		t.Run(name, func(t *testing.T) { test(newPair(t, open)) })
	}
	for _, r := range twoRaces() {
		t.Run(r.name, func(t *testing.T) { r.run(newPair(t, open)) })
	}
}

// pair is a database with two nodes. The fixture's own store is the first one's.
type pair struct {
	*fixture
	second *fixture
}

func newPair(t *testing.T, open Open) *pair {
	p := &pair{fixture: newFixture(t, open), second: &fixture{TB: t, T: t, open: open}}
	p.second.clock.Store(start)
	p.second.o = p.fixture.o
	p.second.o.Committed, p.second.o.Marked, p.second.o.Commit = p.second.hear, p.second.hearMarks, p.second.wrapCommit
	p.second.store = open(t, p.second.o)
	t.Cleanup(func() {
		if err := p.second.store.Close(); err != nil {
			t.Errorf("close the second store: %v", err)
		}
	})
	return p
}

// race submits one change at each node at once, and tells who won and why the
// other did not.
func (p *pair) race(first, second chat.Change) (won int, lost error) {
	p.Helper()
	a, b := p.submit(first), p.second.submit(second)
	_, errA := p.await(a)
	_, errB := p.await(b)
	if (errA == nil) == (errB == nil) {
		p.Fatalf("two nodes raced, and got %v and %v: want one to win", errA, errB)
	}
	if errA == nil {
		return 0, errB
	}
	return 1, errA
}

// lostWith checks the loser's refusal: its code, and that it tells of the present round.
func (p *pair) lostWith(err error, code chat.Code, id chat.ConversationID) {
	p.Helper()
	var refusal *chat.Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		p.Fatalf("the loser got %v: want %s", err, code)
	}
	if s := p.head(id); refusal.Round != s.Round {
		p.Errorf("the loser was told of the round %+v: it is %+v", refusal.Round, s.Round)
	}
	if here, there := p.head(id), p.second.head(id); here != there {
		p.Errorf("the nodes read different heads: %+v, %+v", here, there)
	}
}

// races bounds how often each race is run: enough for either node to win.
const races = 12

// twoRace is a round that two nodes want to change at once: one of them does.
type twoRace struct {
	name  string
	taken bool                    // by ann, before
	by    [2]chat.Actor           // who wants it at either node
	rule  func(i int) chat.Decide // what that is
	lost  chat.Code               // what the other one is told
	// leads, if any, is whose the round is then, by who won.
	leads []chat.Actor
}

func twoRaces() []twoRace {
	agents := []chat.Actor{ann, bo}
	heirs := []chat.Actor{bo, boss}
	masters := [2]chat.Actor{ann, boss}
	return []twoRace{
		{"Take", false, [2]chat.Actor{ann, bo}, func(i int) chat.Decide { return chat.Take(agents[i]) }, chat.NotYours, agents},
		// An agent hands over on two devices at once, to two people.
		{"HandOver", true, [2]chat.Actor{ann, ann}, func(i int) chat.Decide { return chat.Assign(ann, heirs[i].Agent(), heirs[i].Name, true) }, chat.NotYours, heirs},
		{"Release", true, masters, func(i int) chat.Decide { return chat.Release(masters[i]) }, chat.Conflict, nil},
		{"Resolve", true, masters, func(i int) chat.Decide { return chat.Resolve(masters[i]) }, chat.NoOpenRound, nil},
	}
}

func (r twoRace) run(p *pair) {
	ids, _ := p.several(races)
	for _, id := range ids {
		if r.taken {
			p.must(command(id, ann, chat.Take(ann)))
		}
		won, lost := p.race(command(id, r.by[0], r.rule(0)), command(id, r.by[1], r.rule(1)))
		p.lostWith(lost, r.lost, id)
		if r.leads == nil {
			continue
		}
		if want := r.leads[won].Agent(); p.head(id).Round.Assignee != want {
			p.Errorf("%d has the round: want %d, by who won", p.head(id).Round.Assignee, want)
		}
	}
}

// testTwoReopen lets a visitor write on both nodes after its round was resolved:
// one of the messages opens it again, and both are kept.
func testTwoReopen(p *pair) {
	ids, visitors := p.several(races)
	for i, id := range ids {
		p.must(command(id, ann, chat.Resolve(ann)))
		a, b := p.submit(p.message(id, visitors[i], "one")), p.second.submit(p.message(id, visitors[i], "two"))
		p.must2(p.await(a))
		p.must2(p.await(b))
		events := p.all(id)
		p.gapless(id, events)
		opened := 0
		for _, e := range events {
			if e.Kind == chat.Reopened {
				opened++
			}
		}
		if opened != 1 || len(events) != 6 {
			p.Errorf("the round was opened again %d times, in %d events", opened, len(events))
		}
	}
}

// testTwoNumbering sends from both nodes to a few conversations.
func testTwoNumbering(p *pair) {
	const writers, each, conversations = 6, 15, 3
	var ids []chat.ConversationID
	for i := range conversations {
		id, _ := p.conversation(i)
		ids = append(ids, id)
	}
	var wg sync.WaitGroup
	for w := range writers {
		node := []*fixture{p.fixture, p.second}[w%2]
		wg.Go(func() {
			for i := range each {
				c := node.message(ids[(w+i)%conversations], boss, fmt.Sprintf("%d/%d", w, i))
				out := make(chan error, 1)
				c.Done = func(_ chat.Changed, err error) { out <- err }
				node.store.Change(&c)
				if err := <-out; err != nil {
					p.Error(err)
				}
			}
		})
	}
	wg.Wait()
	first, _ := p.heard()
	second, _ := p.second.heardAs(2 << 20)
	for _, id := range ids {
		events := p.all(id)
		p.gapless(id, events)
		told := 0
		for _, changes := range [][]chat.Changed{first, second} {
			last := int64(0)
			for _, c := range changes {
				if c.Conversation.ID != id {
					continue
				}
				told += len(c.Events)
				if c.State.Seq <= last {
					p.Errorf("a node was told of event %d after %d", c.State.Seq, last)
				}
				last = c.State.Seq
			}
		}
		if told != len(events) {
			p.Errorf("%d events were told of, %d are there", told, len(events))
		}
	}
}

// testTwoRepeats sends one command to both nodes at once, as a client does whose
// connection moved: it is one event.
func testTwoRepeats(p *pair) {
	id, visitor := p.conversation(1)
	for i := range races {
		c := p.message(id, visitor, fmt.Sprint("once ", i))
		a, b := p.submit(c), p.second.submit(c)
		first, err := p.await(a)
		p.no(err)
		second, err := p.await(b)
		p.no(err)
		if first.Repeat == second.Repeat || first.Events[first.Answer].Seq != second.Events[second.Answer].Seq {
			p.Fatalf("two nodes answered %+v and %+v", first, second)
		}
	}
	events := p.all(id)
	p.gapless(id, events)
	if len(events) != races+2 {
		p.Errorf("%d events are there: want %d", len(events), races+2)
	}
}

// testTwoReused sends one client_id to two conversations at two nodes at once.
func testTwoReused(p *pair) {
	ids, _ := p.several(2 * races)
	for i := range races {
		here, there := p.message(ids[2*i], ann, "x"), p.message(ids[2*i+1], ann, "x")
		there.ClientID = here.ClientID
		_, lost := p.race(here, there)
		p.refused(lost, chat.ClientIDReused)
	}
}

// testTwoBegin lets new visitors write to both nodes at once, with one command or two.
func testTwoBegin(p *pair) {
	by := chat.Actor{Kind: chat.VisitorActor}
	for i := range 2 * races {
		same := i%2 == 0
		c := chat.Change{
			Begin: &chat.Beginning{Site: site, SecretHash: secret(i)}, By: by, ClientID: newClientID(), Fingerprint: []byte("x"), Decide: chat.SendMessage(by, "x", p),
		}
		d := c
		if !same {
			d.ClientID = newClientID()
		}
		a, b := p.submit(c), p.second.submit(d)
		first, err := p.await(a)
		p.no(err)
		second, err := p.await(b)
		p.no(err)
		if first.Conversation.ID != second.Conversation.ID {
			p.Fatalf("one visitor has the conversations %d and %d", first.Conversation.ID, second.Conversation.ID)
		}
		want := map[bool]int{true: 2, false: 3}[same]
		if events := p.all(first.Conversation.ID); len(events) != want || first.Repeat && second.Repeat || (first.Repeat || second.Repeat) != same {
			p.Fatalf("%d events are there, want %d; the nodes answered %+v and %+v", len(events), want, first, second)
		}
	}
}

// testTwoStale decides at one node about what the other has changed since: what the
// first remembers is not what is so.
func testTwoStale(p *pair) {
	id, visitor := p.conversation(1)
	p.must(command(id, ann, chat.Take(ann)))
	p.second.must(command(id, boss, chat.Release(boss)))
	p.must(command(id, bo, chat.Take(bo))) // nobody has it any more
	p.second.must(command(id, bo, chat.Resolve(bo)))
	_, err := p.try(command(id, bo, chat.Release(bo)))
	p.lostWith(err, chat.NoOpenRound, id)
	p.second.must(p.message(id, visitor, "again"))
	p.second.must(command(id, bo, chat.Release(bo)))
	_, err = p.try(command(id, bo, chat.Release(bo)))
	p.lostWith(err, chat.Conflict, id)
	p.gapless(id, p.all(id))
}

// testTwoMarks moves one agent's mark at both nodes: it never goes backward.
func testTwoMarks(p *pair) {
	id, _ := p.longConversation(20)
	for i := range int64(races) {
		far, near := 3*i+5, 3*i+4
		a := p.submitMark(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: far})
		b := p.second.submitMark(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: near})
		for _, r := range []markResult{<-a, <-b} {
			p.no(r.err)
		}
		marks, err := p.store.Marks(p.Context(), id)
		p.no(err)
		if len(marks) != 1 || marks[0].Read != far {
			p.Fatalf("the marks are %+v: want one at %d", marks, far)
		}
	}
}

// testTwoTruncate removes old events at one node while the other appends: neither
// is forgotten.
func testTwoTruncate(p *pair) {
	id, _ := p.longConversation(10)
	for i := range int64(races) {
		sent := p.second.submit(p.message(id, boss, "meanwhile"))
		p.no(p.store.Truncate(p.Context(), id, i+2))
		p.must2(p.await(sent))
		if s := p.head(id); s.FirstSeq != i+2 {
			p.Fatalf("the first event is %d: want %d", s.FirstSeq, i+2)
		}
	}
}

// testTwoLock holds a commit at one node: until it is done, the other may not
// decide about the same conversation.
func testTwoLock(p *pair) {
	id, _ := p.longConversation(5)
	for _, node := range []*fixture{p.fixture, p.second} { // both have their connections
		p.no((<-node.submitMark(chat.MarkChange{Conversation: id, Who: bo.Ref(), Read: 5})).err)
	}
	held, release := make(chan struct{}), make(chan struct{})
	p.onCommit(func(commit func() error) error {
		close(held)
		<-release
		return commit()
	})
	far := p.submitMark(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: 9})
	<-held
	p.onCommit(nil)
	near := p.second.submitMark(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: 5})
	select {
	case r := <-near:
		p.Errorf("a node decided while another held the conversation: %+v", r)
		close(release)
		<-far
	case <-time.After(500 * time.Millisecond): // nothing tells that somebody waits
		close(release)
		p.no((<-far).err)
		if r := <-near; r.err != nil || r.moved {
			p.Errorf("a mark moved back: %+v", r)
		}
	}
	marks, err := p.store.Marks(p.Context(), id)
	p.no(err)
	if len(marks) != 2 || marks[0].Read != 9 || marks[0].Who.ID != ann.ID {
		p.Errorf("the marks are %+v: want Ann's at 9", marks)
	}
}
