package live

import (
	"cmp"
	"slices"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// lookingLasts is how long what another node said of its lookers is believed;
// it repeats it every lookingEvery.
const (
	lookingLasts = 25 * time.Second
	lookingEvery = 10 * time.Second
)

// lookingAt are the agents who have a conversation open on another node.
type lookingAt struct {
	agents []chat.AgentID
	until  time.Time
}

// here are the agents who look from this node, each once; room.mu is held.
func (r *room) here() []chat.AgentID {
	var ids []chat.AgentID
	for _, f := range r.lookers {
		ids = append(ids, f.session.agent.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// looking are all agents who look, without one of them.
func (r *room) looking(h *Hub, without chat.AgentID) []wire.Agent {
	ids := r.here()
	for _, there := range r.others {
		ids = append(ids, there.agents...)
	}
	slices.SortFunc(ids, func(a, b chat.AgentID) int { return cmp.Compare(a, b) })
	agents := []wire.Agent{}
	for _, id := range slices.Compact(ids) {
		if id != without {
			agents = append(agents, wire.Agent{ID: id, Name: h.nameOf(id)})
		}
	}
	return agents
}

// tellLooking tells everybody who looks who else does; room.mu is held.
func (r *room) tellLooking(h *Hub) {
	r.tellLookingHere(h)
	r.publishLooking(h)
}

func (r *room) publishLooking(h *Hub) {
	looking := r.here()
	h.publish(conversationTopic(r.conv.ID), notice{Conversation: r.conv, Looking: &looking})
}

func (r *room) tellLookingHere(h *Hub) {
	for _, f := range r.lookers {
		if f.live {
			f.session.send(wire.ServerLooking{C: r.conv.UUID, Agents: r.looking(h, f.session.agent.id)})
		}
	}
}

// hearLooking takes over what another node says of its lookers.
func (r *room) hearLooking(h *Hub, node string, agents []chat.AgentID) {
	before := r.others[node].agents
	if len(agents) == 0 {
		delete(r.others, node)
	} else {
		if r.others == nil {
			r.others = map[string]lookingAt{}
		}
		r.others[node] = lookingAt{agents, h.cfg.Instant().Add(lookingLasts)}
	}
	if !slices.Equal(before, agents) {
		r.tellLookingHere(h)
	}
}

// keepLooking repeats who looks from here, and forgets nodes that no longer
// say so; room.mu is held.
func (r *room) keepLooking(h *Hub) {
	now := h.cfg.Instant()
	for node, there := range r.others {
		if there.until.Before(now) {
			r.hearLooking(h, node, nil)
		}
	}
	r.publishLooking(h)
}
