package storetest

import (
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

func testEdit(f *fixture) {
	id, visitor := f.conversation(1)
	f.must(f.message(id, visitor, "helo"))                                     // 3
	f.must(f.note(id, ann, "a note"))                                          // 4
	edited := f.must(command(id, visitor, chat.EditText(visitor, 3, "hello"))) // 5
	e := edited.Events[0]
	if e.Kind != chat.Edit || !e.Public || e.PublicSeq != 4 || e.Target == nil || e.Target.Rev != 1 || e.Target.Seq != 3 {
		f.Fatalf("the edit is %+v", e)
	}
	f.must(command(id, visitor, chat.EditText(visitor, 3, "Hello!")))
	f.must(command(id, ann, chat.EditText(ann, 4, "another note")))
	events := f.all(id)
	f.gapless(id, events)
	if got := f.texts(events); !slices.Equal(got, []string{"hello", "Hello!", "another note"}) {
		f.Errorf("the texts are %q", got)
	}
	if events[2].Rev != 2 || events[2].Tag != 0 && events[2].Seq != 3 || events[6].Public {
		f.Errorf("the events are %+v", events)
	}
	for _, i := range []int{4, 5} {
		if !cmp.Equal(events[i].Target, &events[2]) {
			f.Errorf("the target of edit %d is %+v, want %+v", i, events[i].Target, events[2])
		}
	}
	_, err := f.try(command(id, visitor, chat.EditText(visitor, 99, "x")))
	f.refused(err, chat.NotFound)
	_, err = f.try(command(id, visitor, chat.EditText(visitor, 4, "x"))) // its public number 4 is an edit
	f.refused(err, chat.NotEditable)
	_, err = f.try(command(id, ann, chat.EditText(ann, 3, "x")))
	f.refused(err, chat.NotAllowed)
}

func testRecall(f *fixture) {
	id, visitor := f.conversation(1)
	sent := f.message(id, visitor, "oops")
	f.must(sent)
	edit := command(id, visitor, chat.EditText(visitor, 3, "oops!"))
	f.must(edit)
	recall := command(id, visitor, chat.RecallText(visitor, 3))
	recalled := f.must(recall)
	if e := recalled.Events[0]; e.Kind != chat.Recall || e.Target == nil || !e.Target.Erased() {
		f.Fatalf("the recall is %+v", e)
	}
	events := f.all(id)
	f.gapless(id, events)
	if !events[2].Erased() || events[2].Kind != chat.Message || events[2].VisitorMessages != 2 {
		f.Errorf("the tombstone is %+v", events[2])
	}
	// The fingerprints are erased with the text, the client_ids are not.
	for _, c := range []chat.Change{sent, edit, recall} {
		if got := f.must(c); !got.Repeat || (got.Events[0].Target != nil && !got.Events[0].Target.Erased()) {
			f.Errorf("the repeat gave %+v", got)
		}
	}
	_, err := f.try(command(id, visitor, chat.EditText(visitor, 3, "x")))
	f.refused(err, chat.NotEditable)
	f.must(f.message(id, ann, "agent's"))
	_, err = f.try(command(id, bo, chat.RecallText(bo, 7)))
	f.refused(err, chat.NotAllowed)
	f.must(command(id, boss, chat.RecallText(boss, 7)))
}

// testReviseTogether queues a message, its edits and its recall without waiting.
func testReviseTogether(f *fixture) {
	id, visitor := f.conversation(1)
	changes := []chat.Change{
		f.message(id, visitor, "a"), // 3
		command(id, visitor, chat.EditText(visitor, 3, "b")),
		command(id, visitor, chat.EditText(visitor, 3, "c")),
		f.message(id, visitor, "d"), // 6
		command(id, visitor, chat.RecallText(visitor, 6)),
		command(id, visitor, chat.EditText(visitor, 6, "too late")),
	}
	var outs []<-chan result
	for _, c := range changes {
		outs = append(outs, f.submit(c))
	}
	for i, out := range outs {
		c, err := f.await(out)
		if i == 5 {
			f.refused(err, chat.NotEditable)
			continue
		}
		f.no(err)
		if i == 1 || i == 2 {
			text, err := c.Events[0].Target.Body.Text()
			f.no(err)
			if want := []string{"b", "c"}[i-1]; text.Text != want || c.Events[0].Target.Rev != i {
				f.Errorf("edit %d gave %q, want %q", i, text.Text, want)
			}
		}
	}
	events := f.all(id)
	f.gapless(id, events)
	if got := f.texts(events); !slices.Equal(got, []string{"hello", "c", ""}) {
		f.Errorf("the texts are %q", got)
	}
}

func testTruncate(f *fixture) {
	id, events := f.longConversation(10) // 22 events: 1 opened, 2 message, then message and note in turn
	f.no(f.store.Truncate(f.Context(), id, 8))
	s := f.head(id)
	if s.FirstSeq != 8 || s.FirstPublicSeq != 6 || s.Seq != 22 {
		f.Fatalf("the head is %+v", s)
	}
	for _, after := range []chat.Position{{}, *position(events[4], false), *position(events[6], false)} {
		p := f.page(chat.PageQuery{Conversation: id, After: &after, Limit: 3})
		f.samePage("truncated", p, chat.Page{Events: slices.Clone(events[7:10]), State: s, More: true, Truncated: true})
	}
	p := f.page(chat.PageQuery{Conversation: id, After: position(events[7], false), Limit: 2})
	f.samePage("the first that is kept", p, chat.Page{Events: slices.Clone(events[8:10]), State: s, More: true})
	public := publicOnly(events)
	p = f.page(chat.PageQuery{Conversation: id, Public: true, After: position(public[3], true), Limit: 2})
	f.samePage("truncated, public", p, chat.Page{Events: slices.Clone(public[5:7]), State: s, More: true, Truncated: true})
	p = f.page(chat.PageQuery{Conversation: id, Before: 10, Limit: 5})
	f.samePage("backward", p, chat.Page{Events: slices.Clone(events[7:9]), State: s})
	// Going back, or nowhere, changes nothing; what is gone stays gone.
	f.no(f.store.Truncate(f.Context(), id, 3))
	if got := f.head(id); got != s {
		f.Errorf("the head is %+v, want %+v", got, s)
	}
	f.must(f.message(id, ann, "reply"))
	if got := f.all(id); got[0].Seq != 8 || got[len(got)-1].Seq != 24 {
		f.Errorf("the events are %+v", got)
	}
	f.no(f.store.Truncate(f.Context(), id, 1_000_000))
	s = f.head(id)
	if s.FirstSeq != 25 || s.Seq != 24 || len(f.all(id)) != 0 {
		f.Errorf("all events are removed, and the head is %+v", s)
	}
	if p := f.page(chat.PageQuery{Conversation: id, After: &chat.Position{Number: 24, Tag: s.Tag}, Limit: 3}); p.Reset || p.Truncated {
		f.Errorf("a reader at the head got %+v", p)
	}
	f.must(f.message(id, ann, "after all"))
	if got := f.all(id); len(got) != 1 || got[0].Seq != 25 {
		f.Errorf("the events are %+v", got)
	}
}
