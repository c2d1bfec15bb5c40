package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

func (s *statements) begunQuery(n int) string {
	return "SELECT e.site_id, e.secret_hash, COALESCE(c.id, 0), e.id " +
		s.g.among(n, "visitor e LEFT JOIN conversation c ON c.visitor_id = e.id", []string{"site_id", "secret_hash"}, []string{"bigint", "bytea"})
}

// findBegun finds the conversations of the visitors who begin, as far as they have
// one. Those that another committer of this node writes are left to it, so that
// one tells of all that happens in a conversation.
func (g *group) findBegun() error {
	var keys []beginKey
	asked := map[beginKey]bool{}
	for _, it := range g.batch {
		for _, key := range it.begun() {
			if !asked[key] {
				asked[key] = true
				keys = append(keys, key)
			}
		}
	}
	err := g.lookUp(g.c.sql.begun, len(keys), g.c.sql.begunQuery, func(i int) {
		g.h.arg(int64(keys[i].site))
		g.h.arg([]byte(keys[i].secret))
	}, func(r scanner) error {
		var key beginKey
		var id chat.ConversationID
		var visitor chat.VisitorID
		if err := r.Scan(&key.site, &key.secret, &id, &visitor); err != nil {
			return err
		}
		if id == 0 { // a verified visitor, who exists before its first message
			g.expected[key] = visitor
			return nil
		}
		if g.c.db.shareOf(id) != g.c.share && g.batch[0].carry == nil {
			g.elsewhere[key] = chat.Conversation{ID: id, Visitor: visitor}
			return nil
		}
		g.found[key] = chat.Conversation{ID: id, Visitor: visitor}
		return nil
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	return g.h.flush()
}

// expectedQuery locks visitors who are there before their conversations, in ascending
// order: who erases one meanwhile waits, or has done it.
func (s *statements) expectedQuery(n int) string {
	return "SELECT id FROM visitor WHERE id IN (" + places(n) + ") ORDER BY id" + s.g.forUpdate
}

// lockExpected holds those whose first message it may be; heads are locked before.
func (g *group) lockExpected() error {
	if !g.c.db.dialect.shared() || len(g.expected) == 0 { // one committer: nothing comes between
		return nil
	}
	var ids []chat.VisitorID
	there := map[chat.VisitorID]bool{}
	for _, id := range g.expected {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	err := g.lookUp(g.c.sql.expected, len(ids), g.c.sql.expectedQuery, func(i int) { g.h.ints(int64(ids[i])) }, func(r scanner) error {
		var id chat.VisitorID
		err := r.Scan(&id)
		there[id] = true
		return err
	})
	if err == nil {
		err = g.h.flush()
	}
	for key, id := range g.expected {
		if !there[id] {
			g.expected[key] = 0
		}
	}
	return err
}

// begun are the visitors whose conversations are found by their secrets.
func (it item) begun() []beginKey {
	if c := it.carry; c != nil {
		return []beginKey{{c.Site, string(c.From)}, {c.Site, string(c.To.SecretHash)}}
	}
	if key, begins := it.begins(); begins {
		return []beginKey{key}
	}
	return nil
}

func (it item) begins() (beginKey, bool) {
	if it.change == nil || it.change.Conversation != 0 || it.change.Begin == nil {
		return beginKey{}, false
	}
	return beginKey{it.change.Begin.Site, string(it.change.Begin.SecretHash)}, true
}

// errNoHead is of a conversation that was erased while its head was waited for: the next
// try does not find it any more.
var errNoHead = errors.New("a conversation has no head")

// openBegun opens what was found, and makes what was not.
func (g *group) openBegun() error {
	for _, it := range g.batch {
		for _, key := range it.begun() {
			if err := g.openOne(it, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *group) openOne(it item, key beginKey) error {
	if _, handed := g.elsewhere[key]; handed || g.begun[key] != nil {
		return nil
	}
	c, found := g.found[key]
	switch {
	case found:
		w := g.open[c.ID]
		if w == nil {
			return errNoHead
		}
		g.begun[key] = w
	case it.carry == nil:
		g.begun[key] = g.make(it.change.Begin)
	case key.secret == string(it.carry.To.SecretHash):
		g.begun[key] = g.make(it.carry.To)
	}
	return nil
}

// handOver gives changes to the committer that writes their conversation.
func (g *group) handOver() {
	for _, it := range g.batch {
		key, begins := it.begins()
		to, handed := g.elsewhere[key]
		if !begins || !handed {
			continue
		}
		change := *it.change
		change.Conversation = to.ID
		if change.By.Kind == chat.VisitorActor && change.By.ID == 0 {
			change.By.ID = int64(to.Visitor)
		}
		g.c.db.Change(&change)
	}
}

// make is a conversation that is written only if a rule appends to it.
func (g *group) make(begin *chat.Beginning) *working {
	now := time.UnixMilli(int64(g.now))
	id := chat.ConversationID(chat.NewID(now))
	for g.c.db.shareOf(id) != g.c.share { // one committer tells of all that happens in it
		id = chat.ConversationID(chat.NewID(now))
	}
	conversation := chat.Conversation{
		ID: id, UUID: uuid.Must(uuid.NewV7AtTime(now)),
		Site: begin.Site, Visitor: chat.VisitorID(chat.NewID(now)), CreatedAt: g.now,
	}
	if begin.Visitor != 0 {
		conversation.Visitor = begin.Visitor
	}
	expected, known := g.expected[beginKey{begin.Site, string(begin.SecretHash)}]
	if known {
		conversation.Visitor = expected
	}
	w := &working{begin: begin, site: begin.Site, before: chat.NewState(conversation), expected: known}
	if w.profile, w.invalid = json.Marshal(begin.Profile.Said(), json.Deterministic(true)); w.invalid != nil {
		w.invalid = fmt.Errorf("the visitor's profile: %w", w.invalid)
	}
	if begin.Profile.Vouched != nil && !known || known && expected == 0 { // it was there when it logged in: it has been erased since
		w.invalid = chat.Refuse(identity.LogInEnded, "this visitor was erased: the page asks its server for a fresh token")
	}
	w.conversation, w.state = conversation, w.before
	w.marks = map[participant]chat.Mark{}
	g.open[conversation.ID] = w
	g.order = append(g.order, w)
	return w
}
