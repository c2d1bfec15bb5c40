package live

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// Desk is where the commands of doors without sessions go: under the same rules, and
// told to the same sessions.
func (h *Hub) Desk() *chat.Desk { return h.desk }

// Conversation finds a conversation of a site by its outside name. Errors: NotFound, or the store's.
func (h *Hub) Conversation(site chat.SiteID, id chat.ConversationUUID) (chat.Conversation, error) {
	c, err := h.conversation(id)
	if err == nil && c.Site != site {
		return chat.Conversation{}, absent()
	}
	return c, err
}

// VisitorHere is a visitor of a site as all nodes see it; false: it is not here.
func (h *Hub) VisitorHere(ctx context.Context, site chat.SiteID, id chat.VisitorID) (*presence.Visitor, bool) {
	h.Presence.Learn(ctx, site, []chat.VisitorID{id})
	return h.Presence.ByID(site, id)
}

// AgentHere is how present an agent is, on all nodes.
func (h *Hub) AgentHere(agent chat.AgentID) presence.State { return h.Presence.Agent(agent) }
