package identity

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// Told must know at once that somebody's rights changed; healing finds what it
// missed. Its methods do not block.
type Told interface {
	// AgentChanged: name, role, owner or disabled.
	AgentChanged(agent chat.AgentID)
	// LoginsRevoked: these log-ins of the agent are no longer valid.
	LoginsRevoked(agent chat.AgentID, logins []int64)
}

// Config bounds log-ins and passwords. A zero value means the default named beside the field.
type Config struct {
	LoginLasts    time.Duration // after its last use (30 days)
	SetupLasts    time.Duration // of a setup link (30 min)
	InviteLasts   time.Duration // (7 days)
	ResetLasts    time.Duration // (24 h)
	LoginsPerHead int           // valid log-ins of one agent (50); the longest unused goes
	HashAtOnce    int           // argon2id runs (2)
	HashWaiting   int           // and how many wait for their turn (32)
	Tries         TriesConfig
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{{&c.LoginLasts, 30 * 24 * time.Hour}, {&c.SetupLasts, 30 * time.Minute}, {&c.InviteLasts, 7 * 24 * time.Hour}, {&c.ResetLasts, 24 * time.Hour}} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	for _, d := range []struct {
		value *int
		or    int
	}{{&c.LoginsPerHead, 50}, {&c.HashAtOnce, 2}, {&c.HashWaiting, 32}} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	return c
}

// People holds this node's picture of the agents, lets them in, and changes
// them. Who may change whom is decided by its caller, except for what would
// leave the installation without an owner. Safe for concurrent use.
type People struct {
	cfg    Config
	store  Store
	audit  audit.Store
	sites  *site.Sites
	told   Told
	now    func() time.Time
	hasher *Hasher
	tries  *tries

	reading sync.Mutex // serialises Refresh
	picture atomic.Pointer[picture]
}

// New makes a service with an empty picture: Refresh fills it. told may be nil.
func New(cfg Config, store Store, trail audit.Store, sites *site.Sites, told Told, now func() time.Time) *People {
	cfg = cfg.withDefaults()
	p := &People{
		cfg: cfg, store: store, audit: trail, sites: sites, told: told, now: now,
		hasher: NewHasher(cfg.HashAtOnce, cfg.HashWaiting), tries: newTries(cfg.Tries, store),
	}
	p.picture.Store(&picture{})
	return p
}

// NewAgent is what makes an agent.
type NewAgent struct {
	Email string
	Name  string
	Owner bool
	Roles map[chat.SiteID]chat.Role
}

// Make makes an agent without a password, and the link that lets it choose
// one. Errors: FieldError, EmailTaken, NotFound for an unknown site.
func (p *People) Make(ctx context.Context, by audit.By, n NewAgent) (Agent, Made, error) {
	agent, err := p.draft(n.Email, n.Name)
	if err != nil {
		return Agent{}, Made{}, err
	}
	agent.Owner = n.Owner
	for id, role := range n.Roles {
		if err := p.checkRole(id, role); err != nil {
			return Agent{}, Made{}, err
		}
	}
	var made Made
	err = p.together(ctx, func(ctx context.Context) error {
		if err := p.insert(ctx, by, agent); err != nil {
			return err
		}
		for id, role := range n.Roles {
			if err := p.putRole(ctx, by, id, agent.ID, role); err != nil {
				return err
			}
		}
		made, err = p.makeLink(ctx, by, agent)
		return err
	})
	if err != nil {
		return Agent{}, Made{}, err
	}
	agent, err = p.changed(ctx, agent.ID)
	return agent, made, err
}

// Change is what changes of an agent; nil leaves a field as it is.
type Change struct {
	Name     *string
	Email    *string
	Owner    *bool
	Disabled *bool
}

// Change changes an agent. A disabled one loses its log-ins and links.
// Errors: FieldError, NotFound, EmailTaken, LastOwner.
func (p *People) Change(ctx context.Context, by audit.By, id chat.AgentID, c Change) (Agent, error) {
	var revoked []int64
	err := p.together(ctx, func(ctx context.Context) error {
		agent, all, err := p.fromStore(ctx, id)
		if err != nil {
			return err
		}
		was := agent
		if agent, err = c.apply(agent); err != nil {
			return err
		}
		if wasOwner := was.Owner && !was.Disabled; wasOwner && (!agent.Owner || agent.Disabled) && owners(all) < 2 {
			return chat.Refuse(LastOwner, "this is the only owner: make another one first")
		}
		if err := p.store.UpdateAgent(ctx, agent); err != nil {
			return err
		}
		if agent.Disabled && !was.Disabled {
			if revoked, err = p.revokeAll(ctx, id, 0); err != nil {
				return err
			}
		}
		return p.record(ctx, by, audit.AgentChanged, 0, id, map[string]string{"fields": c.fields()})
	})
	if err != nil {
		return Agent{}, err
	}
	p.tellRevoked(id, revoked)
	return p.changed(ctx, id)
}

func (c Change) apply(a Agent) (Agent, error) {
	var err error
	if c.Name != nil {
		if a.Name, err = site.CheckName("name", *c.Name); err != nil {
			return a, err
		}
	}
	if c.Email != nil {
		if a.Email, err = CheckEmail(*c.Email); err != nil {
			return a, err
		}
	}
	if c.Owner != nil {
		a.Owner = *c.Owner
	}
	if c.Disabled != nil {
		a.Disabled = *c.Disabled
	}
	return a, nil
}

