package storetest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/retention"
)

const day = 24 * time.Hour

// removeOld removes what is older than age of a conversation, step by step.
func (f *fixture) removeOld(id chat.ConversationID, age time.Duration) (removed retention.Removed, steps int) {
	f.Helper()
	before, err := f.store.Cutoff(f.Context(), age)
	f.no(err)
	for {
		step, err := f.store.RemoveOld(f.Context(), id, before)
		f.no(err)
		if step.State != f.head(id) || step.Conversation.ID != id {
			f.Errorf("the step says %+v, the head is %+v", step.State, f.head(id))
		}
		removed.Add(step.Removed)
		if steps++; !step.More {
			return removed, steps
		}
	}
}

// old are the conversations in which something is older than age.
func (f *fixture) old(age time.Duration) (ids []chat.ConversationID) {
	f.Helper()
	before, err := f.store.Cutoff(f.Context(), age)
	f.no(err)
	for at := (retention.Place{}); ; {
		found, err := f.store.OldRounds(f.Context(), site, before, at, 1)
		f.no(err)
		if len(found) == 0 {
			break
		}
		at = found[0].Place
		if found[0].Left {
			ids = append(ids, at.Conversation)
		}
	}
	for after := chat.ConversationID(0); ; {
		found, err := f.store.OldRest(f.Context(), site, before, after, 1)
		f.no(err)
		if len(found) == 0 {
			return ids
		}
		after = found[0]
		ids = append(ids, after)
	}
}

// round has a visitor write, ann answer with a file, and the round resolved.
func (f *fixture) round(id chat.ConversationID, visitor chat.Actor) (file chat.FileID, reply chat.Event) {
	f.Helper()
	f.must(f.message(id, visitor, "a question"))
	file = f.upload(annsFiles, site, true).ID
	sent, err := f.sends(chat.Command{By: ann, ClientID: newClientID(), Conversation: id, Files: []chat.FileID{file}, Owner: annsFiles}, "an answer")
	f.no(err)
	reply = sent.Events[sent.Answer]
	_, err = f.ask(func(d *chat.Desk, done chat.Done) {
		d.Edit(chat.Command{By: ann, ClientID: newClientID(), Conversation: id}, reply.Seq, "a better answer", done)
	})
	f.no(err)
	f.must(f.note(id, ann, "a note"))
	f.must(command(id, ann, chat.Resolve(ann)))
	return file, reply
}

// Three rounds, ten days apart: the oldest goes, then the second, and the third stays
// while somebody goes on writing in it.
func testRetention(f *fixture) {
	id, visitor := f.conversation(1)
	first, _ := f.round(id, visitor)
	f.pass(10 * day)
	second, _ := f.round(id, visitor)
	kept := f.head(id)
	f.pass(10 * day)
	f.listed(chat.ViewResolved, ann.Agent(), []chat.ConversationID{id}, site)
	if got := f.old(15 * day); !slices.Equal(got, []chat.ConversationID{id}) {
		f.Errorf("old are %v", got)
	}
	removed, _ := f.removeOld(id, 15*day)
	// opened, hello, question, assigned, answer, edit, note, resolved
	if want := (retention.Removed{Rounds: 1, Events: 8, Revisions: 1, Files: 1, Bytes: 100}); removed != want {
		f.Errorf("removed was %+v, want %+v", removed, want)
	}
	s := f.head(id)
	if s.FirstSeq != 9 || s.FirstPublicSeq != 8 || s.Seq != kept.Seq || s.Round != kept.Round {
		f.Errorf("the head is %+v, it was %+v", s, kept)
	}
	if f.file(first).State != files.Gone || f.file(second).State != files.Sent {
		f.Errorf("the files are %s and %s", f.file(first).State, f.file(second).State)
	}
	rounds, err := f.store.Rounds(f.Context(), id, 0, 10)
	if f.no(err); len(rounds) != 1 || rounds[0].Number != 2 || rounds[0].FirstSeq != 9 {
		f.Errorf("the rounds are %+v", rounds)
	}
	if again, _ := f.removeOld(id, 15*day); again != (retention.Removed{}) {
		f.Errorf("again %+v was removed", again)
	}
	f.listed(chat.ViewResolved, ann.Agent(), []chat.ConversationID{id}, site)
	f.lastRoundGoes(id, visitor, second)
}

