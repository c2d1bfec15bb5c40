package live

import (
	"fmt"
	"hash/maphash"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// rosterEntry is that an agent works on a site, under a name and with a portrait. The sum of the
// hashes of all entries, in any order, stands for who works where.
type rosterEntry struct {
	site chat.SiteID
	id   chat.AgentID
	name string
	face string // the portrait's address
}

func (h *Hub) entrySum(site chat.SiteID, id chat.AgentID, name, face string) uint64 {
	return maphash.Comparable(h.rosters, rosterEntry{site, id, name, face})
}

// rosterSum stands for colleagues as a session is told of them.
func (h *Hub) rosterSum(agents []wire.AgentInfo) (sum uint64) {
	for _, a := range agents {
		for _, site := range a.Sites {
			sum += h.entrySum(site, a.ID, a.Name, a.Portrait)
		}
	}
	return sum
}

// rosterFrame is a frame of colleagues, encoded once for all who work on the same sites.
type rosterFrame struct {
	sum     uint64
	encoded *ws.Prepared
}

// tellRosters tells the agents here whose colleagues are others than they were
// told, or have other names or portraits.
func (h *Hub) tellRosters() {
	sessions := *h.people.Load()
	if len(sessions) == 0 {
		return
	}
	sums := map[chat.SiteID]uint64{}
	for _, one := range h.Sites.All() {
		for _, a := range h.People.AgentsOf(one.ID) {
			sums[one.ID] += h.entrySum(one.ID, a.ID, a.Name, a.Portrait.Address())
		}
	}
	frames := map[string]rosterFrame{}
	for _, s := range sessions {
		s.tellRoster(sums, frames)
	}
}

// tellRoster sends the session its colleagues anew, behind its hello, if it was
// told of others.
func (s *Session) tellRoster(sums map[chat.SiteID]uint64, frames map[string]rosterFrame) {
	sites := s.siteIDs()
	var now uint64
	for _, id := range sites {
		now += sums[id]
	}
	s.agent.telling.Lock()
	defer s.agent.telling.Unlock()
	if s.agent.roster == now {
		return
	}
	key := fmt.Sprint(sites)
	f, ok := frames[key]
	if !ok {
		all := s.hub.colleagues(sites)
		f = rosterFrame{s.hub.rosterSum(all), s.hub.prepared(wire.ServerAgents{Agents: all})}
		frames[key] = f
	}
	s.agent.roster = f.sum
	s.sendPrepared(f.encoded)
}
