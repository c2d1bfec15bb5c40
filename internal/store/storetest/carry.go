package storetest

import (
	"errors"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
)

// anonymous and verified number the secrets of a carry's two visitors.
func anonymous(n int) []byte { return secret(3000 + n) }
func verified(n int) []byte  { return secret(6000 + n) }

// carrying asks for a carry; the channel gets its outcome.
func (f *fixture) carrying(n int) <-chan carryResult {
	out := make(chan carryResult, 2)
	f.store.Carry(&chat.Carry{
		Ctx: f.Context(), Site: site, From: anonymous(n), To: &chat.Beginning{Site: site, SecretHash: verified(n)},
		Decide: func(l chat.Luggage) chat.Carriage { return chat.CarryOver(l, f) },
		Done:   func(over chat.CarriedOver, err error) { out <- carryResult{over, err} },
	})
	return out
}

type carryResult struct {
	over chat.CarriedOver
	err  error
}

func (f *fixture) carry(n int) chat.CarriedOver {
	f.Helper()
	got := <-f.carrying(n)
	f.no(got.err)
	return got.over
}

// asked begins a conversation of the anonymous visitor, or of the verified one.
func (f *fixture) asked(hash []byte, text string) (chat.ConversationID, chat.Actor) {
	f.Helper()
	c := f.begin(chat.Beginning{Site: site, SecretHash: hash}, text)
	return c.Conversation.ID, chat.Actor{Kind: chat.VisitorActor, ID: int64(c.Conversation.Visitor)}
}

// testCarry takes a round with everything in it along, and reads what is where then.
func testCarry(f *fixture) {
	id, visitor := f.asked(anonymous(1), "an older round")
	f.must(command(id, ann, chat.Resolve(ann)))
	f.pass(chat.ReopenWithin * 2)
	mine := f.message(id, visitor, "mine")
	f.must(mine)
	f.must(f.note(id, bo, "a note"))
	reply := f.message(id, ann, "a reply")
	f.must(reply)
	f.must(command(id, visitor, chat.EditText(visitor, 5, "mine, edited")))
	f.must(f.message(id, ann, "taken back"))
	f.must(command(id, ann, chat.RecallText(ann, f.head(id).Seq)))
	f.no((<-f.submitMark(chat.MarkChange{Conversation: id, Who: visitor.Ref(), Read: 7, Public: true})).err)
	before, old := f.head(id), f.all(id)[3:]
	f.pass(1500)

	over := f.carry(1)
	to := over.To.Conversation.ID
	if !over.Carried || to == id || over.From.Conversation.ID != id || len(over.From.Events) != 1 {
		f.Fatalf("the carry gave %+v", over)
	}
	events := f.all(to)
	f.gapless(to, events)
	f.gapless(id, f.all(id))
	if texts := f.texts(events); !slices.Equal(texts, []string{"mine, edited", "a note", "a reply", ""}) {
		f.Errorf("carried %q", texts)
	}
	f.sameEvents(old, events, over.To.Conversation.Visitor)
	if diff := cmp.Diff(over.To.State, f.head(to)); diff != "" {
		f.Errorf("the head (-told +read):\n%s", diff)
	}
	if s := f.head(to); s.Round.State != chat.Assigned || s.Round.Assignee != ann.Agent() || s.Round.OpenedAt != before.Round.OpenedAt || s.UnansweredSince != before.UnansweredSince {
		f.Errorf("its round is %+v, was %+v", s, before)
	}
	f.leftBehind(id, to)
	marks, err := f.store.Marks(f.Context(), to)
	f.no(err)
	if len(marks) != 1 || marks[0].Who.ID != int64(over.To.Conversation.Visitor) || f.head(to).UnreadByVisitor(marks[0]) != 1 {
		f.Errorf("the marks are %+v", marks)
	}
	f.repeated(id, to, mine, reply, over)
	f.carriedRows(id, to)
	if page := f.page(chat.PageQuery{Conversation: to, Public: true, Limit: 200}); len(page.Events) != len(events)-1 {
		f.Errorf("the visitor sees %d of %d events: want all but the note", len(page.Events), len(events))
	}
}

