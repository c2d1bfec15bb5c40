package live_test

import (
	"slices"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/wire"
)

// TestColleaguesAreToldAnew: who comes to a site, is renamed, disabled or removed
// is told to those who work there, and to nobody else.
func TestColleaguesAreToldAnew(t *testing.T) {
	const eve chat.AgentID = 105
	w := newWorld(t, 2)
	here, both, other := w.nodes[0].agent(ann), w.nodes[1].agent(dora), w.nodes[0].agent(carol)
	visitor := w.nodes[0].visitor(1)
	set := func(a identity.Agent) { w.change(func(p *people) { p.agents[a.ID] = a }) }
	onShop := map[chat.SiteID]chat.Role{shop: chat.RoleAgent}
	told := func(what string, names ...string) {
		t.Helper()
		slices.Sort(names)
		for peer, want := range map[*peer][]string{here: names, both: append([]string{"Carol"}, names...)} {
			slices.Sort(want)
			peer.until(what, func() bool {
				frames := all[wire.ServerAgents](peer, "agents")
				return len(frames) > 0 && slices.Equal(namesOf(frames[len(frames)-1].Agents), want)
			})
		}
	}
	set(identity.Agent{ID: eve, Name: "Eve", Roles: onShop})
	told("invited", "Ann", "Bob", "Dora", "Eve")
	set(identity.Agent{ID: eve, Name: "Evelyn", Roles: onShop})
	told("renamed", "Ann", "Bob", "Dora", "Evelyn")
	face := chat.Picture{File: 7, Key: 11}
	set(identity.Agent{ID: eve, Name: "Evelyn", Roles: onShop, Portrait: face})
	await(here, "agents", shows(eve, face))
	await(both, "agents", shows(eve, face))
	if again := w.nodes[0].agent(bob); !slices.ContainsFunc(await(again, "hello", yes[wire.ServerHello]).Agents, isShown(eve, face)) {
		t.Error("who comes now is not told of the portrait")
	}
	set(identity.Agent{ID: eve, Name: "Evelyn", Roles: onShop})
	both.until("no portrait any more", func() bool {
		frames := all[wire.ServerAgents](both, "agents")
		return shows(eve, chat.Picture{})(frames[len(frames)-1])
	})
	set(identity.Agent{ID: bob, Name: "Bob", Roles: onShop, Disabled: true})
	told("disabled", "Ann", "Dora", "Evelyn")
	set(identity.Agent{ID: eve, Name: "Evelyn"})
	told("removed", "Ann", "Dora")

	// Presence comes in the list as well: a colleague who is online already.
	eveHere := w.nodes[1].agent(eve)
	await(eveHere, "hello", yes[wire.ServerHello])
	set(identity.Agent{ID: eve, Name: "Evelyn", Roles: map[chat.SiteID]chat.Role{blog: chat.RoleAgent}})
	await(other, "agents", func(f wire.ServerAgents) bool {
		return slices.ContainsFunc(f.Agents, func(a wire.AgentInfo) bool {
			return a.ID == eve && a.Presence == wire.Online && slices.Equal(a.Sites, wire.SiteIDs{blog})
		})
	})
	none(other, "agents", func(f wire.ServerAgents) bool { return slices.Contains(namesOf(f.Agents), "Ann") })
	other.mu.Lock()
	if n := len(all[wire.ServerAgents](other, "agents")); n != 1 {
		t.Errorf("an agent of another site was told %d times, want once", n)
	}
	other.mu.Unlock()
	none(visitor, "agents", yes[wire.ServerAgents])
}

func isShown(agent chat.AgentID, p chat.Picture) func(wire.AgentInfo) bool {
	return func(a wire.AgentInfo) bool { return a.ID == agent && a.Portrait == p.Address() }
}

func shows(agent chat.AgentID, p chat.Picture) func(wire.ServerAgents) bool {
	return func(f wire.ServerAgents) bool { return slices.ContainsFunc(f.Agents, isShown(agent, p)) }
}

func namesOf(agents []wire.AgentInfo) []string {
	names := []string{}
	for _, a := range agents {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}
