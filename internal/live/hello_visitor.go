package live

import (
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// siteByKey finds a site by its widget key, also one that another node has just made.
func (h *Hub) siteByKey(key string) (site.Site, bool) {
	on, ok := h.Sites.ByKey(key)
	if ok {
		return on, true
	}
	ctx, cancel := h.reading()
	defer cancel()
	if _, err := h.People.Heal(ctx); err != nil {
		h.Log.Debug("people and sites could not be looked at anew", "error", err)
	}
	return h.Sites.ByKey(key)
}

// helloVisitor lets a visitor in: it is found by its secret's hash, or it is a
// newcomer of whom nothing is stored before its first message.
func (s *Session) helloVisitor(f *wire.ClientHello) {
	leave := s.resuming(0)
	if leave == nil {
		s.end(wire.CloseTryLater, "too many come back at once")
		return
	}
	defer leave()
	on, who, err := s.whoHello(f)
	if err != nil {
		s.turnAway(err)
		return
	}
	s.comesIn(who.Login)
	n := s.hub.site(on.ID)
	v := n.arrive(s.hub, s, who.Hash)
	s.visitor = v
	v.expect(who.Verified)
	if !n.greets(on.Version) {
		s.end(wire.CloseChanged, "the site's settings changed")
		return
	}
	if err := s.recognise(v); err != nil {
		s.fail(err, chat.ClientID{}, 0)
		s.end(wire.CloseTryLater, "the visitor could not be looked up")
		return
	}
	if !s.enterVisitor(on, f.Continues) {
		return
	}
	s.setPresence(presence.ParseState(string(f.Presence)), pageOf(f.Page))
	s.describe(f, who.Verified)
	if err := s.prepareBoard(f); err != nil {
		s.fail(err, chat.ClientID{}, 0)
		s.end(wire.CloseTryLater, "the site's broadcasts could not be read")
		return
	}
	if err := s.answerVisitor(f, on); err != nil {
		s.fail(err, chat.ClientID{}, 0)
		s.end(wire.CloseTryLater, "the conversation could not be read")
		return
	}
	if s.ended {
		return
	}
	s.meta = nil
	s.hub.greeted(s)
	if c, known := s.visitor.conversation(); known { // whoever has gone on by it may lose the old one
		s.entered(identity.Person{Conversation: c.ID})
	}
}

// whoHello is the site that a hello, or its door, names, and who sent it. Errors:
// UnknownSite, bad_secret, LogInEnded, VerifiedOnly.
func (s *Session) whoHello(f *wire.ClientHello) (on site.Site, who identity.VisitorEntry, err error) {
	if known := s.meta.Known; known != nil {
		on, ok := s.hub.Sites.ByID(known.Site)
		if !ok {
			return on, who, chat.Refuse(wire.UnknownSite, "the site of this door does not exist")
		}
		who.Hash = known.Hash
		return on, who, s.hub.VisitorLogins.Known(on)
	}
	on, ok := s.hub.siteByKey(f.Site)
	if !ok {
		return on, who, chat.Refuse(wire.UnknownSite, "no site has this widget key")
	}
	if !s.meta.allowedOn(on) {
		return on, who, chat.Refuse(wire.UnknownSite, "this page's origin is not among the origins of the site: its admin can add it")
	}
	sent, err := identity.ReadSent(f.Secret)
	if err != nil {
		return on, who, err
	}
	ctx, cancel := s.hub.reading()
	defer cancel()
	who, err = s.hub.who(ctx, on, sent)
	return on, who, err
}

// allowedOn tells whether a page of this origin may talk for the site.
func (m *Meta) allowedOn(on site.Site) bool {
	return m.Origin == "" || m.OwnOrigin || slices.Contains(on.Settings.Origins, m.Origin)
}

// recognise finds the visitor's conversation, once for all its tabs.
func (s *Session) recognise(v *visitor) error {
	if _, known := v.conversation(); known {
		return nil
	}
	ctx, cancel := s.hub.reading()
	defer cancel()
	found, err := s.hub.Visitors.Visitor(ctx, v.site.id, v.hash[:])
	if errors.Is(err, &chat.Refusal{Code: chat.NotFound}) {
		v.propose(s.hub, false)
		return nil
	}
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.profile = &found.Profile
	v.mu.Unlock()
	s.hub.bind(v, found.Conversation)
	return nil
}

// bind gives a visitor its conversation and its room. Its other tabs, which were
// a newcomer's, are read what there is of it.
func (h *Hub) bind(v *visitor, c chat.Conversation) {
	if h.forgotten.has(c.Visitor) { // another node's presence may still name it
		return
	}
	r := h.enter(c)
	defer r.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.room != nil || v.gone {
		return
	}
	v.room, r.visitor = r, v
	v.beginBoard()
	v.tellLocked(h)
	for _, tab := range v.tabs {
		tab.follow = follow{session: tab, room: r}
		if tab.ready {
			h.catchUp(&tab.follow)
		}
	}
	if !r.cold {
		r.retopic(h)
	} else if !r.joined && !h.Bus.Alone() { // until the head says whether its round is open
		r.joined = true
		h.Bus.Join(conversationTopic(c.ID))
	}
}

// describe keeps what the page says of its visitor, and writes it down if the
// visitor exists and it is new.
func (s *Session) describe(f *wire.ClientHello, verified *identity.VerifiedVisitor) {
	v := s.visitor
	v.mu.Lock()
	before := v.profile
	after := f.Says.Apply(*before)
	if f.Language != "" {
		after.Language = f.Language
	}
	if browser := browserOf(s.meta.UserAgent); browser != "" {
		after.Browser = browser
	}
	if verified != nil {
		after.Vouched = &verified.Vouched
	}
	changed := !reflect.DeepEqual(*before, after)
	if changed {
		v.profile = &after
		v.tellLocked(s.hub)
	}
	v.mu.Unlock()
	if changed {
		s.hub.keepProfile(v, after)
	}
}

// keepProfile writes down what a page said of a visitor who exists.
func (h *Hub) keepProfile(v *visitor, p chat.Profile) {
	id := v.identity()
	if id == 0 {
		return
	}
	ctx, cancel := h.reading()
	defer cancel()
	if err := h.Visitors.UpdateProfile(ctx, id, p); err != nil {
		h.Log.Warn("a visitor's profile was not written", "visitor", id, "error", err)
		return
	}
	r, unlock := v.lock()
	if r != nil {
		r.row.profile = &p
	}
	unlock()
	if r != nil {
		r.site.touch(r)
	}
}

const saysEvery = time.Second

// says is the command by which a page says more of its visitor.
func (s *Session) says(f *wire.ClientSays) {
	v := s.visitor
	now := s.hub.cfg.Instant()
	v.mu.Lock()
	after := f.Says.Apply(*v.profile)
	same := reflect.DeepEqual(*v.profile, after)
	early := now.Sub(v.said) < saysEvery
	if !same && !early {
		v.profile, v.said = &after, now
		v.tellLocked(s.hub)
	}
	v.mu.Unlock()
	switch {
	case same:
	case early:
		s.send(wire.ErrorOf(wire.RateLimited, "the page's data changes too often: at most once a second", chat.ClientID{}, 0))
	default:
		s.hub.keepProfile(v, after)
	}
}

// answerVisitor sends hello with what the visitor's copy lacks.
func (s *Session) answerVisitor(f *wire.ClientHello, on site.Site) error {
	look, err := json.Marshal(on.Settings.Look)
	if err != nil {
		return err
	}
	here := s.visitor.site.hereForHello(s.hub)
	hello := wire.ServerHello{
		Session: rand.Text(), You: wire.Person{Kind: chat.VisitorActor},
		Sites:  []wire.Site{{ID: on.ID, Name: on.Name, Look: look, AnswerGoal: on.Settings.AnswerGoalSeconds}},
		Limits: s.hub.limits(s.hub.visitorFiles(on)), Now: s.now().UnixMilli(),
		AgentsHere: said(here), Continues: s.continues(),
	}
	var told greeted
	told.here = here
	hello.Broadcasts, told.board = s.greetBoard()
	c, known := s.visitor.conversation()
	if !known {
		if f.At != nil && f.At.N > 0 { // a copy of what is not here: it belongs to another log
			hello.Page = &wire.Page{Events: []wire.Event{}, Reset: true}
		}
		s.send(hello)
		s.settleNewcomer(told)
		return nil
	}
	state, err := s.fillHello(f, c, &hello)
	if err != nil {
		return err
	}
	if state.CarriedTo != 0 {
		s.refuse(wire.CarriedOver, wentAlong)
		return nil
	}
	s.send(hello)
	s.settleVisitor(&state, told)
	return nil
}

func (s *Session) fillHello(f *wire.ClientHello, c chat.Conversation, hello *wire.ServerHello) (chat.State, error) {
	q := chat.PageQuery{Conversation: c.ID, Public: true, Limit: s.hub.cfg.PageEvents}
	if f.At != nil {
		q.After, q.Limit = &chat.Position{Number: f.At.N, Tag: f.At.Tag}, wire.MaxPage
	}
	page, err := s.hub.page(q)
	if err != nil {
		return page.State, err
	}
	marks, err := s.hub.readMarks(c)
	if err != nil {
		return page.State, err
	}
	hello.You.ID = int64(c.Visitor)
	info := wire.InfoFor(c, page.State, marks, s.self(), s.hub.nameOf)
	out := wire.PageFor(page, wire.ForVisitor, s.self())
	hello.Conversation, hello.Page = &info, &out
	return page.State, nil
}

// settleVisitor makes the tab live from the head that its hello told.
func (s *Session) settleVisitor(read *chat.State, told greeted) {
	r, unlock := s.visitor.lock()
	defer unlock()
	if r == nil {
		return
	}
	s.follow = follow{session: s, room: r}
	r.settle(s.hub, &s.follow, chat.Position{Number: read.PublicSeq, Tag: read.PublicTag}, read)
	s.becomeReady(told)
}

// greeted is what a visitor's hello told that may change while it is put together:
// whether agents are here, and up to where the site's broadcasts are.
type greeted struct {
	here  presence.State
	board int64
}

// becomeReady lets what all tabs are told reach this one, with what changed meanwhile.
// v.mu is held.
func (s *Session) becomeReady(told greeted) {
	s.ready = true
	if now := s.visitor.site.hereTold(); now != told.here {
		s.send(wire.ServerPresence{Presence: said(now)})
	}
	s.catchUpBoard(told.board)
}

// settleNewcomer makes the tab ready. If another tab wrote in the meantime, the
// conversation is read for this one.
func (s *Session) settleNewcomer(told greeted) {
	r, unlock := s.visitor.lock()
	defer unlock()
	s.becomeReady(told)
	if r != nil {
		s.follow = follow{session: s, room: r}
		s.hub.catchUp(&s.follow)
	}
}

// self is the session's person as events name it.
func (s *Session) self() chat.ActorRef {
	if s.agent != nil {
		return chat.ActorRef{Kind: chat.AgentActor, ID: int64(s.agent.id)}
	}
	return chat.ActorRef{Kind: chat.VisitorActor, ID: int64(s.visitor.identity())}
}

// visitorFiles is the largest file that a site's visitors may send.
func (h *Hub) visitorFiles(on site.Site) int64 {
	if len(on.Settings.FileTypes) == 0 {
		return 0
	}
	return h.cfg.VisitorFileBytes
}

// limits are those of a connection that may send files of so many bytes.
func (h *Hub) limits(fileBytes int64) wire.Limits {
	return wire.Limits{
		FrameBytes: int(h.cfg.FrameBytes), TextCodePoints: h.cfg.TextCodePoints,
		MessageBurst: int(h.cfg.Messages.Burst), MessagePerSecond: h.cfg.Messages.PerSecond,
		PingSeconds: h.cfg.PingSeconds, BackoffMin: h.cfg.BackoffMin, BackoffMax: h.cfg.BackoffMax,
		FileBytes: fileBytes,
	}
}

func pageOf(p *wire.PageInfo) *presence.Page {
	if p == nil {
		return nil
	}
	return &presence.Page{URL: p.URL, Title: p.Title, Referrer: p.Referrer}
}