func (c Change) fields() string {
	var s string
	add := func(changed bool, name string) {
		if changed && s != "" {
			s += " "
		}
		if changed {
			s += name
		}
	}
	add(c.Name != nil, "name")
	add(c.Email != nil, "email")
	add(c.Owner != nil, "owner")
	add(c.Disabled != nil, "disabled")
	return s
}

// SetRole gives an agent a role on a site; NoRole takes it away. Errors: NotFound.
func (p *People) SetRole(ctx context.Context, by audit.By, on chat.SiteID, id chat.AgentID, role chat.Role) (Agent, error) {
	if role != chat.NoRole {
		if err := p.checkRole(on, role); err != nil {
			return Agent{}, err
		}
	}
	err := p.together(ctx, func(ctx context.Context) error {
		agent, _, err := p.fromStore(ctx, id)
		if err != nil {
			return err
		}
		if role == chat.NoRole && agent.Roles[on] == chat.NoRole {
			return notFound()
		}
		return p.putRole(ctx, by, on, id, role)
	})
	if err != nil {
		return Agent{}, err
	}
	return p.changed(ctx, id)
}

// SetPortrait shows a picture as an agent's portrait, in place of the one before;
// the zero one: none. Errors: NotFound.
func (p *People) SetPortrait(ctx context.Context, by audit.By, id chat.AgentID, portrait chat.Picture) (Agent, error) {
	err := p.together(ctx, func(ctx context.Context) error {
		if _, _, err := p.fromStore(ctx, id); err != nil {
			return err
		}
		if err := p.store.SetPortrait(ctx, id, portrait.File); err != nil {
			return err
		}
		return p.record(ctx, by, audit.AgentChanged, 0, id, map[string]string{"fields": "portrait"})
	})
	if err != nil {
		return Agent{}, err
	}
	return p.changed(ctx, id)
}

func (p *People) checkRole(on chat.SiteID, role chat.Role) error {
	if role < chat.RoleAgent || role > chat.RoleAdmin {
		return site.Bad("role", "Choose one of agent, supervisor, admin.")
	}
	if _, ok := p.sites.ByID(on); !ok {
		return notFound()
	}
	return nil
}

func (p *People) putRole(ctx context.Context, by audit.By, on chat.SiteID, id chat.AgentID, role chat.Role) error {
	if err := p.store.SetRole(ctx, id, on, role); err != nil {
		return err
	}
	if role == chat.NoRole {
		return p.record(ctx, by, audit.RoleRemoved, on, id, nil)
	}
	return p.record(ctx, by, audit.RoleSet, on, id, map[string]string{"role": role.String()})
}

// draft is a new agent, not stored yet.
func (p *People) draft(email, name string) (Agent, error) {
	email, err := CheckEmail(email)
	if err != nil {
		return Agent{}, err
	}
	if name, err = site.CheckName("name", name); err != nil {
		return Agent{}, err
	}
	now := p.now()
	return Agent{ID: chat.AgentID(chat.NewID(now)), Email: email, Name: name, CreatedAt: chat.At(now)}, nil
}

func (p *People) insert(ctx context.Context, by audit.By, a Agent) error {
	if err := p.store.InsertAgent(ctx, a); err != nil {
		return err
	}
	return p.record(ctx, by, audit.AgentMade, 0, a.ID, map[string]string{"name": a.Name})
}

// fromStore is an agent as the transaction sees it, with all the others.
func (p *People) fromStore(ctx context.Context, id chat.AgentID) (Agent, []Agent, error) {
	all, err := p.store.Agents(ctx)
	if err != nil {
		return Agent{}, nil, fmt.Errorf("read the agents: %w", err)
	}
	for _, a := range all {
		if a.ID == id {
			return a, all, nil
		}
	}
	return Agent{}, nil, notFound()
}

func owners(all []Agent) (n int) {
	for _, a := range all {
		if a.Owner && !a.Disabled {
			n++
		}
	}
	return n
}

// changed renews the picture after a commit and tells of the change.
func (p *People) changed(ctx context.Context, id chat.AgentID) (Agent, error) {
	if err := p.Refresh(context.WithoutCancel(ctx)); err != nil {
		return Agent{}, err
	}
	if p.told != nil {
		p.told.AgentChanged(id)
	}
	a, _ := p.Agent(id)
	return a, nil
}

func (p *People) together(ctx context.Context, fn func(context.Context) error) error {
	return p.store.Together(ctx, fn)
}

func (p *People) record(ctx context.Context, by audit.By, what audit.What, on chat.SiteID, whom chat.AgentID, detail map[string]string) error {
	now := p.now()
	return p.audit.Record(ctx, audit.Entry{
		ID: chat.NewID(now), At: chat.At(now), By: by.Actor, Address: by.Address,
		What: what, Site: on, Agent: whom, Detail: detail,
	})
}

func notFound() error {
	return chat.Refuse(chat.NotFound, "there is no such thing, or it is not yours to see")
}

func isNotFound(err error) bool { return errors.Is(err, &chat.Refusal{Code: chat.NotFound}) }