// lastRoundGoes is for the second round of the conversation, which is ten days old.
func (f *fixture) lastRoundGoes(id chat.ConversationID, visitor chat.Actor, file chat.FileID) {
	f.Helper()
	note := f.must(f.note(id, ann, "one thing more")) // it belongs to the last round, and is all that is kept of it
	if removed, _ := f.removeOld(id, 5*day); removed.Rounds != 0 || removed.Events != 7 {
		f.Errorf("%+v was removed of a round in which somebody has just written", removed)
	}
	rounds, err := f.store.Rounds(f.Context(), id, 0, 10)
	if s := f.head(id); s.FirstSeq != note.Events[0].Seq || s.Round.State != chat.Resolved || len(rounds) != 1 || rounds[0].FirstSeq != s.FirstSeq {
		f.Errorf("the head is %+v, the rounds are %+v, %v", s, rounds, err)
	}
	f.listed(chat.ViewResolved, ann.Agent(), []chat.ConversationID{id}, site)
	if got := f.old(5 * day); got != nil {
		f.Errorf("what is kept is not old, and old are %v", got)
	}
	f.pass(6 * day)
	if removed, _ := f.removeOld(id, 5*day); removed != (retention.Removed{Rounds: 1, Events: 1}) {
		f.Errorf("%+v was removed of the last round", removed)
	}
	s := f.head(id)
	if want := (chat.Round{Number: 2, State: chat.NoRound}); s.Round != want || s.FirstSeq != s.Seq+1 || s.FirstPublicSeq != s.PublicSeq+1 {
		f.Errorf("nothing is left, and the head is %+v", s)
	}
	if f.file(file).State != files.Gone {
		f.Errorf("the file is %s", f.file(file).State)
	}
	for _, view := range []chat.View{chat.ViewResolved, chat.ViewOpen, chat.ViewWaiting, chat.ViewMine} {
		f.listed(view, ann.Agent(), nil, site)
	}
	if got := f.old(time.Second); got != nil {
		f.Errorf("nothing is left, and old are %v", got)
	}
	// It goes on where it was; what stands in no round goes, too, when it is old.
	f.must(f.message(id, ann, "by the way"))
	if got := f.all(id); len(got) != 1 || got[0].Seq != s.Seq+1 {
		f.Errorf("the events are %+v", got)
	}
	f.pass(6 * day)
	if got := f.old(5 * day); !slices.Equal(got, []chat.ConversationID{id}) {
		f.Errorf("old are %v", got)
	}
	if removed, _ := f.removeOld(id, 5*day); removed != (retention.Removed{Events: 1}) {
		f.Errorf("removed was %+v", removed)
	}
	opened := f.must(f.message(id, visitor, "back again"))
	if r := opened.State.Round; r.Number != 3 || r.State != chat.Waiting {
		f.Errorf("the visitor's message opened %+v", r)
	}
	f.listed(chat.ViewWaiting, ann.Agent(), []chat.ConversationID{id}, site)
	f.pass(100 * day)
	if removed, _ := f.removeOld(id, 5*day); removed != (retention.Removed{}) {
		f.Errorf("%+v was removed of an open round", removed)
	}
}

