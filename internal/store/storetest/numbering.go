package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

func testBeginning(f *fixture) {
	profile := chat.Profile{Name: "Li 李", Email: "li@example.com", Fields: map[string]string{"plan": "gold"}}
	b := chat.Beginning{Site: site, SecretHash: secret(1), Profile: profile}
	first := f.begin(b, "one")
	c := first.Conversation
	if c.ID == 0 || c.Visitor == 0 || c.Site != site || c.UUID.IsNil() || c.CreatedAt != start {
		f.Fatalf("the conversation is %+v", c)
	}
	if got := f.texts(first.Events); len(first.Events) != 2 || first.Answer != 1 || !slices.Equal(got, []string{"one"}) {
		f.Fatalf("the first change is %+v", first)
	}
	if by := first.Events[1].By; by.ID != int64(c.Visitor) {
		f.Errorf("the message is by %v: want visitor %d", by, c.Visitor)
	}
	again := f.begin(b, "two")
	if again.Conversation != c || again.State.Seq != 3 {
		f.Errorf("a second beginning gave %+v, want conversation %+v", again, c)
	}
	if other := f.begin(chat.Beginning{Site: site + 1, SecretHash: secret(1)}, "x"); other.Conversation.ID == c.ID || other.Conversation.Visitor == c.Visitor {
		f.Error("the same secret on another site found the conversation")
	}
	for name, find := range map[string]func() (chat.Conversation, error){
		"Conversation":     func() (chat.Conversation, error) { return f.store.Conversation(f.Context(), c.UUID) },
		"ConversationByID": func() (chat.Conversation, error) { return f.store.ConversationByID(f.Context(), c.ID) },
	} {
		got, err := find()
		f.no(err)
		if got != c {
			f.Errorf("%s gave %+v, want %+v", name, got, c)
		}
	}
	rows, err := f.store.Rows(f.Context(), 1, []chat.ConversationID{c.ID})
	f.no(err)
	if len(rows) != 1 || !cmp.Equal(rows[0].Profile, profile) {
		f.Errorf("the rows are %+v, want the profile %+v", rows, profile)
	}
}

// testBeginningTogether starts one conversation from several connections at once.
func testBeginningTogether(f *fixture) {
	by := chat.Actor{Kind: chat.VisitorActor}
	var outs []<-chan result
	for i := range 20 {
		text := fmt.Sprint(i)
		outs = append(outs, f.submit(chat.Change{
			Begin: &chat.Beginning{Site: site, SecretHash: secret(1)}, By: by, ClientID: newClientID(), Decide: chat.SendMessage(by, text, f),
		}))
	}
	found := map[chat.ConversationID]bool{}
	for _, out := range outs {
		c, err := f.await(out)
		f.no(err)
		found[c.Conversation.ID] = true
	}
	if len(found) != 1 {
		f.Errorf("one visitor has %d conversations", len(found))
	}
}

func testNotFound(f *fixture) {
	ctx := f.Context()
	_, err := f.try(f.message(12345, ann, "x"))
	f.refused(err, chat.NotFound)
	_, err = f.try(f.message(0, ann, "x"))
	f.refused(err, chat.NotFound)
	_, err = f.store.Head(ctx, 12345)
	f.refused(err, chat.NotFound)
	_, err = f.store.Conversation(ctx, newClientID())
	f.refused(err, chat.NotFound)
	_, err = f.store.ConversationByID(ctx, 12345)
	f.refused(err, chat.NotFound)
	_, err = f.store.Page(ctx, chat.PageQuery{Conversation: 12345, Limit: 1})
	f.refused(err, chat.NotFound)
	f.refused(f.store.Truncate(ctx, 12345, 2), chat.NotFound)
	_, _, err = f.mark(chat.MarkChange{Conversation: 12345, Who: ann.Ref(), Read: 1})
	f.refused(err, chat.NotFound)
	// A refused beginning leaves nothing behind.
	by := chat.Actor{Kind: chat.VisitorActor}
	begin := &chat.Beginning{Site: site, SecretHash: secret(1)}
	_, err = f.try(chat.Change{Begin: begin, By: by, Decide: func(chat.State, chat.Log) ([]chat.Draft, error) {
		return nil, chat.Refuse(chat.NotAllowed, "no")
	}})
	f.refused(err, chat.NotAllowed)
	if rounds, err := f.store.OpenRounds(ctx, []chat.SiteID{site}); err != nil || len(rounds) != 0 {
		f.Errorf("a refused beginning left %v, %v", rounds, err)
	}
}

// testCounters checks both numbers and the running counts of each event.
func testCounters(f *fixture) {
	id, visitor := f.conversation(1)
	f.must(f.message(id, ann, "reply"))  // 3 assigned, 4 message
	f.must(f.note(id, bo, "careful"))    // 5
	f.must(f.message(id, visitor, "ok")) // 6
	f.must(command(id, ann, chat.Resolve(ann)))
	type numbers struct {
		seq, public     int64
		visible         bool
		visitors, agent int64
		kind            chat.Kind
	}
	want := []numbers{
		{1, 1, true, 0, 0, chat.Opened}, {2, 2, true, 1, 0, chat.Message}, {3, 3, true, 1, 0, chat.AssignedTo},
		{4, 4, true, 1, 1, chat.Message}, {5, 4, false, 1, 1, chat.Note}, {6, 5, true, 2, 1, chat.Message}, {7, 6, true, 2, 1, chat.Resolution},
	}
	var got []numbers
	for _, e := range f.all(id) {
		got = append(got, numbers{e.Seq, e.PublicSeq, e.Public, e.VisitorMessages, e.AgentMessages, e.Kind})
		if e.At != start || e.V != chat.BodyVersion || e.Conversation != id {
			f.Errorf("event %d is %+v", e.Seq, e)
		}
	}
	if !slices.Equal(got, want) {
		f.Errorf("got  %v\nwant %v", got, want)
	}
	if s := f.head(id); s.Seq != 7 || s.PublicSeq != 6 || s.VisitorMessages != 2 || s.AgentMessages != 1 || s.Round.State != chat.Resolved {
		f.Errorf("the head is %+v", s)
	}
}

