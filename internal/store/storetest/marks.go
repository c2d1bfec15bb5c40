package storetest

import (
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

// markResult is what a mark's Done got.
type markResult struct {
	mark  chat.Mark
	moved bool
	err   error
}

func (f *fixture) submitMark(m chat.MarkChange) <-chan markResult {
	out := make(chan markResult, 2)
	m.Done = func(mark chat.Mark, moved bool, err error) { out <- markResult{mark, moved, err} }
	f.store.Mark(&m)
	return out
}

func (f *fixture) mark(m chat.MarkChange) (chat.Mark, bool, error) {
	f.Helper()
	select {
	case r := <-f.submitMark(m):
		return r.mark, r.moved, r.err
	case <-time.After(deadline):
		f.Fatal("Done of a mark was not called")
		return chat.Mark{}, false, nil
	}
}

// marked checks a mark that must move or stay.
func (f *fixture) markIs(m chat.MarkChange, moved bool, want chat.Mark) {
	f.Helper()
	got, didMove, err := f.mark(m)
	f.no(err)
	want.Conversation, want.Who = m.Conversation, chat.ActorRef{Kind: m.Who.Kind, ID: m.Who.ID}
	if diff := cmp.Diff(want, got); diff != "" || didMove != moved {
		f.Errorf("moved %t, want %t (-want +got):\n%s", didMove, moved, diff)
	}
}

// The conversation of the marks: 1 opened, 2 visitor, 3 assigned, 4 agent,
// 5 note, 6 visitor, 7 note.
func (f *fixture) markedConversation() (chat.ConversationID, chat.Actor) {
	f.Helper()
	id, visitor := f.conversation(1)
	f.must(f.message(id, ann, "reply"))
	f.must(f.note(id, bo, "note"))
	f.must(f.message(id, visitor, "again"))
	f.must(f.note(id, bo, "note"))
	return id, visitor
}

func testMarks(f *fixture) {
	id, _ := f.markedConversation()
	who := ann.Ref()
	f.markIs(chat.MarkChange{Conversation: id, Who: who, Received: 4}, true, chat.Mark{Received: 4, ReceivedPublic: 4})
	f.markIs(chat.MarkChange{Conversation: id, Who: who, Read: 5}, true,
		chat.Mark{Received: 5, ReceivedPublic: 4, Read: 5, ReadPublic: 4, VisitorMessagesRead: 1, AgentMessagesRead: 1})
	f.markIs(chat.MarkChange{Conversation: id, Who: who, Received: 2, Read: 3}, false,
		chat.Mark{Received: 5, ReceivedPublic: 4, Read: 5, ReadPublic: 4, VisitorMessagesRead: 1, AgentMessagesRead: 1})
	f.reopen()
	atHead := chat.Mark{Received: 7, ReceivedPublic: 5, Read: 7, ReadPublic: 5, VisitorMessagesRead: 2, AgentMessagesRead: 1}
	f.markIs(chat.MarkChange{Conversation: id, Who: who, Read: 99}, true, atHead)
	f.markIs(chat.MarkChange{Conversation: id, Who: bo.Ref(), Read: 2}, true,
		chat.Mark{Received: 2, ReceivedPublic: 2, Read: 2, ReadPublic: 2, VisitorMessagesRead: 1})
	marks, err := f.store.Marks(f.Context(), id)
	f.no(err)
	if len(marks) != 2 || marks[0].Who.ID != ann.ID || marks[0].Read != 7 || marks[1].Read != 2 {
		f.Errorf("the marks are %+v", marks)
	}
	f.many(id, marks)
	_, told := f.heard()
	var reads []int64
	for _, m := range told {
		reads = append(reads, m.Read)
	}
	if !slices.Equal(reads, []int64{0, 5, 7, 2}) {
		f.Errorf("the listener was told of marks at %v", reads)
	}
}

// many checks the reads of many conversations at once, among them one that does not exist.
func (f *fixture) many(id chat.ConversationID, marks []chat.Mark) {
	f.Helper()
	other, _ := f.conversation(77)
	ids := []chat.ConversationID{id, other, 1 << 40}
	heads, err := f.store.Heads(f.Context(), ids)
	f.no(err)
	conversations, err := f.store.Conversations(f.Context(), ids)
	f.no(err)
	of, err := f.store.MarksOf(f.Context(), ids)
	f.no(err)
	if len(heads) != 2 || len(conversations) != 2 {
		f.Fatalf("of three, one of which does not exist: %d heads, %d conversations", len(heads), len(conversations))
	}
	for i := range 2 {
		if heads[i] != f.head(heads[i].Conversation) {
			f.Errorf("the head is %+v, want %+v", heads[i], f.head(heads[i].Conversation))
		}
		one, err := f.store.ConversationByID(f.Context(), conversations[i].ID)
		if f.no(err); one != conversations[i] {
			f.Errorf("the conversation is %+v, want %+v", conversations[i], one)
		}
	}
	slices.SortFunc(of[id], func(a, b chat.Mark) int { return int(a.Who.ID - b.Who.ID) })
	slices.SortFunc(marks, func(a, b chat.Mark) int { return int(a.Who.ID - b.Who.ID) })
	if len(of) > 2 || !slices.Equal(of[id], marks) {
		f.Errorf("the marks of many are %+v, want %+v", of, marks)
	}
}

func testMarksPublic(f *fixture) {
	id, visitor := f.markedConversation()
	who := visitor.Ref()
	f.markIs(chat.MarkChange{Conversation: id, Who: who, Public: true, Read: 4}, true,
		chat.Mark{Received: 4, ReceivedPublic: 4, Read: 4, ReadPublic: 4, VisitorMessagesRead: 1, AgentMessagesRead: 1})
	if s := f.head(id); s.UnreadByVisitor(chat.Mark{AgentMessagesRead: 1}) != 0 {
		f.Errorf("the visitor has unread messages: %+v", s)
	}
	// The last public event is before a note: its number means the head.
	f.markIs(chat.MarkChange{Conversation: id, Who: who, Public: true, Received: 5}, true,
		chat.Mark{Received: 7, ReceivedPublic: 5, Read: 4, ReadPublic: 4, VisitorMessagesRead: 1, AgentMessagesRead: 1})
	f.must(f.note(id, bo, "one more"))
	f.markIs(chat.MarkChange{Conversation: id, Who: who, Public: true, Received: 5}, false,
		chat.Mark{Received: 7, ReceivedPublic: 5, Read: 4, ReadPublic: 4, VisitorMessagesRead: 1, AgentMessagesRead: 1})
	// A mark in the group that appends what it marks.
	sent := f.submit(f.message(id, ann, "new"))
	marked := f.submitMark(chat.MarkChange{Conversation: id, Who: who, Public: true, Read: 6})
	f.must2(f.await(sent))
	if m := <-marked; m.err != nil || !m.moved || m.mark.Read != 9 || m.mark.AgentMessagesRead != 2 {
		f.Errorf("the mark is %+v", m)
	}
}

func (f *fixture) must2(_ chat.Changed, err error) {
	f.Helper()
	f.no(err)
}

func testMarksTruncated(f *fixture) {
	id, _ := f.markedConversation()
	f.no(f.store.Truncate(f.Context(), id, 6))
	f.markIs(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: 3}, false, chat.Mark{})
	f.markIs(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: 6}, true,
		chat.Mark{Received: 6, ReceivedPublic: 5, Read: 6, ReadPublic: 5, VisitorMessagesRead: 2, AgentMessagesRead: 1})
}
