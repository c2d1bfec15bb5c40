package storetest

import (
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

// longConversation has messages and notes in turn: n of each after the first two events.
func (f *fixture) longConversation(n int) (chat.ConversationID, []chat.Event) {
	f.Helper()
	id, visitor := f.conversation(1)
	var outs []<-chan result
	for i := range n {
		outs = append(outs, f.submit(f.message(id, visitor, fmt.Sprint(i))), f.submit(f.note(id, ann, fmt.Sprint("note ", i))))
	}
	for _, out := range outs {
		_, err := f.await(out)
		f.no(err)
	}
	return id, f.all(id)
}

func position(e chat.Event, public bool) *chat.Position {
	if public {
		return &chat.Position{Number: e.PublicSeq, Tag: e.Tag}
	}
	return &chat.Position{Number: e.Seq, Tag: e.Tag}
}

func publicOnly(events []chat.Event) []chat.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e chat.Event) bool { return !e.Public })
}

func testPagingForward(f *fixture) {
	id, events := f.longConversation(12)
	f.forward(id, events, false)
}

func testPagingPublic(f *fixture) {
	id, events := f.longConversation(12)
	f.forward(id, publicOnly(events), true)
	f.backward(id, publicOnly(events), true)
}

func testPagingBackward(f *fixture) {
	id, events := f.longConversation(12)
	f.backward(id, events, false)
}

// forward reads from every position on, with several limits.
func (f *fixture) forward(id chat.ConversationID, events []chat.Event, public bool) {
	f.Helper()
	for from := 0; from <= len(events); from++ {
		for _, limit := range []int{1, 3, len(events), 200} {
			after := &chat.Position{}
			if from > 0 {
				after = position(events[from-1], public)
			}
			p := f.page(chat.PageQuery{Conversation: id, Public: public, After: after, Limit: limit})
			end := min(from+limit, len(events))
			want := chat.Page{Events: slices.Clone(events[from:end]), State: f.head(id), More: end < len(events)}
			f.samePage(fmt.Sprintf("after %d, %d events", from, limit), p, want)
		}
	}
}

// backward reads the events before every number, with several limits.
func (f *fixture) backward(id chat.ConversationID, events []chat.Event, public bool) {
	f.Helper()
	for before := 0; before <= len(events)+1; before++ {
		for _, limit := range []int{1, 3, len(events), 200} {
			end := before - 1
			if before == 0 {
				end = len(events)
			}
			first := max(0, end-limit)
			p := f.page(chat.PageQuery{Conversation: id, Public: public, Before: int64(before), Limit: limit})
			want := chat.Page{Events: slices.Clone(events[first:end]), State: f.head(id), More: first > 0}
			f.samePage(fmt.Sprintf("before %d, %d events", before, limit), p, want)
		}
	}
}

func (f *fixture) samePage(what string, got, want chat.Page) {
	f.Helper()
	if len(got.Events) == 0 && len(want.Events) == 0 {
		got.Events, want.Events = nil, nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// testPositions asks with positions that are not of this log.
func testPositions(f *fixture) {
	id, events := f.longConversation(5)
	for _, public := range []bool{false, true} {
		of := events
		if public {
			of = publicOnly(events)
		}
		last, middle := of[len(of)-1], of[3]
		newest := chat.Page{Events: of[len(of)-2:], State: f.head(id), More: true, Reset: true}
		for name, after := range map[string]chat.Position{
			"above the head":     {Number: position(last, public).Number + 1, Tag: last.Tag},
			"other tag":          {Number: position(middle, public).Number, Tag: middle.Tag + 1},
			"other tag at head":  {Number: position(last, public).Number, Tag: last.Tag ^ 1},
			"negative":           {Number: -1},
			"zero with some tag": {Tag: 5},
		} {
			got := f.page(chat.PageQuery{Conversation: id, Public: public, After: &after, Limit: 2})
			f.samePage(fmt.Sprintf("%s (public %t)", name, public), got, newest)
		}
	}
	for _, limit := range []int{0, -1, 201} {
		if _, err := f.store.Page(f.Context(), chat.PageQuery{Conversation: id, Limit: limit}); err == nil {
			f.Errorf("a page of %d events was not refused", limit)
		}
	}
}
