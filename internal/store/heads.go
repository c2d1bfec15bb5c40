package store

import "github.com/kefu-chat/kefu/internal/chat"

// entry is what the committer knows of a conversation: as it is in the database.
type entry struct {
	conversation chat.Conversation
	state        chat.State
	lastText     int64
	// listAt and listChanged are the list row's last_at and changed_at.
	listAt, listChanged chat.Millis
	// marks are all of the conversation's, once one was needed; else nil. The map
	// is replaced, never changed.
	marks map[participant]chat.Mark
}

// participant is whose mark it is.
type participant struct {
	kind chat.ActorKind
	id   int64
}

// headCache holds the heads of busy conversations between groups. Where other
// nodes use the database, only what never changes of them is trusted, and when the
// list row was written, which at worst writes it once more.
type headCache struct {
	bound   int
	entries map[chat.ConversationID]*entry
}

func newHeadCache(bound int) *headCache {
	return &headCache{bound: max(2, bound), entries: map[chat.ConversationID]*entry{}}
}

func (c *headCache) get(id chat.ConversationID) *entry { return c.entries[id] }

func (c *headCache) put(e *entry) {
	if _, there := c.entries[e.state.Conversation]; !there && len(c.entries) >= c.bound {
		c.shrink()
	}
	c.entries[e.state.Conversation] = e
}

// shrink drops half of the entries, whichever come.
func (c *headCache) shrink() {
	n := 0
	for id := range c.entries {
		if n++; n > c.bound/2 {
			return
		}
		delete(c.entries, id)
	}
}

func (c *headCache) forget(id chat.ConversationID) { delete(c.entries, id) }

func (c *headCache) clear() { clear(c.entries) }
