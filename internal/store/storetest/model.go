package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
)

// testModel compares the store with chat.Append over a slice: random commands
// of several people in a few conversations, queued without waiting.
func testModel(f *fixture) {
	f.no(f.store.Close())
	f.o.Fast = true
	f.store = f.open(f.TB, f.o)
	runs, began := 0, time.Now()
	rapid.Check(f.T, func(t *rapid.T) {
		if runs >= modelRuns && time.Since(began) > modelTime {
			return // a busy machine has seen enough
		}
		runs++
		m := &model{f: f, t: t, site: site + chat.SiteID(runs)}
		for range 3 {
			m.add()
		}
		t.Repeat(map[string]func(*rapid.T){
			"":       func(t *rapid.T) {},
			"send":   m.send,
			"note":   m.note,
			"round":  m.turn,
			"revise": m.revise,
			"repeat": m.repeat,
			"mark":   m.mark,
			"pass": func(t *rapid.T) {
				m.settle()
				f.pass(time.Duration(rapid.IntRange(1, 900_000).Draw(t, "ms")) * time.Millisecond)
			},
			"truncate": m.truncate,
			"compare":  func(t *rapid.T) { m.compare(t) },
		})
		m.compare(t)
	})
}

// A model is run at least so often, and for so long until rapid has enough.
const (
	modelRuns = 30
	modelTime = 3 * time.Second
)

// model is what the store should hold.
type model struct {
	f             *fixture
	t             *rapid.T
	site          chat.SiteID
	conversations []*modelConversation
	waiting       []func()
	sent          []modelSent
}

type modelConversation struct {
	conversation chat.Conversation
	visitor      chat.Actor
	state        chat.State
	events       []chat.Event // all ever appended; those before state.FirstSeq are gone
	marks        map[chat.AgentID]chat.Mark
}

type modelSent struct {
	c      *modelConversation
	change chat.Change
	seq    int64
}

// Event implements chat.Log over the model.
func (c *modelConversation) Event(number int64, public bool) (chat.Event, error) {
	for _, e := range c.events {
		at := e.Seq
		if public {
			at = e.PublicSeq
		}
		if at == number && (!public || e.Public) && e.Seq >= c.state.FirstSeq {
			return e, nil
		}
	}
	return chat.Event{}, chat.Refuse(chat.NotFound, "not here")
}

// Files implements chat.Log: the model has none.
func (c *modelConversation) Files([]chat.FileID) ([]chat.Upload, error) { return nil, nil }

func (m *model) add() {
	by := chat.Actor{Kind: chat.VisitorActor}
	n := len(m.conversations)
	change := chat.Change{Begin: &chat.Beginning{Site: m.site, SecretHash: secret(n)}, By: by, ClientID: newClientID(), Decide: chat.SendMessage(by, "hello", m.f)}
	got := m.f.must(change)
	c := &modelConversation{conversation: got.Conversation, marks: map[chat.AgentID]chat.Mark{}}
	c.visitor = chat.Actor{Kind: chat.VisitorActor, ID: int64(got.Conversation.Visitor)}
	c.state, c.events = got.State, slices.Clone(got.Events)
	m.conversations = append(m.conversations, c)
	m.sent = append(m.sent, modelSent{c, change, 2})
}

func (m *model) draw(t *rapid.T) (*modelConversation, chat.Actor) {
	c := rapid.SampledFrom(m.conversations).Draw(t, "conversation")
	return c, rapid.SampledFrom([]chat.Actor{c.visitor, ann, bo, boss}).Draw(t, "by")
}

func (m *model) send(t *rapid.T) {
	c, by := m.draw(t)
	m.do(c, m.f.message(c.conversation.ID, by, rapid.StringMatching(`[a-z好😀']{1,20}`).Draw(t, "text")))
}

func (m *model) note(t *rapid.T) {
	c, by := m.draw(t)
	m.do(c, m.f.note(c.conversation.ID, by, "note"))
}

func (m *model) turn(t *rapid.T) {
	c, by := m.draw(t)
	rule := rapid.SampledFrom([]chat.Decide{
		chat.Take(by), chat.Release(by), chat.Resolve(by), chat.Assign(by, bo.Agent(), bo.Name, true), chat.ReturnAbsent(ann.Agent(), m.f),
	}).Draw(t, "rule")
	m.do(c, command(c.conversation.ID, by, rule))
}

