package identity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
)

// From is where a request comes from.
type From struct {
	Address string // as the audit names it
	Network string // what limits count as one: the address, or its IPv6 /64
	Browser string // the User-Agent
}

// Entered is what a log-in gives: the token for the cookie, once.
type Entered struct {
	Token string
	Login Login
	Agent Agent
}

const (
	touchAfter   = time.Hour           // a log-in's last use is written no more often
	keepEnded    = 90 * 24 * time.Hour // ended log-ins are kept for whoever asks what happened
	maxUserAgent = 300                 // bytes
)

// LogIn lets an agent in by its password. Errors: *TriesError, Busy.
func (p *People) LogIn(ctx context.Context, email, password string, from From) (Entered, error) {
	account := NormalEmail(email)
	if len(account) > maxEmail { // no such agent; what limits remember stays bounded
		account = account[:maxEmail]
	}
	agent, err := p.tryPassword(ctx, account, password, from)
	if err != nil {
		return Entered{}, err
	}
	return p.enter(ctx, agent, audit.LoggedIn, from, func(ctx context.Context) error {
		return p.stillSo(ctx, agent)
	})
}

// stillSo refuses an agent who has lost its password or its entry while it was
// let in by them: whoever ends all log-ins must end this one, too. Errors: Busy.
func (p *People) stillSo(ctx context.Context, agent Agent) error {
	now, _, err := p.fromStore(ctx, agent.ID)
	if err == nil && (now.PasswordHash != agent.PasswordHash || now.Disabled) {
		err = chat.Refuse(chat.Busy, "this agent is being changed at this moment: try again in a second")
	}
	return err
}

// tryPassword counts the try and looks at the password; an agent that does not
// exist, is disabled or has no password yet costs and looks the same.
func (p *People) tryPassword(ctx context.Context, account, password string, from From) (Agent, error) {
	left, wait, err := p.tries.take(ctx, account, from.Network)
	if err != nil {
		return Agent{}, err
	}
	if wait > 0 {
		return Agent{}, &TriesError{Wait: wait}
	}
	agent, known := p.ByEmail(account)
	right, err := p.hasher.Verify(ctx, cut(password, 4*MaxPassword), agent.PasswordHash)
	if err != nil {
		return Agent{}, errors.Join(err, p.tries.giveBack(ctx, account, from.Network))
	}
	if !right || !known || agent.Disabled {
		// Written down for unknown names too (without the name, which may be a
		// mistyped password), so that the time it takes tells nothing.
		if err := p.record(ctx, audit.By{Address: from.Address}, audit.LogInFailed, 0, agent.ID, nil); err != nil {
			return Agent{}, err
		}
		return Agent{}, &TriesError{Left: left}
	}
	return agent, p.tries.forgive(ctx, account, from.Network)
}

// enter makes a log-in in one transaction with what also belongs to it.
func (p *People) enter(ctx context.Context, agent Agent, what audit.What, from From, also func(context.Context) error) (Entered, error) {
	token, hash := NewToken()
	now := p.now()
	login := Login{
		ID: chat.NewID(now), Agent: agent.ID, CreatedAt: chat.At(now), LastUsedAt: chat.At(now),
		ExpiresAt: chat.At(now.Add(p.cfg.LoginLasts)), Address: from.Address,
		UserAgent: strings.ToValidUTF8(cut(from.Browser, maxUserAgent), ""),
	}
	var pushedOut []int64
	err := p.together(ctx, func(ctx context.Context) error {
		if also != nil {
			if err := also(ctx); err != nil {
				return err
			}
		}
		if _, _, err := p.fromStore(ctx, agent.ID); err != nil {
			return err
		}
		var err error
		if pushedOut, err = p.makeRoom(ctx, agent.ID, now); err != nil {
			return err
		}
		if err := p.store.InsertLogin(ctx, login, hash); err != nil {
			return err
		}
		return p.record(ctx, audit.By{Actor: ref(agent), Address: from.Address}, what, 0, agent.ID, nil)
	})
	if err != nil {
		return Entered{}, err
	}
	p.tellRevoked(agent.ID, pushedOut)
	return Entered{Token: token, Login: login, Agent: agent}, nil
}

// makeRoom revokes the longest unused log-ins beyond what an agent may have,
// and forgets those that ended long ago.
func (p *People) makeRoom(ctx context.Context, agent chat.AgentID, now time.Time) ([]int64, error) {
	if err := p.store.ForgetLogins(ctx, chat.At(now.Add(-keepEnded))); err != nil {
		return nil, err
	}
	valid, err := p.store.Logins(ctx, agent, chat.At(now))
	if err != nil || len(valid) < p.cfg.LoginsPerHead {
		return nil, err
	}
	return p.store.RevokeLogins(ctx, agent, ids(valid[p.cfg.LoginsPerHead-1:]), chat.At(now))
}

// Authenticate finds whom a cookie's token belongs to. renewed tells that the
// log-in now lasts longer, so that the cookie should too. Errors: NotLoggedIn.
func (p *People) Authenticate(ctx context.Context, token string) (login Login, agent Agent, renewed bool, err error) {
	no := chat.Refuse(NotLoggedIn, "you are not logged in, or your log-in has ended: log in")
	hash, ok := HashToken(token)
	if !ok {
		return Login{}, Agent{}, false, no
	}
	login, err = p.store.LoginByHash(ctx, hash)
	if isNotFound(err) {
		return Login{}, Agent{}, false, no
	}
	if err != nil {
		return Login{}, Agent{}, false, err
	}
	agent, known := p.Agent(login.Agent)
	now := p.now()
	if !known || agent.Disabled || login.RevokedAt != 0 || !login.ExpiresAt.Time().After(now) {
		return Login{}, Agent{}, false, no
	}
	if now.Sub(login.LastUsedAt.Time()) < touchAfter {
		return login, agent, false, nil
	}
	login.LastUsedAt, login.ExpiresAt = chat.At(now), chat.At(now.Add(p.cfg.LoginLasts))
	return login, agent, true, p.store.TouchLogin(ctx, login)
}