// A conversation in which somebody writes every week loses what is old all the same:
// what is resolved, and what an agent writes without a round. Of an open round nothing
// goes, however old it is, but all before it.
func testRetentionAlive(f *fixture) {
	const week, age = 7 * day, 30 * day
	id, visitor := f.conversation(1)
	file, _ := f.round(id, visitor)
	for range 10 {
		f.pass(week)
		f.must(f.message(id, ann, "how are you?"))
	}
	f.mayRemove(id, age, true)
	removed, _ := f.removeOld(id, age)
	if kept := f.all(id); removed.Files != 1 || f.file(file).State != files.Gone || len(kept) != 5 {
		f.Errorf("%+v was removed, and %d events are kept: want those of the last 30 days", removed, len(kept))
	}
	f.mayRemove(id, age, false)
	f.pass(2 * age)
	f.must(f.message(id, visitor, "back")) // a round opens, and is never resolved
	f.mayRemove(id, age, true)
	f.removeOld(id, age)
	opened := f.head(id)
	if rounds, err := f.store.Rounds(f.Context(), id, 0, 10); len(rounds) != 1 || rounds[0].FirstSeq != opened.FirstSeq || len(f.all(id)) != 2 {
		f.Errorf("the rounds are %+v, %v", rounds, err)
	}
	for range 10 {
		f.pass(week)
		f.must(f.message(id, visitor, "and?"))
	}
	f.mayRemove(id, age, false)
	if removed, _ := f.removeOld(id, age); removed != (retention.Removed{}) {
		f.Errorf("%+v was removed of an open round", removed)
	}
	f.beforeAnOpenRound(id, visitor)
}

// beforeAnOpenRound is for what stands in no round, and before one that stays open.
func (f *fixture) beforeAnOpenRound(id chat.ConversationID, visitor chat.Actor) {
	f.Helper()
	f.must(command(id, boss, chat.Resolve(boss)))
	f.pass(10 * day)
	f.removeOld(id, 5*day)
	if s := f.head(id); s.Round.State != chat.NoRound {
		f.Fatalf("nothing is left, and the head is %+v", s)
	}
	for range 3 {
		f.must(f.message(id, ann, "a word"))
		f.pass(4 * day)
	}
	f.mayRemove(id, 5*day, true)
	if removed, _ := f.removeOld(id, 5*day); removed != (retention.Removed{Events: 2}) {
		f.Errorf("%+v was removed of what stands in no round", removed)
	}
	f.must(f.message(id, visitor, "again"))
	f.pass(10 * day)
	f.mayRemove(id, 5*day, true)
	if removed, _ := f.removeOld(id, 5*day); removed != (retention.Removed{Events: 1}) {
		f.Errorf("%+v was removed before an open round", removed)
	}
	f.mayRemove(id, 5*day, false)
}

// mayRemove asks the search whether it finds a conversation.
func (f *fixture) mayRemove(id chat.ConversationID, age time.Duration, want bool) {
	f.Helper()
	if got := slices.Contains(f.old(age), id); got != want {
		f.Errorf("the search finds the conversation: %t, want %t", got, want)
	}
}

// Nobody lacks what nobody can read any more, whether they had a mark or not.
func testRetentionMarks(f *fixture) {
	id, visitor := f.conversation(1)
	f.must2(f.await(f.submit(f.message(id, ann, "read"))))
	f.must2(f.await(f.submit(f.message(id, ann, "unread")))) // 5
	f.must(f.message(id, visitor, "unanswered"))             // 6
	f.must(command(id, ann, chat.Resolve(ann)))              // 7
	_, _, err := f.mark(chat.MarkChange{Conversation: id, Who: bo.Ref(), Read: 2})
	f.no(err)
	f.pass(10 * day)
	f.must(f.message(id, visitor, "new")) // 8, 9
	f.must(f.message(id, boss, "reply"))  // 10, 11
	ahead, _, err := f.mark(chat.MarkChange{Conversation: id, Who: boss.Ref(), Read: 9})
	f.no(err)
	f.removeOld(id, 5*day)
	marks, err := f.store.Marks(f.Context(), id)
	f.no(err)
	edge := chat.Mark{Conversation: id, Received: 7, Read: 7, ReceivedPublic: 7, ReadPublic: 7, VisitorMessagesRead: 2, AgentMessagesRead: 2}
	of := func(who chat.Actor) chat.Mark {
		m := edge
		m.Who = chat.ActorRef{Kind: who.Kind, ID: who.ID}
		return m
	}
	want := []chat.Mark{of(bo), ahead, of(visitor)}
	if diff := cmp.Diff(want, marks); diff != "" {
		f.Errorf("the marks (-want +got):\n%s", diff)
	}
	s := f.head(id)
	if n := s.UnreadByVisitor(of(visitor)); n != 1 {
		f.Errorf("the visitor has %d unread, want the reply", n)
	}
	if n := s.Unread(chat.Mark{}); n != 0 {
		f.Errorf("an agent without a mark has %d unread, want none: a reply was given", n)
	}
}

