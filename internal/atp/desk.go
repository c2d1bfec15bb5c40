package atp

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/live"
)

// before is how far back, in ms, it is read how far the conversations are when the
// account that answers comes in; margin is less by more than a transaction lasts:
// what is younger in any other conversation came since.
const (
	before = 60_000
	margin = 30_000
)

// pageOf is how many events are read at once.
const pageOf = 200

// desk is what the account that answers has been told. It belongs to the room's look.
type desk struct {
	since   chat.Millis // when it came in, less the margin
	reached map[chat.ConversationID]chat.Position
	names   map[string]legacy.Name
	online  []string // as it was told; nil: it was told nothing yet
	users   []string
	toldAt  time.Time
}

// newDesk notes how far the conversations are: what comes later is told.
func (r *Room) newDesk(ctx context.Context, site chat.SiteID) (*desk, error) {
	threads, now, err := r.Names.ThreadsSince(ctx, site, before)
	if err != nil {
		return nil, err
	}
	names, err := r.Names.NamesSince(ctx, site, 0)
	if err != nil {
		return nil, err
	}
	d := &desk{since: now - margin, reached: map[chat.ConversationID]chat.Position{}, names: map[string]legacy.Name{}}
	for _, t := range threads {
		d.reached[t.Conversation] = t.Head
	}
	d.learn(names)
	return d, nil
}

func (d *desk) learn(names []legacy.Name) {
	for _, n := range names {
		if n.Name != legacy.AgentName {
			d.names[n.Name] = n
		}
	}
	if len(d.names) <= 2*legacy.MaxListed {
		return
	}
	kept := newest(d.names)
	clear(d.names)
	for _, n := range kept {
		d.names[n.Name] = n
	}
}

// newest are the names that changed last, as many as a list has.
func newest(names map[string]legacy.Name) []legacy.Name {
	all := slices.Collect(maps.Values(names))
	if len(all) > legacy.MaxListed {
		slices.SortFunc(all, func(a, b legacy.Name) int { return cmp.Compare(b.Changed, a.Changed) })
		all = all[:legacy.MaxListed]
	}
	return all
}

// write sends what the account says to a customer, as the agent behind it.
func (c *Conn) write(id chat.ClientID, said legacy.Said) {
	ctx, cancel := context.WithTimeout(c.room.ctx, c.room.cfg.Timeout)
	defer cancel()
	hash, err := c.room.Names.NamedHash(ctx, c.who.Site, said.Receiver)
	switch {
	case chat.CodeOf(err) == chat.NotFound:
		c.refuse(legacy.WrongReceiver)
		return
	case err != nil:
		c.refuse(legacy.NotNow)
		return
	}
	c.session.Write(id, live.KnownVisitor{Site: c.who.Site, Hash: hash}, chat.Profile{Name: said.Receiver}, said.Text)
}

// tellDesk tells the account that answers of new messages, and who is here.
func (c *Conn) tellDesk(ctx context.Context, names []legacy.Name, threads []legacy.Thread) error {
	c.mu.Lock()
	out, over := c.out, c.replaced || c.ended || !c.greeted
	c.mu.Unlock()
	if out == nil || over {
		return nil
	}
	c.desk.learn(names)
	slices.SortFunc(threads, func(a, b legacy.Thread) int { return int(a.Changed - b.Changed) })
	for _, t := range threads {
		if err := c.tellThread(ctx, out, t); err != nil {
			return err
		}
	}
	c.tellWho(out)
	return nil
}