// sameEvents compares what was with what it became.
func (f *fixture) sameEvents(old, now []chat.Event, visitor chat.VisitorID) {
	f.Helper()
	if len(old) != len(now) {
		f.Fatalf("%d events became %d", len(old), len(now))
	}
	for i := range old {
		a, b := old[i], now[i]
		by := a.By
		if by.Kind == chat.VisitorActor {
			by.ID = int64(visitor)
		}
		if b.Kind != a.Kind || b.Public != a.Public || b.At != a.At || b.Rev != a.Rev || b.V != a.V || b.By != by || b.Erased() != a.Erased() {
			f.Errorf("%+v became %+v", a, b)
		}
		if keeps := by.Kind == chat.VisitorActor; keeps && b.ClientID != a.ClientID || !keeps && !b.ClientID.IsNil() {
			f.Errorf("%s of %s has the client_id %s, had %s", b.Kind, by.Kind, b.ClientID, a.ClientID)
		}
	}
}

// leftBehind checks the old conversation: its older round, and a pointer.
func (f *fixture) leftBehind(id, to chat.ConversationID) {
	f.Helper()
	events := f.all(id)
	if texts := f.texts(events); !slices.Equal(texts, []string{"an older round", "", "", "", ""}) {
		f.Errorf("left behind: %q", texts)
	}
	last, s := events[len(events)-1], f.head(id)
	if last.Kind != chat.Carried || last.Public || s.CarriedTo != to || s.Round.State != chat.Resolved || s.WaitingSince != 0 {
		f.Errorf("it ends with %+v as %+v", last, s)
	}
	rounds, err := f.store.Rounds(f.Context(), id, 0, 5)
	f.no(err)
	there, err := f.store.Rounds(f.Context(), to, 0, 5)
	f.no(err)
	if len(rounds) != 2 || rounds[0].ResolvedAt == 0 || len(there) != 1 || there[0].ResolvedAt != 0 || there[0].FirstSeq != 1 || there[0].Assignee != ann.Agent() {
		f.Errorf("the rounds are %+v and %+v", rounds, there)
	}
}

// repeated sends what was sent before, and what was not.
func (f *fixture) repeated(id, to chat.ConversationID, mine, reply chat.Change, over chat.CarriedOver) {
	f.Helper()
	size := len(f.all(to))
	for _, c := range []chat.Change{mine, reply} { // under the old names
		if got := f.must(c); !got.Repeat || got.Conversation.ID != id {
			f.Errorf("what was sent before the carry got %+v", got)
		}
	}
	again := mine // as the verified visitor
	again.Conversation, again.By.ID = to, int64(over.To.Conversation.Visitor)
	if got := f.must(again); !got.Repeat || got.Conversation.ID != to {
		f.Errorf("the message, sent again with the log-in, got %+v", got)
	}
	again.Fingerprint = []byte("other")
	_, err := f.try(again)
	f.refused(err, chat.ClientIDReused)
	_, err = f.try(f.message(id, mine.By, "more"))
	f.refused(err, chat.Ended)
	begin := f.message(0, chat.Actor{Kind: chat.VisitorActor}, "more")
	begin.Begin = &chat.Beginning{Site: site, SecretHash: anonymous(1)}
	_, err = f.try(begin)
	f.refused(err, chat.Ended)
	if got := f.carry(1); !got.Carried || len(got.To.Events)+len(got.From.Events) > 0 {
		f.Errorf("carried again: %+v", got)
	}
	if now := len(f.all(to)); now != size {
		f.Errorf("%d events became %d", size, now)
	}
	told, _ := f.heard()
	counts := map[chat.ConversationID]int{}
	for _, c := range told {
		counts[c.Conversation.ID] += len(c.Events)
	}
	if want := map[chat.ConversationID]int{id: len(f.all(id)), to: size}; !maps.Equal(counts, want) {
		f.Errorf("the listener was told of %v events, want %v", counts, want)
	}
}