func (m *model) revise(t *rapid.T) {
	c, by := m.draw(t)
	number := rapid.Int64Range(1, c.state.Seq+1).Draw(t, "number")
	rule := chat.RecallText(by, number)
	if rapid.Bool().Draw(t, "edit") {
		rule = chat.EditText(by, number, rapid.StringMatching(`[a-z]{1,9}`).Draw(t, "text"))
	}
	m.do(c, command(c.conversation.ID, by, rule))
}

// do decides on the model at once, and lets the store decide when it comes to it.
func (m *model) do(c *modelConversation, change chat.Change) {
	drafts, wantErr := change.Decide(c.state, c)
	now := chat.Millis(m.f.clock.Load())
	tags := uint32(0)
	state, events := c.state, []chat.Event(nil)
	if wantErr == nil {
		state, events = chat.Append(c.state, drafts, change.ClientID, now, func() uint32 { tags++; return tags })
	}
	first := len(c.events)
	c.state, c.events = state, append(c.events, events...)
	for i := range drafts {
		c.applyTo(&drafts[i])
	}
	for _, e := range events {
		if !e.ClientID.IsNil() {
			m.sent = append(m.sent, modelSent{c, change, e.Seq})
		}
	}
	out := m.f.submit(change)
	m.waiting = append(m.waiting, func() {
		got, err := m.f.await(out)
		if (err == nil) != (wantErr == nil) || (err != nil && chat.CodeOf(err) != chat.CodeOf(wantErr)) {
			m.t.Fatalf("the store says %v, the model %v", err, wantErr)
		}
		if len(got.Events) != len(events) {
			m.t.Fatalf("the store appended %+v, the model %+v", got.Events, events)
		}
		for i, e := range got.Events { // tags are random: the model takes the store's
			c.events[first+i].Tag = e.Tag
			c.state.Tag = e.Tag
			if e.Public {
				c.state.PublicTag = e.Tag
			}
		}
	})
}

func (c *modelConversation) applyTo(d *chat.Draft) {
	for i := range c.events {
		e := &c.events[i]
		if d.Replace != nil && e.Seq == d.Replace.Seq {
			e.Body, e.Rev = d.Replace.Body, e.Rev+1
		}
		if e.Seq == d.Erase {
			e.Body = nil
		}
	}
}

func (m *model) repeat(t *rapid.T) {
	s := rapid.SampledFrom(m.sent).Draw(t, "sent")
	if s.seq < s.c.state.FirstSeq {
		return // its client_id is gone with the event
	}
	change := s.change
	out := m.f.submit(change)
	m.waiting = append(m.waiting, func() {
		got, err := m.f.await(out)
		if err != nil || !got.Repeat || got.Events[0].Seq != s.seq {
			m.t.Fatalf("the repeat of event %d gave %+v, %v", s.seq, got, err)
		}
	})
}

func (m *model) mark(t *rapid.T) {
	c := rapid.SampledFrom(m.conversations).Draw(t, "conversation")
	by := rapid.SampledFrom([]chat.Actor{ann, bo}).Draw(t, "by")
	read := rapid.Int64Range(0, c.state.Seq+2).Draw(t, "read")
	before := c.marks[by.Agent()]
	want := before
	if at := min(read, c.state.Seq); at > before.Read && (at >= c.state.FirstSeq || at == c.state.Seq) {
		e := c.events[at-1]
		want.Read, want.VisitorMessagesRead = at, e.VisitorMessages
	}
	c.marks[by.Agent()] = want
	out := m.f.submitMark(chat.MarkChange{Conversation: c.conversation.ID, Who: by.Ref(), Read: read})
	m.waiting = append(m.waiting, func() {
		got := <-out
		if got.err != nil || got.mark.Read != want.Read || got.mark.VisitorMessagesRead != want.VisitorMessagesRead || got.moved != (want != before) {
			m.t.Fatalf("the mark is %+v, want %+v", got, want)
		}
	})
}

func (m *model) truncate(t *rapid.T) {
	m.settle()
	c := rapid.SampledFrom(m.conversations).Draw(t, "conversation")
	seq := rapid.Int64Range(1, c.state.Seq+1).Draw(t, "seq")
	m.f.no(m.f.store.Truncate(m.f.Context(), c.conversation.ID, seq))
	if seq > c.state.FirstSeq {
		c.state.FirstSeq, c.state.FirstPublicSeq = seq, c.events[seq-2].PublicSeq+1
	}
}