// A long round goes in several transactions, each of which leaves a right conversation.
func testRetentionSteps(f *fixture) {
	id, visitor := f.conversation(1)
	var under []<-chan result
	for range 1100 {
		under = append(under, f.submit(f.message(id, visitor, "again")))
	}
	for _, one := range under {
		f.must2(f.await(one))
	}
	f.must(command(id, ann, chat.Resolve(ann)))
	f.pass(10 * day)
	removed, steps := f.removeOld(id, day)
	if removed.Events != 1103 || removed.Rounds != 1 || steps != 3 {
		f.Errorf("%+v was removed in %d steps", removed, steps)
	}
	if s := f.head(id); s.FirstSeq != 1104 || s.Unread(chat.Mark{}) != 0 {
		f.Errorf("the head is %+v", s)
	}
}

// Whatever is removed, whoever comes with any position gets what comes after it, or is
// told that it is not all there.
func testRetentionPositions(f *fixture) {
	for seed := range uint64(25) {
		f.randomRemoval(seed)
	}
}

func (f *fixture) randomRemoval(seed uint64) {
	f.Helper()
	draw := rand.New(rand.NewPCG(seed, 0))   //nolint:gosec // what is drawn again is the same
	id, visitor := f.conversation(int(seed)) //nolint:gosec // it is small
	for range 1 + draw.IntN(4) {
		for range 1 + draw.IntN(3) {
			switch draw.IntN(3) {
			case 0:
				f.must(f.message(id, visitor, "question"))
			case 1:
				f.must(f.message(id, boss, "answer"))
			default:
				f.must(f.note(id, boss, "note"))
			}
		}
		if f.head(id).Round.State.Open() {
			f.must(command(id, boss, chat.Resolve(boss)))
		}
		f.pass(day)
		if draw.IntN(2) == 0 {
			f.must(f.note(id, boss, "afterwards"))
		}
	}
	before := f.all(id)
	f.removeOld(id, time.Duration(draw.IntN(6))*day-time.Second)
	if draw.IntN(2) == 0 {
		before = append(before, f.must(f.message(id, visitor, "and then")).Events...)
	}
	for _, public := range []bool{false, true} {
		f.everyPosition(seed, f.head(id), before, public)
	}
}

func (f *fixture) everyPosition(seed uint64, s chat.State, events []chat.Event, public bool) {
	first, last := s.FirstSeq, s.Seq
	if public {
		events, first, last = publicOnly(events), s.FirstPublicSeq, s.PublicSeq
	}
	for i := -1; i < len(events); i++ {
		at, number := &chat.Position{}, int64(i+1)
		if i >= 0 {
			at = position(events[i], public)
		}
		p := f.page(chat.PageQuery{Conversation: s.Conversation, Public: public, After: at, Limit: 200})
		want := events[max(number, first-1):]
		truncated := number < first && first > 1 && number != last
		if p.Reset || p.Truncated != truncated || len(p.Events) != len(want) || p.More {
			f.Fatalf("seed %d, public %t, after %d of %d (the first is %d): %d events, reset %t, truncated %t; want %d, truncated %t",
				seed, public, number, last, first, len(p.Events), p.Reset, p.Truncated, len(want), truncated)
		}
		for k, e := range p.Events {
			if e.Seq != want[k].Seq || e.Tag != want[k].Tag {
				f.Fatalf("after %d comes event %d, want %d", number, e.Seq, want[k].Seq)
			}
		}
	}
}
