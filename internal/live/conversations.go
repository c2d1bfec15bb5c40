package live

import (
	"sync"

	"github.com/kefu-chat/kefu/internal/chat"
)

// knownConversations bounds how many names are remembered in each of the two
// generations.
const knownConversations = 4096

// conversations remembers which conversation a name from outside means; that
// never changes. Two generations: what is not asked for while one fills up is forgotten.
type conversations struct {
	mu       sync.Mutex // a leaf
	now, old map[chat.ConversationUUID]chat.Conversation
}

func (k *conversations) init() { k.now = map[chat.ConversationUUID]chat.Conversation{} }

func (k *conversations) find(id chat.ConversationUUID) (chat.Conversation, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, ok := k.now[id]
	if !ok {
		if c, ok = k.old[id]; ok {
			k.putLocked(c)
		}
	}
	return c, ok
}

// forget drops a conversation.
func (k *conversations) forget(id chat.ConversationUUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.now, id)
	delete(k.old, id)
}

// which are those of which is says yes.
func (k *conversations) which(is func(chat.Conversation) bool) (all []chat.Conversation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, generation := range []map[chat.ConversationUUID]chat.Conversation{k.now, k.old} {
		for _, c := range generation {
			if is(c) {
				all = append(all, c)
			}
		}
	}
	return all
}

func (k *conversations) put(c chat.Conversation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.putLocked(c)
}

func (k *conversations) putLocked(c chat.Conversation) {
	if len(k.now) >= knownConversations {
		k.old, k.now = k.now, map[chat.ConversationUUID]chat.Conversation{}
	}
	k.now[c.UUID] = c
}

// conversation finds a conversation by its outside name. Errors: NotFound, or the store's.
func (h *Hub) conversation(id chat.ConversationUUID) (chat.Conversation, error) {
	if id.IsNil() {
		return chat.Conversation{}, absent()
	}
	if c, ok := h.known.find(id); ok {
		return c, nil
	}
	ctx, cancel := h.reading()
	defer cancel()
	c, err := h.Store.Conversation(ctx, id)
	if err != nil {
		if chat.CodeOf(err) == chat.NotFound {
			err = absent()
		}
		return c, err
	}
	h.known.put(c)
	return c, nil
}
