package storetest

import (
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

// list reads all rows of a view, page by page.
func (f *fixture) list(view chat.View, agent chat.AgentID, limit int, sites ...chat.SiteID) []chat.ListRow {
	f.Helper()
	if len(sites) == 0 {
		sites = []chat.SiteID{site}
	}
	var all []chat.ListRow
	q := chat.ListQuery{Sites: sites, View: view, Agent: agent, Limit: limit}
	for {
		rows, err := f.store.List(f.Context(), q)
		f.no(err)
		all = append(all, rows...)
		if len(rows) < limit {
			return all
		}
		if len(all) > 1000 {
			f.Fatal("a list goes on and on")
		}
		q.After = &rows[len(rows)-1]
	}
}

// listed checks a view in pages of several sizes.
func (f *fixture) listed(view chat.View, agent chat.AgentID, want []chat.ConversationID, sites ...chat.SiteID) {
	f.Helper()
	for _, limit := range []int{1, 2, 3, 100} {
		var got []chat.ConversationID
		for _, row := range f.list(view, agent, limit, sites...) {
			got = append(got, row.Conversation.ID)
		}
		if !slices.Equal(got, want) {
			f.Errorf("%s in pages of %d: got %v, want %v", view, limit, got, want)
		}
	}
}

// several makes n conversations, a second apart.
func (f *fixture) several(n int) (ids []chat.ConversationID, visitors []chat.Actor) {
	f.Helper()
	for i := range n {
		id, visitor := f.conversation(i)
		ids, visitors = append(ids, id), append(visitors, visitor)
		f.pass(time.Second)
	}
	return ids, visitors
}

func testListWaiting(f *fixture) {
	ids, visitors := f.several(6)
	f.must(f.message(ids[0], visitors[0], "still waiting")) // does not lose its place
	f.must(command(ids[2], ann, chat.Take(ann)))
	f.must(command(ids[4], ann, chat.Resolve(ann)))
	f.listed(chat.ViewWaiting, ann.Agent(), []chat.ConversationID{ids[0], ids[1], ids[3], ids[5]})
	f.must(command(ids[2], ann, chat.Release(ann))) // its visitor has waited since it wrote
	f.listed(chat.ViewWaiting, ann.Agent(), []chat.ConversationID{ids[0], ids[1], ids[2], ids[3], ids[5]})
}

func testListMine(f *fixture) {
	ids, visitors := f.several(6)
	for _, i := range []int{0, 1, 2, 3} {
		f.must(f.message(ids[i], ann, "reply"))
		f.pass(time.Second)
	}
	f.must(f.message(ids[4], bo, "not Ann's"))
	f.must(f.message(ids[2], visitors[2], "I wait"))
	f.pass(time.Second)
	f.must(f.message(ids[1], visitors[1], "I too"))
	f.listed(chat.ViewMine, ann.Agent(), []chat.ConversationID{ids[2], ids[1], ids[3], ids[0]})
	f.listed(chat.ViewMine, bo.Agent(), []chat.ConversationID{ids[4]})
	f.listed(chat.ViewMine, boss.Agent(), nil)
	f.listed(chat.ViewMine, ann.Agent(), nil, site+1)
}

func testListNewest(f *fixture) {
	ids, visitors := f.several(6)
	f.must(f.message(ids[3], ann, "reply"))
	f.pass(time.Second)
	f.must(f.message(ids[1], visitors[1], "more")) // both in the same second
	f.must(f.message(ids[1], visitors[1], "and more"))
	f.pass(time.Second)
	f.must(command(ids[0], ann, chat.Resolve(ann)))
	f.pass(time.Second)
	f.must(command(ids[5], ann, chat.Resolve(ann)))
	f.listed(chat.ViewOpen, ann.Agent(), []chat.ConversationID{ids[1], ids[3], ids[4], ids[2]})
	f.listed(chat.ViewResolved, ann.Agent(), []chat.ConversationID{ids[5], ids[0]})
	f.must(f.message(ids[0], visitors[0], "once more")) // reopened
	f.listed(chat.ViewResolved, ann.Agent(), []chat.ConversationID{ids[5]})
	if _, err := f.store.List(f.Context(), chat.ListQuery{Sites: []chat.SiteID{site}, View: "other", Limit: 1}); err == nil {
		f.Error("an unknown view was not refused")
	}
	if _, err := f.store.List(f.Context(), chat.ListQuery{Sites: []chat.SiteID{site}, View: chat.ViewOpen, Limit: 101}); err == nil {
		f.Error("a list of 101 rows was not refused")
	}
}

// testListRows checks what a row shows: version, last text, unread.
func testListRows(f *fixture) {
	id, visitor := f.conversation(1)
	row := func(by chat.Actor) chat.ListRow {
		rows, err := f.store.Rows(f.Context(), by.Agent(), []chat.ConversationID{777, id})
		f.no(err)
		if len(rows) != 1 {
			f.Fatalf("the rows are %+v", rows)
		}
		if listed := f.list(chat.ViewOpen, by.Agent(), 10); len(listed) != 1 || !cmp.Equal(listed[0], rows[0]) {
			f.Errorf("the list has %+v, the row is %+v", listed, rows[0])
		}
		return rows[0]
	}
	last := func() chat.Event { events := f.all(id); return events[len(events)-1] }
	if r := row(ann); r.Unread != 1 || r.State != f.head(id) || r.Last == nil || !cmp.Equal(*r.Last, last()) {
		f.Errorf("the row is %+v", r)
	}
	f.must(f.message(id, visitor, "two"))
	f.markIs(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: 2}, true,
		chat.Mark{Received: 2, ReceivedPublic: 2, Read: 2, ReadPublic: 2, VisitorMessagesRead: 1})
	if a, b := row(ann), row(bo); a.Unread != 1 || b.Unread != 2 {
		f.Errorf("unread are %d and %d, want 1 and 2", a.Unread, b.Unread)
	}
	f.must(f.message(id, ann, "reply")) // 4 assigned, 5 message
	f.must(f.message(id, visitor, "three"))
	f.must(f.note(id, bo, "a note")) // 7
	f.must(command(id, ann, chat.Release(ann)))
	for _, by := range []chat.Actor{ann, bo, boss} {
		if r := row(by); r.Unread != 1 || r.Last == nil || r.Last.Seq != 7 || r.State.Seq != 8 {
			f.Errorf("the row of %s is %+v", by.Name, r)
		}
	}
	f.must(command(id, bo, chat.RecallText(bo, 7)))
	if r := row(ann); r.Last == nil || !r.Last.Erased() {
		f.Errorf("the row shows %+v", r.Last)
	}
	f.no(f.store.Truncate(f.Context(), id, 9))
	if r := row(ann); r.Last != nil {
		f.Errorf("the row shows a text that was removed: %+v", r.Last)
	}
}

