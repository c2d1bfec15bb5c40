package identity

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
)

// picture is the agents as this node last read them. It is never changed, only replaced.
type picture struct {
	version int64
	all     []Agent // by name
	byID    map[chat.AgentID]Agent
	byEmail map[string]chat.AgentID
}

var _ Directory = (*People)(nil)

// Refresh reads all agents and sites from the store.
func (p *People) Refresh(ctx context.Context) error {
	p.reading.Lock() // of two at once, the one that read later wins
	defer p.reading.Unlock()
	version, err := p.store.PeopleVersion(ctx) // first: a change in between is then found by the next healing
	if err != nil {
		return fmt.Errorf("read the version of people and sites: %w", err)
	}
	if err := p.sites.Refresh(ctx); err != nil {
		return err
	}
	all, err := p.store.Agents(ctx)
	if err != nil {
		return fmt.Errorf("read the agents: %w", err)
	}
	slices.SortFunc(all, func(a, b Agent) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	next := &picture{version: version, all: all, byID: make(map[chat.AgentID]Agent, len(all)), byEmail: make(map[string]chat.AgentID, len(all))}
	for _, a := range all {
		next.byID[a.ID], next.byEmail[a.Email] = a, a.ID
	}
	p.picture.Store(next)
	return nil
}

// Heal refreshes the picture if the database has a newer one, and tells whether it had.
func (p *People) Heal(ctx context.Context) (bool, error) {
	version, err := p.store.PeopleVersion(ctx)
	if err != nil || version == p.picture.Load().version {
		return false, err
	}
	return true, p.Refresh(ctx)
}

// All are the agents by name, disabled ones too.
func (p *People) All() []Agent { return p.picture.Load().all }

// Agent finds an agent.
func (p *People) Agent(id chat.AgentID) (Agent, bool) {
	a, ok := p.picture.Load().byID[id]
	return a, ok
}

// ByEmail finds an agent by its address in any spelling.
func (p *People) ByEmail(email string) (Agent, bool) {
	now := p.picture.Load()
	a, ok := now.byID[now.byEmail[NormalEmail(email)]]
	return a, ok
}

// AgentsOf are the agents, disabled ones left out, who work on the site.
func (p *People) AgentsOf(site chat.SiteID) []Agent {
	var of []Agent
	for _, a := range p.picture.Load().all {
		if a.RoleOn(site) != chat.NoRole {
			of = append(of, a)
		}
	}
	return of
}

// Member is the agent's name, and whether it has a role on the site.
func (p *People) Member(site chat.SiteID, agent chat.AgentID) (string, bool) {
	a, ok := p.Agent(agent)
	if !ok || a.RoleOn(site) == chat.NoRole {
		return "", false
	}
	return a.Name, true
}

// HasOwner tells whether the installation is set up.
func (p *People) HasOwner() bool { return owners(p.All()) > 0 }
