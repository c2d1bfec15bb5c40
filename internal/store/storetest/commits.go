package storetest

import (
	"errors"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

func asRefusal(err error, into **chat.Refusal) bool { return errors.As(err, into) }

var errBroken = errors.New("broken")

// testCommitFails lets commits fail without effect: nobody may be told of what
// was in them, and a repeat keeps it once.
func testCommitFails(f *fixture) {
	id, visitor := f.conversation(1)
	f.onCommit(func(func() error) error { return errBroken })
	var sent []chat.Change
	for range 5 {
		c := f.message(id, visitor, "lost")
		_, err := f.try(c)
		f.refused(err, chat.Unknown)
		sent = append(sent, c)
	}
	_, _, err := f.mark(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: 2})
	f.refused(err, chat.Unknown)
	f.onCommit(nil)
	told, marked := f.heard()
	if len(told) != 1 || len(marked) != 0 {
		f.Errorf("changes that were not committed were told of: %+v %+v", told[1:], marked)
	}
	if s := f.head(id); s.Seq != 2 {
		f.Errorf("the head is %+v", s)
	}
	for _, c := range sent {
		if got := f.must(c); got.Repeat {
			f.Errorf("what was never kept is called a repeat: %+v", got)
		}
	}
	events := f.all(id)
	f.gapless(id, events)
	if len(events) != 7 {
		f.Errorf("%d events are there: want 7", len(events))
	}
}

// testCommitUnknown lets commits succeed and say that they failed: the store
// must find out, number on, and answer the repeat with the first result.
func testCommitUnknown(f *fixture) {
	id, visitor := f.conversation(1)
	f.onCommit(func(commit func() error) error { return errors.Join(commit(), errBroken) })
	kept := f.message(id, visitor, "kept")
	_, err := f.try(kept)
	f.refused(err, chat.Unknown)
	f.onCommit(nil)
	next := f.must(f.message(id, visitor, "next"))
	if next.State.Seq != 4 {
		f.Errorf("the next event got number %d", next.State.Seq)
	}
	if got := f.must(kept); !got.Repeat || got.Events[0].Seq != 3 {
		f.Errorf("the repeat gave %+v", got)
	}
	f.gapless(id, f.all(id))
}

// testToldInOrder checks that Done comes before the listener, and both in the order of the numbers.
func testToldInOrder(f *fixture) {
	id, visitor := f.conversation(1)
	const n = 200
	type step struct {
		seq  int64
		told int // how many changes the listener had heard of when Done was called
	}
	steps := make(chan step, n)
	for range n {
		c := f.message(id, visitor, "x")
		c.Done = func(changed chat.Changed, err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if err != nil {
				f.Error(err)
			}
			steps <- step{changed.State.Seq, len(f.told)}
		}
		f.store.Change(&c)
	}
	for i := range n {
		s := <-steps
		if want := int64(i) + 3; s.seq != want {
			f.Fatalf("Done number %d was for event %d: want %d", i, s.seq, want)
		}
		if s.told > i+1 {
			f.Fatalf("the listener heard of %d changes before Done of number %d", s.told, i)
		}
	}
	told, _ := f.heard()
	var seqs []int64
	for _, c := range told {
		seqs = append(seqs, c.State.Seq)
	}
	if !slices.IsSorted(seqs) || len(seqs) != n+1 {
		f.Errorf("the listener was told of %v", seqs)
	}
}

func testReopen(f *fixture) {
	id, visitor := f.markedConversation()
	f.must2(chat.Changed{}, f.moveMark(id, 4))
	read := func() (chat.State, []chat.Event, []chat.Mark, []chat.ListRow) {
		marks, err := f.store.Marks(f.Context(), id)
		f.no(err)
		return f.head(id), f.all(id), marks, f.list(chat.ViewMine, ann.Agent(), 10)
	}
	state, events, marks, rows := read()
	f.reopen()
	state2, events2, marks2, rows2 := read()
	for _, pair := range [][2]any{{state, state2}, {events, events2}, {marks, marks2}, {rows, rows2}} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			f.Errorf("(-before +after):\n%s", diff)
		}
	}
	if c := f.must(f.message(id, visitor, "on")); c.State.Seq != state.Seq+1 {
		f.Errorf("the next number is %d, want %d", c.State.Seq, state.Seq+1)
	}
}
