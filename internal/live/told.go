package live

import (
	"sync"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// toldAgents is the presence of agents as those here were told, all of them but
// for who said hello since the last tick.
type toldAgents struct {
	mu    sync.Mutex // a leaf
	state map[chat.AgentID]presence.State
	again map[chat.AgentID]bool
}

func (t *toldAgents) init() {
	t.state, t.again = map[chat.AgentID]presence.State{}, map[chat.AgentID]bool{}
}

// changed notes a state that all are told of now, if they have to be.
func (t *toldAgents) changed(agent chat.AgentID, now presence.State) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := t.state[agent] != now || t.again[agent]
	t.state[agent] = now
	delete(t.again, agent)
	return changed
}

// ahead notes a state that a hello told before the others were: should it be
// another one at the next tick, that one has to be told, too.
func (t *toldAgents) ahead(agent chat.AgentID, now presence.State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state[agent] != now {
		t.state[agent], t.again[agent] = now, true
	}
}