func (f *fixture) carriedRows(id, to chat.ConversationID) {
	f.Helper()
	mine := f.list(chat.ViewMine, ann.Agent(), 10, site)
	if len(mine) != 1 || mine[0].Conversation.ID != to || mine[0].Last == nil {
		f.Errorf("Ann's list is %+v", mine)
	}
	resolved := f.list(chat.ViewResolved, bo.Agent(), 10, site)
	if len(resolved) != 1 || resolved[0].Conversation.ID != id || resolved[0].Unread != 0 {
		f.Errorf("the resolved ones are %+v", resolved)
	}
	counts, err := f.store.Counts(f.Context(), []chat.SiteID{site})
	f.no(err)
	if c := counts[site]; c.Waiting != 0 || len(c.Assigned) != 1 || c.Assigned[ann.Agent()] != 1 {
		f.Errorf("the counts are %+v", c)
	}
	changed, _, err := f.store.ChangedSince(f.Context(), []chat.SiteID{site}, 10_000)
	f.no(err)
	if len(changed) != 2 || !slices.ContainsFunc(changed, func(s chat.State) bool { return s.Conversation == id && s.CarriedTo == to }) {
		f.Errorf("healing finds %+v", changed)
	}
}

// testCarryFiles takes files along: what is recalled there is gone.
func testCarryFiles(f *fixture) {
	owner := chat.VisitorFiles(anonymous(1))
	file := f.upload(owner, site, true)
	_, err := f.sends(chat.Command{
		By: chat.Actor{Kind: chat.VisitorActor}, ClientID: newClientID(), Begin: &chat.Beginning{Site: site, SecretHash: anonymous(1)},
		Files: []chat.FileID{file.ID}, Owner: owner,
	}, "look")
	f.no(err)
	over := f.carry(1)
	got := f.file(file.ID)
	if got.State != files.Sent || got.Conversation != over.To.Conversation.ID || got.Seq != 2 || !got.Public {
		f.Errorf("the file became %+v", got)
	}
	to := over.To.Conversation
	by := chat.Actor{Kind: chat.VisitorActor, ID: int64(to.Visitor)}
	f.must(command(to.ID, by, chat.EditText(by, 2, "look here")))
	if text, err := f.all(to.ID)[1].Body.Text(); err != nil || len(text.Files) != 1 || text.Origin == nil {
		f.Errorf("edited it is %+v, %v", text, err)
	}
	f.must(command(to.ID, by, chat.RecallText(by, 2)))
	if got := f.file(file.ID); got.State != files.Gone {
		f.Errorf("recalled, the file is %+v", got)
	}
}

// testCarryJoins takes a round along to one that is open, from two devices in turn.
func testCarryJoins(f *fixture) {
	to, _ := f.asked(verified(1), "mine")
	f.must(command(to, bo, chat.Take(bo)))
	f.asked(anonymous(1), "from a phone")
	over := f.carry(1)
	if s := f.head(to); over.To.Conversation.ID != to || s.Round.Number != 1 || s.Round.Assignee != bo.Agent() {
		f.Errorf("the round became %+v", s)
	}
	f.gapless(to, f.all(to))
	if texts := f.texts(f.all(to)); !slices.Equal(texts, []string{"mine", "from a phone"}) {
		f.Errorf("the texts are %q", texts)
	}
	// A client_id that both visitors used is the verified one's own.
	by := chat.Actor{Kind: chat.VisitorActor, ID: int64(over.To.Conversation.Visitor)}
	used := f.message(to, by, "same id")
	f.must(used)
	other := f.message(0, chat.Actor{Kind: chat.VisitorActor}, "same id, another visitor")
	other.Begin, other.ClientID = &chat.Beginning{Site: site, SecretHash: secret(9001)}, used.ClientID
	f.must(other)
	out := make(chan carryResult, 1)
	f.store.Carry(&chat.Carry{
		Site: site, From: secret(9001), To: &chat.Beginning{Site: site, SecretHash: verified(1)},
		Decide: func(l chat.Luggage) chat.Carriage { return chat.CarryOver(l, f) },
		Done:   func(over chat.CarriedOver, err error) { out <- carryResult{over, err} },
	})
	if got := <-out; got.err != nil || !got.over.Carried {
		f.Fatalf("a client_id of both: %+v", got)
	}
	if got := f.must(used); !got.Repeat || got.Events[0].Seq != 5 {
		f.Errorf("the verified visitor's own command got %+v", got)
	}
	f.gapless(to, f.all(to))
}