// tellThread tells what a conversation has beyond what was told.
func (c *Conn) tellThread(ctx context.Context, out live.Conn, t legacy.Thread) error {
	at, known := c.desk.reached[t.Conversation]
	if known && at == t.Head {
		return nil
	}
	if !known {
		return c.tellYounger(ctx, out, t)
	}
	for more := true; more; {
		page, err := c.room.Store.Page(ctx, chat.PageQuery{Conversation: t.Conversation, Public: true, After: &at, Limit: pageOf})
		if err != nil {
			return err
		}
		more = page.More && !page.Reset
		for i := range page.Events {
			if !page.Reset {
				c.tellAgent(out, t, &page.Events[i])
			}
			at = chat.Position{Number: page.Events[i].PublicSeq, Tag: page.Events[i].Tag}
		}
		c.desk.reached[t.Conversation] = at
	}
	return nil
}

// tellYounger tells what a conversation, of which nothing happened in the minute before the
// account came in, has since.
func (c *Conn) tellYounger(ctx context.Context, out live.Conn, t legacy.Thread) error {
	var young []chat.Event
	at := chat.Position{}
	for from, more := int64(0), true; more; {
		page, err := c.room.Store.Page(ctx, chat.PageQuery{Conversation: t.Conversation, Public: true, Before: from, Limit: pageOf})
		if err != nil {
			return err
		}
		if n := len(page.Events); from == 0 && n > 0 {
			at = chat.Position{Number: page.Events[n-1].PublicSeq, Tag: page.Events[n-1].Tag}
		}
		more = page.More
		for _, e := range slices.Backward(page.Events) {
			if e.At < c.desk.since {
				more = false
				break
			}
			young, from = append(young, e), e.PublicSeq
		}
	}
	c.desk.reached[t.Conversation] = at
	for i := range slices.Backward(young) {
		c.tellAgent(out, t, &young[i])
	}
	return nil
}

func (c *Conn) tellAgent(out live.Conn, t legacy.Thread, e *chat.Event) {
	if told, ok := tellEvent(t, e); ok {
		_ = out.Send(legacy.Frame{Key: legacy.Message, Data: &told}.Encode())
	}
}

// tellEvent is a message of a conversation as pages get it; false for what is none.
func tellEvent(t legacy.Thread, e *chat.Event) (legacy.Told, bool) {
	if e.Kind != chat.Message || e.Erased() {
		return legacy.Told{}, false
	}
	body, err := e.Body.Text()
	if err != nil {
		return legacy.Told{}, false
	}
	names := make([]string, len(body.Files))
	for i, f := range body.Files {
		names[i] = f.Name
	}
	return legacy.TellOf(t.Name, t.UUID, e.PublicSeq, e.By.Kind, e.At, legacy.TextOf(body.Text, names)), true
}

// tellWho tells who is here, when that is news, once in a while.
func (c *Conn) tellWho(out live.Conn) {
	d, now := c.desk, time.Now()
	if d.online != nil && now.Sub(d.toldAt) < c.room.cfg.Every {
		return // the next look tells it
	}
	online, users := c.room.lists(d.names)
	came := missingIn(d.online, online) || missingIn(d.users, users)
	went := missingIn(online, d.online) || len(users) < len(d.users) // somebody was erased
	if d.online == nil {
		came = true
	}
	if !came && !went {
		return
	}
	d.online, d.users, d.toldAt = online, users, now
	if went {
		_ = out.Send(legacy.Frame{Key: legacy.Disconnected, Online: &online, Users: &users}.Encode())
	}
	if came {
		_ = out.Send(legacy.Frame{Key: legacy.Connected, Online: &online, Users: &users}.Encode())
	}
}

// missingIn tells whether known lacks one of names; both are sorted.
func missingIn(known, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		_, found := slices.BinarySearch(known, n)
		return !found
	})
}

// lists are who is online and who ever was, sorted.
func (r *Room) lists(names map[string]legacy.Name) (online, users []string) {
	alive, _ := r.Presence.Alive()
	online, users = []string{}, []string{}
	for _, n := range newest(names) {
		users = append(users, n.Name)
		if n.Token != "" && (n.Node == r.Node || slices.Contains(alive, n.Node)) {
			online = append(online, n.Name)
		}
	}
	slices.Sort(online)
	slices.Sort(users)
	return online, users
}