// Logins are the agent's valid log-ins, last used first.
func (p *People) Logins(ctx context.Context, agent chat.AgentID) ([]Login, error) {
	return p.store.Logins(ctx, agent, chat.At(p.now()))
}

// LogOut ends a log-in.
func (p *People) LogOut(ctx context.Context, by audit.By, l Login) error {
	return p.revoke(ctx, by, audit.LoggedOut, l.Agent, func(context.Context) ([]int64, error) { return []int64{l.ID}, nil })
}

// Revoke ends one of the agent's log-ins. Errors: NotFound.
func (p *People) Revoke(ctx context.Context, by audit.By, agent chat.AgentID, id int64) error {
	return p.revoke(ctx, by, audit.LogInRevoked, agent, func(ctx context.Context) ([]int64, error) {
		valid, err := p.Logins(ctx, agent)
		if err == nil && !slices.Contains(ids(valid), id) {
			err = notFound()
		}
		return []int64{id}, err
	})
}

// RevokeOthers ends all of the agent's log-ins but one; keep 0 ends all.
func (p *People) RevokeOthers(ctx context.Context, by audit.By, agent chat.AgentID, keep int64) error {
	return p.revoke(ctx, by, audit.LogInRevoked, agent, func(ctx context.Context) ([]int64, error) {
		valid, err := p.Logins(ctx, agent)
		return slices.DeleteFunc(ids(valid), func(id int64) bool { return id == keep }), err
	})
}

func (p *People) revoke(ctx context.Context, by audit.By, what audit.What, agent chat.AgentID, which func(context.Context) ([]int64, error)) error {
	var revoked []int64
	err := p.together(ctx, func(ctx context.Context) error {
		chosen, err := which(ctx)
		if err != nil {
			return err
		}
		if revoked, err = p.store.RevokeLogins(ctx, agent, chosen, chat.At(p.now())); err != nil || len(revoked) == 0 {
			return err
		}
		return p.record(ctx, by, what, 0, agent, nil)
	})
	if err != nil {
		return err
	}
	p.tellRevoked(agent, revoked)
	return nil
}

// revokeAll ends all of an agent's log-ins but one (0: none is kept) and its
// unused links, in the transaction of ctx.
func (p *People) revokeAll(ctx context.Context, agent chat.AgentID, keep int64) ([]int64, error) {
	now := chat.At(p.now())
	if err := p.store.VoidLinks(ctx, agent, now); err != nil {
		return nil, err
	}
	valid, err := p.store.Logins(ctx, agent, now)
	if err != nil {
		return nil, err
	}
	return p.store.RevokeLogins(ctx, agent, slices.DeleteFunc(ids(valid), func(id int64) bool { return id == keep }), now)
}

// ChangePassword gives the agent a new password and ends its other log-ins. A
// wrong old one counts as at the door. Errors: FieldError, *TriesError, Busy.
func (p *People) ChangePassword(ctx context.Context, l Login, oldPassword, newPassword string, from From) error {
	agent, ok := p.Agent(l.Agent)
	if !ok {
		return notFound()
	}
	if err := CheckPassword(newPassword, agent.Email); err != nil {
		return err
	}
	if _, err := p.tryPassword(ctx, agent.Email, oldPassword, from); err != nil {
		return err
	}
	return p.setPassword(ctx, audit.By{Actor: ref(agent), Address: from.Address}, agent.ID, newPassword, l.ID)
}

func (p *People) setPassword(ctx context.Context, by audit.By, id chat.AgentID, password string, keep int64) error {
	hash, err := p.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	var revoked []int64
	err = p.together(ctx, func(ctx context.Context) error {
		revoked, err = p.putPassword(ctx, by, id, hash, keep)
		return err
	})
	if err != nil {
		return err
	}
	p.tellRevoked(id, revoked)
	return p.Refresh(context.WithoutCancel(ctx))
}

// putPassword writes a password's hash and ends the log-ins that the old one
// let in, in the transaction of ctx.
func (p *People) putPassword(ctx context.Context, by audit.By, id chat.AgentID, hash string, keep int64) ([]int64, error) {
	agent, _, err := p.fromStore(ctx, id)
	if err != nil {
		return nil, err
	}
	agent.PasswordHash = hash
	if err := p.store.UpdateAgent(ctx, agent); err != nil {
		return nil, err
	}
	revoked, err := p.revokeAll(ctx, id, keep)
	if err != nil {
		return nil, err
	}
	return revoked, p.record(ctx, by, audit.PasswordChanged, 0, id, nil)
}

func (p *People) tellRevoked(agent chat.AgentID, logins []int64) {
	if p.told != nil && len(logins) > 0 {
		p.told.LoginsRevoked(agent, logins)
	}
}

func ref(a Agent) chat.ActorRef {
	return chat.ActorRef{Kind: chat.AgentActor, ID: int64(a.ID), Name: a.Name}
}

func ids(logins []Login) []int64 {
	list := make([]int64, len(logins))
	for i, l := range logins {
		list[i] = l.ID
	}
	return list
}

func cut(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
