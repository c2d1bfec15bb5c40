package chat

import (
	"cmp"
	"context"
	"slices"
)

// What one carry takes at most, so that it keeps no other change waiting for long.
// Of a longer round the newest part goes along.
const (
	MaxCarriedEvents = 2000
	MaxCarriedText   = 2 << 20 // code points of the bodies
)

// Origin is where a carried event stood before.
type Origin struct {
	Conversation ConversationUUID `json:"c"`
	Seq          int64            `json:"seq"`
}

// Carry is a wish to take the open round of an anonymous visitor's conversation
// along to a verified visitor's: in one transaction, or not at all.
type Carry struct {
	Ctx  context.Context // cancels it as long as it has not been decided; nil: never
	Site SiteID
	// From is the hash of the anonymous visitor's secret; To is the verified visitor,
	// whose conversation may not exist yet.
	From   []byte
	To     *Beginning
	Decide func(Luggage) Carriage
	// Done gets the outcome, once, as that of a Change.
	Done func(CarriedOver, error)
}

// CarriedOver is what became of a carry.
type CarriedOver struct {
	// Carried tells that the round went to the verified visitor's conversation, now or
	// when this was asked for before.
	Carried bool
	// From and To are what changed now: nothing in a repetition.
	From, To Changed
	Marks    []Mark // those of To that moved
}

// Luggage is what a carry is decided on, read under the locks of both heads.
type Luggage struct {
	From, To           State
	FromName, ToName   ConversationUUID
	Now                Millis
	Tag                func() uint32
	FromMarks, ToMarks []Mark
	// Round are the events of the open round of From, oldest first; of a long one the newest.
	Round []Event
	// Used are the client_ids of the round that the verified visitor has used itself.
	Used map[ClientID]bool
}

// Carriage is what follows from a carry. Without Events nothing changes.
type Carriage struct {
	Already  bool  // it was carried there before
	From, To State // as they are then
	Ending   Event // the last event of From
	Events   []Event
	// Origins are the seqs that the Events had in From; 0 of those that are new.
	Origins []int64
	Marks   []Mark // those of To that move
}

// CarriedBody is that of a text that was carried away.
func CarriedBody() Body { return bodyOf(Text{Carried: true}) }

// Carry takes a chat along. Whether the site wants that is for the caller to know.
func (d *Desk) Carry(ctx context.Context, site SiteID, from []byte, to Beginning) (CarriedOver, error) {
	type outcome struct {
		over CarriedOver
		err  error
	}
	done := make(chan outcome, 1)
	d.store.Carry(&Carry{
		Ctx: ctx, Site: site, From: from, To: &to,
		Decide: func(l Luggage) Carriage { return CarryOver(l, d.members) },
		Done:   func(over CarriedOver, err error) { done <- outcome{over, err} },
	})
	o := <-done // the store calls Done in any case
	return o.over, o.err
}

// CarryOver is the rule by which a round is taken along:
//
//	From                     | To                  | then in To
//	no open round, or ended  | any                 | nothing changes
//	carried to To before     | any                 | nothing changes, and it is said so
//	open                     | no open round       | a new round, with From's state, agent and times
//	waiting                  | waiting             | one round, waiting since the longer wait
//	assigned                 | waiting             | one round, assigned to From's agent
//	any open                 | assigned            | one round, whose agent keeps it
//
// In one round there is one history of the round: To's. From's texts join it, and what
// turned From's round stays in From, as do edits and recalls of what stays there.
func CarryOver(l Luggage, members Members) Carriage {
	f, t := &l.From, &l.To
	switch {
	case f.Conversation == t.Conversation || f.Site != t.Site || t.CarriedTo != 0:
		return Carriage{}
	case f.CarriedTo != 0:
		return Carriage{Already: f.CarriedTo == t.Conversation}
	case !f.Round.State.Open():
		return Carriage{}
	}
	c := carrying{Luggage: &l, members: members, joined: t.Round.State.Open(), state: *t, places: map[int64]int{}}
	if !c.joined && (len(l.Round) == 0 || l.Round[0].Kind != Opened) {
		c.add(Opened, RoundChange{Round: t.Round.Number + 1}, f.Round.OpenedAt)
	}
	for i := range l.Round {
		c.take(&l.Round[i])
	}
	c.settle()
	out := Carriage{To: c.state, Events: c.events, Origins: c.origins, Marks: c.marks()}
	out.From, out.Ending = c.end()
	return out
}

// carrying is a carry under way.
type carrying struct {
	*Luggage
	members Members
	joined  bool // To had an open round
	state   State
	events  []Event
	origins []int64
	places  map[int64]int // where in events what had this seq is
}

// take appends an event of the old round, if it goes along.
func (c *carrying) take(e *Event) {
	if c.joined && e.Kind.turnsRound() {
		return
	}
	body, ok := c.bodyOf(e)
	if !ok {
		return
	}
	d := Draft{Kind: e.Kind, Public: e.Public, By: e.By, Body: body}
	id := ClientID{}
	if e.By.Kind == VisitorActor && e.By.ID == int64(c.From.Visitor) {
		d.By.ID = int64(c.To.Visitor)
		if !c.Used[e.ClientID] { // an agent's id stays with the event that it was sent for
			id = e.ClientID
		}
	}
	c.places[e.Seq] = len(c.events)
	c.append(d, e.At, e.Seq)
	last := &c.events[len(c.events)-1]
	last.V, last.Rev, last.ClientID = e.V, e.Rev, id
	if ref, err := body.TargetRef(); err == nil && (e.Kind == Edit || e.Kind == Recall) {
		target := c.events[ref.Seq-c.events[0].Seq]
		last.Target = &target
	}
}