// testConcurrentWriters sends from many goroutines to a few conversations; every
// event must get one number, in the order in which they were told.
func testConcurrentWriters(f *fixture) {
	const writers, each, conversations = 16, 25, 5
	var ids []chat.ConversationID
	for i := range conversations {
		id, _ := f.conversation(i)
		ids = append(ids, id)
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				c := f.message(ids[(w+i)%conversations], boss, fmt.Sprintf("%d/%d", w, i))
				out := make(chan error, 1)
				c.Done = func(_ chat.Changed, err error) { out <- err }
				f.store.Change(&c)
				if err := <-out; err != nil {
					f.Error(err)
				}
			}
		})
	}
	wg.Wait()
	told, _ := f.heard()
	total := 0
	for _, id := range ids {
		events := f.all(id)
		f.gapless(id, events)
		total += len(f.texts(events)) - 1 // the first was the visitor's
		var heard []chat.Event
		for _, c := range told {
			if c.Conversation.ID == id {
				heard = append(heard, c.Events...)
			}
		}
		if diff := cmp.Diff(events, heard); diff != "" {
			f.Errorf("what was told differs from what is stored (-stored +told):\n%s", diff)
		}
	}
	if total != writers*each {
		f.Errorf("%d messages are there: want %d", total, writers*each)
	}
}

func (f *fixture) gapless(id chat.ConversationID, events []chat.Event) {
	f.Helper()
	public := int64(0)
	for i, e := range events {
		if e.Public {
			public++
		}
		if e.Seq != int64(i)+1 || e.PublicSeq != public {
			f.Fatalf("event %d of conversation %d has the numbers %d and %d: want %d and %d", i, id, e.Seq, e.PublicSeq, i+1, public)
		}
	}
	if s := f.head(id); s.Seq != int64(len(events)) || s.PublicSeq != public {
		f.Fatalf("the head has %d and %d: want %d and %d", s.Seq, s.PublicSeq, len(events), public)
	}
}

// testRollbacks mixes changes that fail in every way with good ones, all queued
// at once: each harms only itself.
func testRollbacks(f *fixture) {
	id, visitor := f.conversation(1)
	cancelled, cancel := context.WithCancel(f.Context())
	cancel()
	boom := errors.New("boom")
	bad := map[string]chat.Change{
		"refusal":   command(id, ann, func(chat.State, chat.Log) ([]chat.Draft, error) { return nil, chat.Refuse(chat.Conflict, "no") }),
		"error":     command(id, ann, func(chat.State, chat.Log) ([]chat.Draft, error) { return nil, boom }),
		"panic":     command(id, ann, func(chat.State, chat.Log) ([]chat.Draft, error) { panic("boom") }),
		"cancelled": f.message(id, visitor, "never"),
		"missing": command(id, ann, func(chat.State, chat.Log) ([]chat.Draft, error) {
			return []chat.Draft{{Kind: chat.Edit, By: ann.Ref(), Body: chat.Body(`{"seq":999999}`), Replace: &chat.Replacement{Seq: 999999}}}, nil
		}),
		"wrong author": command(id, ann, func(chat.State, chat.Log) ([]chat.Draft, error) {
			return []chat.Draft{{Kind: chat.Note, By: bo.Ref(), Body: chat.Body(`{"text":"x"}`), Answers: true}}, nil
		}),
		"profile": {Begin: &chat.Beginning{Site: site, SecretHash: secret(2), Profile: chat.Profile{Name: "\xff"}}, By: visitor, Decide: chat.SendMessage(visitor, "x", f)},
	}
	outs := map[string]<-chan result{}
	var good []<-chan result
	for range 20 {
		for name, c := range bad {
			if name == "cancelled" {
				c.Ctx = cancelled
			}
			c.ClientID = newClientID()
			outs[name] = f.submit(c)
			good = append(good, f.submit(f.message(id, visitor, "kept")))
		}
	}
	for name, out := range outs {
		c, err := f.await(out)
		if err == nil || len(c.Events) != 0 || c.Answer != -1 {
			f.Errorf("%s: got %+v, %v", name, c, err)
		}
		if name == "cancelled" && !errors.Is(err, context.Canceled) {
			f.Errorf("the cancelled change got %v", err)
		}
	}
	for _, out := range good {
		_, err := f.await(out)
		f.no(err)
	}
	events := f.all(id)
	f.gapless(id, events)
	if got := len(f.texts(events)); got != len(good)+1 {
		f.Errorf("%d messages are there: want %d", got, len(good)+1)
	}
}

func testClosed(f *fixture) {
	id, visitor := f.conversation(1)
	f.no(f.store.Close())
	_, err := f.try(f.message(id, visitor, "late"))
	f.refused(err, chat.Busy)
	f.store = f.open(f.TB, f.o)
}