// testCarryNothing is for all that moves nothing, and makes nothing.
func testCarryNothing(f *fixture) {
	for name, make := range map[string]func(){
		"a stranger":     func() {},
		"a round closed": func() { id, _ := f.asked(anonymous(1), "x"); f.must(command(id, ann, chat.Resolve(ann))) },
	} {
		make()
		if got := f.carry(1); got.Carried || len(got.To.Events) > 0 {
			f.Errorf("%s: %+v", name, got)
		}
	}
	got := f.begin(chat.Beginning{Site: site, SecretHash: verified(1)}, "first")
	if got.State.Seq != 2 {
		f.Errorf("the verified visitor had a conversation already: %+v", got.State)
	}
	f.asked(anonymous(2), "theirs")
	f.asked(verified(2), "mine")
	f.carry(2)
	out := make(chan carryResult, 1)
	f.store.Carry(&chat.Carry{
		Site: site, From: anonymous(2), To: &chat.Beginning{Site: site, SecretHash: verified(1)},
		Decide: func(l chat.Luggage) chat.Carriage { return chat.CarryOver(l, f) },
		Done:   func(over chat.CarriedOver, err error) { out <- carryResult{over, err} },
	})
	if got := <-out; got.err != nil || got.over.Carried {
		f.Errorf("what was carried went on to another log-in: %+v", got)
	}
}

// testCarryFails cuts carries off before and after their commit: nothing of them is
// there, or all of it, and the same carry tells which.
func testCarryFails(f *fixture) {
	id, visitor := f.asked(anonymous(1), "hello")
	f.must(f.message(id, visitor, "again"))
	before, events := f.head(id), f.all(id)
	f.onCommit(func(func() error) error { return errors.New("the power went") })
	if got := <-f.carrying(1); got.err == nil {
		f.Fatalf("a carry whose commit failed gave %+v", got.over)
	}
	f.onCommit(nil)
	f.reopen()
	if diff := cmp.Diff(before, f.head(id)); diff != "" {
		f.Errorf("the old conversation changed:\n%s", diff)
	}
	if !slices.Equal(f.texts(events), f.texts(f.all(id))) {
		f.Errorf("the texts are %q", f.texts(f.all(id)))
	}
	f.onCommit(func(commit func() error) error { return errors.Join(commit(), errors.New("the answer was lost")) })
	if got := <-f.carrying(1); chat.CodeOf(got.err) != chat.Unknown {
		f.Fatalf("a carry of which nobody knows gave %+v", got)
	}
	f.onCommit(nil)
	f.reopen()
	if got := f.carry(1); !got.Carried || len(got.To.Events) > 0 {
		f.Errorf("asked again it gave %+v", got)
	}
	to := f.head(id).CarriedTo
	f.gapless(to, f.all(to))
	if texts := f.texts(f.all(to)); !slices.Equal(texts, []string{"hello", "again"}) {
		f.Errorf("carried %q", texts)
	}
}