// bodyOf is an event's body with its origin; false: the event stays behind.
func (c *carrying) bodyOf(e *Event) (Body, bool) {
	origin := &Origin{Conversation: c.FromName, Seq: e.Seq}
	switch {
	case e.Kind == Edit || e.Kind == Recall:
		ref, err := e.Body.TargetRef()
		at, here := c.places[ref.Seq]
		if err != nil || !here {
			return nil, false
		}
		ref.Seq, ref.Origin = c.events[at].Seq, origin
		if ref.PublicSeq != 0 {
			ref.PublicSeq = c.events[at].PublicSeq
		}
		return bodyOf(ref), true
	case e.Erased():
		return nil, true
	case e.Kind == Message || e.Kind == Note:
		text, err := e.Body.Text()
		if err != nil {
			return e.Body, true // of a newer program
		}
		text.Origin = origin
		return bodyOf(text), true
	case e.Kind.turnsRound():
		change, err := e.Body.RoundChange()
		change.Round, change.Origin = c.To.Round.Number+1, origin
		return bodyOf(change), err == nil
	}
	return e.Body, true
}

// add appends an event that is new.
func (c *carrying) add(kind Kind, change RoundChange, at Millis) {
	c.append(roundDraft(kind, System(), change), at, 0)
}

func (c *carrying) append(d Draft, at Millis, origin int64) {
	before := c.state
	c.state = c.state.count(&d, at)
	if c.joined && c.To.UnansweredSince != 0 { // no answer there was one to what was asked here
		c.state.LastReplySeq, c.state.RepliedTo = before.LastReplySeq, before.RepliedTo
	}
	c.state.LastAt = max(before.LastAt, at)
	c.state.Tag = c.Tag()
	if d.Public {
		c.state.PublicTag = c.state.Tag
	}
	s := &c.state
	c.events = append(c.events, Event{
		Conversation: s.Conversation, Seq: s.Seq, PublicSeq: s.PublicSeq, Public: d.Public, Tag: s.Tag,
		Kind: d.Kind, V: BodyVersion, By: d.By, At: at, Body: d.Body,
		VisitorMessages: s.VisitorMessages, AgentMessages: s.AgentMessages,
	})
	c.origins = append(c.origins, origin)
}

// settle makes To's round what the table says.
func (c *carrying) settle() {
	f := &c.From
	if f.Round.State == Assigned && c.state.Round.State == Waiting {
		name, _ := c.members.Member(f.Site, f.Round.Assignee)
		c.add(AssignedTo, RoundChange{Round: c.state.Round.Number, Agent: f.Round.Assignee, AgentName: name}, c.Now)
	}
	s := &c.state
	if !c.joined {
		s.UnansweredSince, s.WaitingSince, s.Round.OpenedAt = f.UnansweredSince, f.WaitingSince, f.Round.OpenedAt
		return
	}
	s.UnansweredSince = earlier(c.To.UnansweredSince, f.UnansweredSince)
	if s.Round.State == Waiting {
		s.WaitingSince = earlier(c.To.WaitingSince, f.WaitingSince)
	}
}

// earlier is the one that was first, of those that were at all.
func earlier(a, b Millis) Millis {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// end is the old conversation with its last event.
func (c *carrying) end() (State, Event) {
	round := c.From.Round
	name, _ := c.members.Member(c.From.Site, round.Assignee)
	if round.Assignee == 0 {
		name = ""
	}
	pointer := roundDraft(Carried, System(), RoundChange{Round: round.Number, From: round.Assignee, FromName: name, To: c.ToName})
	pointer.Public = false
	state, events := Append(c.From, []Draft{pointer}, ClientID{}, c.Now, c.Tag)
	state.CarriedTo = c.To.Conversation
	state.RepliedTo = state.VisitorMessages // whoever had not read it reads it there
	return state, events[0]
}

// marks are those of whoever had nothing unread in To: they move as far as the same
// people had come in From.
func (c *carrying) marks() (moved []Mark) {
	for _, m := range c.FromMarks {
		if m.Who.Same(ActorRef{Kind: VisitorActor, ID: int64(c.From.Visitor)}) {
			m.Who.ID = int64(c.To.Visitor)
		}
		mine := Mark{Conversation: c.To.Conversation, Who: ActorRef{Kind: m.Who.Kind, ID: m.Who.ID}}
		if at := slices.IndexFunc(c.ToMarks, func(o Mark) bool { return o.Who.Same(m.Who) }); at >= 0 {
			mine = c.ToMarks[at]
		}
		unread := c.To.Unread(mine)
		if m.Who.Kind == VisitorActor {
			unread = c.To.UnreadByVisitor(mine)
		}
		if unread > 0 {
			continue
		}
		before := mine
		if e := c.upTo(m.Read); e != nil && e.Seq > mine.Read {
			mine.Read, mine.ReadPublic = e.Seq, e.PublicSeq
			mine.VisitorMessagesRead, mine.AgentMessagesRead = e.VisitorMessages, e.AgentMessages
		}
		if e := c.upTo(m.Received); e != nil && e.Seq > mine.Received {
			mine.Received, mine.ReceivedPublic = e.Seq, e.PublicSeq
		}
		if mine != before {
			moved = append(moved, mine)
		}
	}
	slices.SortFunc(moved, func(a, b Mark) int {
		return cmp.Or(cmp.Compare(a.Who.Kind, b.Who.Kind), cmp.Compare(a.Who.ID, b.Who.ID))
	})
	return moved
}

// upTo is the last carried event that had at most this seq; nil: none had.
func (c *carrying) upTo(seq int64) *Event {
	for i := len(c.events) - 1; i >= 0; i-- {
		if c.origins[i] != 0 && c.origins[i] <= seq {
			return &c.events[i]
		}
	}
	return nil
}
