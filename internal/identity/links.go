package identity

import (
	"context"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
)

// Made is a link with its secret, which is told once.
type Made struct {
	Link   Link
	Secret string
}

// MakeSetup voids the setup links of earlier starts and makes a new one, or,
// beside others, leaves those to the nodes that printed them.
// Errors: AlreadySetUp.
func (p *People) MakeSetup(ctx context.Context, beside bool) (Made, error) {
	if p.HasOwner() {
		return Made{}, alreadySetUp()
	}
	var made Made
	err := p.together(ctx, func(ctx context.Context) (err error) {
		if !beside {
			if err := p.store.VoidLinks(ctx, 0, chat.At(p.now())); err != nil {
				return err
			}
		}
		made, err = p.newLink(ctx, SetupLink, 0)
		return err
	})
	return made, err
}

// MakeLink makes an agent's link for a password, its first one or, where it
// has one, the next; earlier links are void. Errors: NotFound.
func (p *People) MakeLink(ctx context.Context, by audit.By, id chat.AgentID) (Made, error) {
	var made Made
	err := p.together(ctx, func(ctx context.Context) error {
		agent, _, err := p.fromStore(ctx, id)
		if err != nil {
			return err
		}
		if agent.Disabled {
			return chat.Refuse(chat.Conflict, "this agent is disabled: enable it first")
		}
		made, err = p.makeLink(ctx, by, agent)
		return err
	})
	return made, err
}

func (p *People) makeLink(ctx context.Context, by audit.By, agent Agent) (Made, error) {
	kind := InviteLink
	if agent.PasswordHash != "" {
		kind = ResetLink
	}
	made, err := p.newLink(ctx, kind, agent.ID)
	if err != nil {
		return Made{}, err
	}
	return made, p.record(ctx, by, audit.LinkMade, 0, agent.ID, map[string]string{"kind": string(kind)})
}

func (p *People) newLink(ctx context.Context, kind LinkKind, agent chat.AgentID) (Made, error) {
	now := p.now()
	lasts := p.cfg.SetupLasts
	switch kind {
	case InviteLink:
		lasts = p.cfg.InviteLasts
	case ResetLink:
		lasts = p.cfg.ResetLasts
	}
	if kind != SetupLink {
		if err := p.store.VoidLinks(ctx, agent, chat.At(now)); err != nil {
			return Made{}, err
		}
	}
	secret, hash := NewToken()
	link := Link{ID: chat.NewID(now), Kind: kind, Agent: agent, CreatedAt: chat.At(now), ExpiresAt: chat.At(now.Add(lasts))}
	return Made{Link: link, Secret: secret}, p.store.InsertLink(ctx, link, hash)
}

// Link finds what a secret is good for, and for whom. Errors: LinkSpent.
func (p *People) Link(ctx context.Context, secret string) (Link, Agent, error) {
	hash, ok := HashToken(secret)
	if !ok {
		return Link{}, Agent{}, linkSpent()
	}
	link, err := p.store.LinkByHash(ctx, hash)
	if isNotFound(err) {
		return Link{}, Agent{}, linkSpent()
	}
	if err != nil {
		return Link{}, Agent{}, err
	}
	if link.UsedAt != 0 || !link.ExpiresAt.Time().After(p.now()) {
		return Link{}, Agent{}, linkSpent()
	}
	if link.Kind == SetupLink {
		return link, Agent{}, nil
	}
	agent, ok := p.Agent(link.Agent)
	if !ok || agent.Disabled {
		return Link{}, Agent{}, linkSpent()
	}
	return link, agent, nil
}

// NewOwner is what sets an installation up: the owner and the first site.
type NewOwner struct {
	Name, Email, Password string
	Site                  string // the first site's name; empty: make none
}

// Claim sets the installation up by the link of its start, and logs the owner
// in. Errors: LinkSpent, AlreadySetUp, FieldError, Busy.
func (p *People) Claim(ctx context.Context, secret string, n NewOwner, from From) (Entered, error) {
	link, _, err := p.Link(ctx, secret)
	if err != nil {
		return Entered{}, err
	}
	if link.Kind != SetupLink {
		return Entered{}, linkSpent()
	}
	owner, also, err := p.owner(ctx, n, from.Address)
	if err != nil {
		return Entered{}, err
	}
	entered, err := p.enter(ctx, owner, audit.LoggedIn, from, func(ctx context.Context) error {
		now := chat.At(p.now())
		if err := p.store.UseLink(ctx, link.ID, now); err != nil {
			return err
		}
		if err := p.store.VoidLinks(ctx, 0, now); err != nil { // those that other nodes printed
			return err
		}
		return also(ctx)
	})
	if err != nil {
		return Entered{}, err
	}
	entered.Agent, err = p.changed(ctx, owner.ID)
	return entered, err
}

