package storetest

import (
	"fmt"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
)

// testCarryRace carries while visitors and agents go on: whatever was kept is there
// once, and nothing goes on in what has ended.
func testCarryRace(f *fixture) { raceCarry(f, f) }

func testTwoCarry(p *pair) { raceCarry(p.fixture, p.second) }

func raceCarry(f, other *fixture) {
	for n := range races {
		id, visitor := f.asked(anonymous(n), "first")
		sent := []<-chan result{}
		said := other.message(id, visitor, "said meanwhile")
		one := f.carrying(n)
		sent = append(sent, other.submit(said), f.submit(command(id, ann, chat.Take(ann))))
		two := other.carrying(n)
		sent = append(sent, other.submit(f.message(id, bo, "replied meanwhile")))
		first, second := <-one, <-two
		f.no(first.err)
		f.no(second.err)
		if !first.over.Carried || !second.over.Carried || (len(first.over.To.Events) > 0) == (len(second.over.To.Events) > 0) {
			f.Fatalf("two carries gave %+v and %+v", first.over, second.over)
		}
		want := []string{"first"}
		for i, out := range sent {
			changed, err := f.await(out)
			if err != nil && chat.CodeOf(err) != chat.Ended && chat.CodeOf(err) != chat.NotYours {
				f.Errorf("command %d: %v", i, err)
			}
			if err == nil && len(changed.Events) > 0 && changed.Events[changed.Answer].Kind == chat.Message {
				want = append(want, f.texts(changed.Events)...)
			}
		}
		f.afterRace(id, want)
	}
}

func (f *fixture) afterRace(id chat.ConversationID, want []string) {
	f.Helper()
	to := f.head(id).CarriedTo
	there, here := f.all(to), f.all(id)
	f.gapless(id, here)
	f.gapless(to, there)
	got := f.texts(there)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.Errorf("carried %q, kept were %q", got, want)
	}
	if last := here[len(here)-1]; last.Kind != chat.Carried || f.head(id).Round.State.Open() || !f.head(to).Round.State.Open() {
		f.Errorf("it ends with %+v", last)
	}
	for _, text := range f.texts(here) {
		if text != "" {
			f.Errorf("%q is in both", text)
		}
	}
}

// testCarryLong carries a round that is longer than what one carry takes.
func testCarryLong(f *fixture) {
	f.no(f.store.Close())
	f.o.Fast = true
	f.store = f.open(f.TB, f.o)
	id, visitor := f.asked(anonymous(1), "0")
	outs := []<-chan result{}
	for i := range chat.MaxCarriedEvents {
		outs = append(outs, f.submit(f.message(id, visitor, fmt.Sprint(i+1))))
	}
	for _, out := range outs {
		_, err := f.await(out)
		f.no(err)
	}
	over := f.carry(1)
	events := f.all(over.To.Conversation.ID)
	f.gapless(over.To.Conversation.ID, events)
	texts := f.texts(events)
	if len(texts) != chat.MaxCarriedEvents || texts[0] != "1" || events[0].Kind != chat.Opened {
		f.Fatalf("%d texts from %q on were carried behind %s", len(texts), texts[0], events[0].Kind)
	}
	if stayed := f.texts(f.all(id)); stayed[0] != "0" || slices.ContainsFunc(stayed[1:], func(s string) bool { return s != "" }) {
		f.Errorf("%q stayed", stayed[:3])
	}
}