func testCounts(f *fixture) {
	ids, _ := f.several(5)
	f.must(command(ids[0], ann, chat.Take(ann)))
	f.must(command(ids[1], ann, chat.Take(ann)))
	f.must(command(ids[2], bo, chat.Take(bo)))
	f.must(command(ids[3], bo, chat.Resolve(bo)))
	got, err := f.store.Counts(f.Context(), []chat.SiteID{site, site + 1})
	f.no(err)
	want := map[chat.SiteID]chat.Counts{
		site:     {Waiting: 1, Assigned: map[chat.AgentID]int64{ann.Agent(): 2, bo.Agent(): 1}},
		site + 1: {Assigned: map[chat.AgentID]int64{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
}

// testSites puts conversations on two sites: nothing of one is seen in the other.
func testSites(f *fixture) {
	here, _ := f.conversation(1)
	there := f.begin(chat.Beginning{Site: site + 1, SecretHash: secret(1)}, "there").Conversation.ID
	third := f.begin(chat.Beginning{Site: site + 2, SecretHash: secret(1)}, "third").Conversation.ID
	f.listed(chat.ViewWaiting, ann.Agent(), []chat.ConversationID{here})
	f.listed(chat.ViewWaiting, ann.Agent(), []chat.ConversationID{there}, site+1)
	for _, view := range []chat.View{chat.ViewWaiting, chat.ViewOpen} {
		rows := f.list(view, ann.Agent(), 1, site, site+1)
		if len(rows) != 2 || rows[0].Conversation.ID == third || rows[1].Conversation.ID == third {
			f.Errorf("%s of two sites has %+v", view, rows)
		}
	}
	for _, id := range []chat.ConversationID{here, there, third} {
		f.must(command(id, ann, chat.Take(ann)))
	}
	f.listed(chat.ViewMine, ann.Agent(), []chat.ConversationID{here})
	if rows := f.list(chat.ViewMine, ann.Agent(), 10, site, site+1); len(rows) != 2 {
		f.Errorf("mine of two sites has %d rows", len(rows))
	}
	for name, read := range map[string]func(sites []chat.SiteID) ([]chat.State, error){
		"OpenRounds": func(s []chat.SiteID) ([]chat.State, error) { return f.store.OpenRounds(f.Context(), s) },
		"ChangedSince": func(s []chat.SiteID) ([]chat.State, error) {
			states, _, err := f.store.ChangedSince(f.Context(), s, 60_000)
			return states, err
		},
	} {
		for _, sites := range [][]chat.SiteID{{}, {site}, {site, site + 2}} {
			states, err := read(sites)
			f.no(err)
			if len(states) != len(sites) {
				f.Errorf("%s of %d sites gave %d conversations", name, len(sites), len(states))
			}
			for _, s := range states {
				if !slices.Contains(sites, s.Site) {
					f.Errorf("%s of %v gave a conversation of site %d", name, sites, s.Site)
				}
			}
		}
	}
	if states, err := f.store.OpenRoundsOf(f.Context(), ann.Agent()); err != nil || len(states) != 3 {
		f.Errorf("Ann has %d open rounds, %v", len(states), err)
	}
}

// testHealing checks that a read of the last seconds finds what changed in them.
func testHealing(f *fixture) {
	ids, visitors := f.several(3) // changed 3, 2, 1 s ago
	changed := func(span time.Duration) []chat.ConversationID {
		states, now, err := f.store.ChangedSince(f.Context(), []chat.SiteID{site}, span.Milliseconds())
		f.no(err)
		if now != chat.Millis(f.clock.Load()) {
			f.Errorf("the database's time is %d, want %d", now, f.clock.Load())
		}
		var got []chat.ConversationID
		for _, s := range states {
			if s != f.head(s.Conversation) {
				f.Errorf("healing read %+v, the head is %+v", s, f.head(s.Conversation))
			}
			got = append(got, s.Conversation)
		}
		slices.Sort(got)
		return got
	}
	want := func(span time.Duration, ids ...chat.ConversationID) {
		f.Helper()
		slices.Sort(ids)
		if got := changed(span); !slices.Equal(got, ids) {
			f.Errorf("in the last %s changed %v, want %v", span, got, ids)
		}
	}
	f.pass(-2 * time.Hour) // what was written before the clock was set back is not read for two hours
	want(time.Minute)
	f.pass(2 * time.Hour)
	want(1500*time.Millisecond, ids[2])
	want(2500*time.Millisecond, ids[1], ids[2])
	f.pass(time.Minute)
	want(17 * time.Second)
	// The first append of a second, and the first mark.
	f.must(f.message(ids[0], visitors[0], "more"))
	f.must(f.message(ids[0], visitors[0], "and more"))
	f.must2(chat.Changed{}, f.moveMark(ids[1], 2))
	want(time.Second, ids[0], ids[1])
	f.pass(time.Minute)
	f.must2(chat.Changed{}, f.moveMark(ids[1], 2)) // it does not move: nothing changed
	want(17 * time.Second)
	// A change of the round is written even when its second has seen one.
	f.must(f.message(ids[2], visitors[2], "now"))
	f.pass(100 * time.Millisecond)
	f.must(command(ids[2], ann, chat.Take(ann)))
	want(0, ids[2])
}

func (f *fixture) moveMark(id chat.ConversationID, to int64) error {
	_, _, err := f.mark(chat.MarkChange{Conversation: id, Who: ann.Ref(), Read: to})
	return err
}

// testTakeRace lets two agents take the same rounds at once.
func testTakeRace(f *fixture) {
	ids, _ := f.several(10)
	for _, id := range ids {
		a, b := f.submit(command(id, ann, chat.Take(ann))), f.submit(command(id, bo, chat.Take(bo)))
		_, errA := f.await(a)
		_, errB := f.await(b)
		if (errA == nil) == (errB == nil) {
			f.Fatalf("two agents took a round: %v, %v", errA, errB)
		}
		lost, has := errA, bo
		if errA == nil {
			lost, has = errB, ann
		}
		f.refused(lost, chat.NotYours)
		var refusal *chat.Refusal
		if !asRefusal(lost, &refusal) || refusal.Round.Assignee != has.Agent() {
			f.Errorf("the refusal %+v does not say that %s has it", refusal, has.Name)
		}
		if s := f.head(id); s.Round.Assignee != has.Agent() {
			f.Errorf("the head says %d", s.Round.Assignee)
		}
	}
}

func testRounds(f *fixture) {
	id, visitor := f.conversation(1)
	f.pass(time.Second)
	f.must(f.message(id, ann, "reply"))         // 3, 4
	f.must(command(id, ann, chat.Resolve(ann))) // 5
	f.pass(time.Second)
	f.must(f.message(id, visitor, "reopened")) // 6, 7
	f.pass(time.Second)
	f.must(command(id, ann, chat.Resolve(ann))) // 8
	f.pass(time.Hour)
	f.must(f.message(id, visitor, "a new round")) // 9, 10
	f.must(command(id, bo, chat.Take(bo)))
	got, err := f.store.Rounds(f.Context(), id, 0, 10)
	f.no(err)
	want := []chat.RoundRecord{
		{Number: 2, OpenedAt: start + 3_603_000, FirstSeq: 9, Assignee: bo.Agent()},
		{Number: 1, OpenedAt: start, ResolvedAt: start + 3_000, FirstSeq: 1, Assignee: ann.Agent()},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
	if got, err = f.store.Rounds(f.Context(), id, 0, 1); err != nil || len(got) != 1 || got[0].Number != 2 {
		f.Errorf("the newest round is %+v, %v", got, err)
	}
	if got, err = f.store.Rounds(f.Context(), id, 2, 10); err != nil || cmp.Diff(want[1:], got) != "" {
		f.Errorf("before the second round there is %+v, %v", got, err)
	}
}