func (m *model) settle() {
	for _, wait := range m.waiting {
		wait()
	}
	m.waiting = nil
}

// compare checks everything that can be read.
func (m *model) compare(t *rapid.T) {
	m.settle()
	for _, c := range m.conversations {
		if diff := gocmp.Diff(c.state, m.f.head(c.conversation.ID)); diff != "" {
			t.Fatalf("head (-model +store):\n%s", diff)
		}
		for _, public := range []bool{false, true} {
			m.comparePage(t, c, public)
		}
	}
	m.compareLists(t)
}

func (m *model) comparePage(t *rapid.T, c *modelConversation, public bool) {
	var want []chat.Event
	for _, e := range c.events {
		if e.Seq < c.state.FirstSeq || (public && !e.Public) {
			continue
		}
		if e.Kind == chat.Edit || e.Kind == chat.Recall {
			ref, _ := e.Body.TargetRef()
			if target, err := c.Event(ref.Seq, false); err == nil {
				e.Target = &target
			}
		}
		want = append(want, e)
	}
	p := m.f.page(chat.PageQuery{Conversation: c.conversation.ID, Public: public, Limit: 200})
	equalBodies := gocmp.Comparer(func(a, b chat.Body) bool { return string(a) == string(b) })
	if diff := gocmp.Diff(want, p.Events, equalBodies); diff != "" && len(want) < 200 {
		t.Fatalf("page, public %t (-model +store):\n%s", public, diff)
	}
}

func (m *model) compareLists(t *rapid.T) {
	type row struct {
		id     chat.ConversationID
		unread int64
	}
	for _, view := range []chat.View{chat.ViewWaiting, chat.ViewOpen, chat.ViewResolved, chat.ViewMine} {
		var want, got []row
		for _, c := range m.inView(view) {
			want = append(want, row{c.conversation.ID, c.state.Unread(c.marks[ann.Agent()])})
		}
		for _, r := range m.f.list(view, ann.Agent(), 2, m.site) {
			got = append(got, row{r.Conversation.ID, r.Unread})
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: the store has %v, the model %v", view, got, want)
		}
	}
	counts, err := m.f.store.Counts(m.f.Context(), []chat.SiteID{m.site})
	m.f.no(err)
	if n := int64(len(m.inView(chat.ViewWaiting))); counts[m.site].Waiting != n {
		t.Fatalf("%d rounds wait, the store counts %d", n, counts[m.site].Waiting)
	}
	if n := int64(len(m.inView(chat.ViewMine))); counts[m.site].Assigned[ann.Agent()] != n {
		t.Fatalf("Ann has %d rounds, the store counts %v", n, counts)
	}
}

// inView sorts the model's conversations as the view does.
func (m *model) inView(view chat.View) []*modelConversation {
	var rows []*modelConversation
	for _, c := range m.conversations {
		r := c.state.Round
		if map[chat.View]bool{
			chat.ViewWaiting: r.State == chat.Waiting, chat.ViewOpen: r.State.Open(), chat.ViewResolved: r.State == chat.Resolved,
			chat.ViewMine: r.State == chat.Assigned && r.Assignee == ann.Agent(),
		}[view] {
			rows = append(rows, c)
		}
	}
	slices.SortFunc(rows, func(a, b *modelConversation) int {
		newest := cmp.Or(cmp.Compare(b.state.LastAt/1000, a.state.LastAt/1000), cmp.Compare(b.conversation.ID, a.conversation.ID))
		ids := cmp.Compare(a.conversation.ID, b.conversation.ID)
		switch view {
		case chat.ViewWaiting:
			return cmp.Or(cmp.Compare(a.state.WaitingSince, b.state.WaitingSince), ids)
		case chat.ViewMine:
			first := func(c *modelConversation) string {
				if c.state.UnansweredSince != 0 {
					return fmt.Sprintf("0 %020d", c.state.UnansweredSince)
				}
				return fmt.Sprintf("1 %020d", int64(1e18)-int64(c.state.LastAt))
			}
			return cmp.Or(cmp.Compare(first(a), first(b)), ids)
		}
		return newest
	})
	return rows
}