// CreateOwner makes an owner from the command line. Where the address is an
// agent's already, it makes that one the owner and gives it the password.
// Errors: FieldError.
func (p *People) CreateOwner(ctx context.Context, n NewOwner) (Agent, error) {
	if known, ok := p.ByEmail(n.Email); ok {
		return p.restoreOwner(ctx, known, n)
	}
	owner, also, err := p.ownerBeside(ctx, n, "")
	if err != nil {
		return Agent{}, err
	}
	if err := p.together(ctx, also); err != nil {
		return Agent{}, err
	}
	return p.changed(ctx, owner.ID)
}

func (p *People) restoreOwner(ctx context.Context, agent Agent, n NewOwner) (Agent, error) {
	if err := CheckPassword(n.Password, agent.Email); err != nil {
		return Agent{}, err
	}
	hash, err := p.hasher.Hash(ctx, n.Password)
	if err != nil {
		return Agent{}, err
	}
	by := audit.By{Actor: chat.System().Ref()}
	err = p.together(ctx, func(ctx context.Context) error {
		now, _, err := p.fromStore(ctx, agent.ID)
		if err != nil {
			return err
		}
		now.Owner, now.Disabled = true, false
		if err := p.store.UpdateAgent(ctx, now); err != nil {
			return err
		}
		if err := p.record(ctx, by, audit.AgentChanged, 0, agent.ID, map[string]string{"fields": "owner disabled"}); err != nil {
			return err
		}
		_, err = p.putPassword(ctx, by, agent.ID, hash, 0)
		return err
	})
	if err != nil {
		return Agent{}, err
	}
	return p.changed(ctx, agent.ID)
}

// owner is ownerBeside for an installation that has none yet.
func (p *People) owner(ctx context.Context, n NewOwner, address string) (Agent, func(context.Context) error, error) {
	owner, also, err := p.ownerBeside(ctx, n, address)
	return owner, func(ctx context.Context) error {
		all, err := p.store.Agents(ctx)
		if err != nil {
			return err
		}
		if owners(all) > 0 {
			return alreadySetUp()
		}
		return also(ctx)
	}, err
}

// ownerBeside prepares an owner, and what stores it and the first site in the
// transaction of ctx.
func (p *People) ownerBeside(ctx context.Context, n NewOwner, address string) (Agent, func(context.Context) error, error) {
	owner, err := p.draft(n.Email, n.Name)
	if err != nil {
		return Agent{}, nil, err
	}
	if err := CheckPassword(n.Password, owner.Email); err != nil {
		return Agent{}, nil, err
	}
	draft, err := p.sites.Draft("site", n.Site)
	if err != nil && n.Site != "" {
		return Agent{}, nil, err
	}
	if owner.PasswordHash, err = p.hasher.Hash(ctx, n.Password); err != nil {
		return Agent{}, nil, err
	}
	owner.Owner = true
	by := audit.By{Actor: ref(owner), Address: address}
	return owner, func(ctx context.Context) error {
		if err := p.insert(ctx, by, owner); err != nil {
			return err
		}
		if n.Site == "" {
			return nil
		}
		if err := p.sites.Insert(ctx, by, draft); err != nil {
			return err
		}
		return p.record(ctx, by, audit.SetUp, 0, owner.ID, nil)
	}, nil
}

// UseLink gives the agent of a link its password, ends all its log-ins, and
// logs it in. Errors: LinkSpent, FieldError, Busy.
func (p *People) UseLink(ctx context.Context, secret, password string, from From) (Entered, error) {
	link, agent, err := p.Link(ctx, secret)
	if err != nil {
		return Entered{}, err
	}
	if link.Kind == SetupLink {
		return Entered{}, linkSpent()
	}
	if err := CheckPassword(password, agent.Email); err != nil {
		return Entered{}, err
	}
	hash, err := p.hasher.Hash(ctx, password)
	if err != nil {
		return Entered{}, err
	}
	by := audit.By{Actor: ref(agent), Address: from.Address}
	var revoked []int64
	entered, err := p.enter(ctx, agent, audit.LoggedIn, from, func(ctx context.Context) error {
		if err := p.store.UseLink(ctx, link.ID, chat.At(p.now())); err != nil {
			return err
		}
		if err := p.record(ctx, by, audit.LinkUsed, 0, agent.ID, map[string]string{"kind": string(link.Kind)}); err != nil {
			return err
		}
		revoked, err = p.putPassword(ctx, by, agent.ID, hash, 0)
		return err
	})
	if err != nil {
		return Entered{}, err
	}
	p.tellRevoked(agent.ID, revoked)
	return entered, p.Refresh(context.WithoutCancel(ctx))
}

func linkSpent() error {
	return chat.Refuse(LinkSpent, "this link has been used, has expired, or was replaced by a newer one: ask for a new one")
}

func alreadySetUp() error {
	return chat.Refuse(AlreadySetUp, "Kefu is set up already: log in")
}
